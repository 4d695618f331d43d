package settlement

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// A textCheck is a Writer that finds out how a file is encoded while it is
// copied. Its zero value is ready.
type textCheck struct {
	size     int64
	lines    lineCount
	utf8     runeCheck
	cp949    hangulCheck
	utf16    *unitCheck // nil unless the file begins as UTF-16 does
	nul      int        // the first line with a NUL; 0 when there is none
	badUTF8  int        // the first line that is not UTF-8; 0 when there is none
	badCP949 bool
	head     []byte
}

// Write implements io.Writer. It never fails.
func (c *textCheck) Write(p []byte) (int, error) {
	for _, b := range p {
		c.size++
		if c.utf16 != nil {
			c.utf16.look(b)
			continue
		}
		c.look(b)
	}
	return len(p), nil
}

func (c *textCheck) look(b byte) {
	if len(c.head) < 3 {
		c.head = append(c.head, b)
	}
	if c.size == 2 && (string(c.head) == "\xff\xfe" || string(c.head) == "\xfe\xff") {
		c.utf16 = &unitCheck{big: c.head[0] == 0xfe}
		return
	}
	line := c.lines.next(b == '\r', b == '\n')
	if b == 0 && c.nul == 0 {
		c.nul = line
	}
	if !c.utf8.accepts(b) && c.badUTF8 == 0 {
		c.badUTF8 = line
	}
	c.badCP949 = !c.cp949.accepts(b) || c.badCP949
}

// encoding names the encoding of the whole file: "UTF-16" when its mark says so,
// "UTF-8", or "CP949" when it surely is neither and may well be CP949. It returns a
// *Rejection for anything else.
func (c *textCheck) encoding() (string, error) {
	if !c.utf8.complete() && c.badUTF8 == 0 {
		c.badUTF8 = c.lines.line()
	}
	switch {
	case c.size == 0:
		return "", reject(1, "the file is empty")
	case c.utf16 != nil:
		return "UTF-16", c.utf16.refuse()
	case c.nul > 0:
		return "", reject(c.nul, "the file holds a NUL byte")
	case c.badUTF8 == 0:
		return "UTF-8", nil
	case c.badCP949 || !c.cp949.complete() || bytes.HasPrefix(c.head, []byte("\ufeff")):
		return "", reject(c.badUTF8, "the file is neither UTF-8 nor CP949")
	}
	return "CP949", nil
}

// A lineCount counts lines that end with LF, CR LF or CR.
type lineCount struct {
	ended   int
	afterCR bool
}

// line is the number of the line that is being read, from 1.
func (c *lineCount) line() int { return c.ended + 1 }

// next returns the line of the next character, which may be CR or LF.
func (c *lineCount) next(isCR, isLF bool) int {
	line := c.line()
	if isCR || (isLF && !c.afterCR) {
		c.ended++
	}
	c.afterCR = isCR
	return line
}

// A unitCheck looks at UTF-16 byte by byte, after its mark.
type unitCheck struct {
	big       bool // the high byte comes first
	partial   rune // the byte before, when half
	half      bool // a unit is half read
	surrogate bool // the unit before needs a second
	lines     lineCount
	nul, bad  int // the first line with a NUL, or half a character; 0 when there is none
	looked    bool
}

func (c *unitCheck) look(b byte) {
	c.looked = true
	if c.half = !c.half; c.half {
		c.partial = rune(b)
		return
	}
	unit := c.partial | rune(b)<<8
	if c.big {
		unit = c.partial<<8 | rune(b)
	}
	line := c.lines.next(unit == '\r', unit == '\n')
	isSecond := unit >= 0xdc00 && unit <= 0xdfff
	if c.surrogate != isSecond && c.bad == 0 {
		c.bad = line
	}
	c.surrogate = unit >= 0xd800 && unit <= 0xdbff
	if unit == 0 && c.nul == 0 {
		c.nul = line
	}
}

// refuse returns a *Rejection unless what was looked at is whole UTF-16.
func (c *unitCheck) refuse() error {
	switch {
	case !c.looked:
		return reject(1, "the file is empty")
	case c.nul > 0:
		return reject(c.nul, "the file holds a NUL character")
	case c.half || c.surrogate:
		return reject(c.lines.line(), "the file ends in the middle of a character")
	case c.bad > 0:
		return reject(c.bad, "the file begins as UTF-16, and is none")
	}
	return nil
}

// A runeCheck accepts UTF-8 byte by byte.
type runeCheck struct {
	partial [utf8.UTFMax]byte
	n       int
}

func (c *runeCheck) accepts(b byte) bool {
	if c.n == 0 && b < utf8.RuneSelf {
		return true
	}
	c.partial[c.n] = b
	c.n++
	if !utf8.FullRune(c.partial[:c.n]) {
		return true
	}
	r, size := utf8.DecodeRune(c.partial[:c.n])
	whole := size == c.n && (r != utf8.RuneError || size > 1)
	c.n = 0
	return whole
}

func (c *runeCheck) complete() bool { return c.n == 0 }

// A hangulCheck accepts CP949 byte by byte: ASCII, or a lead byte and a trail
// byte. Whether the pair means a character is found out by decoding.
type hangulCheck struct{ lead bool }

func (c *hangulCheck) accepts(b byte) bool {
	if c.lead {
		c.lead = false
		return (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z') || (b >= 0x81 && b <= 0xfe)
	}
	c.lead = b >= 0x81 && b <= 0xfe
	return b < 0x80 || c.lead
}

func (c *hangulCheck) complete() bool { return !c.lead }

// decodeText reads body as UTF-8 without a byte order mark.
func decodeText(encoding string, body io.Reader) io.Reader {
	switch encoding {
	case "CP949":
		return transform.NewReader(body, korean.EUCKR.NewDecoder())
	case "UTF-16":
		return transform.NewReader(body, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder())
	}
	buffered := bufio.NewReader(body)
	if head, err := buffered.Peek(3); err == nil && string(head) == "\ufeff" {
		_, _ = buffered.Discard(3) // they were peeked at
	}
	return buffered
}

// A lineReader reads lines, each in bounded memory. They end as the first one does:
// with CR, or with LF, before which any number of CR is dropped.
type lineReader struct {
	buffered *bufio.Reader
	line     int  // the number of the line read last, from 1
	end      byte // CR or LF; zero before the first line
}

// errLongLine says that a line is over the limit.
var errLongLine = fmt.Errorf("the line is longer than %d bytes", maxRow)

func newLineReader(body io.Reader) *lineReader {
	return &lineReader{buffered: bufio.NewReaderSize(body, maxRow)}
}

// next returns a line without its end, and whether it had one. It returns
// io.EOF after the last, and the beginning of a line over the limit with errLongLine.
func (r *lineReader) next() (text string, ended bool, err error) {
	if r.end == 0 {
		r.end = r.firstEnd()
	}
	slice, err := r.buffered.ReadSlice(r.end)
	if len(slice) == 0 && err != nil {
		return "", false, err
	}
	r.line++
	text = r.trimEnd(slice)
	if !errors.Is(err, bufio.ErrBufferFull) {
		if errors.Is(err, io.EOF) {
			return string(slice), false, nil
		}
		return text, true, r.dropLF(err)
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.buffered.ReadSlice(r.end)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, err
	}
	ended = err == nil
	return text, ended, cmp.Or(r.dropLF(nil), errLongLine)
}

// firstEnd is how the first line ends: with CR alone, or with LF.
func (r *lineReader) firstEnd() byte {
	head, _ := r.buffered.Peek(maxRow) // an error is met again by whoever reads
	at := bytes.IndexAny(head, "\r\n")
	if at < 0 || bytes.HasPrefix(bytes.TrimLeft(head[at:], "\r"), []byte("\n")) {
		return '\n'
	}
	return '\r'
}

// trimEnd takes the end off a line.
func (r *lineReader) trimEnd(line []byte) string {
	line = bytes.TrimSuffix(line, []byte{r.end})
	if r.end == '\n' {
		line = bytes.TrimRight(line, "\r")
	}
	return string(line)
}

// dropLF drops the LF of a CR LF in a file whose lines end with CR. It returns err,
// or else why it could not.
func (r *lineReader) dropLF(err error) error {
	if r.end != '\r' || err != nil {
		return err
	}
	next, err := r.buffered.Peek(1)
	if err == nil && next[0] == '\n' {
		_, err = r.buffered.Discard(1)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

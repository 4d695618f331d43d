package settlement

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/transform"
)

// A textCheck is a Writer that finds out how a file is encoded while it is
// copied. Its zero value is ready.
type textCheck struct {
	size     int64
	line     int // of the byte looked at, less one
	utf8     runeCheck
	cp949    hangulCheck
	nul      int // the first line with a NUL; 0 when there is none
	badUTF8  int // the first line that is not UTF-8; 0 when there is none
	badCP949 bool
	head     []byte
}

// Write implements io.Writer. It never fails.
func (c *textCheck) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	if missing := 4 - len(c.head); missing > 0 {
		c.head = append(c.head, p[:min(missing, len(p))]...)
	}
	for _, b := range p {
		c.look(b)
	}
	return len(p), nil
}

func (c *textCheck) look(b byte) {
	if b == 0 && c.nul == 0 {
		c.nul = c.line + 1
	}
	if !c.utf8.accepts(b) && c.badUTF8 == 0 {
		c.badUTF8 = c.line + 1
	}
	c.badCP949 = !c.cp949.accepts(b) || c.badCP949
	if b == '\n' {
		c.line++
	}
}

// encoding names the encoding of the whole file: "UTF-8", or "CP949" when it
// surely is no UTF-8 and may well be CP949. It returns a *Rejection for anything else.
func (c *textCheck) encoding() (string, error) {
	if !c.utf8.complete() && c.badUTF8 == 0 {
		c.badUTF8 = c.line + 1
	}
	switch {
	case c.size == 0:
		return "", reject(1, "the file is empty")
	case bytes.HasPrefix(c.head, []byte{0xff, 0xfe}), bytes.HasPrefix(c.head, []byte{0xfe, 0xff}):
		return "", reject(1, "the file is UTF-16; save it as UTF-8")
	case c.nul > 0:
		return "", reject(c.nul, "the file holds a NUL byte")
	case c.badUTF8 == 0:
		return "UTF-8", nil
	case c.badCP949 || !c.cp949.complete() || bytes.HasPrefix(c.head, []byte("\ufeff")):
		return "", reject(c.badUTF8, "the file is neither UTF-8 nor CP949")
	}
	return "CP949", nil
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
	if encoding == "CP949" {
		return transform.NewReader(body, korean.EUCKR.NewDecoder())
	}
	buffered := bufio.NewReader(body)
	if head, err := buffered.Peek(3); err == nil && string(head) == "\ufeff" {
		_, _ = buffered.Discard(3) // they were peeked at
	}
	return buffered
}

// A lineReader reads lines, each in bounded memory.
type lineReader struct {
	buffered *bufio.Reader
	line     int // the number of the line read last, from 1
}

// errLongLine says that a line is over the limit.
var errLongLine = fmt.Errorf("the line is longer than %d bytes", maxRow)

func newLineReader(body io.Reader) *lineReader {
	return &lineReader{buffered: bufio.NewReaderSize(body, maxRow)}
}

// next returns a line without its end, and whether it had one. It returns
// io.EOF after the last, and the beginning of a line over the limit with errLongLine.
func (r *lineReader) next() (text string, ended bool, err error) {
	slice, err := r.buffered.ReadSlice('\n')
	if len(slice) == 0 && err != nil {
		return "", false, err
	}
	r.line++
	text = string(bytes.TrimSuffix(bytes.TrimSuffix(slice, []byte("\n")), []byte("\r")))
	if !errors.Is(err, bufio.ErrBufferFull) {
		if errors.Is(err, io.EOF) {
			return string(slice), false, nil
		}
		return text, true, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.buffered.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, err
	}
	return text, err == nil, errLongLine
}

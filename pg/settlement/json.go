package settlement

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"payment-system/shop"
)

// A rowStream walks a JSON document token by token and value by value, and keeps
// no more of it in memory than one value, which has a limit.
type rowStream struct {
	*json.Decoder
	source *countingReader
	rows   int
}

func newRowStream(body io.Reader) *rowStream {
	s := &rowStream{source: &countingReader{body: body}}
	s.Decoder = json.NewDecoder(s.source)
	s.source.settled = s.InputOffset
	return s
}

// A countingReader refuses to read far ahead of what was decoded, so that one
// huge value cannot fill the memory. It counts the lines for rejections.
type countingReader struct {
	body    io.Reader
	settled func() int64 // how far decoding has come
	read    int64
	lines   int
}

// errHugeValue says that a value of the document is over the limit.
var errHugeValue = fmt.Errorf("a row is longer than %d bytes", maxRow)

// Read implements io.Reader.
func (r *countingReader) Read(p []byte) (int, error) {
	// The decoder reads ahead as much as it holds already, hence the factor.
	if r.read-r.settled() > 4*maxRow {
		return 0, errHugeValue
	}
	n, err := r.body.Read(p)
	r.read += int64(n)
	r.lines += bytes.Count(p[:n], []byte("\n"))
	return n, err
}

// refuse says why the document cannot be believed. What the reader could not
// read is returned as it is.
func (s *rowStream) refuse(err error) error {
	var known *Rejection
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, errHugeValue):
		return reject(s.source.lines+1, "%v", errHugeValue)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return reject(s.source.lines+1, "the file ends in the middle")
	case errors.As(err, &syntax):
		return reject(s.source.lines+1, "the file is not JSON: %v", syntax)
	}
	return fmt.Errorf("read the settlement file: %w", err)
}

// open consumes the delimiter that must come next.
func (s *rowStream) open(delimiter json.Delim, what string) error {
	token, err := s.Token()
	if err != nil {
		return s.refuse(err)
	}
	if token != delimiter {
		return reject(s.source.lines+1, "%s", what)
	}
	return nil
}

// row reads the next element of the array.
func (s *rowStream) row() (json.RawMessage, error) {
	var raw json.RawMessage
	if err := s.Decode(&raw); err != nil {
		return nil, s.refuse(err)
	}
	s.rows++
	if len(raw) > maxRow {
		return nil, reject(s.source.lines+1, "%v", errHugeValue)
	}
	return raw, nil
}

// end makes sure that nothing follows the document.
func (s *rowStream) end() error {
	_, err := s.Token()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return s.refuse(err)
	}
	return reject(s.source.lines+1, "something follows the document")
}

// compact writes a row on one line, as it is kept.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

// A signedWon is an amount in JSON: digits, with a minus in front for what goes
// back. Set reports whether it was there.
type signedWon struct {
	Won shop.Won // never over MaxWon, nor under its negative
	Set bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (w *signedWon) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	digits, negative := strings.CutPrefix(string(text), "-")
	won, err := parseWon(digits)
	if err != nil {
		return fmt.Errorf("%s %w", clipText(string(text)), err)
	}
	w.Won, w.Set = won, true
	if negative {
		w.Won = -won
	}
	return nil
}

// A looseWon is a signedWon that may stand in quotes, as Toss's own guide has it.
type looseWon signedWon

// UnmarshalJSON implements json.Unmarshaler.
func (w *looseWon) UnmarshalJSON(text []byte) error {
	if unquoted, err := strconv.Unquote(string(text)); err == nil {
		text = []byte(unquoted)
	}
	return (*signedWon)(w).UnmarshalJSON(text)
}

func clipText(text string) string {
	if len(text) > 40 {
		return strings.ToValidUTF8(text[:40], "") + "…"
	}
	return text
}

// jsonReason says in a sentence's words why a row cannot be read.
func jsonReason(err error) string {
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("%s is a %s", kind.Field, kind.Value)
	}
	return err.Error()
}

// unsigned is the amount without its sign.
func (w signedWon) unsigned() shop.Won { return max(w.Won, -w.Won) }

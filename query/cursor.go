package query

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
	"unicode/utf8"

	"payment-system/shop"
)

// maxCursor is how long a cursor can be: a name of 255 characters, and an id.
const maxCursor = 2048

var errCursor = errors.New("the cursor is not of this list")

// encodeCursor names a place in a list: the list's tag, then the value of each
// column it is sorted by. It is opaque to clients.
func encodeCursor(l *list, values []any) string {
	b := []byte{l.tag}
	for _, value := range values {
		switch v := value.(type) {
		case string:
			b = binary.AppendUvarint(b, uint64(len(v)))
			b = append(b, v...)
		case int64:
			b = binary.AppendVarint(b, v)
		case time.Time:
			b = binary.AppendVarint(b, v.UnixMicro())
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeCursor reads what encodeCursor wrote for the same list and order.
func decodeCursor(l *list, cursor string) ([]any, error) {
	if len(cursor) > maxCursor {
		return nil, errCursor
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) == 0 || b[0] != l.tag {
		return nil, errCursor
	}
	b = b[1:]
	values := make([]any, len(l.columns))
	for i, column := range l.columns {
		var n int
		if values[i], n = column.kind.read(b); n <= 0 {
			return nil, errCursor
		}
		b = b[n:]
	}
	id, _ := values[len(values)-1].(string)
	if len(b) > 0 || shop.IDPrefix(id) != l.prefix {
		return nil, errCursor
	}
	return values, nil
}

// A kind is what a column holds.
type kind byte

const (
	kindString kind = iota
	kindInt
	kindTime
)

// earliest and latest bound the times that a cursor may hold, in microseconds:
// the years that the database knows.
var (
	earliest = time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()
)

// read reads a value off the front of b and returns how many bytes it took, or 0.
func (k kind) read(b []byte) (any, int) {
	if k == kindString {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) || !utf8.Valid(b[n:n+int(size)]) {
			return nil, 0
		}
		return string(b[n : n+int(size)]), n + int(size)
	}
	v, n := binary.Varint(b)
	if k == kindInt || n <= 0 {
		return v, n
	}
	if v < earliest || v > latest {
		return nil, 0
	}
	return time.UnixMicro(v).UTC(), n
}

// dest returns what rows.Scan fills for a column of this kind, and how to read it.
func (k kind) dest() (dest any, value func() any) {
	switch k {
	case kindInt:
		v := new(int64)
		return v, func() any { return *v }
	case kindTime:
		v := new(time.Time)
		return v, func() any { return *v }
	default:
		v := new(string)
		return v, func() any { return *v }
	}
}

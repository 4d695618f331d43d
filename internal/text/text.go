// Package text says which characters columns and clients take.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsASCII reports whether s can be compared with an ASCII column: the database
// refuses to look for anything else.
func IsASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// Clip cuts s to at most n characters.
func Clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

// ClipOrNil is s cut to n characters, nil when it is empty.
func ClipOrNil(s string, n int) *string {
	if s == "" {
		return nil
	}
	s = Clip(s, n)
	return &s
}

// IsUnprintable reports whether a character may not be in a line of text: control
// characters, and what decoders put in the place of half a surrogate pair.
func IsUnprintable(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }

// IsOddInLine refuses what is no character, half a surrogate pair among them, and
// what begins another line.
func IsOddInLine(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError || unicode.In(r, unicode.Zl, unicode.Zp)
}

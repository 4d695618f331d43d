package command

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"payment-system/internal/text"
)

// isLine reports whether s is a line of text of least to most characters.
func isLine(s string, least, most int) bool {
	n := utf8.RuneCountInString(s)
	return utf8.ValidString(s) && n >= least && n <= most && !strings.ContainsFunc(s, text.IsOddInLine)
}

func isControlInText(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' || r == utf8.RuneError
}

// printable is what of s, which a browser carried, can be kept: at most n
// characters, and no others than text.
func printable(s string, n int) string {
	return text.Clip(strings.Map(func(r rune) rune {
		if text.IsUnprintable(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s), n)
}

func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

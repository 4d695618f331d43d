package command

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// isLine reports whether s is a line of text of least to most characters.
func isLine(s string, least, most int) bool {
	n := utf8.RuneCountInString(s)
	return utf8.ValidString(s) && n >= least && n <= most && !strings.ContainsFunc(s, isOddInLine)
}

// isOddInLine refuses what is no character, half a surrogate pair among them, and
// what begins another line.
func isOddInLine(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError || unicode.In(r, unicode.Zl, unicode.Zp)
}

func isControlInText(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' || r == utf8.RuneError
}

// unprintable reports whether a character may not be in a line of text: control
// characters, and what decoders put in the place of half a surrogate pair.
func unprintable(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }

// printable is what of s, which a browser carried, can be kept: at most n
// characters, and no others than text.
func printable(s string, n int) string {
	return clip(strings.Map(func(r rune) rune {
		if unprintable(r) || r == utf8.RuneError {
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

// isASCII reports whether s can be compared with an ASCII column: the database
// refuses to look for anything else.
func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// clip cuts s to at most n characters.
func clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

// clipped is s cut to n characters, nil when it is empty.
func clipped(s string, n int) *string {
	if s == "" {
		return nil
	}
	s = clip(s, n)
	return &s
}

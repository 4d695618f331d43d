package views_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"payment-system/internal/views"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, description, want string }{
		{"ＧＲＥＥＮ Tea", "Straße", "green tea\nstrasse"},
		{"\u1102\u1169\u11a8\u110e\u1161", "", "녹차\n"},
		{"차🍵\ufe0f", "a\u200bb", "차🍵\nab"},
	} {
		if got := views.Words(test.name, test.description); got != test.want {
			t.Errorf("Words(%q, %q) = %q, want %q", test.name, test.description, got, test.want)
		}
	}
	long := views.Words("차", strings.Repeat("가", 10_000)+"끝")
	if !strings.HasSuffix(long, "끝") {
		t.Error("the end of a long description is lost")
	}
	if n := utf8.RuneCountInString(views.Words("", strings.Repeat("ﷺ", 10_000))); n != 20_000 {
		t.Errorf("what is folded to very much has %d characters", n)
	}
}

func TestSearchWords(t *testing.T) {
	t.Parallel()
	for search, want := range map[string][]string{
		"":                     nil,
		" \t　\n":               nil,
		"녹차":                   {"녹차"},
		"tea GREEN ｔｅａ te 80g": {"green", "tea", "80g"},
		"차 차":                  {"차"},
		"%_ '":                 {"%_", "'"},
	} {
		if diff := cmp.Diff(want, views.SearchWords(search)); diff != "" {
			t.Errorf("%q, -want +got:\n%s", search, diff)
		}
	}
}

func TestGrams(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"0g", "80", "g", "녹차", "차"}, views.Grams("녹차 80g\n녹차")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ab", "bc"}, views.WordGrams("abc")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := views.WordGrams("a"); len(got) != 0 {
		t.Errorf("one character has %q", got)
	}
}

// Proves: the index names every product that a search finds.
func TestGrams_areEnough(t *testing.T) {
	t.Parallel()
	letters := rapid.StringOfN(rapid.RuneFrom([]rune("ab가나 🍵\n%")), 0, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		text := views.Words(letters.Draw(t, "name"), letters.Draw(t, "description"))
		grams := views.Grams(text)
		for _, word := range views.SearchWords(letters.Draw(t, "search")) {
			if !strings.Contains(text, word) {
				continue
			}
			first, _ := utf8.DecodeRuneInString(word)
			if !slices.ContainsFunc(grams, func(gram string) bool { return strings.HasPrefix(gram, string(first)) }) {
				t.Errorf("no gram of %q begins as %q does", text, word)
			}
			for _, gram := range views.WordGrams(word) {
				if _, ok := slices.BinarySearch(grams, gram); !ok {
					t.Errorf("%q has no gram %q of %q", text, gram, word)
				}
			}
		}
	})
}

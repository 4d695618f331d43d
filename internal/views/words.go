package views

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	// maxWords is how many characters of a product's folded text can be searched for.
	maxWords = 20_000
	// gramLength is how many characters a gram has, unless its word ends before.
	gramLength = 2
)

// Words folds what a search for products looks through, the name and, in another line, the
// description, as SearchWords folds what is searched for.
func Words(name, description string) string {
	return clip(foldWords(name)+"\n"+foldWords(description), maxWords)
}

// SearchWords returns the words of a search, folded: a product is found when its Words
// contain each of them, wherever. Words that are in another one are left out, and the
// longest comes first. A search without a word is for everything.
func SearchWords(search string) []string {
	var words []string
	folded := strings.Fields(foldWords(search))
	slices.SortStableFunc(folded, func(a, b string) int { return len(b) - len(a) })
	for _, word := range folded {
		if !slices.ContainsFunc(words, func(longer string) bool { return strings.Contains(longer, word) }) {
			words = append(words, word)
		}
	}
	return words
}

// foldWords makes compatible forms one, and leaves out case and what has no form of its own.
func foldWords(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) {
			return -1
		}
		return r
	}, fold(text))
}

// fold makes compatible forms one (NFKC), and leaves out case.
func fold(text string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(text)))
}

// Grams returns the parts that folded text is found by, each once and in order: two
// characters from each place in a word, and the last one alone. So a gram begins
// with each character that the text has.
func Grams(text string) []string {
	var grams []string
	for word := range strings.FieldsSeq(text) {
		for from := range word {
			grams = append(grams, word[from:from+prefixLength(word[from:], gramLength)])
		}
	}
	slices.Sort(grams)
	return slices.Compact(grams)
}

// WordGrams returns the grams that all text has that contains the word: none for a word of
// one character.
func WordGrams(word string) []string {
	return slices.DeleteFunc(Grams(word), func(gram string) bool { return utf8.RuneCountInString(gram) < gramLength })
}

// prefixLength returns how many bytes the first n characters of text have.
func prefixLength(text string, n int) int {
	for i := range text {
		if n == 0 {
			return i
		}
		n--
	}
	return len(text)
}

func clip(text string, n int) string { return text[:prefixLength(text, n)] }

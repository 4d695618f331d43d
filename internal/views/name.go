package views

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxNameKey is how many characters product_views.name_key holds.
const maxNameKey = 255

// NameKey folds a product's name for search and order: compatible forms become
// one (NFKC), case and the space around do not count.
func NameKey(name string) string {
	key := norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))
	runes := []rune(strings.TrimSpace(key))
	return string(runes[:min(len(runes), maxNameKey)])
}

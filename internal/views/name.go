package views

import "strings"

// maxNameKey is how many characters product_views.name_key holds.
const maxNameKey = 255

// NameKey folds a product's name for search and order: compatible forms become
// one (NFKC), case and the space around do not count.
func NameKey(name string) string {
	return clip(strings.TrimSpace(fold(name)), maxNameKey)
}

package command

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"payment-system/shop"
)

const (
	maxNameLength        = 200
	maxDescriptionLength = 10_000
	maxReasonLength      = 200
	maxCategoryLength    = 100
	maxImageURLLength    = 2_000
)

// checkName returns the name of a product as it is kept: trimmed and composed.
func checkName(name string) (string, error) {
	name = norm.NFC.String(strings.TrimSpace(name))
	if !isLine(name, 1, maxNameLength) {
		return "", shop.InvalidField("name", "The name must have 1 to 200 characters, in one line.")
	}
	return name, nil
}

func checkDescription(description string) (string, error) {
	description = norm.NFC.String(description)
	if !utf8.ValidString(description) || utf8.RuneCountInString(description) > maxDescriptionLength ||
		strings.ContainsFunc(description, isControlInText) {
		return "", shop.InvalidField("description",
			"The description must have at most 10,000 characters and no control characters but new lines and tabs.")
	}
	return description, nil
}

// checkCategory returns the category of a product as it is kept; it may be empty.
func checkCategory(category string) (string, error) {
	category = norm.NFC.String(strings.TrimSpace(category))
	if !isLine(category, 0, maxCategoryLength) {
		return "", shop.InvalidField("category", "The category must have at most 100 characters, in one line.")
	}
	return category, nil
}

// checkImageURL returns the address of an image as it is kept, escaped; it may be empty.
// Where origin is one, the address must be under it.
func checkImageURL(text, origin string) (string, error) {
	if text = strings.TrimSpace(text); text == "" {
		return "", nil
	}
	address, err := url.Parse(text)
	if err != nil || (address.Scheme != "https" && address.Scheme != "http") || address.Hostname() == "" ||
		address.User != nil || strings.ContainsFunc(text, isOddInAddress) {
		return "", shop.InvalidField("imageUrl", "The image must be an address that begins with https:// or http://.")
	}
	kept := address.String()
	if len(kept) > maxImageURLLength {
		return "", shop.InvalidField("imageUrl", "The address of the image must have at most 2,000 characters.")
	}
	if origin != "" && !strings.EqualFold(address.Scheme+"://"+address.Host, origin) {
		return "", shop.InvalidField("imageUrl", "The image must be under "+origin+".")
	}
	return kept, nil
}

// isOddInAddress reports whether browsers read a character of an address otherwise than Go does.
func isOddInAddress(r rune) bool {
	return r == '\\' || r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r)
}

func checkPrice(price shop.Won) error {
	if price < 0 || price > shop.MaxWon {
		return shop.InvalidField("price", "The price must be from 0 to 9007199254740991 won.")
	}
	return nil
}

package command

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"payment-system/shop"
)

const (
	maxNameLength        = 200
	maxDescriptionLength = 10_000
	maxReasonLength      = 200
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

func checkPrice(price shop.Won) error {
	if price < 0 || price > shop.MaxWon {
		return shop.InvalidField("price", "The price must be from 0 to 9007199254740991 won.")
	}
	return nil
}

// Package shop holds the nouns of the business and the rules they live by:
// orders, payments, stock, settlements, events and money. It imports nothing
// but the standard library, so that every other package may speak its words.
package shop

import "strings"

// Ids are a prefix, an underscore and 26 lower-case base32 characters of a
// UUIDv7, so that they sort by time and tell what they name.
type (
	// UserID names a person, "usr_…".
	UserID string
	// ProductID names a product, "prd_…".
	ProductID string
	// OrderID names an order, "ord_…".
	OrderID string
	// PaymentID names the payment of one order, "pay_…".
	PaymentID string
	// AttemptID names one try at one gateway, "att_…". It is the merchant
	// order id that the gateway knows.
	AttemptID string
	// RefundID names one wish to give money back, "rfd_…".
	RefundID string
	// VerificationID names the verification of an email address, "ver_…".
	VerificationID string
	// ReconciliationID names one settlement file held against the books, "rec_…".
	ReconciliationID string
	// DiscrepancyID names one difference between a file and the books, "dsc_…".
	DiscrepancyID string
)

// The prefixes of ids.
const (
	PrefixUser           = "usr"
	PrefixProduct        = "prd"
	PrefixOrder          = "ord"
	PrefixPayment        = "pay"
	PrefixAttempt        = "att"
	PrefixRefund         = "rfd"
	PrefixVerification   = "ver"
	PrefixReconciliation = "rec"
	PrefixDiscrepancy    = "dsc"
)

const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const idDigits = 26

// FormatID writes the 128 bits of u as an id with the prefix given.
func FormatID(prefix string, u [16]byte) string {
	out := make([]byte, len(prefix)+1+idDigits)
	copy(out, prefix)
	out[len(prefix)] = '_'
	digits := out[len(prefix)+1:]
	// 26 digits hold 130 bits: the first digit carries only three.
	var acc uint
	var bits int
	at := idDigits - 1
	for i := len(u) - 1; i >= 0; i-- {
		acc |= uint(u[i]) << bits
		for bits += 8; bits >= 5; bits -= 5 {
			digits[at] = idAlphabet[acc&31]
			acc >>= 5
			at--
		}
	}
	digits[at] = idAlphabet[acc&31]
	return string(out)
}

// IDPrefix returns the prefix of a well-formed id, or "" when s is not one.
func IDPrefix(s string) string {
	prefix, digits, ok := strings.Cut(s, "_")
	if !ok || len(digits) != idDigits || digits[0] > '7' {
		return ""
	}
	for i := range len(digits) {
		if strings.IndexByte(idAlphabet, digits[i]) < 0 {
			return ""
		}
	}
	return prefix
}

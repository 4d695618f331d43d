package shop

import "strconv"

// Won is an amount of Korean won, which has no smaller unit. It is never a
// fraction, and never more than MaxWon.
type Won int64

// MaxWon is the largest amount that every client can hold exactly: 2^53 − 1.
const MaxWon Won = 1<<53 - 1

// String writes w as digits without grouping.
func (w Won) String() string { return strconv.FormatInt(int64(w), 10) }

// Add returns w + more. It returns Invalid when the sum is over MaxWon or an
// operand is negative.
func (w Won) Add(more Won) (Won, error) {
	if w < 0 || more < 0 || w > MaxWon-more {
		return 0, &Error{Code: Invalid, Message: "The amount is over the limit of 9007199254740991 won."}
	}
	return w + more, nil
}

// Times returns w × n. It returns Invalid when the product is over MaxWon or an
// operand is negative.
func (w Won) Times(n int) (Won, error) {
	if w < 0 || n < 0 || (n > 0 && w > MaxWon/Won(n)) {
		return 0, &Error{Code: Invalid, Message: "The amount is over the limit of 9007199254740991 won."}
	}
	return w * Won(n), nil
}

// VAT returns the value-added tax contained in a total of which taxFree is
// sold without it: a tenth of the net price, an eleventh of the gross, rounded
// half up as both gateways do.
func VAT(total, taxFree Won) Won {
	taxed := total - taxFree
	return taxed/11 + (taxed%11*2+11)/22
}

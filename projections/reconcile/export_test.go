package reconcile

import "payment-system/shop"

// IsUnnamed reports whether a refund of the books is done, and neither a leg of a
// file, whose names are given, nor one of another file names it.
func IsUnnamed(refund shop.Refund, legs []string, namedElsewhere bool) bool {
	inFile := map[string]bool{}
	for _, leg := range legs {
		inFile[leg] = true
	}
	booked := bookedRefund{
		status: refund.Status, amount: refund.Amount, leg: refund.TransactionKey, doneAt: refund.DoneAt,
		namedElsewhere: namedElsewhere,
	}
	return booked.isUnnamed(inFile)
}

// DayOfName and SourceName are what is understood of a file's name.
var (
	DayOfName  = dayOfName
	SourceName = sourceName
)

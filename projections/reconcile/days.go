package reconcile

import (
	"regexp"
	"strings"
	"time"

	"payment-system/shop"
)

// korea is the zone of business days.
var korea = time.FixedZone("KST", 9*60*60)

// dateInName finds a date in a file's name: 2026-01-31 or 20260131.
var dateInName = regexp.MustCompile(`(?:^|\D)(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?:\D|$)`)

// dayOfName is the business day that the name of a PAYMENT_STATE_CSV file says;
// the format itself does not.
func dayOfName(rec shop.Reconciliation) *time.Time {
	found := dateInName.FindStringSubmatch(rec.Source)
	if rec.Format != shop.SettlementFormatPaymentStateCSV || found == nil {
		return nil
	}
	day, err := time.Parse(time.DateOnly, strings.Join(found[1:], "-"))
	if err != nil {
		return nil
	}
	return &day
}

// dayOf is the business day of a moment.
func dayOf(at time.Time) string { return at.In(korea).Format(time.DateOnly) }

// midnight is when a business day begins.
func midnight(day time.Time) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, korea).UTC()
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

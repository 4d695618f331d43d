package shop

import (
	"strconv"
	"time"
)

// Kinds of settlement rows. A row that could not be read has none.
const (
	SettlementApproval = "APPROVAL" // money was taken
	SettlementRefund   = "REFUND"   // money was given back
	SettlementFailure  = "FAILURE"  // nothing was taken
)

// InstallmentsUntold stands for a number of months that the file keeps to
// itself: it only says that the payment is by installments.
const InstallmentsUntold = 1

// A SettlementRow is a row as it stood in its file, and what it says in our words.
type SettlementRow struct {
	// Line is the row's line in a CSV file, its place in a JSON file; from 1.
	Line int
	Raw  string
	Kind string
	// PaymentKey names the payment at the gateway, AttemptRef its merchant order
	// id, and LegKey the approval or refund; "" where the format has none.
	PaymentKey, AttemptRef, LegKey string
	Amount                         Won // unsigned
	TaxFree                        *Won
	InstallmentMonths              *int
	BusinessDay                    *time.Time // midnight UTC of the date in Korea
	// Malformed says why the row could not be read; "" when it could.
	Malformed string
}

// Hash names what the row says: equal rows have equal hashes.
func (r SettlementRow) Hash() string {
	return HashOf(r.parts()...)
}

func (r SettlementRow) parts() []string {
	if r.Malformed != "" {
		return []string{"malformed", r.Raw}
	}
	parts := []string{r.Kind, r.PaymentKey, r.AttemptRef, r.LegKey, r.Amount.String(), "", "", ""}
	if r.TaxFree != nil {
		parts[5] = r.TaxFree.String()
	}
	if r.InstallmentMonths != nil {
		parts[6] = strconv.Itoa(*r.InstallmentMonths)
	}
	if r.BusinessDay != nil {
		parts[7] = r.BusinessDay.Format(time.DateOnly)
	}
	return parts
}

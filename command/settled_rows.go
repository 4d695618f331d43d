package command

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"payment-system/command/books"
	"payment-system/pg"
	"payment-system/shop"
)

// settledRows is what the file says of the payment, all rows together.
type settledRows struct {
	found              bool
	paymentKey         string
	captured, refunded shop.Won
	whole              bool // the format tells states, not legs: a refund is of all
	legs               []pg.Cancel
	failed             bool
	day                *time.Time // of the approval
}

func (s *settledRows) add(kind string, leg pg.Cancel, day *time.Time) {
	s.found = true
	switch kind {
	case shop.SettlementApproval:
		s.captured, s.day = leg.Amount, day
	case shop.SettlementFailure:
		s.failed = true
	case shop.SettlementRefund:
		if s.whole { // captured once, and all of it given back
			s.captured, s.refunded = leg.Amount, leg.Amount
			return
		}
		s.refunded += leg.Amount
		s.legs = append(s.legs, leg)
	}
}

// readSettledRows reads the distinct rows that speak of the same payment as the
// discrepancy's own row.
func readSettledRows(ctx context.Context, db *sql.DB, d shop.Discrepancy) (settledRows, error) {
	var s settledRows
	rows, err := books.SettledRows(ctx, db, d)
	for _, row := range rows {
		s.paymentKey = row.PaymentKey
		s.whole = row.Format == shop.SettlementFormatPaymentStateCSV
		s.add(row.Kind, pg.Cancel{Key: row.LegKey, Amount: row.Amount, TaxFree: row.TaxFree}, row.Day)
	}
	return s, err
}

// evidence is the rows told as a gateway tells a payment.
func (c *correcting) evidence() pg.Payment {
	captured := c.attempt.CapturedAmount
	if captured == 0 {
		captured = c.rows.captured
	}
	if captured == 0 && c.rows.refunded > 0 { // taken on an earlier day
		captured = c.payment.Amount
	}
	p := pg.Payment{
		PG: c.attempt.PG, PaymentKey: c.rows.paymentKey, AttemptID: string(c.attempt.ID), Currency: "KRW",
		Status: pg.StatusPaid,
		Amount: captured, TaxFree: c.payment.TaxFreeAmount, Captured: captured,
		InstallmentMonths: c.attempt.InstallmentMonths,
		ApprovedAt:        noonOf(c.rows.day),
	}
	if c.rows.whole {
		p.Refunded = c.rows.refunded
	} else {
		p.Cancels = c.unrecordedLegs()
		p.Refunded = c.attempt.RefundedAmount
		for _, leg := range p.Cancels {
			p.Refunded += leg.Amount
		}
		p.Refunded = min(captured, max(p.Refunded, c.rows.refunded))
	}
	switch {
	case c.rows.failed:
		return pg.Payment{
			PG: p.PG, PaymentKey: p.PaymentKey, AttemptID: p.AttemptID, Status: pg.StatusFailed,
			Currency: "KRW", Amount: c.payment.Amount,
		}
	case p.Refunded == p.Captured:
		p.Status = pg.StatusRefunded
	case p.Refunded > 0:
		p.Status = pg.StatusPartiallyRefunded
	}
	return p
}

// unrecordedLegs are the refunds of the file that the books do not have. The file
// is of one day: what it does not tell of was given back on another. A refund that
// has no name in the books may be the one of its amount: one that was asked for again
// too, for a file keeps no reason by which to tell it, and a leg that is booked twice
// is worse than one that waits for the next look-up.
func (c *correcting) unrecordedLegs() (legs []pg.Cancel) {
	var nameless []shop.Won
	for _, refund := range c.payment.Refunds {
		if refund.AttemptID == c.attempt.ID && refund.IsNameless() {
			nameless = append(nameless, refund.Amount)
		}
	}
	for _, leg := range c.rows.legs {
		if leg.Key == "" || c.records(leg) {
			continue
		}
		if i := slices.Index(nameless, leg.Amount); i >= 0 {
			nameless = slices.Delete(nameless, i, i+1)
			continue
		}
		legs = append(legs, leg)
	}
	return legs
}

// noonOf is a moment surely within a business day.
func noonOf(day *time.Time) *time.Time {
	if day == nil {
		return nil
	}
	noon := time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, korea).UTC()
	return &noon
}

package books

import (
	"context"
	"fmt"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
	"payment-system/sql/write/model"
	"payment-system/sql/write/table"
)

// A PaymentChange is a payment as it was read, its ID "" when there was none, and as
// it is now; and when its attempts are looked up next.
type PaymentChange struct {
	Was, Now shop.Payment
	LookUps  []LookUp // of several for one attempt the last counts
}

// SavePayments writes payments, their attempts and their refunds as they are now, each
// table by one INSERT and one UPDATE at most: what is new, and what changed if the row
// of the payment still has the version and status that were read. It returns
// mysqldb.ErrStale when one has not, and a duplicate of uq_attempts_key when a
// gateway's key is another attempt's.
func SavePayments(ctx context.Context, w *mysqldb.Packet, changes []PaymentChange) error {
	if err := savePaymentRows(ctx, w, changes); err != nil {
		return err
	}
	if err := saveAttempts(ctx, w, changes); err != nil {
		return err
	}
	return saveRefunds(ctx, w, changes)
}

var updatedPayments = updated{
	table: "payments", key: []string{"id"}, guards: []string{"version", "status"},
	columns: []string{
		"status", "pg", "captured_amount", "refunded_amount", "refunded_tax_free", "installment_months",
		"attempt_id", "payment_key", "checkout_url", "failure_code", "failure_message", "approved_at", "updated_at", "version",
	},
}

func paymentValues(r model.Payments) []any {
	return []any{
		r.Status, r.Pg, r.CapturedAmount, r.RefundedAmount, r.RefundedTaxFree, r.InstallmentMonths,
		r.AttemptID, orNil(r.PaymentKey), orNil(r.CheckoutURL), orNil(r.FailureCode), orNil(r.FailureMessage),
		orNil(r.ApprovedAt), r.UpdatedAt, r.Version,
	}
}

func savePaymentRows(ctx context.Context, w *mysqldb.Packet, changes []PaymentChange) error {
	var opened []model.Payments
	var changed []rowUpdate
	for _, change := range changes {
		if change.Was.Version == change.Now.Version {
			continue // nothing but look-ups
		}
		r := paymentRow(change.Now)
		if change.Was.ID == "" {
			opened = append(opened, r)
			continue
		}
		changed = append(changed, rowUpdate{
			key: []any{r.ID}, guards: []any{change.Was.Version, string(change.Was.Status)},
			now: changedValues(paymentValues(paymentRow(change.Was)), paymentValues(r)),
		})
	}
	if err := insertRows(ctx, w, table.Payments, table.Payments.AllColumns, opened); err != nil {
		return fmt.Errorf("open payments: %w", err)
	}
	return wrapped("save payments", updatedPayments.write(ctx, w, changed))
}

// updatedAttempts leaves alone by whom an attempt is looked at: that is the resolver's. When
// it is looked at next is written with a change that says so, and forgets how often it was
// looked up in vain.
var updatedAttempts = updated{
	table: "attempts", key: []string{"id"},
	columns: append([]string{
		"status", "payment_key", "checkout_url", "failure_code", "failure_message", "captured_amount", "refunded_amount",
		"superseded_at", "ready_key", "approve_key", "pg_token", "secret", "desktop_url", "mobile_url", "app_url",
		"return_hashes",
	}, lookUpColumns...),
}

func attemptValues(r model.Attempts) []any {
	return []any{
		r.Status, orNil(r.PaymentKey), orNil(r.CheckoutURL), orNil(r.FailureCode), orNil(r.FailureMessage), r.CapturedAmount,
		r.RefundedAmount, orNil(r.SupersededAt), r.ReadyKey, r.ApproveKey, r.PgToken, r.Secret, orNil(r.DesktopURL),
		orNil(r.MobileURL), orNil(r.AppURL), r.ReturnHashes,
	}
}

// attemptsOf sorts the attempts of changed payments: those that are new, and what becomes of the rows of all. A row of
// which nothing but its look-up changes may be somebody's who renews a key of it.
func attemptsOf(changes []PaymentChange) (opened []model.Attempts, changed []rowUpdate) {
	for _, change := range changes {
		next := lastLookUps(change.LookUps)
		for _, attempt := range change.Now.Attempts {
			r := attemptRow(change.Now.ID, attempt)
			before := r
			if was := change.Was.Attempt(attempt.ID); was != nil {
				before = attemptRow(change.Was.ID, *was)
			} else {
				opened = append(opened, r)
			}
			lookedUp := []any{asItIs{}, asItIs{}, asItIs{}}
			if lookUp, has := next[attempt.ID]; has {
				lookedUp = lookUp.values()
			}
			changed = append(changed, rowUpdate{
				key: []any{r.ID}, now: append(changedValues(attemptValues(before), attemptValues(r)), lookedUp...),
			})
		}
	}
	return opened, changed
}

func saveAttempts(ctx context.Context, w *mysqldb.Packet, changes []PaymentChange) error {
	opened, changed := attemptsOf(changes)
	if err := insertRows(ctx, w, table.Attempts, table.Attempts.AllColumns, opened); err != nil {
		return fmt.Errorf("open attempts: %w", err)
	}
	return wrapped("save attempts", updatedAttempts.write(ctx, w, changed))
}

var updatedRefunds = updated{
	table: "refunds", key: []string{"id"},
	columns: []string{
		"open_attempt_id", "amount", "tax_free_amount", "reason", "cause", "status", "pg_key", "transaction_key",
		"bank_code", "account_number", "holder_name", "requested_at", "done_at",
	},
}

func refundValues(r model.Refunds) []any {
	return []any{
		orNil(r.OpenAttemptID), r.Amount, r.TaxFreeAmount, r.Reason, r.Cause, r.Status, r.PgKey, orNil(r.TransactionKey),
		orNil(r.BankCode), orNil(r.AccountNumber), orNil(r.HolderName), r.RequestedAt, orNil(r.DoneAt),
	}
}

// saveRefunds writes the refunds that end before those that are opened: an attempt has
// one open refund at most.
func saveRefunds(ctx context.Context, w *mysqldb.Packet, changes []PaymentChange) error {
	var opened []model.Refunds
	var changed []rowUpdate
	for _, change := range changes {
		for _, refund := range change.Now.Refunds {
			r := refundRow(change.Now.ID, refund)
			if was := change.Was.Refund(refund.ID); was == nil {
				opened = append(opened, r)
			} else if *was != refund {
				before := refundRow(change.Now.ID, *was)
				changed = append(changed, rowUpdate{key: []any{r.ID}, now: changedValues(refundValues(before), refundValues(r))})
			}
		}
	}
	if err := updatedRefunds.write(ctx, w, changed); err != nil {
		return fmt.Errorf("save refunds: %w", err)
	}
	return wrapped("open refunds", insertRows(ctx, w, table.Refunds, table.Refunds.AllColumns, opened))
}

// orNil is what a pointer points at, as an argument.
func orEmpty(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func nilIfEmpty(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

package books

import (
	"context"
	"fmt"
	"slices"

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

var paymentUpdate = guarded{
	table: "payments", key: "id", guards: []string{"version", "status"},
	sets: []string{
		"status", "pg", "captured_amount", "refunded_amount", "refunded_tax_free", "installment_months",
		"attempt_id", "payment_key", "checkout_url", "failure_code", "failure_message", "approved_at", "updated_at", "version",
	},
}

func savePaymentRows(ctx context.Context, w *mysqldb.Packet, changes []PaymentChange) error {
	var opened []model.Payments
	var changed [][]any
	for _, change := range changes {
		if change.Was.Version == change.Now.Version {
			continue // nothing but look-ups
		}
		r := paymentRow(change.Now)
		if change.Was.ID == "" {
			opened = append(opened, r)
			continue
		}
		changed = append(changed, []any{
			r.ID, change.Was.Version, string(change.Was.Status),
			r.Status, r.Pg, r.CapturedAmount, r.RefundedAmount, r.RefundedTaxFree, r.InstallmentMonths,
			r.AttemptID, orNil(r.PaymentKey), orNil(r.CheckoutURL), orNil(r.FailureCode), orNil(r.FailureMessage),
			orNil(r.ApprovedAt), r.UpdatedAt, r.Version,
		})
	}
	if err := insertRows(ctx, w, table.Payments.INSERT(table.Payments.AllColumns), opened); err != nil {
		return fmt.Errorf("open payments: %w", err)
	}
	return wrapped("save payments", paymentUpdate.update(ctx, w, changed))
}

// attemptUpdate leaves alone by whom an attempt is looked at: that is the resolver's. When
// it is looked at next is written with a change that says so, and forgets how often it was
// looked up in vain.
const attemptUpdate = `attempts t ON t.id = CONVERT(v.c0 USING ascii)
	SET t.status = v.c1, t.payment_key = v.c2, t.checkout_url = v.c3, t.failure_code = v.c4, t.failure_message = v.c5,
	t.captured_amount = v.c6, t.refunded_amount = v.c7, t.superseded_at = v.c8, t.ready_key = v.c9, t.approve_key = v.c10,
	t.pg_token = v.c11, t.secret = v.c12, t.desktop_url = v.c13, t.mobile_url = v.c14, t.app_url = v.c15,
	t.return_hashes = v.c16,
	t.check_at = IF(v.c17, v.c18, t.check_at), t.checks = IF(v.c17, 0, t.checks),
	t.unresolved_since = IF(v.c17, IF(v.c19, COALESCE(t.unresolved_since, v.c20), v.c20), t.unresolved_since)`

// attemptsOf sorts the attempts of changed payments: those that are new, the rows of those
// that changed, and the look-ups of those that did not.
func attemptsOf(changes []PaymentChange) (opened []model.Attempts, changed [][]any, lookUps []LookUp) {
	for _, change := range changes {
		next := lastLookUps(change.LookUps)
		for _, attempt := range change.Now.Attempts {
			r := attemptRow(change.Now.ID, attempt)
			lookUp, has := next[attempt.ID]
			was := change.Was.Attempt(attempt.ID)
			switch {
			case was == nil:
				opened = append(opened, r)
				if has {
					lookUps = append(lookUps, lookUp)
				}
			case *was != attempt:
				changed = append(changed, slices.Concat([]any{
					r.ID, r.Status, orNil(r.PaymentKey), orNil(r.CheckoutURL), orNil(r.FailureCode), orNil(r.FailureMessage),
					r.CapturedAmount, r.RefundedAmount, orNil(r.SupersededAt), r.ReadyKey, r.ApproveKey, r.PgToken, r.Secret,
					orNil(r.DesktopURL), orNil(r.MobileURL), orNil(r.AppURL), r.ReturnHashes, has,
				}, lookUp.values()))
			case has: // its row may be somebody's who renews a key of it
				lookUps = append(lookUps, lookUp)
			}
		}
	}
	return opened, changed, lookUps
}

func saveAttempts(ctx context.Context, w *mysqldb.Packet, changes []PaymentChange) error {
	opened, changed, lookUps := attemptsOf(changes)
	if err := insertRows(ctx, w, table.Attempts.INSERT(table.Attempts.AllColumns), opened); err != nil {
		return fmt.Errorf("open attempts: %w", err)
	}
	slices.SortFunc(changed, byKey)
	if err := updateRows(ctx, w, changed, attemptUpdate); err != nil {
		return fmt.Errorf("save attempts: %w", err)
	}
	return scheduleLookUps(ctx, w, lookUps)
}

var refundUpdate = guarded{
	table: "refunds", key: "id",
	sets: []string{
		"open_attempt_id", "amount", "tax_free_amount", "reason", "cause", "status", "pg_key", "transaction_key",
		"bank_code", "account_number", "holder_name", "requested_at", "done_at",
	},
}

// saveRefunds writes the refunds that end before those that are opened: an attempt has
// one open refund at most.
func saveRefunds(ctx context.Context, w *mysqldb.Packet, changes []PaymentChange) error {
	var opened []model.Refunds
	var changed [][]any
	for _, change := range changes {
		for _, refund := range change.Now.Refunds {
			r := refundRow(change.Now.ID, refund)
			if was := change.Was.Refund(refund.ID); was == nil {
				opened = append(opened, r)
			} else if *was != refund {
				changed = append(changed, []any{
					r.ID, orNil(r.OpenAttemptID), r.Amount, r.TaxFreeAmount, r.Reason, r.Cause, r.Status, r.PgKey,
					orNil(r.TransactionKey), orNil(r.BankCode), orNil(r.AccountNumber), orNil(r.HolderName), r.RequestedAt,
					orNil(r.DoneAt),
				})
			}
		}
	}
	if err := refundUpdate.update(ctx, w, changed); err != nil {
		return fmt.Errorf("save refunds: %w", err)
	}
	return wrapped("open refunds", insertRows(ctx, w, table.Refunds.INSERT(table.Refunds.AllColumns), opened))
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

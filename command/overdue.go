package command

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// overdue is how long an outcome may stay unknown before a person is asked too.
const overdue = 15 * time.Minute

// tellOverdue opens a case for each attempt whose outcome has been open for too
// long, however seldom the gateway is asked by then, and for each whose look-ups
// have failed for as long, though nothing was awaited. A deposit is nobody's to
// hurry, and a case about something else says nothing of it. The change that
// makes the outcome known, or records what a look-up told, ends the case; one that
// a person has ended before is not opened again.
func (h *Handler) tellOverdue(ctx context.Context) error {
	ids, err := h.attemptsOf(ctx, `SELECT a.id FROM attempts a WHERE a.check_at IS NOT NULL AND a.unresolved_since <= ? AND a.status <> ?
		AND NOT EXISTS (SELECT 1 FROM discrepancies d WHERE d.payment_id = a.payment_id AND d.attempt_id = a.id
			AND (d.status IN ('OPEN', 'PLANNED') AND d.kind = IF(EXISTS (SELECT 1 FROM refunds r WHERE r.open_attempt_id = a.id), ?, ?)
				OR d.line IS NULL AND d.expected = ? AND d.resolved_at > a.unresolved_since)) LIMIT 64`,
		h.now().Add(-overdue), string(shop.PaymentStatusWaitingForDeposit),
		string(shop.DiscrepancyKindRefundUnrecorded), string(shop.DiscrepancyKindApprovalUnrecorded), shop.OverdueExpected)
	if err != nil {
		return fmt.Errorf("read the outcomes that are overdue: %w", err)
	}
	for _, id := range ids {
		h.openOverdueCase(ctx, id)
	}
	return nil
}

// attemptsOf reads the ids of attempts.
func (h *Handler) attemptsOf(ctx context.Context, query string, args ...any) ([]shop.AttemptID, error) {
	return mysqldb.Collect(ctx, h.DB, func(rows *sql.Rows) (id shop.AttemptID, err error) {
		return id, rows.Scan(&id)
	}, query, args...)
}

// wakeForgotten has the refunds looked up that are under way while no look-up is
// to come. No change leaves one so; but what would end a refund is a look-up alone.
func (h *Handler) wakeForgotten(ctx context.Context) error {
	ids, err := h.attemptsOf(ctx, `SELECT a.id FROM refunds r JOIN attempts a ON a.id = r.open_attempt_id WHERE r.open_attempt_id IS NOT NULL AND a.check_at IS NULL LIMIT 64`)
	if err != nil {
		return fmt.Errorf("read the refunds that were forgotten: %w", err)
	}
	for _, id := range ids {
		if err := h.WakeAttempt(ctx, id); err != nil {
			return fmt.Errorf("wake attempt %s: %w", id, err)
		}
	}
	return nil
}

// openOverdueCase opens the case unless the gateway has told by now.
func (h *Handler) openOverdueCase(ctx context.Context, id shop.AttemptID) {
	payment, err := h.paymentOf(ctx, id)
	if err == nil {
		_, err = h.changePayment(ctx, payment, shop.ActorResolver, func(c *change) error {
			var open bool
			err := c.tx.QueryRowContext(ctx, `SELECT COALESCE(check_at IS NOT NULL AND unresolved_since <= ?, FALSE) FROM attempts WHERE id = ?`,
				c.now.Add(-overdue), id).Scan(&open)
			if err == nil && open {
				c.needCase(overdueCase(c.payment, id))
			}
			return err
		})
	}
	if err != nil {
		h.Logger.ErrorContext(ctx, "case not opened", "attempt_id", string(id), "error", err)
	}
}

func overdueCase(payment shop.Payment, id shop.AttemptID) OpenCase {
	kind := shop.DiscrepancyKindApprovalUnrecorded
	if payment.OpenRefund(id) != nil {
		kind = shop.DiscrepancyKindRefundUnrecorded
	}
	return OpenCase{
		PG: attemptPG(payment, id), Kind: kind, PaymentID: &payment.ID, AttemptID: &id, Amount: payment.Amount,
		Expected: shop.OverdueExpected, Actual: string(payment.Status), Note: "The gateway has not told for 15 minutes what became of this payment.",
	}
}

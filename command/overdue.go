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
// long, however seldom the gateway is asked by then. A deposit is nobody's to
// hurry.
func (h *Handler) tellOverdue(ctx context.Context) error {
	ids, err := mysqldb.Collect(ctx, h.DB, func(rows *sql.Rows) (id shop.AttemptID, err error) {
		return id, rows.Scan(&id)
	}, `SELECT a.id FROM attempts a WHERE a.check_at IS NOT NULL AND a.unresolved_since <= ? AND a.status <> ?
		AND NOT EXISTS (SELECT 1 FROM discrepancies d WHERE d.payment_id = a.payment_id AND d.attempt_id = a.id AND d.status IN ('OPEN', 'PLANNED')) LIMIT 64`,
		h.now().Add(-overdue), string(shop.PaymentStatusWaitingForDeposit))
	if err != nil {
		return fmt.Errorf("read the outcomes that are overdue: %w", err)
	}
	for _, id := range ids {
		if payment := h.paymentAsItIs(ctx, id); unresolved(payment, id) {
			h.openOverdueCase(ctx, payment, id)
		}
	}
	return nil
}

func (h *Handler) openOverdueCase(ctx context.Context, payment shop.Payment, id shop.AttemptID) {
	kind := shop.DiscrepancyKindApprovalUnrecorded
	if payment.OpenRefund(id) != nil {
		kind = shop.DiscrepancyKindRefundUnrecorded
	}
	_, err := h.OpenCase(ctx, OpenCase{
		PG: payment.PG, Kind: kind, PaymentID: &payment.ID, AttemptID: &id, Amount: payment.Amount,
		Expected: "an answer", Actual: string(payment.Status), Note: "The gateway has not told for 15 minutes what became of this payment.",
	})
	if err != nil {
		h.Logger.ErrorContext(ctx, "case not opened", "attempt_id", string(id), "error", err)
	}
}

package command

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// StageRows stores rows of the file in the order they stand there.
type StageRows struct {
	Hold ReconciliationHold
	Rows []shop.SettlementRow
	// Announce shows Total and Percent to whoever watches.
	Announce       bool
	Total, Percent int
}

// StageRows stores the rows, all or none. Rows stored before are left alone, so
// that reading may be resumed anywhere. It returns IN_PROGRESS when the hold is lost.
func (h *Handler) StageRows(ctx context.Context, cmd StageRows) (shop.Reconciliation, error) {
	return h.changeReconciliation(ctx, cmd.Hold, shop.KindReconciliationRead, "", func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (bool, error) {
		if err := insertRows(ctx, tx, cmd.Hold.ID, cmd.Rows); err != nil || !cmd.Announce {
			return false, err
		}
		r.Rows, r.Percent = cmd.Total, cmd.Percent
		return true, nil
	})
}

func insertRows(ctx context.Context, tx mysqldb.Execer, id shop.ReconciliationID, rows []shop.SettlementRow) error {
	if len(rows) == 0 {
		return nil
	}
	const places = "(?,?,?,?,?,?,?,?,?,?,?,?,?)"
	args := make([]any, 0, 13*len(rows))
	for _, r := range rows {
		args = append(args, string(id), r.Line, r.Hash(), r.Raw, r.Kind, r.PaymentKey, r.AttemptRef, r.LegKey, int64(r.Amount),
			r.TaxFree, r.InstallmentMonths, dateOnly(r.BusinessDay), nullIfEmpty(clip(r.Malformed, 500)))
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO settlement_rows (reconciliation_id, line, row_hash, raw, kind, payment_key, attempt_ref, leg_key, amount, tax_free_amount, installment_months, business_day, malformed)
		VALUES `+places+strings.Repeat(","+places, len(rows)-1)+` ON DUPLICATE KEY UPDATE line = VALUES(line)`, args...)
	if err != nil {
		return fmt.Errorf("stage the rows of %s: %w", id, err)
	}
	return nil
}

// dateOnly writes a day as DATE columns take it, whatever the session's zone.
func dateOnly(day *time.Time) any {
	if day == nil {
		return nil
	}
	return day.Format(time.DateOnly)
}

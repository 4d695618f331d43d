package reconciliation

import (
	"context"
	"database/sql"

	"payment-system/command/books"
	"payment-system/shop"
)

// StageRows stores rows of the file in the order they stand there.
type StageRows struct {
	Hold Hold
	Rows []shop.SettlementRow
	// Announce shows Total and Percent to whoever watches.
	Announce       bool
	Total, Percent int
}

// StageRows stores the rows, all or none. Rows stored before are left alone, so
// that reading may be resumed anywhere. It returns IN_PROGRESS when the hold is lost.
func (d *Desk) StageRows(ctx context.Context, cmd StageRows) (shop.Reconciliation, error) {
	return d.changeReconciliation(ctx, cmd.Hold,
		func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (*step, error) {
			if err := books.InsertSettlementRows(ctx, tx, cmd.Hold.ID, cmd.Rows); err != nil || !cmd.Announce {
				return nil, err
			}
			r.Rows, r.Percent = cmd.Total, cmd.Percent
			return &step{kind: shop.KindReconciliationRead}, nil
		})
}

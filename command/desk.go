package command

import (
	"context"
	"database/sql"

	"payment-system/command/books"
	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// changeReconciliation lets do change a reconciliation in one transaction, with
// the hold renewed; then the read models follow. A do that reports false changes
// nothing.
func (h *Handler) changeReconciliation(ctx context.Context, hold books.Hold, kind, note string, do func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (bool, error)) (shop.Reconciliation, error) {
	var after shop.Reconciliation
	err := mysqldb.InTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) error {
		now := h.now()
		if err := books.KeepHold(ctx, tx, hold, now); err != nil {
			return err
		}
		r, err := books.LoadReconciliation(ctx, tx, hold.ID)
		if err != nil {
			return err
		}
		changed, err := do(ctx, tx, &r)
		if after = r; err != nil || !changed {
			return err
		}
		r.Version++
		after = r
		return books.SaveReconciliation(ctx, tx, r, kind, shop.ActorReconciliation, note, now)
	})
	if err != nil {
		return shop.Reconciliation{}, err
	}
	h.Projector.Project(ctx, string(hold.ID))
	return after, nil
}

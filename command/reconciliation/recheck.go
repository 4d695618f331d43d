package reconciliation

import (
	"context"
	"database/sql"
	"time"

	"payment-system/command/books"
	"payment-system/shop"
)

// NoteRecheck says when the payments of a settlement file's days are next looked
// for in it.
type NoteRecheck struct {
	Hold Hold
	Due  *time.Time // nil for never
	// Found says that looking opened cases, which whoever watches is shown.
	Found bool
}

// NoteRecheck keeps the moment. It returns IN_PROGRESS when the hold is lost.
func (d *Desk) NoteRecheck(ctx context.Context, cmd NoteRecheck) (shop.Reconciliation, error) {
	return d.changeReconciliation(ctx, cmd.Hold,
		func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (*step, error) {
			if err := books.SetRecheck(ctx, tx, r.ID, cmd.Due); err != nil || !cmd.Found {
				return nil, err
			}
			return &step{kind: shop.KindReconciliationApplied, note: "payments that the file lacks"}, nil
		})
}

// RecheckNow has the gateway's other files that wait for a recheck looked at again
// now, for the one named has come.
func (d *Desk) RecheckNow(ctx context.Context, gateway shop.PG, came shop.ReconciliationID) error {
	return books.RecheckNow(ctx, d.DB, gateway, came, d.now())
}

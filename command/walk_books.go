package command

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"payment-system/shop"
)

// NoteBooksDue says when the payments of a settlement file's days are next looked
// for in it.
type NoteBooksDue struct {
	Hold ReconciliationHold
	Due  *time.Time // nil for never
	// Found says that looking opened cases, which whoever watches is shown.
	Found bool
}

// NoteBooksDue keeps the moment. It returns IN_PROGRESS when the hold is lost.
func (h *Handler) NoteBooksDue(ctx context.Context, cmd NoteBooksDue) (shop.Reconciliation, error) {
	return h.changeReconciliation(ctx, cmd.Hold, shop.KindReconciliationApplied, "payments that the file lacks", func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (bool, error) {
		if _, err := tx.ExecContext(ctx, `UPDATE reconciliations SET books_due_at = ? WHERE id = ?`, cmd.Due, string(r.ID)); err != nil {
			return false, fmt.Errorf("note when the books are due for %s: %w", r.ID, err)
		}
		return cmd.Found, nil
	})
}

// HastenBooks has the other files of a gateway that wait looked at again now: this
// one has come.
func (h *Handler) HastenBooks(ctx context.Context, gateway shop.PG, came shop.ReconciliationID) error {
	now := h.now()
	_, err := h.DB.ExecContext(ctx, `UPDATE reconciliations SET books_due_at = ? WHERE pg = ? AND id <> ? AND books_due_at > ?`, now, string(gateway), string(came), now)
	if err != nil {
		return fmt.Errorf("hasten the files that wait: %w", err)
	}
	return nil
}

package command

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// OpenReconciliation begins to hold a settlement file against the books.
type OpenReconciliation struct {
	PG        shop.PG
	Format    shop.SettlementFormat
	Source    string // where the file came from
	FileHash  string // its SHA-256 in hex
	AutoApply bool
}

// OpenReconciliation returns the reconciliation of the file: a new one that is
// READING or, when the same file of the gateway came before, under whatever
// name, the one it has.
func (h *Handler) OpenReconciliation(ctx context.Context, cmd OpenReconciliation) (shop.Reconciliation, error) {
	const sameFile = `pg = ? AND file_hash = ?`
	var opened shop.Reconciliation
	err := mysqldb.InTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) (err error) {
		opened, err = loadReconciliationWhere(ctx, tx, sameFile, string(cmd.PG), cmd.FileHash)
		if shop.CodeOf(err) != shop.NotFound {
			return err
		}
		now := h.now()
		opened = shop.Reconciliation{
			ID: shop.ReconciliationID(h.NewID(shop.PrefixReconciliation)), PG: cmd.PG, Format: cmd.Format, Source: clip(cmd.Source, 500),
			FileHash: cmd.FileHash, Status: shop.ReconciliationStatusReading, Counts: []shop.DiscrepancyCount{}, StartedAt: now, Version: 1,
		}
		err = insertReconciliation(ctx, tx, opened, cmd.AutoApply)
		if mysqldb.IsDuplicate(err, "uq_reconciliations_file") {
			return mysqldb.ErrStale // somebody else opened it: run again
		}
		if err != nil {
			return err
		}
		return record(ctx, tx, reconciliationFact(opened, shop.KindReconciliationStarted, shop.ActorReconciliation, "", now))
	})
	if err != nil {
		return shop.Reconciliation{}, unavailable(err)
	}
	h.Projector.Project(ctx, string(opened.ID))
	return opened, nil
}

// HoldReconciliation takes the right to work on a reconciliation. It returns
// IN_PROGRESS while somebody else has it, and NotFound when there is none. A
// reconciliation that failed is READING again.
func (h *Handler) HoldReconciliation(ctx context.Context, id shop.ReconciliationID) (ReconciliationHold, shop.Reconciliation, error) {
	if !isASCII(string(id)) {
		return ReconciliationHold{}, shop.Reconciliation{}, shop.NoSuch("reconciliation")
	}
	taking := taking{ReconciliationHold: ReconciliationHold{ID: id}, owner: clip(h.Replica, 40)}
	err := h.inKeyedTx(ctx, func(ctx context.Context, tx *sql.Tx) error { return taking.take(ctx, tx, h.now()) })
	if err != nil {
		return ReconciliationHold{}, shop.Reconciliation{}, err
	}
	hold := taking.ReconciliationHold
	r, err := h.changeReconciliation(ctx, hold, shop.KindReconciliationStarted, "again", func(_ context.Context, _ *sql.Tx, r *shop.Reconciliation) (bool, error) {
		failed := r.Status == shop.ReconciliationStatusFailed
		if failed {
			r.Status, r.FinishedAt = shop.ReconciliationStatusReading, nil
		}
		return failed, nil
	})
	if err != nil {
		h.LetGoReconciliation(ctx, hold)
	}
	return hold, r, err
}

// taking is how a hold is taken.
type taking struct {
	ReconciliationHold
	owner string
	until time.Time // what the last try set; zero before the first
}

// take takes the hold, or finds, when the answer to an earlier COMMIT was lost,
// that it was taken.
func (t *taking) take(ctx context.Context, tx *sql.Tx, now time.Time) error {
	var fence int64
	var owner string
	var until sql.NullTime
	err := tx.QueryRowContext(ctx, `SELECT fence, COALESCE(lease_owner, ''), lease_until FROM reconciliations WHERE id = ? FOR UPDATE`,
		string(t.ID)).Scan(&fence, &owner, &until)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return shop.NoSuch("reconciliation")
	case err != nil:
		return fmt.Errorf("hold reconciliation %s: %w", t.ID, err)
	case until.Valid && fence == t.Fence && owner == t.owner && until.Time.Equal(t.until):
		return nil
	case until.Valid && !until.Time.Before(now):
		return errReconciliationHeld
	}
	t.Fence, t.until = fence+1, microseconds(now.Add(ReconciliationLease))
	return mysqldb.ExecOne(ctx, tx, `UPDATE reconciliations SET lease_owner = ?, lease_until = ?, fence = ? WHERE id = ?`, t.owner, t.until, t.Fence, string(t.ID))
}

// KeepReconciliation renews the right between steps. It returns IN_PROGRESS when
// somebody else has taken over.
func (h *Handler) KeepReconciliation(ctx context.Context, hold ReconciliationHold) error {
	return keepHold(ctx, h.DB, hold, h.now())
}

// LetGoReconciliation gives the right back. What is lost already stays lost.
func (h *Handler) LetGoReconciliation(ctx context.Context, hold ReconciliationHold) {
	var err error
	for range 3 {
		if _, err = h.DB.ExecContext(context.WithoutCancel(ctx), `UPDATE reconciliations SET lease_until = NULL WHERE id = ? AND fence = ?`, string(hold.ID), hold.Fence); !mysqldb.IsDown(err) {
			break
		}
	}
	if err != nil { // it ends by itself
		h.Logger.WarnContext(ctx, "hold not let go", "reconciliation_id", string(hold.ID), "error", err)
	}
}

// RejectReconciliation refuses the file as a whole.
type RejectReconciliation struct {
	Hold   ReconciliationHold
	Reason string // with the line number
}

// RejectReconciliation ends the reconciliation; nothing else was changed by it.
// It returns Conflict unless the file is being read.
func (h *Handler) RejectReconciliation(ctx context.Context, cmd RejectReconciliation) (shop.Reconciliation, error) {
	return h.endReading(ctx, cmd.Hold, shop.ReconciliationStatusRejected, shop.KindReconciliationRejected, cmd.Reason)
}

// FailReconciliation says that reading or planning broke off.
type FailReconciliation struct {
	Hold   ReconciliationHold
	Reason string
}

// FailReconciliation leaves what was read in place: the same file again carries
// on. It returns Conflict unless the file is being read.
func (h *Handler) FailReconciliation(ctx context.Context, cmd FailReconciliation) (shop.Reconciliation, error) {
	return h.endReading(ctx, cmd.Hold, shop.ReconciliationStatusFailed, shop.KindReconciliationFailed, cmd.Reason)
}

func (h *Handler) endReading(ctx context.Context, hold ReconciliationHold, status shop.ReconciliationStatus, kind, reason string) (shop.Reconciliation, error) {
	return h.changeReconciliation(ctx, hold, kind, reason, func(_ context.Context, _ *sql.Tx, r *shop.Reconciliation) (bool, error) {
		if r.Status != shop.ReconciliationStatusReading {
			return false, reconciliationConflict(*r)
		}
		now := h.now()
		r.Status, r.FinishedAt = status, &now
		if status == shop.ReconciliationStatusRejected {
			r.Rejection = clipped(reason, 1000)
		}
		return true, nil
	})
}

// reconciliationConflict says that the state does not allow what was asked.
func reconciliationConflict(r shop.Reconciliation) *shop.Error {
	return &shop.Error{
		Code: shop.Conflict, Message: "The reconciliation is " + string(r.Status) + "; it cannot be changed that way.",
		Details: map[string]any{"status": string(r.Status)},
	}
}

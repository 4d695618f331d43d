package reconciliation

import (
	"context"
	"database/sql"
	"time"

	"payment-system/command/books"
	"payment-system/internal/mysqldb"
	"payment-system/internal/text"
	"payment-system/shop"
)

// OpenReconciliation begins to hold a settlement file against the books.
type OpenReconciliation struct {
	PG        shop.PG
	Format    shop.SettlementFormat
	Source    string // where the file came from
	FileHash  string // its SHA-256 in hex
	AutoApply bool
	Day       *time.Time // the business day that was given; nil for none
}

// OpenReconciliation returns the reconciliation of the file: a new one that is
// READING or, when the same file of the gateway came before, under whatever
// name, the one it has.
func (d *Desk) OpenReconciliation(ctx context.Context, cmd OpenReconciliation) (shop.Reconciliation, error) {
	var opened shop.Reconciliation
	err := mysqldb.InTx(ctx, d.DB, func(ctx context.Context, tx *sql.Tx) (err error) {
		opened, err = books.ReconciliationOfFile(ctx, tx, cmd.PG, cmd.FileHash)
		if shop.CodeOf(err) != shop.NotFound {
			return err
		}
		now := d.now()
		opened = shop.Reconciliation{
			ID: shop.ReconciliationID(d.NewID(shop.PrefixReconciliation)), PG: cmd.PG, Format: cmd.Format,
			Source:   text.Clip(cmd.Source, 500),
			FileHash: cmd.FileHash, Status: shop.ReconciliationStatusReading, Day: cmd.Day,
			Counts: []shop.DiscrepancyCount{}, StartedAt: now,
			Version: 1,
		}
		err = books.InsertReconciliation(ctx, tx, opened, books.Applied(cmd.AutoApply))
		if mysqldb.IsDuplicate(err, "uq_reconciliations_file") {
			return mysqldb.ErrStale // somebody else opened it: run again
		}
		if err != nil {
			return err
		}
		return books.Append(ctx, tx,
			books.ReconciliationEvent(opened, shop.KindReconciliationStarted, shop.ActorReconciliation, "", now))
	})
	if err != nil {
		return shop.Reconciliation{}, books.Unavailable(err)
	}
	d.Projector.Project(ctx, string(opened.ID))
	return opened, nil
}

// HoldReconciliation takes the right to work on a reconciliation. It returns
// IN_PROGRESS while somebody else has it, and NotFound when there is none. A
// reconciliation that failed is READING again.
func (d *Desk) HoldReconciliation(ctx context.Context, id shop.ReconciliationID) (Hold, shop.Reconciliation, error) {
	if !text.IsASCII(string(id)) {
		return Hold{}, shop.Reconciliation{}, shop.NoSuch("reconciliation")
	}
	taking := books.HoldTaking{Hold: Hold{ID: id}, Owner: text.Clip(d.Replica, 40)}
	err := books.KeyedTx(ctx, d.DB, func(ctx context.Context, tx *sql.Tx) error { return taking.Take(ctx, tx, d.now()) })
	if err != nil {
		return Hold{}, shop.Reconciliation{}, err
	}
	hold := taking.Hold
	r, err := d.changeReconciliation(ctx, hold,
		func(_ context.Context, _ *sql.Tx, r *shop.Reconciliation) (*step, error) {
			if r.Status != shop.ReconciliationStatusFailed {
				return nil, nil
			}
			r.Status, r.FinishedAt = shop.ReconciliationStatusReading, nil
			return &step{kind: shop.KindReconciliationStarted, note: "again"}, nil
		})
	if err != nil {
		d.LetGoReconciliation(ctx, hold)
	}
	return hold, r, err
}

// KeepReconciliation renews the right between steps. It returns IN_PROGRESS when
// somebody else has taken over.
func (d *Desk) KeepReconciliation(ctx context.Context, hold Hold) error {
	return books.KeepHold(ctx, d.DB, hold, d.now())
}

// LetGoReconciliation gives the right back. What is lost already stays lost.
func (d *Desk) LetGoReconciliation(ctx context.Context, hold Hold) {
	err := books.LetGo(ctx, d.DB, hold)
	if err != nil { // it ends by itself
		d.Logger.WarnContext(ctx, "hold not let go", "reconciliation_id", string(hold.ID), "error", err)
	}
}

// RejectReconciliation refuses the file as a whole.
type RejectReconciliation struct {
	Hold   Hold
	Reason string // with the line number
}

// RejectReconciliation ends the reconciliation; nothing else was changed by it.
// It returns Conflict unless the file is being read.
func (d *Desk) RejectReconciliation(ctx context.Context, cmd RejectReconciliation) (shop.Reconciliation, error) {
	return d.endReading(ctx, cmd.Hold, shop.ReconciliationStatusRejected, shop.KindReconciliationRejected, cmd.Reason)
}

// FailReconciliation says that reading or planning broke off.
type FailReconciliation struct {
	Hold   Hold
	Reason string
}

// FailReconciliation leaves what was read in place: the same file again carries
// on. It returns Conflict unless the file is being read.
func (d *Desk) FailReconciliation(ctx context.Context, cmd FailReconciliation) (shop.Reconciliation, error) {
	return d.endReading(ctx, cmd.Hold, shop.ReconciliationStatusFailed, shop.KindReconciliationFailed, cmd.Reason)
}

func (d *Desk) endReading(ctx context.Context, hold Hold, status shop.ReconciliationStatus, kind,
	reason string,
) (shop.Reconciliation, error) {
	return d.changeReconciliation(ctx, hold,
		func(_ context.Context, _ *sql.Tx, r *shop.Reconciliation) (*step, error) {
			if r.Status != shop.ReconciliationStatusReading {
				return nil, reconciliationConflict(*r)
			}
			now := d.now()
			r.Status, r.FinishedAt = status, &now
			if status == shop.ReconciliationStatusRejected {
				r.Rejection = text.ClipOrNil(reason, 1000)
			}
			return &step{kind: kind, note: reason}, nil
		})
}

// reconciliationConflict says that the state does not allow what was asked.
func reconciliationConflict(r shop.Reconciliation) *shop.Error {
	return &shop.Error{
		Code: shop.Conflict, Message: "The reconciliation is " + string(r.Status) + "; it cannot be changed that way.",
		Details: map[string]any{"status": string(r.Status)},
	}
}

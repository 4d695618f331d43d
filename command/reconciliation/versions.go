package reconciliation

import (
	"context"
	"database/sql"
	"time"

	"payment-system/command/books"
	"payment-system/shop"
)

// JoinVersions says of what day a file is a version, if another comes of it.
type JoinVersions struct {
	Hold Hold
	Day  *time.Time // nil makes it a version of nothing
}

// JoinVersions notes the day. From now on whoever looks for versions of the day finds
// the file. It returns IN_PROGRESS when the hold is lost.
func (d *Desk) JoinVersions(ctx context.Context, cmd JoinVersions) error {
	_, err := d.changeReconciliation(ctx, cmd.Hold,
		func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (*step, error) {
			return nil, books.SetVersionDay(ctx, tx, r.ID, cmd.Day)
		})
	return err
}

// ReplaceVersions puts a file in the place of the versions that came before it.
type ReplaceVersions struct {
	Hold Hold
	// Former are all versions that came before and stand; the last is what Changes
	// compares with.
	Former  []shop.ReconciliationID
	Changes shop.VersionChanges
	// By is a version that came later and stands; nil for none. One that has replaced the
	// file already stays.
	By *shop.ReconciliationID
}

// ReplaceVersions marks the former versions, and makes the books due for them: what
// they found ends. It returns IN_PROGRESS when the hold is lost.
func (d *Desk) ReplaceVersions(ctx context.Context, cmd ReplaceVersions) (shop.Reconciliation, error) {
	done, err := d.changeReconciliation(ctx, cmd.Hold,
		func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (*step, error) {
			now := d.now()
			for _, id := range cmd.Former {
				if err := replaceVersion(ctx, tx, id, r.ID, now); err != nil {
					return nil, err
				}
			}
			if r.ReplacedBy == nil { // a later version may have replaced it while this one looked
				r.ReplacedBy = cmd.By
			}
			if len(cmd.Former) > 0 {
				r.Replaces, r.Changes = &cmd.Former[len(cmd.Former)-1], &cmd.Changes
			}
			return &step{kind: kindOfState(r.Status), note: "versions of its day"}, nil
		})
	if err == nil {
		d.Projector.Project(ctx, asStrings(cmd.Former)...)
	}
	return done, err
}

func replaceVersion(ctx context.Context, tx *sql.Tx, former, by shop.ReconciliationID, now time.Time) error {
	r, err := books.LockReconciliation(ctx, tx, former)
	if err != nil || r.ReplacedBy != nil {
		return err
	}
	r.ReplacedBy, r.Version = &by, r.Version+1
	err = books.SaveReconciliation(ctx, tx, r, kindOfState(r.Status), shop.ActorReconciliation, "replaced", now)
	if err != nil {
		return err
	}
	return books.SetRecheck(ctx, tx, former, &now)
}

// kindOfState is the event that leaves a file in its state.
func kindOfState(status shop.ReconciliationStatus) string {
	if kind, read := kindsOfRead[status]; read {
		return kind
	}
	return shop.KindReconciliationRead
}

func asStrings(ids []shop.ReconciliationID) []string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return texts
}

// Replaced is the Conflict that says that a newer version has taken the file's place:
// its plan is not carried out any more.
func Replaced(r shop.Reconciliation) *shop.Error {
	return &shop.Error{
		Code: shop.Conflict, Message: "A newer version of this file has come: " + string(*r.ReplacedBy) + ".",
		Details: map[string]any{"status": string(r.Status), "replacedBy": string(*r.ReplacedBy)},
	}
}

// ReadAgain begins to read a file again that another version replaced: it came again.
type ReadAgain struct{ Hold Hold }

// ReadAgain makes the file READING. It returns Conflict unless another version
// replaced it, and nothing is being carried out.
func (d *Desk) ReadAgain(ctx context.Context, cmd ReadAgain) (shop.Reconciliation, error) {
	return d.changeReconciliation(ctx, cmd.Hold,
		func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (*step, error) {
			ended := r.Status == shop.ReconciliationStatusPlanned || r.Status == shop.ReconciliationStatusApplied
			if r.ReplacedBy == nil || !ended {
				return nil, reconciliationConflict(*r)
			}
			r.Status, r.FinishedAt, r.PlanHash = shop.ReconciliationStatusReading, nil, nil
			r.Replaces, r.ReplacedBy, r.Changes = nil, nil, nil
			return &step{kind: shop.KindReconciliationStarted, note: "came again"},
				books.SetCame(ctx, tx, r.ID, d.now())
		})
}

// RecheckFiles makes the books due for files whose findings may have lost their reason.
func (d *Desk) RecheckFiles(ctx context.Context, ids []shop.ReconciliationID) error {
	return books.RecheckFiles(ctx, d.DB, ids, d.now())
}

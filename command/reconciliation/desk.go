// Package reconciliation carries out the commands about what a settlement file does
// to its own three tables: reconciliations, their rows and what they found. It moves no
// money, and knows no gateway.
package reconciliation

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"payment-system/command/books"
	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// A Desk is where settlement files are worked on. Its fields are the world: main fills
// them. All are needed.
type Desk struct {
	DB *sql.DB // the primary, opened by mysqldb
	// Projector makes read models follow before a command answers.
	Projector Projector
	Now       func() time.Time
	NewID     func(prefix string) string // unique, sortable by time
	Logger    *slog.Logger
	Replica   string // names this process in holds
}

// A Projector shows in the read models what was committed. *projections.Projector is one.
type Projector interface {
	// Project applies the unpublished events of the aggregates named. It waits a
	// bounded time and never fails: what it misses is applied in the background.
	Project(ctx context.Context, aggregateIDs ...string)
}

// A Hold is the right to work on a reconciliation.
type Hold = books.Hold

// HoldLease is how long a replica may be silent while it works on a reconciliation
// before another takes over. Every step renews it, and so does KeepReconciliation
// during a long one.
const HoldLease = books.HoldLease

// now is the time as the books keep it.
func (d *Desk) now() time.Time { return books.Moment(d.Now()) }

// A step is the event that a change of a reconciliation records: its kind, and what
// is said of it, "" for nothing.
type step struct{ kind, note string }

// changeReconciliation lets do change a reconciliation in one transaction, with
// the hold renewed; then the read models follow. A do that returns no step leaves
// the reconciliation as it is; what else it wrote stays.
func (d *Desk) changeReconciliation(ctx context.Context, hold Hold,
	do func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (*step, error),
) (shop.Reconciliation, error) {
	var after shop.Reconciliation
	err := mysqldb.InTx(ctx, d.DB, func(ctx context.Context, tx *sql.Tx) error {
		now := d.now()
		if err := books.KeepHold(ctx, tx, hold, now); err != nil {
			return err
		}
		r, err := books.LoadReconciliation(ctx, tx, hold.ID)
		if err != nil {
			return err
		}
		made, err := do(ctx, tx, &r)
		if after = r; err != nil || made == nil {
			return err
		}
		r.Version++
		after = r
		return books.SaveReconciliation(ctx, tx, r, made.kind, shop.ActorReconciliation, made.note, now)
	})
	if err != nil {
		return shop.Reconciliation{}, err
	}
	d.Projector.Project(ctx, string(hold.ID))
	return after, nil
}

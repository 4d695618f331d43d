// Package reconcile holds settlement files against the books. It never writes the
// books: what must change there is a command.
package reconcile

import (
	"cmp"
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"sync"
	"time"

	"payment-system/command"
	"payment-system/command/reconciliation"
	"payment-system/internal/failpoint"
	"payment-system/pg"
	"payment-system/pg/settlement"
	"payment-system/shop"
)

// A Reconciler holds settlement files against the books. It reads the books and
// writes them by commands alone. All fields are needed unless they say
// otherwise. A Reconciler must not be copied once used.
type Reconciler struct {
	DB    *sql.DB // the primary
	Money Money
	// Files are the commands about the files' own tables: reconciliations, their rows
	// and what they found.
	Files  *reconciliation.Desk
	Logger *slog.Logger
	Now    func() time.Time
	// AutoApplyCap is what a plan may move at the gateway by itself.
	AutoApplyCap shop.Won
	// Source is polled for files; nil polls none.
	Source *Source
	// Progress hears of each step; nil does not.
	Progress func(shop.Reconciliation)

	Chunk   int           // rows staged at once; 1,000 when zero
	MaxSize int64         // bytes of a file; 1 GiB when zero
	Window  time.Duration // how long after its day a file may still lack payments; 8 h when zero
	MaxAsks int           // how often one plan may ask a gateway; 1,000 when zero

	mu     sync.Mutex
	polled map[string]fileStamp // files of the source, as they were at the last poll
}

// Money are the commands by which a plan asks gateways, and moves money there or in
// the books. *command.Handler is one.
type Money interface {
	// AskGateway asks a gateway what it has of an attempt, and changes nothing.
	AskGateway(ctx context.Context, id shop.AttemptID) (pg.Payment, error)
	// ApplyEvidence makes the books say what a gateway said of an attempt.
	ApplyEvidence(ctx context.Context, cmd command.ApplyEvidence) (shop.Payment, error)
	// ResolveAttempt looks an attempt up, and carries on what the look-up leaves to do.
	ResolveAttempt(ctx context.Context, cmd command.ResolveAttempt) (shop.Payment, error)
	// SettleDiscrepancy carries out what is planned about one difference.
	SettleDiscrepancy(ctx context.Context, cmd command.SettleDiscrepancy) (shop.Discrepancy, error)
}

// ImportSettlement reads a settlement file and plans what to correct. The same
// file of a gateway, under whatever name, answers with the reconciliation that
// it has; where reading broke off it goes on. A file that cannot be believed as
// a whole is REJECTED, which is an answer and no error. With AutoApply the plan
// is carried out at once, unless it would move more money at the gateway than
// AutoApplyCap. It returns Invalid, with details.field, for a
// format that the gateway does not write and a file that is too large.
func (r *Reconciler) ImportSettlement(
	ctx context.Context, cmd reconciliation.ImportSettlement,
) (shop.SettlementImported, error) {
	ctx = failpoint.In(ctx, "reconcile")
	if err := checkImport(cmd); err != nil {
		return shop.SettlementImported{}, err
	}
	file, err := settlement.Spool(cmd.File.Body, cmp.Or(r.MaxSize, 1<<30))
	if err != nil {
		return shop.SettlementImported{}, err
	}
	defer r.remove(file)
	opened, err := r.Files.OpenReconciliation(ctx, reconciliation.OpenReconciliation{
		PG: cmd.PG, Format: cmd.Format, Source: sourceName(cmd.File.Name), FileHash: file.Hash, AutoApply: cmd.AutoApply,
	})
	if err != nil {
		return shop.SettlementImported{}, err
	}
	if !unfinished(opened) {
		return shop.SettlementImported{Reconciliation: opened}, nil
	}
	done, err := r.work(ctx, opened, func(j *job) error { return j.read(ctx, file, cmd.AutoApply) })
	if shop.CodeOf(err) == shop.InProgress { // somebody reads the very same file
		return shop.SettlementImported{Reconciliation: opened}, nil
	}
	return shop.SettlementImported{Reconciliation: done}, err
}

func (r *Reconciler) remove(file *settlement.File) {
	if err := file.Remove(); err != nil {
		r.Logger.Warn("temporary file not removed", "error", err)
	}
}

func unfinished(r shop.Reconciliation) bool {
	return r.Status == shop.ReconciliationStatusReading || r.Status == shop.ReconciliationStatusFailed
}

func checkImport(cmd reconciliation.ImportSettlement) error {
	formats := settlement.Formats(cmd.PG)
	switch {
	case formats == nil:
		return shop.InvalidField("pg", "There is no such gateway.")
	case !slices.Contains(formats, cmd.Format):
		return shop.InvalidField("format", "This gateway does not write files of this format.")
	case cmd.File.Body == nil:
		return shop.InvalidField("file", "Send a file.")
	}
	return nil
}

// sourceName is the file's name as it is kept.
func sourceName(name string) string {
	if name == "" {
		return "upload"
	}
	return name
}

// ApplyReconciliation carries a plan out. It returns Conflict, with the plan's
// new hash in details.planHash, when the hash names another plan or the books
// moved since; IN_PROGRESS while somebody else works on it; NotFound when there
// is none. A plan that was carried out answers as it is, and one that broke off
// goes on: nothing is done twice.
func (r *Reconciler) ApplyReconciliation(
	ctx context.Context, cmd reconciliation.ApplyReconciliation,
) (shop.ReconciliationApplied, error) {
	ctx = failpoint.In(ctx, "reconcile")
	done, err := r.work(ctx, shop.Reconciliation{ID: cmd.ID}, func(j *job) error { return j.apply(ctx, cmd.PlanHash) })
	return shop.ReconciliationApplied{Reconciliation: done}, err
}

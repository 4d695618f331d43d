// Package reconcile holds settlement files against the books. It never writes the
// books: what must change there is a command.
package reconcile

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
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
	bad    map[string]bool      // entries of the source that a case is open for
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
// AutoApplyCap. A file that was read before learns the day that it is whole for, if
// it is given now or its name says so now. It returns Invalid, with details.field, for
// a format that the gateway does not write, a file that is too large, and a day that
// has not begun or that the file contradicts.
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
	if err := r.checkDate(ctx, cmd, file); err != nil {
		return shop.SettlementImported{}, err
	}
	opened, err := r.Files.OpenReconciliation(ctx, reconciliation.OpenReconciliation{
		PG: cmd.PG, Format: cmd.Format, Source: sourceName(cmd.File.Name), FileHash: file.Hash, AutoApply: cmd.AutoApply,
		Day: cmd.Date,
	})
	if err != nil {
		return shop.SettlementImported{}, err
	}
	if r.cameAgain(ctx, opened, cmd) {
		done, err := r.work(ctx, opened, func(j *job) error { return j.readAgain(ctx, file, cmd) })
		return shop.SettlementImported{Reconciliation: done}, err
	}
	if !unfinished(opened) {
		known, err := r.learnDay(ctx, opened, cmd)
		return shop.SettlementImported{Reconciliation: known}, err
	}
	done, err := r.work(ctx, opened, func(j *job) error { return j.read(ctx, file, cmd) })
	if shop.CodeOf(err) == shop.InProgress { // somebody reads the very same file
		return shop.SettlementImported{Reconciliation: opened}, nil
	}
	return shop.SettlementImported{Reconciliation: done}, err
}

// checkDate refuses a day that was given and cannot be the file's.
func (r *Reconciler) checkDate(
	ctx context.Context, cmd reconciliation.ImportSettlement, file *settlement.File,
) error {
	if cmd.Date == nil {
		return nil
	}
	day := cmd.Date.Format(time.DateOnly)
	if day > dayOf(r.Now()) {
		return shop.InvalidField("date", "The day has not begun yet.")
	}
	_, err := file.Check(ctx, cmd.Format)
	if _, refused := errors.AsType[*settlement.Rejection](err); err != nil && !refused {
		return err
	}
	if file.Day != nil && file.Day.Format(time.DateOnly) != day {
		return shop.InvalidField("date", "The file says that it is of "+file.Day.Format(time.DateOnly)+".")
	}
	return nil
}

// learnDay tells a file that was read before what day it is whole for, if that is
// given, or its name says it now and nothing did before.
func (r *Reconciler) learnDay(
	ctx context.Context, known shop.Reconciliation, cmd reconciliation.ImportSettlement,
) (shop.Reconciliation, error) {
	day := cmd.Date
	if day == nil && known.Day == nil {
		day = dayOfName(known.Format, sourceName(cmd.File.Name), r.Now())
	}
	told := day == nil || (known.Day != nil && known.Day.Equal(*day))
	if told || known.Status == shop.ReconciliationStatusRejected {
		return known, nil
	}
	done, err := r.work(ctx, known, func(j *job) error { return j.tellDay(ctx, *day) })
	if shop.CodeOf(err) == shop.InProgress && cmd.Date == nil {
		return known, nil
	}
	return done, err
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

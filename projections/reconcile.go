package projections

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"payment-system/command"
	"payment-system/internal/failpoint"
	"payment-system/shop"
)

// A Reconciler holds settlement files against the books. It reads the books and
// writes them by commands alone. All fields are needed unless they say
// otherwise. A Reconciler must not be copied once used.
type Reconciler struct {
	DB       *sql.DB // the primary
	Commands *command.Handler
	Logger   *slog.Logger
	Now      func() time.Time
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

// announceEvery is how often progress is shown at most.
const announceEvery = 400 * time.Millisecond

// ImportSettlement reads a settlement file and plans what to correct. The same
// file of a gateway, under whatever name, answers with the reconciliation that
// it has; where reading broke off it goes on. A file that cannot be believed as
// a whole is REJECTED, which is an answer and no error. With AutoApply the plan
// is carried out at once, unless it would move more money at the gateway than
// the handler's AutoApplyCap. It returns Invalid, with details.field, for a
// format that the gateway does not write and a file that is too large.
func (r *Reconciler) ImportSettlement(ctx context.Context, cmd command.ImportSettlement) (shop.SettlementImported, error) {
	ctx = failpoint.In(ctx, "reconcile")
	if err := checkImport(cmd); err != nil {
		return shop.SettlementImported{}, err
	}
	file, err := spool(cmd.File.Body, cmp.Or(r.MaxSize, 1<<30))
	if err != nil {
		return shop.SettlementImported{}, err
	}
	defer file.remove(r.Logger)
	opened, err := r.Commands.OpenReconciliation(ctx, command.OpenReconciliation{
		PG: cmd.PG, Format: cmd.Format, Source: sourceName(cmd.File.Name), FileHash: file.hash, AutoApply: cmd.AutoApply,
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

func unfinished(r shop.Reconciliation) bool {
	return r.Status == shop.ReconciliationStatusReading || r.Status == shop.ReconciliationStatusFailed
}

func checkImport(cmd command.ImportSettlement) error {
	formats := formatsOf(cmd.PG)
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
func (r *Reconciler) ApplyReconciliation(ctx context.Context, cmd command.ApplyReconciliation) (shop.ReconciliationApplied, error) {
	ctx = failpoint.In(ctx, "reconcile")
	done, err := r.work(ctx, shop.Reconciliation{ID: cmd.ID}, func(j *job) error { return j.apply(ctx, cmd.PlanHash) })
	return shop.ReconciliationApplied{Reconciliation: done}, err
}

// A job is the work on one reconciliation, under its hold.
type job struct {
	reconciler *Reconciler
	books      reader
	hold       command.ReconciliationHold
	rec        shop.Reconciliation // as it is now
	day        *time.Time          // the one business day that the file is about; nil when its rows say
	announced  time.Time
}

// work takes the hold, lets do work, and lets go. What broke off while the file
// was read is noted as FAILED, unless it was only asked to stop.
func (r *Reconciler) work(ctx context.Context, rec shop.Reconciliation, do func(*job) error) (shop.Reconciliation, error) {
	hold, rec, err := r.Commands.HoldReconciliation(ctx, rec.ID)
	if err != nil {
		return shop.Reconciliation{}, err
	}
	defer r.Commands.LetGoReconciliation(ctx, hold)
	defer r.renewHold(ctx, hold)()
	j := &job{reconciler: r, books: reader{r.DB}, hold: hold, rec: rec}
	err = do(j)
	if err != nil && ctx.Err() == nil && shop.CodeOf(err) == shop.Internal && j.rec.Status == shop.ReconciliationStatusReading {
		_, failed := r.Commands.FailReconciliation(ctx, command.FailReconciliation{Hold: hold, Reason: "reading broke off"})
		err = errors.Join(err, failed)
	}
	return j.rec, err
}

// renewHold renews the hold until done is called: a step over a long file takes longer
// than a replica may be silent. A hold that is lost is found out by the next step.
func (r *Reconciler) renewHold(ctx context.Context, hold command.ReconciliationHold) (done func()) {
	ctx, cancel := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() {
		ticker := time.NewTicker(command.ReconciliationLease / 4)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := r.Commands.KeepReconciliation(ctx, hold); err != nil && ctx.Err() == nil {
				r.Logger.WarnContext(ctx, "hold not renewed", "reconciliation_id", string(hold.ID), "error", err)
			}
		}
	})
	return func() {
		cancel()
		keeping.Wait()
	}
}

// mayAnnounce reports whether progress may be shown again, and notes that it is.
func (j *job) mayAnnounce() bool {
	if now := j.reconciler.Now(); now.Sub(j.announced) >= announceEvery {
		j.announced = now
		return true
	}
	return false
}

// became notes how the reconciliation is now.
func (j *job) became(rec shop.Reconciliation, err error) error {
	if err != nil {
		return err
	}
	j.rec = rec
	if j.reconciler.Progress != nil {
		j.reconciler.Progress(rec)
	}
	return nil
}

// read reads the file, plans and, when it may, carries the plan out.
func (j *job) read(ctx context.Context, file *spooledFile, autoApply bool) error {
	err := j.stage(ctx, file)
	if refused, ok := errors.AsType[*rejection](err); ok {
		return j.became(j.reconciler.Commands.RejectReconciliation(ctx, command.RejectReconciliation{Hold: j.hold, Reason: refused.Error()}))
	}
	if err != nil {
		return fmt.Errorf("read settlement file %s: %w", j.rec.ID, err)
	}
	if err := j.plan(ctx); err != nil {
		return fmt.Errorf("plan %s: %w", j.rec.ID, err)
	}
	if !autoApply {
		return nil
	}
	return j.autoApply(ctx)
}

// stage reads the file twice: once to find out whether it can be believed, and
// once to store its rows, from where an earlier run broke off.
func (j *job) stage(ctx context.Context, file *spooledFile) error {
	total, err := file.check(ctx, j.rec.Format)
	if err != nil {
		return err
	}
	j.day = cmp.Or(file.day, dayOfName(j.rec))
	var staged int
	err = j.books.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(line), 0) FROM settlement_rows WHERE reconciliation_id = ?`, string(j.rec.ID)).Scan(&staged)
	if err != nil {
		return fmt.Errorf("read how far reading came: %w", err)
	}
	rows, err := file.open(j.rec.Format)
	if err != nil {
		return err
	}
	s := staging{job: j, total: total, after: staged}
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return s.flush(ctx)
		}
		if err != nil {
			return err
		}
		if err := s.add(ctx, row); err != nil {
			return err
		}
	}
}

// staging stores rows in chunks.
type staging struct {
	job   *job
	total int // rows in the file
	read  int // rows read so far
	after int // the last line that is stored already
	chunk []command.SettlementRow
	bytes int
}

// maxChunkBytes bounds a chunk of long rows.
const maxChunkBytes = 1 << 20

func (s *staging) add(ctx context.Context, row command.SettlementRow) error {
	s.read++
	if row.Line <= s.after {
		return nil
	}
	s.chunk = append(s.chunk, row)
	s.bytes += len(row.Raw)
	if len(s.chunk) < cmp.Or(s.job.reconciler.Chunk, 1000) && s.bytes < maxChunkBytes {
		return nil
	}
	return s.flush(ctx)
}

func (s *staging) flush(ctx context.Context) error {
	if len(s.chunk) == 0 {
		return ctx.Err()
	}
	announce := s.job.mayAnnounce()
	rec, err := s.job.reconciler.Commands.StageRows(ctx, command.StageRows{
		Hold: s.job.hold, Rows: s.chunk, Announce: announce, Total: s.read, Percent: min(99, percentOf(s.read, s.total)),
	})
	s.chunk, s.bytes = s.chunk[:0], 0
	if err != nil || !announce {
		return err
	}
	return s.job.became(rec, nil)
}

func percentOf(part, whole int) int {
	if whole == 0 {
		return 100
	}
	return int(int64(part) * 100 / int64(whole))
}

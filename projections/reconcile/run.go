package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"payment-system/command/reconciliation"
	"payment-system/pg/settlement"
	"payment-system/shop"
)

// announceEvery is how often progress is shown at most.
const announceEvery = 400 * time.Millisecond

// A job is the work on one reconciliation, under its hold.
type job struct {
	reconciler *Reconciler
	books      reader
	hold       reconciliation.Hold
	rec        shop.Reconciliation // as it is now
	day        *time.Time          // the business day that the file is whole for; nil when its rows say, or nothing
	announced  time.Time
}

// work takes the hold, lets do work, and lets go. What broke off while the file
// was read is noted as FAILED, unless it was only asked to stop.
func (r *Reconciler) work(
	ctx context.Context, rec shop.Reconciliation, do func(*job) error,
) (shop.Reconciliation, error) {
	hold, rec, err := r.Files.HoldReconciliation(ctx, rec.ID)
	if err != nil {
		return shop.Reconciliation{}, err
	}
	defer r.Files.LetGoReconciliation(ctx, hold)
	defer r.renewHold(ctx, hold)()
	j := &job{reconciler: r, books: reader{r.DB}, hold: hold, rec: rec, day: rec.Day}
	err = do(j)
	if err != nil && ctx.Err() == nil && shop.CodeOf(err) == shop.Internal &&
		j.rec.Status == shop.ReconciliationStatusReading {
		_, failed := r.Files.FailReconciliation(ctx, reconciliation.FailReconciliation{Hold: hold, Reason: "reading broke off"})
		err = errors.Join(err, failed)
	}
	return j.rec, err
}

// renewHold renews the hold until done is called: a step over a long file takes longer
// than a replica may be silent. A hold that is lost is found out by the next step.
func (r *Reconciler) renewHold(ctx context.Context, hold reconciliation.Hold) (done func()) {
	ctx, cancel := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() {
		ticker := time.NewTicker(reconciliation.HoldLease / 4)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := r.Files.KeepReconciliation(ctx, hold); err != nil && ctx.Err() == nil {
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
func (j *job) read(ctx context.Context, file *settlement.File, cmd reconciliation.ImportSettlement) error {
	err := j.stage(ctx, file, cmd.Date)
	if refused, ok := errors.AsType[*settlement.Rejection](err); ok {
		return j.became(j.reconciler.Files.RejectReconciliation(ctx, reconciliation.RejectReconciliation{
			Hold: j.hold, Reason: refused.Error(),
		}))
	}
	if err != nil {
		return fmt.Errorf("read settlement file %s: %w", j.rec.ID, err)
	}
	if err := j.replaceFormer(ctx); err != nil {
		return fmt.Errorf("find the versions of %s: %w", j.rec.ID, err)
	}
	others, err := j.dueOthers(ctx)
	if err != nil {
		return fmt.Errorf("find what %s ends: %w", j.rec.ID, err)
	}
	if err := j.plan(ctx); err != nil {
		return fmt.Errorf("plan %s: %w", j.rec.ID, err)
	}
	if err := j.recheck(ctx, others); err != nil {
		return fmt.Errorf("end what %s replaces: %w", j.rec.ID, err)
	}
	if j.rec.ReplacedBy != nil {
		due, err := j.booksDue(ctx)
		if err != nil {
			return err
		}
		return j.endReplaced(ctx, due)
	}
	if !cmd.AutoApply {
		return nil
	}
	return j.autoApply(ctx)
}

// stage reads the file twice: once to find out whether it can be believed, and
// once to store its rows, from where an earlier run broke off.
func (j *job) stage(ctx context.Context, file *settlement.File, given *time.Time) error {
	total, err := file.Check(ctx, j.rec.Format)
	if err != nil {
		return err
	}
	j.day = cmp.Or(given, file.Day, j.rec.Day, dayOfName(j.rec.Format, j.rec.Source, j.reconciler.Now()))
	var staged int
	err = j.books.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(line), 0) FROM settlement_rows
		WHERE reconciliation_id = ?`, string(j.rec.ID)).Scan(&staged)
	if err != nil {
		return fmt.Errorf("read how far reading came: %w", err)
	}
	rows, err := file.Open(j.rec.Format)
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
	chunk []shop.SettlementRow
	bytes int
}

// maxChunkBytes bounds a chunk of long rows.
const maxChunkBytes = 1 << 20

func (s *staging) add(ctx context.Context, row shop.SettlementRow) error {
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
	rec, err := s.job.reconciler.Files.StageRows(ctx, reconciliation.StageRows{
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

// Package jobs runs a job once in a window of time, however many replicas try. Schedulers and
// locks cannot promise that; a unique row with a lease and a fence can.
package jobs

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"payment-system/internal/mysqldb"
)

// Runs claims windows of jobs in the table job_runs. Leases are counted by the database's clock,
// the only one that replicas share.
type Runs struct {
	DB     *sql.DB
	Owner  string       // names this replica
	Logger *slog.Logger // nil logs nothing
	// Lease is how long a run may be silent before another replica takes it
	// over; 30 s when zero. It is renewed while the job runs.
	Lease time.Duration
}

// ErrLost is the cause of the context of a run whose lease another replica took over.
var ErrLost = errors.New("another replica has taken the run over")

// keep is how long runs stay to be looked at, counted from their end: the name of a window says
// nothing of its age.
const keep = 7 * 24 * time.Hour

// Once runs the job unless its window has been done, or another replica is at it, and reports
// whether it ran here. The context of run ends when the lease is lost; fence grows with every
// claim of the window. A run that fails counts as done: the next window tries again. Only a run
// whose replica died is taken over.
func (r *Runs) Once(ctx context.Context, job string, window time.Time, run func(ctx context.Context, fence int64) error) (ran bool, err error) {
	c := &claim{runs: r, job: job, window: window}
	if mine, err := c.take(ctx); err != nil || !mine {
		return false, err
	}
	err = c.hold(ctx, run)
	// What was done is recorded even by a process that is being stopped.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return true, errors.Join(err, c.finish(ctx, err))
}

func (r *Runs) lease() time.Duration { return cmp.Or(r.Lease, 30*time.Second) }

// A claim is one window of one job, claimed by this replica.
type claim struct {
	runs   *Runs
	job    string
	window time.Time
	fence  int64
}

// take claims the window, and reports whether it is ours. Most windows that are
// asked for are done, or somebody is at them: a look tells, and nothing is written.
func (c *claim) take(ctx context.Context) (bool, error) {
	const look = `SELECT finished_at IS NULL AND lease_until < UTC_TIMESTAMP(6) FROM job_runs
WHERE job = ? AND window_start = ?`
	var silent bool
	switch err := c.runs.DB.QueryRowContext(ctx, look, c.job, c.window).Scan(&silent); {
	case errors.Is(err, sql.ErrNoRows):
		return c.takeFirst(ctx)
	case err != nil:
		return false, fmt.Errorf("look at a run of %s: %w", c.job, err)
	case !silent:
		return false, nil
	}
	return c.takeOver(ctx)
}

// takeFirst claims a window that nobody has claimed, unless somebody is faster.
func (c *claim) takeFirst(ctx context.Context) (bool, error) {
	const insert = `INSERT INTO job_runs (job, window_start, owner, lease_until, fence, started_at)
VALUES (?, ?, ?, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, 1, UTC_TIMESTAMP(6))`
	_, err := mysqldb.Alone(c.runs.DB).ExecContext(ctx, insert, c.job, c.window, c.runs.Owner, c.runs.lease().Microseconds())
	if err == nil {
		c.fence = 1
		return true, nil
	}
	if !mysqldb.IsDuplicate(err, "PRIMARY") {
		return false, fmt.Errorf("claim a run of %s: %w", c.job, err)
	}
	return c.takeOver(ctx)
}

// takeOver claims a window whose owner has fallen silent.
func (c *claim) takeOver(ctx context.Context) (bool, error) {
	err := mysqldb.InTx(ctx, c.runs.DB, func(ctx context.Context, tx *sql.Tx) error {
		const update = `UPDATE job_runs SET owner = ?, fence = fence + 1, lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
WHERE job = ? AND window_start = ? AND finished_at IS NULL AND lease_until < UTC_TIMESTAMP(6)`
		err := mysqldb.ExecOne(ctx, tx, update, c.runs.Owner, c.runs.lease().Microseconds(), c.job, c.window)
		if errors.Is(err, mysqldb.ErrStale) {
			return errTaken
		}
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT fence FROM job_runs WHERE job = ? AND window_start = ?`, c.job, c.window).Scan(&c.fence)
	})
	if errors.Is(err, errTaken) {
		return false, nil
	}
	return err == nil, err
}

// errTaken says that the window is done or somebody else's.
var errTaken = errors.New("the window is taken")

// hold runs the job and renews the lease until it returns.
func (c *claim) hold(ctx context.Context, run func(context.Context, int64) error) error {
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	done := make(chan struct{})
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		c.renew(ctx, done, lose)
	}()
	defer func() { close(done); <-renewing }()
	return run(ctx, c.fence)
}

// renew keeps the lease until done is closed, and calls lose when it cannot.
func (c *claim) renew(ctx context.Context, done <-chan struct{}, lose context.CancelCauseFunc) {
	ticker := time.NewTicker(c.runs.lease() / 3)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		const update = `UPDATE job_runs SET lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
WHERE job = ? AND window_start = ? AND owner = ? AND fence = ? AND finished_at IS NULL`
		err := mysqldb.ExecOne(ctx, mysqldb.Alone(c.runs.DB), update, c.runs.lease().Microseconds(), c.job, c.window,
			c.runs.Owner, c.fence)
		if errors.Is(err, mysqldb.ErrStale) {
			lose(ErrLost)
			return
		}
		if err != nil && ctx.Err() == nil {
			c.logger().WarnContext(ctx, "lease of a run not renewed", "job", c.job, "error", err)
		}
	}
}

// finish records how the run ended, if it is still ours, and forgets old ones.
func (c *claim) finish(ctx context.Context, result error) error {
	var text any
	if result != nil {
		text = clip(result.Error(), 500)
	}
	const update = `UPDATE job_runs SET finished_at = UTC_TIMESTAMP(6), error = ? WHERE job = ? AND window_start = ? AND owner = ? AND fence = ?`
	err := mysqldb.ExecOne(ctx, mysqldb.Alone(c.runs.DB), update, text, c.job, c.window, c.runs.Owner, c.fence)
	if errors.Is(err, mysqldb.ErrStale) {
		return ErrLost
	}
	if err != nil {
		return fmt.Errorf("record the end of a run of %s: %w", c.job, err)
	}
	// The database's clock says how long ago a run ended, for it wrote the end down. A run whose
	// replica died, and which nobody took over, ended with its lease.
	const forget = `DELETE FROM job_runs
WHERE job = ? AND COALESCE(finished_at, lease_until) < UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND`
	if _, err := mysqldb.Alone(c.runs.DB).ExecContext(ctx, forget, c.job, keep.Microseconds()); err != nil {
		c.logger().WarnContext(ctx, "old runs not forgotten", "job", c.job, "error", err)
	}
	return nil
}

func (c *claim) logger() *slog.Logger {
	if c.runs.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.runs.Logger
}

// clip cuts s to at most n characters.
func clip(s string, n int) string {
	runes := []rune(s)
	return string(runes[:min(n, len(runes))])
}

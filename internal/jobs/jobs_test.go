package jobs_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/internal/jobs"
	"payment-system/internal/mysqltest"
)

func TestRuns_Once(t *testing.T) {
	t.Parallel()
	window := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)

	t.Run("many replicas run a window once", func(t *testing.T) {
		t.Parallel()
		db := mysqltest.New(t)
		var runs atomic.Int32
		var replicas sync.WaitGroup
		for i := range 8 {
			replicas.Go(func() {
				r := &jobs.Runs{DB: db, Owner: fmt.Sprint("replica-", i)}
				if _, err := r.Once(t.Context(), "poll", window, func(context.Context, int64) error {
					runs.Add(1)
					return nil
				}); err != nil {
					t.Error(err)
				}
			})
		}
		replicas.Wait()
		if got := runs.Load(); got != 1 {
			t.Errorf("the window ran %d times", got)
		}
	})

	t.Run("the next window runs again, and so does another job", func(t *testing.T) {
		t.Parallel()
		r := &jobs.Runs{DB: mysqltest.New(t), Owner: "a"}
		for _, run := range []struct {
			job    string
			window time.Time
			want   bool
		}{{"poll", window, true}, {"poll", window, false}, {"poll", window.Add(time.Minute), true}, {"sweep", window, true}} {
			ran, err := r.Once(t.Context(), run.job, run.window, func(context.Context, int64) error { return nil })
			if err != nil || ran != run.want {
				t.Errorf("%s at %s: ran %t, %v; want %t", run.job, run.window, ran, err, run.want)
			}
		}
	})

	t.Run("a failed run is recorded and not repeated", func(t *testing.T) {
		t.Parallel()
		db := mysqltest.New(t)
		r := &jobs.Runs{DB: db, Owner: "a"}
		broken := errors.New("broken")
		if ran, err := r.Once(t.Context(), "poll", window, func(context.Context, int64) error { return broken }); !ran || !errors.Is(err, broken) {
			t.Fatalf("ran %t, %v", ran, err)
		}
		if ran, err := r.Once(t.Context(), "poll", window, func(context.Context, int64) error { return nil }); ran || err != nil {
			t.Fatalf("ran again: %t, %v", ran, err)
		}
		var text string
		if err := db.QueryRowContext(t.Context(), `SELECT error FROM job_runs`).Scan(&text); err != nil || text != "broken" {
			t.Errorf("recorded %q, %v", text, err)
		}
	})

	t.Run("a silent replica is taken over and fenced off", func(t *testing.T) {
		t.Parallel()
		db := mysqltest.New(t)
		slow := &jobs.Runs{DB: db, Owner: "slow", Lease: time.Second}
		fast := &jobs.Runs{DB: db, Owner: "fast"}
		var lost error
		_, err := slow.Once(t.Context(), "poll", window, func(ctx context.Context, fence int64) error {
			takeOver(ctx, t, db, fast, window, fence)
			select {
			case <-ctx.Done():
				lost = context.Cause(ctx)
			case <-time.After(10 * time.Second):
			}
			return nil
		})
		if !errors.Is(lost, jobs.ErrLost) || !errors.Is(err, jobs.ErrLost) {
			t.Errorf("the slow replica saw %v and returned %v, want ErrLost", lost, err)
		}
	})
}

// takeOver lets the lease pass, as if its owner had stood still, and runs the window as another.
func takeOver(ctx context.Context, t *testing.T, db *sql.DB, as *jobs.Runs, window time.Time, after int64) {
	t.Helper()
	if _, err := db.ExecContext(ctx, `UPDATE job_runs SET lease_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND`); err != nil {
		t.Fatal(err)
	}
	ran, err := as.Once(ctx, "poll", window, func(_ context.Context, fence int64) error {
		if fence <= after {
			t.Errorf("fence %d after %d", fence, after)
		}
		return nil
	})
	if !ran || err != nil {
		t.Fatalf("not taken over: %t, %v", ran, err)
	}
}

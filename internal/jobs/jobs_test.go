package jobs_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/internal/jobs"
	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
)

func TestRuns_Once(t *testing.T) {
	t.Parallel()
	window := testclock.Now().Truncate(time.Hour)

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

	t.Run("a claim that waited for another in vain is made again", func(t *testing.T) {
		t.Parallel()
		dsn := mysqltest.DSN(t)
		db := shoptest.Must(mysqldb.Open(t.Context(), dsn, mysqldb.Config{LockWait: time.Second}))(t)
		defer db.Close()
		other := shoptest.Must(db.BeginTx(t.Context(), nil))(t)
		if _, err := other.ExecContext(t.Context(), `INSERT INTO job_runs (job, window_start, owner, lease_until, fence, started_at)
VALUES ('poll', ?, 'other', UTC_TIMESTAMP(6), 1, UTC_TIMESTAMP(6))`, window); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(1500*time.Millisecond, func() { _ = other.Rollback() })
		r := &jobs.Runs{DB: db, Owner: "a"}
		if ran, err := r.Once(t.Context(), "poll", window, func(context.Context, int64) error { return nil }); !ran || err != nil {
			t.Errorf("ran %t, %v; want it to run", ran, err)
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

func TestRuns_Once_forgets(t *testing.T) {
	t.Parallel()
	now := testclock.Now().Truncate(time.Hour)

	t.Run("a run is remembered from its end on, whatever its window is called", func(t *testing.T) {
		t.Parallel()
		r := &jobs.Runs{DB: mysqltest.New(t), Owner: "a"}
		for _, years := range []int{-1000, -20, -1, 0, 1, 20, 1000} {
			window := now.AddDate(years, 0, 0)
			for _, want := range []bool{true, false} {
				if ran := once(t, r, window); ran != want {
					t.Errorf("the window %s ran: %t, want %t", window, ran, want)
				}
			}
		}
	})

	t.Run("what ended more than a week ago is forgotten, and nothing else", func(t *testing.T) {
		t.Parallel()
		db := mysqltest.New(t)
		r := &jobs.Runs{DB: db, Owner: "a"}
		windows := map[string]time.Time{}
		for i, name := range []string{"ended long ago", "ended lately", "died long ago", "died lately", "runs"} {
			windows[name] = now.AddDate(-i, 0, 0)
			once(t, r, windows[name])
		}
		for name, change := range map[string]string{
			"ended long ago": "finished_at = UTC_TIMESTAMP(6) - INTERVAL 169 HOUR",
			"ended lately":   "finished_at = UTC_TIMESTAMP(6) - INTERVAL 167 HOUR, lease_until = UTC_TIMESTAMP(6) - INTERVAL 169 HOUR",
			"died long ago":  "finished_at = NULL, lease_until = UTC_TIMESTAMP(6) - INTERVAL 169 HOUR",
			"died lately":    "finished_at = NULL, lease_until = UTC_TIMESTAMP(6) - INTERVAL 167 HOUR",
			"runs":           "finished_at = NULL, started_at = UTC_TIMESTAMP(6) - INTERVAL 169 HOUR",
		} {
			if _, err := db.ExecContext(t.Context(), `UPDATE job_runs SET `+change+` WHERE window_start = ?`, windows[name]); err != nil {
				t.Fatal(err)
			}
		}
		if !once(t, r, now.Add(time.Hour)) {
			t.Fatal("the next window did not run")
		}
		for name, window := range windows {
			var rows int
			if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM job_runs WHERE window_start = ?`, window).Scan(&rows); err != nil {
				t.Fatal(err)
			}
			if kept := rows == 1; kept == strings.Contains(name, "long ago") {
				t.Errorf("the run that %s is kept: %t", name, kept)
			}
		}
	})
}

// once runs a window that does nothing, and reports whether it ran here.
func once(t *testing.T, r *jobs.Runs, window time.Time) bool {
	t.Helper()
	ran, err := r.Once(t.Context(), "poll", window, func(context.Context, int64) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return ran
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

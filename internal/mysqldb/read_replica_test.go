package mysqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"testing"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
)

// A pair is a primary and a server that follows it when the test says so.
type pair struct {
	*mysqldb.ReadReplica
	t     *testing.T
	clock time.Time
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{t: t, clock: testclock.Now()}
	p.ReadReplica = &mysqldb.ReadReplica{
		DB: numbers(t), Primary: numbers(t), Position: "SELECT n FROM numbers", MaxLag: 30 * time.Second,
		Now: func() time.Time { return p.clock }, Logger: slog.New(slog.DiscardHandler),
	}
	return p
}

func numbers(t *testing.T) *sql.DB {
	t.Helper()
	db, err := mysqldb.Open(t.Context(), mysqltest.Empty(t), mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	shoptest.Exec(t, db, "CREATE TABLE numbers (n BIGINT NOT NULL)")
	shoptest.Exec(t, db, "INSERT INTO numbers VALUES (1)")
	return db
}

func (p *pair) set(db *sql.DB, n int) {
	p.t.Helper()
	shoptest.Exec(p.t, db, "UPDATE numbers SET n = ?", n)
}

// after looks when time has gone on.
func (p *pair) after(d time.Duration) {
	p.t.Helper()
	p.clock = p.clock.Add(d)
	p.Look(p.t.Context())
}

func (p *pair) want(when string, isUp bool, lag time.Duration) {
	p.t.Helper()
	if p.IsUp() != isUp || p.Lag() != lag {
		p.t.Errorf("%s: up %v, lag %s; want %v, %s", when, p.IsUp(), p.Lag(), isUp, lag)
	}
}

// asked is whom a query is asked of.
func (p *pair) asked() *sql.DB {
	p.t.Helper()
	var asked *sql.DB
	err := p.Ask(p.t.Context(), func(_ context.Context, db *sql.DB) error {
		asked = db
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return asked
}

func TestReadReplica(t *testing.T) {
	t.Parallel()

	t.Run("one that follows is asked, one that lags rests until it has come up", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		p.want("before a look", false, 0)
		p.after(0)
		p.want("level", true, 0)
		if p.asked() != p.DB {
			t.Error("the primary is asked")
		}
		p.set(p.Primary, 2)
		p.after(time.Second)
		p.set(p.Primary, 3)
		p.after(20 * time.Second)
		p.want("behind for 20 s", true, 20*time.Second)
		p.after(11 * time.Second)
		p.want("behind for 31 s", false, 31*time.Second)
		if p.asked() != p.Primary {
			t.Error("the read replica is asked while it rests")
		}
		p.set(p.DB, 2)
		p.after(time.Second)
		p.want("it has what came 32 s ago, and not what came 12 s ago", true, 12*time.Second)
		p.set(p.DB, 3)
		p.after(time.Second)
		p.want("level again", true, 0)
		p.after(time.Hour)
		p.want("level, and nothing happens", true, 0)
	})

	t.Run("one that was behind at the start rests until it has what was there", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		p.set(p.Primary, 5)
		p.after(0)
		p.after(time.Second)
		if p.IsUp() {
			t.Error("it is asked, and nobody knows how old it is")
		}
		p.set(p.Primary, 6)
		p.set(p.DB, 5)
		p.after(time.Second)
		p.want("it has what was there at the start", true, 0)
	})

	t.Run("one that lacks what is needed rests", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		fault := errors.New("another schema")
		p.Check = func(context.Context, *sql.DB) error { return fault }
		p.after(0)
		p.want("at the start", false, 0)
		fault = nil
		p.after(time.Second)
		p.want("when it is mended", true, 0)
	})

	t.Run("one that fails rests, and the query is answered by the primary", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		p.after(0)
		shoptest.Exec(t, p.DB, "DROP TABLE numbers")
		var n int
		err := p.Ask(t.Context(), func(ctx context.Context, db *sql.DB) error {
			return db.QueryRowContext(ctx, "SELECT n FROM numbers").Scan(&n)
		})
		if err != nil || n != 1 {
			t.Errorf("answered %d, %v", n, err)
		}
		p.want("after the failure", false, 0)
		p.after(time.Second)
		p.want("while it lasts", false, 0)
		if err := p.DB.Close(); err != nil {
			t.Fatal(err)
		}
		p.after(time.Second)
		p.want("gone", false, 0)
	})

	t.Run("who asks when it begins to rest is interrupted, and asks the primary", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		p.after(0)
		asking := make(chan struct{})
		answered := make(chan error, 1)
		go func() {
			answered <- p.Ask(t.Context(), func(ctx context.Context, db *sql.DB) error {
				if db == p.Primary {
					return nil
				}
				close(asking)
				return db.QueryRowContext(ctx, "SELECT SLEEP(60)").Err()
			})
		}()
		<-asking
		p.set(p.Primary, 2)
		p.after(time.Second)
		p.after(time.Minute)
		p.want("a minute behind", false, time.Minute)
		if err := <-answered; err != nil {
			t.Errorf("the primary was not asked: %v", err)
		}
	})

	t.Run("who hangs up asks nobody, and blames nobody", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		p.after(0)
		ctx, cancel := context.WithCancel(t.Context())
		err := p.Ask(ctx, func(ctx context.Context, db *sql.DB) error {
			cancel()
			return ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		p.want("afterwards", true, 0)
	})

	t.Run("without a primary it is asked still", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		p.after(0)
		if err := p.Primary.Close(); err != nil {
			t.Fatal(err)
		}
		p.after(time.Second)
		p.want("the primary is gone", true, 0)
	})
}

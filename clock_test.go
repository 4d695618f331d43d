package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"payment-system/command/reconciliation"
	"payment-system/projections/reconcile"
)

// A diary is a log that can be read while it is written.
type diary struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write keeps the text.
func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *diary) count(words string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Count(d.text.String(), words)
}

// TestApp_clock sets the clock of a replica a minute ahead, and right again.
func TestApp_clock(t *testing.T) {
	t.Parallel()
	w := openWatchtower(t)
	log := &diary{}
	w.logger = slog.New(slog.NewTextHandler(log, nil))
	w.settings = &settings{ReconcileEvery: time.Hour}
	w.reads = w.db
	w.reconciler = &reconcile.Reconciler{DB: w.db, Money: w.commands, Logger: w.logger, Now: w.world.now}
	w.reconciler.Files = &reconciliation.Desk{DB: w.db, Projector: w.projector, Now: w.world.now, NewID: w.world.newID, Logger: w.logger, Replica: "tower"}
	ready := func() error { return w.app.ready(t.Context()) }
	if err := ready(); err != nil {
		t.Errorf("with a clock that is right it is not ready: %v", err)
	}
	w.advance(time.Minute)
	if err := ready(); err == nil || !strings.Contains(err.Error(), "ahead of the database server's") {
		t.Errorf("with a clock that is a minute ahead, ready returns %v", err)
	}

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.runJobs(ctx) }()
	await := func(what string, holds func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("waited in vain for %s", what)
			}
		}
	}
	waits := func(n int) {
		t.Helper()
		before := log.count("jobs wait until the clock is right")
		await("the jobs to wait", func() bool { return log.count("jobs wait until the clock is right") >= before+n })
	}
	handled := func() (n int) {
		t.Helper()
		w.must(w.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM webhook_inbox WHERE handled_at IS NOT NULL`).Scan(&n))
		return n
	}
	const insert = `INSERT INTO webhook_inbox (pg, dedup_key, event_type, attempt_ref, payment_key, secret, body, received_at, next_try_at)
VALUES ('TOSS', ?, 'PAYMENT_STATUS_CHANGED', '', 'nobody', '', '{}', UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR)`

	w.exec(insert, "first")
	waits(2)
	if n := handled(); n != 0 {
		t.Error("jobs run with a clock that is a minute ahead")
	}
	w.advance(-time.Minute)
	await("the jobs to run", func() bool { return handled() == 1 })
	w.advance(-time.Minute)
	waits(2)
	w.exec(insert, "second")
	waits(2)
	if n := handled(); n != 1 {
		t.Error("jobs run with a clock that is a minute behind")
	}
	w.advance(time.Minute)
	await("the jobs to run again", func() bool { return handled() == 2 })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

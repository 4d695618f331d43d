package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"payment-system/internal/shoptest"
)

// TestApp_clock sets the clock of a replica a minute ahead, and right again.
func TestApp_clock(t *testing.T) {
	t.Parallel()
	m := openMeteredApp(t)
	log := &shoptest.Log{}
	m.logger = log.Logger()
	m.settings = &settings{ReconcileEvery: time.Hour}
	m.reads = m.db
	m.reconciler = m.shop.Reconciler()
	m.reconciler.Logger = m.logger
	ready := func() error { return m.app.ready(t.Context()) }
	if err := ready(); err != nil {
		t.Errorf("with a clock that is right it is not ready: %v", err)
	}
	m.advance(time.Minute)
	if err := ready(); err == nil || !strings.Contains(err.Error(), "ahead of the database server's") {
		t.Errorf("with a clock that is a minute ahead, ready returns %v", err)
	}

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.runJobs(ctx) }()
	waits := func(n int) {
		t.Helper()
		waited := func() int { return len(log.Lines("jobs wait until the clock is right")) }
		before := waited()
		shoptest.Eventually(t, "the jobs wait", func() bool { return waited() >= before+n })
	}
	handled := func() int {
		t.Helper()
		return shoptest.Count(t, m.db, `SELECT COUNT(*) FROM webhook_inbox WHERE handled_at IS NOT NULL`)
	}
	const insert = `INSERT INTO webhook_inbox (pg, dedup_key, event_type, attempt_ref, payment_key, secret, body, received_at, next_try_at)
VALUES ('TOSS', ?, 'PAYMENT_STATUS_CHANGED', '', 'nobody', '', '{}', UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR)`

	m.exec(insert, "first")
	waits(2)
	if n := handled(); n != 0 {
		t.Error("jobs run with a clock that is a minute ahead")
	}
	m.advance(-time.Minute)
	shoptest.Eventually(t, "the jobs run", func() bool { return handled() == 1 })
	m.advance(-time.Minute)
	waits(2)
	m.exec(insert, "second")
	waits(2)
	if n := handled(); n != 1 {
		t.Error("jobs run with a clock that is a minute behind")
	}
	m.advance(time.Minute)
	shoptest.Eventually(t, "the jobs run again", func() bool { return handled() == 2 })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

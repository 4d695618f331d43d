package schedule_test

import (
	"context"
	"database/sql"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/internal/mysqltest"
	"payment-system/internal/testclock"
)

// TestSchedule_due proves that a job runs as soon as there is work for it, and seldom
// while there is none.
func TestSchedule_due(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, insert string
		runs         func(*scheduleCalls) *atomic.Int32
	}{
		{
			"an attempt whose look-up is due", `INSERT INTO attempts
	(id, payment_id, pg, status, ready_key, approve_key, pg_token,
	secret, return_url, method, installment_months, captured_amount, refunded_amount, started_at, check_at)
VALUES ('att_1', 'pay_1', 'KAKAO', 'READY', '', '', '', '', '', '', 0, 0, 0, ?, ?)`,
			func(c *scheduleCalls) *atomic.Int32 { return &c.resolved },
		},
		{
			"an order whose time is over", `INSERT INTO orders
	(id, user_id, status, total, tax_free_total, placed_at, expires_at, version)
VALUES ('ord_1', 'usr_1', 'PLACED', 1, 0, ?, ?, 1)`,
			func(c *scheduleCalls) *atomic.Int32 { return &c.expired },
		},
		{
			"a webhook", `INSERT INTO webhook_inbox
	(pg, dedup_key, event_type, attempt_ref, payment_key, secret, body, received_at, next_try_at)
VALUES ('TOSS', 'x', '', '', '', '', '', ?, ?)`,
			func(c *scheduleCalls) *atomic.Int32 { return &c.webhooks },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var c scheduleCalls
			s := newSchedule(t, &c, "a")
			s.DB = s.Runs.DB
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			defer func() {
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()
			waitForSchedule(t, "a first run of each job", func() bool {
				return c.resolved.Load() > 0 && c.expired.Load() > 0 && c.webhooks.Load() > 0 && c.resumed.Load() > 0
			})
			time.Sleep(50 * time.Millisecond) // several turns
			if n := test.runs(&c).Load(); n > 3 {
				t.Errorf("with nothing due the job ran %d times", n)
			}
			insertDue(t, s.DB, test.insert)
			before := test.runs(&c).Load()
			waitForSchedule(t, "the job to run again and again", func() bool { return test.runs(&c).Load() > before+3 })
		})
	}
}

func insertDue(t *testing.T, db *sql.DB, insert string) {
	t.Helper()
	past := testclock.Now().Add(-time.Minute)
	if _, err := db.ExecContext(t.Context(), insert, past, past); err != nil {
		t.Fatal(err)
	}
}

// TestSchedule_asksLittle proves that a look is shared by all jobs of a turn.
func TestSchedule_asksLittle(t *testing.T) {
	t.Parallel()
	db := mysqltest.New(t)
	var c scheduleCalls
	s := newSchedule(t, &c, "a")
	s.DB = db
	db.SetMaxOpenConns(1)
	s.ReconcileEvery = time.Hour
	asked := func() (n int) {
		t.Helper()
		var name string
		if err := db.QueryRowContext(t.Context(), "SHOW SESSION STATUS LIKE 'Com_select'").Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	waitForSchedule(t, "a first run of each job", func() bool { return c.resolved.Load() > 0 && c.expired.Load() > 0 })
	before := asked()
	time.Sleep(2 * time.Second)
	if n := asked() - before; n < 1 || n > 6 {
		t.Errorf("in two seconds of many turns the jobs looked %d times", n)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

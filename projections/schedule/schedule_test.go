package schedule_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/internal/jobs"
	"payment-system/internal/mysqltest"
	"payment-system/internal/testclock"
	"payment-system/projections/schedule"
)

// scheduleCalls counts the calls of a schedule.
type scheduleCalls struct{ resolved, expired, webhooks, resumed, polls, running atomic.Int32 }

func (c *scheduleCalls) ResolvePayments(context.Context) (int, error) {
	c.resolved.Add(1)
	return 0, nil
}

func (c *scheduleCalls) ExpireOrders(context.Context) (int, error) {
	c.expired.Add(1)
	return 0, fmt.Errorf("no luck")
}

// HandleWebhooks finds something to do every other time.
func (c *scheduleCalls) HandleWebhooks(context.Context) (int, error) {
	return int(c.webhooks.Add(1) % 2), nil
}

func (c *scheduleCalls) Poll(context.Context) error   { c.polls.Add(1); return nil }
func (c *scheduleCalls) Resume(context.Context) error { c.resumed.Add(1); return nil }

func (c *scheduleCalls) Run(ctx context.Context) {
	c.running.Add(1)
	<-ctx.Done()
	c.running.Add(-1)
}

func TestSchedule_Run(t *testing.T) {
	t.Parallel()

	t.Run("runs every job again and again, and ends them all", func(t *testing.T) {
		t.Parallel()
		var c scheduleCalls
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		s := newSchedule(t, &c, "a")
		go func() { ended <- s.Run(ctx) }()
		waitForSchedule(t, "three runs of each job", func() bool {
			return c.resolved.Load() > 2 && c.expired.Load() > 2 && c.webhooks.Load() > 2 && c.resumed.Load() > 2 && c.polls.Load() > 0 && c.running.Load() == 1
		})
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if c.running.Load() != 0 {
			t.Error("the projector still runs")
		}
		before := c.resolved.Load()
		time.Sleep(50 * time.Millisecond) // several intervals, in which nothing may happen
		if after := c.resolved.Load(); after != before {
			t.Error("jobs run after the end")
		}
	})

	t.Run("replicas share one poll in a window", func(t *testing.T) {
		t.Parallel()
		var c scheduleCalls
		db, moment := mysqltest.New(t), testclock.Now()
		ctx, stop := context.WithCancel(t.Context())
		var replicas sync.WaitGroup
		for i := range 3 {
			s := newSchedule(t, &c, fmt.Sprint(i))
			s.Runs.DB = db
			s.ReconcileEvery = time.Hour
			s.Now = func() time.Time { return moment }
			replicas.Go(func() {
				if err := s.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		waitForSchedule(t, "work on three replicas", func() bool { return c.resolved.Load() > 9 && c.polls.Load() > 0 })
		stop()
		replicas.Wait()
		if got := c.polls.Load(); got != 1 {
			t.Errorf("%d polls in one window", got)
		}
	})
}

func newSchedule(t *testing.T, c *scheduleCalls, owner string) *schedule.Schedule {
	return &schedule.Schedule{
		Commands: c, Projector: c, Reconciler: c,
		Runs:           &jobs.Runs{DB: mysqltest.New(t), Owner: owner},
		ReconcileEvery: 10 * time.Millisecond, Now: testclock.Now, Logger: slog.New(slog.DiscardHandler),
		ResolveEvery: 5 * time.Millisecond, ExpireEvery: 5 * time.Millisecond, WebhooksEvery: 5 * time.Millisecond, ResumeEvery: 5 * time.Millisecond,
	}
}

// waitForSchedule polls until the condition holds, half a minute at most.
func waitForSchedule(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

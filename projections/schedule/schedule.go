// Package schedule runs what nobody asks for.
package schedule

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"

	"payment-system/internal/jobs"
)

// A Schedule runs what nobody asks for: payments whose outcome is open, orders whose time is
// over, webhooks that wait, and settlement files that arrived. Every replica may run one. All
// fields are needed unless they say otherwise.
type Schedule struct {
	Commands   Commands
	Projector  Runner
	Reconciler Poller
	// Runs lets one replica poll for settlement files in each window.
	Runs *jobs.Runs
	// ReconcileEvery is the length of such a window.
	ReconcileEvery time.Duration
	Now            func() time.Time
	Logger         *slog.Logger
	// DB, the primary, is asked whether there is work before commands look for it
	// themselves. Nil is not, and they look each time.
	DB *sql.DB

	// How often each replica looks for work; 1 s, 2 s, 1 s and 5 s when zero. The
	// commands share the work among replicas by leases.
	ResolveEvery, ExpireEvery, WebhooksEvery, ResumeEvery time.Duration
}

// Commands are the commands that nobody sends but the clock. Each answers how much it did.
// *command.Handler is one.
type Commands interface {
	// ResolvePayments asks gateways what became of payments whose outcome is open.
	ResolvePayments(ctx context.Context) (int, error)
	// ExpireOrders gives back the stock of orders whose time is over.
	ExpireOrders(ctx context.Context) (int, error)
	// HandleWebhooks acts on what gateways told us unasked.
	HandleWebhooks(ctx context.Context) (int, error)
}

// A Runner works until its context ends. *projections.Projector is one.
type Runner interface {
	Run(ctx context.Context)
}

// A Poller looks for settlement files that arrived, and goes on with what broke
// off. *reconcile.Reconciler is one.
type Poller interface {
	Poll(ctx context.Context) error
	Resume(ctx context.Context) error
}

// stopWithin is how long a job may take to end once it is asked to.
const stopWithin = 20 * time.Second

// Run runs the schedule until ctx ends, and returns when every job has ended.
func (s *Schedule) Run(ctx context.Context) error {
	scheduler, err := gocron.NewScheduler(gocron.WithStopTimeout(stopWithin), gocron.WithLocation(time.UTC))
	if err != nil {
		return fmt.Errorf("open the schedule: %w", err)
	}
	for _, job := range s.jobs() {
		if err := s.add(ctx, scheduler, job); err != nil {
			return err
		}
	}
	var standing sync.WaitGroup
	standing.Go(func() { s.Projector.Run(ctx) })
	scheduler.Start()
	<-ctx.Done()
	err = scheduler.Shutdown()
	standing.Wait()
	if err != nil {
		return fmt.Errorf("stop the schedule: %w", err)
	}
	return nil
}

// How often jobs run though nothing seems due: for cases that are overdue, for old
// webhooks that are to be forgotten, and to be sure.
const (
	resolveAtLeast  = 30 * time.Second
	webhooksAtLeast = 10 * time.Second
	othersAtLeast   = time.Minute
)

// A scheduledJob is something done again and again.
type scheduledJob struct {
	name  string
	every time.Duration
	run   func(context.Context) error
}

func (s *Schedule) jobs() []scheduledJob {
	l := &lookout{db: s.DB, now: s.Now}
	resolve := s.when(l, func(d due) bool { return d.payments }, resolveAtLeast, repeat(s.Commands.ResolvePayments))
	expire := s.when(l, func(d due) bool { return d.orders }, othersAtLeast, repeat(s.Commands.ExpireOrders))
	webhooks := s.when(l, func(d due) bool { return d.webhooks }, webhooksAtLeast, repeat(s.Commands.HandleWebhooks))
	resume := s.when(l, func(d due) bool { return d.files }, othersAtLeast, s.Reconciler.Resume)
	return []scheduledJob{
		{"resolve_payments", cmp.Or(s.ResolveEvery, time.Second), resolve},
		{"expire_orders", cmp.Or(s.ExpireEvery, 2*time.Second), expire},
		{"handle_webhooks", cmp.Or(s.WebhooksEvery, time.Second), webhooks},
		{"resume_reconciliations", cmp.Or(s.ResumeEvery, 5*time.Second), resume},
		// Tried more often than it is due, so that a window whose replica died is taken over.
		{"reconcile", min(s.ReconcileEvery, 15*time.Second), s.reconcile},
	}
}

// maxRepeats is how often a command is sent in one run, as long as it finds work.
const maxRepeats = 100

// repeat sends a command until it finds nothing to do.
func repeat(send func(context.Context) (int, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		for range maxRepeats {
			if did, err := send(ctx); err != nil || did == 0 {
				return err
			}
		}
		return nil
	}
}

// add schedules a job that never overlaps itself and ends when ctx does.
func (s *Schedule) add(ctx context.Context, scheduler gocron.Scheduler, j scheduledJob) error {
	task := gocron.NewTask(func() { s.run(ctx, j) })
	_, err := scheduler.NewJob(gocron.DurationJob(j.every), task, gocron.WithName(j.name),
		gocron.WithSingletonMode(gocron.LimitModeReschedule), gocron.WithStartAt(gocron.WithStartImmediately()))
	if err != nil {
		return fmt.Errorf("schedule %s: %w", j.name, err)
	}
	return nil
}

func (s *Schedule) run(ctx context.Context, j scheduledJob) {
	if ctx.Err() != nil {
		return
	}
	if err := j.run(ctx); err != nil && ctx.Err() == nil {
		s.Logger.ErrorContext(ctx, "scheduled job failed", "job", j.name, "error", err)
	}
}

// reconcile polls once in each window, whichever replica does.
func (s *Schedule) reconcile(ctx context.Context) error {
	window := s.Now().UTC().Truncate(s.ReconcileEvery)
	_, err := s.Runs.Once(ctx, "reconcile", window, func(ctx context.Context, _ int64) error {
		return s.Reconciler.Poll(ctx)
	})
	return err
}

package schedule

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"
)

// lookFresh is how long what a look saw is good for: jobs of one turn share it.
const lookFresh = 400 * time.Millisecond

// due says which jobs have something to do.
type due struct{ payments, orders, webhooks, files bool }

// lookQuery asks for all jobs at once whether there is something to do, by one
// look-up in an index each. It errs on the side of yes: each job knows exactly. A
// payment of which something is awaited is never too much to ask about, for a
// gateway that was silent is asked out of turn.
const lookQuery = `SELECT
	EXISTS (SELECT 1 FROM attempts WHERE check_at <= ?)
		OR EXISTS (SELECT 1 FROM payments WHERE status IN ('APPROVING', 'UNKNOWN', 'CANCELING'))
		OR EXISTS (SELECT 1 FROM refunds WHERE open_attempt_id IS NOT NULL),
	EXISTS (SELECT 1 FROM orders WHERE status = 'PLACED' AND expires_at <= ?),
	EXISTS (SELECT 1 FROM webhook_inbox WHERE next_try_at <= ?),
	EXISTS (SELECT 1 FROM reconciliations WHERE status = 'APPLYING')
		OR EXISTS (SELECT 1 FROM reconciliations WHERE status = 'PLANNED' AND auto_apply = 1
			AND replaced_by IS NULL)
		OR EXISTS (SELECT 1 FROM reconciliations WHERE books_due_at <= ?)`

// A lookout looks for the jobs' work, once for all that ask at the same moment.
type lookout struct {
	db  *sql.DB
	now func() time.Time

	mu   sync.Mutex
	seen due
	at   time.Time
}

// look returns what is due.
func (l *lookout) look(ctx context.Context) (due, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if age := now.Sub(l.at); age >= 0 && age < lookFresh {
		return l.seen, nil
	}
	var seen due
	err := l.db.QueryRowContext(ctx, lookQuery, now, now, now, now).
		Scan(&seen.payments, &seen.orders, &seen.webhooks, &seen.files)
	if err != nil {
		return due{}, fmt.Errorf("look for what is due: %w", err)
	}
	l.seen, l.at = seen, now
	return seen, nil
}

// when returns a job that runs only when something is due for it, and once in
// atLeast in any case: what a job does besides is not looked for.
func (s *Schedule) when(l *lookout, isDue func(due) bool, atLeast time.Duration, run func(context.Context) error,
) func(context.Context) error {
	if s.DB == nil {
		return run
	}
	var last time.Time
	return func(ctx context.Context) error {
		now := s.Now()
		if since := now.Sub(last); since >= 0 && since < atLeast {
			if seen, err := l.look(ctx); err != nil || !isDue(seen) {
				return err
			}
		}
		last = now
		return run(ctx)
	}
}

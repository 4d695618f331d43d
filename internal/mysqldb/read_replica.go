package mysqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// lookTime bounds one look at a read replica, or at the primary for its sake.
	lookTime = time.Second
	// maxSamples is how many positions of the primary are remembered.
	maxSamples = 600
)

// A ReadReplica is a server that follows the primary, and knows whether it may be asked. It rests while
// it does not answer, lags more than MaxLag behind, or lacks what Check wants; whoever asks it then is interrupted,
// and asks the primary. Before the first look it rests. Watch must run.
type ReadReplica struct {
	DB      *sql.DB // of the read replica
	Primary *sql.DB
	// Position is a query for one number, which grows with every change that is to be seen.
	Position string
	Check    func(context.Context, *sql.DB) error // what else the read replica needs; nil for nothing
	MaxLag   time.Duration                        // 30 s when zero
	Every    time.Duration                        // how often it is looked at; 1 s when zero
	Now      func() time.Time
	Logger   *slog.Logger

	mu      sync.Mutex
	lag     time.Duration
	up      context.Context // of those who ask it now; nil while it rests. It ends with the rest's beginning.
	down    context.CancelFunc
	samples []sample
	told    time.Time // when it was said last why it rests
}

// A sample is what the primary's position was at a moment.
type sample struct {
	at       time.Time
	position int64
}

// errRests is why a query of a read replica was interrupted.
var errRests = errors.New("the read replica rests")

// Ask has a query asked of the read replica, and, when that rests or fails, of the primary.
func (r *ReadReplica) Ask(ctx context.Context, ask func(context.Context, *sql.DB) error) error {
	r.mu.Lock()
	up := r.up
	r.mu.Unlock()
	if up == nil {
		return ask(ctx, r.Primary)
	}
	interruptible, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(up, func() { cancel(errRests) })() //nolint:contextcheck // It ends with the rest's beginning, whoever asks.
	err := ask(interruptible, r.DB)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if context.Cause(interruptible) == nil {
		r.rest(ctx, err)
	}
	return ask(ctx, r.Primary)
}

// IsUp reports whether the read replica is asked.
func (r *ReadReplica) IsUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.up != nil
}

// Lag is how long ago the primary had what the read replica has, at least; 0 when it has all.
func (r *ReadReplica) Lag() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lag
}

// Watch looks after the read replica until ctx ends.
func (r *ReadReplica) Watch(ctx context.Context) {
	ticker := time.NewTicker(cmp.Or(r.Every, time.Second))
	defer ticker.Stop()
	for {
		r.Look(ctx)
		select {
		case <-ctx.Done():
			r.rest(ctx, ctx.Err())
			return
		case <-ticker.C:
		}
	}
}

// Look finds out whether the read replica may be asked.
func (r *ReadReplica) Look(ctx context.Context) {
	if err := r.look(ctx); err != nil {
		r.rest(ctx, err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.up == nil && ctx.Err() == nil {
		r.up, r.down = context.WithCancel(context.Background())
		r.Logger.InfoContext(ctx, "read replica is asked", "lag", r.lag.String())
	}
}

// look compares positions. The primary's is asked for first: what the read replica has then, it had already.
func (r *ReadReplica) look(ctx context.Context) error {
	now := r.Now()
	primary, primaryErr := r.position(ctx, r.Primary)
	position, err := r.position(ctx, r.DB)
	if err != nil {
		return fmt.Errorf("the read replica does not answer: %w", err)
	}
	if primaryErr == nil {
		r.remember(now, primary)
	}
	lag := r.measure(position)
	if limit := cmp.Or(r.MaxLag, 30*time.Second); lag > limit {
		return fmt.Errorf("the read replica lags %s or more behind the primary, and may lag %s", lag.Round(time.Second), limit)
	}
	if r.Check == nil || r.IsUp() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*lookTime)
	defer cancel()
	return r.Check(ctx, r.DB)
}

func (r *ReadReplica) position(ctx context.Context, db *sql.DB) (position int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return position, db.QueryRowContext(ctx, r.Position).Scan(&position)
}

// remember adds a sample. Of the time before the first nothing is known: who lacks that lags too much.
func (r *ReadReplica) remember(at time.Time, position int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.samples) - 1
	switch {
	case last < 0:
		r.samples = append(r.samples, sample{at.Add(-2 * cmp.Or(r.MaxLag, 30*time.Second)), position})
	case position > r.samples[last].position:
		r.samples = append(r.samples, sample{at, position})
	}
	if len(r.samples) > maxSamples { // every second one is as good
		kept := r.samples[:0]
		for i, s := range r.samples {
			if i%2 == 0 || i == len(r.samples)-1 {
				kept = append(kept, s)
			}
		}
		r.samples = kept
	}
}

// measure returns the lag of a position: the age of the oldest sample that lies beyond it. The newest is
// kept, reached or not, so that what comes can be compared with it.
func (r *ReadReplica) measure(position int64) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.samples) > 1 && r.samples[0].position <= position {
		r.samples = r.samples[1:]
	}
	r.lag = 0
	if len(r.samples) > 0 && r.samples[0].position > position {
		r.lag = r.Now().Sub(r.samples[0].at)
	}
	return r.lag
}

// rest has the read replica left alone until a look finds it well, and interrupts who asks it. It says why once
// a minute.
func (r *ReadReplica) rest(ctx context.Context, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.Now(); ctx.Err() == nil && (r.up != nil || now.Sub(r.told) >= time.Minute) {
		r.told = now
		r.Logger.WarnContext(ctx, "read replica rests", "error", why)
	}
	if r.up != nil {
		r.down()
		r.up, r.down = nil, nil
	}
}

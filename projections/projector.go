// Package projections turns events into read models. It reads the books, and
// writes the views alone.
package projections

import (
	"cmp"
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/failpoint"
	"payment-system/internal/mysqldb"
	"payment-system/internal/views"
	"payment-system/shop"
)

// A Projector makes the read models follow the books. The latest event of an
// aggregate is its state, so that is what a view is written from: gated by
// version, in multi-row statements, then evicted from the cache, then announced,
// and only then flagged as published. A crash between any two repeats harmlessly,
// and any number of Projectors may work on the same aggregate.
//
// Whoever committed events hands them over with Hand, and nothing is read back.
// Whoever only knows which aggregates changed asks for them with Project. What
// neither was told of Run finds.
//
// A Redis that is away delays nobody. What it was not told is told again in the
// background; meanwhile readers of this process go by Floors, and readers of
// others may see a cached view for views.MaxEntryTTL at most.
//
// A Projector must not be copied once used. All fields are needed unless they
// say otherwise.
type Projector struct {
	DB     *sql.DB // the primary
	Redis  redis.UniversalClient
	Logger *slog.Logger
	Now    func() time.Time
	// Replica names this process in leases, in at most 40 characters.
	Replica string
	// Floors remembers what was projected here; share it with the query.Reader.
	// Nil forgets.
	Floors *views.Floors
	// Observe is told of each batch. Nil is not.
	Observe func(Batch)

	Wait  time.Duration // how long Project waits at most; 2 s when zero
	Lease time.Duration // how long a share of the outbox is a replica's; 10 s when zero
	Poll  time.Duration // how often Run looks for events while there are some; 200 ms when zero
	Tries int           // after how many tries an event is parked; 5 when zero
	Rest  time.Duration // how long what is passing is left unshown at most; 250 ms when zero

	mu      sync.Mutex
	forming *batch
	busy    bool
	arrived chan struct{} // wakes the worker while it waits for a batch
	held    int           // bytes of events that were handed over and are not shown yet
	resting resting
	life    context.Context // ends what Republish began
	endLife context.CancelFunc
	working sync.WaitGroup

	parked   parking
	owed     debts
	stamps   stamps
	unset    flags
	lately   lately
	payments paymentMemory
}

// A Batch tells what came of events that were applied together.
type Batch struct {
	Aggregates int // whose views were written
	Events     int // flagged as published
	Parked     int // aggregates with an event that could not be applied
	Took       time.Duration
	Err        error // nil, or why the rest waits for the next pass
}

// batchTime bounds the work on a batch.
const batchTime = 15 * time.Second

// Project applies the events of the aggregates named, together with what others
// ask for at the same moment. It returns when the read models show them, and
// after a bounded wait or at the end of ctx in any case; the work goes on then.
// It never fails: what is missed here Run applies in the background, and who is
// told of it is remembered; see query.Reader.AwaitWrites.
func (p *Projector) Project(ctx context.Context, aggregateIDs ...string) {
	if len(aggregateIDs) == 0 {
		return
	}
	if !p.Follow(ctx, aggregateIDs...) {
		(&unshown{aggregateIDs: aggregateIDs}).remember(ctx, p)
	}
}

// Follow does so for who reads, is told of nothing, and is not remembered. It reports whether the read models
// show the events.
func (p *Projector) Follow(ctx context.Context, aggregateIDs ...string) (shown bool) {
	joined := p.join(func(b *batch) {
		b.read(aggregateIDs...)
		p.wakeLocked(b, aggregateIDs...)
	})
	return p.await(ctx, joined, len(aggregateIDs))
}

// await waits until a batch is shown, no longer than Wait or ctx, and reports whether it is.
func (p *Projector) await(ctx context.Context, joined *batch, aggregates int) (shown bool) {
	timer := time.NewTimer(cmp.Or(p.Wait, 2*time.Second))
	defer timer.Stop()
	select {
	case <-joined.done:
		return joined.err == nil
	case <-ctx.Done():
	case <-timer.C:
		p.Logger.WarnContext(ctx, "read models are late", "aggregates", aggregates)
	}
	return false
}

// join adds to the batch that is forming. One batch is in flight at a time:
// whoever arrives meanwhile is in the next.
func (p *Projector) join(add func(*batch)) *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.joinLocked(add)
}

// joinLocked is join of a caller that holds p.mu.
func (p *Projector) joinLocked(add func(*batch)) *batch {
	if p.forming == nil {
		p.forming = &batch{ids: map[string][]int{}, handed: map[string][]handedEvent{}, done: make(chan struct{})}
	}
	add(p.forming)
	if p.arrived == nil {
		p.arrived = make(chan struct{}, 1)
	}
	if p.busy {
		select {
		case p.arrived <- struct{}{}:
		default:
		}
		return p.forming
	}
	p.busy = true
	p.working.Go(p.work)
	return p.forming
}

// work applies batches until none is forming and no flag is left to be set.
func (p *Projector) work() {
	for next := p.take(); next != nil; next = p.take() {
		ctx, cancel := context.WithTimeout(failpoint.In(context.Background(), "project"), batchTime)
		if next.err = p.applyBatch(ctx, next); next.err != nil {
			p.Logger.ErrorContext(ctx, "project events", "error", next.err)
		}
		cancel()
		p.finish(next)
	}
}

// take returns the batch that has formed, or nil when there is nothing to do.
// Flags that the last batch left wait for the next for a moment, and are set
// without one then.
func (p *Projector) take() *batch {
	for {
		next, owing, closing := p.form()
		if next != nil || !owing {
			return next
		}
		if !p.arrives(closing) {
			p.flagAlone()
		}
	}
}

// form ends the forming of a batch, and reports whether flags are left to be set
// and where the end of this Projector shows.
func (p *Projector) form() (next *batch, owing bool, closing <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next, p.forming = p.forming, nil
	owing = p.unset.any()
	p.busy = next != nil || owing
	return next, owing, p.lifeLocked().Done()
}

// arrives reports whether another batch begins to form soon.
func (p *Projector) arrives(closing <-chan struct{}) bool {
	timer := time.NewTimer(flagWithin)
	defer timer.Stop()
	select {
	case <-p.arrived:
		return true
	case <-timer.C:
	case <-closing:
	}
	return false
}

// finish lets go of a batch and of those who wait for it.
func (p *Projector) finish(done *batch) {
	p.mu.Lock()
	p.held -= done.size
	p.mu.Unlock()
	close(done.done)
}

// Close stops the republishing that Republish began, and waits for what is under
// way: what was handed over is shown and flagged then. Nothing is lost by it: what
// is pending stays pending.
func (p *Projector) Close() {
	p.mu.Lock()
	p.lifeLocked()
	p.endLife() // from here on nothing rests
	p.mu.Unlock()
	p.wakeAll()
	p.working.Wait()
}

// lifeLocked returns the context of what outlives its caller. The caller holds p.mu.
func (p *Projector) lifeLocked() context.Context {
	if p.life == nil {
		p.life, p.endLife = context.WithCancel(context.Background())
	}
	return p.life
}

// Backlog tells how many events each view has yet to apply, and since when.
func (p *Projector) Backlog(ctx context.Context) ([]views.Backlog, error) {
	const query = `SELECT LEFT(aggregate_id, 3), COUNT(*), MIN(at) FROM events WHERE published_at IS NULL
		GROUP BY LEFT(aggregate_id, 3)`
	type count struct {
		prefix  string
		pending int
		oldest  time.Time
	}
	counts, err := mysqldb.Collect(ctx, p.DB, func(rows *sql.Rows) (c count, err error) {
		return c, rows.Scan(&c.prefix, &c.pending, &c.oldest)
	}, query)
	if err != nil {
		return nil, err
	}
	backlogs := []views.Backlog{{View: shop.ViewProducts}, {View: shop.ViewOrders}, {View: shop.ViewPayments}}
	for i := range backlogs {
		for _, c := range counts {
			if of := viewOf(c.prefix + "_"); of != nil && of.name == backlogs[i].View {
				backlogs[i].Pending, backlogs[i].Oldest = c.pending, c.oldest
			}
		}
	}
	return backlogs, nil
}

package projections

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"payment-system/internal/failpoint"
	"payment-system/internal/mysqldb"
)

const (
	// flagWithin is how long flags wait for the transaction of another batch.
	flagWithin = 80 * time.Millisecond
	// flagChunk is how many events one statement flags.
	flagChunk = 500
	// maxFlags is how many flags may wait. Beyond it they are forgotten: Run finds the
	// events by the flags that they lack.
	maxFlags = 50_000
)

// A place is where an event stands among those of its aggregate.
type place struct {
	aggregateID string
	version     int
}

// flags are the events that are shown and announced, and not flagged yet.
type flags struct {
	mu     sync.Mutex
	places []place
}

// add remembers what is to be flagged.
func (f *flags) add(places []place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.places = append(f.places, places[:min(len(places), max(0, maxFlags-len(f.places)))]...)
}

// take returns what is to be flagged, which is the caller's to do then.
func (f *flags) take() []place {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := f.places
	f.places = nil
	return taken
}

func (f *flags) any() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.places) > 0
}

// flagQuery is the statement that flags n events. Each is one look-up in the index,
// which is named because the one over pending events might be read from end to end.
// Nothing but these events is locked, and everybody locks them in the same order.
func flagQuery(n int) string {
	return `UPDATE events FORCE INDEX (uq_events_version)
SET published_at = ?
WHERE published_at IS NULL AND ` + mysqldb.AnyOf(n, "aggregate_id", "version")
}

// flag flags the events at places that are pending, and returns how many there were.
func (p *Projector) flag(ctx context.Context, in mysqldb.Execer, places []place) (flagged int, err error) {
	results, err := p.flagIn(ctx, in, places)
	if err != nil {
		return 0, err
	}
	return flaggedBy(results)
}

// flagIn executes the statements that flag the events at places that are pending.
func (p *Projector) flagIn(ctx context.Context, in mysqldb.Execer, places []place) ([]sql.Result, error) {
	places = slices.Clone(places)
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(strings.Compare(a.aggregateID, b.aggregateID), cmp.Compare(a.version, b.version))
	})
	var results []sql.Result
	for some := range slices.Chunk(slices.Compact(places), flagChunk) {
		args := make([]any, 0, 1+2*len(some))
		args = append(args, p.Now())
		for _, at := range some {
			args = append(args, at.aggregateID, at.version)
		}
		result, err := in.ExecContext(ctx, flagQuery(len(some)), args...)
		if err != nil {
			return nil, fmt.Errorf("flag events: %w", err)
		}
		results = append(results, result)
	}
	return results, nil
}

// flaggedBy is how many events statements flagged.
func flaggedBy(results []sql.Result) (flagged int, err error) {
	for _, result := range results {
		n, err := result.RowsAffected()
		if err != nil {
			return 0, fmt.Errorf("flag events: %w", err)
		}
		flagged += int(n)
	}
	return flagged, nil
}

// flagAlone flags what no batch came to flag. What cannot be flagged is left to Run.
func (p *Projector) flagAlone() {
	ctx, cancel := context.WithTimeout(failpoint.In(context.Background(), "project"), batchTime)
	defer cancel()
	began := p.Now()
	flagged, err := p.flag(ctx, mysqldb.Alone(p.DB), p.unset.take())
	if err == nil {
		failpoint.At(ctx, failpoint.AfterPublish)
	} else {
		p.Logger.WarnContext(ctx, "shown events are flagged later", "error", err)
	}
	if p.Observe != nil {
		p.Observe(Batch{Events: flagged, Took: p.Now().Sub(began), Err: err})
	}
}

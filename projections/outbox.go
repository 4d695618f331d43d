package projections

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

const (
	// pageSize is how many pending events of a shard are looked at at once.
	pageSize = 256
	// longestPause is how long Run rests at most while nothing happens.
	longestPause = 2 * time.Second
	// seenSize bounds what a sweep remembers.
	seenSize = 50_000
)

// Position is a query for how far the events have come: it answers one number, which
// grows with each that a view may show.
const Position = `SELECT COALESCE(MAX(id), 0) FROM events`

// Run applies, until ctx ends, what Hand and Project missed: it shares the shards
// of the outbox with the other replicas by leases and sweeps its own. An event is
// left to whoever recorded it for one look, and to this process for a second if it
// was handed over here. A replica that lost its leases without knowing harms
// nobody: views are gated by version.
func (p *Projector) Run(ctx context.Context) {
	lease := cmp.Or(p.Lease, 10*time.Second)
	poll := cmp.Or(p.Poll, 200*time.Millisecond)
	renewal := time.NewTicker(lease / 3)
	defer renewal.Stop()
	defer p.giveBack(context.WithoutCancel(ctx))
	s := sweep{projector: p, seen: map[int64]bool{}, shards: p.renew(ctx, lease)}
	timer := time.NewTimer(0)
	defer timer.Stop()
	spelling := time.NewTimer(0)
	defer spelling.Stop()
	for pause := poll; ; {
		select {
		case <-ctx.Done():
			return
		case <-renewal.C:
			s.shards = p.renew(ctx, lease)
		case <-spelling.C:
			spelling.Reset(s.spell(ctx))
		case <-timer.C:
			pause = s.next(ctx, pause, poll)
			timer.Reset(pause)
		}
	}
}

// A sweep goes over the pending events of some shards, a page at a time.
type sweep struct {
	projector *Projector
	shards    []int
	after     [shop.Shards]int64 // where the next page of each shard begins
	seen      map[int64]bool     // pending events left to whoever recorded them
}

// A pending event and the share it belongs to.
type pendingEvent struct {
	id          int64
	shard       int
	aggregateID string
	version     int
}

// next applies a page of each shard and returns how long to pause: not at all
// while it is behind, poll while there is something of others, twice the pause
// before when there is nothing.
func (s *sweep) next(ctx context.Context, pause, poll time.Duration) time.Duration {
	found, err := s.page(ctx)
	if err == nil {
		more := s.turn(found)
		work, fresh := s.choose(found, more)
		err = s.projector.apply(ctx, work)
		switch {
		case err != nil:
		case len(work) > 0 && slices.Contains(more[:], true):
			return 0
		case len(work) > 0 || fresh > 0:
			return poll
		}
	}
	if err == nil {
		return min(max(2*pause, poll), longestPause)
	}
	if ctx.Err() == nil {
		s.projector.Logger.ErrorContext(ctx, "project events", "error", err)
	}
	return longestPause
}

// spell writes the words of products that have none yet, one replica for all, and
// returns when to look again.
func (s *sweep) spell(ctx context.Context) time.Duration {
	if !slices.Contains(s.shards, 0) {
		return spellEvery
	}
	more, err := s.projector.spellRest(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		s.projector.Logger.ErrorContext(ctx, "make products found", "error", err)
	case more:
		return 0
	}
	return spellEvery
}

// page reads the next pending events of each shard.
func (s *sweep) page(ctx context.Context) ([]pendingEvent, error) {
	if len(s.shards) == 0 {
		return nil, nil
	}
	const one = `(SELECT id, shard, aggregate_id, version FROM events
WHERE published_at IS NULL AND shard = ? AND id > ? ORDER BY id LIMIT 256)`
	args := make([]any, 0, 2*len(s.shards))
	for _, shard := range s.shards {
		args = append(args, shard, s.after[shard])
	}
	query := strings.Repeat(one+" UNION ALL ", len(s.shards)-1) + one
	found, err := mysqldb.Collect(ctx, s.projector.DB, func(rows *sql.Rows) (e pendingEvent, err error) {
		return e, rows.Scan(&e.id, &e.shard, &e.aggregateID, &e.version)
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("look for pending events: %w", err)
	}
	return found, nil
}

// turn moves each shard to its next page, or back to the first, and returns which
// have more.
func (s *sweep) turn(found []pendingEvent) (more [shop.Shards]bool) {
	var counts [shop.Shards]int
	var last [shop.Shards]int64
	for _, e := range found {
		counts[e.shard]++
		last[e.shard] = max(last[e.shard], e.id)
	}
	for shard, n := range counts {
		s.after[shard] = 0
		if more[shard] = n == pageSize; more[shard] {
			s.after[shard] = last[shard]
		}
	}
	return more
}

// choose returns the aggregates to be applied now: in a shard that is behind
// all of them, else those of events that were pending at an earlier look. It
// counts those that are left to another replica for one look.
func (s *sweep) choose(found []pendingEvent, behind [shop.Shards]bool) (work map[string][]int, fresh int) {
	work = map[string][]int{}
	at := s.projector.Now()
	if len(s.seen) > seenSize {
		clear(s.seen)
	}
	for _, e := range found {
		seen := s.seen[e.id]
		switch {
		case s.projector.lately.has(at, e.aggregateID):
			s.seen[e.id] = true
		case !behind[e.shard] && !seen:
			s.seen[e.id] = true
			fresh++
		case !s.projector.parked.isParked(e.aggregateID, at):
			work[e.aggregateID] = append(work[e.aggregateID], e.version)
		}
	}
	return work, fresh
}

package projections

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

const (
	// sharePrefix and memberPrefix begin the names of leases: a share of the
	// outbox, and a replica that works on it.
	sharePrefix  = "outbox/"
	memberPrefix = "outbox-replica/"
	// pageSize is how many pending events of a shard are looked at at once.
	pageSize = 256
	// longestPause is how long Run rests at most while nothing happens.
	longestPause = time.Second
	// seenSize bounds what a sweep remembers.
	seenSize = 50_000
)

// Run applies, until ctx ends, what Project missed: it shares the shards of the
// outbox with the other replicas by leases and sweeps its own. An event is left
// to whoever recorded it for one look. A replica that lost its leases without
// knowing harms nobody: views are gated by version.
func (p *Projector) Run(ctx context.Context) {
	lease := cmp.Or(p.Lease, 10*time.Second)
	poll := cmp.Or(p.Poll, 200*time.Millisecond)
	renewal := time.NewTicker(lease / 3)
	defer renewal.Stop()
	defer p.giveBack(context.WithoutCancel(ctx))
	s := sweep{projector: p, seen: map[int64]bool{}, shards: p.renew(ctx, lease)}
	for pause := poll; ctx.Err() == nil; {
		pause = s.next(ctx, pause, poll)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-renewal.C:
			s.shards = p.renew(ctx, lease)
		case <-timer.C:
		}
		timer.Stop()
	}
}

// renew keeps this replica's leases and evens them out with the other replicas'.
// It returns the shards that are this replica's; none when the database is away.
func (p *Projector) renew(ctx context.Context, lease time.Duration) []int {
	shards, err := p.share(ctx, lease)
	if err != nil && ctx.Err() == nil {
		p.Logger.ErrorContext(ctx, "share the outbox", "error", err)
	}
	if err := p.clearOrphans(ctx); err != nil && ctx.Err() == nil {
		p.Logger.ErrorContext(ctx, "look for republishing that ended", "error", err)
	}
	p.tell(ctx, p.owed.take(nil))
	return shards
}

// share claims a fair part of the shards and gives back what is more than that.
func (p *Projector) share(ctx context.Context, lease time.Duration) ([]int, error) {
	members, err := p.attend(ctx, lease)
	if err != nil {
		return nil, err
	}
	fair := (shop.Shards + members - 1) / members
	mine, free, err := p.shares(ctx)
	if err != nil {
		return nil, err
	}
	for len(mine) > fair {
		if err := p.exec(ctx, "UPDATE leases SET lease_until = UTC_TIMESTAMP(6) WHERE name = ? AND owner = ?", mine[0],
			p.Replica); err != nil {
			return nil, err
		}
		mine = mine[1:]
	}
	rand.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	claim := slices.Concat(mine, free[:min(len(free), fair-len(mine))])
	return p.claim(ctx, claim, lease)
}

// attend tells the others that this replica works, and counts all that do.
func (p *Projector) attend(ctx context.Context, lease time.Duration) (int, error) {
	rows := marksOf("(?, '', UTC_TIMESTAMP(6), 0)", shop.Shards)
	names := make([]any, shop.Shards)
	for i := range names {
		names[i] = shareName(i)
	}
	if err := p.exec(ctx, "INSERT INTO leases (name, owner, lease_until, fence) VALUES "+rows+" ON DUPLICATE KEY UPDATE name = VALUES(name)", names...); err != nil {
		return 0, err
	}
	const attend = `INSERT INTO leases (name, owner, lease_until, fence)
		VALUES (?, ?, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, 1)
ON DUPLICATE KEY UPDATE owner = VALUES(owner), lease_until = VALUES(lease_until)`
	if err := p.exec(ctx, attend, memberPrefix+p.Replica, p.Replica, lease.Microseconds()); err != nil {
		return 0, err
	}
	if err := p.exec(ctx, "DELETE FROM leases WHERE name LIKE ? AND lease_until < UTC_TIMESTAMP(6) - INTERVAL 1 HOUR",
		memberPrefix+"%"); err != nil {
		return 0, err
	}
	var members int
	row := p.DB.QueryRowContext(ctx, "SELECT COUNT(*) FROM leases WHERE name LIKE ? AND lease_until > UTC_TIMESTAMP(6)",
		memberPrefix+"%")
	if err := row.Scan(&members); err != nil {
		return 0, fmt.Errorf("count replicas: %w", err)
	}
	return max(members, 1), nil
}

// shares returns the shares that this replica holds, and those that nobody does.
func (p *Projector) shares(ctx context.Context) (mine, free []string, err error) {
	_, err = mysqldb.Collect(ctx, p.DB, func(rows *sql.Rows) (_ struct{}, err error) {
		var name, owner string
		var held bool
		if err = rows.Scan(&name, &owner, &held); err != nil {
			return struct{}{}, err
		}
		if !held {
			free = append(free, name)
		} else if owner == p.Replica {
			mine = append(mine, name)
		}
		return struct{}{}, nil
	}, "SELECT name, owner, lease_until > UTC_TIMESTAMP(6) FROM leases WHERE name LIKE ? ORDER BY name", sharePrefix+"%")
	return mine, free, err
}

// claim takes or keeps the shares named, and returns the shards of those it got.
func (p *Projector) claim(ctx context.Context, names []string, lease time.Duration) ([]int, error) {
	const claim = `UPDATE leases
		SET fence = fence + (owner <> ?), owner = ?, lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
WHERE name = ? AND (owner = ? OR lease_until <= UTC_TIMESTAMP(6))`
	var shards []int
	for _, name := range names {
		result, err := p.DB.ExecContext(ctx, claim, p.Replica, p.Replica, lease.Microseconds(), name, p.Replica)
		if err != nil {
			return nil, fmt.Errorf("claim %s: %w", name, err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			continue
		}
		var shard int
		if _, err := fmt.Sscanf(name, sharePrefix+"%d", &shard); err != nil {
			return nil, fmt.Errorf("claim %s: %w", name, err)
		}
		shards = append(shards, shard)
	}
	return shards, nil
}

// giveBack ends this replica's leases, so that others need not wait for them.
func (p *Projector) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	const end = "UPDATE leases SET lease_until = UTC_TIMESTAMP(6) WHERE owner = ? AND lease_until > UTC_TIMESTAMP(6) AND (name LIKE ? OR name = ?)"
	if err := p.exec(ctx, end, p.Replica, sharePrefix+"%", memberPrefix+p.Replica); err != nil {
		p.Logger.WarnContext(ctx, "the outbox was not given back", "error", err)
	}
}

func (p *Projector) exec(ctx context.Context, query string, args ...any) error {
	if _, err := p.DB.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("write leases: %w", err)
	}
	return nil
}

func shareName(shard int) string { return fmt.Sprintf("%s%02d", sharePrefix, shard) }

func marksOf(one string, n int) string { return strings.Repeat(one+", ", n-1) + one }

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
}

// next applies a page of each shard and returns how long to pause: not at all
// while there is more, poll after work, twice the pause before when idle.
func (s *sweep) next(ctx context.Context, pause, poll time.Duration) time.Duration {
	found, err := s.page(ctx)
	if err == nil {
		more := s.turn(found)
		work := s.choose(found, more)
		err = s.projector.apply(ctx, work)
		switch {
		case err != nil:
		case slices.Contains(more[:], true):
			return 0
		case len(found) > 0:
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

// page reads the next pending events of each shard.
func (s *sweep) page(ctx context.Context) ([]pendingEvent, error) {
	if len(s.shards) == 0 {
		return nil, nil
	}
	const one = "(SELECT id, shard, aggregate_id FROM events WHERE published_at IS NULL AND shard = ? AND id > ? ORDER BY id LIMIT 256)"
	args := make([]any, 0, 2*len(s.shards))
	for _, shard := range s.shards {
		args = append(args, shard, s.after[shard])
	}
	query := strings.Repeat(one+" UNION ALL ", len(s.shards)-1) + one
	found, err := mysqldb.Collect(ctx, s.projector.DB, func(rows *sql.Rows) (e pendingEvent, err error) {
		return e, rows.Scan(&e.id, &e.shard, &e.aggregateID)
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("look for pending events: %w", err)
	}
	return found, nil
}

// turn moves each shard to its next page, or back to the first, and tells which
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
// all of them, else those of events that were pending at an earlier look.
func (s *sweep) choose(found []pendingEvent, behind [shop.Shards]bool) map[string][]int64 {
	work := map[string][]int64{}
	at := s.projector.Now()
	if len(s.seen) > seenSize {
		clear(s.seen)
	}
	for _, e := range found {
		if !behind[e.shard] && !s.seen[e.id] {
			s.seen[e.id] = true
			continue
		}
		if !s.projector.parked.isParked(e.aggregateID, at) {
			work[e.aggregateID] = append(work[e.aggregateID], e.id)
		}
	}
	return work
}

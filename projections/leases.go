package projections

import (
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
	// forgetMembers is how long a replica that is gone is remembered.
	forgetMembers = time.Hour
)

// renew keeps this replica's leases and evens them out with the other replicas'.
// It returns the shards that are this replica's; none when the database is away.
func (p *Projector) renew(ctx context.Context, lease time.Duration) []int {
	shards, err := p.share(ctx, lease)
	if err != nil && ctx.Err() == nil {
		p.Logger.ErrorContext(ctx, "share the outbox", "error", err)
	}
	p.tell(ctx, p.owed.take(nil))
	return shards
}

// share claims a fair part of the shards and gives back what is more than that. It
// reads all leases in one statement, and writes, in another, only when a lease of
// this replica's has less than half of its time left, or something is to change hands.
func (p *Projector) share(ctx context.Context, lease time.Duration) ([]int, error) {
	seen, err := p.lookAtLeases(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.tidy(ctx, &seen, lease); err != nil {
		return nil, err
	}
	fair := (shop.Shards + len(seen.members) - 1) / len(seen.members)
	mine := seen.mine
	if more := len(mine) - fair; more > 0 {
		if err := p.giveUp(ctx, mine[:more]); err != nil {
			return nil, err
		}
		mine = mine[more:]
	}
	rand.Shuffle(len(seen.free), func(i, j int) { seen.free[i], seen.free[j] = seen.free[j], seen.free[i] })
	wanted := slices.Concat(mine, seen.free[:min(len(seen.free), fair-len(mine))])
	if len(wanted) == len(mine) && seen.left > lease/2 {
		return shardsOf(mine)
	}
	return p.claim(ctx, wanted, lease)
}

// leasesSeen is what one look at the leases of the outbox saw.
type leasesSeen struct {
	known      map[string]bool // shares that have a row
	mine, free []string        // shares, in order of their names
	members    []string        // replicas that work, this one included
	attending  bool            // this replica has a row
	old        bool            // there are replicas to be forgotten
	orphans    bool            // a view may be shown as being rebuilt by nobody
	left       time.Duration   // of this replica's lease that ends first
}

// lookAtLeases reads the leases of the outbox.
func (p *Projector) lookAtLeases(ctx context.Context) (leasesSeen, error) {
	seen := leasesSeen{known: map[string]bool{}, left: time.Hour}
	me := memberPrefix + p.Replica
	const query = `SELECT name, owner, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), lease_until),
	EXISTS (SELECT 1 FROM projection_states WHERE republishing = 1)
FROM leases
WHERE name LIKE 'outbox%'
ORDER BY name`
	_, err := mysqldb.Collect(ctx, p.DB, func(rows *sql.Rows) (_ struct{}, err error) {
		var name, owner string
		var micros int64
		if err = rows.Scan(&name, &owner, &micros, &seen.orphans); err != nil {
			return struct{}{}, err
		}
		left := time.Duration(micros) * time.Microsecond
		if name == me || owner == p.Replica && left > 0 {
			seen.left = min(seen.left, left)
		}
		if strings.HasPrefix(name, memberPrefix) {
			seen.attending = seen.attending || name == me
			seen.old = seen.old || left < -forgetMembers
			if left > 0 || name == me {
				seen.members = append(seen.members, name)
			}
			return struct{}{}, nil
		}
		seen.share(name, owner == p.Replica, left > 0)
		return struct{}{}, nil
	}, query)
	if err != nil {
		return seen, fmt.Errorf("read leases: %w", err)
	}
	return seen, nil
}

// share sorts in a share of the outbox.
func (s *leasesSeen) share(name string, isMine, isHeld bool) {
	s.known[name] = true
	if !isHeld {
		s.free = append(s.free, name)
	} else if isMine {
		s.mine = append(s.mine, name)
	}
}

// tidy makes rows that are missing, for the shares and for this replica, and
// removes what is left of those that are gone.
func (p *Projector) tidy(ctx context.Context, seen *leasesSeen, lease time.Duration) error {
	if err := p.offer(ctx, seen); err != nil {
		return err
	}
	if !seen.attending {
		const attend = `INSERT INTO leases (name, owner, lease_until, fence)
VALUES (?, ?, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, 1)
ON DUPLICATE KEY UPDATE owner = VALUES(owner), lease_until = VALUES(lease_until)`
		me := memberPrefix + p.Replica
		if err := p.exec(ctx, attend, me, p.Replica, lease.Microseconds()); err != nil {
			return err
		}
		seen.members = append(seen.members, me)
	}
	if seen.old {
		const forget = `DELETE FROM leases
WHERE name LIKE ? AND lease_until < UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND`
		if err := p.exec(ctx, forget, memberPrefix+"%", forgetMembers.Microseconds()); err != nil {
			return err
		}
	}
	if seen.orphans {
		return p.clearOrphans(ctx)
	}
	return nil
}

// offer makes rows of shares that have none.
func (p *Projector) offer(ctx context.Context, seen *leasesSeen) error {
	var missing []string
	for shard := range shop.Shards {
		if name := shareName(shard); !seen.known[name] {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	seen.free = append(seen.free, missing...)
	rows := strings.Repeat("(?, '', UTC_TIMESTAMP(6), 0), ", len(missing)-1) + "(?, '', UTC_TIMESTAMP(6), 0)"
	return p.exec(ctx, "INSERT INTO leases (name, owner, lease_until, fence) VALUES "+rows+
		" ON DUPLICATE KEY UPDATE name = VALUES(name)", anys(missing)...)
}

// giveUp ends this replica's leases of the shares named.
func (p *Projector) giveUp(ctx context.Context, names []string) error {
	return p.exec(ctx, "UPDATE leases SET lease_until = UTC_TIMESTAMP(6) WHERE owner = ? AND name IN ("+
		list(len(names))+")", append([]any{p.Replica}, anys(names)...)...)
}

// claim takes or keeps the shares named, and this replica's own row, in one
// statement. It returns the shards of those shares that it got.
func (p *Projector) claim(ctx context.Context, names []string, lease time.Duration) ([]int, error) {
	args := append([]any{p.Replica, p.Replica, lease.Microseconds()}, anys(names)...)
	result, err := mysqldb.Alone(p.DB).ExecContext(ctx, `UPDATE leases
SET fence = fence + (owner <> ?), owner = ?, lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
WHERE name IN (`+list(len(names)+1)+`) AND (owner = ? OR lease_until <= UTC_TIMESTAMP(6))`,
		append(args, memberPrefix+p.Replica, p.Replica)...)
	if err != nil {
		return nil, fmt.Errorf("claim shares of the outbox: %w", err)
	}
	if n, err := result.RowsAffected(); err == nil && n == int64(len(names)+1) {
		return shardsOf(names)
	}
	seen, err := p.lookAtLeases(ctx) // somebody else was faster
	if err != nil {
		return nil, err
	}
	return shardsOf(seen.mine)
}

// shardsOf returns the shards that shares are named after.
func shardsOf(names []string) ([]int, error) {
	shards := make([]int, len(names))
	for i, name := range names {
		if _, err := fmt.Sscanf(name, sharePrefix+"%d", &shards[i]); err != nil {
			return nil, fmt.Errorf("read the name of share %q: %w", name, err)
		}
	}
	return shards, nil
}

// giveBack ends this replica's leases, so that others need not wait for them.
func (p *Projector) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	const end = `UPDATE leases
SET lease_until = UTC_TIMESTAMP(6)
WHERE owner = ? AND lease_until > UTC_TIMESTAMP(6) AND (name LIKE ? OR name = ?)`
	if err := p.exec(ctx, end, p.Replica, sharePrefix+"%", memberPrefix+p.Replica); err != nil {
		p.Logger.WarnContext(ctx, "the outbox was not given back", "error", err)
	}
}

func (p *Projector) exec(ctx context.Context, query string, args ...any) error {
	if _, err := mysqldb.Alone(p.DB).ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("write leases: %w", err)
	}
	return nil
}

func shareName(shard int) string { return fmt.Sprintf("%s%02d", sharePrefix, shard) }

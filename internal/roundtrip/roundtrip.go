// Package roundtrip sends together what many callers ask of Redis at the same moment: under
// load a command costs a share of a round trip, not one of its own.
package roundtrip

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxFlights is how many round trips of a Group are under way at most.
	maxFlights = 4
	// patience is how long somebody waits for a round trip before another is made beside it.
	patience = 5 * time.Millisecond
	// maxCallers is how many share a round trip at most.
	maxCallers = 256
)

// A Group makes round trips to Redis that its callers share, without a timer: who arrives
// while one is under way is in the next. One that takes long does not hold up those behind it.
// The zero value is ready; it must not be copied once used.
type Group struct {
	// Timeout bounds a round trip, however long its client would try; 2 s when zero.
	Timeout time.Duration

	mu      sync.Mutex
	waiting []*call
	flights int
}

// A call is one caller's commands.
type call struct {
	queue    func(redis.Pipeliner)
	answered chan struct{}
}

// Do sends the commands that queue adds to a pipeline, with those of others, and returns
// when they are answered: each command tells of its own error then. Commands of one call stay
// in order, and nobody's come in between. When ctx ends first its error is returned; the
// commands may be sent all the same, and must not be looked at.
func (g *Group) Do(ctx context.Context, client redis.UniversalClient, queue func(redis.Pipeliner)) error {
	c := &call{queue: queue, answered: make(chan struct{})}
	if g.join(c) {
		go g.fly(context.WithoutCancel(ctx), client)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case <-c.answered:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			if g.another() {
				go g.fly(context.WithoutCancel(ctx), client)
			}
		}
	}
}

// join adds a call to those that wait, and reports whether a flight is to begin for them.
func (g *Group) join(c *call) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, c)
	return g.beginLocked(1)
}

// another reports whether a flight is to begin beside one that takes long.
func (g *Group) another() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting) > 0 && g.beginLocked(maxFlights)
}

func (g *Group) beginLocked(limit int) bool {
	if g.flights >= limit {
		return false
	}
	g.flights++
	return true
}

// fly makes round trips until nobody waits.
func (g *Group) fly(ctx context.Context, client redis.UniversalClient) {
	for calls := g.board(); calls != nil; calls = g.board() {
		ctx, cancel := context.WithTimeout(ctx, cmp.Or(g.Timeout, 2*time.Second))
		pipe := client.Pipeline()
		for _, c := range calls {
			c.queue(pipe)
		}
		_, _ = pipe.Exec(ctx) // each command tells of its own error
		cancel()
		for _, c := range calls {
			close(c.answered)
		}
	}
}

// board takes those who wait. Without any the flight is over.
func (g *Group) board() (calls []*call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), maxCallers)
	if n == 0 {
		g.flights--
		return nil
	}
	calls, g.waiting = g.waiting[:n:n], g.waiting[n:]
	return calls
}

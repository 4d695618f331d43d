package command

import (
	"context"
	"sync"

	"payment-system/shop"
)

const (
	maxGroupOrders = 64
	maxGroupLines  = 1_000 // bounds a group's statements when its orders are long
	maxWishes      = 10_000
)

// An orderWish is an order that waits for its group. The committer fills placed
// or err and then closes ready.
type orderWish struct {
	ctx    context.Context
	cmd    PlaceOrder
	req    request
	id     shop.OrderID
	ready  chan struct{}
	placed shop.OrderPlaced
	err    error
}

// refuse ends the wish without an order.
func (w *orderWish) refuse(err error) { w.placed, w.err = shop.OrderPlaced{}, err }

// An orderQueue forms groups without a timer: who arrives while a commit is in
// flight belongs to the next group. The zero value is empty.
type orderQueue struct {
	mu         sync.Mutex
	waiting    []*orderWish
	committing bool
}

// join adds a wish, and starts commit when nobody commits already. It returns
// Unavailable when too many wait.
func (q *orderQueue) join(wish *orderWish, start func(func()), commit func()) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= maxWishes {
		return &shop.Error{Code: shop.Unavailable, Message: "Too many orders at once. Try again in a moment."}
	}
	q.waiting = append(q.waiting, wish)
	if !q.committing {
		q.committing = true
		start(commit)
	}
	return nil
}

// next returns the group to commit, or nil when nobody waits; the committer
// then ends.
func (q *orderQueue) next() []*orderWish {
	q.mu.Lock()
	defer q.mu.Unlock()
	var group []*orderWish
	lines, taken := 0, 0
	for _, wish := range q.waiting {
		if len(group) == maxGroupOrders || (len(group) > 0 && lines+len(wish.cmd.Lines) > maxGroupLines) {
			break
		}
		taken++
		if err := wish.ctx.Err(); err != nil { // Nobody waits for it, and nothing was written.
			wish.refuse(unavailable(err))
			close(wish.ready)
			continue
		}
		lines += len(wish.cmd.Lines)
		group = append(group, wish)
	}
	clear(q.waiting[:taken])
	q.waiting = q.waiting[taken:]
	if len(group) == 0 {
		q.committing = false
		q.waiting = nil
	}
	return group
}

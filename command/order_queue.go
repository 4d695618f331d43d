package command

import (
	"context"
	"sync"

	"payment-system/command/books"
	"payment-system/shop"
)

const (
	maxGroupOrders = 64
	maxGroupLines  = 1_000 // bounds a group's statements when its orders are long
	maxPending     = 10_000
)

// A pendingOrder is an order that waits for its group. The committer fills placed
// or err and then closes ready.
type pendingOrder struct {
	ctx    context.Context // of the call that waits: one that has ended is left out of its group
	cmd    PlaceOrder
	req    books.Request
	id     shop.OrderID
	ready  chan struct{}
	placed shop.OrderPlaced
	err    error
}

// refuse ends the wait without an order.
func (p *pendingOrder) refuse(err error) { p.placed, p.err = shop.OrderPlaced{}, err }

// An orderQueue forms groups without a timer: who arrives while a commit is in
// flight belongs to the next group. The zero value is empty.
type orderQueue struct {
	mu         sync.Mutex
	waiting    []*pendingOrder
	committing bool
}

// join adds a pending order, and starts commit when nobody commits already. It returns
// Unavailable when too many wait.
func (q *orderQueue) join(pending *pendingOrder, start func(func()), commit func()) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= maxPending {
		return &shop.Error{Code: shop.Unavailable, Message: "Too many orders at once. Try again in a moment."}
	}
	q.waiting = append(q.waiting, pending)
	if !q.committing {
		q.committing = true
		start(commit)
	}
	return nil
}

// next returns the group to commit, or nil when nobody waits; the committer
// then ends.
func (q *orderQueue) next() []*pendingOrder {
	q.mu.Lock()
	defer q.mu.Unlock()
	var group []*pendingOrder
	lines, taken := 0, 0
	for _, pending := range q.waiting {
		if len(group) == maxGroupOrders || (len(group) > 0 && lines+len(pending.cmd.Lines) > maxGroupLines) {
			break
		}
		taken++
		if err := pending.ctx.Err(); err != nil { // Nobody waits for it, and nothing was written.
			pending.refuse(books.Unavailable(err))
			close(pending.ready)
			continue
		}
		lines += len(pending.cmd.Lines)
		group = append(group, pending)
	}
	clear(q.waiting[:taken])
	q.waiting = q.waiting[taken:]
	if len(group) == 0 {
		q.committing = false
		q.waiting = nil
	}
	return group
}

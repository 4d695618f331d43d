package command

import (
	"context"
	"slices"
	"sync"
	"time"

	"payment-system/command/books"
	"payment-system/shop"
)

const (
	// maxGroup is how many decisions are committed together at most.
	maxGroup = 64
	// maxGroupLines and maxGroupBytes bound a group's statements when its orders are long, or its
	// gateways talkative.
	maxGroupLines = 1_000
	maxGroupBytes = 4 << 20
	// maxBackground is how many of a group nobody waits for, when others wait, and
	// minBackground how many of them are let in all the same.
	maxBackground = maxGroup / 2
	minBackground = 8
	// maxPending and maxPendingLines bound the orders that wait to be placed.
	maxPending      = 10_000
	maxPendingLines = 100_000
	// maxLanes is how many groups wait at once for rows that somebody holds.
	maxLanes = 8
)

// A committer forms groups of decisions without a timer: whoever arrives while a group is
// being committed belongs to a later one. Two decisions on one order, or on one key, never
// share a group, and are never in two at once. The zero value is empty.
type committer struct {
	mu   sync.Mutex
	main lane
	// aside are the lanes of decisions that wait for a row that somebody else holds, by the id of
	// the order or product: the others go on without them.
	aside   map[string]*lane
	slots   chan struct{} // taken by lanes aside while they work
	pending int           // lines of orders that wait to be placed
	// busy are the orders and keys of decisions that were taken and are not answered yet.
	busy map[any]bool
}

// A lane is decisions that wait, in order of their arrival.
type lane struct {
	waiting []*decision
	working bool
	aside   string // what it waits for; "" for the main lane
}

// join adds a decision, and has work begin when nobody commits already. It returns
// Unavailable when too many orders wait to be placed.
func (q *committer) join(d *decision, work func(*lane)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines, _ := d.size()
	if d.place != nil && (len(q.main.waiting) >= maxPending || q.pending+lines > maxPendingLines) {
		return tooManyOrders()
	}
	if d.place != nil {
		d.pending = lines
		q.pending += lines
	}
	d.since = time.Now() //nolint:forbidigo // A wait is measured by the machine's clock.
	to := q.laneOf(d)
	to.waiting = append(to.waiting, d)
	q.startLocked(to, work)
	return nil
}

func tooManyOrders() error {
	return shop.NotNow("Too many orders at once. Try again in a moment.", nil)
}

// laneOf returns the lane in which a row that the decision needs is waited for.
func (q *committer) laneOf(d *decision) *lane {
	for _, id := range d.rows() {
		if l := q.aside[id]; l != nil {
			return l
		}
	}
	return &q.main
}

func (q *committer) startLocked(l *lane, work func(*lane)) {
	if !l.working && len(l.waiting) > 0 {
		l.working = true
		work(l)
	}
}

// next takes the group that a lane is to commit, or nil when none can be formed; the lane
// then rests until somebody joins it, or what it is in conflict with is done.
func (q *committer) next(l *lane) []*decision {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := choice{busy: q.busy, limit: maxGroup}
	background := slices.ContainsFunc(l.waiting, func(d *decision) bool { return d.background })
	if background {
		c.limit -= minBackground
	}
	// Payments that were begun go first, then orders, and then what nobody waits for.
	c.take(l.waiting, func(d *decision) bool { return d.place == nil && !d.background })
	c.take(l.waiting, func(d *decision) bool { return d.place != nil })
	c.limit = min(maxGroup, len(c.group)+maxBackground)
	c.take(l.waiting, func(d *decision) bool { return d.background })
	q.busy = c.busy
	for _, d := range l.waiting {
		if d.taken {
			q.pending, d.pending = q.pending-d.pending, 0
		}
	}
	l.waiting = slices.DeleteFunc(l.waiting, func(d *decision) bool { return d.taken })
	if len(c.group) == 0 {
		l.working = false
		if len(l.waiting) == 0 && l.aside != "" {
			delete(q.aside, l.aside)
		}
	}
	return c.group
}

// A choice is a group that is being formed.
type choice struct {
	busy         map[any]bool
	limit        int
	group        []*decision
	lines, bytes int
}

// take adds those of the waiting that are wanted, are in conflict with nobody and fit.
// Who hung up before anything was done for them is sent home.
func (c *choice) take(waiting []*decision, wanted func(*decision) bool) {
	if c.busy == nil {
		c.busy = map[any]bool{}
	}
	for _, d := range waiting {
		if len(c.group) >= c.limit {
			return
		}
		if d.taken || !wanted(d) {
			continue
		}
		if err := d.ctx.Err(); err != nil && !d.begun {
			d.taken = true
			d.answer(books.Unavailable(err), nil)
			continue
		}
		if d.place != nil && !d.begun && time.Since(d.since) > d.place.within {
			d.taken = true
			d.answer(tooManyOrders(), nil)
			continue
		}
		lines, size := d.size()
		tooMuch := len(c.group) > 0 && (c.lines+lines > maxGroupLines || c.bytes+size > maxGroupBytes)
		if tooMuch || (!d.begun && slices.ContainsFunc(d.exclusive(), func(id any) bool { return c.busy[id] })) {
			continue
		}
		d.taken, d.begun = true, true
		for _, id := range d.exclusive() {
			c.busy[id] = true
		}
		c.lines, c.bytes, c.group = c.lines+lines, c.bytes+size, append(c.group, d)
	}
}

// done lets go what a group's decisions kept from others, and has whoever waited for it go
// on. Those that wait for a row that somebody holds keep theirs, and go into lanes aside.
func (q *committer) done(group []*decision, work func(*lane)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range group {
		if d.waitsFor == "" {
			for _, id := range d.exclusive() {
				delete(q.busy, id)
			}
			continue
		}
		if q.aside == nil {
			q.aside, q.slots = map[string]*lane{}, make(chan struct{}, maxLanes)
		}
		to := q.aside[d.waitsFor]
		if to == nil {
			to = &lane{aside: d.waitsFor}
			q.aside[d.waitsFor] = to
		}
		d.taken, d.waitsFor = false, ""
		to.waiting = append(to.waiting, d)
	}
	q.startLocked(&q.main, work)
	for _, l := range q.aside {
		q.startLocked(l, work)
	}
}

// commitLane commits group after group of a lane until it rests.
func (h *Handler) commitLane(l *lane) {
	if l.aside != "" {
		h.commits.slots <- struct{}{}
		defer func() { <-h.commits.slots }()
	}
	for members := h.commits.next(l); members != nil; members = h.commits.next(l) {
		g := &group{h: h, members: members, patience: books.LeaveRows}
		if l.aside != "" {
			g.patience = books.WaitForRows
		}
		g.commitAll(members)
		h.commits.done(members, h.startLane)
	}
}

func (h *Handler) startLane(l *lane) { h.background.Start(func() { h.commitLane(l) }) }

// decide has a decision committed, with whoever else waits, and returns when it is in the
// books or refused: whoever hangs up must not stop it.
func (h *Handler) decide(ctx context.Context, d *decision) error {
	d.ready = make(chan struct{})
	if d.ctx == nil {
		d.ctx = context.WithoutCancel(ctx)
	}
	if err := h.commits.join(d, h.startLane); err != nil {
		return err
	}
	<-d.ready
	return d.err
}

// Package admission bounds what is in flight in this process, by classes of requests, and keeps a
// way free for payments that were begun: money may have moved.
package admission

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"payment-system/shop"
)

// A Class is requests that share a bound. Those before are more urgent than those after.
type Class string

// The classes.
const (
	Payments  Class = "payments"  // that were begun, their refunds, returns and webhooks
	Orders    Class = "orders"    // that are placed
	Operators Class = "operators" // and whatever else operators alone may ask
	Reads     Class = "reads"
	Accounts  Class = "accounts" // signing up, in and out
	// Subscriptions count until their first answer. They wait rather than being refused: all those of
	// a replica that stopped come at once, and clients take a refusal for the end.
	Subscriptions Class = "subscriptions"
)

// Classes are all of them, the most urgent first.
func Classes() []Class { return []Class{Payments, Orders, Operators, Reads, Accounts, Subscriptions} }

// A Limit is what a class may have.
type Limit struct {
	// InFlight is how many are worked on at once.
	InFlight int
	// Waiting is how many may wait for that, and Patience how long each.
	Waiting  int
	Patience time.Duration
}

// Limits are the bounds; docs/operating.md explains them. Payments do not wait: who was let in to
// order is let pay.
func Limits() map[Class]Limit {
	return map[Class]Limit{
		Payments:      {InFlight: 1024},
		Orders:        {InFlight: 128, Waiting: 768, Patience: 4 * time.Second},
		Operators:     {InFlight: 32, Waiting: 256, Patience: 10 * time.Second},
		Reads:         {InFlight: 32, Waiting: 512, Patience: 4 * time.Second},
		Accounts:      {InFlight: 16, Waiting: 512, Patience: 20 * time.Second},
		Subscriptions: {InFlight: 32, Waiting: 20_000, Patience: 30 * time.Second},
	}
}

// Roof is how many of all classes are worked on at once before only payments are let in. Those that
// wait for a gateway's answer are not counted: it is not us who are busy.
const Roof = 192

// While more than fewPayments are worked on, and those that were answered lately took us longer than
// slowPayment on average, only payments are let in too: a machine that is slower, or does something
// else besides, has its roof lower.
const (
	fewPayments = 32
	slowPayment = 500 * time.Millisecond
)

// A Gate lets requests in. Its zero value lets in as Limits says.
type Gate struct {
	once sync.Once
	mu   sync.Mutex
	busy int           // of all classes, but for those at a gateway
	paid int           // of busy, payments
	took time.Duration // payments lately, without what gateways took
	room map[Class]*room
}

// A room is where requests of one class are.
type room struct {
	Limit
	inside  int // at a gateway or not
	waiting []*Pass
	shed    uint64
}

// A Pass is one request that was let in, or waits.
type Pass struct {
	gate  *Gate
	class Class
	in    chan struct{} // closed when it is let in
	// Under the gate's lock.
	away  int           // calls to gateways that it waits for
	since time.Time     // that it is busy
	work  time.Duration // for how long it was before
	left  bool
}

type passKey struct{}

func (g *Gate) open() {
	g.once.Do(func() {
		g.room = map[Class]*room{}
		for class, limit := range Limits() {
			g.room[class] = &room{Limit: limit}
		}
	})
}

// Enter lets a request of a class in, perhaps after a wait; the caller calls leave when it is
// answered. The context that it returns tells Away whose wait a call to a gateway is. It returns
// Unavailable, with when to ask again, when there are too many: then leave is nil.
func (g *Gate) Enter(ctx context.Context, class Class) (in context.Context, leave func(), err error) {
	g.open()
	p := &Pass{gate: g, class: class, in: make(chan struct{})}
	g.mu.Lock()
	r := g.room[class]
	switch {
	case len(r.waiting) == 0 && g.hasRoom(class):
		g.admit(p)
	case len(r.waiting) >= r.Waiting:
		r.shed++
		g.mu.Unlock()
		return ctx, nil, tooMany()
	default:
		r.waiting = append(r.waiting, p)
	}
	g.mu.Unlock()
	if err := p.wait(ctx, r.Patience); err != nil {
		return ctx, nil, err
	}
	return context.WithValue(ctx, passKey{}, p), sync.OnceFunc(p.leave), nil
}

// wait waits until the pass is let in.
func (p *Pass) wait(ctx context.Context, patience time.Duration) error {
	select {
	case <-p.in:
		return nil
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.in:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return p.giveUp()
}

// giveUp leaves the queue, unless the pass was let in at the last moment.
func (p *Pass) giveUp() error {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.room[p.class]
	at := slices.Index(r.waiting, p)
	if at < 0 {
		return nil
	}
	r.waiting = slices.Delete(r.waiting, at, at+1)
	r.shed++
	return tooMany()
}

// hasRoom reports whether one more of a class may be worked on.
func (g *Gate) hasRoom(class Class) bool {
	r := g.room[class]
	return r.inside < r.InFlight && (class == Payments || (g.busy < Roof && !g.isSlow()))
}

func (g *Gate) isSlow() bool { return g.paid > fewPayments && g.took > slowPayment }

func (g *Gate) admit(p *Pass) {
	g.room[p.class].inside++
	g.begin(p)
	close(p.in)
}

// begin counts a request as busy, and rest counts it no more.
func (g *Gate) begin(p *Pass) {
	g.busy++
	if p.class == Payments {
		g.paid++
	}
	p.since = now()
}

func (g *Gate) rest(p *Pass) {
	g.busy--
	if p.class == Payments {
		g.paid--
	}
	p.work += now().Sub(p.since)
}

func now() time.Time { return time.Now() } //nolint:forbidigo // Work is measured by the machine's clock.

// admitWaiting lets in who has waited longest, of the most urgent class first.
func (g *Gate) admitWaiting() {
	for _, class := range Classes() {
		r := g.room[class]
		for len(r.waiting) > 0 && g.hasRoom(class) {
			p := r.waiting[0]
			r.waiting[0] = nil
			r.waiting = r.waiting[1:]
			g.admit(p)
		}
	}
}

func (p *Pass) leave() {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	p.left = true
	g.room[p.class].inside--
	if p.away == 0 {
		g.rest(p)
	}
	if p.class == Payments {
		g.took += (p.work - g.took) / 8
	}
	g.admitWaiting()
}

// Away says that the request of ctx waits for somebody else, a gateway, until back is called: others
// are let in meanwhile. Work without a request does nothing.
func Away(ctx context.Context) (back func()) {
	p, ok := ctx.Value(passKey{}).(*Pass)
	if !ok {
		return func() {}
	}
	p.move(1)
	return sync.OnceFunc(func() { p.move(-1) })
}

// move counts a call to a gateway that begins or ends. What goes on after the answer counts for nothing.
func (p *Pass) move(calls int) {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	was := p.away
	p.away += calls
	switch {
	case p.left:
	case was == 0:
		g.rest(p)
		g.admitWaiting()
	case p.away == 0:
		g.begin(p)
	}
}

// A Count is what became of a class's requests.
type Count struct {
	InFlight, Waiting int
	Shed              uint64 // since the process began
}

// Counts tells how many of each class there are.
func (g *Gate) Counts() map[Class]Count {
	g.open()
	g.mu.Lock()
	defer g.mu.Unlock()
	counts := make(map[Class]Count, len(g.room))
	for class, r := range g.room {
		counts[class] = Count{InFlight: r.inside, Waiting: len(r.waiting), Shed: r.shed}
	}
	return counts
}

// tooMany asks those who come at once to come back one after another.
func tooMany() error {
	return shop.NotBefore(2+rand.IntN(4), "There are too many at once. Try again in a moment, with the same key.", nil)
}

package projections

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"payment-system/shop"
)

// resting is what was handed over and is passing: states that nobody was told of, and that another commit
// is about to follow. They are shown together with that, in one write, or by themselves when it does not
// come soon. It is guarded by the Projector's mutex; the zero value is ready.
type resting struct {
	of    map[string]rest // by aggregate
	timer *time.Timer     // set while there is something
}

// A rest is what is passing of one aggregate.
type rest struct {
	events []handedEvent
	size   int
	until  time.Time // of the real clock
}

// rest keeps back what was committed, if there is room for it.
func (p *Projector) rest(committed shop.Committed) (rests bool) {
	size := sizeOf(committed)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held+size > handedSize || p.lifeLocked().Err() != nil {
		return false
	}
	p.held += size
	p.lately.note(p.Now(), committed.Events)
	if p.resting.of == nil {
		p.resting.of = map[string]rest{}
	}
	restTime := cmp.Or(p.Rest, 250*time.Millisecond)
	until := time.Now().Add(restTime)
	for _, event := range committed.Events {
		r := p.resting.of[event.AggregateID]
		if r.events == nil {
			r.until = until
		}
		r.events = append(r.events, handedEvent{event: event})
		r.size += len(event.Payload) + handedOverhead
		p.resting.of[event.AggregateID] = r
	}
	if p.resting.timer == nil {
		p.resting.timer = time.AfterFunc(restTime, p.wakeDue)
	}
	return true
}

// wakeDue adds what has rested long enough to the batch that is forming.
func (p *Projector) wakeDue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var due []string
	var next time.Time
	for id, r := range p.resting.of {
		switch {
		case !time.Now().Before(r.until):
			due = append(due, id)
		case next.IsZero() || r.until.Before(next):
			next = r.until
		}
	}
	p.resting.timer = nil
	if !next.IsZero() {
		p.resting.timer = time.AfterFunc(time.Until(next), p.wakeDue)
	}
	if len(due) > 0 {
		p.joinLocked(func(b *batch) { p.wakeLocked(b, due...) })
	}
}

// wakeLocked adds what is passing of aggregates to a batch that shows them. The caller holds p.mu.
func (p *Projector) wakeLocked(b *batch, aggregateIDs ...string) {
	for _, id := range aggregateIDs {
		if r, ok := p.resting.of[id]; ok {
			b.handed[id] = append(b.handed[id], r.events...)
			b.size += r.size
			delete(p.resting.of, id)
		}
	}
}

// wakeAllLocked adds all that is passing to a batch. The caller holds p.mu.
func (p *Projector) wakeAllLocked() {
	if len(p.resting.of) > 0 {
		p.joinLocked(func(b *batch) { p.wakeLocked(b, slices.Collect(maps.Keys(p.resting.of))...) })
	}
}

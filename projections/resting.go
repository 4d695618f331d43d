package projections

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"payment-system/shop"
)

// resting is what was handed over and is passing, by aggregate: states that nobody was told of, and that another
// commit is about to follow. They are shown together with that, in one write, or by themselves when it does not
// come soon.
type resting map[string]rest

// A rest is what is passing of one aggregate.
type rest struct {
	events []handedEvent
	size   int
}

// rest keeps back what was committed of aggregates, if there is room for it.
func (p *Projector) rest(committed shop.Committed, aggregateIDs []string) (rests bool) {
	size := sizeOf(committed)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held+size > handedSize || p.lifeLocked().Err() != nil {
		return false
	}
	p.held += size
	p.lately.note(p.Now(), committed.Events)
	if p.resting == nil {
		p.resting = resting{}
	}
	for _, event := range committed.Events {
		r := p.resting[event.AggregateID]
		r.events = append(r.events, handedEvent{event: event})
		r.size += len(event.Payload) + handedOverhead
		p.resting[event.AggregateID] = r
	}
	time.AfterFunc(cmp.Or(p.Rest, 250*time.Millisecond), func() { p.wake(aggregateIDs...) })
	return true
}

// wake has what is passing of aggregates shown, if it still is.
func (p *Projector) wake(aggregateIDs ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(aggregateIDs, func(id string) bool { return p.resting[id].events != nil }) {
		p.joinLocked(func(b *batch) { p.wakeLocked(b, aggregateIDs...) })
	}
}

// wakeAll has all that is passing shown.
func (p *Projector) wakeAll() {
	p.mu.Lock()
	ids := slices.Collect(maps.Keys(p.resting))
	p.mu.Unlock()
	p.wake(ids...)
}

// wakeLocked adds what is passing of aggregates to a batch that shows them. The caller holds p.mu.
func (p *Projector) wakeLocked(b *batch, aggregateIDs ...string) {
	for _, id := range aggregateIDs {
		if r, ok := p.resting[id]; ok {
			b.handed[id] = append(b.handed[id], r.events...)
			b.size += r.size
			delete(p.resting, id)
		}
	}
}

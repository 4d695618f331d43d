package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"payment-system/internal/views"
	"payment-system/shop"
)

const (
	// handedSize is how many bytes of events may wait to be shown. Whatever does not
	// fit is read from the books.
	handedSize = 32 << 20
	// handedChunk is how many aggregates whose events were handed over are written in
	// one transaction.
	handedChunk = 512
	// handedTime is how long Run leaves alone what was handed over.
	handedTime = time.Second
	// handedOverhead is about what an event takes besides its payload.
	handedOverhead = 256
)

// A batch is what is to be shown next, whoever asks for it.
type batch struct {
	// ids are the aggregates whose events are to be read, with the versions of those
	// that are known to be pending.
	ids map[string][]int
	// handed are the events that were handed over, by aggregate and in any order.
	handed map[string][]handedEvent
	wrote  []recordsWritten
	size   int // of what was handed over, in bytes
	done   chan struct{}
	err    error // why some of it is not shown; to be read once done is closed
}

// recordsWritten says whose records of gateways a commit wrote, and of which
// aggregates it had events.
type recordsWritten struct {
	attempts   []shop.AttemptID
	aggregates []string
}

// A handedEvent is an event, and the records of gateways that its transaction wrote.
type handedEvent struct {
	event   shop.Event
	records map[shop.AttemptID][]byte
}

// read adds aggregates whose events are to be read.
func (b *batch) read(aggregateIDs ...string) {
	for _, id := range aggregateIDs {
		b.ids[id] = nil
	}
}

// hold adds what was committed.
func (b *batch) hold(committed shop.Committed, size int) {
	for _, event := range committed.Events {
		b.handed[event.AggregateID] = append(b.handed[event.AggregateID], handedEvent{event, committed.Records})
	}
	b.size += size
}

// Hand hands over what was just committed, so that the read models show it without
// reading it back. It never blocks. The function that it returns waits until they
// do, as Project waits, and may be called by any number of goroutines, or by none.
// Events that are handed over twice, late or out of order do no harm; those of
// other commits in between are read. What does not fit into memory is read too.
func (p *Projector) Hand(committed shop.Committed) (shown func(ctx context.Context)) {
	ids := aggregatesOf(committed)
	if len(ids)+len(committed.Touched)+len(committed.Records) == 0 {
		return func(context.Context) {}
	}
	if committed.Passing && p.rest(committed, ids) {
		return func(ctx context.Context) { p.Project(ctx, ids...) }
	}
	size := sizeOf(committed)
	wrote := recordsWritten{slices.Collect(maps.Keys(committed.Records)), ids}
	joined := p.join(func(b *batch) {
		p.wakeLocked(b, ids...)
		p.wakeLocked(b, committed.Touched...)
		b.read(committed.Touched...)
		b.wrote = append(b.wrote, wrote)
		if p.held+size > handedSize {
			b.read(ids...)
			return
		}
		p.held += size
		b.hold(committed, size)
		p.lately.note(p.Now(), committed.Events)
	})
	missed := &unshown{events: committed.Events, aggregateIDs: committed.Touched}
	return func(ctx context.Context) {
		if !p.await(ctx, joined, len(ids)+len(committed.Touched)) {
			missed.remember(ctx, p)
		}
	}
}

// aggregatesOf names the aggregates that a commit has events of, each once.
func aggregatesOf(committed shop.Committed) []string {
	var ids []string
	for _, event := range committed.Events {
		ids = append(ids, event.AggregateID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// sizeOf returns about how many bytes a commit holds.
func sizeOf(committed shop.Committed) int {
	size := 0
	for _, event := range committed.Events {
		size += len(event.Payload) + handedOverhead
	}
	for _, record := range committed.Records {
		size += len(record)
	}
	return size
}

// A handed aggregate is one whose events were handed over, and the row that they make.
type handed struct {
	row    row
	events []handedEvent // in order of their versions, each once
}

// applyBatch brings the views up to what was handed over and up to the latest
// events of the aggregates that were asked for.
func (p *Projector) applyBatch(ctx context.Context, b *batch) error {
	p.payments.forget(b.wrote)
	given := b.aggregates()
	ids := slices.Sorted(maps.Keys(b.ids))
	var failures []error
	for len(ids)+len(given) > 0 {
		c := chunk{known: b.ids, unset: p.unset.take()}
		c.ids, ids = cut(ids, chunkSize)
		c.given, given = cut(given, handedChunk)
		failures = append(failures, p.applyObserved(ctx, c))
	}
	return errors.Join(failures...)
}

// cut returns the first n of what there is, and the rest.
func cut[T any](all []T, n int) (first, rest []T) {
	n = min(n, len(all))
	return all[:n], all[n:]
}

// aggregates makes a row of the newest event of each aggregate whose events were
// handed over. Those whose newest event cannot be read, and those that somebody
// asked for besides, are read from the books.
func (b *batch) aggregates() []handed {
	given := make([]handed, 0, len(b.handed))
	for id, events := range b.handed {
		if _, asked := b.ids[id]; asked {
			continue
		}
		events = inOrder(events)
		made, err := rowOf(events[len(events)-1].event)
		if err != nil {
			b.read(id)
			continue
		}
		given = append(given, handed{made, events})
	}
	slices.SortFunc(given, func(a, b handed) int { return strings.Compare(a.row.id, b.row.id) })
	return given
}

// inOrder returns events in order of their versions, each once.
func inOrder(events []handedEvent) []handedEvent {
	slices.SortStableFunc(events, func(a, b handedEvent) int { return cmp.Compare(a.event.Version, b.event.Version) })
	return slices.CompactFunc(events, func(a, b handedEvent) bool { return a.event.Version == b.event.Version })
}

// fillGiven completes the rows of payments from what is remembered of them, and
// reads of the others what happened to them.
func (p *Projector) fillGiven(ctx context.Context, given []handed) error {
	var indexes []int
	var missing []row
	for i := range given {
		g := &given[i]
		if g.row.payment == nil {
			continue
		}
		history, record, ok := p.payments.following(g)
		if !ok {
			indexes, missing = append(indexes, i), append(missing, g.row)
			continue
		}
		if err := g.row.show(history, record); err != nil {
			return fmt.Errorf("show payment %s: %w", g.row.id, err)
		}
	}
	if err := fill(ctx, p.DB, missing); err != nil {
		return err
	}
	for i, index := range indexes {
		given[index].row = missing[i]
	}
	return nil
}

// movesLists reports whether events that were handed over may change the list of
// products.
func movesLists(given []handed) bool {
	return slices.ContainsFunc(given, handed.moves)
}

// moves reports whether the events may have moved it in the list of products.
func (h handed) moves() bool {
	return h.row.view.name == shop.ViewProducts && slices.ContainsFunc(h.events, func(e handedEvent) bool {
		return strings.HasPrefix(e.event.Kind, "product.")
	})
}

// lists names the lists that a chunk may change.
func (c chunk) lists(heads map[string][]head) []string {
	if movesLists(c.given) {
		return []string{views.Products}
	}
	return changedLists(heads, c.known)
}

// places returns where the events stand that were handed over and are shown now.
func places(given []handed, refused map[string]error) []place {
	var all []place
	for _, g := range given {
		if refused[g.row.id] == nil {
			for _, e := range g.events {
				all = append(all, place{g.row.id, e.event.Version})
			}
		}
	}
	return all
}

// lately remembers for a moment which aggregates had events handed over.
type lately struct {
	mu       sync.Mutex
	now, old map[string]time.Time
	turned   time.Time
}

func (l *lately) note(at time.Time, events []shop.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == nil || at.Sub(l.turned) >= handedTime {
		l.old, l.now, l.turned = l.now, map[string]time.Time{}, at
	}
	for _, event := range events {
		l.now[event.AggregateID] = at
	}
}

// has reports whether an aggregate had events handed over less than handedTime ago.
func (l *lately) has(at time.Time, id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	noted, ok := l.now[id]
	if !ok {
		noted, ok = l.old[id]
	}
	return ok && at.Sub(noted) < handedTime
}

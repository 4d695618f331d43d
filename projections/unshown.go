package projections

import (
	"context"
	"slices"
	"sync"

	"payment-system/internal/views"
	"payment-system/shop"
)

// unshown are the events and the aggregates of a batch that somebody waits for. When the views lack them in the
// end, whoever is told of them is remembered, once.
type unshown struct {
	once         sync.Once
	events       []shop.Event
	aggregateIDs []string // whose events are not known
}

// remember remembers at Redis who is about to be told of what the views lack, so that no replica answers them from
// views that are older: the shopper whose it is, and the operator who did it. It fails open: without Redis, or
// without the books, they may see for a moment what was before.
func (u *unshown) remember(ctx context.Context, p *Projector) {
	u.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*redisTime)
		defer cancel()
		events := u.events
		if len(u.aggregateIDs) > 0 {
			latest, err := p.latest(ctx, u.aggregateIDs)
			if err != nil {
				p.Logger.WarnContext(ctx, "nobody remembers what is not shown", "error", err)
			}
			events = slices.Concat(events, latest)
		}
		versions := toldOf(events)
		if len(versions) == 0 {
			return
		}
		if err := views.RememberUnshown(ctx, p.Redis, versions); err != nil {
			p.Logger.WarnContext(ctx, "nobody remembers what is not shown", "error", err)
		}
	})
}

// toldOf are the versions that events make, for each user who is told of them.
func toldOf(events []shop.Event) (versions []views.Version) {
	for _, event := range events {
		made, err := rowOf(event)
		if err != nil {
			continue // A row that cannot be made is parked, and no view will ever show it.
		}
		for _, user := range []shop.UserID{made.owner, event.By} {
			if user != "" {
				versions = append(versions, views.Version{ID: made.id, Version: made.version, Owner: user})
			}
		}
	}
	return versions
}

// latest reads the latest event of each aggregate.
func (p *Projector) latest(ctx context.Context, aggregateIDs []string) ([]shop.Event, error) {
	heads, err := p.heads(ctx, aggregateIDs)
	if err != nil {
		return nil, err
	}
	return p.events(ctx, heads, aggregateIDs, 0)
}

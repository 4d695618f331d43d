package projections

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/views"
	"payment-system/shop"
)

const (
	// parkTime is how long a parked aggregate is left alone by Run.
	parkTime = 30 * time.Second
	// memorySize bounds what is remembered of parked aggregates and debts.
	memorySize = 10_000
	// stampTime is how often last_applied_at is moved, so that its row does not get hot.
	stampTime = time.Second
)

// parking remembers aggregates whose latest event cannot be applied. Their
// events stay pending, in their order, until a later event of the aggregate
// can be: it holds the whole state.
type parking struct {
	mu    sync.Mutex
	tries map[string]int
	until map[string]time.Time
}

// isParked reports whether Run should leave the aggregate alone for now.
func (k *parking) isParked(id string, at time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	until, ok := k.until[id]
	return ok && at.Before(until)
}

func (k *parking) release(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.tries, id)
	delete(k.until, id)
}

// fail counts a try and reports whether it is the one after which the aggregate is parked.
func (k *parking) fail(id string, at time.Time, limit int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tries == nil || len(k.tries) >= memorySize {
		k.tries, k.until = map[string]int{}, map[string]time.Time{}
	}
	k.tries[id]++
	if k.tries[id] < limit {
		return false
	}
	k.until[id] = at.Add(parkTime)
	return k.tries[id] == limit
}

// park remembers which aggregates could not be applied, and forgets those that could.
func (p *Projector) park(ctx context.Context, rows []row, unread map[string]error) {
	for _, r := range rows {
		if unread[r.id] == nil {
			p.parked.release(r.id)
		}
	}
	for id, err := range unread {
		if p.parked.fail(id, p.Now(), cmp.Or(p.Tries, 5)) {
			p.Logger.ErrorContext(ctx, "event parked", "aggregate_id", id, "error", err)
		}
	}
}

// tellAgain is how long what Redis took is remembered: a server that takes over from one that
// died may lack what that had not passed on yet.
const tellAgain = 5 * time.Second

// debts are the announcements that Redis did not take, and those that it may have lost
// when it begins not to. Beyond memorySize they are forgotten: entries of the cache
// end by themselves.
type debts struct {
	mu    sync.Mutex
	owed  map[string]views.Version
	taken []announcement // not long ago, oldest first
}

// An announcement is what Redis took at once.
type announcement struct {
	at       time.Time
	versions []views.Version
}

// paid remembers what Redis took.
func (d *debts) paid(at time.Time, versions []views.Version) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(at)
	d.taken = append(d.taken, announcement{at, versions})
}

// forget drops what was taken long ago.
func (d *debts) forget(at time.Time) {
	recent := slices.IndexFunc(d.taken, func(a announcement) bool { return at.Sub(a.at) <= tellAgain })
	if recent < 0 {
		recent = len(d.taken)
	}
	d.taken = slices.Delete(d.taken, 0, recent)
}

// fail notes what Redis did not take, and that what it took a moment ago may be lost.
func (d *debts) fail(at time.Time, versions []views.Version) {
	d.mu.Lock()
	d.forget(at)
	for _, a := range d.taken {
		versions = append(versions, a.versions...)
	}
	d.taken = nil
	d.mu.Unlock()
	d.add(versions)
}

func (d *debts) add(versions []views.Version) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.owed == nil {
		d.owed = map[string]views.Version{}
	}
	for _, v := range versions {
		if before, ok := d.owed[v.ID]; ok || len(d.owed) < memorySize {
			v.Version = max(v.Version, before.Version)
			d.owed[v.ID] = v
		}
	}
}

// take returns versions together with what is owed, which is owed no longer.
func (d *debts) take(versions []views.Version) []views.Version {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range d.owed {
		versions = append(versions, v)
	}
	clear(d.owed)
	return versions
}

// stamps remembers when each view's last_applied_at was moved.
type stamps struct {
	mu   sync.Mutex
	last map[shop.View]time.Time
}

// due returns the views of rows whose stamps are old.
func (s *stamps) due(rows []row, at time.Time) []shop.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []shop.View
	for _, r := range rows {
		if last, ok := s.last[r.view.name]; (!ok || at.Sub(last) >= stampTime) && !slices.Contains(due, r.view.name) {
			due = append(due, r.view.name)
		}
	}
	slices.Sort(due)
	return due
}

func (s *stamps) made(due []shop.View, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[shop.View]time.Time{}
	}
	for _, name := range due {
		s.last[name] = at
	}
}

// stamp writes when views last applied something.
func stamp(ctx context.Context, in mysqldb.Execer, due []shop.View, at time.Time) error {
	if len(due) == 0 {
		return nil
	}
	args := make([]any, 0, 2*len(due))
	for _, name := range due {
		args = append(args, string(name), at)
	}
	_, err := in.ExecContext(ctx, "INSERT INTO projection_states (view, last_applied_at) VALUES "+mysqldb.Tuples(len(due), 2)+
		" ON DUPLICATE KEY UPDATE last_applied_at = GREATEST(COALESCE(last_applied_at, VALUES(last_applied_at)), VALUES(last_applied_at))", args...)
	return err
}

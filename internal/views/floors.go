package views

import (
	"sync"
	"time"
)

// maxFloors is how many views Floors remembers in each half.
const maxFloors = 50_000

// Floors remembers, within one process, the versions that views reached lately:
// what this process projected, its readers never see older, Redis or no Redis.
// The zero Floors is ready, and so is a nil one, which remembers nothing.
type Floors struct {
	mu       sync.Mutex
	now, old map[string]int
	turned   time.Time
}

// Raise remembers, for MaxEntryTTL at least, that a view has the version given.
func (f *Floors) Raise(at time.Time, id string, version int) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now == nil || len(f.now) >= maxFloors || at.Sub(f.turned) > MaxEntryTTL {
		f.old, f.now, f.turned = f.now, make(map[string]int), at
	}
	f.now[id] = max(version, f.now[id])
}

// Of returns the version that a view has at least, or 0.
func (f *Floors) Of(id string) int {
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(f.now[id], f.old[id])
}

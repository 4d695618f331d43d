package pgtest

import (
	"context"
	"errors"
	"slices"

	"payment-system/pg"
)

// fault is what goes wrong with calls of one name.
type fault struct {
	call    string
	times   int // 0 is always
	outcome pg.Outcome
	applied bool
	change  func(*pg.Payment)
}

// Fail lets the next calls have no effect and end in an outcome. Times 0 means
// until Heal. Call is ready, approve, cancel or lookup; "" is any.
func (f *Fake) Fail(call string, outcome pg.Outcome, times int) {
	f.add(&fault{call: call, times: times, outcome: outcome})
}

// Lose lets the next calls take effect and loses their answers. Times 0 means
// until Heal.
func (f *Fake) Lose(call string, times int) {
	f.add(&fault{call: call, times: times, outcome: pg.OutcomeUnknown, applied: true})
}

// Misstate lets the next calls take effect and answers with a payment changed,
// as OutcomeMismatch. Times 0 means until Heal.
func (f *Fake) Misstate(call string, change func(*pg.Payment), times int) {
	f.add(&fault{call: call, times: times, outcome: pg.OutcomeMismatch, applied: true, change: change})
}

// Struck returns how many calls were struck by a fault so far.
func (f *Fake) Struck() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.struck
}

// Heal ends every fault.
func (f *Fake) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

func (f *Fake) add(one *fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, one)
}

// strike returns the fault of this call, using it up once, or nil.
func (f *Fake) strike(call string) *fault {
	i := slices.IndexFunc(f.faults, func(one *fault) bool { return one.call == call || one.call == "" })
	if i < 0 {
		return nil
	}
	struck := f.faults[i]
	f.struck++
	switch struck.times {
	case 0:
	case 1:
		f.faults = slices.Delete(f.faults, i, i+1)
	default:
		struck.times--
	}
	return struck
}

func (f *Fake) fail(call string, one *fault) error {
	e := &pg.Error{PG: f.pg, Call: call, Outcome: one.outcome}
	switch one.outcome {
	case pg.OutcomeUnknown, pg.OutcomeNotSent:
		e.Err = errors.New("the fake was told to fail")
	case pg.OutcomeRefused, pg.OutcomeNotFound, pg.OutcomeMisconfigured, pg.OutcomeMismatch:
		e.Code, e.Message, e.Status = "FAKE", "told to fail", 400
	}
	return e
}

// spoil is what becomes of the answer to a call that took effect.
func (one *fault) spoil(f *Fake, call string, p pg.Payment) (pg.Payment, error) {
	if one.change == nil {
		return pg.Payment{}, f.fail(call, one)
	}
	one.change(&p)
	return p, f.mismatch(call, p)
}

// hold is a door before calls of one name.
type hold struct {
	arrived chan struct{}
	opened  chan struct{}
}

// Hold stops every call of a name before it takes effect, until release.
// Arrived receives one value for each call that has come so far.
func (f *Fake) Hold(call string) (arrived <-chan struct{}, release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := &hold{arrived: make(chan struct{}, 1024), opened: make(chan struct{})}
	f.holds[call] = h
	return h.arrived, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.holds[call] == h {
			delete(f.holds, call)
			close(h.opened)
		}
	}
}

// wait stands before a held door. A caller that leaves meanwhile cannot know
// what became of its call, which has no effect.
func (f *Fake) wait(ctx context.Context, call string) error {
	f.mu.Lock()
	h := f.holds[call]
	f.mu.Unlock()
	if h == nil {
		return nil
	}
	h.arrived <- struct{}{}
	select {
	case <-h.opened:
		return nil
	case <-ctx.Done():
		return &pg.Error{PG: f.pg, Call: call, Outcome: pg.OutcomeUnknown, Err: ctx.Err()}
	}
}

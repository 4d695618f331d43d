package faulttest_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"payment-system/internal/failpoint"
	"payment-system/internal/proof"
)

// resolvedWithin is how long all may take to be resolved after the last restart.
const resolvedWithin = time.Minute

// hitWithin is how long a replica may take to come to the point where it is to die.
const hitWithin = time.Minute

// A crash is a point of a flow to die at, when it was passed a number of times before.
type crash struct {
	in    string
	at    failpoint.Point
	after int
}

// String names the crash.
func (c crash) String() string {
	if c.after == 0 {
		return fmt.Sprintf("%s in %s", c.at, c.in)
	}
	return fmt.Sprintf("%s in %s, passed %d times", c.at, c.in, c.after)
}

// told is what a replica is told to die so.
func (c crash) told() []string {
	return []string{"PAYMENT_CRASH_AT=" + string(c.at), "PAYMENT_CRASH_IN=" + c.in, "PAYMENT_CRASH_AFTER=" + strconv.Itoa(c.after)}
}

// crashes are the points that there are in each flow.
func crashes() []crash {
	const (
		intent, before, after = failpoint.AfterIntent, failpoint.BeforePG, failpoint.AfterPG
		commit, committed     = failpoint.BeforeCommit, failpoint.AfterCommit
	)
	points := []struct {
		flow   string
		points []failpoint.Point
	}{
		{"order", []failpoint.Point{commit, committed}},
		{"ready", []failpoint.Point{intent, before, after, commit, committed}},
		{"approve", []failpoint.Point{intent, before, after, commit, committed}},
		{"cancel", []failpoint.Point{intent, before, after, commit, committed}},
		{"reconcile", []failpoint.Point{intent, before, after, commit, committed}},
		{"project", []failpoint.Point{failpoint.BeforePublish, commit, committed, failpoint.BeforeEvict, failpoint.AfterPublish}},
	}
	var all []crash
	for _, of := range points {
		for _, point := range of.points {
			all = append(all, crash{in: of.flow, at: point})
		}
	}
	return all
}

func TestKills(t *testing.T) {
	t.Parallel()
	for i, wanted := range []plan{{replicas: 2, stock: 1_000_000}, {replicas: 2, stock: 1_000_000, noLocks: true}} {
		name := "replicas killed at every point of every flow, and at random, while gateways fail, lose nothing and double nothing"
		if wanted.noLocks {
			name += ", with locks that do nothing"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			count := (proof.Count(t, "kills") + i) / 2
			h := open(t, wanted)
			done := proof.Begin(t, "kills", h.seed)
			k := &killing{h: h, left: h.deaths(count)}
			took := k.run()
			figure := proof.Figure{Times: k.killed, Note: fmt.Sprintf("all resolved %.1f s after the last restart", took.Seconds())}
			if wanted.noLocks {
				figure.NoLocks = k.killed
			}
			done(figure)
			if k.killed != count && !t.Failed() {
				t.Errorf("%d of %d kills were done", k.killed, count)
			}
		})
	}
}

// A killing kills the replicas of a house again and again.
type killing struct {
	h *house

	mu     sync.Mutex
	left   []death
	killed int
	hit    map[crash]int // without after
}

// A death is one at a point, or at any moment.
type death struct {
	at     *crash
	moment time.Duration
}

// deaths are a number of deaths: a quarter of them at random, the others in turn at each point of
// each flow, beginning anywhere.
func (h *house) deaths(count int) []death {
	dice := h.dice("deaths")
	all := crashes()
	first := dice.IntN(len(all))
	var deaths []death
	for n := range count {
		if n%4 == 3 {
			deaths = append(deaths, death{moment: time.Duration(50+dice.IntN(1200)) * time.Millisecond})
			continue
		}
		c := all[(first+n-n/4)%len(all)]
		c.after = dice.IntN(5)
		if c.in == "reconcile" {
			c.after = dice.IntN(2)
		}
		deaths = append(deaths, death{at: &c})
	}
	return deaths
}

// next takes a death from those that are left.
func (k *killing) next() (d death, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.left) == 0 || k.h.t.Failed() {
		return d, false
	}
	d, k.left = k.left[0], k.left[1:]
	return d, true
}

// died counts a death.
func (k *killing) died(d death) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.killed++
	if d.at == nil {
		return
	}
	if k.hit == nil {
		k.hit = map[crash]int{}
	}
	k.hit[crash{in: d.at.in, at: d.at.at}]++
}

// run kills replicas while a crowd shops and an operator settles, and holds the wreck against the
// rules. It returns how long after the last restart all was resolved.
func (k *killing) run() (took time.Duration) {
	h, began := k.h, time.Now()
	h.badDays()
	enough := h.lookOut()
	done := make(chan struct{})
	var o *operatorAtWork
	var working, dying sync.WaitGroup
	working.Go(func() { o = h.operate(done) })
	for _, r := range h.replicas {
		dying.Go(func() { k.dieInTurn(r) })
	}
	var restarted time.Time
	go func() {
		defer close(done)
		dying.Wait()
		h.setFaults()
		restarted = time.Now()
		for _, r := range h.replicas {
			h.startReplica(r)
		}
	}()
	purchases := h.crowd(6, done)
	working.Wait()
	o.finish()
	h.waitForQuiet()
	took = time.Since(restarted)
	if took > resolvedWithin {
		h.t.Errorf("all was resolved only %s after the last restart", took)
	}
	last := o.agree()
	enough()
	h.t.Logf("%d kills in %s, of which %v; all resolved %s after the last restart",
		k.killed, restarted.Sub(began).Round(time.Second), k.hit, took.Round(10*time.Millisecond))
	h.calm(slices.Concat(purchases, o.strays, last))
	h.checkBlames()
	return took
}

// dieInTurn kills a replica, and starts it again to be killed, until no deaths are left. It leaves
// it dead.
func (k *killing) dieInTurn(r *replica) {
	r.running().kill()
	for d, ok := k.next(); ok; d, ok = k.next() {
		if d.at == nil {
			k.h.startReplica(r)
			time.Sleep(d.moment)
			r.running().kill()
			k.died(d)
			continue
		}
		if !k.dieAt(r, *d.at) {
			return
		}
		k.died(d)
	}
}

// dieAt starts a replica that is to die at a point, and tells whether it did.
func (k *killing) dieAt(r *replica, c crash) bool {
	began := time.Now()
	p := k.h.launchReplica(r, c.told()...)
	select {
	case <-p.ended:
	case <-time.After(hitWithin):
		p.kill()
		k.h.t.Errorf("a replica that is to die at %s lived for %s", c, hitWithin)
		return false
	}
	if status, ok := p.command.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		k.h.t.Errorf("a replica that is to die at %s ended with %s:\n%s", c, p.command.ProcessState, p.said)
		return false
	}
	if took := time.Since(began); took > 5*time.Second {
		k.h.t.Logf("death at %s took %s", c, took.Round(100*time.Millisecond))
	}
	return true
}

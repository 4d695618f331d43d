package faulttest_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
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
const hitWithin = 3 * time.Minute

// allHitFrom is how many deaths are enough to die at each point of each flow once.
const allHitFrom = 36

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
			k.run()
			figure := proof.Figure{Times: k.killed, Note: fmt.Sprintf("%d of %d points hit; %s", len(k.hit), len(crashes()), k.wreck)}
			if wanted.noLocks {
				figure.NoLocks = k.killed
			}
			done(figure)
			if count >= allHitFrom && len(k.hit) != len(crashes()) && !t.Failed() {
				t.Errorf("of %d points these were hit: %v", len(crashes()), k.hit)
			}
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
	wreck  *wreck
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

// run kills replicas while a crowd shops and an operator settles, waits until the wreck is gone,
// and holds the books against the rules.
func (k *killing) run() {
	h, began := k.h, time.Now()
	h.badDays()
	enough := h.lookOut()
	done := make(chan struct{})
	var working, dying, clearing sync.WaitGroup
	o := h.newOperator()
	working.Go(func() { o.operate(done) })
	for _, r := range h.replicas {
		dying.Go(func() { k.dieInTurn(r) })
	}
	go func() {
		defer close(done)
		dying.Wait()
		h.setFaults()
		k.wreck = h.survey()
		clearing.Go(k.wreck.clear)
		for _, r := range h.replicas {
			h.startReplica(r)
		}
	}()
	purchases := h.crowd(6, done)
	working.Wait()
	o.finish(k.wreck)
	clearing.Wait()
	h.waitForQuiet()
	last := o.agree()
	enough()
	h.t.Logf("%d kills in %s, of which %v; %s", k.killed, k.wreck.at.Sub(began).Round(time.Second), k.hit, k.wreck)
	h.calm(slices.Concat(purchases, o.strays, last))
	h.checkBlames()
}

// A wreck is what was under way when the last replica had died. Part of it are the settlement files
// that were half read or half carried out: only the operator has them, to hand them in again.
type wreck struct {
	h     *house
	at    time.Time                  // of the restart
	rows  int                        // that there were
	left  map[string]map[string]bool // those that are not resolved, by what they are
	files map[string]bool            // hashes
	took  time.Duration              // until all was resolved
}

// survey looks at a wreck: nothing is to run meanwhile.
func (h *house) survey() *wreck {
	h.t.Helper()
	w := &wreck{h: h, left: map[string]map[string]bool{}, files: map[string]bool{}}
	for name := range pending {
		ids, err := h.pendingRows(name)
		if err != nil {
			h.t.Errorf("survey the %s: %v", name, err)
		}
		w.left[name] = ids
		w.rows += len(ids)
	}
	for _, row := range h.read(`SELECT id, file_hash FROM reconciliations`) {
		if w.left["settlement files"][row[0]] {
			w.files[row[1]] = true
		}
	}
	w.at = time.Now()
	return w
}

// String tells how long what was left took.
func (w *wreck) String() string {
	return fmt.Sprintf("all %d things left under way, %d of them settlement files, were resolved %.1f s after the last restart", w.rows, len(w.files), w.took.Seconds())
}

// has tells whether a settlement file was left half read, or half carried out.
func (w *wreck) has(file *settlementFile) bool {
	return w.files[fmt.Sprintf("%x", sha256.Sum256(file.content))]
}

// clear waits until every row of the wreck was seen resolved once, and wants that in time.
func (w *wreck) clear() {
	for !w.look() {
		if time.Since(w.at) > 3*resolvedWithin {
			w.h.t.Errorf("%s after the last restart this is left: %v", time.Since(w.at), w.left)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	if w.took = time.Since(w.at); w.took > resolvedWithin {
		w.h.t.Errorf("all was resolved only %s after the last restart", w.took)
	}
}

// look forgets what is resolved, and tells whether all is.
func (w *wreck) look() bool {
	for name, left := range w.left {
		now, err := w.h.pendingRows(name)
		if err != nil {
			w.h.t.Errorf("look at the %s: %v", name, err)
			return true
		}
		maps.DeleteFunc(left, func(id string, _ bool) bool { return !now[id] })
		if len(left) == 0 {
			delete(w.left, name)
		}
	}
	return len(w.left) == 0
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

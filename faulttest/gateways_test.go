package faulttest_test

import (
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/internal/proof"
)

// locking are the two ways in which replicas take turns, each with its half of n.
func locking(n int) []struct {
	name    string
	noLocks bool
	half    int
} {
	return []struct {
		name    string
		noLocks bool
		half    int
	}{{"with locks", false, n - n/2}, {"with locks that do nothing", true, n / 2}}
}

// figure is what was done so many times in this house.
func (h *house) figure(times int, note string) proof.Figure {
	f := proof.Figure{Times: times, Note: note}
	if h.plan.noLocks {
		f.NoLocks = times
	}
	return f
}

func TestGateways(t *testing.T) {
	t.Parallel()
	lost := locking(proof.Count(t, "lost"))
	parallel := locking(proof.Count(t, "parallel"))
	for i, lock := range lost {
		t.Run("approvals whose answers are all lost end approved, "+lock.name, func(t *testing.T) {
			open(t, plan{replicas: 3, stock: 1_000_000, noLocks: lock.noLocks}).loseAnswers(lock.half)
		})
		t.Run("many approvals at once are one, "+lock.name, func(t *testing.T) {
			// Whoever asks second waits for as long as the first may: this machine may be slow.
			patient := []string{"PG_TIMEOUT=10s"}
			open(t, plan{replicas: 3, stock: 1_000_000, noLocks: lock.noLocks, environment: patient}).approveAtOnce(parallel[i].half)
		})
	}
}

// loseAnswers pays many orders while every answer to an approval is lost, at either gateway and in
// either way, and every webhook with it.
func (h *house) loseAnswers(times int) {
	h.t.Helper()
	done := proof.Begin(h.t, "lost", h.seed)
	h.setFaults(fault{Call: "approve", Fault: "drop_after", Probability: .5, Seed: h.seed}, fault{Call: "approve", Fault: "hang_after", DelayMS: 1500},
		fault{Call: "webhook", Fault: "drop_before"})
	enough := h.lookOut()
	purchases := make([]*purchase, times)
	var slowest atomic.Int64
	for i := range purchases {
		purchases[i] = h.visitor(h.shopper, fmt.Sprintf("lost-%d", i)).newPurchase(0, 1)
		purchases[i].pg = gateways[i%2]
	}
	together(purchases, func(p *purchase) {
		if !p.place() || !p.ready(p.pg) {
			return
		}
		back := p.shop()
		began := time.Now()
		p.approve(back)
		if took := time.Since(began).Milliseconds(); took > slowest.Load() {
			slowest.Store(took) // the figure may miss a close second
		}
	})
	enough()
	h.checkAllLost(purchases)
	h.calm(purchases)
	h.checkBlames()
	h.checkAllApproved(purchases)
	done(h.figure(times, fmt.Sprintf("none failed; the slowest was known to be approved after %d.%d s", slowest.Load()/1000, slowest.Load()%1000/100)))
}

// checkAllApproved wants each purchase to have been approved, none to have failed on its way, and
// the gateways to have taken the money of each once and to have given none back.
func (h *house) checkAllApproved(purchases []*purchase) {
	h.t.Helper()
	for _, p := range purchases {
		if !p.approved {
			h.t.Errorf("%s is not approved", p.key)
			continue
		}
		if e := h.entryOf(p); e.Applied.Approve != 1 || e.Captured != p.total || e.Refunded != 0 {
			h.t.Errorf("the gateway approved %d times, took %d of %d and gave %d back: %+v", e.Applied.Approve, e.Captured, p.total, e.Refunded, e)
		}
	}
	for _, row := range h.read(`SELECT aggregate_id, COALESCE(note, '') FROM events WHERE kind = 'payment.failed'`) {
		h.t.Errorf("payment %s failed on its way: %s", row[0], row[1])
	}
}

// checkAllLost wants no answer to an approval to have arrived: each was looked up, and either
// unknown before or, on a slow machine, found by the resolver before anybody said so. It is to be
// asked before anything else looks payments up.
func (h *house) checkAllLost(purchases []*purchase) {
	h.t.Helper()
	unknown := map[string]bool{}
	for _, row := range h.read(`SELECT aggregate_id, kind FROM events WHERE kind = 'payment.unknown' OR (kind = 'payment.approved' AND actor = 'RESOLVER')`) {
		unknown[row[0]] = true
	}
	for _, p := range purchases {
		if e := h.entryOf(p); e.Calls.Lookup == 0 || !unknown[p.paymentID] {
			h.t.Errorf("%s was approved by an answer that was to be lost: it was unknown: %t; %+v", p.key, unknown[p.paymentID], e)
		}
	}
}

// approveAtOnce approves payments 50 times at once each, over all replicas.
func (h *house) approveAtOnce(times int) {
	h.t.Helper()
	done := proof.Begin(h.t, "parallel", h.seed)
	h.setFaults(fault{Call: "approve", Fault: "slow", DelayMS: 200})
	v := h.visitor(h.shopper, "one")
	var purchases []*purchase
	later := 0
	for n := range times {
		p := v.newPurchase(n, 1)
		if p.place() && p.ready(gateways[n%2]) {
			later += h.approveTogether(p, atOnce)
		}
		purchases = append(purchases, p)
	}
	h.calm(purchases)
	h.checkBlames()
	h.checkAllApproved(purchases)
	if later*10 > times*atOnce {
		h.t.Errorf("%d of %d approvals at once were told to ask again", later, times*atOnce)
	}
	done(h.figure(times, fmt.Sprintf("%d approvals each over %d replicas; %d of %d were told to ask again", atOnce, len(h.replicas), later, times*atOnce)))
}

// atOnce is how often one payment is approved at once.
const atOnce = 50

// approveTogether approves one payment many times at once, and wants one call and one answer. It
// returns how many had to ask again for theirs, as they may on a slow machine.
func (h *house) approveTogether(p *purchase, times int) (later int) {
	h.t.Helper()
	input := p.approveInput(p.shop())
	answers := make([]approvedAnswer, times)
	var failed, again atomic.Int32
	var asking sync.WaitGroup
	gate := make(chan struct{})
	for i := range times {
		v := h.visitor(h.shopper, fmt.Sprintf("%s-%d", p.key, i))
		asking.Go(func() {
			<-gate
			err := v.ask(h.replicas[i%len(h.replicas)], approveDocument, input, &answers[i])
			if codeOf(err) == "IN_PROGRESS" {
				again.Add(1)
				err = v.insist(approveDocument, input, &answers[i])
			}
			if err != nil {
				failed.Add(1)
				h.t.Errorf("approval %d of %s: %v", i, p.key, err)
			}
		})
	}
	close(gate)
	asking.Wait()
	p.approved = failed.Load() == 0
	for i, answer := range answers {
		if answer != answers[0] || answer.ApprovePayment.Payment.Status != "APPROVED" {
			h.t.Errorf("approval %d of %s was answered with %+v, the first with %+v", i, p.key, answer, answers[0])
		}
	}
	if e := h.entryOf(p); e.Calls.Approve != 1 || e.Captured != p.total {
		h.t.Errorf("%d approvals of %s came to %+v", times, p.key, e)
	}
	return int(again.Load())
}

// outage is how long the gateways are silent: the resolver has gone through its early steps by
// then, and would ask again in a minute.
const outage = 27 * time.Second

// TestOutage has both gateways fall silent on everything, half of it after it took effect, while
// payments and refunds are under way, and answer again.
func TestOutage(t *testing.T) {
	t.Parallel()
	t.Run("what was unknown through an outage of both gateways is resolved within a minute of its end", func(t *testing.T) {
		h := open(t, plan{replicas: 2, stock: 1_000_000})
		done := proof.Begin(t, "lost", h.seed)
		const each = 12
		var paying, refunding []*purchase
		for i := range 2 * each {
			p := h.visitor(h.shopper, fmt.Sprintf("outage-%d", i)).newPurchase(0, 1)
			p.pg = gateways[i%2]
			if i < each {
				paying = append(paying, p)
			} else {
				refunding = append(refunding, p)
			}
		}
		backs := map[*purchase]*url.URL{}
		for _, p := range paying {
			if p.place() && p.ready(p.pg) {
				backs[p] = p.shop()
			}
		}
		together(refunding, func(p *purchase) { p.buy(p.pg) })
		h.silence()
		began := time.Now()
		together(paying, func(p *purchase) {
			if err := p.by.ask(h.replicas[0], approveDocument, p.approveInput(backs[p]), nil); codeOf(err) != "IN_PROGRESS" && codeOf(err) != "UNAVAILABLE" {
				t.Errorf("%s: approved into silence, and answered with %v", p.key, err)
			}
		})
		together(refunding, func(p *purchase) {
			err := p.by.ask(h.replicas[1], refundDocument, p.refundInput(&refund{key: p.key + "-refund-0", amount: p.total / 3}), nil)
			if code := codeOf(err); code != "IN_PROGRESS" && code != "UNAVAILABLE" {
				t.Errorf("%s: refunded into silence, and answered with %v", p.key, err)
			}
		})
		unknown := h.count(`SELECT COUNT(*) FROM payments WHERE status = 'UNKNOWN'`)
		if unknown < each {
			t.Errorf("only %d of %d outcomes are unknown", unknown, 2*each)
		}
		time.Sleep(time.Until(began.Add(outage))) // This makes the outage; nothing waits for it to end.
		if now := h.count(`SELECT COUNT(*) FROM payments WHERE status = 'UNKNOWN'`); now != unknown {
			t.Errorf("%d outcomes are unknown after %d, though no gateway said anything", now, unknown)
		}
		h.setFaults()
		over := time.Now()
		h.waitForQuiet()
		took := time.Since(over)
		together(paying, func(p *purchase) { p.approve(backs[p]) })
		together(refunding, func(p *purchase) { p.refund(p.total / 3) })
		h.calm(slices.Concat(paying, refunding))
		h.checkBlames()
		h.checkAllApproved(paying)
		// No Times: of some of these payments the call was lost, and not the answer.
		done(h.figure(0, fmt.Sprintf("an outage of %s left %d outcomes unknown, all known %.1f s after its end", outage, unknown, took.Seconds())))
	})
}

// silence has both gateways say nothing to anybody, but do half of what they are asked.
func (h *house) silence() {
	h.t.Helper()
	var faults []fault
	for i, call := range []string{"ready", "approve", "cancel", "lookup"} {
		faults = append(faults,
			fault{Call: call, Fault: "drop_after", Probability: .5, Seed: h.seed + uint64(i)},
			fault{Call: call, Fault: "drop_before", Probability: .3, Seed: h.seed + uint64(i)},
			fault{Call: call, Fault: "hang_before", DelayMS: 3000})
	}
	h.setFaults(append(faults, fault{Call: "webhook", Fault: "drop_before"})...)
}

// count returns the number that a query counts.
func (h *house) count(query string, args ...any) (n int) {
	h.t.Helper()
	if err := h.db.QueryRowContext(h.t.Context(), query, args...).Scan(&n); err != nil {
		h.t.Error(err)
	}
	return n
}

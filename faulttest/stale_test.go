package faulttest_test

import (
	"testing"

	"payment-system/internal/failpoint"
	"payment-system/internal/proof"
)

// TestStale stops a resolver between its look-up and what it carries on; meanwhile the other one
// ends that refund, and the next refund becomes unknown though the gateway made it.
func TestStale(t *testing.T) {
	t.Parallel()
	t.Run("a resolver stopped after its look-up repeats no refund that was asked for later", func(t *testing.T) {
		h := open(t, plan{replicas: 2, stock: 1_000_000})
		done := proof.Begin(t, "stops", h.seed)
		v := h.visitor(h.shopper, "stale")
		var purchases []*purchase
		count, locked := stopsOf(t, 1, len(stops()))
		for n := 0; n < count && !t.Failed(); n++ {
			p := v.newPurchase(n, 1)
			purchases = append(purchases, p)
			if n == locked {
				h.dropLocks()
			}
			if p.buy("KAKAO") {
				h.staleRefund(p, h.replicas[n%2], h.replicas[1-n%2])
			}
		}
		h.calm(purchases)
		h.checkBlames()
		done(proof.Figure{Times: len(purchases), NoLocks: max(0, len(purchases)-locked), Note: "after a look-up, with another refund asked for meanwhile"})
	})
}

// staleRefund stops a replica after a look-up that said that a refund was not made.
func (h *house) staleRefund(p *purchase, holder, other *replica) {
	h.t.Helper()
	defer h.setFaults()
	h.waitForQuiet()
	h.arm(holder, crash{in: "resolve", at: failpoint.AfterPG})
	h.setFaults(fault{Call: "cancel", Fault: "drop_before"})
	looked := h.entryOf(p).Calls.Lookup
	one, two := &refund{key: p.key + "-one", amount: 9_000}, &refund{key: p.key + "-two", amount: 9_000}
	if err := p.by.ask(other, refundDocument, p.refundInput(one), nil); codeOf(err) != "IN_PROGRESS" {
		h.t.Errorf("%s: a refund that never arrived was answered with %v", p.key, err)
	}
	h.stopAfterLook(p, holder, other, looked)
	h.setFaults()
	h.eventually("refund one to be done by the other", func() bool { return h.statusOf(p) == "PARTIALLY_CANCELED" })
	h.setFaults(fault{Call: "cancel", Fault: "drop_after", Times: 1}, fault{Call: "lookup", Fault: "hang_before", DelayMS: 2000})
	err := p.by.ask(other, refundDocument, p.refundInput(two), nil)
	e := h.entryOf(p)
	h.t.Logf("refund two: %v; ledger %+v", err, e)
	if e.Applied.Cancel != 2 || codeOf(err) != "IN_PROGRESS" {
		h.t.Errorf("%s: the second refund is not one that the gateway made and nobody knows of: %v, %+v", p.key, err, e)
	}
	h.resumeStale(p, holder, other)
	h.setFaults()
	var a, b refunded
	errOne := p.by.insist(refundDocument, p.refundInput(one), &a)
	errTwo := p.by.insist(refundDocument, p.refundInput(two), &b)
	after := h.entryOf(p)
	h.t.Logf("one %v %v; two %v %v; ledger %+v", a, errOne, b, errTwo, after)
	one.id, two.id = a.CancelPayment.Refund.ID, b.CancelPayment.Refund.ID
	p.refunds = append(p.refunds, one, two)
	if errOne != nil || errTwo != nil || after.Refunded != 18_000 || after.Calls.Cancel > e.Calls.Cancel {
		h.t.Errorf("%s: one %v, two %v, ledger %+v", p.key, errOne, errTwo, after)
	}
	for _, row := range h.read("SELECT CONCAT(kind, ' ', COALESCE(note,'')), at FROM events WHERE aggregate_id = '" + p.paymentID + "' ORDER BY id") {
		h.t.Log(row)
	}
}

// stopAfterLook waits until the holder has stopped after a look-up, with the lease; then the other
// one may go on.
func (h *house) stopAfterLook(p *purchase, holder, other *replica, looked int) {
	h.t.Helper()
	h.stop(other) // so that it does not take the lease
	h.untilStopped(holder)
	e := h.entryOf(p)
	if by, _ := h.holderOf(p); by != holder || e.Calls.Lookup <= looked || e.Applied.Cancel != 0 {
		h.t.Errorf("%s: no replica was stopped between its look-up and what it carries on: %+v", p.key, e)
	}
	if err := other.running().resume(); err != nil {
		h.t.Error(err)
	}
}

// resumeStale lets the holder go on until it has done whatever its old look-up has it do, while no
// new look-up tells anything.
func (h *house) resumeStale(p *purchase, holder, other *replica) {
	h.t.Helper()
	asked := h.entryOf(p).Calls
	h.stop(other)
	h.lookAgain(p)
	if err := holder.running().resume(); err != nil {
		h.t.Error(err)
	}
	h.eventually("the holder to go on", holder.hasLookedAgain)
	if now := h.entryOf(p).Calls; now.Cancel != asked.Cancel {
		h.t.Errorf("%s: a refund was asked for again after an old look-up: %+v, then %+v", p.key, asked, now)
	}
	if err := other.running().resume(); err != nil {
		h.t.Error(err)
	}
}

package faulttest_test

import (
	"testing"

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
		for n := range stopsOf(t, 1) {
			p := v.newPurchase(n, 1)
			purchases = append(purchases, p)
			if p.buy("KAKAO") {
				h.staleRefund(p)
			}
		}
		h.calm(purchases)
		h.checkBlames()
		done(proof.Figure{Times: len(purchases), Note: "after a look-up, with another refund asked for meanwhile"})
	})
}

func (h *house) staleRefund(p *purchase) {
	defer h.setFaults()
	h.setFaults(fault{Call: "cancel", Fault: "drop_before"}, fault{Call: "lookup", Fault: "slow_after", DelayMS: 800})
	one, two := &refund{key: p.key + "-one", amount: 9_000}, &refund{key: p.key + "-two", amount: 9_000}
	err := p.by.ask(h.replicas[0], refundDocument, p.refundInput(one), nil)
	h.t.Logf("refund one: %v", err)
	looked := h.entryOf(p).Calls.Lookup
	var holder, other *replica
	h.eventually("look-up", func() bool {
		holder, other = h.holderOf(p)
		return holder != nil && h.entryOf(p).Calls.Lookup > looked
	})
	h.stop(holder)
	h.setFaults()
	h.eventually("refund one to be done by the other", func() bool { return h.statusOf(p) == "PARTIALLY_CANCELED" })
	h.setFaults(fault{Call: "cancel", Fault: "drop_after", Times: 1}, fault{Call: "lookup", Fault: "hang_before", DelayMS: 2000})
	err = p.by.ask(other, refundDocument, p.refundInput(two), nil)
	e := h.entryOf(p)
	h.t.Logf("refund two: %v; ledger %+v", err, e)
	if err := holder.running().resume(); err != nil {
		h.t.Error(err)
	}
	h.eventually("the holder to live", func() bool { return answers(holder.url + "/livez") })
	h.eventually("the payment to be left", func() bool { s := h.statusOf(p); return s == "UNKNOWN" || s == "PARTIALLY_CANCELED" })
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

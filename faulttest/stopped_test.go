package faulttest_test

import (
	"net/http"
	"testing"
	"time"
)

func TestStopped(t *testing.T) {
	t.Parallel()
	t.Run("a replica stopped while it approves writes nothing late over what another did meanwhile", func(t *testing.T) {
		h := open(t, plan{replicas: 2, stock: 1_000_000})
		v := h.visitor(h.shopper, "stopped")
		var purchases []*purchase
		for n := range 2 {
			p := v.newPurchase(n, 1)
			purchases = append(purchases, p)
			if p.place() && p.ready(gateways[n%2]) {
				h.stopWhileApproving(p, h.replicas[n%2], h.replicas[1-n%2])
			}
		}
		h.calm(purchases)
		h.checkBlames()
	})

	t.Run("a resolver stopped past its lease writes nothing late over what another did meanwhile", func(t *testing.T) {
		h := open(t, plan{replicas: 2, stock: 1_000_000})
		v := h.visitor(h.shopper, "stopped")
		var purchases []*purchase
		stops := 0
		for n := 0; stops < 2 && n < 10; n++ {
			p := v.newPurchase(n, 1)
			purchases = append(purchases, p)
			if p.place() && p.ready("KAKAO") && h.stopWhileResolving(p) {
				stops++
			}
		}
		if stops < 2 {
			t.Errorf("only %d resolvers could be stopped while they resolved", stops)
		}
		h.calm(purchases)
		h.checkBlames()
	})
}

// stopWhileApproving stops a replica between the gateway's approval and its own record of it; the
// other resolves the payment and gives the money back before the first goes on.
func (h *house) stopWhileApproving(p *purchase, stopped, other *replica) {
	h.t.Helper()
	h.setFaults(fault{Call: "approve", Fault: "slow_after", DelayMS: 700})
	input := p.approveInput(p.shop())
	answered := make(chan error, 1)
	late := h.visitor(h.shopper, p.key+"-late")
	go func() { answered <- late.ask(stopped, approveDocument, input, nil) }()
	h.eventually("the gateway to approve", func() bool { return h.entryOf(p).Applied.Approve == 1 })
	h.stop(stopped)
	h.setFaults()
	h.goOn(p, other)
	h.resume(stopped, func() bool { return len(answered) == 1 })
	if err := <-answered; codeOf(err) == "INTERNAL" {
		h.blame(err.Error())
	}
}

// stopWhileResolving stops the replica that holds the lease of an attempt while the gateway takes
// its time over the look-up; the other takes the lease over. It reports whether there was time to.
func (h *house) stopWhileResolving(p *purchase) bool {
	h.t.Helper()
	defer h.setFaults()
	h.setFaults(fault{Call: "approve", Fault: "drop_after"}, fault{Call: "lookup", Fault: "slow_after", DelayMS: 800})
	input := p.approveInput(p.shop())
	if err := p.by.ask(h.replicas[0], approveDocument, input, nil); codeOf(err) != "IN_PROGRESS" {
		h.t.Errorf("%s: an approval whose answer was lost was answered with %v", p.key, err)
	}
	var holder, other *replica
	h.eventually("a replica to take the lease and to look the payment up", func() bool {
		holder, other = h.holderOf(p)
		return (holder != nil && h.entryOf(p).Calls.Lookup > 0) || h.statusOf(p) == "APPROVED"
	})
	if holder == nil {
		p.approved = true
		return false
	}
	h.stop(holder)
	h.setFaults()
	fence := h.fenceOf(p)
	h.goOn(p, other)
	if now := h.fenceOf(p); now <= fence {
		h.t.Errorf("%s: the fence went from %d to %d while its holder was stopped", p.key, fence, now)
	}
	h.resume(holder, func() bool { return answers(holder.url + "/livez") })
	return true
}

// goOn has another replica resolve the payment, and give the money back.
func (h *house) goOn(p *purchase, other *replica) {
	h.t.Helper()
	h.eventually("the other replica to resolve the payment", func() bool { return h.statusOf(p) == "APPROVED" })
	p.approved = true
	r := &refund{key: p.key + "-refund"}
	var answer refunded
	if err := p.by.ask(other, refundDocument, p.refundInput(r), &answer); err != nil {
		h.t.Errorf("%s: refund at the other replica: %v", p.key, err)
		return
	}
	r.id = answer.CancelPayment.Refund.ID
	p.refunds = append(p.refunds, r)
	h.eventually("the other replica to show the refund", func() bool { return h.statusOf(p) == "CANCELED" })
}

func (h *house) stop(r *replica) {
	h.t.Helper()
	if err := r.running().pause(); err != nil {
		h.t.Error(err)
	}
}

// resume lets a replica go on until settled holds and its connections to MySQL are idle, and
// wants nothing that the books hold to change by it.
func (h *house) resume(r *replica, settled func() bool) {
	h.t.Helper()
	before := h.image()
	if err := r.running().resume(); err != nil {
		h.t.Error(err)
	}
	h.eventually("the replica to go on", settled)
	// What it was about to write, it has written when it has answered and swept once more.
	for deadline := time.Now().Add(pgTimeout + time.Second); time.Now().Before(deadline) && h.image() == before; {
		time.Sleep(20 * time.Millisecond)
	}
	if after := h.image(); after != before {
		h.t.Errorf("the replica that was stopped changed the books:\n%s\n%s", before, after)
	}
}

// image is what a late write would change: states, money, stock, what the gateways' records say,
// and what happened on the way.
func (h *house) image() (text string) {
	err := h.db.QueryRowContext(h.t.Context(), `SELECT CONCAT_WS(' ',
		(SELECT GROUP_CONCAT(status, version ORDER BY id) FROM payments), (SELECT GROUP_CONCAT(status, version ORDER BY id) FROM orders),
		(SELECT GROUP_CONCAT(available, '/', reserved, '/', sold) FROM stock),
		(SELECT GROUP_CONCAT(status, captured_amount, '/', refunded_amount ORDER BY id) FROM attempts),
		(SELECT GROUP_CONCAT(status, amount ORDER BY id) FROM refunds), (SELECT COUNT(*) FROM discrepancies),
		(SELECT GROUP_CONCAT(status ORDER BY attempt_id) FROM kakao_payments),
		(SELECT GROUP_CONCAT(status ORDER BY attempt_id) FROM toss_payments),
		(SELECT GROUP_CONCAT(kind ORDER BY id) FROM events))`).Scan(&text)
	if err != nil {
		h.t.Error(err)
	}
	return text
}

func (h *house) statusOf(p *purchase) (status string) {
	if err := h.db.QueryRowContext(h.t.Context(), `SELECT status FROM payments WHERE id = ?`, p.paymentID).Scan(&status); err != nil {
		h.t.Error(err)
	}
	return status
}

func (h *house) fenceOf(p *purchase) (fence int64) {
	if err := h.db.QueryRowContext(h.t.Context(), `SELECT fence FROM attempts WHERE payment_key = ?`, p.attempt.PaymentKey).Scan(&fence); err != nil {
		h.t.Error(err)
	}
	return fence
}

// holderOf is the replica that has the lease of the payment's attempt, and the other one; nil
// when nobody has it.
func (h *house) holderOf(p *purchase) (holder, other *replica) {
	var name string
	const query = `SELECT lease_owner FROM attempts WHERE payment_key = ? AND lease_until IS NOT NULL`
	if err := h.db.QueryRowContext(h.t.Context(), query, p.attempt.PaymentKey).Scan(&name); err != nil {
		return nil, nil
	}
	for i, r := range h.replicas {
		if r.name() == name {
			return r, h.replicas[1-i]
		}
	}
	return nil, nil
}

// entryOf is the payment in the gateways' ledger.
func (h *house) entryOf(p *purchase) entry {
	h.t.Helper()
	var entries []entry
	h.control(http.MethodGet, "/sim/ledger?paymentKey="+p.attempt.PaymentKey, nil, &entries)
	if len(entries) != 1 {
		h.t.Errorf("the ledger has %d entries of %s", len(entries), p.attempt.PaymentKey)
		return entry{}
	}
	return entries[0]
}

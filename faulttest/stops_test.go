package faulttest_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"payment-system/internal/failpoint"
	"payment-system/internal/proof"
)

// A stop is a way to stop a replica in the middle of its work, past its lease. It tells how the
// other goes on meanwhile, and that what the first then writes late changes nothing.
type stop struct {
	behavior string
	at       crash
	tenths   int // of all stops
	happen   func(h *house, p *purchase, stopped, other *replica)
}

func stops() []stop {
	return []stop{
		{"a replica stopped after the gateway approved writes nothing over what another did meanwhile", crash{in: "approve", at: failpoint.AfterPG}, 2, (*house).stopApproving},
		{"a replica stopped before its commit keeps no row from the other, and commits nothing late", crash{in: "approve", at: failpoint.BeforeCommit, after: 1}, 1, (*house).stopApproving},
		{"a replica stopped after the gateway refunded writes nothing over what another did meanwhile", crash{in: "cancel", at: failpoint.AfterPG}, 2, (*house).stopRefunding},
		{"a resolver stopped past its lease writes nothing over what another did meanwhile", crash{in: "resolve", at: failpoint.AfterPG}, 2, (*house).stopResolving},
		{"a projector stopped past its lease shows nothing that is out of date", crash{in: "project", at: failpoint.BeforePublish}, 1, (*house).stopProjecting},
		{"a replica stopped past its hold on a settlement file settles nothing twice", crash{in: "reconcile", at: failpoint.AfterPG}, 1, (*house).stopSettling},
	}
}

func TestStops(t *testing.T) {
	t.Parallel()
	// They wait for each other's leases, mostly: all at once, whatever -parallel says.
	var all sync.WaitGroup
	for i, s := range stops() {
		all.Go(func() { t.Run(s.behavior, func(t *testing.T) { s.test(t, i) }) })
	}
	all.Wait()
}

// test stops replicas as often as is the i-th test's share, the second half with locks that do
// nothing.
func (s stop) test(t *testing.T, i int) {
	h := open(t, plan{replicas: 2, stock: 1_000_000})
	done := proof.Begin(t, "stops", h.seed)
	count, locked := stopsOf(t, s.tenths, i)
	v := h.visitor(h.shopper, "stopped")
	var purchases []*purchase
	for n := 0; n < count && !t.Failed(); n++ {
		p := v.newPurchase(n, 1)
		purchases = append(purchases, p)
		stopped, other := h.replicas[n%2], h.replicas[1-n%2]
		if n == locked {
			h.dropLocks()
		}
		h.arm(stopped, s.at)
		s.happen(h, p, stopped, other)
	}
	h.calm(purchases)
	h.checkBlames()
	done(proof.Figure{Times: len(purchases), NoLocks: max(0, len(purchases)-locked), Note: fmt.Sprintf("%s in %s", s.at.at, s.at.in)})
}

// stopsOf is the i-th test's share of all stops, and how many of these are with locks. An odd one is
// with locks in every other test.
func stopsOf(t *testing.T, tenths, i int) (count, locked int) {
	t.Helper()
	count = max(1, proof.Count(t, "stops")*tenths/10)
	return count, (count + i%2) / 2
}

// dropLocks has the locks of all replicas do nothing from now on.
func (h *house) dropLocks() {
	h.t.Helper()
	for _, r := range h.replicas {
		r.environment = append(r.environment, "PAYMENT_LOCKS=none")
		r.running().kill()
		h.startReplica(r)
	}
}

// arm has a replica stop once, at a point of a flow.
func (h *house) arm(r *replica, c crash) {
	h.t.Helper()
	r.running().kill()
	h.startReplica(r, append(c.told(), "PAYMENT_CRASH_BY=stop")...)
}

// untilStopped waits until a replica has stopped where it was told to.
func (h *house) untilStopped(r *replica) {
	h.t.Helper()
	h.eventually("a replica to stop", func() bool { return isStopped(r.running().command.Process.Pid) })
}

// late has a replica asked something that it is to stop at, and returns what will have come of it.
func (h *house) late(p *purchase, r *replica, document string, input object) <-chan error {
	answered := make(chan error, 1)
	v := h.visitor(h.shopper, p.key+"-late")
	go func() { answered <- v.ask(r, document, input, nil) }()
	h.untilStopped(r)
	return answered
}

// resumeLate is resume, of a replica that owes an answer.
func (h *house) resumeLate(r *replica, answered <-chan error) {
	h.t.Helper()
	h.shown()
	h.resume(r, func() bool { return len(answered) == 1 })
	if err := <-answered; codeOf(err) == "INTERNAL" {
		h.blame(err.Error())
	}
}

// stopApproving stops a replica between the gateway's approval and the end of its own record of it;
// the other resolves the payment and gives the money back.
func (h *house) stopApproving(p *purchase, stopped, other *replica) {
	h.t.Helper()
	if !p.place() || !p.ready(gateways[p.by.dice.IntN(2)]) {
		return
	}
	answered := h.late(p, stopped, approveDocument, p.approveInput(p.shop()))
	if e := h.entryOf(p); e.Applied.Approve != 1 {
		h.t.Errorf("%s: a replica stopped after its approval, which the gateway does not have: %+v", p.key, e)
	}
	h.goOn(p, other)
	h.resumeLate(stopped, answered)
}

// stopRefunding stops a replica between the gateway's refund and its own record of it; the other
// finds it out, and gives the rest back.
func (h *house) stopRefunding(p *purchase, stopped, other *replica) {
	h.t.Helper()
	if !p.buy(gateways[p.by.dice.IntN(2)]) {
		return
	}
	part, rest := &refund{key: p.key + "-part", amount: p.total / 3}, &refund{key: p.key + "-rest"}
	answered := h.late(p, stopped, refundDocument, p.refundInput(part))
	h.eventually("the other replica to find the refund out", func() bool { return h.statusOf(p) == "PARTIALLY_CANCELED" })
	for _, r := range []*refund{rest, part} {
		var answer refunded
		if err := p.by.ask(other, refundDocument, p.refundInput(r), &answer); err != nil {
			h.t.Errorf("%s: refund at the other replica: %v", p.key, err)
		}
		r.id = answer.CancelPayment.Refund.ID
	}
	p.refunds = append(p.refunds, part, rest)
	h.resumeLate(stopped, answered)
	if e := h.entryOf(p); e.Applied.Cancel != 2 || e.Refunded != p.total {
		h.t.Errorf("%s: two refunds came to %+v", p.key, e)
	}
}

// stopResolving stops the replica that holds the lease of an attempt between its look-up and what
// it carries on; the other takes the lease over.
func (h *house) stopResolving(p *purchase, stopped, other *replica) {
	h.t.Helper()
	defer h.setFaults()
	h.setFaults(fault{Call: "approve", Fault: "drop_after"})
	if !p.place() || !p.ready("KAKAO") {
		return
	}
	if err := p.by.ask(other, approveDocument, p.approveInput(p.shop()), nil); codeOf(err) != "IN_PROGRESS" {
		h.t.Errorf("%s: an approval whose answer was lost was answered with %v", p.key, err)
	}
	h.stop(other) // so that it does not take the lease
	h.untilStopped(stopped)
	if err := other.running().resume(); err != nil {
		h.t.Error(err)
	}
	if holder, _ := h.holderOf(p); holder != stopped {
		h.t.Errorf("%s: the replica that stopped while it resolved has no lease", p.key)
	}
	fence := h.fenceOf(p)
	h.goOn(p, other)
	if now := h.fenceOf(p); now <= fence {
		h.t.Errorf("%s: the fence went from %d to %d while its holder was stopped", p.key, fence, now)
	}
	h.resumeResolver(p, stopped, other)
}

// stopProjecting stops a replica between reading the events of an order and showing them; the other
// takes its share of the events over, and the order is given up.
func (h *house) stopProjecting(p *purchase, stopped, other *replica) {
	h.t.Helper()
	answered := h.late(p, stopped, placeDocument, p.orderInput())
	var answer placed
	if err := p.by.ask(other, placeDocument, p.orderInput(), &answer); err != nil {
		h.t.Errorf("%s: the order that a replica stopped after: %v", p.key, err)
		return
	}
	p.orderID, p.total = answer.PlaceOrder.Order.ID, answer.PlaceOrder.Order.Total
	input := object{"idempotencyKey": p.key + "-cancel", "orderId": p.orderID, "reason": "안 살래요"}
	if err := p.by.ask(other, cancelDocument, input, nil); err != nil {
		h.t.Errorf("%s: cancel the order at the other replica: %v", p.key, err)
	}
	p.canceled = true
	h.eventually("the other replica to take all shares of the events over", func() bool {
		return len(h.read(`SELECT name, owner FROM leases WHERE name LIKE 'outbox/%' AND owner <> '`+other.name()+`'`)) == 0 && h.pending()["events not published"] == ""
	})
	h.resumeLate(stopped, answered)
}

// stopSettling stops a replica that carries a settlement file out, after it has asked the gateway;
// the other goes on with the file when the hold is over.
func (h *house) stopSettling(p *purchase, stopped, _ *replica) {
	h.t.Helper()
	p.stray()
	o := &operatorAtWork{visitor: h.visitor(h.operator, p.key)}
	file := o.fetchWith("KAKAO", p)
	if file == nil {
		h.t.Error("the gateway gives no settlement file")
		return
	}
	answered := make(chan error, 1)
	go func() { answered <- o.upload(stopped, file, true, nil) }()
	h.untilStopped(stopped)
	h.eventually("the other replica to carry the file out", func() bool { return h.pending()["settlement files"] == "" })
	h.resumeLate(stopped, answered)
	if e := h.entryOf(p); p.canceled && (e.Applied.Cancel != 1 || e.Refunded != p.total) {
		h.t.Errorf("%s: money that a file tells of was given back so: %+v", p.key, e)
	}
}

// resumeResolver is resume, of a replica that was stopped while it resolved. A replica resolves one
// batch after the other: once it asks the gateway again, it has left nothing of the first undone. So
// that it asks again, the payment's attempt is to be looked up, and the other replica cannot.
func (h *house) resumeResolver(p *purchase, stopped, other *replica) {
	h.t.Helper()
	h.shown()
	h.stop(other)
	h.lookAgain(p)
	h.resume(stopped, stopped.hasLookedAgain)
	if err := other.running().resume(); err != nil {
		h.t.Error(err)
	}
}

// hasLookedAgain tells whether a replica that stopped after its first look-up has made another.
func (r *replica) hasLookedAgain() bool {
	n, err := r.lookUps()
	return err == nil && n > 1
}

// lookAgain has the payment's attempt be looked up as soon as nobody has its lease.
func (h *house) lookAgain(p *purchase) {
	h.t.Helper()
	if _, err := h.db.ExecContext(h.t.Context(), `UPDATE attempts SET check_at = UTC_TIMESTAMP(6) WHERE payment_key = ?`, p.attempt.PaymentKey); err != nil {
		h.t.Error(err)
	}
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

// shown waits until the replica that goes on shows all that is in the books. One that was stopped
// while it wrote views keeps their rows, and then until MariaDB rolls it back.
func (h *house) shown() {
	h.t.Helper()
	h.eventually("the other replica to show everything", func() bool { return h.pending()["events not published"] == "" })
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
// what the views show, and what happened on the way.
func (h *house) image() (text string) {
	err := h.db.QueryRowContext(h.t.Context(), `SELECT CONCAT_WS(' ',
		(SELECT GROUP_CONCAT(status, version ORDER BY id) FROM payments), (SELECT GROUP_CONCAT(status, version ORDER BY id) FROM orders),
		(SELECT GROUP_CONCAT(available, '/', reserved, '/', sold) FROM stock),
		(SELECT GROUP_CONCAT(status, captured_amount, '/', refunded_amount ORDER BY id) FROM attempts),
		(SELECT GROUP_CONCAT(status, amount ORDER BY id) FROM refunds), (SELECT COUNT(*) FROM discrepancies),
		(SELECT GROUP_CONCAT(status ORDER BY attempt_id) FROM kakao_payments),
		(SELECT GROUP_CONCAT(status ORDER BY attempt_id) FROM toss_payments),
		(SELECT GROUP_CONCAT(status, version ORDER BY id) FROM reconciliations),
		(SELECT GROUP_CONCAT(version, MD5(document) ORDER BY id) FROM order_views), (SELECT GROUP_CONCAT(version, MD5(document) ORDER BY id) FROM payment_views),
		(SELECT GROUP_CONCAT(version, MD5(document) ORDER BY id) FROM product_views),
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

package faulttest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/internal/proof"
)

// post sends a webhook to a replica as Toss does, or as anybody can.
func (r *replica) post(body []byte) (status int, err error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/webhooks/toss", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	response, err := browser.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// mustPost wants a webhook to be taken.
func (h *house) mustPost(r *replica, body []byte) {
	h.t.Helper()
	if status, err := r.post(body); status != http.StatusOK {
		h.t.Errorf("a webhook was answered %d, %v: %s", status, err, body)
	}
}

// changed is Toss's word that a payment's status changed.
func changed(paymentKey, orderID, status string, total int64) []byte {
	text, err := json.Marshal(object{"eventType": "PAYMENT_STATUS_CHANGED", "createdAt": "2026-01-02T14:46:59.653270", "data": object{
		"paymentKey": paymentKey, "orderId": orderID, "status": status, "lastTransactionKey": "txrd_" + status, "totalAmount": total, "balanceAmount": total,
	}})
	if err != nil {
		panic(err)
	}
	return text
}

// deposited is Toss's word that somebody paid into a virtual account.
func deposited(orderID, secret string) []byte {
	return fmt.Appendf(nil, `{"createdAt":"2026-01-02T14:47:00.000000","secret":%q,"status":"DONE","transactionKey":"t","orderId":%q}`, secret, orderID)
}

// statuses are webhooks of the payment's latest attempt.
func (p *purchase) statuses(names ...string) (hooks [][]byte) {
	e := p.by.house.entryOf(p)
	for _, name := range names {
		hooks = append(hooks, changed(e.PaymentKey, e.OrderID, name, p.total))
	}
	return hooks
}

// orders are all orders of n things.
func orders(n int) (all [][]int) {
	if n == 0 {
		return [][]int{{}}
	}
	for _, shorter := range orders(n - 1) {
		for at := range n {
			all = append(all, append(append(append([]int{}, shorter[:at]...), n-1), shorter[at:]...))
		}
	}
	return all
}

// shuffled is each of the webhooks eight times, shuffled, but for when each comes first: that is
// by the order given.
func shuffled(dice *rand.Rand, hooks [][]byte, order []int) (all [][]byte) {
	slots := make([]int, 8*len(hooks))
	for i := range slots {
		slots[i] = i % len(hooks)
	}
	dice.Shuffle(len(slots), func(i, j int) { slots[i], slots[j] = slots[j], slots[i] })
	names := map[int]int{}
	for _, slot := range slots {
		if _, ok := names[slot]; !ok {
			names[slot] = order[len(names)]
		}
		all = append(all, hooks[names[slot]])
	}
	return all
}

// A tale is a purchase whose webhooks come in an order of their own.
type tale struct {
	*purchase
	tell   func(*tale)
	order  []int
	asking atomic.Bool // for the money
	early  int         // webhooks that were answered meanwhile
}

// send sends webhooks in the tale's order, to any replica.
func (l *tale) send(hooks [][]byte) {
	h, dice := l.by.house, l.by.house.dice(l.key+"-hooks")
	for _, body := range shuffled(dice, hooks, l.order) {
		h.mustPost(h.replicas[dice.IntN(len(h.replicas))], body)
		if l.asking.Load() {
			l.early++
		}
	}
}

// during approves, and then does something, while webhooks come: the first of them when the gateway
// has taken the money and owes its answer yet.
func (l *tale) during(hooks [][]byte, back *url.URL, then func()) {
	h := l.by.house
	var sending sync.WaitGroup
	sending.Go(func() {
		h.eventually("the gateway to take the money", func() bool { return h.entryOf(l.purchase).Applied.Approve == 1 })
		l.send(hooks)
	})
	l.asking.Store(true)
	l.approve(back)
	l.asking.Store(false)
	then()
	sending.Wait()
}

// wholeLife approves and refunds, in part and the rest, while the webhooks of all that come.
func (l *tale) wholeLife() {
	if !l.place() || !l.ready("TOSS") {
		return
	}
	back := l.shop()
	l.during(l.statuses("IN_PROGRESS", "DONE", "PARTIAL_CANCELED", "CANCELED"), back, func() {
		if l.approved {
			l.refund(l.total / 3)
			l.refund(0)
		}
	})
}

// twoAttempts gives one attempt up with a wrong password, and pays by another, while the webhooks
// of both come.
func (l *tale) twoAttempts() {
	if !l.place() || !l.ready("TOSS") {
		return
	}
	h := l.by.house
	h.control(http.MethodPost, "/sim/shopper", object{"pg": "TOSS", "paymentKey": l.attempt.PaymentKey, "act": "wrong_password"}, nil)
	hooks := l.statuses("READY", "ABORTED")
	l.pg, l.key = "TOSS", l.key+"-again"
	var answer struct {
		ReadyPayment struct {
			Payment struct{ ID, PaymentKey string }
		}
	}
	err := l.by.insist(readyDocument, object{"idempotencyKey": l.key, "orderId": l.orderID, "pg": "TOSS", "returnUrl": "/orders"}, &answer)
	l.key = strings.TrimSuffix(l.key, "-again")
	if err != nil {
		h.t.Errorf("%s: ready again: %v", l.key, err)
		return
	}
	l.attempt.PaymentKey = answer.ReadyPayment.Payment.PaymentKey
	back := l.shop()
	l.during(append(hooks, l.statuses("IN_PROGRESS", "DONE")...), back, func() {})
}

// account pays into a virtual account; then its webhooks come, one with a secret that is wrong.
func (l *tale) account() {
	if !l.place() || !l.ready("TOSS") {
		return
	}
	h := l.by.house
	l.act("pay_virtual_account")
	var answer approvedAnswer
	err := l.by.insist(approveDocument, object{"paymentId": l.paymentID, "paymentKey": l.attempt.PaymentKey, "amount": l.total}, &answer)
	if err != nil || answer.ApprovePayment.Payment.Status != "WAITING_FOR_DEPOSIT" {
		h.t.Errorf("%s: a virtual account was answered with %+v, %v", l.key, answer, err)
		return
	}
	var secret string
	if err := h.db.QueryRowContext(h.t.Context(), `SELECT secret FROM attempts WHERE payment_key = ?`, l.attempt.PaymentKey).Scan(&secret); err != nil {
		h.t.Error(err)
	}
	l.act("deposit")
	attempt := h.entryOf(l.purchase).OrderID
	l.send(append(l.statuses("WAITING_FOR_DEPOSIT", "DONE"), deposited(attempt, secret), deposited(attempt, secret+"x")))
	l.approved = true
}

// act has the shopper do something that leads nowhere.
func (l *tale) act(name string) {
	l.by.house.control(http.MethodPost, "/sim/shopper", object{"pg": "TOSS", "paymentKey": l.attempt.PaymentKey, "act": name}, nil)
}

// forged tells lies of an order that nobody pays, which changes nothing; then it is paid.
func (l *tale) forged() {
	if !l.place() || !l.ready("TOSS") {
		return
	}
	h := l.by.house
	back := l.shop()
	l.send(l.statuses("DONE", "ABORTED", "CANCELED", "EXPIRED"))
	h.eventually("the forged webhooks to be acted on", func() bool { return h.lookedBecauseOf(l.purchase, 4) })
	if status := h.statusOf(l.purchase); status != "READY" {
		h.t.Errorf("%s: the payment is %s, because somebody said so", l.key, status)
	}
	l.approve(back)
}

// lookedBecauseOf tells whether as many webhooks of a payment are stored, all were handled, and the
// gateway was asked what they are about, with nothing left to do.
func (h *house) lookedBecauseOf(p *purchase, webhooks int) bool {
	h.t.Helper()
	key := p.attempt.PaymentKey
	return h.count(`SELECT COUNT(*) FROM webhook_inbox WHERE payment_key = ? AND handled_at IS NOT NULL`, key) == webhooks &&
		h.count(`SELECT COUNT(*) FROM attempts WHERE payment_key = ? AND check_at IS NULL AND lease_until IS NULL`, key) == 1 &&
		h.entryOf(p).Calls.Lookup > 0
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	for i, wanted := range []plan{{replicas: 2, stock: 1_000_000}, {replicas: 2, stock: 1_000_000, noLocks: true}} {
		name := "webhooks in any order, eight times, early, forged or stopped by a lock only make somebody look"
		if wanted.noLocks {
			name += ", with locks that do nothing"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, wanted)
			done := proof.Begin(t, "webhooks", h.seed)
			rounds := max(1, (proof.Count(t, "webhooks")+i)/2)
			done(h.figure(rounds, h.sendAgain(rounds)))
		})
	}

	t.Run("a webhook is acted on though no job is scheduled", func(t *testing.T) {
		t.Parallel()
		h := open(t, plan{replicas: 1, stock: 1_000_000, environment: []string{"JOBS=false"}})
		done := proof.Begin(t, "webhooks", h.seed)
		h.deafen()
		var slowest time.Duration
		for n := range 5 {
			p := h.lostAtToss(fmt.Sprintf("jobless-%d", n))
			h.deafen()
			began := time.Now()
			h.mustPost(h.replicas[0], p.statuses("DONE")[0])
			h.eventually("the payment to be approved", func() bool { return h.statusOf(p) == "APPROVED" })
			slowest = max(slowest, time.Since(began))
		}
		done(proof.Figure{Note: fmt.Sprintf("approved at most %d ms after the webhook, without any schedule", slowest.Milliseconds())})
	})
}

// sendAgain sends all webhooks in all orders a number of times, and tells what came of it.
func (h *house) sendAgain(rounds int) (note string) {
	h.t.Helper()
	h.deafen()
	h.strangers()
	h.nonsense()
	enough := h.lookOut()
	var purchases []*purchase
	var early int
	var slowest time.Duration
	for round := range rounds {
		told, before := h.tellAll(round)
		locked, took := h.lockRow(round)
		purchases = append(append(purchases, told...), locked)
		early += before
		slowest = max(slowest, took)
	}
	enough()
	h.calm(purchases)
	h.checkBlames()
	h.checkEffects(purchases)
	h.bookless()
	return fmt.Sprintf("%d payments, each with 32 webhooks of 4 events, %d of all before an approval was answered; those of a row that was locked were answered within %d ms",
		len(purchases)-rounds, early, slowest.Milliseconds())
}

// deafen has the simulators' own webhooks come to nothing; those of the test come.
func (h *house) deafen() {
	h.t.Helper()
	h.setFaults(fault{Call: "webhook", Fault: "drop_before"}, fault{Call: "approve", Fault: "slow_after", DelayMS: 400})
}

// tellAll has every tale told in each order of its four webhooks. It returns how many webhooks were
// answered before their approval was: some, or nothing was shown.
func (h *house) tellAll(round int) (purchases []*purchase, early int) {
	h.t.Helper()
	var tales []*tale
	for i, tell := range []func(*tale){(*tale).wholeLife, (*tale).twoAttempts, (*tale).account, (*tale).forged} {
		for j, order := range orders(4) {
			p := h.visitor(h.shopper, fmt.Sprintf("tale-%d-%d-%d", round, i, j)).newPurchase(0, 1)
			tales = append(tales, &tale{purchase: p, tell: tell, order: order})
			purchases = append(purchases, p)
		}
	}
	together(tales, func(l *tale) { l.tell(l) })
	for _, l := range tales {
		early += l.early
	}
	if early == 0 {
		h.t.Error("no webhook was answered before its approval was")
	}
	return purchases, early
}

// checkEffects wants each thing that happens once to have happened once.
func (h *house) checkEffects(purchases []*purchase) {
	h.t.Helper()
	for _, row := range h.read(`SELECT aggregate_id, GROUP_CONCAT(kind) FROM events WHERE kind IN ('payment.approved', 'payment.partially_canceled', 'payment.canceled', 'order.paid', 'order.canceled')
		GROUP BY aggregate_id, kind HAVING COUNT(*) > 1`) {
		h.t.Errorf("%s: %s", row[0], row[1])
	}
	for _, p := range purchases {
		if !p.approved {
			h.t.Errorf("%s is not approved", p.key)
		}
	}
}

// lostAtToss is a purchase that Toss approved, and whose books do not know, as long as the faults
// are not others.
func (h *house) lostAtToss(name string) *purchase {
	h.t.Helper()
	p := h.visitor(h.shopper, name).newPurchase(0, 1)
	if !p.place() || !p.ready("TOSS") {
		return p
	}
	h.aimFaults([]aimedFault{
		{fault: fault{Call: "approve", Fault: "hang_after", DelayMS: 3000}, PaymentKey: p.attempt.PaymentKey},
		{fault: fault{Call: "lookup", Fault: "drop_before"}, PaymentKey: p.attempt.PaymentKey},
		{fault: fault{Call: "webhook", Fault: "drop_before"}},
	})
	if err := p.by.ask(h.replicas[0], approveDocument, p.approveInput(p.shop()), nil); codeOf(err) != "IN_PROGRESS" {
		h.t.Errorf("%s: an approval whose answer was lost was answered with %v", p.key, err)
	}
	return p
}

// answeredWithin is how long a webhook may take to be answered: less than anybody waits for a row.
const answeredWithin = 4 * time.Second

// lockRow holds the row of an order while a webhook of its payment comes: that is answered all the
// same, and acted on when the row is free. It returns how long an answer took at most.
func (h *house) lockRow(round int) (p *purchase, slowest time.Duration) {
	h.t.Helper()
	p = h.lostAtToss(fmt.Sprintf("locked-%d", round))
	tx, err := h.db.BeginTx(h.t.Context(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	defer tx.Rollback() // It is what lets the row go.
	var holder int64
	if err := tx.QueryRowContext(h.t.Context(), `SELECT CONNECTION_ID() FROM orders WHERE id = ? FOR UPDATE`, p.orderID).Scan(&holder); err != nil {
		h.t.Fatal(err)
	}
	h.deafen()
	fastest := time.Hour // one that waits for nobody will do: a busy machine makes some late
	for _, body := range p.statuses("IN_PROGRESS", "DONE") {
		for _, r := range h.replicas {
			began := time.Now()
			h.mustPost(r, body)
			took := time.Since(began)
			fastest, slowest = min(fastest, took), max(slowest, took)
		}
	}
	if fastest > answeredWithin {
		h.t.Errorf("%s: no webhook was answered before %s while the order is locked", p.key, fastest)
	}
	h.eventually("somebody to wait for the order's row", func() bool { return h.waitFor(holder) > 0 })
	if status := h.statusOf(p); status != "UNKNOWN" {
		h.t.Errorf("%s: the payment is %s while its order is locked", p.key, status)
	}
	if err := tx.Rollback(); err != nil {
		h.t.Error(err)
	}
	h.eventually("the payment to be approved", func() bool { return h.statusOf(p) == "APPROVED" })
	p.approved = true
	return p, slowest
}

// waitFor counts the transactions that wait for what a connection holds. MariaDB looks anew only for
// those who have not asked for a tenth of a second.
func (h *house) waitFor(connection int64) int {
	h.t.Helper()
	time.Sleep(150 * time.Millisecond)
	return h.count(`SELECT COUNT(*) FROM information_schema.innodb_lock_waits w JOIN information_schema.innodb_trx x ON x.trx_id = w.blocking_trx_id
		WHERE x.trx_mysql_thread_id = ?`, connection)
}

var lookUpsLine = regexp.MustCompile(`payment_system_gateway_call_seconds_count\{call="lookup",[^}]*\} (\d+)`)

// lookUps counts how often the replicas asked gateways.
func (h *house) lookUps() (n int) {
	h.t.Helper()
	for _, r := range h.replicas {
		more, err := r.lookUps()
		if err != nil {
			h.t.Fatal(err)
		}
		n += more
	}
	return n
}

// lookUps counts how often the replica's process asked gateways, and has an answer or none.
func (r *replica) lookUps() (n int, err error) {
	response, err := browser.Get(r.url + "/metrics")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("metrics: %s", response.Status)
	}
	for _, found := range lookUpsLine.FindAllSubmatch(text, -1) {
		more, _ := strconv.Atoi(string(found[1]))
		n += more
	}
	return n, nil
}

// strangers send webhooks of what is not ours: they are taken, and nobody is asked about them.
func (h *house) strangers() {
	h.t.Helper()
	p := h.visitor(h.shopper, "strangers").newPurchase(0, 1)
	if !p.place() || !p.ready("TOSS") {
		return
	}
	h.mustPost(h.replicas[0], p.statuses("READY")[0]) // this one is ours: somebody looks
	h.eventually("somebody to look", func() bool { return h.lookUps() == 1 })
	attempt := h.entryOf(p).OrderID
	for n := range 50 {
		r := h.replicas[n%len(h.replicas)]
		h.mustPost(r, changed(fmt.Sprintf("nobody-%d", n), attempt, "DONE", p.total))
		h.mustPost(r, deposited(attempt, fmt.Sprintf("ps_%d", n)))
	}
	h.waitForQuiet()
	if n := h.lookUps(); n != 1 {
		h.t.Errorf("gateways were asked %d times for what strangers said", n-1)
	}
	if status := h.statusOf(p); status != "READY" {
		h.t.Errorf("the payment is %s", status)
	}
}

// nonsense is refused, and none of it is kept.
func (h *house) nonsense() {
	h.t.Helper()
	before := h.count(`SELECT COUNT(*) FROM webhook_inbox`)
	for _, body := range []string{
		``, `{`, `null`, `[]`, `"DONE"`, `12`, `{}`, `{"eventType":1}`, `{"eventType":["x"]}`, `{"eventType":"X","data":"x"}`, `{"eventType":"X","data":{"paymentKey":{}}}`,
		"\xff\xfe", `{"eventType":"` + strings.Repeat("x", 61) + `"}`, `{"status":"DONE"}`, `{"eventType":"X","data":{}} {}`,
		`{"eventType":"X","padding":"` + strings.Repeat("x", 64<<10) + `"}`, strings.Repeat("[", 60<<10), strings.Repeat(" ", 10<<20),
	} {
		if status, err := h.replicas[0].post([]byte(body)); err == nil && (status < 400 || status > 499) {
			h.t.Errorf("%.60q was answered %d", body, status)
		} else if err != nil && len(body) <= 64<<10 {
			h.t.Errorf("%.60q: %v", body, err)
		}
	}
	if after := h.count(`SELECT COUNT(*) FROM webhook_inbox`); after != before {
		h.t.Errorf("%d webhooks were kept of nonsense", after-before)
	}
}

// bookless kills the database: a webhook that cannot be stored must not be taken, so that Toss
// sends it again; then it is.
func (h *house) bookless() {
	h.t.Helper()
	p := h.lostAtToss("bookless")
	body := p.statuses("DONE")[0]
	h.deafen()
	if err := h.servers.KillMySQL(); err != nil {
		h.t.Fatal(err)
	}
	for _, r := range h.replicas {
		if status, err := r.post(body); err == nil && status < 500 {
			h.t.Errorf("without a database a webhook was answered %d", status)
		}
	}
	if err := h.servers.StartMySQL(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	var tries atomic.Int32
	h.eventually("the webhook to be taken", func() bool {
		tries.Add(1)
		status, err := h.replicas[0].post(body)
		return err == nil && status == http.StatusOK
	})
	h.eventually("the payment to be approved", func() bool { return h.statusOf(p) == "APPROVED" })
	p.approved = true
	h.calm([]*purchase{p})
}

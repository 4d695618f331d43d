package faulttest_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/internal/proof"
)

// A lie is what a gateway says that is not so, as the simulators' faults name it.
type lie struct {
	pg    string // "" for both
	fault string
	body  string // the status that is lied
}

// what is garbled, or comes from elsewhere, or never ends. It says nothing of the payment.
var noise = []lie{
	{fault: "truncate"},
	{fault: "garbage"},
	{fault: "empty"},
	{fault: "huge"},
	{fault: "trickle"},
	{fault: "wrong_type"},
	{fault: "http_error_after"},
	{fault: "redirect"},
	{fault: "redirect_after"},
}

// what is whole, and of something else.
var (
	otherThings = []lie{{fault: "wrong_amount"}, {fault: "wrong_order"}, {pg: "TOSS", fault: "wrong_currency"}}
	others      = []lie{{fault: "other_payment"}}
)

// stating lies a status, of each gateway's own.
func stating(kakao, toss []string) (lies []lie) {
	for _, status := range kakao {
		lies = append(lies, lie{"KAKAO", "wrong_status", status})
	}
	for _, status := range toss {
		lies = append(lies, lie{"TOSS", "wrong_status", status})
	}
	return lies
}

// An end is what a lie comes to once it is over.
type end string

const (
	// paid: the lie is seen through, and the order is paid with exactly its price.
	paid end = "paid"
	// refundedOnce: the refund that was asked for is made, once, and booked.
	refundedOnce end = "refunded once"
	// unpaid: nothing is charged, and the order waits for another try.
	unpaid end = "unpaid"
	// returned: the gateway stood by something else than was asked for, when asked again: the money
	// is given back, and a person is told by one case.
	returned end = "returned, with one case"
	// claimed is returned, where the gateway stood by more than it took: the books may keep what it
	// claimed, if it claims as well to have given all of that back.
	claimed end = "returned as claimed, with one case"
)

// An aimedFault strikes the calls about one payment only.
type aimedFault struct {
	fault
	PaymentKey string `json:"paymentKey,omitempty"`
	Body       string `json:"body,omitempty"`
}

// aimFaults makes the gateways fail so, and no other way.
func (h *house) aimFaults(faults []aimedFault) {
	h.t.Helper()
	h.control(http.MethodPut, "/sim/faults", faults, nil)
}

// A scene is where a gateway lies, and what comes of it.
type scene struct {
	name string
	call string // that is lied about
	lies []lie
	end  end
	// before is what goes wrong with the call that makes the gateway be asked.
	before *fault
	refund bool // a refund is asked for; else the approval
}

// scenes are all lies at all calls. A look-up that lies is one that is asked after the answer to
// an approval, or to a refund, was lost.
func scenes() []scene {
	garbled := &fault{Fault: "garbage", Times: 1} // and it took effect
	astray := &fault{Fault: "redirect", Times: 1} // and it took no effect
	approve, cancel := *garbled, *garbled
	approve.Call, cancel.Call = "approve", "cancel"
	noApprove, noCancel := *astray, *astray
	noApprove.Call, noCancel.Call = "approve", "cancel"
	notTaken := stating([]string{"READY", "AUTH_PASSWORD", "FAIL_PAYMENT", "QUIT_PAYMENT", "CANCEL_PAYMENT", "PART_CANCEL_PAYMENT"},
		[]string{"READY", "IN_PROGRESS", "ABORTED", "EXPIRED", "CANCELED", "PARTIAL_CANCELED", "WAITING_FOR_DEPOSIT"})
	taken := stating([]string{"SUCCESS_PAYMENT", "CANCEL_PAYMENT", "PART_CANCEL_PAYMENT"}, []string{"DONE", "CANCELED", "PARTIAL_CANCELED"})
	return []scene{
		{name: "approve", call: "approve", end: paid, lies: slices.Concat(noise, otherThings, others,
			stating(nil, []string{"READY", "IN_PROGRESS", "ABORTED", "EXPIRED", "CANCELED", "PARTIAL_CANCELED", "WAITING_FOR_DEPOSIT"}))},
		{name: "look-up of what was taken", call: "lookup", end: paid, before: &approve, lies: slices.Concat(noise, others, notTaken)},
		{name: "look-up of what was not taken", call: "lookup", end: paid, before: &noApprove, lies: slices.Concat(noise, others, taken)},
		// An end without money is believed: nothing says that it is none, and nothing was charged.
		{
			name: "look-up of what was not taken", call: "lookup", end: unpaid, before: &noApprove,
			lies: stating([]string{"FAIL_PAYMENT", "QUIT_PAYMENT"}, []string{"ABORTED", "EXPIRED"}),
		},
		{name: "look-up of what was taken", call: "lookup", end: returned, before: &approve, lies: []lie{{fault: "wrong_order"}, {pg: "TOSS", fault: "wrong_currency"}}},
		{name: "look-up of what was taken", call: "lookup", end: claimed, before: &approve, lies: []lie{{fault: "wrong_amount"}}},
		{name: "cancel", call: "cancel", end: refundedOnce, refund: true, lies: slices.Concat(noise, otherThings, others,
			stating([]string{"READY", "SUCCESS_PAYMENT", "FAIL_PAYMENT", "CANCEL_PAYMENT"}, []string{"READY", "DONE", "ABORTED", "EXPIRED", "CANCELED"}))},
		{
			name: "look-up of a refund that was made", call: "lookup", end: refundedOnce, refund: true, before: &cancel,
			lies: slices.Concat(noise, otherThings, others, notTaken),
		},
		{
			name: "look-up of a refund that was not made", call: "lookup", end: refundedOnce, refund: true, before: &noCancel,
			lies: slices.Concat(noise, others, notTaken),
		},
	}
}

// A liedTo is a purchase that a gateway lies about.
type liedTo struct {
	*purchase
	scene  scene
	lie    lie
	back   string
	asked  int // calls of the scene's kind before the lie
	refund *refund
}

func (l *liedTo) String() string {
	return fmt.Sprintf("%s, %s at %s %s", l.pg, strings.TrimSpace(l.lie.fault+" "+l.lie.body), l.scene.name, l.key)
}

// liedTo lists a purchase for every lie of every scene at every gateway.
func (h *house) liedTo(round int) (all []*liedTo) {
	for i, scene := range scenes() {
		for _, one := range scene.lies {
			for _, pg := range gateways {
				if one.pg != "" && one.pg != pg {
					continue
				}
				name := fmt.Sprintf("lie-%d-%d-%d", round, i, len(all))
				l := &liedTo{purchase: h.visitor(h.shopper, name).newPurchase(0, 1+len(all)%3), scene: scene, lie: one}
				l.pg = pg
				all = append(all, l)
			}
		}
	}
	h.dice(fmt.Sprintf("lies-%d", round)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// together does something for each of many, some at once.
func together[T any](all []T, do func(T)) {
	var group sync.WaitGroup
	places := make(chan struct{}, 16)
	for _, one := range all {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			do(one)
		})
	}
	group.Wait()
}

func TestLies(t *testing.T) {
	t.Parallel()
	for i, wanted := range []plan{{replicas: 2, stock: 1_000_000}, {replicas: 2, stock: 1_000_000, noLocks: true}} {
		name := "a gateway that lies never makes an order paid, and each lie finds its right end"
		if wanted.noLocks {
			name += ", with locks that do nothing"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, wanted)
			done := proof.Begin(t, "lies", h.seed)
			rounds := max(1, (proof.Count(t, "lies")+i)/2)
			lies, slowest := h.lieAgain(rounds)
			done(h.figure(rounds, fmt.Sprintf("%d lies told; all at their right ends at most %.1f s after the last", lies, slowest.Seconds())))
		})
	}
}

// lieAgain tells all lies a number of times. It returns how many that were, and how long it took at
// most until those of a round were at their ends.
func (h *house) lieAgain(rounds int) (lies int, slowest time.Duration) {
	h.t.Helper()
	elsewhere := h.elsewhere()
	for round := range rounds {
		h.lieAtReady(round, elsewhere)
		told, took := h.lie(round, elsewhere)
		lies += told
		slowest = max(slowest, took)
	}
	h.setFaults()
	h.waitForQuiet()
	h.verify()
	h.checkStock()
	h.checkBlames()
	return lies, slowest
}

// elsewhere is a host that nobody has a reason to call.
func (h *house) elsewhere() string {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	h.t.Cleanup(func() {
		server.Close()
		if n := calls.Load(); n > 0 {
			h.t.Errorf("a gateway's redirect was followed %d times", n)
		}
	})
	return server.URL
}

// faults are what goes wrong for one payment: the lie, after what has it asked for.
func (l *liedTo) faults(elsewhere string) (faults []aimedFault) {
	if l.scene.before != nil {
		faults = append(faults, aimedFault{fault: *l.scene.before})
	}
	faults = append(faults, aimedFault{fault: fault{Call: l.scene.call, Fault: l.lie.fault}, Body: l.lie.body})
	for i := range faults {
		f := &faults[i]
		f.PG, f.PaymentKey = l.pg, l.attempt.PaymentKey
		if strings.HasPrefix(f.Fault, "redirect") {
			f.Body = elsewhere
		}
	}
	return faults
}

// lie tells every lie once. It returns how many lies there were, and how long it took at most until
// all that were told at the same time were at their ends. What is claimed lies on its own: a lookout
// would find that the books tell of it.
func (h *house) lie(round int, elsewhere string) (told int, took time.Duration) {
	h.t.Helper()
	var claims, lies []*liedTo
	for _, l := range h.liedTo(round) {
		if l.scene.end == claimed {
			claims = append(claims, l)
		} else {
			lies = append(lies, l)
		}
	}
	enough := h.lookOut()
	took = h.tellTogether(lies, elsewhere)
	enough()
	return len(claims) + len(lies), max(took, h.tellTogether(claims, elsewhere))
}

// tellTogether tells lies at the same time, for as long as it takes to be heard, and holds each
// against its end. It returns how long the ends took to come.
func (h *house) tellTogether(lies []*liedTo, elsewhere string) time.Duration {
	h.t.Helper()
	h.setFaults()
	together(lies, (*liedTo).prepare)
	var faults []aimedFault
	for _, l := range lies {
		faults = append(faults, l.faults(elsewhere)...)
	}
	h.aimFaults(faults)
	together(lies, (*liedTo).act)
	h.waitForLies(lies)
	for _, l := range lies {
		if e := l.ended(); e.order == "PAID" && e.captured != l.total {
			h.t.Errorf("%s: the order is PAID while the gateway lies: %+v", l, e)
		}
	}
	h.setFaults()
	over := time.Now()
	h.waitForQuiet()
	took := time.Since(over)
	for _, l := range lies {
		l.checkEnd()
	}
	return took
}

// prepare buys up to where the lie begins.
func (l *liedTo) prepare() {
	if !l.place() || !l.ready(l.pg) {
		return
	}
	back := l.shop()
	if l.scene.refund {
		l.approve(back)
	}
	l.back = back.String()
	e := l.by.house.entryOf(l.purchase)
	l.asked = l.calls(e)
}

func (l *liedTo) calls(e entry) int {
	switch l.scene.call {
	case "approve":
		return e.Calls.Approve
	case "cancel":
		return e.Calls.Cancel
	}
	return e.Calls.Lookup
}

// act makes the call that is lied about, or that the gateway is asked about afterwards.
func (l *liedTo) act() {
	if l.back == "" {
		return
	}
	if !l.scene.refund {
		back, err := http.NewRequest(http.MethodGet, l.back, nil)
		if err != nil {
			l.by.house.t.Error(err)
			return
		}
		l.by.house.eventually(l.String()+" to be asked for", func() bool { // a gateway that fails so often is left alone for a while
			err = l.by.ask(l.anyReplica(), approveDocument, l.approveInput(back.URL), nil)
			return codeOf(err) != "UNAVAILABLE" || l.by.house.entryOf(l.purchase).Calls.Approve > 0
		})
		l.mayAnswer(err, "IN_PROGRESS", "DECLINED", "CONFLICT", "UNAVAILABLE")
		return
	}
	l.refund = &refund{key: l.key + "-refund", amount: l.total / 3}
	err := l.by.ask(l.anyReplica(), refundDocument, l.refundInput(l.refund), nil)
	l.mayAnswer(err, "IN_PROGRESS")
}

func (l *liedTo) anyReplica() *replica {
	return l.by.house.replicas[l.by.dice.IntN(len(l.by.house.replicas))]
}

func (l *liedTo) mayAnswer(err error, codes ...string) {
	if err != nil && !slices.Contains(codes, codeOf(err)) {
		l.by.house.t.Errorf("%s: answered with %v", l, err)
	}
}

// waitForLies waits until every lie was told: look-ups twice, or until what they are about is
// over. It is a matter of the schedule when.
func (h *house) waitForLies(all []*liedTo) {
	h.t.Helper()
	h.eventually("every lie to be told", func() bool {
		entries := map[string]entry{}
		for _, e := range h.ledger() {
			entries[e.PaymentKey] = e
		}
		open := map[string]bool{}
		for _, row := range h.read(`SELECT id, status FROM payments WHERE status IN ('APPROVING', 'CANCELING', 'UNKNOWN')`) {
			open[row[0]] = true
		}
		return !slices.ContainsFunc(all, func(l *liedTo) bool {
			told := l.calls(entries[l.attempt.PaymentKey]) - l.asked
			return told < 1 || (l.scene.call == "lookup" && told < 2 && open[l.paymentID])
		})
	})
}

// An ended is how a purchase stands when all is over.
type ended struct {
	order, payment     string
	captured, refunded int64 // at the gateway
	booked, returned   int64 // in the books
	cases              int
}

func (l *liedTo) ended() (e ended) {
	h := l.by.house
	err := h.db.QueryRowContext(h.t.Context(), `SELECT o.status, p.status, a.captured_amount, a.refunded_amount,
		(SELECT COUNT(*) FROM discrepancies d WHERE d.payment_id = p.id AND d.status IN ('OPEN', 'PLANNED'))
		FROM attempts a JOIN payments p ON p.id = a.payment_id JOIN orders o ON o.id = p.order_id WHERE a.payment_key = ?`, l.attempt.PaymentKey).
		Scan(&e.order, &e.payment, &e.booked, &e.returned, &e.cases)
	if err != nil {
		h.t.Errorf("%s: %v", l, err)
	}
	entry := h.entryOf(l.purchase)
	e.captured, e.refunded = entry.Captured, entry.Refunded
	return e
}

// checkEnd holds a purchase against the end that its lie must come to.
func (l *liedTo) checkEnd() {
	h := l.by.house
	got := l.ended()
	var want ended
	switch l.scene.end {
	case paid:
		want = ended{"PAID", "APPROVED", l.total, 0, l.total, 0, 0}
	case refundedOnce:
		want = ended{"PAID", "PARTIALLY_CANCELED", l.total, l.total / 3, l.total, l.total / 3, 0}
	case unpaid:
		want = ended{"PLACED", "FAILED", 0, 0, 0, 0, 0}
	case returned:
		want = ended{"PLACED", "FAILED", l.total, l.total, l.total, l.total, 1}
	case claimed:
		want = ended{"PLACED", "FAILED", l.total, l.total, l.total, l.total, 1}
		if got.booked == l.total+10 {
			want.booked, want.returned = got.booked, got.booked
			h.claimed[l.attempt.PaymentKey] = true
		}
	}
	if got != want {
		h.t.Errorf("%s: %+v, want %s: %+v", l, got, l.scene.end, want)
	}
}

// lieAtReady lies about opening a payment. Asked again it is opened, and paid.
func (h *house) lieAtReady(round int, elsewhere string) {
	h.t.Helper()
	for i, one := range slices.Concat(noise, otherThings, others) {
		var purchases []*purchase
		for _, pg := range gateways {
			p := h.visitor(h.shopper, fmt.Sprintf("ready-%d-%d-%s", round, i, pg)).newPurchase(0, 1)
			p.pg = pg
			if cmp.Or(one.pg, pg) == pg && p.place() {
				purchases = append(purchases, p)
			}
		}
		h.aimFaults([]aimedFault{{fault: fault{Call: "ready", Fault: one.fault}, Body: elsewhere}})
		together(purchases, func(p *purchase) {
			err := p.by.ask(h.replicas[round%len(h.replicas)], readyDocument, object{"idempotencyKey": p.key + p.pg, "orderId": p.orderID, "pg": p.pg, "returnUrl": "/orders"}, nil)
			if err != nil && codeOf(err) != "UNAVAILABLE" {
				h.t.Errorf("%s at ready was answered with %v", one.fault, err)
			}
		})
		h.setFaults()
		together(purchases, func(p *purchase) {
			if !p.ready(p.pg) {
				return
			}
			if p.approve(p.shop()); !p.approved {
				h.t.Errorf("%s: not paid after a lie at ready (%s)", p.key, one.fault)
			}
		})
	}
}

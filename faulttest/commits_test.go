package faulttest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/internal/proof"
	"payment-system/shop"
)

const (
	// jobbers is how many replicas do what nobody asks for; one of them locks nothing.
	jobbers = 2
	// clerks is how many replicas serve one errand at a time; half of them lock nothing.
	clerks = 4
	// shortHold is how long an order waits that a jobber took.
	shortHold = 4 * time.Second
	// repeats is how often a flow is tried that passed by a commit fewer than undisturbed.
	repeats = 4
)

func TestCommits(t *testing.T) {
	t.Parallel()
	t.Run("the answer to each commit of each flow is lost in turn, or the commit itself, and each flow has its one right end", func(t *testing.T) {
		rounds := proof.Count(t, "commits")
		o := openOffice(t)
		done := proof.Begin(t, "commits", o.seed)
		for round := range rounds {
			o.loseAsked(round)
			o.loseUnasked(round)
		}
		o.close()
		t.Logf("%d errands: %s", len(o.errands), o.note())
		done(proof.Figure{Times: rounds, NoLocks: (rounds + 1) / 2, Note: o.note()})
	})
}

// An office is a house whose commits can be lost: clerks do what is asked, jobbers the rest.
type office struct {
	*house
	clerks  []*clerk
	jobbers *house
	proxies []*mysqlProxy // of the jobbers
	charged int
	traps   int // set, to lose a commit
	idle    int // of these, where there was none

	mu      sync.Mutex
	errands []*errand
	lost    map[loss]int
	places  map[string]bool // where commits passed undisturbed, and whether one was lost there
	inbox   sync.Map        // what webhooks name, by id
}

// A clerk is a replica that serves one errand at a time and does nothing that nobody asked for:
// what passes its proxy belongs to that errand.
type clerk struct {
	house   *house // with this replica alone
	proxy   *mysqlProxy
	noLocks bool
}

func openOffice(t *testing.T) *office {
	t.Helper()
	proxies := make([]*mysqlProxy, jobbers+clerks)
	// No gateway is slow here, but the machine may be: that is no fault to be told from a lost commit.
	h := open(t, plan{replicas: jobbers + clerks, stock: 1_000_000, environment: []string{"PG_TIMEOUT=3s"}, between: func(h *house, i int, to ways) ways {
		proxies[i] = openMySQLProxy(h.t, to.mysqlDSN)
		to.mysqlDSN = proxies[i].dsn
		return to
	}})
	o := &office{house: h, jobbers: h.alone(h.replicas[:jobbers]...), proxies: proxies[:jobbers], lost: map[loss]int{}, places: map[string]bool{}}
	var starting sync.WaitGroup
	for i, r := range h.replicas {
		told := []string{"JOBS=false"}
		if i < jobbers {
			told = []string{"ORDER_HOLD=" + shortHold.String()}
		}
		if i%2 == 1 {
			told = append(told, "PAYMENT_LOCKS=none")
		}
		r.running().kill()
		starting.Go(func() { h.startReplica(r, told...) })
		if i >= jobbers {
			o.clerks = append(o.clerks, &clerk{house: h.alone(r), proxy: proxies[i], noLocks: i%2 == 1})
		}
	}
	starting.Wait()
	return o
}

// alone is the house with some of its replicas.
func (h *house) alone(replicas ...*replica) *house {
	return &house{
		t: h.t, plan: h.plan, seed: h.seed, servers: h.servers, sim: h.sim, replicas: replicas, db: h.db, redis: h.redis,
		sessions: h.sessions, shopper: h.shopper, operator: h.operator, product: h.product,
	}
}

// An errand is a purchase at one gateway, on which a flow is tried.
type errand struct {
	*purchase
	pg   string
	back *url.URL // where the gateway sent the browser
	made string   // the product that an operator made
	like *errand  // the same flow, undisturbed; nil for that itself
	loss loss

	leftOpen bool // the gateway's answer was lost
	early    bool // and yet its outcome was known before the jobbers were left to it
}

func (o *office) newErrand(at *house, who account, key, pg string) *errand {
	e := &errand{purchase: at.visitor(who, key).newPurchase(0, 1), pg: pg}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.errands = append(o.errands, e)
	return e
}

// A flow is something that is asked for, with all its commits.
type flow struct {
	name   string
	before func(e *errand) bool                         // nil for nothing
	act    func(e *errand)                              // insists until the answer is right
	asks   func(e *errand) (document string, in object) // what it asked, to be asked again; nil for nothing
	by     func(h *house) account
}

func asShopper(h *house) account  { return h.shopper }
func asOperator(h *house) account { return h.operator }

// flows are what is asked for.
func flows() []flow {
	bought := func(e *errand) bool { return e.buy(e.pg) }
	return []flow{
		{"order", nil, func(e *errand) { e.place() }, (*errand).orderAsked, asShopper},
		{"ready", func(e *errand) bool { return e.place() }, func(e *errand) { e.ready(e.pg) }, (*errand).readyAsked, asShopper},
		{"approval", (*errand).authorize, func(e *errand) { e.approve(e.back) }, (*errand).approvalAsked, asShopper},
		{"refund of a part", bought, func(e *errand) { e.refund(9_000) }, func(e *errand) (string, object) { return e.refundAsked(9_000) }, asShopper},
		{"refund of all", bought, func(e *errand) { e.refund(0) }, func(e *errand) (string, object) { return e.refundAsked(0) }, asShopper},
		{"cancelation", (*errand).authorize, func(e *errand) { e.cancel() }, (*errand).cancelationAsked, asShopper},
		{"cancelation of what is paid", bought, func(e *errand) { e.cancel() }, (*errand).cancelationAsked, asShopper},
		{"product", nil, func(e *errand) { e.makeProduct() }, (*errand).productAsked, asOperator},
		{"stock", (*errand).makeProduct, (*errand).adjustStock, (*errand).stockAsked, asOperator},
		{"settlement file", (*errand).stray, (*errand).reconcile, nil, asShopper},
	}
}

func (e *errand) orderAsked() (string, object) { return placeDocument, e.orderInput() }

func (e *errand) readyAsked() (string, object) {
	return readyDocument, object{"idempotencyKey": e.key + e.pg, "orderId": e.orderID, "pg": e.pg, "returnUrl": "/orders"}
}

func (e *errand) approvalAsked() (string, object) { return approveDocument, e.approveInput(e.back) }

func (e *errand) refundAsked(amount int64) (string, object) {
	return refundDocument, e.refundInput(&refund{key: e.key + "-refund-0", amount: amount})
}

func (e *errand) cancelationAsked() (string, object) {
	return cancelDocument, object{"idempotencyKey": e.key + "-cancel", "orderId": e.orderID, "reason": "안 살래요"}
}

// authorize goes as far as the gateway's page.
func (e *errand) authorize() bool {
	if !e.place() || !e.ready(e.pg) {
		return false
	}
	e.back = e.shop()
	return true
}

const (
	productDocument = `mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id stock } } }`
	stockDocument   = `mutation($input: AdjustStockInput!) { adjustStock(input: $input) { product { id stock } } }`
)

func (e *errand) productAsked() (string, object) {
	return productDocument, object{"idempotencyKey": e.key, "name": "제주 말차 40g", "price": 12_000, "stock": 10}
}

func (e *errand) stockAsked() (string, object) {
	return stockDocument, object{"idempotencyKey": e.key, "productId": e.made, "quantity": 5, "reason": "입고"}
}

func (e *errand) makeProduct() bool {
	var answer struct {
		CreateProduct struct{ Product struct{ ID string } }
	}
	document, input := e.productAsked()
	if err := e.by.insist(document, input, &answer); err != nil {
		e.by.house.t.Errorf("%s: %v", e.key, err)
		return false
	}
	e.made = answer.CreateProduct.Product.ID
	return true
}

func (e *errand) adjustStock() {
	document, input := e.stockAsked()
	if err := e.by.insist(document, input, nil); err != nil {
		e.by.house.t.Errorf("%s: %v", e.key, err)
	}
}

// stray has the gateway do what only a settlement file tells of: Kakao Pay takes money that the
// shop does not hear of, Toss Payments gives some back in its console.
func (e *errand) stray() bool {
	h := e.by.house
	if e.pg == "KAKAO" {
		ok := e.authorize()
		if ok {
			h.approveAside(h.entryOf(e.purchase), e.back.Query().Get("pg_token"))
		}
		return ok
	}
	ok := e.buy(e.pg)
	if ok {
		h.control(http.MethodPost, "/sim/refund", object{"pg": e.pg, "paymentKey": e.attempt.PaymentKey}, nil)
	}
	return ok
}

// reconcile hands in a file of the one payment until it is carried out.
func (e *errand) reconcile() {
	h := e.by.house
	state := 1
	if e.approved {
		state = 3
	}
	file := &settlementFile{pg: e.pg, name: e.key + ".csv", content: fmt.Appendf(nil,
		"orderId,paymentKey,totalAmount,paymentState,taxFreeAmount,installMonth\n%s,%s,%d,%d,0,0\n", h.entryOf(e.purchase).OrderID, e.attempt.PaymentKey, e.total, state)}
	o := &operatorAtWork{visitor: h.visitor(h.operator, "operator")}
	h.eventually("the file of "+e.key+" to be carried out", func() bool {
		o.handIn(file)
		return file.booked.isOver()
	})
	if file.booked.Status != "APPLIED" {
		h.t.Errorf("%s: the file came to %+v", e.key, file.booked)
	}
	e.approved, e.canceled = true, state == 3
}

// askAgain asks the same again, and wants the same answer each time.
func (e *errand) askAgain(document string, input object) {
	var one, two map[string]any
	errOne, errTwo := e.by.insist(document, input, &one), e.by.insist(document, input, &two)
	if errOne != nil || errTwo != nil || !cmp.Equal(one, two) {
		e.by.house.t.Errorf("%s: asked again: %v, %v: %s", e.key, errOne, errTwo, cmp.Diff(one, two))
	}
}

// A try is a flow at one gateway, with a trap.
type try struct {
	flow flow
	pg   string
	key  string
	trap *trap
	like *errand
}

// loseAsked has each flow lose each of its commits.
func (o *office) loseAsked(round int) {
	o.setFaults(fault{PG: "TOSS", Call: "webhook", Fault: "drop_before"})
	defer o.setFaults()
	for _, c := range o.clerks { // it learns that the gateways answer
		for _, pg := range gateways {
			key := fmt.Sprintf("warm-%d-%s-%s", round, pg, c.house.replicas[0].name())
			o.newErrand(c.house, o.shopper, key, pg).buy(pg)
		}
	}
	undisturbed, likes := o.unhindered(round)
	disturbed := make(map[bool][]try)
	for i, t := range undisturbed {
		passed := t.trap.crossings()
		o.t.Logf("%s has %d commits", t.key, len(passed))
		for n := range passed {
			o.pass(t.flow.name+t.pg, n+1)
			for _, l := range o.losses(n + round) {
				noLocks := (n+int(l)+round)%2 == 1
				again := t
				again.key = fmt.Sprintf("%s, commit %d, %s, no locks %t", t.key, n+1, l, noLocks)
				again.trap, again.like = &trap{at: commit, nth: n + 1, loses: l}, likes[i]
				disturbed[noLocks] = append(disturbed[noLocks], again)
			}
		}
	}
	o.work(disturbed)
	for _, t := range slices.Concat(disturbed[false], disturbed[true]) {
		o.count(t.key, t.trap)
	}
}

// unhindered has each flow done three times with nothing lost, and returns of each the time that
// had the fewest commits: views and the flags of events are written when it suits, together or not.
func (o *office) unhindered(round int) (fewest []try, likes []*errand) {
	for n := range 3 {
		tries := make(map[bool][]try)
		for _, f := range flows() {
			for _, pg := range gateways {
				key := numbered(fmt.Sprintf("%s %s %d", f.name, pg, round), n)
				tries[false] = append(tries[false], try{flow: f, pg: pg, key: key, trap: &trap{at: commit}})
			}
		}
		done := o.work(tries)
		if n == 0 {
			fewest, likes = tries[false], done
			continue
		}
		for i, t := range tries[false] {
			if len(t.trap.crossings()) < len(fewest[i].trap.crossings()) {
				fewest[i], likes[i] = t, done[i]
			}
		}
	}
	return fewest, likes
}

// count counts the traps that were set, and those that had nothing to lose in all tries.
func (o *office) count(key string, t *trap) {
	o.t.Helper()
	o.traps++
	if !t.hasSprung() {
		o.t.Logf("%s: only %d commits passed", key, len(t.crossings()))
		o.idle++
	}
}

// wantLost wants nearly every trap to have sprung: what takes long on a busy machine renews its
// hold meanwhile, by a commit that no other time has, and whoever is fast has the flags of its events
// set with the next views, by a commit less.
func (o *office) wantLost() {
	o.t.Helper()
	if o.idle > o.traps/20 {
		o.t.Errorf("%d of %d had no such commit, in %d tries", o.idle, o.traps, repeats)
	}
}

// losses are the ways that a commit is lost in a round: in the large counts both, or all three, and
// otherwise one, which the seed and the place choose.
func (o *office) losses(turn int) []loss {
	all, lot := []loss{loseAnswer, loseRequest, loseBoth}, uint64(turn)+o.seed
	switch {
	case proof.Torture() && turn%3 == 0:
		return all
	case proof.Torture():
		return all[:2]
	case lot%9 == 0:
		return all[2:]
	default:
		return all[lot%2:][:1]
	}
}

// work has clerks do what is to be tried with locks, and with none, and returns the errands of the
// former.
func (o *office) work(tries map[bool][]try) []*errand {
	errands := make([]*errand, len(tries[false]))
	var working sync.WaitGroup
	for noLocks, list := range tries {
		next := make(chan int, len(list))
		for i := range list {
			next <- i
		}
		close(next)
		for _, c := range o.clerks {
			if c.noLocks != noLocks {
				continue
			}
			working.Go(func() {
				for i := range next {
					e := o.try(c, list[i])
					if !noLocks {
						errands[i] = e
					}
				}
			})
		}
	}
	working.Wait()
	return errands
}

// try does what is to be tried, and again where it passed by fewer commits.
func (o *office) try(c *clerk, t try) (e *errand) {
	for n := range repeats {
		e = o.tryOnce(c, t, n)
		if t.trap.nth == 0 || o.noteLoss(t.flow.name+t.pg, t.key, t.trap) {
			break
		}
	}
	return e
}

func (o *office) tryOnce(c *clerk, t try, again int) *errand {
	e := o.newErrand(c.house, t.flow.by(o.house), numbered(t.key, again), t.pg)
	e.like, e.loss = t.like, t.trap.loses
	if t.flow.before != nil && !t.flow.before(e) {
		return e
	}
	arm(t.trap, c.proxy)
	t.flow.act(e)
	disarm(t.trap, c.proxy)
	if t.flow.asks != nil {
		e.askAgain(t.flow.asks(e))
	}
	return e
}

func numbered(key string, again int) string {
	if again == 0 {
		return key
	}
	return fmt.Sprintf("%s, again %d", key, again)
}

// pass notes a place where a commit passed undisturbed.
func (o *office) pass(of string, nth int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if place := fmt.Sprint(of, nth); !o.places[place] {
		o.places[place] = false
	}
}

// noteLoss counts what a trap has done, and tells whether it has: not, where there were fewer
// commits than undisturbed.
func (o *office) noteLoss(of, key string, t *trap) bool {
	o.t.Helper()
	if !t.hasSprung() {
		if passed := len(t.crossings()); passed >= t.nth {
			o.t.Errorf("%s: %d commits passed, and none was lost", key, passed)
		}
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost[t.loses]++
	o.places[fmt.Sprint(of, t.nth)] = true
	return true
}

func (o *office) note() string {
	places := 0
	for _, lost := range o.places {
		if lost {
			places++
		}
	}
	return fmt.Sprintf("%d of %d places, half of the time without locks: %d answers lost, %d commits lost, %d times neither side waited",
		places, len(o.places), o.lost[loseAnswer], o.lost[loseRequest], o.lost[loseBoth])
}

// A chore is something that jobbers do, with all its commits.
type chore struct {
	name   string
	pg     string
	before func(e *errand) bool // at a clerk
	lead   func(e *errand) bool // with choreFaults, before the trap is set
	begin  func(e *errand)      // after that
	status string               // of the payment, when it is done; "" for its order, which expires
	told   func(e *errand)      // what the shopper is told then
}

// chores are what nobody asks for: what time and webhooks set off, and what is left when a
// gateway's answer is lost.
func chores() (all [2][]chore) {
	all[0] = append(all[0], chore{
		name: "deposit", pg: "TOSS", before: (*errand).awaitDeposit, begin: (*errand).deposit, status: "APPROVED",
		told: func(e *errand) { e.approve(e.back) },
	})
	for _, pg := range gateways {
		all[0] = append(all[0], chore{name: "expiry", pg: pg, lead: func(e *errand) bool { return e.place() && e.ready(pg) }})
		all[1] = append(all[1], chore{
			name: "resolved approval", pg: pg, before: (*errand).authorize, status: "APPROVED",
			lead: func(e *errand) bool { return e.isLeftOpen(e.approvalAsked()) }, told: func(e *errand) { e.approve(e.back) },
		}, chore{
			name: "resolved refund", pg: pg, before: func(e *errand) bool { return e.buy(pg) }, status: "PARTIALLY_CANCELED",
			lead: func(e *errand) bool { return e.isLeftOpen(e.refundAsked(9_000)) }, told: func(e *errand) { e.refund(9_000) },
		})
	}
	return all
}

// choreFaults are what the gateways do meanwhile.
var choreFaults = [2][]fault{
	{},
	{{Call: "approve", Fault: "drop_after"}, {Call: "cancel", Fault: "drop_after"}, {Call: "webhook", Fault: "drop_before"}},
}

// isLeftOpen asks while the gateway's answer is lost, until it is asked: one that is silent so often
// is left alone for a while. It tells whether the outcome was left to the jobbers.
func (e *errand) isLeftOpen(document string, input object) bool {
	h := e.by.house
	e.leftOpen = true
	var err error
	h.eventually(e.key+" to be asked for", func() bool {
		err = e.by.ask(h.replicas[0], document, input, nil)
		return codeOf(err) != "UNAVAILABLE"
	})
	if err != nil && codeOf(err) != "IN_PROGRESS" {
		h.t.Errorf("%s: with the gateway's answer lost it was answered %v", e.key, err)
	}
	return err != nil
}

// awaitDeposit pays by a virtual account, as far as that goes at once.
func (e *errand) awaitDeposit() bool {
	h := e.by.house
	if !e.place() || !e.ready(e.pg) {
		return false
	}
	var answer struct{ RedirectURL string }
	h.control(http.MethodPost, "/sim/shopper", object{"pg": e.pg, "paymentKey": e.attempt.PaymentKey, "act": "pay_virtual_account"}, &answer)
	back, err := url.Parse(answer.RedirectURL)
	if err != nil {
		h.t.Errorf("%s: %v", e.key, err)
		return false
	}
	e.back = back
	document, input := e.approvalAsked()
	if err := e.by.insist(document, input, nil); err != nil {
		h.t.Errorf("%s: %v", e.key, err)
	}
	return err == nil
}

func (e *errand) deposit() {
	e.by.house.control(http.MethodPost, "/sim/shopper", object{"pg": e.pg, "paymentKey": e.attempt.PaymentKey, "act": "deposit"}, nil)
}

var inboxID = regexp.MustCompile(`webhook_inbox .* id = (\d+)`)

// names returns what tells whether SQL is about the errand.
func (o *office) names(e *errand) func(sql string) bool {
	ids := []string{e.orderID, e.paymentID, e.attempt.PaymentKey}
	for _, row := range o.read(`SELECT id, payment_id FROM attempts WHERE payment_id = '` + e.paymentID + `'`) {
		ids = append(ids, row[0])
	}
	return func(sql string) bool {
		if found := inboxID.FindStringSubmatch(sql); found != nil {
			sql = o.webhook(found[1])
		}
		return slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(sql, id) })
	}
}

// webhook is what a webhook in the inbox names.
func (o *office) webhook(id string) string {
	if known, ok := o.inbox.Load(id); ok {
		return known.(string)
	}
	rows := o.read(`SELECT attempt_ref, payment_key FROM webhook_inbox WHERE id = ` + id)
	if len(rows) == 0 {
		return ""
	}
	o.inbox.Store(id, rows[0][0]+" "+rows[0][1])
	return rows[0][0] + " " + rows[0][1]
}

// isDone tells whether the jobbers have done the chore.
func (c chore) isDone(e *errand) bool {
	h := e.by.house
	if c.status != "" {
		return h.statusOf(e.purchase) == c.status
	}
	return len(h.read(`SELECT id, status FROM orders WHERE id = '`+e.orderID+`' AND status = 'EXPIRED'`)) > 0
}

// A charge is a chore on an errand, with a trap.
type charge struct {
	chore  chore
	errand *errand
	trap   *trap
}

// early tells that it was done before the trap was set.
func (c *charge) early() bool { return c.errand.early }

// loseUnasked has each chore lose each of its commits.
func (o *office) loseUnasked(round int) {
	for i, list := range chores() {
		var disturbed []*charge
		for _, u := range o.undisturbed(list, choreFaults[i], round) {
			disturbed = append(disturbed, o.disturb(u, round)...)
		}
		o.carryOutAll(disturbed, choreFaults[i], func(c *charge) bool {
			return !c.early() && o.noteLoss(c.chore.name+c.chore.pg, c.errand.key, c.trap)
		})
		for _, c := range disturbed {
			o.count(c.errand.key, c.trap)
		}
	}
}

// undisturbed does each chore a few times, and returns the one of each that had the fewest commits:
// on a busy machine there are look-ups more, which no other time has.
func (o *office) undisturbed(list []chore, faults []fault, round int) []*charge {
	fewest := make([]*charge, len(list))
	for n := range 3 {
		charges := make([]*charge, len(list))
		for i, c := range list {
			charges[i] = o.newCharge(c, numbered(fmt.Sprintf("%s %s %d", c.name, c.pg, round), n), &trap{at: commit})
		}
		o.carryOutAll(charges, faults, func(c *charge) bool { return !c.early() })
		for i, c := range charges {
			if c.early() {
				o.t.Errorf("%s was done before a trap was set, %d times", c.errand.key, repeats)
			}
			if fewest[i] == nil || len(c.trap.crossings()) < len(fewest[i].trap.crossings()) {
				fewest[i] = c
			}
		}
	}
	return fewest
}

// disturb returns what loses each commit of a charge.
func (o *office) disturb(u *charge, round int) (disturbed []*charge) {
	passed := u.trap.crossings()
	o.t.Logf("%s has %d commits", u.errand.key, len(passed))
	for n := range passed {
		o.pass(u.chore.name+u.chore.pg, n+1)
		for _, l := range o.losses(n + round) {
			c := o.newCharge(u.chore, fmt.Sprintf("%s, commit %d, %s", u.errand.key, n+1, l), &trap{at: commit, nth: n + 1, loses: l})
			c.errand.like, c.errand.loss = u.errand, l
			disturbed = append(disturbed, c)
		}
	}
	return disturbed
}

func (o *office) newCharge(c chore, key string, t *trap) *charge {
	return &charge{chore: c, errand: o.newErrand(o.placeOf(c), o.shopper, key, c.pg), trap: t}
}

// placeOf is where a chore's errand begins.
func (o *office) placeOf(c chore) *house {
	if c.status == "" {
		return o.jobbers
	}
	o.charged++
	return o.clerks[o.charged%clerks].house
}

// carryOutAll has the jobbers do chores, and those again that did not come to what was wanted: what
// was done one by one, or twice, may be done at once another time.
func (o *office) carryOutAll(charges []*charge, faults []fault, well func(*charge) bool) {
	for again := 1; ; again++ {
		o.carryOut(charges, faults)
		charges = slices.DeleteFunc(slices.Clone(charges), well)
		if len(charges) == 0 || again == repeats {
			return
		}
		for _, c := range charges {
			like, loss := c.errand.like, c.errand.loss
			c.errand = o.newErrand(o.placeOf(c.chore), o.shopper, numbered(c.errand.key, again), c.chore.pg)
			c.errand.like, c.errand.loss = like, loss
			c.trap = &trap{at: c.trap.at, nth: c.trap.nth, loses: c.trap.loses}
		}
	}
}

// carryOut has the jobbers do chores, all at once.
func (o *office) carryOut(charges []*charge, faults []fault) {
	each(charges, func(c *charge) {
		if c.chore.before != nil {
			c.chore.before(c.errand)
		}
	})
	o.setFaults(faults...)
	each(charges, o.begin)
	o.setFaults()
	for _, c := range charges {
		o.eventually(c.errand.key+" to be done", func() bool { return c.chore.isDone(c.errand) })
	}
	o.waitForQuiet()
	for _, c := range charges {
		disarm(c.trap, o.proxies...)
		if c.chore.told != nil {
			c.chore.told(c.errand)
		}
	}
}

// begin leaves a chore to the jobbers, with its trap set.
func (o *office) begin(c *charge) {
	if c.chore.lead != nil && !c.chore.lead(c.errand) {
		c.errand.early = true
		return
	}
	c.trap.mine = o.names(c.errand)
	arm(c.trap, o.proxies...)
	if c.chore.begin != nil {
		c.chore.begin(c.errand)
	}
}

// each does something with every element, a few at a time.
func each[T any](list []T, do func(T)) {
	var doing sync.WaitGroup
	places := make(chan struct{}, 8)
	for _, one := range list {
		places <- struct{}{}
		doing.Go(func() {
			defer func() { <-places }()
			do(one)
		})
	}
	doing.Wait()
}

// close holds the books against the rules, and each errand against the one that was not disturbed.
func (o *office) close() {
	o.t.Helper()
	purchases := make([]*purchase, len(o.errands))
	for i, e := range o.errands {
		purchases[i] = e.purchase
	}
	o.calm(purchases)
	for _, c := range o.clerks {
		c.house.checkBlames()
	}
	o.jobbers.checkBlames()
	histories := map[string][]string{}
	for _, row := range o.read(`SELECT aggregate_id, kind FROM events ORDER BY id`) {
		histories[row[0]] = append(histories[row[0]], row[1])
	}
	ledger := map[string]entry{}
	for _, e := range o.ledger() {
		ledger[e.PaymentKey] = e
	}
	for _, e := range o.errands {
		if e.like != nil {
			o.compare(e, histories, ledger)
		}
	}
	o.checkProducts()
	o.wantLost()
}

// compare wants an errand's history and what its gateway was asked to be those of the one that was
// not disturbed. Where neither side waited for the other the gateway may have been asked again, but
// it did nothing again.
func (o *office) compare(e *errand, histories map[string][]string, ledger map[string]entry) {
	o.t.Helper()
	got, want := ledger[e.attempt.PaymentKey], ledger[e.like.attempt.PaymentKey]
	if got.Applied != want.Applied || got.Captured != want.Captured || got.Refunded != want.Refunded {
		o.t.Errorf("%s: the gateway has %+v, undisturbed %+v", e.key, got, want)
	}
	if e.loss == loseBoth {
		return
	}
	got.Calls.Lookup, want.Calls.Lookup = 0, 0
	if got.Calls != want.Calls && !e.leftOpen { // a request whose answer is lost is sent again, with its key
		o.t.Errorf("%s: the gateway was asked %+v, undisturbed %+v", e.key, got.Calls, want.Calls)
	}
	for _, ids := range [][2]string{{e.orderID, e.like.orderID}, {e.paymentID, e.like.paymentID}, {e.made, e.like.made}} {
		if diff := cmp.Diff(e.past(histories[ids[1]]), e.past(histories[ids[0]])); diff != "" {
			o.t.Errorf("%s: the history is another than the undisturbed one: %s", e.key, diff)
		}
	}
}

// past is a history without what a look-up saw, that a webhook may set off at any time, without a
// doubt that need not have come up, and without the times that a silent gateway was left alone.
func (e *errand) past(history []string) (past []string) {
	for _, kind := range history {
		switch last := len(past) - 1; {
		case kind == shop.KindPaymentRecordChanged, e.early && kind == shop.KindPaymentUnknown:
		case e.leftOpen && kind == shop.KindPaymentApprovalWithdrawn && past[last] == shop.KindPaymentApproving:
			past = past[:last]
		default:
			past = append(past, kind)
		}
	}
	return past
}

// checkProducts wants each product that was made to be there once, with the stock it was given.
func (o *office) checkProducts() {
	o.t.Helper()
	made := map[string]bool{o.product.id: true}
	for _, e := range o.errands {
		if e.made != "" {
			made[e.made] = true
		}
	}
	for _, row := range o.read(`SELECT product_id, available FROM stock`) {
		if !made[row[0]] || (row[0] != o.product.id && row[1] != "10" && row[1] != "15") {
			o.t.Errorf("product %s with %s units is nobody's", row[0], row[1])
		}
	}
}

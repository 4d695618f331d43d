package command_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"payment-system/command"
	"payment-system/internal/proof"
	"payment-system/pg"
	"payment-system/shop"
)

// TestHandler_model runs random sequences of commands against gateways that fail, and holds books,
// stock and ledger against a small model of the state machines after every step. Where an answer
// was lost the model keeps all that may be so, until the books tell; at the end books, ledgers and
// model say the same. What fails is made as short as can be, and printed.
func TestHandler_model(t *testing.T) {
	t.Parallel()
	count, seed := proof.Count(t, "model"), proof.Seed(t)
	done := proof.Begin(t, "model", seed)
	dice := rand.New(rand.NewPCG(seed, 9))
	street := openStreet(t)
	var sum modelSum
	var workers sync.WaitGroup
	n := min(4, count)
	for i := range n {
		checks, start := (count+n-1-i)/n, dice.Uint64()|1
		workers.Go(func() { (&modelLane{T: t, street: street, sum: &sum}).run(checks, start) })
	}
	workers.Wait()
	if ended := int(sum.sequences.Load()); ended != count && !t.Failed() {
		t.Errorf("%d of %d sequences came to an end", ended, count)
	}
	done(proof.Figure{Times: int(sum.sequences.Load()), NoLocks: int(sum.noLocks.Load()), Note: sum.String()})
	t.Log(&sum)
}

// A modelSum counts what sequences held.
type modelSum struct {
	sequences, noLocks, commands, struck, doubts, paid, late atomic.Int64
}

func (s *modelSum) String() string {
	return fmt.Sprintf("%d commands, %d struck by a fault, %d after which more than one thing could be so; %d orders paid, %d times money came too late",
		s.commands.Load(), s.struck.Load(), s.doubts.Load(), s.paid.Load(), s.late.Load())
}

// A modelLane runs sequences one after the other, on a market of its own.
type modelLane struct {
	*testing.T
	failed atomic.Bool
	street street
	sum    *modelSum
	market *market
	used   int  // sequences on this market
	dirty  bool // the last sequence stopped half-way
}

// Errorf fails this lane, and the test.
func (l *modelLane) Errorf(format string, args ...any) {
	l.failed.Store(true)
	l.T.Errorf(format, args...)
}

// FailNow ends this lane.
func (l *modelLane) FailNow() {
	l.failed.Store(true)
	l.Fail()
	runtime.Goexit()
}

// Failed reports whether this lane failed.
func (l *modelLane) Failed() bool { return l.failed.Load() }

// rapidFlags keeps the lanes from giving rapid its numbers at the same moment.
var rapidFlags sync.Mutex

func (l *modelLane) run(checks int, seed uint64) {
	rapidFlags.Lock()
	begun := sync.OnceFunc(rapidFlags.Unlock)
	defer begun()
	for name, value := range map[string]string{"checks": fmt.Sprint(checks), "seed": strconv.FormatUint(seed, 10), "nofailfile": "true"} {
		if err := flag.Set("rapid."+name, value); err != nil {
			l.Errorf("%v", err)
			return
		}
	}
	rapid.Check(l, func(rt *rapid.T) {
		begun()
		l.sequence(rt)
	})
	l.market.close()
}

func (l *modelLane) sequence(rt *rapid.T) {
	if l.market == nil || l.dirty || l.used == 1_000 {
		if l.market != nil && !l.dirty {
			l.market.close()
		}
		l.market, l.used = l.street.market(l.T, nil), 0
	}
	l.used++
	l.dirty = true
	noLocks := rapid.Bool().Draw(rt, "no locks")
	r := l.market.newModelRun(rt, l.sum, noLocks)
	for range rapid.SampledFrom([]int{4, 5, 6, 7, 8, 9, 10, 11, 12}).Draw(rt, "commands") {
		r.step()
	}
	r.end()
	l.dirty = false
	if !l.Failed() {
		l.sum.sequences.Add(1)
		if noLocks {
			l.sum.noLocks.Add(1)
		}
	}
}

// What a gateway does wrong with one call.
const (
	faultNone      = ""
	faultLost      = "lost" // the answer, and perhaps the call
	faultNotSent   = "not sent"
	faultRefused   = "refused"
	faultMisstated = "misstated" // the answer names another amount
	faultLies      = "lies"      // and so does every look-up until the command is over
)

// Where a shopper is at the gateway.
const (
	pageOpen = iota
	pageAuthenticated
	pageGone
)

const (
	modelAttempts  = 4
	modelHold      = 15 * time.Minute
	modelPGTimeout = 20 * time.Millisecond
)

// A modelAttempt is what the books hold of an attempt, and what is so at its gateway.
type modelAttempt struct {
	known                   bool // the books have the gateway's name of it
	page                    int
	proof                   bool     // the last approval carried what the gateway wants to see
	taken, given            shop.Won // at the gateway
	captured, refunded, due shop.Won // in the books; due is what a refund asks for that is not over
	stuck                   bool     // the gateway would not give it back: a person decides
}

// A modelOrder is one order as the model has it.
type modelOrder struct {
	status   shop.OrderStatus
	payment  shop.PaymentStatus // "" before the first attempt
	total    shop.Won
	units    int
	expires  int64 // in Unix microseconds
	opened   int
	paying   int // which attempt paid, or -1
	attempts [modelAttempts]modelAttempt
}

// A modelAnswer is what an order may be after a command, and what was answered.
type modelAnswer struct {
	order modelOrder
	code  shop.Code
}

func answers(code shop.Code, orders ...modelOrder) []modelAnswer {
	all := make([]modelAnswer, len(orders))
	for i, o := range orders {
		all[i] = modelAnswer{o, code}
	}
	return all
}

// current is the attempt that the payment goes by.
func (o modelOrder) current() int {
	if o.paying >= 0 {
		return o.paying
	}
	return o.opened - 1
}

// waits reports whether the order may still be paid.
func (o modelOrder) waits(now int64) bool {
	return o.status == shop.OrderStatusPlaced && now < o.expires
}

func (o modelOrder) ready(fault string, now int64) []modelAnswer {
	switch {
	case !o.waits(now):
		return answers(shop.Conflict, o)
	case o.payment == shop.PaymentStatusUnknown:
		return answers(shop.InProgress, o)
	}
	o.payment = shop.PaymentStatusReady
	o.opened++
	switch fault {
	case faultLost, faultNotSent:
		return answers(shop.Unavailable, o)
	case faultRefused:
		o.payment = shop.PaymentStatusFailed
		return answers(shop.Declined, o)
	}
	o.attempts[o.opened-1].known = true
	return answers("", o)
}

// approve takes the money; proof reports whether the browser carried the gateway's token.
func (o modelOrder) approve(fault string, proof bool, now int64) []modelAnswer {
	switch {
	case o.payment != shop.PaymentStatusReady:
		return answers(o.approvalAnswer(), o)
	case !o.attempts[o.current()].known || !o.waits(now):
		return answers(shop.Conflict, o)
	}
	o.attempts[o.current()].proof = proof
	o.expires = max(o.expires, now+(2*modelPGTimeout+time.Minute).Microseconds())
	unheard := o
	unheard.payment = shop.PaymentStatusUnknown
	switch fault {
	case faultNotSent:
		return answers(shop.Unavailable, o)
	case faultRefused:
		o.payment = shop.PaymentStatusFailed
		return answers(shop.Declined, o)
	case faultLost:
		return append(answers(shop.InProgress, unheard), o.approved(fault)...)
	}
	return o.approved(fault)
}

// approved is what comes of an approval that reaches the gateway.
func (o modelOrder) approved(fault string) []modelAnswer {
	a := &o.attempts[o.current()]
	switch {
	case a.taken == 0 && (a.page != pageAuthenticated || !a.proof):
		o.payment = shop.PaymentStatusFailed
		return answers(shop.Declined, o)
	case a.taken == 0 && fault == faultLost:
		a.taken, o.payment = o.total, shop.PaymentStatusUnknown
		return answers(shop.InProgress, o)
	case fault == faultLies:
		a.taken, a.captured, a.due = o.total, o.total, o.total
		o.payment = shop.PaymentStatusFailed
		return answers(shop.Declined, o)
	}
	a.taken = o.total
	o = o.learn(o.current())
	return answers(o.approvalAnswer(), o)
}

// approvalAnswer is what an approval is answered that finds the payment so.
func (o modelOrder) approvalAnswer() shop.Code {
	switch o.payment {
	case shop.PaymentStatusApproved:
		return ""
	case shop.PaymentStatusUnknown:
		return shop.InProgress
	case shop.PaymentStatusFailed:
		return shop.Declined
	default:
		return shop.Conflict
	}
}

func (o modelOrder) fail() []modelAnswer {
	switch o.payment {
	case shop.PaymentStatusReady, shop.PaymentStatusFailed:
		o.payment = shop.PaymentStatusFailed
		return answers("", o)
	default:
		return answers(shop.Conflict, o)
	}
}

// refund gives an amount back; 0 is all that is left.
func (o modelOrder) refund(amount shop.Won, fault string) []modelAnswer {
	a := &o.attempts[o.current()]
	left := shop.Won(0)
	if o.paying >= 0 {
		left = a.captured - a.refunded
	}
	if amount == 0 {
		amount = left
	}
	switch {
	case o.payment == shop.PaymentStatusUnknown, a.due > 0:
		return answers(shop.InProgress, o)
	case left == 0:
		return o.refundLate(amount, fault)
	case amount > left:
		return answers(shop.Invalid, o)
	}
	a.due, o.payment = amount, shop.PaymentStatusUnknown
	return o.refundOf(o.current(), fault)
}

// refundLate gives money back that pays for nothing, all of it or none: the first attempt's that has some. The program does
// so by itself, unless the gateway would not.
func (o modelOrder) refundLate(amount shop.Won, fault string) []modelAnswer {
	i := slices.IndexFunc(o.attempts[:], func(a modelAttempt) bool { return a.captured > a.refunded })
	if i < 0 {
		return answers(shop.Conflict, o)
	}
	a := &o.attempts[i]
	rest := a.captured - a.refunded
	switch {
	case a.due > 0:
		return answers(shop.InProgress, o)
	case amount != 0 && amount != rest:
		return answers(shop.Invalid, o)
	}
	a.due, a.stuck = rest, false
	// What goes wrong does so at the latest attempt's gateway, which may be another.
	return append(o.refundOf(i, fault), o.refundOf(i, faultNone)...)
}

// refundOf asks the gateway for what is due of an attempt, and answers with what comes of it.
func (o modelOrder) refundOf(i int, fault string) (all []modelAnswer) {
	for _, after := range o.giveBack(i, fault) {
		code := shop.Code("")
		switch {
		case after.attempts[i].due > 0:
			code = shop.InProgress
		case fault == faultRefused:
			code = shop.Declined
		}
		all = append(all, modelAnswer{after, code})
	}
	return all
}

func (o modelOrder) cancel(fault string) []modelAnswer {
	switch {
	case o.payment == shop.PaymentStatusUnknown:
		return answers(shop.InProgress, o)
	case o.status == shop.OrderStatusPaid:
		return o.refund(0, fault)
	case o.status != shop.OrderStatusPlaced:
		return answers(shop.Conflict, o)
	}
	return answers("", o.ended(shop.OrderStatusCanceled, shop.PaymentStatusCanceled))
}

func (o modelOrder) ended(status shop.OrderStatus, payment shop.PaymentStatus) modelOrder {
	o.status = status
	if o.payment != "" {
		o.payment = payment
	}
	return o
}

func (o modelOrder) expire(now int64) modelOrder {
	if o.status != shop.OrderStatusPlaced || now < o.expires || o.payment == shop.PaymentStatusUnknown {
		return o
	}
	return o.ended(shop.OrderStatusExpired, shop.PaymentStatusExpired)
}

// learn is what the books make of a gateway that says what it took and gave back.
func (o modelOrder) learn(i int) modelOrder {
	a := &o.attempts[i]
	if a.captured == 0 {
		a.captured = a.taken
		if o.status == shop.OrderStatusPlaced && o.paying < 0 {
			o.status, o.payment, o.paying = shop.OrderStatusPaid, shop.PaymentStatusApproved, i
		}
	}
	if a.given > a.refunded {
		a.refunded, a.due = a.given, 0
		o = o.refunded(i)
	}
	a = &o.attempts[i]
	if rest := a.captured - a.refunded; o.paying != i && !a.stuck && a.due == 0 {
		a.due = rest
	}
	return o
}

// refunded is the order after a refund of an attempt was made.
func (o modelOrder) refunded(i int) modelOrder {
	if i != o.paying {
		return o
	}
	o.payment = shop.PaymentStatusPartiallyCanceled
	if a := o.attempts[i]; a.refunded == a.captured {
		o.status, o.payment = shop.OrderStatusCanceled, shop.PaymentStatusCanceled
	}
	return o
}

// giveBack asks the gateway for what is due.
func (o modelOrder) giveBack(i int, fault string) []modelOrder {
	a := &o.attempts[i]
	unheard := o
	switch fault {
	case faultNotSent:
		return []modelOrder{o}
	case faultLost:
		a.given += a.due
		return []modelOrder{unheard, o}
	case faultMisstated, faultLies:
		a.given += a.due
		return []modelOrder{o}
	case faultRefused:
		a.due = 0
		if i != o.paying {
			a.stuck = true
			return []modelOrder{o}
		}
		o.payment = shop.PaymentStatusApproved
		if a.refunded > 0 {
			o.payment = shop.PaymentStatusPartiallyCanceled
		}
		return []modelOrder{o}
	}
	a.given += a.due
	a.refunded, a.due = a.given, 0
	return []modelOrder{o.refunded(i)}
}

// lookUp asks the gateway about an attempt and carries on with what is left to do.
func (o modelOrder) lookUp(i int, call, fault string, now int64) []modelOrder {
	a := o.attempts[i]
	if !a.known || (call == "lookup" && (fault == faultLost || fault == faultNotSent || fault == faultRefused)) {
		return []modelOrder{o}
	}
	of := func(name string) string {
		if name == call {
			return fault
		}
		return faultNone
	}
	asked := i == o.current() && o.payment == shop.PaymentStatusUnknown
	switch {
	case a.taken > 0:
		o = o.learn(i)
		if o.attempts[i].due > 0 {
			return o.giveBack(i, of("cancel"))
		}
	case a.page == pageGone:
		if asked || (i == o.current() && o.payment == shop.PaymentStatusReady) {
			o.payment = shop.PaymentStatusFailed
		}
	case asked && a.page == pageOpen:
		o.payment = shop.PaymentStatusReady
	case asked && !o.waits(now):
		o.payment = shop.PaymentStatusFailed
	case asked:
		return o.approveAgain(i, of("approve"))
	}
	return []modelOrder{o}
}

func (o modelOrder) approveAgain(i int, fault string) []modelOrder {
	unheard, refused := o, o
	refused.payment = shop.PaymentStatusFailed
	o.attempts[i].taken = o.total
	switch {
	case fault == faultNotSent:
		return []modelOrder{unheard}
	case fault == faultRefused:
		return []modelOrder{refused}
	case fault == faultLost && !o.attempts[i].proof:
		return []modelOrder{unheard, refused}
	case !o.attempts[i].proof:
		return []modelOrder{refused}
	}
	switch fault {
	case faultLost:
		return []modelOrder{unheard, o}
	case faultMisstated:
		return []modelOrder{o}
	}
	return []modelOrder{o.learn(i)}
}

// resolve is what a run of the resolver may leave: any of the attempts may be looked up, in any
// order, and a fault strikes one of them.
func (o modelOrder) resolve(call, fault string, now int64) []modelOrder {
	seen := map[modelOrder]bool{o: true}
	for todo := []modelOrder{o}; len(todo) > 0; todo = todo[1:] {
		for i := range todo[0].opened {
			after := slices.Concat(todo[0].lookUp(i, call, fault, now), todo[0].lookUp(i, "", faultNone, now))
			if a := todo[0].attempts[i]; a.known && a.taken > 0 {
				after = append(after, todo[0].learn(i)) // another went on meanwhile
			}
			for _, next := range after {
				if !seen[next] {
					seen[next] = true
					todo = append(todo, next)
				}
			}
		}
	}
	return slices.Collect(maps.Keys(seen))
}

// A modelView is what can be seen of an order in the books.
type modelView struct {
	order                   shop.OrderStatus
	payment                 shop.PaymentStatus
	captured, refunded      shop.Won // by the attempt that paid
	attempted, returned     shop.Won // by all attempts
	due                     shop.Won
	opened, known, expiring int64
}

func (o modelOrder) view() modelView {
	v := modelView{order: o.status, payment: o.payment, opened: int64(o.opened), expiring: o.expires / 1_000_000}
	for i, a := range o.attempts {
		v.attempted, v.returned, v.due = v.attempted+a.captured, v.returned+a.refunded, v.due+a.due
		if a.known {
			v.known++
		}
		if i == o.paying {
			v.captured, v.refunded = a.captured, a.refunded
		}
	}
	return v
}

// A modelRun is one sequence: a product, some orders, and what the model thinks they may be.
type modelRun struct {
	*market
	rt       *rapid.T
	sum      *modelSum
	name     string
	replicas []*command.Handler
	since    map[shop.PG]int
	product  shop.ProductID
	price    shop.Won
	units    int
	orders   []*modelled
	trace    []string // what was done, should it not happen again
}

// A modelled is an order, and all that it may be.
type modelled struct {
	id       shop.OrderID
	possible []modelOrder
}

func (m *market) newModelRun(rt *rapid.T, sum *modelSum, noLocks bool) *modelRun {
	r := &modelRun{market: m, rt: rt, sum: sum, name: "model", since: m.mark(), price: 1_000, replicas: m.handlers(2, noLocks)}
	for _, h := range r.replicas {
		h.PGTimeout, h.OrderHold = modelPGTimeout, modelHold
	}
	r.units = rapid.IntRange(1, 5).Draw(rt, "units")
	created, err := r.replicas[0].CreateProduct(m.t.Context(), command.CreateProduct{By: m.operator, IdempotencyKey: newID("key"), Name: "초코파이", Price: r.price, Stock: r.units})
	r.must(err)
	r.product = created.Product.ID
	r.place()
	return r
}

func (r *modelRun) must(err error) {
	r.rt.Helper()
	if err != nil {
		r.rt.Fatal(err)
	}
}

func (r *modelRun) replica() *command.Handler {
	return r.replicas[rapid.IntRange(0, 1).Draw(r.rt, "replica")]
}

func (r *modelRun) now() int64 { return r.clock.Now().UnixMicro() }

// A modelCommand is a kind of command and how often it is drawn.
type modelCommand struct {
	name string
	run  func(*modelRun)
}

// GoString is how rapid prints the command.
func (c modelCommand) GoString() string { return c.name }

// modelCommands lists what may be done; what stands often is done often.
func modelCommands() []modelCommand {
	place, ready, approve := modelCommand{"place", (*modelRun).place}, modelCommand{"ready", (*modelRun).ready}, modelCommand{"approve", (*modelRun).approve}
	refund, look := modelCommand{"refund", (*modelRun).refund}, modelCommand{"look up", (*modelRun).lookUp}
	return []modelCommand{
		ready, approve, refund, look, place, ready, approve, approve, refund, ready, approve, look,
		{"cancel", (*modelRun).cancel},
		{"fail", (*modelRun).fail},
		{"resolve", (*modelRun).resolve},
		{"expire", (*modelRun).expire},
		{"adjust", (*modelRun).adjust},
		{"advance", (*modelRun).advance},
		{"webhook", (*modelRun).hook},
		{"quit", (*modelRun).quit},
		{"capture", (*modelRun).capture},
	}
}

// step does one command and holds books and stock against the model.
func (r *modelRun) step() {
	drawn := rapid.SampledFrom(modelCommands()).Draw(r.rt, "command")
	r.trace = append(r.trace, drawn.name)
	before := r.struck()
	drawn.run(r)
	if r.struck() > before {
		r.sum.struck.Add(1)
	}
	for _, fake := range r.fakes {
		fake.Heal()
	}
	r.sum.commands.Add(1)
	r.compare(drawn.name)
}

// struck counts the calls that went wrong at either gateway.
func (r *modelRun) struck() (n int) {
	for _, fake := range r.fakes {
		n += fake.Struck()
	}
	return n
}

// any draws an order, or nil when there is none.
func (r *modelRun) any() *modelled {
	if len(r.orders) == 0 {
		return nil
	}
	return r.orders[rapid.IntRange(0, len(r.orders)-1).Draw(r.rt, "order")]
}

// anyPaying draws an order that has a payment, and returns that. One that has none gets it, and
// nil is returned.
func (r *modelRun) anyPaying() (*modelled, shop.Payment) {
	o := r.any()
	if o == nil {
		return nil, shop.Payment{}
	}
	if o.possible[0].payment == "" {
		r.readyOf(o)
		return nil, shop.Payment{}
	}
	return o, r.paymentOf(o)
}

func (r *modelRun) paymentOf(o *modelled) shop.Payment {
	p := shop.Payment{OrderID: o.id, UserID: r.shopper.UserID}
	r.must(r.db.QueryRowContext(r.t.Context(), `SELECT p.id, p.amount, p.attempt_id, p.pg, a.payment_key FROM payments p JOIN attempts a ON a.id = p.attempt_id WHERE p.order_id = ?`, o.id).
		Scan(&p.ID, &p.Amount, &p.AttemptID, &p.PG, &p.PaymentKey))
	return p
}

// anAttempt draws one of an order's attempts, and which it is.
func (r *modelRun) anAttempt() (*modelled, int, shop.PaymentAttempt) {
	o, p := r.anyPaying()
	if o == nil {
		return nil, 0, shop.PaymentAttempt{}
	}
	attempts := r.attempts(p)
	i := rapid.IntRange(0, len(attempts)-1).Draw(r.rt, "attempt")
	return o, i, attempts[i]
}

func (r *modelRun) attempts(p shop.Payment) (attempts []shop.PaymentAttempt) {
	rows, err := r.db.QueryContext(r.t.Context(), `SELECT id, pg, payment_key, captured_amount, refunded_amount FROM attempts WHERE payment_id = ? ORDER BY started_at, id`, p.ID)
	r.must(err)
	defer rows.Close()
	for rows.Next() {
		var a shop.PaymentAttempt
		r.must(rows.Scan(&a.ID, &a.PG, &a.PaymentKey, &a.CapturedAmount, &a.RefundedAmount))
		attempts = append(attempts, a)
	}
	r.must(rows.Err())
	return attempts
}

// fault draws what goes wrong with a call at one gateway, and lets it.
func (r *modelRun) fault(company shop.PG, call string, faults ...string) string {
	fault := rapid.SampledFrom(append([]string{faultNone, faultNone, faultNone}, faults...)).Draw(r.rt, "fault")
	fake := r.fakes[company]
	switch fault {
	case faultLost:
		if rapid.Bool().Draw(r.rt, "arrived") {
			fake.Lose(call, 1)
		} else {
			fake.Fail(call, pg.OutcomeUnknown, 1)
		}
	case faultNotSent:
		fake.Fail(call, pg.OutcomeNotSent, 1)
	case faultRefused:
		fake.Fail(call, pg.OutcomeRefused, 1)
	case faultLies:
		fake.Misstate("lookup", func(p *pg.Payment) { p.Amount++ }, 0)
		fake.Misstate(call, func(p *pg.Payment) { p.Amount++ }, 1)
	case faultMisstated:
		fake.Misstate(call, func(p *pg.Payment) { p.Amount++ }, 1)
	default:
		return faultNone
	}
	r.trace = append(r.trace, call+" "+fault)
	return fault
}

// answered narrows what an order may be to what fits the answer.
func (r *modelRun) answered(o *modelled, err error, step func(modelOrder) []modelAnswer) {
	r.rt.Helper()
	code := shop.CodeOf(err)
	r.trace = append(r.trace, fmt.Sprintf("order %d: %q", slices.Index(r.orders, o), code))
	var may []modelOrder
	var said []string
	for _, was := range o.possible {
		for _, answer := range step(was) {
			said = append(said, strconv.Quote(string(answer.code)))
			if answer.code == code {
				may = append(may, answer.order)
			}
		}
	}
	if len(may) == 0 {
		r.rt.Fatalf("%v\nanswered %q (%v); the model says %v of%s", r.trace, code, err, slices.Compact(said), modelViews(o.possible))
	}
	o.possible = may
}

// becomes replaces all that an order may be.
func (o *modelled) becomes(step func(modelOrder) []modelOrder) {
	seen := map[modelOrder]bool{}
	for _, was := range o.possible {
		for _, after := range step(was) {
			seen[after] = true
		}
	}
	o.possible = slices.Collect(maps.Keys(seen))
}

func (r *modelRun) place() {
	if len(r.orders) == 3 {
		return
	}
	units := rapid.IntRange(1, 3).Draw(r.rt, "quantity")
	free := r.units
	for _, o := range r.orders {
		if s := o.possible[0].status; s == shop.OrderStatusPlaced || s == shop.OrderStatusPaid {
			free -= o.possible[0].units
		}
	}
	placed, err := r.placeOrder(r.replica(), r.product, units)
	want := shop.Code("")
	if units > free {
		want = shop.SoldOut
	}
	if shop.CodeOf(err) != want {
		r.rt.Fatalf("%d units of %d: answered %v", units, free, err)
	}
	if err != nil {
		return
	}
	if held := placed.Order.ExpiresAt.Sub(placed.Order.PlacedAt); held != modelHold {
		r.rt.Fatalf("stock is held for %v", held)
	}
	r.orders = append(r.orders, &modelled{id: placed.Order.ID, possible: []modelOrder{{
		status: shop.OrderStatusPlaced, total: shop.Won(units) * r.price, units: units, expires: placed.Order.ExpiresAt.UnixMicro(), paying: -1,
	}}})
}

func (r *modelRun) ready() {
	if o := r.any(); o != nil {
		r.readyOf(o)
	}
}

func (r *modelRun) readyOf(o *modelled) {
	if o.possible[0].opened == modelAttempts {
		return
	}
	company := rapid.SampledFrom([]shop.PG{shop.PGKakao, shop.PGToss}).Draw(r.rt, "gateway")
	fault, now := r.fault(company, "ready", faultLost, faultNotSent, faultRefused), r.now()
	_, err := r.readyPayment(r.replica(), o.id, company)
	r.answered(o, err, func(was modelOrder) []modelAnswer { return was.ready(fault, now) })
}

func (r *modelRun) approve() {
	o, p := r.anyPaying()
	if o == nil {
		return
	}
	token, proof := "token", p.PG == shop.PGToss
	if rapid.IntRange(0, 5).Draw(r.rt, "stays away") < 5 && p.PaymentKey != nil {
		token, proof = cmp.Or(r.fakes[p.PG].Pay(*p.PaymentKey), token), true
		o.atPage(func(a *modelAttempt) {
			if a.page == pageOpen {
				a.page = pageAuthenticated
			}
		})
	}
	fault, now := r.fault(p.PG, "approve", faultLost, faultNotSent, faultRefused, faultMisstated, faultLies), r.now()
	_, err := r.replica().ApprovePayment(r.t.Context(), command.ApprovePayment{By: r.shopper, PaymentID: p.ID, PaymentKey: p.PaymentKey, Amount: &p.Amount, PgToken: &token})
	r.answered(o, err, func(was modelOrder) []modelAnswer { return was.approve(fault, proof, now) })
}

// atPage lets something happen to the current attempt at its gateway.
func (o *modelled) atPage(do func(a *modelAttempt)) {
	for i := range o.possible {
		do(&o.possible[i].attempts[o.possible[i].current()])
	}
}

func (r *modelRun) fail() {
	o, p := r.anyPaying()
	if o == nil {
		return
	}
	_, err := r.replica().FailPayment(r.t.Context(), command.FailPayment{By: r.shopper, PaymentID: p.ID})
	r.answered(o, err, modelOrder.fail)
}

func (r *modelRun) refund() {
	if !slices.ContainsFunc(r.orders, func(o *modelled) bool { return o.possible[0].paying >= 0 }) && rapid.IntRange(0, 3).Draw(r.rt, "refund nothing") < 3 {
		r.approve()
		return
	}
	o, p := r.anyPaying()
	if o == nil {
		return
	}
	amount := rapid.SampledFrom([]shop.Won{0, 400, 1_000, 1_600}).Draw(r.rt, "amount")
	fault := r.fault(p.PG, "cancel", faultLost, faultNotSent, faultRefused, faultMisstated)
	_, err := r.cancelPayment(r.replica(), p.ID, amount, newID("key"))
	r.answered(o, err, func(was modelOrder) []modelAnswer { return was.refund(amount, fault) })
}

func (r *modelRun) cancel() {
	o := r.any()
	if o == nil {
		return
	}
	fault := faultNone
	if o.possible[0].paying >= 0 {
		fault = r.fault(r.paymentOf(o).PG, "cancel", faultLost, faultNotSent, faultRefused, faultMisstated)
	}
	_, err := r.cancelOrder(r.replica(), o.id)
	r.answered(o, err, func(was modelOrder) []modelAnswer { return was.cancel(fault) })
}

// callFault draws a call that the resolver makes and what goes wrong with it.
func (r *modelRun) callFault(company shop.PG) (call, fault string) {
	call = rapid.SampledFrom([]string{"cancel", "approve", "lookup"}).Draw(r.rt, "call")
	return call, r.fault(company, call, faultLost, faultNotSent, faultRefused, faultMisstated)
}

func (r *modelRun) lookUp() {
	o, i, attempt := r.anAttempt()
	if o == nil {
		return
	}
	call, fault := r.callFault(attempt.PG)
	now := r.now()
	_, _ = r.replica().ResolveAttempt(r.t.Context(), command.ResolveAttempt{AttemptID: attempt.ID, Actor: shop.ActorResolver})
	o.becomes(func(was modelOrder) []modelOrder { return was.lookUp(i, call, fault, now) })
}

func (r *modelRun) resolve() {
	call, fault := r.callFault(rapid.SampledFrom([]shop.PG{shop.PGKakao, shop.PGToss}).Draw(r.rt, "gateway"))
	now := r.now()
	_, err := r.replica().ResolvePayments(r.t.Context())
	r.must(err)
	r.maybeResolved(call, fault, now)
}

func (r *modelRun) maybeResolved(call, fault string, now int64) {
	for _, o := range r.orders {
		o.becomes(func(was modelOrder) []modelOrder { return was.resolve(call, fault, now) })
	}
}

func (r *modelRun) expire() {
	now := r.now()
	_, err := r.replica().ExpireOrders(r.t.Context())
	r.must(err)
	for _, o := range r.orders {
		o.becomes(func(was modelOrder) []modelOrder { return []modelOrder{was.expire(now)} })
	}
}

func (r *modelRun) adjust() {
	units := rapid.SampledFrom([]int{1, 3, -1, -2}).Draw(r.rt, "units")
	want := shop.Code("")
	if r.stockOf().available+units < 0 {
		want = shop.Invalid
	}
	_, err := r.replica().AdjustStock(r.t.Context(), command.AdjustStock{By: r.operator, IdempotencyKey: newID("key"), ProductID: r.product, Quantity: units, Reason: "inventory"})
	if shop.CodeOf(err) != want {
		r.rt.Fatalf("%d units more: answered %v", units, err)
	}
	if err == nil {
		r.units += units
	}
}

func (r *modelRun) advance() {
	r.clock.Advance(rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, 2 * time.Minute, 6 * time.Minute, 16 * time.Minute}).Draw(r.rt, "time"))
}

// hook is a webhook that claims what it likes: it has Toss asked, and no more.
func (r *modelRun) hook() {
	o, p := r.anyPaying()
	if o == nil || p.PaymentKey == nil {
		return
	}
	now, replica := r.now(), r.replica()
	r.must(r.webhook(replica, p))
	_, err := replica.HandleWebhooks(r.t.Context())
	r.must(err)
	r.must(replica.Drain(r.t.Context()))
	o.becomes(func(was modelOrder) []modelOrder { return was.resolve("", faultNone, now) })
}

// quit lets the shopper walk away from one of the gateway's pages.
func (r *modelRun) quit() {
	o, i, attempt := r.anAttempt()
	if o == nil || attempt.PaymentKey == nil {
		return
	}
	r.fakes[attempt.PG].Quit(*attempt.PaymentKey)
	for n := range o.possible {
		if a := &o.possible[n].attempts[i]; a.taken == 0 {
			a.page = pageGone
		}
	}
}

// capture lets a gateway take the money of an attempt, though the books did not ask for it.
func (r *modelRun) capture() {
	o, i, attempt := r.anAttempt()
	if o == nil || attempt.PaymentKey == nil {
		return
	}
	fake, total := r.fakes[attempt.PG], o.possible[0].total
	_, _ = fake.Approve(r.t.Context(), pg.ApproveRequest{
		IdempotencyKey: newID("key"), Key: pg.Key{PaymentKey: *attempt.PaymentKey, AttemptID: attempt.ID},
		UserRef: string(r.shopper.UserID), PgToken: fake.Pay(*attempt.PaymentKey), Amount: total,
	})
	for n := range o.possible {
		if a := &o.possible[n].attempts[i]; a.page != pageGone {
			a.page, a.taken = pageAuthenticated, total
		}
	}
}

// stockOf is what the stock is, as the model has it. Which orders hold some can always be seen.
func (r *modelRun) stockOf() (stock stockSeen) {
	stock.available = r.units
	for _, o := range r.orders {
		switch o.possible[0].status {
		case shop.OrderStatusPlaced:
			stock.reserved += o.possible[0].units
		case shop.OrderStatusPaid:
			stock.sold += o.possible[0].units
		default: // it ended, and holds nothing
		}
	}
	stock.available -= stock.reserved + stock.sold
	return stock
}

// compare narrows what orders may be to what the books show, and holds the stock against it.
func (r *modelRun) compare(after string) {
	r.rt.Helper()
	doubt := false
	for _, o := range r.orders {
		seen := r.view(o.id)
		fits := slices.Clone(o.possible)
		fits = slices.DeleteFunc(fits, func(may modelOrder) bool { return may.view() != seen })
		if len(fits) == 0 {
			r.rt.Fatalf("%v\nafter %s the books show\n%+v; the model says%s", r.trace, after, seen, modelViews(o.possible))
		}
		o.possible = fits
		doubt = doubt || len(fits) > 1
	}
	if doubt {
		r.sum.doubts.Add(1)
	}
	var stock stockSeen
	r.must(r.db.QueryRowContext(r.t.Context(), `SELECT available, reserved, sold FROM stock WHERE product_id = ?`, r.product).Scan(&stock.available, &stock.reserved, &stock.sold))
	if stock != r.stockOf() {
		r.rt.Fatalf("after %s the stock is %+v; the model says %+v", after, stock, r.stockOf())
	}
}

func modelViews(orders []modelOrder) (all string) {
	for _, o := range orders {
		all += fmt.Sprintf("\n%+v\n  of %+v", o.view(), o)
	}
	return all
}

func (r *modelRun) view(id shop.OrderID) (v modelView) {
	r.rt.Helper()
	var expires time.Time
	r.must(r.db.QueryRowContext(r.t.Context(), `SELECT MAX(o.status), MAX(o.expires_at), COALESCE(MAX(p.status), ''), COALESCE(MAX(p.captured_amount), 0), COALESCE(MAX(p.refunded_amount), 0),
COALESCE(SUM(a.captured_amount), 0), COALESCE(SUM(a.refunded_amount), 0), COUNT(a.id), COUNT(a.payment_key),
(SELECT COALESCE(SUM(r.amount), 0) FROM refunds r JOIN payments q ON q.id = r.payment_id WHERE q.order_id = o.id AND r.open_attempt_id IS NOT NULL)
FROM orders o LEFT JOIN payments p ON p.order_id = o.id LEFT JOIN attempts a ON a.payment_id = p.id WHERE o.id = ? GROUP BY o.id`, id).
		Scan(&v.order, &expires, &v.payment, &v.captured, &v.refunded, &v.attempted, &v.returned, &v.opened, &v.known, &v.due))
	v.expiring = expires.Unix()
	return v
}

// end lets gateways answer again, asks them about every attempt, and lets the time of what still
// waits run out: then the books, the ledgers and the model say the same.
func (r *modelRun) end() {
	for _, o := range r.orders {
		if o.possible[0].payment == "" {
			continue
		}
		for i, attempt := range r.attempts(r.paymentOf(o)) {
			now := r.now()
			_, _ = r.replicas[0].ResolveAttempt(r.t.Context(), command.ResolveAttempt{AttemptID: attempt.ID, Actor: shop.ActorResolver})
			o.becomes(func(was modelOrder) []modelOrder { return was.lookUp(i, "", faultNone, now) })
		}
	}
	r.compare("the last look-ups")
	now := r.now()
	r.must(r.settle(r.replicas[0]))
	r.maybeResolved("", faultNone, now)
	r.compare("coming to rest")
	r.clock.Advance(time.Hour)
	r.expire()
	r.compare("the last expiry")
	for _, o := range r.orders {
		r.checkLedger(o)
	}
}

// checkLedger holds one order against the gateways' ledgers. What may be so and looks alike, such as
// which of two payments came too late, is told apart by them: one thing is so.
func (r *modelRun) checkLedger(o *modelled) {
	r.rt.Helper()
	var attempts []shop.PaymentAttempt
	if o.possible[0].payment != "" {
		attempts = r.attempts(r.paymentOf(o))
	}
	wrong := ""
	right := slices.DeleteFunc(slices.Clone(o.possible), func(last modelOrder) bool {
		found := r.againstLedger(last, attempts)
		wrong += found
		return found != ""
	})
	if len(right) != 1 {
		r.rt.Fatalf("at rest %d of these are so: %s%s", len(right), modelViews(o.possible), wrong)
	}
	for i, a := range right[0].attempts {
		if i == right[0].paying {
			r.sum.paid.Add(1)
		} else if a.captured > 0 {
			r.sum.late.Add(1)
		}
	}
}

// againstLedger tells what books and ledgers say otherwise than an order as it may be.
func (r *modelRun) againstLedger(last modelOrder, attempts []shop.PaymentAttempt) (wrong string) {
	for i, attempt := range attempts {
		a := last.attempts[i]
		var taken, given shop.Won
		if attempt.PaymentKey != nil {
			ledger := r.fakes[attempt.PG].Ledger(*attempt.PaymentKey)
			taken, given = ledger.Captured, ledger.Refunded
		}
		if taken != a.taken || given != a.given || taken != attempt.CapturedAmount || given != attempt.RefundedAmount || taken != a.captured || given != a.refunded {
			wrong += fmt.Sprintf("\nattempt %d: the gateway took %d and gave back %d; the books say %d and %d; the model says %+v", i, taken, given, attempt.CapturedAmount, attempt.RefundedAmount, a)
		}
		if held := taken - given; held != 0 && !a.stuck && (last.status != shop.OrderStatusPaid || last.paying != i) {
			wrong += fmt.Sprintf("\nattempt %d: the gateway holds %d of an order that is %s", i, held, last.status)
		}
	}
	return wrong
}

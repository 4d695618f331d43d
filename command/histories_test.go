package command_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"payment-system/command"
	"payment-system/internal/proof"
	"payment-system/internal/testclock"
	"payment-system/internal/views"
	"payment-system/pg"
	"payment-system/projections"
	"payment-system/query"
	"payment-system/shop"
)

const (
	historyClients = 8
	historyDeeds   = 200 // of each client
	// historyCheck is how long the checker may think about one product or order: what it cannot tell
	// until then counts as wrong.
	historyCheck = 3 * time.Minute
)

// TestHandler_histories lets clients buy, pay, refund, cancel and read at once, over two replicas,
// while gateways lose answers, and asks porcupine whether one clerk, who does one thing at a time,
// could have answered the same. A client's own write is in its next read of the read model,
// whichever replica it asks.
func TestHandler_histories(t *testing.T) {
	t.Parallel()
	count, seed := proof.Count(t, "histories"), proof.Seed(t)
	done := proof.Begin(t, "histories", seed)
	var next, ended, noLocks atomic.Int64
	var sum historySum
	street := openStreet(t)
	var workers sync.WaitGroup
	for range min(3, count) {
		m := street.market(t, aMoment)
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(count); i = next.Add(1) - 1 {
				h := m.newHistory(seed + uint64(i))
				h.run()
				h.check(&sum)
				ended.Add(1)
				if h.noLocks {
					noLocks.Add(1)
				}
			}
			m.close()
		})
	}
	workers.Wait()
	if int(ended.Load()) != count {
		t.Errorf("%d of %d histories came to an end", ended.Load(), count)
	}
	if warned := sum.warned.Load(); warned > 1+int64(count/50) {
		t.Errorf("read models warned in %d of %d histories, though nothing was away", warned, count)
	}
	done(proof.Figure{Times: int(ended.Load()), NoLocks: int(noLocks.Load()), Note: sum.String()})
	t.Log(&sum)
}

// A historySum counts what histories held.
type historySum struct {
	deeds, orders, unclear, own, warned atomic.Int64
}

func (s *historySum) String() string {
	return fmt.Sprintf("%d operations on %d orders, %d with an outcome that came later, %d reads of an own write, %d histories in which a read model warned",
		s.deeds.Load(), s.orders.Load(), s.unclear.Load(), s.own.Load(), s.warned.Load())
}

// A history is what clients asked of a shop, and what they were answered.
type history struct {
	*market
	name     string
	seed     uint64
	noLocks  bool
	replicas []*historyReplica
	warnings atomic.Int64 // of projectors and readers
	own      atomic.Int64 // reads of an own write, as long as nobody warned
	began    time.Time
	rested   int64 // when every outcome was known
	products []shop.Product

	mu    sync.Mutex
	lots  []*lot
	deeds []*deed
}

// A historyReplica writes, and reads when its read models follow.
type historyReplica struct {
	*command.Handler
	reader    *query.Reader
	projector *projections.Projector
}

// show lets read models follow what the replica writes, and be read.
func (r *historyReplica) show(logger *slog.Logger) {
	floors := &views.Floors{}
	r.projector = &projections.Projector{DB: r.DB, Redis: r.Redis, Logger: logger, Now: testclock.Now, Replica: r.Replica, Floors: floors, Wait: time.Minute}
	r.reader = &query.Reader{DB: r.DB, Redis: r.Redis, Logger: logger, Now: testclock.Now, Floors: floors}
	r.Projector = r.projector
}

// A lot is an order, and what is known of how to pay it.
type lot struct {
	order   shop.Order
	product int
	payment atomic.Pointer[shop.PaymentID]
}

// What clients do.
const (
	toBuy = iota
	toPay
	toRefund
	toCancel
	toReadOrder
	toReadProduct
	// What orders do to their product's stock: worked out of the deeds on the order.
	toSell
	toRelease
	toReturn
)

// A deed is one thing that a client asked, and the answer.
type deed struct {
	client    int
	call, end int64
	kind      int
	product   int
	lot       *lot
	units     int
	amount    shop.Won // 0 is all that is left
	code      shop.Code
	status    string // that a refusal told
	order     orderSeen
	stock     stockSeen
}

// unclear reports whether the outcome was not known when the client was answered.
func (d *deed) unclear() bool { return d.code == shop.InProgress }

// A stockSeen is what a product's stock was.
type stockSeen struct{ available, reserved, sold int }

// An orderSeen is what an order was, and its money.
type orderSeen struct {
	status             shop.OrderStatus
	captured, refunded shop.Won
}

// newHistory opens a shop. Its seed says whether locks do something, and whether read models follow.
func (m *market) newHistory(seed uint64) *history {
	m.t.Helper()
	noLocks, shown := seed%2 == 0, seed%3 == 0
	h := &history{market: m, name: fmt.Sprintf("history FAULT_SEED=%d", seed), seed: seed, noLocks: noLocks, began: time.Now()}
	for _, handler := range m.handlers(2, noLocks) {
		handler.OrderHold = 1000 * time.Hour
		replica := &historyReplica{Handler: handler}
		if shown {
			replica.show(slog.New(countingLog{&h.warnings}))
		}
		h.replicas = append(h.replicas, replica)
	}
	for range 3 {
		h.products = append(h.products, m.product(h.name, h.replicas[0].Handler, 1_000, 12))
	}
	h.deeds = make([]*deed, 0, historyClients*historyDeeds)
	return h
}

// A countingLog counts warnings.
type countingLog struct{ warnings *atomic.Int64 }

// Enabled tells that only warnings count.
func (countingLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle counts.
func (c countingLog) Handle(context.Context, slog.Record) error {
	c.warnings.Add(1)
	return nil
}

// WithAttrs counts the same.
func (c countingLog) WithAttrs([]slog.Attr) slog.Handler { return c }

// WithGroup counts the same.
func (c countingLog) WithGroup(string) slog.Handler { return c }

// run lets all clients do their deeds while the resolver works, and comes to rest.
func (h *history) run() {
	h.t.Helper()
	var clients, clerk sync.WaitGroup
	over := make(chan struct{})
	clerk.Go(func() { h.resolve(over) })
	for i := range historyClients {
		clients.Go(func() { h.client(i, rand.New(rand.NewPCG(h.seed, uint64(i)))) })
	}
	clients.Wait()
	close(over)
	clerk.Wait()
	h.rest(h.name, h.replicas[0].Handler)
	h.rested = h.moment()
	for _, l := range h.lots {
		h.do(&deed{client: historyClients, kind: toReadOrder, lot: l, product: l.product}, h.replicas[0])
	}
	for i := range h.products {
		h.do(&deed{client: historyClients, kind: toReadProduct, product: i}, h.replicas[1])
	}
	for _, replica := range h.replicas {
		if replica.projector != nil {
			replica.projector.Close()
		}
	}
}

func (h *history) moment() int64 { return int64(time.Since(h.began)) }

// resolve lets time pass and outcomes be found out until over.
func (h *history) resolve(over <-chan struct{}) {
	for i := 0; ; i++ {
		if _, err := h.replicas[i%2].ResolvePayments(h.t.Context()); err != nil {
			h.t.Errorf("%s: %v", h.name, err)
		}
		select {
		case <-over:
			return
		case <-time.After(30 * time.Millisecond):
			h.clock.Advance(2 * time.Second)
		}
	}
}

// client does deed after deed.
func (h *history) client(number int, dice *rand.Rand) {
	for range historyDeeds {
		replica := h.replicas[dice.IntN(2)]
		if dice.IntN(60) == 0 {
			h.loseAnAnswer(dice)
		}
		d := h.draw(number, dice)
		h.do(d, replica)
		if replica.reader != nil && d.code == "" && dice.IntN(2) == 0 {
			h.readOwn(d, h.replicas[dice.IntN(2)])
		}
	}
}

func (h *history) loseAnAnswer(dice *rand.Rand) {
	fake := h.fakes[[]shop.PG{shop.PGKakao, shop.PGToss}[dice.IntN(2)]]
	call := []string{"approve", "cancel"}[dice.IntN(2)]
	if dice.IntN(3) == 0 {
		fake.Fail(call, pg.OutcomeUnknown, 1)
		return
	}
	fake.Lose(call, 1)
}

// draw draws what a client does next.
func (h *history) draw(client int, dice *rand.Rand) *deed {
	d := &deed{client: client, product: dice.IntN(len(h.products)), kind: toReadProduct, units: 1 + dice.IntN(3)}
	h.mu.Lock()
	if n := len(h.lots); n > 0 {
		d.lot = h.lots[n-1-dice.IntN(min(n, 8))]
	}
	h.mu.Unlock()
	roll := dice.IntN(100)
	switch {
	case roll < 10:
		d.kind = toBuy
	case roll < 32 || d.lot == nil:
	case roll < 66:
		d.kind = toReadOrder
	case roll < 80:
		d.kind = toPay
	case roll < 90 && d.lot.payment.Load() != nil:
		d.kind = toRefund
		d.amount = []shop.Won{0, 300, 500, 1_000}[dice.IntN(4)]
	case roll >= 90:
		d.kind = toCancel
	}
	if d.kind != toBuy && d.kind != toReadProduct {
		d.product = d.lot.product
	}
	return d
}

// do does a deed and keeps it with its answer.
func (h *history) do(d *deed, replica *historyReplica) {
	d.call = h.moment()
	var err error
	switch d.kind {
	case toBuy:
		err = h.buy(d, replica)
	case toPay:
		err = h.pay(d, replica)
	case toRefund:
		err = second(h.cancelPayment(replica.Handler, *d.lot.payment.Load(), d.amount, newID("key")))
	case toCancel:
		err = second(h.cancelOrder(replica.Handler, d.lot.order.ID))
	case toReadOrder:
		d.order, err = h.readOrder(d.lot.order.ID)
	case toReadProduct:
		d.stock, err = h.readStock(h.products[d.product].ID)
	}
	d.end, d.code = h.moment(), shop.CodeOf(err)
	d.status, _ = details(err)["status"].(string)
	if !slices.Contains(historyAnswers[d.kind], d.code) {
		h.t.Errorf("%s: %v was answered %v", h.name, d, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deeds = append(h.deeds, d)
}

// historyAnswers are the codes that each kind of deed may be answered with.
var historyAnswers = [...][]shop.Code{
	toBuy:         {"", shop.SoldOut},
	toPay:         {"", shop.Conflict, shop.Invalid, shop.Declined, shop.InProgress, shop.Unavailable},
	toRefund:      {"", shop.Conflict, shop.Invalid, shop.InProgress},
	toCancel:      {"", shop.Conflict, shop.InProgress},
	toReadOrder:   {""},
	toReadProduct: {""},
}

func (h *history) buy(d *deed, replica *historyReplica) error {
	placed, err := h.placeOrder(replica.Handler, h.products[d.product].ID, d.units)
	if err != nil {
		return err
	}
	d.lot = &lot{order: placed.Order, product: d.product}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lots = append(h.lots, d.lot)
	return nil
}

// pay opens an attempt, is at the gateway, and approves.
func (h *history) pay(d *deed, replica *historyReplica) error {
	company := []shop.PG{shop.PGKakao, shop.PGToss}[d.units%2]
	readied, err := h.readyPayment(replica.Handler, d.lot.order.ID, company)
	if err != nil {
		return err
	}
	d.lot.payment.CompareAndSwap(nil, &readied.Payment.ID)
	return second(replica.ApprovePayment(h.t.Context(), h.authenticated(readied.Payment)))
}

func (h *history) readOrder(id shop.OrderID) (seen orderSeen, err error) {
	err = h.db.QueryRowContext(h.t.Context(), `SELECT o.status, COALESCE(p.captured_amount, 0), COALESCE(p.refunded_amount, 0)
FROM orders o LEFT JOIN payments p ON p.order_id = o.id WHERE o.id = ?`, id).Scan(&seen.status, &seen.captured, &seen.refunded)
	return seen, err
}

func (h *history) readStock(id shop.ProductID) (seen stockSeen, err error) {
	err = h.db.QueryRowContext(h.t.Context(), `SELECT available, reserved, sold FROM stock WHERE product_id = ?`, id).
		Scan(&seen.available, &seen.reserved, &seen.sold)
	return seen, err
}

// String tells a deed.
func (d *deed) String() string {
	name := [...]string{"buy", "pay", "refund", "cancel", "read order", "read product", "sell", "release", "return"}[d.kind]
	switch d.kind {
	case toReadOrder:
		return fmt.Sprintf("%s → %s, %d of %d won", name, d.order.status, d.order.refunded, d.order.captured)
	case toReadProduct:
		return fmt.Sprintf("%s → %+v", name, d.stock)
	}
	return fmt.Sprintf("%s (%d units, %d won) → %q %s", name, d.units, d.amount, d.code, d.status)
}

// check asks whether one clerk could have answered all this.
func (h *history) check(sum *historySum) {
	h.t.Helper()
	byLot := map[*lot][]*deed{}
	byProduct := make([][]*deed, len(h.products))
	for _, d := range h.deeds {
		if d.kind == toBuy || d.kind == toReadProduct {
			byProduct[d.product] = append(byProduct[d.product], d)
		} else {
			byLot[d.lot] = append(byLot[d.lot], d)
		}
		if d.unclear() {
			sum.unclear.Add(1)
		}
	}
	for l, deeds := range byLot {
		h.judge(orderModel(l.order.Total), h.operations(deeds), "order "+string(l.order.ID))
		byProduct[l.product] = append(byProduct[l.product], h.moves(l, deeds)...)
	}
	for i, deeds := range byProduct {
		h.judge(stockModel(h.products[i].Stock), h.operations(deeds), "product "+string(h.products[i].ID))
	}
	sum.deeds.Add(int64(len(h.deeds)))
	sum.orders.Add(int64(len(h.lots)))
	sum.own.Add(h.own.Load())
	if h.warnings.Load() > 0 {
		sum.warned.Add(1)
	}
}

func (h *history) operations(deeds []*deed) []porcupine.Operation {
	operations := make([]porcupine.Operation, len(deeds))
	for i, d := range deeds {
		end := d.end
		if d.unclear() {
			end = h.rested
		}
		operations[i] = porcupine.Operation{ClientId: d.client, Input: d, Output: d, Call: d.call, Return: end}
	}
	return operations
}

func (h *history) judge(model porcupine.Model, operations []porcupine.Operation, subject string) {
	h.t.Helper()
	result, info := porcupine.CheckOperationsVerbose(model, operations, historyCheck)
	if result == porcupine.Ok {
		return
	}
	file, err := os.CreateTemp("", "history-*.html")
	if err == nil {
		err = porcupine.Visualize(model, info, file)
		_ = file.Close()
	}
	h.t.Errorf("%s: the %d operations on %s are %s; see %s (%v)", h.name, len(operations), subject, result, file.Name(), err)
}

// orderModel is an order and its money, as one clerk keeps them. An unclear deed may have had its
// effect or not.
func orderModel(total shop.Won) porcupine.Model {
	clerk := porcupine.NondeterministicModel{
		Init: func() []any { return []any{orderSeen{status: shop.OrderStatusPlaced}} },
		Step: func(state, input, _ any) []any {
			var next []any
			for _, s := range stepOrder(state.(orderSeen), input.(*deed), total) {
				next = append(next, s)
			}
			return next
		},
		DescribeOperation: func(input, _ any) string { return input.(*deed).String() },
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return clerk.ToModel()
}

// stepOrder returns what the order may be after a deed that was answered so; nothing when it could
// not have been.
func stepOrder(was orderSeen, d *deed, total shop.Won) []orderSeen {
	switch d.kind {
	case toPay:
		return stepPay(was, d, total)
	case toRefund:
		return stepRefund(was, d)
	case toCancel:
		return stepCancel(was, d)
	default:
		return when(was == d.order, was)
	}
}

// when returns the states if they are possible.
func when(possible bool, states ...orderSeen) []orderSeen {
	if !possible {
		return nil
	}
	return states
}

func stepPay(was orderSeen, d *deed, total shop.Won) []orderSeen {
	paid := orderSeen{status: shop.OrderStatusPaid, captured: total}
	waits := was.status == shop.OrderStatusPlaced
	switch {
	case d.code == "": // by this deed, or by another's approval of the same attempt
		return when(waits || was == paid, paid)
	case waits && (d.unclear() || d.refundedAtOnce()):
		return []orderSeen{was, paid}
	}
	return []orderSeen{was}
}

// refundedAtOnce reports whether an approval was answered only when somebody had given its money back.
func (d *deed) refundedAtOnce() bool {
	return d.code == shop.Conflict && slices.Contains([]string{"CANCELING", "PARTIALLY_CANCELED", "CANCELED"}, d.status)
}

func stepRefund(was orderSeen, d *deed) []orderSeen {
	left := was.captured - was.refunded
	amount := d.amount
	if amount == 0 {
		amount = left
	}
	after := was
	after.refunded += amount
	if after.refunded == after.captured {
		after.status = shop.OrderStatusCanceled
	}
	possible := left > 0 && amount <= left
	switch {
	case d.code == "":
		return when(possible, after)
	case d.code == shop.Invalid:
		return when(left > 0 && amount > left, was)
	case d.code == shop.Conflict:
		return when(left == 0, was)
	case possible:
		return []orderSeen{was, after}
	}
	return []orderSeen{was}
}

func stepCancel(was orderSeen, d *deed) []orderSeen {
	ended := was.status == shop.OrderStatusCanceled
	after := orderSeen{shop.OrderStatusCanceled, was.captured, was.captured}
	switch {
	case d.code == "":
		return when(!ended, after)
	case d.code == shop.Conflict:
		return when(ended, was)
	case !ended:
		return []orderSeen{was, after}
	}
	return []orderSeen{was}
}

// stockModel is a product's stock as one clerk keeps it.
func stockModel(units int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return stockSeen{available: units} },
		Step: func(state, input, _ any) (bool, any) { return stepStock(state.(stockSeen), input.(*deed)) },
		Hash: func(state any) uint64 {
			s := state.(stockSeen)
			return uint64(s.available<<16 | s.reserved<<8 | s.sold)
		},
		DescribeOperation: func(input, _ any) string { return input.(*deed).String() },
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
}

func stepStock(was stockSeen, d *deed) (possible bool, now stockSeen) {
	now = was
	switch d.kind {
	case toReadProduct:
		return was == d.stock, was
	case toBuy:
		if d.code == shop.SoldOut {
			return was.available < d.units, was
		}
		now.available, now.reserved = was.available-d.units, was.reserved+d.units
	case toSell:
		now.reserved, now.sold = was.reserved-d.units, was.sold+d.units
	case toRelease:
		now.reserved, now.available = was.reserved-d.units, was.available+d.units
	case toReturn:
		now.sold, now.available = was.sold-d.units, was.available+d.units
	}
	return now.available >= 0 && now.reserved >= 0 && now.sold >= 0, now
}

// moves are what an order did to its product's stock: that is known from the order's end. When, is
// bounded by who could have done it, and by who saw it done.
func (h *history) moves(l *lot, deeds []*deed) (moves []*deed) {
	end := deeds[slices.IndexFunc(deeds, func(d *deed) bool { return d.kind == toReadOrder && d.client == historyClients })].order
	move := func(kind int, may, saw func(d *deed) bool) {
		moves = append(moves, h.move(&deed{client: historyClients + 1, kind: kind, product: l.product, units: l.order.Quantity()}, deeds, may, saw))
	}
	if end.captured > 0 {
		move(toSell,
			func(d *deed) bool { return d.kind == toPay },
			func(d *deed) bool {
				return d.code == "" && (d.kind == toPay || d.kind == toRefund || d.order.captured > 0)
			})
	}
	back := toRelease
	if end.captured > 0 {
		back = toReturn
	}
	if end.status == shop.OrderStatusCanceled {
		move(back,
			func(d *deed) bool { return d.kind == toCancel || d.kind == toRefund },
			func(d *deed) bool {
				return d.code == "" && (d.kind == toCancel || d.order.status == shop.OrderStatusCanceled)
			})
	}
	return moves
}

// move tells when something happened: after the first call that may have done it, and before the
// first answer that saw it done.
func (h *history) move(d *deed, deeds []*deed, may, saw func(*deed) bool) *deed {
	d.call, d.end = h.rested, h.rested
	for _, other := range deeds {
		if may(other) {
			d.call = min(d.call, other.call)
		}
		if saw(other) {
			d.end = min(d.end, other.end)
		}
	}
	return d
}

// readOwn reads from a replica's read model what a client was just told it did.
func (h *history) readOwn(d *deed, replica *historyReplica) {
	viewer := query.Viewer{UserID: h.shopper.UserID}
	shows := true
	var err error
	switch d.kind {
	case toBuy:
		_, err = replica.reader.Order(h.t.Context(), viewer, d.lot.order.ID)
	case toCancel:
		var order *shop.Order
		if order, err = replica.reader.Order(h.t.Context(), viewer, d.lot.order.ID); err == nil {
			shows = order.Status == shop.OrderStatusCanceled
		}
	case toPay:
		var payment *shop.Payment
		if payment, err = replica.reader.Payment(h.t.Context(), viewer, *d.lot.payment.Load()); err == nil {
			shows = payment.CapturedAmount == d.lot.order.Total
		}
	default:
		return
	}
	if h.warnings.Load() > 0 { // what was not announced may be behind for a moment
		return
	}
	h.own.Add(1)
	if err != nil || !shows {
		h.t.Errorf("%s: what a client was told after %v is not in the read model (%v)", h.name, d, err)
	}
}

package command_test

import (
	"context"
	crand "crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/command"
	"payment-system/internal/locks"
	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/internal/redistest"
	"payment-system/internal/testclock"
	"payment-system/pg"
	"payment-system/pg/pgtest"
	"payment-system/projections"
	"payment-system/projections/verify"
	"payment-system/shop"
)

// A market is a database of its own before two gateways, and a clock that only the test moves:
// many scenes are played on it, one after the other.
type market struct {
	t        testing.TB
	db       *sql.DB
	redis    redis.UniversalClient
	locks    command.Locker
	clock    *handClock
	fakes    map[shop.PG]*pgtest.Fake
	gateways map[shop.PG]pg.Gateway
	post     *post
	operator shop.Caller
	shopper  shop.Caller
}

// A handClock stands still but for a microsecond with every look at it.
type handClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(time.Microsecond)
	return c.at
}

// Advance moves the clock on.
func (c *handClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Reach moves the clock on to a moment, unless that is over.
func (c *handClock) Reach(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.at) {
		c.at = at
	}
}

// A street is what the markets of a test share: a Redis, and locks in it.
type street struct {
	redis redis.UniversalClient
	locks command.Locker
}

func openStreet(t testing.TB) street {
	t.Helper()
	client := redistest.New(t)
	return street{redis: client, locks: &locks.Locker{Nodes: []redis.UniversalClient{client}, Now: testclock.Now, Logger: slog.New(slog.DiscardHandler)}}
}

// market opens a market. Its gateways take pause before and after what they do; nil takes no time.
func (s street) market(t testing.TB, pause func()) *market {
	t.Helper()
	db, err := mysqldb.Open(t.Context(), mysqltest.DSN(t), mysqldb.Config{MaxConns: 24})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	m := &market{
		t: t, db: db, redis: s.redis, locks: s.locks, clock: &handClock{at: testclock.Now().Truncate(time.Second)},
		fakes: map[shop.PG]*pgtest.Fake{}, gateways: map[shop.PG]pg.Gateway{}, post: &post{},
		operator: shop.Caller{UserID: "usr_operator", Actor: shop.ActorOperator},
		shopper:  shop.Caller{UserID: shop.UserID(newID(shop.PrefixUser)), Actor: shop.ActorShopper},
	}
	for _, company := range []shop.PG{shop.PGKakao, shop.PGToss} {
		fake := pgtest.NewFake(company)
		fake.Now = m.clock.Now
		m.fakes[company], m.gateways[company] = fake, fake
		if pause != nil {
			m.gateways[company] = slowGateway{fake, m.post, pause}
		}
	}
	return m
}

// handlers returns replicas that serve this market, with locks that do nothing or with real ones.
func (m *market) handlers(n int, noLocks bool) []*command.Handler {
	var locker command.Locker = command.NoLocks{}
	if !noLocks {
		locker = m.locks
	}
	replicas := make([]*command.Handler, n)
	for i := range replicas {
		replicas[i] = &command.Handler{
			DB: m.db, Locks: locker, Gateways: m.gateways, Projector: projector{}, Redis: m.redis,
			Now: m.clock.Now, NewID: newID, Random: func(p []byte) { _, _ = crand.Read(p) }, Logger: slog.New(slog.DiscardHandler),
			PublicURL: "http://shop.example", OrderHold: 15 * time.Minute, PGTimeout: time.Second, PlaceWithin: time.Minute, Replica: fmt.Sprint("replica ", i),
		}
	}
	return replicas
}

// A slowGateway takes its time to do what it is asked, and to say so.
type slowGateway struct {
	pg.Gateway
	post  *post
	pause func()
}

// Approve takes the money.
func (g slowGateway) Approve(ctx context.Context, req pg.ApproveRequest) (pg.Payment, error) {
	g.pause()
	defer g.pause()
	if g.post.takes(func() { _, _ = g.Gateway.Approve(ctx, req) }) {
		return pg.Payment{}, &pg.Error{Call: "approve", Outcome: pg.OutcomeUnknown, Err: errors.New("it is on its way")}
	}
	return g.Gateway.Approve(ctx, req)
}

// Cancel gives money back.
func (g slowGateway) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	g.pause()
	defer g.pause()
	return g.Gateway.Cancel(ctx, req)
}

// LookUp tells the payment.
func (g slowGateway) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	g.pause()
	defer g.pause()
	return g.Gateway.LookUp(ctx, key)
}

// A post keeps calls that were given up, and may bring them to the gateway long after.
type post struct {
	mu     sync.Mutex
	places int
	kept   []func()
}

// delay keeps the next calls, n at most.
func (p *post) delay(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.places = n
}

func (p *post) takes(call func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.places == 0 {
		return false
	}
	p.places--
	p.kept = append(p.kept, call)
	return true
}

// deliver brings what was kept, and keeps nothing more.
func (p *post) deliver() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, call := range p.kept {
		call()
	}
	p.places, p.kept = 0, nil
}

// aMoment pauses for up to 2 ms: it makes calls overlap, and decides nothing.
func aMoment() { time.Sleep(rand.N(2 * time.Millisecond)) }

// check ends the goroutine that calls it, and fails the test, unless err is nil.
func (m *market) check(scene string, err error) {
	m.t.Helper()
	if err != nil {
		m.t.Errorf("%s: %v", scene, err)
		runtime.Goexit()
	}
}

// product puts units on sale.
func (m *market) product(scene string, h *command.Handler, price shop.Won, units int) shop.Product {
	m.t.Helper()
	created, err := h.CreateProduct(m.t.Context(), command.CreateProduct{By: m.operator, IdempotencyKey: newID("key"), Name: "초코파이", Price: price, Stock: units})
	m.check(scene, err)
	return created.Product
}

func (m *market) placeOrder(h *command.Handler, product shop.ProductID, units int) (shop.OrderPlaced, error) {
	return h.PlaceOrder(m.t.Context(), command.PlaceOrder{
		By: m.shopper, IdempotencyKey: newID("key"), Lines: []command.PlaceOrderLine{{ProductID: product, Quantity: units}},
	})
}

func (m *market) readyPayment(h *command.Handler, order shop.OrderID, gateway shop.PG) (shop.PaymentReadied, error) {
	return h.ReadyPayment(m.t.Context(), command.ReadyPayment{By: m.shopper, IdempotencyKey: newID("key"), OrderID: order, PG: gateway})
}

// authenticated is the approval that a browser carries after its shopper was at the gateway.
func (m *market) authenticated(p shop.Payment) command.ApprovePayment {
	approve := command.ApprovePayment{By: m.shopper, PaymentID: p.ID, PaymentKey: p.PaymentKey, Amount: &p.Amount}
	if token := m.fakes[p.PG].Pay(*p.PaymentKey); token != "" {
		approve.PgToken = &token
	}
	return approve
}

func (m *market) cancelOrder(h *command.Handler, order shop.OrderID) (shop.OrderCanceled, error) {
	return h.CancelOrder(m.t.Context(), command.CancelOrder{By: m.shopper, IdempotencyKey: newID("key"), OrderID: order, Reason: "변심"})
}

// cancelPayment asks for an amount back; 0 is all that is left.
func (m *market) cancelPayment(h *command.Handler, payment shop.PaymentID, amount shop.Won, key string) (shop.PaymentCanceled, error) {
	cmd := command.CancelPayment{By: m.shopper, IdempotencyKey: key, PaymentID: payment, Reason: "변심"}
	if amount > 0 {
		cmd.Amount = &amount
	}
	return h.CancelPayment(m.t.Context(), cmd)
}

func (m *market) webhook(h *command.Handler, p shop.Payment) error {
	body := fmt.Sprintf(`{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":%q,"data":{"paymentKey":%q,"orderId":%q,"status":"DONE","lastTransactionKey":%q}}`,
		m.clock.Now().Format(time.RFC3339Nano), *p.PaymentKey, p.AttemptID, newID("key"))
	return h.ReceiveWebhook(m.t.Context(), command.ReceiveWebhook{Body: []byte(body)})
}

// rest lets gateways answer, and runs the resolver from one look-up that is due to the next until
// none is.
func (m *market) rest(scene string, h *command.Handler) {
	m.t.Helper()
	m.check(scene, m.settle(h))
}

// settle is rest that returns what kept it from rest.
func (m *market) settle(h *command.Handler) error {
	ctx := m.t.Context()
	for _, fake := range m.fakes {
		fake.Heal()
	}
	for range 60 {
		if _, err := h.HandleWebhooks(ctx); err != nil {
			return err
		}
		var next sql.NullTime
		if err := m.db.QueryRowContext(ctx, `SELECT MIN(check_at) FROM attempts WHERE check_at IS NOT NULL`).Scan(&next); err != nil || !next.Valid {
			return err
		}
		m.clock.Reach(next.Time)
		m.clock.Advance(5 * time.Second) // past leases, and past calls that could be under way
		if _, err := h.ResolvePayments(ctx); err != nil {
			return err
		}
	}
	return errors.New("attempts still wait for the resolver")
}

// expire ends the order given if it still waits, at the end of its time.
func (m *market) expire(scene string, h *command.Handler, id shop.OrderID) {
	m.t.Helper()
	var expires time.Time
	var status shop.OrderStatus
	m.check(scene, m.db.QueryRowContext(m.t.Context(), `SELECT status, expires_at FROM orders WHERE id = ?`, id).Scan(&status, &expires))
	if status != shop.OrderStatusPlaced {
		return
	}
	m.clock.Reach(expires)
	_, err := h.ExpireOrders(m.t.Context())
	m.check(scene, err)
	m.rest(scene, h)
}

// An account is what the books say of one order, its money and its product's units.
type account struct {
	Order                      shop.OrderStatus
	Payment                    shop.PaymentStatus // "" without one
	Total, Captured, Refunded  shop.Won
	Available, Reserved, Sold  int
	Attempted, AttemptRefunded shop.Won // by all attempts together
}

func (a account) String() string {
	return fmt.Sprintf("order %s, payment %s: captured %d, refunded %d of %d (all attempts: %d, %d); stock %d + %d + %d",
		a.Order, a.Payment, a.Captured, a.Refunded, a.Total, a.Attempted, a.AttemptRefunded, a.Available, a.Reserved, a.Sold)
}

// account reads the books.
func (m *market) account(scene string, id shop.OrderID) (a account) {
	m.t.Helper()
	err := m.db.QueryRowContext(m.t.Context(), `SELECT o.status, COALESCE(p.status, ''), o.total, COALESCE(p.captured_amount, 0), COALESCE(p.refunded_amount, 0),
s.available, s.reserved, s.sold,
(SELECT COALESCE(SUM(a.captured_amount), 0) FROM attempts a WHERE a.payment_id = p.id), (SELECT COALESCE(SUM(a.refunded_amount), 0) FROM attempts a WHERE a.payment_id = p.id)
FROM orders o JOIN order_lines l ON l.order_id = o.id JOIN stock s ON s.product_id = l.product_id LEFT JOIN payments p ON p.order_id = o.id WHERE o.id = ?`, id).
		Scan(&a.Order, &a.Payment, &a.Total, &a.Captured, &a.Refunded, &a.Available, &a.Reserved, &a.Sold, &a.Attempted, &a.AttemptRefunded)
	m.check(scene, err)
	return a
}

// ledger sums what both gateways count of the payments they opened since a mark.
func (m *market) ledger(since map[shop.PG]int) (sum pgtest.Ledger) {
	for company, fake := range m.fakes {
		for _, key := range fake.PaymentKeys()[since[company]:] {
			ledger := fake.Ledger(key)
			sum.Captured += ledger.Captured
			sum.Refunded += ledger.Refunded
			sum.Captures += ledger.Captures
			sum.Cancels += ledger.Cancels
		}
	}
	return sum
}

// mark remembers how many payments the gateways have.
func (m *market) mark() map[shop.PG]int {
	since := map[shop.PG]int{}
	for company, fake := range m.fakes {
		since[company] = len(fake.PaymentKeys())
	}
	return since
}

func (m *market) unpublished() (pending int) {
	m.check("count the events", m.db.QueryRowContext(context.Background(), `SELECT COUNT(*) FROM events WHERE published_at IS NULL`).Scan(&pending))
	return pending
}

// close shows everything in the read models, and fails the test for every invariant that the books
// break, the gateways' ledgers included.
func (m *market) close() {
	m.t.Helper()
	ctx := context.Background()
	logger := slog.New(slog.DiscardHandler)
	shown := &projections.Projector{DB: m.db, Redis: m.redis, Logger: logger, Now: m.clock.Now, Replica: "closing", Poll: 10 * time.Millisecond}
	running, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { shown.Run(running) })
	for pending := m.unpublished(); pending > 0; { // as long as they get fewer: torture leaves many
		was := pending
		eventually(m.t, "some more events are published", func() bool { pending = m.unpublished(); return pending < was })
	}
	stop()
	work.Wait()
	shown.Close()
	for _, fake := range m.fakes {
		fake.Heal()
	}
	verifier := &verify.Verifier{DB: m.db, Now: m.clock.Now, Gateways: map[shop.PG]pg.Gateway{shop.PGKakao: m.fakes[shop.PGKakao], shop.PGToss: m.fakes[shop.PGToss]}}
	err := verifier.Verify(ctx, func(v verify.Violation) { m.t.Errorf("%s: %s: %s", v.Invariant, v.ID, v.Detail) })
	if err != nil {
		m.t.Error(err)
	}
}

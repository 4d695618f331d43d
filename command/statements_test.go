package command_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/command"
	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/shop"
)

// What each operation asks of the database when it is alone: a change that lets one grow is seen here.
func TestHandler_statements(t *testing.T) {
	t.Parallel()
	dsn, log := mysqltest.DSN(t), &statements{}
	s := openFakes(t, dsn, 100)
	s.pay(1, shop.PGToss) // what is done once after a start is done
	s.DB = log.open(t, dsn)
	s.Projector = projector{} // whose statements are counted elsewhere
	var order shop.Order
	var payment shop.Payment
	log.want(t, []operation{
		{"place an order", func() error {
			placed, err := s.PlaceOrder(s.ctx, command.PlaceOrder{By: s.shopper, IdempotencyKey: "k", Lines: []command.PlaceOrderLine{{ProductID: s.product.ID, Quantity: 1}}})
			order = placed.Order
			return err
		}, `BEGIN
SELECT idempotency
+ SELECT stock
INSERT orders
+ INSERT order_lines
+ UPDATE stock
+ INSERT idempotency
+ INSERT events
COMMIT`},
		{"place it again", func() error {
			_, err := s.PlaceOrder(s.ctx, command.PlaceOrder{By: s.shopper, IdempotencyKey: "k", Lines: []command.PlaceOrderLine{{ProductID: s.product.ID, Quantity: 1}}})
			return err
		}, `BEGIN
SELECT idempotency
+ SELECT stock
COMMIT`},
		{"place one that is sold out", func() error {
			_, err := s.PlaceOrder(s.ctx, command.PlaceOrder{By: s.shopper, IdempotencyKey: "l", Lines: []command.PlaceOrderLine{{ProductID: s.product.ID, Quantity: 1_000}}})
			return wantCode(err, shop.SoldOut)
		}, `BEGIN
SELECT idempotency
+ SELECT stock
COMMIT`},
		{"ready a payment: the intent, and what the gateway named", func() error {
			readied, err := s.ReadyPayment(s.ctx, command.ReadyPayment{By: s.shopper, IdempotencyKey: "k", OrderID: order.ID, PG: shop.PGToss})
			payment = readied.Payment
			return err
		}, `BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
+ SELECT idempotency
INSERT payments
+ INSERT attempts
+ INSERT idempotency
+ INSERT events
COMMIT
BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
+ SELECT idempotency
UPDATE payments
+ UPDATE attempts
+ UPDATE idempotency
+ INSERT events
COMMIT`},
		{"come back from the gateway: the intent, and its answer", func() error {
			s.authenticate(payment)
			_, err := s.ReturnFromGateway(s.ctx, command.ReturnFromGateway{
				AttemptID: payment.AttemptID, Secret: s.secret(payment), Outcome: "approved", PaymentKey: *payment.PaymentKey, Amount: &payment.Amount, OrderRef: string(payment.AttemptID),
			})
			return err
		}, `BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
UPDATE payments
+ UPDATE attempts
+ INSERT events
COMMIT
BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
+ SELECT kakao_payments
+ SELECT stock
UPDATE orders
+ UPDATE payments
+ UPDATE attempts
+ INSERT toss_payments
+ UPDATE stock
+ INSERT events
COMMIT`},
		{"give a part back: the intent, what is to be asked, and the answer", func() error {
			amount := shop.Won(1_000)
			_, err := s.CancelPayment(s.ctx, command.CancelPayment{By: s.shopper, IdempotencyKey: "k", PaymentID: payment.ID, Amount: &amount, Reason: "변심"})
			return err
		}, `BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
+ SELECT idempotency
SELECT refunds
UPDATE payments
+ UPDATE attempts
+ INSERT refunds
+ INSERT idempotency
+ INSERT events
COMMIT
SELECT payments
+ SELECT attempts
SELECT refunds
BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
+ SELECT kakao_payments
SELECT refunds
UPDATE payments
+ UPDATE attempts
+ UPDATE refunds
+ UPDATE toss_payments
+ INSERT events
COMMIT
SELECT idempotency
SELECT payments
+ SELECT attempts
SELECT refunds
BEGIN
SELECT idempotency
UPDATE idempotency
COMMIT`},
		{"cancel an order that is not paid", func() error {
			placed, err := s.PlaceOrder(s.ctx, command.PlaceOrder{By: s.shopper, IdempotencyKey: "m", Lines: []command.PlaceOrderLine{{ProductID: s.product.ID, Quantity: 1}}})
			s.must(err)
			log.take()
			_, err = s.CancelOrder(s.ctx, command.CancelOrder{By: s.shopper, IdempotencyKey: "m", OrderID: placed.Order.ID, Reason: "변심"})
			return err
		}, `BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
+ SELECT idempotency
SELECT stock
UPDATE orders
+ UPDATE stock
+ INSERT idempotency
+ INSERT events
COMMIT`},
		{"expire thirty orders, with payments that nobody went on with", func() error {
			for i := range 30 {
				placed, err := s.PlaceOrder(s.ctx, command.PlaceOrder{By: s.shopper, IdempotencyKey: fmt.Sprint("n", i), Lines: []command.PlaceOrderLine{{ProductID: s.product.ID, Quantity: 1}}})
				s.must(err)
				_, err = s.ReadyPayment(s.ctx, command.ReadyPayment{By: s.shopper, IdempotencyKey: fmt.Sprint("n", i), OrderID: placed.Order.ID, PG: shop.PGToss})
				s.must(err)
			}
			s.clock.Advance(time.Hour)
			log.take()
			n, err := s.ExpireOrders(s.ctx)
			if got := len(log.peek()); n != 30 || got > 60 {
				t.Errorf("%d orders expired, by %d statements", n, got)
			}
			log.keep(1)
			return err
		}, `SELECT orders`},
	})
}

// An operation is what somebody asks for, and what that asks the database, a line each.
type operation struct {
	name string
	run  func() error
	want string
}

// want carries operations out, one after another, and fails the test where one asks something else.
func (l *statements) want(t *testing.T, operations []operation) {
	t.Helper()
	for _, op := range operations {
		l.take()
		if err := op.run(); err != nil {
			t.Fatalf("%s: %v", op.name, err)
		}
		if diff := cmp.Diff(op.want, strings.Join(l.take(), "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", op.name, diff)
		}
	}
}

// wantCode is nil when err has the code given, and err otherwise.
func wantCode(err error, code shop.Code) error {
	if shop.CodeOf(err) == code {
		return nil
	}
	return err
}

// statements are what a pool of connections asked, by what it did to which table.
type statements struct {
	mu    sync.Mutex
	asked []string
}

func (l *statements) add(query string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, gist(query))
}

// peek returns what was asked since take was called last.
func (l *statements) peek() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.asked)
}

// keep forgets all but the first of what was asked.
func (l *statements) keep(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = l.asked[:min(n, len(l.asked))]
}

// take returns what was asked since it was called last.
func (l *statements) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked := l.asked
	l.asked = nil
	return asked
}

var (
	verbs  = regexp.MustCompile(`^\W*(\w+)`)
	tables = regexp.MustCompile(`\b(?:FROM|INTO|UPDATE)\s+([a-z_]+)`)
	joined = regexp.MustCompile(`\b(?:payments p|v) STRAIGHT_JOIN\s+([a-z_]+)`)
)

// gist is what a statement does, and the table that it is about; of several that are sent
// together, a line each.
func gist(query string) string {
	if one, rest, several := strings.Cut(query, ";\n"); several && rest != "" {
		return gist(one) + "\n+ " + gist(rest)
	}
	verb := strings.ToUpper(verbs.FindStringSubmatch(query)[1])
	found := joined.FindStringSubmatch(query)
	if found == nil {
		found = tables.FindStringSubmatch(query)
	}
	if found != nil {
		return verb + " " + found[1]
	}
	return verb
}

// open opens a pool whose statements are noted.
func (l *statements) open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	connector, err := mysqldb.NewConnector(dsn, mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(noting{connector, l})
	mysqldb.Limit(db, mysqldb.Config{})
	t.Cleanup(func() { db.Close() })
	return db
}

// A noting connector dials connections that note what they are asked.
type noting struct {
	driver.Connector
	log *statements
}

func (c noting) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return notingConn{conn.(talker), c.log}, nil
}

// A talker is what database/sql asks of the driver's connections.
type talker interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.SessionResetter
	driver.Validator
}

type notingConn struct {
	talker
	log *statements
}

func (c notingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.log.add(query)
	return c.talker.ExecContext(ctx, query, args)
}

func (c notingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.log.add(query)
	return c.talker.QueryContext(ctx, query, args)
}

func (c notingConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.log.add("BEGIN")
	tx, err := c.talker.BeginTx(ctx, opts)
	return notingTx{tx, c.log}, err
}

type notingTx struct {
	driver.Tx
	log *statements
}

func (t notingTx) Commit() error {
	t.log.add("COMMIT")
	return t.Tx.Commit()
}

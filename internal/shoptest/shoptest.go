// Package shoptest opens shops for tests: commands and a projector on a database of
// their own, with a clock that can be set forward and gateways of the test's choice.
// Only tests import it.
package shoptest

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"golang.org/x/crypto/bcrypt"

	"payment-system/command"
	"payment-system/command/people"
	"payment-system/command/reconciliation"
	"payment-system/internal/mail"
	"payment-system/internal/mysqltest"
	"payment-system/internal/redistest"
	"payment-system/internal/testclock"
	"payment-system/pg"
	"payment-system/projections"
	"payment-system/projections/reconcile"
	"payment-system/projections/verify"
	"payment-system/shop"
)

// Shopper and Operator are who sends commands in tests.
var (
	Shopper  = shop.Caller{UserID: "usr_00000000000000000000000001", Actor: shop.ActorShopper}
	Operator = shop.Caller{UserID: "usr_00000000000000000000000002", Actor: shop.ActorOperator}
)

// A Clock runs as the tests' own does, from where it was set. Its zero value shows the
// tests' time.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

// ClockAt returns a clock that shows at now.
func ClockAt(at time.Time) *Clock { return &Clock{ahead: at.Sub(testclock.Now())} }

// Now is the time in UTC, in microseconds as the books keep it.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return testclock.Now().Add(c.ahead)
}

// Advance sets the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// NewID makes an id as the program does.
func NewID(prefix string) string { return shop.FormatID(prefix, uuid.Must(uuid.NewV7())) }

// Random fills p with random bytes.
func Random(p []byte) { _, _ = rand.Read(p) }

// Options say how a shop differs from the usual one.
type Options struct {
	DB       *sql.DB // a fresh database when nil
	Clock    *Clock  // the tests' time when nil
	Gateways map[shop.PG]pg.Gateway
	// PGTimeout is how long a gateway may take; a second when zero.
	PGTimeout time.Duration
	Logger    *slog.Logger // discards when nil
	PublicURL string       // "http://localhost" when ""
}

// A Shop is the commands of one replica, and what they work on.
type Shop struct {
	DB        *sql.DB
	Redis     redis.UniversalClient
	Clock     *Clock
	Logger    *slog.Logger
	Projector *projections.Projector
	Commands  *command.Handler
}

// People returns the commands about accounts, on the shop's servers; their letters go
// to a mailbox. When the test ends it waits for the letters that were promised.
func (s *Shop) People(t testing.TB, box *mail.Mailbox) *people.Handler {
	t.Helper()
	h := &people.Handler{
		DB: s.DB, Projector: s.Projector, Redis: s.Redis, Now: s.Clock.Now, NewID: NewID, Random: Random, Logger: s.Logger,
		Mailer:    &mail.Mailer{Addr: box.Addr(), From: "shop@example.com", Now: s.Clock.Now},
		Sessions:  NoSessions{},
		PublicURL: s.Commands.PublicURL, PasswordCost: bcrypt.MinCost,
	}
	drainAtEnd(t, h.Drain)
	return h
}

// Reconciler returns what holds settlement files against the shop's books.
func (s *Shop) Reconciler() *reconcile.Reconciler {
	return &reconcile.Reconciler{
		DB: s.DB, Money: s.Commands, Files: s.Desk(), Logger: s.Logger, Now: s.Clock.Now, AutoApplyCap: 1_000_000,
	}
}

// Desk returns the commands about settlement files' own tables, on the shop's servers.
func (s *Shop) Desk() *reconciliation.Desk {
	return &reconciliation.Desk{
		DB: s.DB, Projector: s.Projector, Now: s.Clock.Now, NewID: NewID, Logger: s.Logger, Replica: s.Commands.Replica,
	}
}

// Open opens a shop with nothing to sell. When the test ends it waits for what the
// commands have promised to do in the background.
func Open(t testing.TB, o Options) *Shop {
	t.Helper()
	s := &Shop{DB: o.DB, Clock: o.Clock, Logger: o.Logger, Redis: redistest.New(t)}
	if s.DB == nil {
		s.DB = mysqltest.New(t)
	}
	if s.Clock == nil {
		s.Clock = &Clock{}
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	s.Projector = &projections.Projector{DB: s.DB, Redis: s.Redis, Logger: s.Logger, Now: s.Clock.Now, Replica: "test"}
	t.Cleanup(s.Projector.Close)
	s.Commands = &command.Handler{
		DB: s.DB, Locks: command.NoLocks{}, Gateways: o.Gateways, Projector: s.Projector, Redis: s.Redis,
		Now: s.Clock.Now, NewID: NewID, Random: Random, Logger: s.Logger,
		PublicURL: cmp.Or(o.PublicURL, "http://localhost"),
		OrderHold: time.Hour, PGTimeout: cmp.Or(o.PGTimeout, time.Second), PlaceWithin: time.Minute, Replica: "test",
	}
	drainAtEnd(t, s.Commands.Drain)
	return s
}

// drainAtEnd waits, when the test ends, for what was promised in the background.
func drainAtEnd(t testing.TB, drain func(context.Context) error) {
	t.Cleanup(func() {
		if err := drain(context.Background()); err != nil {
			t.Log(err)
		}
	})
}

// OpenMailbox opens a mailbox that is closed when the test ends.
func OpenMailbox(t testing.TB) *mail.Mailbox {
	t.Helper()
	box := Must(mail.OpenMailbox("127.0.0.1:0", testclock.Now))(t)
	t.Cleanup(func() { box.Close() })
	return box
}

// Sell puts a product up for sale, tea, of which nothing is tax-free.
func (s *Shop) Sell(t testing.TB, price shop.Won, units int) shop.Product {
	t.Helper()
	return Must(s.Commands.CreateProduct(t.Context(), command.CreateProduct{
		IdempotencyKey: "p", Name: "차", Price: price, Stock: units,
	}))(t).Product
}

// Order places an order of the Shopper's.
func (s *Shop) Order(t testing.TB, product shop.ProductID, quantity int) shop.Order {
	t.Helper()
	return Must(s.Commands.PlaceOrder(t.Context(), command.PlaceOrder{
		By: Shopper, IdempotencyKey: rand.Text(), Lines: []command.PlaceOrderLine{{ProductID: product, Quantity: quantity}},
	}))(t).Order
}

// Ready opens the Shopper's payment of an order at a gateway.
func (s *Shop) Ready(t testing.TB, order shop.OrderID, gateway shop.PG) shop.Payment {
	t.Helper()
	return Must(s.Commands.ReadyPayment(t.Context(), command.ReadyPayment{
		By: Shopper, IdempotencyKey: rand.Text(), OrderID: order, PG: gateway,
	}))(t).Payment
}

// Violations verifies the books, and the gateways unless they are nil. It returns a
// line for each violation, in the order found.
func (s *Shop) Violations(t testing.TB, gateways map[shop.PG]pg.Gateway) []string {
	t.Helper()
	s.Published(t)
	return s.ViolationsLater(t, gateways, 0)
}

// Published waits for a moment until the events of what was done are flagged as shown: that comes a
// little after whoever did it was answered.
func (s *Shop) Published(t testing.TB) {
	t.Helper()
	for range 3_000 {
		pending := 0
		for _, view := range Must(s.Projector.Backlog(t.Context()))(t) {
			pending += view.Pending
		}
		if pending == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// ViolationsLater verifies as Violations does, as if so much time had passed.
func (s *Shop) ViolationsLater(t testing.TB, gateways map[shop.PG]pg.Gateway, after time.Duration) []string {
	t.Helper()
	var found []string
	verifier := &verify.Verifier{DB: s.DB, Now: func() time.Time { return s.Clock.Now().Add(after) }, Gateways: gateways}
	err := verifier.Verify(t.Context(),
		func(v verify.Violation) { found = append(found, v.Invariant+" "+v.ID+" "+v.Detail) })
	if err != nil {
		t.Fatal(err)
	}
	return found
}

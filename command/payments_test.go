package command_test

import (
	"context"
	crand "crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"payment-system/command"
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

// A till is a shop with one product, two gateways and a clock, and nothing in
// its way: its locks do nothing.
type till struct {
	*command.Handler
	t       *testing.T
	ctx     context.Context
	db      *sql.DB
	fakes   map[shop.PG]*pgtest.Fake
	clock   *clock
	shopper shop.Caller
	product shop.Product
}

// A clock stands still until it is set forward, but for a microsecond each time that it is read: a busy
// machine's minutes are not the shop's.
type clock struct {
	mu    sync.Mutex
	begun time.Time
	add   time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun.IsZero() {
		c.begun = testclock.Now()
	}
	c.add += time.Microsecond
	return c.begun.Add(c.add)
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add += d
}

func newID(prefix string) string { return shop.FormatID(prefix, uuid.Must(uuid.NewV7())) }

// openTill opens a shop that sells units of a product at 11,000 won, and checks
// every invariant when the test ends, the gateways' ledgers included.
func openTill(t *testing.T, units int) *till {
	t.Helper()
	s := openFakes(t, mysqltest.DSN(t), units)
	t.Cleanup(s.verify)
	return s
}

// openFakes opens a shop that sells units of a product, before gateways in memory.
func openFakes(t *testing.T, dsn string, units int) *till {
	t.Helper()
	fakes := map[shop.PG]*pgtest.Fake{shop.PGKakao: pgtest.NewFake(shop.PGKakao), shop.PGToss: pgtest.NewFake(shop.PGToss)}
	s := openTillAt(t, dsn, &clock{}, map[shop.PG]pg.Gateway{shop.PGKakao: fakes[shop.PGKakao], shop.PGToss: fakes[shop.PGToss]})
	s.fakes = fakes
	s.stock(units)
	return s
}

// openTillAt opens a shop with nothing to sell, before the gateways given.
func openTillAt(t *testing.T, dsn string, clock *clock, gateways map[shop.PG]pg.Gateway) *till {
	t.Helper()
	db, err := mysqldb.Open(t.Context(), dsn, mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	redis := redistest.New(t)
	handler := &command.Handler{
		DB: db, Locks: command.NoLocks{}, Gateways: gateways,
		Projector: &projections.Projector{DB: db, Redis: redis, Logger: logger, Now: clock.Now, Replica: "one"},
		Redis:     redis, Now: clock.Now, NewID: newID, Random: func(p []byte) { _, _ = crand.Read(p) }, Logger: logger,
		PublicURL: "http://shop.example", OrderHold: 15 * time.Minute, PGTimeout: time.Second, PlaceWithin: time.Minute,
		Replica: "one",
	}
	t.Cleanup(func() { _ = errors.Join(handler.Drain(context.Background()), db.Close()) })
	return &till{Handler: handler, t: t, ctx: t.Context(), db: db, clock: clock, shopper: shop.Caller{UserID: shop.UserID(newID(shop.PrefixUser)), Actor: shop.ActorShopper}}
}

func (s *till) stock(units int) {
	s.t.Helper()
	created, err := s.CreateProduct(s.ctx, command.CreateProduct{
		By: shop.Caller{UserID: "usr_operator", Actor: shop.ActorOperator}, IdempotencyKey: "p", Name: "초코파이", Price: 11_000, Stock: units,
	})
	s.must(err)
	s.product = created.Product
}

func (s *till) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// verify fails the test for every invariant that the books break.
func (s *till) verify() {
	for _, fake := range s.fakes {
		fake.Heal()
	}
	s.published()
	verifier := &verify.Verifier{DB: s.db, Now: s.clock.Now, Gateways: s.Gateways}
	err := verifier.Verify(context.Background(), func(v verify.Violation) {
		s.t.Errorf("%s: %s: %s", v.Invariant, v.ID, v.Detail)
	})
	if err != nil {
		s.t.Error(err)
	}
}

// published waits a moment for events to be flagged as shown: by this shop's clock the
// moment may be hours.
func (s *till) published() {
	s.t.Helper()
	for range 3_000 {
		pending, err := mysqldb.Collect(context.Background(), s.db, func(rows *sql.Rows) (id string, err error) {
			return id, rows.Scan(&id)
		}, `SELECT DISTINCT aggregate_id FROM events WHERE published_at IS NULL`)
		s.must(err)
		if len(pending) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
		s.Projector.Project(context.Background(), pending...) // as the sweep does, which does not run here
	}
}

func (s *till) order(units int) shop.Order {
	s.t.Helper()
	placed, err := s.PlaceOrder(s.ctx, command.PlaceOrder{By: s.shopper, IdempotencyKey: newID("key"), Lines: []command.PlaceOrderLine{{ProductID: s.product.ID, Quantity: units}}})
	s.must(err)
	return placed.Order
}

func (s *till) ready(order shop.Order, gateway shop.PG) shop.Payment {
	s.t.Helper()
	readied, err := s.ReadyPayment(s.ctx, command.ReadyPayment{By: s.shopper, IdempotencyKey: newID("key"), OrderID: order.ID, PG: gateway})
	s.must(err)
	return readied.Payment
}

// authenticate does what the shopper does at the gateway, and returns the
// approval that the browser then carries.
func (s *till) authenticate(p shop.Payment) command.ApprovePayment {
	token := s.fakes[p.PG].Pay(*p.PaymentKey)
	return s.approval(p, token)
}

// secret is what the address carries that the gateway sends the shopper back to.
func (s *till) secret(p shop.Payment) string {
	_, secret, _ := strings.Cut(s.fakes[p.PG].Request(*p.PaymentKey).FailedURL, "?key=")
	return secret
}

func (s *till) approval(p shop.Payment, token string) command.ApprovePayment {
	approve := command.ApprovePayment{By: s.shopper, PaymentID: p.ID, PaymentKey: p.PaymentKey, Amount: &p.Amount}
	if p.PG == shop.PGKakao {
		approve.PgToken = &token
	}
	return approve
}

// pay buys units and pays for them.
func (s *till) pay(units int, gateway shop.PG) shop.Payment {
	s.t.Helper()
	payment := s.ready(s.order(units), gateway)
	approved, err := s.ApprovePayment(s.ctx, s.authenticate(payment))
	s.must(err)
	return approved.Payment
}

func (s *till) cancel(p shop.Payment, amount shop.Won) (shop.PaymentCanceled, error) {
	cmd := command.CancelPayment{By: s.shopper, IdempotencyKey: newID("key"), PaymentID: p.ID, Reason: "변심"}
	if amount > 0 {
		cmd.Amount = &amount
	}
	return s.CancelPayment(s.ctx, cmd)
}

// settle runs the resolver, moving the clock on, until no attempt waits for it.
func (s *till) settle() {
	s.t.Helper()
	for range 20 {
		var waiting int
		s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM attempts WHERE check_at IS NOT NULL AND status <> 'WAITING_FOR_DEPOSIT'`).Scan(&waiting))
		if waiting == 0 {
			return
		}
		s.clock.Advance(20 * time.Second)
		_, err := s.ResolvePayments(s.ctx)
		s.must(err)
	}
	s.t.Fatal("attempts still wait for the resolver")
}

type state struct {
	Order               shop.OrderStatus
	Payment             shop.PaymentStatus
	Available, Reserved int
	Sold                int
}

func (s *till) state(p shop.Payment) (got state) {
	s.t.Helper()
	s.must(s.db.QueryRowContext(s.ctx, `SELECT o.status, p.status FROM orders o JOIN payments p ON p.order_id = o.id WHERE p.id = ?`, p.ID).Scan(&got.Order, &got.Payment))
	s.must(s.db.QueryRowContext(s.ctx, `SELECT available, reserved, sold FROM stock`).Scan(&got.Available, &got.Reserved, &got.Sold))
	return got
}

func (s *till) want(p shop.Payment, want state) {
	s.t.Helper()
	if got := s.state(p); got != want {
		s.t.Errorf("got %+v, want %+v", got, want)
	}
}

func (s *till) wantLedger(p shop.Payment, captures int, net shop.Won) {
	s.t.Helper()
	ledger := s.fakes[p.PG].Ledger(*p.PaymentKey)
	if ledger.Captures != captures || ledger.Captured-ledger.Refunded != net {
		s.t.Errorf("the gateway counts %d captures and %d won, want %d and %d", ledger.Captures, ledger.Captured-ledger.Refunded, captures, net)
	}
}

func (s *till) wantCode(err error, code shop.Code) {
	s.t.Helper()
	if got := shop.CodeOf(err); got != code {
		s.t.Errorf("got %v (%v), want %v", got, err, code)
	}
}

func (s *till) openCases() (n int) {
	s.t.Helper()
	s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM discrepancies WHERE status = 'OPEN'`).Scan(&n))
	return n
}

// eachGateway runs a test at both gateways.
func eachGateway(t *testing.T, run func(t *testing.T, gateway shop.PG)) {
	for _, gateway := range []shop.PG{shop.PGKakao, shop.PGToss} {
		t.Run(string(gateway), func(t *testing.T) {
			t.Parallel()
			run(t, gateway)
		})
	}
}

func TestHandler_ApprovePayment(t *testing.T) {
	t.Parallel()
	t.Run("sells the stock once the money is in", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 5)
			payment := s.pay(2, gateway)
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 3, 0, 2})
			s.wantLedger(payment, 1, 22_000)
		})
	})
	t.Run("captures once however many ask", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			s.PGTimeout = time.Minute // all wait for the answer, however slow this machine is
			payment := s.ready(s.order(1), gateway)
			approve := s.authenticate(payment)
			var group sync.WaitGroup
			for range 50 {
				group.Go(func() {
					approved, err := s.ApprovePayment(s.ctx, approve)
					if err != nil || approved.Payment.Status != shop.PaymentStatusApproved {
						t.Errorf("answered %v, %v", approved.Payment.Status, err)
					}
				})
			}
			group.Wait()
			s.wantLedger(payment, 1, 11_000)
		})
	})
	t.Run("a lost answer is unknown, and then approved", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment := s.ready(s.order(1), gateway)
			s.fakes[gateway].Lose("approve", 1)
			_, err := s.ApprovePayment(s.ctx, s.authenticate(payment))
			s.wantCode(err, shop.InProgress)
			s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusUnknown, 0, 1, 0})
			s.settle()
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
			s.wantLedger(payment, 1, 11_000)
		})
	})
	t.Run("an approval that never arrived is asked for again", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment, _ := s.unanswered(gateway)
			s.settle()
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
			s.wantLedger(payment, 1, 11_000)
		})
	})
	t.Run("an approval that never arrived in time ends with its order", func(t *testing.T) {
		s := openTill(t, 1)
		payment := s.ready(s.order(1), shop.PGKakao)
		s.fakes[shop.PGKakao].Fail("approve", pg.OutcomeUnknown, 0)
		s.fakes[shop.PGKakao].Fail("lookup", pg.OutcomeUnknown, 0)
		_, err := s.ApprovePayment(s.ctx, s.authenticate(payment))
		s.wantCode(err, shop.InProgress)
		s.clock.Advance(16 * time.Minute)
		_, err = s.ExpireOrders(s.ctx)
		s.must(err)
		s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusUnknown, 0, 1, 0})
		_, err = s.ResolvePayments(s.ctx)
		s.must(err)
		if s.openCases() != 1 {
			t.Errorf("%d cases are open after 16 minutes, want 1", s.openCases())
		}
		s.fakes[shop.PGKakao].Heal()
		s.settle()
		_, err = s.ExpireOrders(s.ctx)
		s.must(err)
		s.want(payment, state{shop.OrderStatusExpired, shop.PaymentStatusExpired, 1, 0, 0})
		s.wantLedger(payment, 0, 0)
	})
	t.Run("a refusal fails the attempt, and another may pay", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			order := s.order(1)
			payment := s.ready(order, gateway)
			token := s.fakes[gateway].Decline(*payment.PaymentKey)
			for range 2 {
				_, err := s.ApprovePayment(s.ctx, s.approval(payment, token))
				s.wantCode(err, shop.Declined)
			}
			s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusFailed, 0, 1, 0})
			again := s.ready(order, gateway)
			if again.ID != payment.ID {
				t.Errorf("the order has two payments, %s and %s", payment.ID, again.ID)
			}
			_, err := s.ApprovePayment(s.ctx, s.authenticate(again))
			s.must(err)
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
		})
	})
	t.Run("a gateway that cannot be reached has taken nothing", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment := s.ready(s.order(1), gateway)
			approve := s.authenticate(payment)
			for _, outcome := range []pg.Outcome{pg.OutcomeNotSent, pg.OutcomeMisconfigured} {
				s.fakes[gateway].Fail("approve", outcome, 1)
				_, err := s.ApprovePayment(s.ctx, approve)
				s.wantCode(err, shop.Unavailable)
				s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusReady, 0, 1, 0})
			}
			_, err := s.ApprovePayment(s.ctx, approve)
			s.must(err)
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
		})
	})
	t.Run("what a browser carried is compared and never used", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment := s.ready(s.order(1), gateway)
			other, less := "tampered", shop.Won(1)
			for _, tamper := range []func(*command.ApprovePayment){
				func(a *command.ApprovePayment) { a.PaymentKey = &other },
				func(a *command.ApprovePayment) { a.Amount = &less },
			} {
				approve := s.authenticate(payment)
				tamper(&approve)
				_, err := s.ApprovePayment(s.ctx, approve)
				s.wantCode(err, shop.Invalid)
			}
			stranger := s.authenticate(payment)
			stranger.By.UserID = "usr_stranger"
			_, err := s.ApprovePayment(s.ctx, stranger)
			s.wantCode(err, shop.NotFound)
			if calls := s.fakes[gateway].Ledger(*payment.PaymentKey).Calls["approve"]; calls != 0 {
				t.Errorf("the gateway was asked %d times", calls)
			}
		})
	})
	t.Run("an order whose time is over is refused before the gateway is asked", func(t *testing.T) {
		s := openTill(t, 1)
		payment := s.ready(s.order(1), shop.PGToss)
		s.clock.Advance(15 * time.Minute)
		_, err := s.ApprovePayment(s.ctx, s.authenticate(payment))
		s.wantCode(err, shop.Conflict)
		if calls := s.fakes[shop.PGToss].Ledger(*payment.PaymentKey).Calls["approve"]; calls != 0 {
			t.Errorf("the gateway was asked %d times", calls)
		}
	})
	t.Run("a wrong answer is held against a look-up", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment := s.ready(s.order(1), gateway)
			s.fakes[gateway].Misstate("approve", func(p *pg.Payment) { p.Amount, p.Captured = 1, 1 }, 1)
			_, _ = s.ApprovePayment(s.ctx, s.authenticate(payment))
			s.settle()
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
			s.wantLedger(payment, 1, 11_000)
		})
	})
	t.Run("money that is not what was asked pays nothing and goes back", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment := s.ready(s.order(1), gateway)
			wrong := func(p *pg.Payment) { p.Amount = 10_999 }
			s.fakes[gateway].Misstate("approve", wrong, 1)
			s.fakes[gateway].Misstate("lookup", wrong, 2)
			_, err := s.ApprovePayment(s.ctx, s.authenticate(payment))
			s.wantCode(err, shop.Declined)
			s.settle()
			s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusFailed, 0, 1, 0})
			s.wantLedger(payment, 1, 0)
			if s.openCases() != 1 {
				t.Errorf("%d cases are open, want 1", s.openCases())
			}
		})
	})
}

// TestHandler_repeated asks again what another replica has just done, which does not show it yet:
// who is answered finds it in the read model.
func TestHandler_repeated(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) (s *till, slow *command.Handler) {
		s = openTill(t, 1)
		slow = &command.Handler{
			DB: s.db, Locks: s.Locks, Gateways: s.Gateways, Projector: projector{}, Redis: s.Redis, Now: s.Now, NewID: s.NewID,
			Random: s.Random, Logger: s.Logger, PublicURL: s.PublicURL, OrderHold: s.OrderHold, PGTimeout: s.PGTimeout, Replica: "slow",
		}
		return s, slow
	}
	shown := func(s *till, p shop.Payment) (got [2]string) {
		s.must(s.db.QueryRowContext(s.ctx, `SELECT o.status, p.status FROM order_views o JOIN payment_views p ON p.order_id = o.id WHERE p.id = ?`, p.ID).Scan(&got[0], &got[1]))
		return got
	}
	t.Run("an approval", func(t *testing.T) {
		s, slow := open(t)
		payment := s.ready(s.order(1), shop.PGToss)
		approve := s.authenticate(payment)
		for _, replica := range []*command.Handler{slow, s.Handler} {
			_, err := replica.ApprovePayment(s.ctx, approve)
			s.must(err)
		}
		if got, want := shown(s, payment), [2]string{"PAID", "APPROVED"}; got != want {
			t.Errorf("the read model shows %v, want %v", got, want)
		}
	})
	t.Run("a refund", func(t *testing.T) {
		s, slow := open(t)
		payment := s.pay(1, shop.PGToss)
		for _, replica := range []*command.Handler{slow, s.Handler} {
			_, err := replica.CancelPayment(s.ctx, command.CancelPayment{By: s.shopper, IdempotencyKey: "once", PaymentID: payment.ID, Reason: "변심"})
			s.must(err)
		}
		if got, want := shown(s, payment), [2]string{"CANCELED", "CANCELED"}; got != want {
			t.Errorf("the read model shows %v, want %v", got, want)
		}
	})
	t.Run("a cancelation", func(t *testing.T) {
		s, slow := open(t)
		payment := s.ready(s.order(1), shop.PGToss)
		for _, replica := range []*command.Handler{slow, s.Handler} {
			_, err := replica.CancelOrder(s.ctx, command.CancelOrder{By: s.shopper, IdempotencyKey: "once", OrderID: payment.OrderID})
			s.must(err)
		}
		if got, want := shown(s, payment), [2]string{"CANCELED", "CANCELED"}; got != want {
			t.Errorf("the read model shows %v, want %v", got, want)
		}
	})
}

func TestHandler_CancelPayment(t *testing.T) {
	t.Parallel()
	t.Run("a third, then the rest", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 3)
			payment := s.pay(3, gateway)
			part, err := s.cancel(payment, 11_000)
			s.must(err)
			if part.Payment.Status != shop.PaymentStatusPartiallyCanceled || part.Payment.Balance() != 22_000 {
				t.Errorf("after a third the payment is %s with %d won left", part.Payment.Status, part.Payment.Balance())
			}
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled, 0, 0, 3})
			_, err = s.cancel(payment, 0)
			s.must(err)
			s.want(payment, state{shop.OrderStatusCanceled, shop.PaymentStatusCanceled, 3, 0, 0})
			s.wantLedger(payment, 1, 0)
		})
	})
	t.Run("the same key refunds once", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			s.PGTimeout = time.Minute // as long as they wait for each other
			payment := s.pay(1, gateway)
			amount := shop.Won(1_000)
			cmd := command.CancelPayment{By: s.shopper, IdempotencyKey: "once", PaymentID: payment.ID, Amount: &amount, Reason: "변심"}
			ids := make([]shop.RefundID, 20)
			var group sync.WaitGroup
			for i := range ids {
				group.Go(func() {
					canceled, err := s.CancelPayment(s.ctx, cmd)
					if err != nil {
						t.Error(err)
					}
					ids[i] = canceled.Refund.ID
				})
			}
			group.Wait()
			for _, id := range ids {
				if id != ids[0] {
					t.Errorf("the key has refunds %s and %s", ids[0], id)
				}
			}
			s.wantLedger(payment, 1, 10_000)
			cmd.Reason = "다른 이유"
			_, err := s.CancelPayment(s.ctx, cmd)
			s.wantCode(err, shop.IdempotencyMismatch)
		})
	})
	t.Run("a lost answer refunds once", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			for _, applied := range []bool{true, false} {
				s := openTill(t, 1)
				payment := s.pay(1, gateway)
				if applied {
					s.fakes[gateway].Lose("cancel", 1)
				} else {
					s.fakes[gateway].Fail("cancel", pg.OutcomeUnknown, 1)
				}
				_, err := s.cancel(payment, 1_000)
				s.wantCode(err, shop.InProgress)
				s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusUnknown, 0, 0, 1})
				s.settle()
				s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled, 0, 0, 1})
				s.wantLedger(payment, 1, 10_000)
			}
		})
	})
	t.Run("a refusal leaves the payment as it was", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment := s.pay(1, gateway)
			s.fakes[gateway].Fail("cancel", pg.OutcomeRefused, 1)
			_, err := s.cancel(payment, 0)
			s.wantCode(err, shop.Declined)
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
			_, err = s.cancel(payment, 0)
			s.must(err)
			s.want(payment, state{shop.OrderStatusCanceled, shop.PaymentStatusCanceled, 1, 0, 0})
		})
	})
	t.Run("more than is left is refused before the gateway is asked", func(t *testing.T) {
		s := openTill(t, 1)
		payment := s.pay(1, shop.PGToss)
		_, err := s.cancel(payment, 11_001)
		s.wantCode(err, shop.Invalid)
		if calls := s.fakes[shop.PGToss].Ledger(*payment.PaymentKey).Calls["cancel"]; calls != 0 {
			t.Errorf("the gateway was asked %d times", calls)
		}
	})
}

func TestHandler_CancelOrder(t *testing.T) {
	t.Parallel()
	cancel := func(s *till, order shop.OrderID, key string) (shop.OrderCanceled, error) {
		return s.CancelOrder(s.ctx, command.CancelOrder{By: s.shopper, IdempotencyKey: key, OrderID: order, Reason: "변심"})
	}
	t.Run("an unpaid order gives its stock back at once", func(t *testing.T) {
		s := openTill(t, 1)
		payment := s.ready(s.order(1), shop.PGKakao)
		for range 2 {
			canceled, err := cancel(s, payment.OrderID, "once")
			s.must(err)
			if canceled.Order.Status != shop.OrderStatusCanceled {
				t.Errorf("the order is %s", canceled.Order.Status)
			}
		}
		s.want(payment, state{shop.OrderStatusCanceled, shop.PaymentStatusCanceled, 1, 0, 0})
		_, err := cancel(s, payment.OrderID, "twice")
		s.wantCode(err, shop.Conflict)
	})
	t.Run("a paid order is refunded first", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 2)
			payment := s.pay(2, gateway)
			_, err := s.cancel(payment, 5_000)
			s.must(err)
			for range 2 {
				canceled, err := cancel(s, payment.OrderID, "once")
				s.must(err)
				if canceled.Order.Status != shop.OrderStatusCanceled {
					t.Errorf("the order is %s", canceled.Order.Status)
				}
			}
			s.want(payment, state{shop.OrderStatusCanceled, shop.PaymentStatusCanceled, 2, 0, 0})
			s.wantLedger(payment, 1, 0)
		})
	})
	t.Run("stays paid when the gateway will not refund", func(t *testing.T) {
		s := openTill(t, 1)
		payment := s.pay(1, shop.PGKakao)
		s.fakes[shop.PGKakao].Fail("cancel", pg.OutcomeRefused, 1)
		_, err := cancel(s, payment.OrderID, "once")
		s.wantCode(err, shop.Declined)
		s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
	})
}

func TestHandler_lateMoney(t *testing.T) {
	t.Parallel()
	t.Run("of a superseded attempt goes back once", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			order := s.order(1)
			earlier := s.ready(order, gateway)
			approve := s.authenticate(earlier)
			latest := s.ready(order, gateway)
			_, err := s.ApprovePayment(s.ctx, s.authenticate(latest))
			s.must(err)
			s.capture(earlier, approve)
			for range 2 {
				_, err = s.ResolveAttempt(s.ctx, command.ResolveAttempt{AttemptID: earlier.AttemptID, Actor: shop.ActorResolver})
				s.must(err)
			}
			s.settle()
			s.want(latest, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
			s.wantLedger(earlier, 1, 0)
			s.wantLedger(latest, 1, 11_000)
		})
	})
	t.Run("of an order that still waits pays it", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			order := s.order(1)
			earlier := s.ready(order, gateway)
			approve := s.authenticate(earlier)
			latest := s.ready(order, gateway)
			s.capture(earlier, approve)
			_, err := s.ResolveAttempt(s.ctx, command.ResolveAttempt{AttemptID: earlier.AttemptID, Actor: shop.ActorResolver})
			s.must(err)
			s.want(earlier, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
			_, err = s.ApprovePayment(s.ctx, s.authenticate(latest))
			s.must(err)
			s.wantLedger(latest, 0, 0)
		})
	})
	t.Run("of an order that ended goes back once", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment := s.ready(s.order(1), gateway)
			approve := s.authenticate(payment)
			s.clock.Advance(16 * time.Minute)
			_, err := s.ExpireOrders(s.ctx)
			s.must(err)
			s.capture(payment, approve)
			_, err = s.ResolveAttempt(s.ctx, command.ResolveAttempt{AttemptID: payment.AttemptID, Actor: shop.ActorReconciliation})
			s.must(err)
			s.settle()
			s.want(payment, state{shop.OrderStatusExpired, shop.PaymentStatusExpired, 1, 0, 0})
			s.wantLedger(payment, 1, 0)
		})
	})
	t.Run("a refund made in the gateway's console is recorded, and ends the order when it is all", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment := s.pay(1, gateway)
			for i, amount := range []shop.Won{4_000, 7_000} {
				_, err := s.fakes[gateway].Cancel(s.ctx, pg.CancelRequest{
					IdempotencyKey: fmt.Sprint("console", i), Key: pg.Key{PaymentKey: *payment.PaymentKey, AttemptID: payment.AttemptID},
					RefundID: shop.RefundID(newID("rfd")), Amount: amount, Available: 11_000 - shop.Won(i)*4_000, Reason: "console",
				})
				s.must(err)
				for range 2 {
					_, err = s.RefreshGatewayRecord(s.ctx, command.RefreshGatewayRecord{By: s.shopper, PaymentID: payment.ID})
					s.must(err)
				}
			}
			s.want(payment, state{shop.OrderStatusCanceled, shop.PaymentStatusCanceled, 1, 0, 0})
		})
	})
}

// unanswered has a unit's payment approved by a call that never reaches the gateway, and that nobody
// answers.
func (s *till) unanswered(gateway shop.PG) (shop.Payment, command.ApprovePayment) {
	s.t.Helper()
	payment := s.ready(s.order(1), gateway)
	approve := s.authenticate(payment)
	s.fakes[gateway].Fail("approve", pg.OutcomeUnknown, 1)
	_, err := s.ApprovePayment(s.ctx, approve)
	s.wantCode(err, shop.InProgress)
	return payment, approve
}

// capture takes the money at the gateway behind the books' back.
func (s *till) capture(p shop.Payment, approve command.ApprovePayment) {
	s.t.Helper()
	request := pg.ApproveRequest{
		IdempotencyKey: newID("key"), Key: pg.Key{PaymentKey: *p.PaymentKey, AttemptID: p.AttemptID}, UserRef: string(p.UserID), Amount: p.Amount,
	}
	if approve.PgToken != nil {
		request.PgToken = *approve.PgToken
	}
	_, err := s.fakes[p.PG].Approve(s.ctx, request)
	s.must(err)
}

func TestHandler_virtualAccount(t *testing.T) {
	t.Parallel()
	issue := func(s *till) shop.Payment {
		s.t.Helper()
		payment := s.ready(s.order(1), shop.PGToss)
		s.fakes[shop.PGToss].PayByVirtualAccount(*payment.PaymentKey)
		approved, err := s.ApprovePayment(s.ctx, s.approval(payment, ""))
		s.must(err)
		if approved.Payment.Status != shop.PaymentStatusWaitingForDeposit {
			s.t.Fatalf("the payment is %s", approved.Payment.Status)
		}
		return approved.Payment
	}
	hook := func(s *till, p shop.Payment) {
		s.t.Helper()
		body := fmt.Sprintf(`{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-02T14:46:59.65327","data":{"paymentKey":%q,"orderId":%q,"status":"DONE"}}`, *p.PaymentKey, p.AttemptID)
		for range 8 {
			s.must(s.ReceiveWebhook(s.ctx, command.ReceiveWebhook{Body: []byte(body)}))
		}
		s.must(s.Drain(s.ctx))
	}
	t.Run("a deposit pays, told by a webhook", func(t *testing.T) {
		s := openTill(t, 1)
		payment := issue(s)
		s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusWaitingForDeposit, 0, 1, 0})
		s.fakes[shop.PGToss].Deposit(*payment.PaymentKey)
		hook(s, payment)
		s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
	})
	t.Run("a webhook that lies changes nothing", func(t *testing.T) {
		s := openTill(t, 1)
		payment := issue(s)
		hook(s, payment)
		s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusWaitingForDeposit, 0, 1, 0})
	})
	t.Run("a deposit without its webhook is found", func(t *testing.T) {
		s := openTill(t, 1)
		payment := issue(s)
		s.fakes[shop.PGToss].Deposit(*payment.PaymentKey)
		s.clock.Advance(6 * time.Minute)
		_, err := s.ResolvePayments(s.ctx)
		s.must(err)
		s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
	})
	t.Run("an account of an order that ended is closed", func(t *testing.T) {
		s := openTill(t, 1)
		payment := issue(s)
		_, err := s.CancelOrder(s.ctx, command.CancelOrder{By: s.shopper, IdempotencyKey: "once", OrderID: payment.OrderID})
		s.must(err)
		s.settle()
		s.want(payment, state{shop.OrderStatusCanceled, shop.PaymentStatusCanceled, 1, 0, 0})
		s.fakes[shop.PGToss].Deposit(*payment.PaymentKey)
		s.wantLedger(payment, 0, 0)
	})
	t.Run("an order holds its stock until the account closes, and then no longer", func(t *testing.T) {
		s := openTill(t, 1)
		payment := issue(s)
		s.clock.Advance(20 * time.Minute)
		_, err := s.ExpireOrders(s.ctx)
		s.must(err)
		s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusWaitingForDeposit, 0, 1, 0})
		s.clock.Advance(8 * 24 * time.Hour)
		_, err = s.ResolvePayments(s.ctx)
		s.must(err)
		s.settle()
		s.want(payment, state{shop.OrderStatusExpired, shop.PaymentStatusExpired, 1, 0, 0})
		s.fakes[shop.PGToss].Deposit(*payment.PaymentKey)
		s.wantLedger(payment, 0, 0)
	})
}

func TestHandler_ReadyPayment(t *testing.T) {
	t.Parallel()
	t.Run("the same key opens one attempt", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			cmd := command.ReadyPayment{By: s.shopper, IdempotencyKey: "once", OrderID: s.order(1).ID, PG: gateway}
			keys := make([]string, 20)
			var group sync.WaitGroup
			for i := range keys {
				group.Go(func() {
					readied, err := s.ReadyPayment(s.ctx, cmd)
					if err != nil {
						t.Error(err)
						return
					}
					keys[i] = *readied.Payment.PaymentKey
				})
			}
			group.Wait()
			for _, key := range keys {
				if key != keys[0] {
					t.Errorf("the key opened %s and %s", keys[0], key)
				}
			}
		})
	})
	t.Run("silence is asked again under the same key", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			cmd := command.ReadyPayment{By: s.shopper, IdempotencyKey: "once", OrderID: s.order(1).ID, PG: gateway}
			s.fakes[gateway].Lose("ready", 1)
			_, err := s.ReadyPayment(s.ctx, cmd)
			s.wantCode(err, shop.Unavailable)
			readied, err := s.ReadyPayment(s.ctx, cmd)
			s.must(err)
			_, err = s.ApprovePayment(s.ctx, s.authenticate(readied.Payment))
			s.must(err)
		})
	})
	t.Run("refuses what is out of its domain, naming the field", func(t *testing.T) {
		s := openTill(t, 1)
		order := s.order(1)
		outside, scheme, backslash := "https://evil.example/", "javascript:alert(1)", `/\evil.example`
		for field, cmd := range map[string]command.ReadyPayment{
			"idempotencyKey":    {PG: shop.PGToss},
			"pg":                {IdempotencyKey: "k", PG: "PAYPAL"},
			"installmentMonths": {IdempotencyKey: "k", PG: shop.PGToss, InstallmentMonths: 13},
			"returnUrl":         {IdempotencyKey: "k", PG: shop.PGToss, ReturnURL: &outside},
		} {
			cmd.By, cmd.OrderID = s.shopper, order.ID
			_, err := s.ReadyPayment(s.ctx, cmd)
			wantField(t, err, field)
		}
		for _, target := range []string{scheme, backslash, "//evil.example", "", "http://shop.example.evil.example/"} {
			_, err := s.ReadyPayment(s.ctx, command.ReadyPayment{By: s.shopper, IdempotencyKey: "k", OrderID: order.ID, PG: shop.PGToss, ReturnURL: &target})
			wantField(t, err, "returnUrl")
		}
		_, err := s.ReadyPayment(s.ctx, command.ReadyPayment{By: s.shopper, IdempotencyKey: "k", OrderID: order.ID, PG: shop.PGToss, InstallmentMonths: 2})
		wantField(t, err, "installmentMonths")
	})
}

func wantField(t *testing.T, err error, field string) {
	t.Helper()
	refusal, ok := errors.AsType[*shop.Error](err)
	if !ok || refusal.Code != shop.Invalid || refusal.Details["field"] != field {
		t.Errorf("got %v, want INVALID for %s", err, field)
	}
}

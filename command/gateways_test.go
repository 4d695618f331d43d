package command_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/command"
	"payment-system/internal/mysqltest"
	"payment-system/pg"
	"payment-system/pg/kakao"
	"payment-system/pg/pghttp"
	"payment-system/pg/pgsim"
	"payment-system/pg/pgtest"
	"payment-system/pg/toss"
	"payment-system/projections/verify"
	"payment-system/shop"
)

// A counter is a till before the real clients, which speak HTTP to the
// simulators; their ledger says where the money is.
type counter struct {
	*till
	outlets map[shop.PG]*outlet // what the till's Gateways are
	dsn     string
	url     string
	hidden  http.RoundTripper // carries the calls of new clients; nil is a plain transport
	hooks   atomic.Int64      // how many webhooks came
	hearing sync.RWMutex      // held by whoever takes a webhook
	deaf    bool              // takes no webhooks
}

// openCounter opens a shop that sells units of a product at 11,000 won, and holds
// its books against the simulators' when the test ends.
func openCounter(t *testing.T, units int) *counter {
	t.Helper()
	c := &counter{dsn: mysqltest.DSN(t)}
	clock := &clock{}
	inbox := httptest.NewServer(http.HandlerFunc(c.serveWebhook))
	sim := &pgsim.Server{Now: clock.Now, TossWebhookURL: inbox.URL}
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		sim.Close()
		server.Close()
		inbox.Close()
	})
	c.url = server.URL
	c.outlets = map[shop.PG]*outlet{}
	gateways := map[shop.PG]pg.Gateway{}
	for gateway, client := range c.clients(clock) {
		c.outlets[gateway] = &outlet{}
		c.outlets[gateway].client.Store(&client)
		gateways[gateway] = c.outlets[gateway]
	}
	c.till = openTillAt(t, c.dsn, clock, gateways)
	c.stock(units)
	t.Cleanup(c.verifyAll)
	return c
}

// clients returns new clients, whose circuits are closed.
func (c *counter) clients(clock *clock) map[shop.PG]pg.Gateway {
	transport := pghttp.NewTransport()
	carry := http.RoundTripper(transport)
	if c.hidden != nil {
		carry = c.hidden
	}
	client := &http.Client{Transport: carry}
	const timeout = time.Minute // no answer is late because the machine is busy
	return map[shop.PG]pg.Gateway{
		shop.PGKakao: &kakao.Client{BaseURL: c.url + "/kakao", SecretKey: "DEV", Timeout: timeout, Now: clock.Now, HTTP: client},
		shop.PGToss:  &toss.Client{BaseURL: c.url + "/toss", SecretKey: "test_sk", Timeout: timeout, Now: clock.Now, HTTP: client},
	}
}

// renew replaces the clients, so that no open circuit goes into the next case.
func (c *counter) renew() {
	for gateway, client := range c.clients(c.clock) {
		c.outlets[gateway].client.Store(&client)
	}
}

// wrap puts something before the client of a gateway, until unwrap.
func (c *counter) wrap(gateway shop.PG, around func(pg.Gateway) pg.Gateway) (unwrap func()) {
	client := c.outlets[gateway].client.Load()
	wrapped := around(*client)
	c.outlets[gateway].client.Store(&wrapped)
	return func() { c.outlets[gateway].client.Store(client) }
}

// An outlet is a gateway whose client may be replaced while the shop works: webhooks have it look
// payments up whenever they come.
type outlet struct{ client atomic.Pointer[pg.Gateway] }

func (o *outlet) Ready(ctx context.Context, req pg.ReadyRequest) (pg.Ready, error) {
	return (*o.client.Load()).Ready(ctx, req)
}

func (o *outlet) Approve(ctx context.Context, req pg.ApproveRequest) (pg.Payment, error) {
	return (*o.client.Load()).Approve(ctx, req)
}

func (o *outlet) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	return (*o.client.Load()).Cancel(ctx, req)
}

func (o *outlet) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	return (*o.client.Load()).LookUp(ctx, key)
}

func (c *counter) serveWebhook(w http.ResponseWriter, r *http.Request) {
	c.hooks.Add(1)
	c.hearing.RLock()
	defer c.hearing.RUnlock()
	if c.deaf {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = c.ReceiveWebhook(r.Context(), command.ReceiveWebhook{Body: body})
	}
	if shop.CodeOf(err) == shop.Invalid {
		w.WriteHeader(http.StatusBadRequest)
	} else if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// deafen has no more webhooks taken, and waits until those that were taken are acted on: one of a moment ago would have
// a payment looked up in the middle of what comes next.
func (c *counter) deafen() {
	c.t.Helper()
	c.hearing.Lock()
	c.deaf = true
	c.hearing.Unlock()
	c.must(c.Drain(c.ctx))
}

func (c *counter) sim(gateway shop.PG) pgtest.Simulator {
	return pgtest.Simulator{T: c.t, URL: c.url, PG: gateway, Patience: 200 * time.Millisecond}
}

// verifyAll fails the test for every invariant that the books break, and for
// every won that the simulators count otherwise.
func (c *counter) verifyAll() {
	c.published()
	verifier := &verify.Verifier{DB: c.db, Now: c.clock.Now, Gateways: c.clients(c.clock)}
	err := verifier.Verify(context.Background(), func(v verify.Violation) {
		c.t.Errorf("%s: %s: %s", v.Invariant, v.ID, v.Detail)
	})
	if err != nil {
		c.t.Error(err)
	}
}

// settle is till.settle, after the webhooks that came.
func (c *counter) settle() {
	c.t.Helper()
	_, err := c.HandleWebhooks(c.ctx)
	c.must(err)
	c.till.settle()
}

// resolveLater runs the resolver when deposits are to be asked for. A webhook that came
// meanwhile has its attempt looked up too, and whoever looks it up first has it: both are
// waited for.
func (c *counter) resolveLater() {
	c.t.Helper()
	c.must(c.Drain(c.ctx))
	c.clock.Advance(6 * time.Minute)
	_, err := c.ResolvePayments(c.ctx)
	c.must(errors.Join(err, c.Drain(c.ctx)))
}

// authenticate does what the shopper does at the gateway, and returns the
// approval that the browser then carries.
func (c *counter) authenticate(p shop.Payment) command.ApprovePayment {
	c.t.Helper()
	return c.approval(p, c.sim(p.PG).Pay(*p.PaymentKey))
}

func (c *counter) pay(units int, gateway shop.PG) shop.Payment {
	c.t.Helper()
	payment := c.ready(c.order(units), gateway)
	_, err := c.ApprovePayment(c.ctx, c.authenticate(payment))
	if code := shop.CodeOf(err); code != "" && code != shop.InProgress {
		c.t.Fatal(err)
	}
	c.settle()
	return payment
}

// wantLedger checks what the simulator counts: captures, and what it keeps.
func (c *counter) wantLedger(p shop.Payment, captures int, net shop.Won) {
	c.t.Helper()
	ledger := c.sim(p.PG).Ledger(*p.PaymentKey)
	if ledger.Captures != captures || ledger.Captured-ledger.Refunded != net {
		c.t.Errorf("the gateway counts %d captures and keeps %d won, want %d and %d", ledger.Captures, ledger.Captured-ledger.Refunded, captures, net)
	}
}

// wantStatus checks the states of the order and its payment.
func (c *counter) wantStatus(p shop.Payment, order shop.OrderStatus, payment shop.PaymentStatus) {
	c.t.Helper()
	if got := c.state(p); got.Order != order || got.Payment != payment {
		c.t.Errorf("the order is %s and the payment %s, want %s and %s", got.Order, got.Payment, order, payment)
	}
}

// replica opens the same shop once more, as another process has it.
func (c *counter) replica(gateways map[shop.PG]pg.Gateway) *till {
	c.t.Helper()
	if gateways == nil {
		gateways = c.clients(c.clock)
	}
	s := openTillAt(c.t, c.dsn, c.clock, gateways)
	s.shopper, s.product, s.Replica = c.shopper, c.product, "two"
	return s
}

// faults are what may come between a call and its answer.
var faults = []string{
	"drop_before", "drop_after", "hang_before", "hang_after", "http_error", "http_error_after", "truncate", "garbage",
	"wrong_amount", "wrong_order", "wrong_currency", "redirect", "huge",
}

// TestHandler_gatewayFaults strikes each call to each gateway with each fault:
// the money is taken, or given back, once, and the books know it.
func TestHandler_gatewayFaults(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		t.Run("on approve", func(t *testing.T) {
			t.Parallel()
			c := openCounter(t, 100)
			for _, fault := range faults {
				c.renew()
				payment := c.ready(c.order(1), gateway)
				approve := c.authenticate(payment)
				c.sim(gateway).SetFault("approve", fault, 1)
				_, err := c.ApprovePayment(c.ctx, approve)
				if code := shop.CodeOf(err); code != "" && code != shop.InProgress {
					t.Errorf("%s: answered %v", fault, err)
				}
				c.sim(gateway).Heal()
				c.settle()
				c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
				c.wantLedger(payment, 1, 11_000)
			}
		})
		t.Run("on look-up, after an approval's answer was lost", func(t *testing.T) {
			t.Parallel()
			c := openCounter(t, 100)
			c.deafen()
			for _, fault := range faults {
				c.renew()
				payment := c.ready(c.order(1), gateway)
				approve := c.authenticate(payment)
				c.sim(gateway).SetFault("approve", "hang_after", 0)
				_, err := c.ApprovePayment(c.ctx, approve)
				if code := shop.CodeOf(err); code != shop.InProgress {
					t.Errorf("%s: answered %v", fault, err)
				}
				c.sim(gateway).SetFault("lookup", fault, 1)
				c.settle()
				c.sim(gateway).Heal()
				c.settle()
				c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
				c.wantLedger(payment, 1, 11_000)
			}
		})
		t.Run("on cancel", func(t *testing.T) {
			t.Parallel()
			c := openCounter(t, 100)
			for _, fault := range faults {
				c.renew()
				payment := c.pay(1, gateway)
				c.sim(gateway).SetFault("cancel", fault, 1)
				_, err := c.cancel(payment, 4_000)
				if code := shop.CodeOf(err); code != "" && code != shop.InProgress {
					t.Errorf("%s: answered %v", fault, err)
				}
				c.sim(gateway).Heal()
				c.settle()
				c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled)
				c.wantLedger(payment, 1, 7_000)
				c.sim(gateway).SetFault("cancel", fault, 1)
				_, _ = c.cancel(payment, 0)
				c.sim(gateway).Heal()
				c.settle()
				c.wantStatus(payment, shop.OrderStatusCanceled, shop.PaymentStatusCanceled)
				c.wantLedger(payment, 1, 0)
			}
		})
		t.Run("on look-up, after a refund's answer was lost", func(t *testing.T) {
			t.Parallel()
			c := openCounter(t, 100)
			c.deafen()
			for _, fault := range faults {
				c.renew()
				payment := c.pay(1, gateway)
				c.sim(gateway).SetFault("cancel", "hang_after", 0)
				_, err := c.cancel(payment, 4_000)
				if code := shop.CodeOf(err); code != shop.InProgress {
					t.Errorf("%s: answered %v", fault, err)
				}
				c.sim(gateway).SetFault("lookup", fault, 1)
				c.settle()
				c.sim(gateway).Heal()
				c.settle()
				c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled)
				c.wantLedger(payment, 1, 7_000)
			}
			if n := c.openCases(); n != 0 {
				t.Errorf("%d cases are open", n)
			}
		})
	})
}

// TestHandler_consoleRefunds lets somebody give money back in the gateway's
// console, while refunds of ours are known and unknown.
func TestHandler_consoleRefunds(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		c := openCounter(t, 100)
		sim := c.sim(gateway)
		for _, test := range []struct {
			name          string
			ours, console shop.Won
			fault         string
			kept          shop.Won
			order         shop.OrderStatus
			payment       shop.PaymentStatus
		}{
			{"a part, then ours of a part unknown and made", 3_000, 4_000, "hang_after", 4_000, shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled},
			{"a part, then ours of a part unknown and not made", 3_000, 4_000, "drop_before", 4_000, shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled},
			{"a part, so that ours of all cannot be made", 11_000, 4_000, "drop_before", 7_000, shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled},
			{"all, so that ours of a part cannot be made", 4_000, 11_000, "drop_before", 0, shop.OrderStatusCanceled, shop.PaymentStatusCanceled},
			{"all, so that ours of all cannot be made", 11_000, 11_000, "drop_before", 0, shop.OrderStatusCanceled, shop.PaymentStatusCanceled},
			{"a part, so that ours of too much cannot be made", 8_000, 4_000, "drop_before", 7_000, shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled},
		} {
			c.renew()
			payment := c.pay(1, gateway)
			c.deafen() // a webhook would tell what the answer does not
			sim.SetFault("cancel", test.fault, 0)
			_, err := c.cancel(payment, test.ours)
			if code := shop.CodeOf(err); code != shop.InProgress {
				t.Errorf("%s: answered %v", test.name, err)
			}
			sim.Heal()
			sim.Refund(*payment.PaymentKey, test.console)
			c.settle()
			if got := c.state(payment); got.Order != test.order || got.Payment != test.payment {
				t.Errorf("%s: the order is %s and the payment %s", test.name, got.Order, got.Payment)
			}
			c.wantLedger(payment, 1, test.kept)
		}
	})
}

// TestHandler_refundAfterConsole asks for a refund of what was given back in the console,
// unknown to the books: refused, the books learn why.
func TestHandler_refundAfterConsole(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		c := openCounter(t, 100)
		for _, console := range []shop.Won{4_000, 11_000} {
			payment := c.pay(1, gateway)
			c.sim(gateway).Refund(*payment.PaymentKey, console)
			_, _ = c.CancelOrder(c.ctx, command.CancelOrder{By: c.shopper, IdempotencyKey: newID("key"), OrderID: payment.OrderID})
			c.settle()
			_, _ = c.CancelOrder(c.ctx, command.CancelOrder{By: c.shopper, IdempotencyKey: newID("key"), OrderID: payment.OrderID})
			c.settle()
			c.wantStatus(payment, shop.OrderStatusCanceled, shop.PaymentStatusCanceled)
			c.wantLedger(payment, 1, 0)
		}
	})
}

// TestHandler_manyRefunds asks for twenty tenths and for all at once, while the
// gateway's answers are lost at random: what is given back is what was taken.
func TestHandler_manyRefunds(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		c := openCounter(t, 1)
		payment := c.pay(1, gateway)
		c.sim(gateway).SetFault("cancel", "drop_after", 3)
		var group sync.WaitGroup
		for i := range 21 {
			group.Go(func() {
				amount := shop.Won(1_100)
				if i == 20 {
					amount = 0
				}
				_, err := c.cancel(payment, amount)
				switch shop.CodeOf(err) {
				case "", shop.Invalid, shop.Conflict, shop.InProgress:
				default:
					t.Errorf("refund %d: %v", i, err)
				}
			})
		}
		group.Wait()
		c.sim(gateway).Heal()
		c.renew()
		c.settle()
		_, err := c.cancel(payment, 0)
		if code := shop.CodeOf(err); code != "" && code != shop.Conflict {
			t.Error(err)
		}
		c.settle()
		c.wantStatus(payment, shop.OrderStatusCanceled, shop.PaymentStatusCanceled)
		c.wantLedger(payment, 1, 0)
	})
}

// errCrash is what a process that dies before its call says to nobody.
var errCrash = fmt.Errorf("the process is gone")

// A dying gateway is a process that ends around a call: before it is sent, or
// when it is answered.
type dying struct {
	pg.Gateway
	call  string
	after bool
}

func (d dying) Approve(ctx context.Context, req pg.ApproveRequest) (pg.Payment, error) {
	if d.call == "approve" {
		if d.after {
			_, _ = d.Gateway.Approve(ctx, req)
		}
		panic(errCrash)
	}
	return d.Gateway.Approve(ctx, req)
}

func (d dying) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	if d.call == "cancel" {
		if d.after {
			_, _ = d.Gateway.Cancel(ctx, req)
		}
		panic(errCrash)
	}
	return d.Gateway.Cancel(ctx, req)
}

// crash runs do in a process that dies.
func crash(do func()) {
	defer func() { _ = recover() }()
	do()
}

// resolvedWithin runs another replica's resolver, a second of the clock apart.
func (c *counter) resolvedWithin(other *till, limit time.Duration, done func() bool) {
	c.t.Helper()
	for passed := time.Duration(0); !done(); passed += time.Second {
		if passed > limit {
			c.t.Fatalf("not resolved within %v", limit)
		}
		c.clock.Advance(time.Second)
		_, err := other.ResolvePayments(c.ctx)
		c.must(err)
	}
}

// TestHandler_crashes ends the process between its commits and its calls; another
// replica finishes what it began within a minute.
func TestHandler_crashes(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		c := openCounter(t, 10)
		other := c.replica(nil)
		for _, after := range []bool{false, true} {
			payment := c.ready(c.order(1), gateway)
			approve := c.authenticate(payment)
			mortal := c.replica(map[shop.PG]pg.Gateway{gateway: dying{c.Gateways[gateway], "approve", after}})
			mortal.PGTimeout, other.PGTimeout = 10*time.Second, 10*time.Second
			crash(func() { _, _ = mortal.ApprovePayment(c.ctx, approve) })
			c.resolvedWithin(other, time.Minute, func() bool { return c.state(payment).Payment == shop.PaymentStatusApproved })
			c.wantLedger(payment, 1, 11_000)

			mortal = c.replica(map[shop.PG]pg.Gateway{gateway: dying{c.Gateways[gateway], "cancel", after}})
			mortal.PGTimeout = 10 * time.Second
			crash(func() { _, _ = mortal.cancel(payment, 3_000) })
			c.resolvedWithin(other, time.Minute, func() bool { return c.state(payment).Payment == shop.PaymentStatusPartiallyCanceled })
			c.wantLedger(payment, 1, 8_000)
			crash(func() {
				_, _ = mortal.CancelOrder(c.ctx, command.CancelOrder{By: c.shopper, IdempotencyKey: "all" + string(payment.ID), OrderID: payment.OrderID})
			})
			c.resolvedWithin(other, time.Minute, func() bool { return c.state(payment).Payment == shop.PaymentStatusCanceled })
			canceled, err := other.CancelOrder(c.ctx, command.CancelOrder{By: c.shopper, IdempotencyKey: "all" + string(payment.ID), OrderID: payment.OrderID})
			if err != nil || canceled.Order.Status != shop.OrderStatusCanceled {
				t.Errorf("the key answers %v, %v", canceled.Order.Status, err)
			}
			c.wantLedger(payment, 1, 0)
			c.settle()
		}
	})
}

// TestHandler_lostCommits keeps the answer of each COMMIT of each payment command
// in turn: nothing is asked of a gateway, or told in an event, twice.
func TestHandler_lostCommits(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		c := openCounter(t, 100)
		robber := &thief{}
		robbed := openTillAt(t, robber.before(t, c.dsn), c.clock, c.Gateways)
		robbed.shopper, robbed.product = c.shopper, c.product
		robbed.Projector = projector{} // its own commits are not what is robbed here
		for nth := range 4 {
			for _, step := range []string{"ready", "approve", "cancel"} {
				c.robOne(robbed, robber, gateway, step, nth)
			}
		}
		if robber.stole.Load() < 6 {
			t.Errorf("only %d commits were robbed", robber.stole.Load())
		}
	})
}

// robOne loses the nth commit of a step.
func (c *counter) robOne(robbed *till, robber *thief, gateway shop.PG, step string, nth int) {
	c.t.Helper()
	rob := func(name string) {
		if name == step {
			robber.spare.Store(int32(nth))
			robber.steal.Store(1)
		}
	}
	order := c.order(1)
	ready := command.ReadyPayment{By: c.shopper, IdempotencyKey: newID("key"), OrderID: order.ID, PG: gateway}
	rob("ready")
	readied, err := robbed.ReadyPayment(c.ctx, ready)
	robber.steal.Store(0)
	c.must(err)
	payment := readied.Payment
	approve := c.authenticate(payment)
	rob("approve")
	_, err = robbed.ApprovePayment(c.ctx, approve)
	robber.steal.Store(0)
	if err != nil { // what stands is gone on with, and not left to the resolver
		c.t.Errorf("approve, commit %d lost: %v", nth, err)
	}
	c.settle()
	c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
	rob("cancel")
	_, err = robbed.cancel(payment, 3_000)
	robber.steal.Store(0)
	if err != nil {
		c.t.Errorf("cancel, commit %d lost: %v", nth, err)
	}
	c.settle()
	c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled)
	c.wantLedger(payment, 1, 8_000)
	c.Projector.Project(c.ctx, string(payment.ID), string(order.ID), string(c.product.ID))
	ledger := c.sim(gateway).Ledger(*payment.PaymentKey)
	if ledger.Calls["ready"] != 1 || ledger.Calls["approve"] != 1 || ledger.Calls["cancel"] != 1 {
		c.t.Errorf("%s, commit %d lost: the gateway was called %v", step, nth, ledger.Calls)
	}
	for _, kind := range []string{shop.KindPaymentOpened, shop.KindPaymentReadied, shop.KindPaymentApproving, shop.KindPaymentApproved, shop.KindPaymentCanceling, shop.KindPaymentPartiallyCanceled} {
		var n int
		c.must(c.db.QueryRowContext(c.ctx, `SELECT COUNT(*) FROM events WHERE aggregate_id = ? AND kind = ?`, payment.ID, kind).Scan(&n))
		if n != 1 {
			c.t.Errorf("%s, commit %d lost: %d events %s", step, nth, n, kind)
		}
	}
}

// TestHandler_hostileNames names payments, attempts and keys by what is no id: it
// is no such thing, for ever, and nothing waits for it.
func TestHandler_hostileNames(t *testing.T) {
	t.Parallel()
	c := openCounter(t, 1)
	for _, name := range []string{"결제", "\xff\xfe", "att_\U0001F4B0", "' OR 1=1 --", "", "att_" + string(make([]byte, 300))} {
		_, err := c.ReturnFromGateway(c.ctx, command.ReturnFromGateway{AttemptID: shop.AttemptID(name), Outcome: "approved"})
		c.wantCode(err, shop.NotFound)
		_, err = c.ApprovePayment(c.ctx, command.ApprovePayment{By: c.shopper, PaymentID: shop.PaymentID(name)})
		c.wantCode(err, shop.NotFound)
		_, err = c.FailPayment(c.ctx, command.FailPayment{By: c.shopper, PaymentID: shop.PaymentID(name)})
		c.wantCode(err, shop.NotFound)
		_, err = c.CancelPayment(c.ctx, command.CancelPayment{By: c.shopper, PaymentID: shop.PaymentID(name), IdempotencyKey: "k", Reason: "변심"})
		c.wantCode(err, shop.NotFound)
		_, err = c.CancelOrder(c.ctx, command.CancelOrder{By: c.shopper, OrderID: shop.OrderID(name), IdempotencyKey: "k"})
		c.wantCode(err, shop.NotFound)
		_, err = c.ReadyPayment(c.ctx, command.ReadyPayment{By: c.shopper, OrderID: shop.OrderID(name), IdempotencyKey: "k", PG: shop.PGToss})
		c.wantCode(err, shop.NotFound)
		_, err = c.RefreshGatewayRecord(c.ctx, command.RefreshGatewayRecord{By: c.shopper, PaymentID: shop.PaymentID(name)})
		c.wantCode(err, shop.NotFound)
	}
	for _, name := range []string{"결제", "att_\U0001F4B0", "' OR 1=1 --"} {
		for _, body := range []string{
			fmt.Sprintf(`{"eventType":"PAYMENT_STATUS_CHANGED","data":{"paymentKey":%q,"orderId":%q,"status":"DONE"}}`, name, name),
			fmt.Sprintf(`{"orderId":%q,"status":"DONE","secret":%q}`, name, name),
		} {
			c.must(c.ReceiveWebhook(c.ctx, command.ReceiveWebhook{Body: []byte(body)}))
		}
	}
	c.must(c.Drain(c.ctx))
	var waiting, bodies int
	c.must(c.db.QueryRowContext(c.ctx, `SELECT COALESCE(SUM(next_try_at IS NOT NULL), 0), COALESCE(SUM(body <> ''), 0) FROM webhook_inbox`).Scan(&waiting, &bodies))
	if waiting != 0 || bodies != 0 {
		t.Errorf("%d forged webhooks still wait, and %d bodies are kept", waiting, bodies)
	}

	payment := c.ready(c.order(1), shop.PGToss)
	back, err := url.Parse(c.sim(shop.PGToss).Act(*payment.PaymentKey, "quit"))
	c.must(err)
	_, err = c.ReturnFromGateway(c.ctx, command.ReturnFromGateway{AttemptID: payment.AttemptID, Secret: back.Query().Get("key"), Outcome: "failed", Code: "\xff", Message: "\xed\xa0\x80\x00"})
	c.must(err)
	c.wantStatus(payment, shop.OrderStatusPlaced, shop.PaymentStatusFailed)
}

// silent is a gateway that never answers a look-up before its time is over.
type silent struct {
	pg.Gateway
	clock *clock
	asked *atomic.Int64
}

func (s silent) LookUp(ctx context.Context, _ pg.Key) (pg.Payment, error) {
	s.asked.Add(1)
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		s.clock.Advance(time.Second)
	}
	return pg.Payment{}, &pg.Error{PG: shop.PGKakao, Call: "lookup"}
}

// TestHandler_slowGateway lets one gateway hang with many payments open: those of
// the other are resolved, and orders expire, all the same.
func TestHandler_slowGateway(t *testing.T) {
	t.Parallel()
	c := openCounter(t, 100)
	var stuck []shop.Payment
	for range 40 {
		stuck = append(stuck, c.unknown(shop.PGKakao))
	}
	free := c.unknown(shop.PGToss)
	asked := &atomic.Int64{}
	unwrap := c.wrap(shop.PGKakao, func(client pg.Gateway) pg.Gateway { return silent{client, c.clock, asked} })
	c.clock.Advance(20 * time.Second)
	var group sync.WaitGroup
	group.Go(func() {
		_, err := c.ResolvePayments(c.ctx)
		if err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the other gateway's payment is resolved", func() bool { return c.state(free).Payment == shop.PaymentStatusApproved })
	group.Wait()
	if n := asked.Load(); n > 24 {
		t.Errorf("one run of the resolver waited for %d look-ups of a silent gateway", n)
	}
	unwrap()
	c.settle()
	for _, payment := range stuck {
		c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
	}
}

// unknown buys a unit and loses the gateway's answer, before or after.
func (c *counter) unknown(gateway shop.PG) shop.Payment {
	c.t.Helper()
	payment := c.ready(c.order(1), gateway)
	approve := c.authenticate(payment)
	unwrap := c.wrap(gateway, func(client pg.Gateway) pg.Gateway { return dying{client, "approve", true} })
	crash(func() { _, _ = c.ApprovePayment(c.ctx, approve) })
	unwrap()
	return payment
}

// TestHandler_spacesAroundReasons refunds for a reason with spaces around it: the gateway
// keeps it without, and a lost answer is recognized.
func TestHandler_spacesAroundReasons(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		c := openCounter(t, 1)
		payment := c.pay(1, gateway)
		c.deafen() // a webhook would tell what the answer does not
		c.sim(gateway).SetFault("cancel", "hang_after", 0)
		amount := shop.Won(1_000)
		cmd := command.CancelPayment{By: c.shopper, IdempotencyKey: "k", PaymentID: payment.ID, Amount: &amount, Reason: "  변심 "}
		_, err := c.CancelPayment(c.ctx, cmd)
		c.wantCode(err, shop.InProgress)
		c.sim(gateway).Heal()
		c.renew()
		c.settle()
		canceled, err := c.CancelPayment(c.ctx, cmd)
		if err != nil || canceled.Refund.Status != shop.RefundStatusDone || canceled.Refund.Cause != shop.RefundCauseRequested {
			t.Errorf("the key answers %+v, %v", canceled.Refund, err)
		}
		c.wantLedger(payment, 1, 10_000)
	})
}

// TestHandler_repeatedErrors has Toss answer an error that it then repeats under
// the same idempotency key for ever: what is asked again has a key of its own.
func TestHandler_repeatedErrors(t *testing.T) {
	t.Parallel()
	c := openCounter(t, 10)
	grumble := func(path string) {
		c.hidden = &storing{RoundTripper: pghttp.NewTransport(), path: path}
		c.renew()
	}
	payment := c.ready(c.order(1), shop.PGToss)
	approve := c.authenticate(payment)
	grumble("/confirm")
	_, err := c.ApprovePayment(c.ctx, approve)
	if code := shop.CodeOf(err); code != "" && code != shop.InProgress {
		t.Error(err)
	}
	c.settle()
	c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
	grumble("/cancel")
	_, err = c.cancel(payment, 4_000)
	c.wantCode(err, shop.InProgress)
	c.settle()
	c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled)
	c.wantLedger(payment, 1, 7_000)
}

// storing answers the first POST to a path, and all that repeat its idempotency
// key, with Toss's PROVIDER_ERROR, as Toss does with an error it has stored.
type storing struct {
	http.RoundTripper
	path string
	mu   sync.Mutex
	key  string
}

func (s *storing) RoundTrip(r *http.Request) (*http.Response, error) {
	key := r.Header.Get("Idempotency-Key")
	s.mu.Lock()
	if s.key == "" && strings.HasSuffix(r.URL.Path, s.path) {
		s.key = key
	}
	stored := key != "" && key == s.key
	s.mu.Unlock()
	if !stored {
		return s.RoundTripper.RoundTrip(r)
	}
	w := httptest.NewRecorder()
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.WriteString(`{"code":"PROVIDER_ERROR","message":"일시적인 오류가 발생했습니다."}`)
	return w.Result(), nil
}

// issue opens a virtual account for an order of one unit.
func (c *counter) issue() shop.Payment {
	c.t.Helper()
	payment := c.ready(c.order(1), shop.PGToss)
	c.sim(shop.PGToss).Act(*payment.PaymentKey, "pay_virtual_account")
	approved, err := c.ApprovePayment(c.ctx, c.approval(payment, ""))
	c.must(err)
	if approved.Payment.Status != shop.PaymentStatusWaitingForDeposit {
		c.t.Fatalf("the payment is %s", approved.Payment.Status)
	}
	return approved.Payment
}

// hooked waits until as many webhooks as given have come since before, and acts
// on them.
func (c *counter) hooked(before, more int64) {
	c.t.Helper()
	eventually(c.t, "the webhooks came", func() bool { return c.hooks.Load() >= before+more })
	c.must(c.Drain(c.ctx))
	_, err := c.HandleWebhooks(c.ctx)
	c.must(err)
	_, err = c.ResolvePayments(c.ctx)
	c.must(err)
}

func TestHandler_virtualAccounts(t *testing.T) {
	t.Parallel()
	deposit := func(c *counter, p shop.Payment) { c.sim(shop.PGToss).Act(*p.PaymentKey, "deposit") }
	t.Run("a deposit pays, its webhooks sent twice, out of order and garbled", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 10)
		for _, fault := range []string{"duplicate", "reorder", "drop_after", "wrong_status", "wrong_order"} {
			payment := c.issue()
			c.sim(shop.PGToss).SetFault("webhook", fault, 0)
			before := c.hooks.Load()
			deposit(c, payment)
			c.hooked(before, 2)
			c.sim(shop.PGToss).Heal()
			c.resolveLater()
			c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
			c.wantLedger(payment, 1, 11_000)
			c.settle()
		}
	})
	t.Run("a refund needs an account, which is kept until it is made", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 10)
		payment := c.issue()
		deposit(c, payment)
		c.resolveLater()
		_, err := c.cancel(payment, 0)
		c.wantCode(err, shop.Declined)
		c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
		account := shop.RefundAccount{BankCode: "20", AccountNumber: "1002345678901", HolderName: "홍길동"}
		c.sim(shop.PGToss).SetFault("cancel", "hang_before", 0)
		_, err = c.CancelPayment(c.ctx, command.CancelPayment{By: c.shopper, IdempotencyKey: "k", PaymentID: payment.ID, Reason: "변심", RefundAccount: &account})
		c.wantCode(err, shop.InProgress)
		c.sim(shop.PGToss).Heal()
		c.renew()
		c.settle()
		c.wantStatus(payment, shop.OrderStatusCanceled, shop.PaymentStatusCanceled)
		c.wantLedger(payment, 1, 0)
		for _, query := range []string{
			`SELECT COUNT(*) FROM events WHERE payload LIKE '%1002345678901%'`,
			`SELECT COUNT(*) FROM refunds WHERE account_number IS NOT NULL`,
			`SELECT COUNT(*) FROM idempotency WHERE response LIKE '%1002345678901%'`,
			`SELECT COUNT(*) FROM webhook_inbox WHERE handled_at IS NOT NULL AND body <> ''`,
		} {
			var n int
			c.must(c.db.QueryRowContext(c.ctx, query).Scan(&n))
			if n != 0 {
				t.Errorf("%d rows keep the account: %s", n, query)
			}
		}
	})
	t.Run("an account that nobody waits for is closed", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 10)
		canceled, superseded := c.issue(), c.issue()
		_, err := c.CancelOrder(c.ctx, command.CancelOrder{By: c.shopper, IdempotencyKey: "k", OrderID: canceled.OrderID})
		c.must(err)
		_, err = c.ReadyPayment(c.ctx, command.ReadyPayment{By: c.shopper, IdempotencyKey: "k", OrderID: superseded.OrderID, PG: shop.PGKakao})
		c.must(err)
		c.sim(shop.PGToss).SetFault("cancel", "http_error", 2)
		c.settle()
		c.sim(shop.PGToss).Heal()
		c.resolveLater()
		c.settle()
		for _, payment := range []shop.Payment{canceled, superseded} {
			evidence, err := c.Gateways[shop.PGToss].LookUp(c.ctx, pg.Key{PaymentKey: *payment.PaymentKey})
			if err != nil || evidence.Status != pg.StatusRefunded {
				t.Errorf("the account is %s, %v", evidence.Status, err)
			}
		}
	})
	t.Run("a deposit after the order's end is a case, and asked back once", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 10)
		payment := c.issue()
		c.hooked(0, 2)
		_, err := c.CancelOrder(c.ctx, command.CancelOrder{By: c.shopper, IdempotencyKey: "k", OrderID: payment.OrderID})
		c.must(err)
		before := c.hooks.Load()
		deposit(c, payment)
		c.hooked(before, 2)
		c.settle()
		c.wantStatus(payment, shop.OrderStatusCanceled, shop.PaymentStatusCanceled)
		for range 3 {
			_, err = c.ResolveAttempt(c.ctx, command.ResolveAttempt{AttemptID: payment.AttemptID, Actor: shop.ActorResolver})
			c.must(err)
		}
		if n, calls := c.openCases(), c.sim(shop.PGToss).Ledger(*payment.PaymentKey).Calls["cancel"]; n != 1 || calls != 1 {
			t.Errorf("%d cases are open after %d refunds asked for, want 1 and 1", n, calls)
		}
	})
	t.Run("an order that waits too long ends though its gateway is silent to others", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 10)
		c.deafen() // the account's own webhook would have it looked up
		payment := c.issue()
		plain := c.ready(c.order(1), shop.PGKakao)
		c.clock.Advance(8 * 24 * time.Hour)
		c.sim(shop.PGToss).SetFault("lookup", "hang_before", 0)
		before := c.sim(shop.PGToss).Ledger(*payment.PaymentKey).Calls["lookup"]
		_, err := c.ExpireOrders(c.ctx)
		c.must(err)
		if after := c.sim(shop.PGToss).Ledger(*payment.PaymentKey).Calls["lookup"]; after != before {
			t.Error("expiring orders waited for a gateway")
		}
		c.wantStatus(plain, shop.OrderStatusExpired, shop.PaymentStatusExpired)
		c.sim(shop.PGToss).Heal()
		c.renew()
		c.resolveLater()
		c.settle()
		c.wantStatus(payment, shop.OrderStatusExpired, shop.PaymentStatusExpired)
		if got := c.state(payment); got.Reserved != 0 {
			t.Errorf("%d units are still held", got.Reserved)
		}
	})
}

// TestHandler_gatewayExpiry comes to pay when the gateway's own time is over, and
// when the order's is.
func TestHandler_gatewayExpiry(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		c := openCounter(t, 10)
		c.OrderHold = time.Hour
		payment := c.ready(c.order(1), gateway)
		approve := c.authenticate(payment)
		c.clock.Advance(20 * time.Minute)
		_, err := c.ApprovePayment(c.ctx, approve)
		c.wantCode(err, shop.Declined)
		c.wantStatus(payment, shop.OrderStatusPlaced, shop.PaymentStatusFailed)
		c.wantLedger(payment, 0, 0)

		// The gateway takes the money later than the order could wait.
		c.OrderHold = time.Second
		late := c.ready(c.order(1), gateway)
		approve = c.authenticate(late)
		unwrap := c.wrap(gateway, func(client pg.Gateway) pg.Gateway { return dying{client, "approve", false} })
		crash(func() { _, _ = c.ApprovePayment(c.ctx, approve) })
		unwrap()
		c.clock.Advance(2 * time.Minute)
		_, err = c.ResolvePayments(c.ctx)
		c.must(err)
		c.wantStatus(late, shop.OrderStatusPlaced, shop.PaymentStatusFailed)
		token := ""
		if approve.PgToken != nil {
			token = *approve.PgToken
		}
		_, err = c.Gateways[gateway].Approve(c.ctx, pg.ApproveRequest{IdempotencyKey: "late", Key: pg.Key{PaymentKey: *late.PaymentKey, AttemptID: late.AttemptID}, UserRef: string(late.UserID), PgToken: token, Amount: late.Amount})
		c.must(err)
		_, err = c.ExpireOrders(c.ctx)
		c.must(err)
		c.clock.Advance(7 * time.Minute)
		c.settle()
		c.wantStatus(late, shop.OrderStatusExpired, shop.PaymentStatusExpired)
		c.wantLedger(late, 1, 0)
	})
}

// A garrulous carrier has a gateway say more than the books have room for.
type garrulous struct{ http.RoundTripper }

func (g garrulous) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := g.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		return nil, err
	}
	long := strings.Repeat("길", 300)
	for old, said := range map[string]string{
		`"method":"카드"`: `"method":"` + long + `"`, `"payment_method_type":"CARD"`: `"payment_method_type":"` + long + `"`,
	} {
		body = []byte(strings.ReplaceAll(string(body), old, said))
	}
	answer.Body, answer.ContentLength = io.NopCloser(strings.NewReader(string(body))), int64(len(body))
	answer.Header.Del("Content-Length")
	return answer, nil
}

// TestHandler_garrulousGateway records money though the record of it has no room.
func TestHandler_garrulousGateway(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		c := openCounter(t, 1)
		c.hidden = garrulous{pghttp.NewTransport()}
		c.renew()
		payment := c.pay(1, gateway)
		c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
		c.wantLedger(payment, 1, 11_000)
	})
}

// TestHandler_lateTaxFree gives money back in parts that no order waits for, of
// which some is tax-free: the parts fit what the gateway has left.
func TestHandler_lateTaxFree(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		c := openCounter(t, 10)
		created, err := c.CreateProduct(c.ctx, command.CreateProduct{
			By: shop.Caller{UserID: "usr_operator", Actor: shop.ActorOperator}, IdempotencyKey: "free", Name: "쌀", Price: 4_000, TaxFree: true, Stock: 10,
		})
		c.must(err)
		placed, err := c.PlaceOrder(c.ctx, command.PlaceOrder{By: c.shopper, IdempotencyKey: "both", Lines: []command.PlaceOrderLine{
			{ProductID: c.product.ID, Quantity: 1}, {ProductID: created.Product.ID, Quantity: 1},
		}})
		c.must(err)
		earlier := c.ready(placed.Order, gateway)
		approve := c.authenticate(earlier)
		latest := c.ready(placed.Order, gateway)
		_, err = c.ApprovePayment(c.ctx, c.authenticate(latest))
		c.must(err)
		request := pg.ApproveRequest{
			IdempotencyKey: "late", Key: pg.Key{PaymentKey: *earlier.PaymentKey, AttemptID: earlier.AttemptID}, UserRef: string(earlier.UserID), Amount: earlier.Amount,
		}
		if approve.PgToken != nil {
			request.PgToken = *approve.PgToken
		}
		_, err = c.Gateways[gateway].Approve(c.ctx, request)
		c.must(err)
		c.sim(gateway).Refund(*earlier.PaymentKey, 12_000)
		_, err = c.ResolveAttempt(c.ctx, command.ResolveAttempt{AttemptID: earlier.AttemptID, Actor: shop.ActorResolver})
		c.must(err)
		c.settle()
		c.wantLedger(earlier, 1, 0)
		c.wantLedger(latest, 1, 15_000)
		if n := c.openCases(); n != 0 {
			t.Errorf("%d cases are open", n)
		}
	})
}

// TestHandler_manyApprovals has three replicas asked at once to approve, refund
// and end one order, while webhooks wake the resolver before the gateway answers.
func TestHandler_manyApprovals(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		c := openCounter(t, 10)
		replicas := []*till{c.till, c.replica(nil), c.replica(nil)}
		for _, fault := range []string{"slow_after", "drop_after", "hang_after"} {
			payment := c.ready(c.order(1), gateway)
			approve := c.authenticate(payment)
			c.sim(gateway).SetFault("approve", fault, 1)
			var group sync.WaitGroup
			for i := range 50 {
				group.Go(func() {
					approved, err := replicas[i%3].ApprovePayment(c.ctx, approve)
					if code := shop.CodeOf(err); code != "" && code != shop.InProgress {
						t.Errorf("%s: answered %v, %v", fault, approved.Payment.Status, err)
					}
				})
			}
			for _, replica := range replicas {
				group.Go(func() {
					_, _ = replica.HandleWebhooks(c.ctx)
					_, _ = replica.ResolvePayments(c.ctx)
				})
			}
			group.Wait()
			c.settle()
			c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
			c.wantLedger(payment, 1, 11_000)
			for i := range 6 {
				group.Go(func() {
					_, _ = replicas[i%3].RefreshGatewayRecord(c.ctx, command.RefreshGatewayRecord{By: c.shopper, PaymentID: payment.ID})
				})
				group.Go(func() { _, _ = replicas[i%3].cancel(payment, 2_000) })
				group.Go(func() {
					_, _ = replicas[i%3].CancelOrder(c.ctx, command.CancelOrder{By: c.shopper, IdempotencyKey: "k" + string(payment.ID), OrderID: payment.OrderID})
				})
			}
			group.Wait()
			c.settle()
			_, err := c.CancelOrder(c.ctx, command.CancelOrder{By: c.shopper, IdempotencyKey: "k" + string(payment.ID), OrderID: payment.OrderID})
			c.must(err)
			c.settle()
			c.wantStatus(payment, shop.OrderStatusCanceled, shop.PaymentStatusCanceled)
			c.wantLedger(payment, 1, 0)
		}
	})
}

// TestHandler_brokenBooks makes what a gateway says impossible to record: a
// person hears of it within a quarter of an hour.
func TestHandler_brokenBooks(t *testing.T) {
	t.Parallel()
	c := openCounter(t, 10)
	payment := c.unknown(shop.PGToss)
	_, err := c.db.ExecContext(c.ctx, `CREATE TRIGGER broken BEFORE UPDATE ON orders FOR EACH ROW SIGNAL SQLSTATE '45000'`)
	c.must(err)
	for range 20 {
		c.clock.Advance(time.Minute)
		_, err := c.ResolvePayments(c.ctx)
		c.must(err)
	}
	if n := c.openCases(); n != 1 {
		t.Errorf("%d cases are open", n)
	}
	_, err = c.db.ExecContext(c.ctx, `DROP TRIGGER broken`)
	c.must(err)
	c.clock.Advance(6 * time.Minute)
	c.settle()
	c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
}

// TestHandler_staleEvidence applies a look-up that was overtaken: it changes
// neither the money, nor the gateway's record, nor anybody's mind.
func TestHandler_staleEvidence(t *testing.T) {
	t.Parallel()
	record := func(c *counter, p shop.Payment) (kept string) {
		table := map[shop.PG]string{shop.PGKakao: "kakao_payments", shop.PGToss: "toss_payments"}[p.PG]
		c.must(c.db.QueryRowContext(c.ctx, `SELECT status FROM `+table+` WHERE attempt_id = ?`, p.AttemptID).Scan(&kept))
		return kept
	}
	stale := func(c *counter, p shop.Payment, do func()) {
		t.Helper()
		evidence, err := c.Gateways[p.PG].LookUp(c.ctx, pg.Key{PaymentKey: *p.PaymentKey, AttemptID: p.AttemptID})
		c.must(err)
		c.clock.Advance(time.Second)
		do()
		want, status := c.state(p), record(c, p)
		_, err = c.ApplyEvidence(c.ctx, command.ApplyEvidence{AttemptID: p.AttemptID, Evidence: evidence, Actor: shop.ActorResolver})
		c.must(err)
		c.want(p, want)
		if got := record(c, p); got != status {
			t.Errorf("the record says %s again, after %s", got, status)
		}
		if n := c.openCases(); n != 0 {
			t.Errorf("%d cases are open", n)
		}
	}
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		c := openCounter(t, 10)
		payment := c.pay(1, gateway)
		stale(c, payment, func() { _, err := c.cancel(payment, 4_000); c.must(err) })
		stale(c, payment, func() { _, err := c.cancel(payment, 0); c.must(err) })
	})
	t.Run("of an account without its deposit", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 10)
		payment := c.issue()
		stale(c, payment, func() {
			c.sim(shop.PGToss).Act(*payment.PaymentKey, "deposit")
			c.resolveLater()
		})
		c.settle()
	})
}

// TestHandler_keysThatLookAlike uses keys that a database that pads, folds or
// cuts would take for one: each has its own refund.
func TestHandler_keysThatLookAlike(t *testing.T) {
	t.Parallel()
	c := openCounter(t, 1)
	payment := c.pay(1, shop.PGToss)
	keys := []string{"k", "K", "k ", " k", "ｋ", "k\u200b", "é", "e\u0301", strings.Repeat("키", 99) + "a", strings.Repeat("키", 99) + "b"}
	amount := shop.Won(100)
	for range 2 {
		kept := shop.Won(11_000)
		for _, key := range keys {
			_, err := c.CancelPayment(c.ctx, command.CancelPayment{By: c.shopper, IdempotencyKey: key, PaymentID: payment.ID, Amount: &amount, Reason: "변심"})
			if err != nil {
				wantField(t, err, "idempotencyKey")
				continue
			}
			kept -= amount
		}
		c.wantLedger(payment, 1, kept)
	}
}

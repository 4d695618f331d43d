package command_test

import (
	"context"
	crand "crypto/rand"
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/command"
	"payment-system/pg"
	"payment-system/shop"
)

// A scripted gateway does what a test says about each of its calls, counted from 1; what it says
// nothing about goes through.
type scripted struct {
	pg.Gateway
	approve   func(n int, made func() (pg.Payment, error)) (pg.Payment, error)
	cancel    func(n int, made func() (pg.Payment, error)) (pg.Payment, error)
	lookUp    func(n int, seen func() (pg.Payment, error)) (pg.Payment, error)
	approvals atomic.Int32
	cancels   atomic.Int32
	lookUps   atomic.Int32
}

func (g *scripted) Approve(ctx context.Context, req pg.ApproveRequest) (pg.Payment, error) {
	n, call := int(g.approvals.Add(1)), func() (pg.Payment, error) { return g.Gateway.Approve(ctx, req) }
	if g.approve == nil {
		return call()
	}
	return g.approve(n, call)
}

func (g *scripted) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	n, call := int(g.cancels.Add(1)), func() (pg.Payment, error) { return g.Gateway.Cancel(ctx, req) }
	if g.cancel == nil {
		return call()
	}
	return g.cancel(n, call)
}

func (g *scripted) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	n, call := int(g.lookUps.Add(1)), func() (pg.Payment, error) { return g.Gateway.LookUp(ctx, key) }
	if g.lookUp == nil {
		return call()
	}
	return g.lookUp(n, call)
}

// misstateFirst has the first look-up told otherwise than the gateway does.
func (g *scripted) misstateFirst(change func(answer *pg.Payment)) {
	g.lookUp = func(n int, seen func() (pg.Payment, error)) (pg.Payment, error) {
		answer, err := seen()
		if n == 1 {
			change(&answer)
		}
		return answer, err
	}
}

// script puts a scripted gateway before a fake.
func (s *till) script(gateway shop.PG) *scripted {
	g := &scripted{Gateway: s.fakes[gateway]}
	s.Gateways[gateway] = g
	return g
}

// neighbor is another replica on the same database and gateways.
func (s *till) neighbor() *command.Handler {
	h := &command.Handler{
		DB: s.DB, Locks: command.NoLocks{}, Gateways: s.Gateways, Projector: s.Projector, Redis: s.Redis, Now: s.Now, NewID: newID,
		Random: func(p []byte) { _, _ = crand.Read(p) }, Logger: slog.New(slog.DiscardHandler),
		PublicURL: s.PublicURL, OrderHold: s.OrderHold, PGTimeout: s.PGTimeout, Replica: "two",
	}
	s.t.Cleanup(func() { _ = h.Drain(context.Background()) })
	return h
}

// Proves rules 2 and 3 for a first call that ends after it was repeated: its word is about itself
// alone, and does not end what another replica is asking for.
func TestHandler_lateAnswer(t *testing.T) {
	t.Parallel()
	t.Run("that nothing was sent leaves a repeat alone whose answer is lost", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			for _, outcome := range []pg.Outcome{pg.OutcomeNotSent, pg.OutcomeMisconfigured, pg.OutcomeRefused} {
				s := openTill(t, 1)
				g, other := s.script(gateway), s.neighbor()
				first, told, captured := make(chan struct{}), make(chan struct{}), make(chan struct{})
				g.approve = func(n int, made func() (pg.Payment, error)) (pg.Payment, error) {
					switch n {
					case 1:
						<-first
						return pg.Payment{}, &pg.Error{PG: gateway, Call: "approve", Outcome: outcome}
					case 2:
						_, err := made()
						close(captured)
						<-told
						return pg.Payment{}, &pg.Error{PG: gateway, Call: "approve", Err: err}
					}
					return made()
				}
				payment := s.ready(s.order(1), gateway)
				approve := s.authenticate(payment)
				answered, resolved := make(chan error), make(chan error)
				go func() { _, err := s.ApprovePayment(s.ctx, approve); answered <- err }()
				eventually(t, "the approval is on its way", func() bool { return g.approvals.Load() == 1 })
				s.clock.Advance(12 * time.Second)
				go func() { _, err := other.ResolvePayments(s.ctx); resolved <- err }()
				<-captured
				close(first)
				if err := <-answered; outcome != pg.OutcomeRefused {
					s.wantCode(err, shop.InProgress)
				}
				close(told)
				s.must(<-resolved)
				s.settle()
				s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
				s.wantLedger(payment, 1, 11_000)
			}
		})
	})

	t.Run("is nothing to a payment that was made meanwhile and is being refunded", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			for _, outcome := range []pg.Outcome{pg.OutcomeNotSent, pg.OutcomeRefused, pg.OutcomeUnknown} {
				s := openTill(t, 1)
				g := s.script(gateway)
				first := make(chan struct{})
				g.approve = func(n int, made func() (pg.Payment, error)) (pg.Payment, error) {
					if n > 1 {
						return made()
					}
					<-first
					return pg.Payment{}, &pg.Error{PG: gateway, Call: "approve", Outcome: outcome}
				}
				payment := s.ready(s.order(1), gateway)
				approve := s.authenticate(payment)
				answered := make(chan error)
				go func() { _, err := s.ApprovePayment(s.ctx, approve); answered <- err }()
				eventually(t, "the approval is on its way", func() bool { return g.approvals.Load() == 1 })
				s.clock.Advance(12 * time.Second)
				_, err := s.neighbor().ResolvePayments(s.ctx)
				s.must(err)
				s.fakes[gateway].Lose("cancel", 1)
				_, err = s.cancel(payment, 4_000)
				s.wantCode(err, shop.InProgress)
				close(first)
				<-answered
				s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusUnknown, 0, 0, 1})
				s.settle()
				s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled, 0, 0, 1})
				s.wantLedger(payment, 1, 7_000)
			}
		})
	})

	t.Run("that is none has a failed payment looked up again", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			g := s.script(gateway)
			first := make(chan struct{})
			g.approve = func(_ int, made func() (pg.Payment, error)) (pg.Payment, error) {
				<-first
				_, err := made()
				return pg.Payment{}, &pg.Error{PG: gateway, Call: "approve", Err: err}
			}
			g.misstateFirst(func(answer *pg.Payment) { answer.Status = pg.StatusFailed })
			payment := s.ready(s.order(1), gateway)
			approve := s.authenticate(payment)
			answered := make(chan error)
			go func() { _, err := s.ApprovePayment(s.ctx, approve); answered <- err }()
			eventually(t, "the approval is on its way", func() bool { return g.approvals.Load() == 1 })
			s.clock.Advance(12 * time.Second)
			_, err := s.neighbor().ResolvePayments(s.ctx)
			s.must(err)
			s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusFailed, 0, 1, 0})
			close(first)
			<-answered
			s.settle()
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
			s.wantLedger(payment, 1, 11_000)
		})
	})
}

// Proves rule 2 for a gateway that does not find a payment it has named itself: nobody believes it
// at once, and nothing waits for it for ever.
// Proves that money which a call takes late is found and given back, however often somebody had the
// gateway asked in vain before.
func TestHandler_lookedUpEarly(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		s := openTill(t, 1)
		g := s.script(gateway)
		var arrive func() (pg.Payment, error)
		g.approve = func(n int, made func() (pg.Payment, error)) (pg.Payment, error) {
			arrive = made
			return pg.Payment{}, &pg.Error{PG: gateway, Call: "approve", Outcome: pg.OutcomeUnknown}
		}
		payment := s.ready(s.order(1), gateway)
		_, err := s.ApprovePayment(s.ctx, s.authenticate(payment))
		s.wantCode(err, shop.InProgress)
		s.clock.Advance(16 * time.Minute)
		for range 3 { // the order's time is over, and nothing is taken so far
			s.must(s.WakeAttempt(s.ctx, payment.AttemptID))
			_, err = s.ResolvePayments(s.ctx)
			s.must(err)
			_, err = s.ExpireOrders(s.ctx)
			s.must(err)
			s.clock.Advance(time.Second)
		}
		s.want(payment, state{shop.OrderStatusExpired, shop.PaymentStatusExpired, 1, 0, 0})
		_, err = arrive()
		s.must(err)
		s.settle()
		s.want(payment, state{shop.OrderStatusExpired, shop.PaymentStatusExpired, 1, 0, 0})
		s.wantLedger(payment, 1, 0)
	})
}

func TestHandler_notFound(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		t.Run("once is no failure", func(t *testing.T) {
			s := openTill(t, 1)
			payment := s.ready(s.order(1), gateway)
			s.fakes[gateway].Lose("approve", 1)
			s.fakes[gateway].Fail("lookup", pg.OutcomeNotFound, 1)
			_, err := s.ApprovePayment(s.ctx, s.authenticate(payment))
			s.wantCode(err, shop.InProgress)
			s.clock.Advance(3 * time.Second)
			_, err = s.ResolvePayments(s.ctx)
			s.must(err)
			s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusUnknown, 0, 1, 0})
			s.settle()
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
			s.wantLedger(payment, 1, 11_000)
		})
		t.Run("for a quarter of an hour is one, and is asked about once more", func(t *testing.T) {
			s := openTill(t, 1)
			s.OrderHold = time.Hour
			payment := s.ready(s.order(1), gateway)
			s.fakes[gateway].Lose("approve", 1)
			s.fakes[gateway].Fail("lookup", pg.OutcomeNotFound, 0)
			_, err := s.ApprovePayment(s.ctx, s.authenticate(payment))
			s.wantCode(err, shop.InProgress)
			minutes := 0
			for ; s.state(payment).Payment == shop.PaymentStatusUnknown && minutes < 60; minutes++ {
				s.clock.Advance(time.Minute)
				_, err := s.ResolvePayments(s.ctx)
				s.must(err)
			}
			if got := s.state(payment).Payment; got != shop.PaymentStatusFailed || minutes < 15 || minutes > 23 {
				t.Errorf("after %d minutes the payment is %s", minutes, got)
			}
			if n := s.openCases(); n != 0 {
				t.Errorf("the gateway has told, and %d cases are open", n)
			}
			s.fakes[gateway].Heal()
			s.settle()
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
			s.wantLedger(payment, 1, 11_000)
		})
	})
}

// Proves rule 2 for a bank that takes its time: that a payment failed is not believed, whoever
// looks, before the time is over in which the bank may still make it.
func TestHandler_failureBeforeTime(t *testing.T) {
	t.Parallel()
	for _, says := range []string{"failed", "not found"} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			s := openTill(t, 1)
			s.OrderHold = 3 * time.Hour
			g := s.script(shop.PGKakao)
			g.approve = func(int, func() (pg.Payment, error)) (pg.Payment, error) {
				return pg.Payment{}, &pg.Error{PG: shop.PGKakao, Call: "approve", Code: "-780/BANK_FIRM_UNKNOWN", Status: 400, RetryAfter: 20 * time.Minute}
			}
			var knows atomic.Bool
			g.lookUp = func(_ int, seen func() (pg.Payment, error)) (pg.Payment, error) {
				answer, err := seen()
				if knows.Load() {
					return answer, err
				}
				if says == "not found" {
					return pg.Payment{}, &pg.Error{PG: shop.PGKakao, Call: "lookup", Outcome: pg.OutcomeNotFound, Code: "-721", Status: 400}
				}
				answer.Status = pg.StatusFailed
				return answer, err
			}
			payment := s.ready(s.order(1), shop.PGKakao)
			approve := s.authenticate(payment)
			_, err := s.ApprovePayment(s.ctx, approve)
			s.wantCode(err, shop.InProgress)
			for range 19 {
				s.clock.Advance(time.Minute)
				_, err = s.RefreshGatewayRecord(s.ctx, command.RefreshGatewayRecord{By: s.shopper, PaymentID: payment.ID})
				s.must(err)
				s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusUnknown, 0, 1, 0})
				if t.Failed() {
					return
				}
			}
			s.capture(payment, approve)
			knows.Store(true)
			_, err = s.RefreshGatewayRecord(s.ctx, command.RefreshGatewayRecord{By: s.shopper, PaymentID: payment.ID})
			s.must(err)
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
			s.wantLedger(payment, 1, 11_000)
		})
	}
}

// Proves I8 for a refund whose repeat is refused because the first call was carried out late: the
// leg that carries its name is that refund, whatever the books believed of it meanwhile.
func TestHandler_refusedRepeat(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before the repeat", "after the refusal", "soon after the refusal, told by nobody"} {
		t.Run("carried out "+when, func(t *testing.T) {
			t.Parallel()
			s := openTill(t, 1)
			payment := s.pay(1, shop.PGKakao)
			g := s.script(shop.PGKakao)
			var first func() (pg.Payment, error)
			g.cancel = func(n int, made func() (pg.Payment, error)) (pg.Payment, error) {
				if n == 1 {
					first = made
					return pg.Payment{}, &pg.Error{PG: shop.PGKakao, Call: "cancel", Err: errors.New("no answer came")}
				}
				if when == "before the repeat" {
					_, err := first()
					s.must(err)
				}
				return pg.Payment{}, &pg.Error{PG: shop.PGKakao, Call: "cancel", Outcome: pg.OutcomeRefused, Code: "-781/INVALID_CANCEL_AMOUNT", Status: 400}
			}
			amount := shop.Won(4_000)
			cmd := command.CancelPayment{By: s.shopper, IdempotencyKey: newID("key"), PaymentID: payment.ID, Amount: &amount, Reason: "변심"}
			_, err := s.CancelPayment(s.ctx, cmd)
			s.wantCode(err, shop.InProgress)
			if when == "soon after the refusal, told by nobody" {
				for range 10 {
					s.clock.Advance(4 * time.Second)
					_, err = s.ResolvePayments(s.ctx)
					s.must(err)
				}
				s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
				_, err = first()
				s.must(err)
			}
			s.settle()
			if when == "after the refusal" {
				_, err = first()
				s.must(err)
				s.must(s.WakeAttempt(s.ctx, payment.AttemptID))
				s.settle()
			}
			canceled, err := s.CancelPayment(s.ctx, cmd)
			if err != nil || canceled.Refund.Status != shop.RefundStatusDone || canceled.Refund.Cause != shop.RefundCauseRequested {
				t.Errorf("the key is answered with %+v, %v", canceled.Refund, err)
			}
			var refunds int
			s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM refunds`).Scan(&refunds))
			if refunds != 1 {
				t.Errorf("the books hold %d refunds, want 1", refunds)
			}
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled, 0, 0, 1})
			s.wantLedger(payment, 1, 7_000)
		})
	}
}

// Proves I7: an attempt that was overtaken by another's money, while it was being approved, ends.
func TestHandler_overtaken(t *testing.T) {
	t.Parallel()
	for i, says := range []func(seen pg.Payment, err error) (pg.Payment, error){
		func(seen pg.Payment, err error) (pg.Payment, error) { return seen, err },
		func(pg.Payment, error) (pg.Payment, error) {
			return pg.Payment{}, &pg.Error{PG: shop.PGKakao, Call: "lookup", Outcome: pg.OutcomeNotFound, Code: "-721", Status: 400}
		},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			s := openTill(t, 1)
			order := s.order(1)
			account := s.ready(order, shop.PGToss)
			s.fakes[shop.PGToss].PayByVirtualAccount(*account.PaymentKey)
			_, err := s.ApprovePayment(s.ctx, s.approval(account, ""))
			s.must(err)
			card := s.ready(order, shop.PGKakao)
			g := s.script(shop.PGKakao)
			g.approve = func(int, func() (pg.Payment, error)) (pg.Payment, error) {
				s.fakes[shop.PGToss].Deposit(*account.PaymentKey)
				_, err := s.ResolveAttempt(s.ctx, command.ResolveAttempt{AttemptID: account.AttemptID, Actor: shop.ActorResolver})
				s.must(err)
				return pg.Payment{}, &pg.Error{PG: shop.PGKakao, Call: "approve"}
			}
			g.lookUp = func(_ int, seen func() (pg.Payment, error)) (pg.Payment, error) { return says(seen()) }
			_, err = s.ApprovePayment(s.ctx, s.authenticate(card))
			if err != nil {
				s.wantCode(err, shop.InProgress)
			}
			for range 25 {
				s.clock.Advance(time.Minute)
				_, err = s.ResolvePayments(s.ctx)
				s.must(err)
			}
			var status string
			var due bool
			s.must(s.db.QueryRowContext(s.ctx, `SELECT status, check_at IS NOT NULL FROM attempts WHERE id = ?`, string(card.AttemptID)).Scan(&status, &due))
			if status != string(shop.PaymentStatusFailed) || due {
				t.Errorf("the attempt that was overtaken is %s, and is to be looked up: %v", status, due)
			}
			s.want(account, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
			s.wantLedger(account, 1, 11_000)
			s.wantLedger(card, 0, 0)
		})
	}
}

// Proves: a look-up that ends after a refund was asked for does not stop the clock of that refund.
func TestHandler_newerIntent(t *testing.T) {
	t.Parallel()
	s := openTill(t, 1)
	payment := s.pay(1, shop.PGToss)
	other := s.neighbor()
	var refunded atomic.Bool
	other.Projector = hookedProjector{Projector: s.Projector, after: func() {
		if refunded.Swap(true) { // after the first commit that is shown, and no other
			return
		}
		s.fakes[shop.PGToss].Lose("cancel", 1)
		_, err := s.cancel(payment, 4_000)
		s.wantCode(err, shop.InProgress)
	}}
	s.must(s.WakeAttempt(s.ctx, payment.AttemptID))
	_, err := other.ResolvePayments(s.ctx)
	s.must(err)
	if !refunded.Load() {
		t.Fatal("nothing was shown")
	}
	var due, since bool
	s.must(s.db.QueryRowContext(s.ctx, `SELECT check_at IS NOT NULL, unresolved_since IS NOT NULL FROM attempts`).Scan(&due, &since))
	if !due || !since {
		t.Errorf("the refund is to be looked up: %v; since when it is open is known: %v", due, since)
	}
	s.settle()
	s.wantLedger(payment, 1, 7_000)
}

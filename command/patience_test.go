package command_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/command"
	"payment-system/pg"
	"payment-system/shop"
)

// A patient gateway says of approvals and cancels that a bank may take twenty minutes to know
// what became of them; none is made. While it is deaf it does not answer at all.
type patient struct {
	pg.Gateway
	asked atomic.Int32
	deaf  atomic.Bool
}

func (g *patient) answer(call string) error {
	g.asked.Add(1)
	return &pg.Error{PG: shop.PGKakao, Call: call, Code: "-780/BANK_FIRM_UNKNOWN", Status: 400, RetryAfter: 20 * time.Minute}
}

func (g *patient) Approve(context.Context, pg.ApproveRequest) (pg.Payment, error) {
	return pg.Payment{}, g.answer("approve")
}

func (g *patient) Cancel(context.Context, pg.CancelRequest) (pg.Payment, error) {
	return pg.Payment{}, g.answer("cancel")
}

func (g *patient) Ready(ctx context.Context, req pg.ReadyRequest) (pg.Ready, error) {
	if g.deaf.Load() {
		return pg.Ready{}, &pg.Error{PG: shop.PGKakao, Call: "ready"}
	}
	return g.Gateway.Ready(ctx, req)
}

// Proves: a call whose outcome a bank takes twenty minutes to know is not made again before, be it
// the first or a repeat, whatever else is heard of the gateway meanwhile, and whoever looks it up.
func TestHandler_patience(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"approve", "cancel"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			s := openTill(t, 500)
			s.OrderHold = 3 * time.Hour
			g := &patient{Gateway: s.Gateways[shop.PGKakao]}
			payment := s.ready(s.order(1), shop.PGKakao)
			approve := s.authenticate(payment)
			if call == "cancel" {
				_, err := s.ApprovePayment(s.ctx, approve)
				s.must(err)
			}
			healthy := s.Gateways[shop.PGKakao]
			s.Gateways[shop.PGKakao] = g
			var err error
			if call == "approve" {
				_, err = s.ApprovePayment(s.ctx, approve)
			} else {
				_, err = s.cancel(payment, 0)
			}
			s.wantCode(err, shop.InProgress)
			for minute := range 70 {
				if told := s.openCases(); (told == 1) != (minute >= 16) && minute != 15 {
					t.Errorf("after %d minutes %d cases are open", minute, told)
				}
				s.clock.Advance(time.Minute)
				g.deaf.Store(true)
				_, err := s.ReadyPayment(s.ctx, s.readying(s.order(1)))
				s.wantCode(err, shop.Unavailable)
				g.deaf.Store(false)
				s.ready(s.order(1), shop.PGKakao)
				_, err = s.RefreshGatewayRecord(s.ctx, command.RefreshGatewayRecord{By: s.shopper, PaymentID: payment.ID})
				if shop.CodeOf(err) != shop.Unavailable { // as it is when it was time to repeat the call
					s.must(err)
				}
				_, err = s.ResolvePayments(s.ctx)
				s.must(err)
			}
			if asked := g.asked.Load(); asked < 3 || asked > 4 {
				t.Errorf("in 70 minutes the gateway was asked %d times for one %s, want it every 20 minutes", asked, call)
			}
			s.Gateways[shop.PGKakao] = healthy
			s.clock.Advance(21 * time.Minute)
			s.settle()
		})
	}
}

// Proves: a gateway that answers again is asked at once for what it owes, and not for deposits that
// nobody has made: there may be thousands.
func TestHandler_depositsOutOfTurn(t *testing.T) {
	t.Parallel()
	c := openCounter(t, 10)
	payment := c.issue()
	c.hooked(0, 2)
	c.resolveLater()
	due := func() (at time.Time) {
		c.must(c.db.QueryRowContext(c.ctx, `SELECT check_at FROM attempts WHERE id = ?`, string(payment.AttemptID)).Scan(&at))
		return at
	}
	before := due()
	g := &patient{}
	g.deaf.Store(true)
	unwrap := c.wrap(shop.PGToss, func(client pg.Gateway) pg.Gateway { g.Gateway = client; return g })
	cmd := c.readying(c.order(1))
	cmd.PG = shop.PGToss
	_, err := c.ReadyPayment(c.ctx, cmd)
	c.wantCode(err, shop.Unavailable)
	unwrap()
	c.clock.Advance(time.Minute)
	c.ready(c.order(1), shop.PGToss)
	if after := due(); !after.Equal(before) {
		t.Errorf("the deposit is asked for at %s, not at %s, for the gateway answered something else", after, before)
	}
}

// Proves: whoever acts on an answer of the gateway, the reconciliation too, asks once more when it
// is about another amount than was asked for.
func TestHandler_AskGateway_oddAnswer(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		s := openTill(t, 1)
		payment := s.pay(1, gateway)
		s.fakes[gateway].Misstate("lookup", func(p *pg.Payment) { p.Amount, p.Captured = 999, 999 }, 1)
		answer, err := s.AskGateway(s.ctx, payment.AttemptID)
		s.must(err)
		if answer.Amount != payment.Amount {
			t.Errorf("one odd answer, of %s won, is believed", answer.Amount)
		}
	})
}

func (s *till) readying(order shop.Order) command.ReadyPayment {
	return command.ReadyPayment{By: s.shopper, IdempotencyKey: newID("key"), OrderID: order.ID, PG: shop.PGKakao}
}

package command_test

import (
	"testing"

	"payment-system/pg"
	"payment-system/shop"
)

// Proves: a gateway that claims to have taken more than it did and to have given some of it back,
// and then tells what is so, is given nothing twice and leaves nothing open; a person is told once.
func TestHandler_claimedRefund(t *testing.T) {
	t.Parallel()
	const claim shop.Won = 10
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		for _, lost := range []int{0, 1} {
			s := openTill(t, 1)
			payment := s.ready(s.order(1), gateway)
			s.fakes[gateway].Lose("approve", 1)
			_, err := s.ApprovePayment(s.ctx, s.authenticate(payment))
			s.wantCode(err, shop.InProgress)
			s.fakes[gateway].Misstate("lookup", func(p *pg.Payment) {
				p.Amount, p.Captured, p.Refunded = p.Amount+claim, p.Captured+claim, p.Refunded+claim
			}, 2)
			if lost > 0 {
				s.fakes[gateway].Lose("cancel", lost)
			}
			s.settle()
			s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusFailed, 0, 1, 0})
			s.wantLedger(payment, 1, 0)
			s.wantCases(payment, 1, 1)
			var captured, refunded shop.Won
			s.must(s.db.QueryRowContext(s.ctx, `SELECT captured_amount, refunded_amount FROM attempts`).Scan(&captured, &refunded))
			if captured != payment.Amount || refunded != payment.Amount {
				t.Errorf("with %d answers lost the books say %s won were taken and %s given back, want %s and all of it", lost, captured, refunded, payment.Amount)
			}
		}
	})
}

// Proves: a refund found at the gateway, of which its totals leave less than was asked for because
// it claimed another before, ends with what they leave, and a person is told.
func TestHandler_adjustedRefund(t *testing.T) {
	t.Parallel()
	s := openTill(t, 1)
	payment := s.pay(1, shop.PGToss)
	s.fakes[shop.PGToss].Misstate("lookup", func(p *pg.Payment) { p.Status, p.Refunded = pg.StatusPartiallyRefunded, 10 }, 2)
	s.must(s.WakeAttempt(s.ctx, payment.AttemptID))
	_, err := s.ResolvePayments(s.ctx)
	s.must(err)
	s.fakes[shop.PGToss].Lose("cancel", 1)
	_, err = s.cancel(payment, 3_000)
	s.wantCode(err, shop.InProgress)
	s.settle()
	s.wantLedger(payment, 1, 8_000)
	s.wantCases(payment, 1, 1)
	var refunded shop.Won
	s.must(s.db.QueryRowContext(s.ctx, `SELECT refunded_amount FROM payments`).Scan(&refunded))
	if refunded != 3_000 {
		t.Errorf("the books gave %s won back, the gateway 3000", refunded)
	}
}

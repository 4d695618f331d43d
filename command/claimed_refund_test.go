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
		for i := range 3 {
			s := openTill(t, 1)
			payment := s.ready(s.order(1), gateway)
			s.fakes[gateway].Lose("approve", 1)
			_, err := s.ApprovePayment(s.ctx, s.authenticate(payment))
			s.wantCode(err, shop.InProgress)
			s.fakes[gateway].Misstate("lookup", func(p *pg.Payment) {
				p.Amount, p.Captured, p.Refunded = p.Amount+claim, p.Captured+claim, p.Refunded+claim
			}, 2)
			switch i {
			case 1:
				s.fakes[gateway].Lose("cancel", 1)
			case 2:
				s.fakes[gateway].Refund(*payment.PaymentKey, 1_000) // in the gateway's own console
			}
			s.settle()
			s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusFailed, 0, 1, 0})
			s.wantLedger(payment, 1, 0)
			s.wantCases(payment, 1, 1)
			var captured, refunded shop.Won
			s.must(s.db.QueryRowContext(s.ctx, `SELECT captured_amount, refunded_amount FROM attempts`).Scan(&captured, &refunded))
			if captured != payment.Amount || refunded != payment.Amount {
				t.Errorf("case %d: the books say %s won were taken and %s given back, want %s and all of it", i, captured, refunded, payment.Amount)
			}
		}
	})
}

// Proves: a refund of all, made at a gateway that claimed another before, is found, and booked as
// what the gateway's totals leave of it; a person is told where it has our name.
func TestHandler_adjustedRefund(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		s := openTill(t, 1)
		payment := s.pay(1, gateway)
		s.fakes[gateway].Lose("cancel", 1)
		_, err := s.cancel(payment, 0)
		s.wantCode(err, shop.InProgress)
		s.fakes[gateway].Misstate("lookup", func(p *pg.Payment) { p.Status, p.Refunded, p.Cancels = pg.StatusPartiallyRefunded, 10, nil }, 2)
		s.settle()
		s.want(payment, state{shop.OrderStatusCanceled, shop.PaymentStatusCanceled, 1, 0, 0})
		s.wantLedger(payment, 1, 0)
		cases := map[shop.PG]int{shop.PGKakao: 1}[gateway]
		s.wantCases(payment, cases, cases)
		var refunded shop.Won
		s.must(s.db.QueryRowContext(s.ctx, `SELECT refunded_amount FROM payments`).Scan(&refunded))
		if refunded != payment.Amount {
			t.Errorf("the books gave %s won back of %s", refunded, payment.Amount)
		}
	})
}

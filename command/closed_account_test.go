package command_test

import (
	"testing"
	"time"

	"payment-system/shop"
)

// Proves: an order that held its stock for a virtual account holds it no longer than others once the
// account is closed unpaid.
func TestHandler_holdOfClosedAccount(t *testing.T) {
	t.Parallel()
	for _, closed := range []string{"for another attempt", "in the console"} {
		t.Run(closed, func(t *testing.T) {
			t.Parallel()
			s := openTill(t, 1)
			order := s.order(1)
			payment := s.ready(order, shop.PGToss)
			s.fakes[shop.PGToss].PayByVirtualAccount(*payment.PaymentKey)
			_, err := s.ApprovePayment(s.ctx, s.approval(payment, ""))
			s.must(err)
			if closed == "in the console" {
				s.fakes[shop.PGToss].Refund(*payment.PaymentKey, 11_000)
				s.must(s.WakeAttempt(s.ctx, payment.AttemptID))
			} else {
				s.ready(order, shop.PGKakao)
			}
			_, err = s.ResolvePayments(s.ctx)
			s.must(err)
			s.clock.Advance(14 * time.Minute)
			_, err = s.ExpireOrders(s.ctx)
			s.must(err)
			if got := s.state(payment); got.Order != shop.OrderStatusPlaced || got.Reserved != 1 {
				t.Errorf("before its time was over the order is %+v", got)
			}
			s.clock.Advance(2 * time.Minute)
			_, err = s.ExpireOrders(s.ctx)
			s.must(err)
			s.want(payment, state{shop.OrderStatusExpired, shop.PaymentStatusExpired, 1, 0, 0})
		})
	}
}

package command_test

import (
	"slices"
	"testing"

	"payment-system/pg"
	"payment-system/shop"
)

// Proves: a refund that the books hold without the gateway's name of it is not counted again when
// another follows.
func TestHandler_namelessRefund(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		for _, second := range []shop.Won{2_000, 3_000} {
			s := openTill(t, 1)
			payment := s.pay(1, gateway)
			_, err := s.cancel(payment, 3_000)
			s.must(err)
			s.exec(`UPDATE refunds SET transaction_key = NULL`)
			canceled, err := s.cancel(payment, second)
			s.must(err)
			if canceled.Refund.Status != shop.RefundStatusDone || canceled.Payment.RefundedAmount != 3_000+second {
				t.Errorf("the refund is %s, and the books gave %s won back", canceled.Refund.Status, canceled.Payment.RefundedAmount)
			}
			s.settle()
			s.wantLedger(payment, 1, 8_000-second)
			var refunds int
			s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM refunds`).Scan(&refunds))
			if refunds != 2 {
				t.Errorf("the books hold %d refunds, want 2", refunds)
			}
		}
	})
}

// Proves: a refund whose answer was lost is found though the books hold another of the same amount
// without the gateway's name, and the gateway tells of it first.
func TestHandler_namelessBesideOpen(t *testing.T) {
	t.Parallel()
	s := openTill(t, 1)
	fake := s.fakes[shop.PGToss]
	payment := s.pay(1, shop.PGToss)
	fake.Refund(*payment.PaymentKey, 3_000)
	s.must(s.WakeAttempt(s.ctx, payment.AttemptID))
	s.settle()
	s.exec(`UPDATE refunds SET transaction_key = NULL`)
	fake.Lose("cancel", 1)
	_, err := s.cancel(payment, 3_000)
	s.wantCode(err, shop.InProgress)
	fake.Misstate("lookup", func(p *pg.Payment) { slices.Reverse(p.Cancels) }, 2)
	s.settle()
	s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled, 0, 0, 1})
	s.wantLedger(payment, 1, 5_000)
	var refunds, done int
	s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*), SUM(status = 'DONE') FROM refunds`).Scan(&refunds, &done))
	if refunds != 2 || done != 2 {
		t.Errorf("the books hold %d refunds, %d of them done; want 2", refunds, done)
	}
}

// Proves: a refund whose answer was lost is not made again because the gateway, for once, lists less
// than it gave back.
func TestHandler_listsLess(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		s := openTill(t, 1)
		payment := s.pay(1, gateway)
		s.script(gateway).misstateFirst(func(answer *pg.Payment) { answer.Cancels = nil })
		s.fakes[gateway].Lose("cancel", 1)
		_, err := s.cancel(payment, 3_000)
		s.wantCode(err, shop.InProgress)
		s.fakes[gateway].Refund(*payment.PaymentKey, 1_000)
		s.settle()
		s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled, 0, 0, 1})
		s.wantLedger(payment, 1, 7_000)
		s.wantCases(payment, 0, 0)
	})
}

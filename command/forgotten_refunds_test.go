package command_test

import (
	"testing"
	"time"

	"payment-system/pg"
	"payment-system/shop"
)

// Proves: a refund that is under way is looked up again though its row could not be read for a moment.
func TestHandler_unreadableRefunds(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		s := openTill(t, 1)
		payment := s.late(gateway)
		s.fakes[gateway].Fail("cancel", pg.OutcomeUnknown, 1)
		_, err := s.ResolvePayments(s.ctx)
		s.must(err)
		s.wantLedger(payment, 1, 11_000)
		s.clock.Advance(3 * time.Second)
		s.exec(`RENAME TABLE refunds TO unreadable`)
		_, _ = s.ResolvePayments(s.ctx)
		s.exec(`RENAME TABLE unreadable TO refunds`)
		s.settle()
		s.wantLedger(payment, 1, 0)
		s.want(payment, state{shop.OrderStatusExpired, shop.PaymentStatusExpired, 1, 0, 0})
	})
}

// Proves: a refund that is under way is never without a look-up to come, whatever took it away.
func TestHandler_forgottenRefunds(t *testing.T) {
	t.Parallel()
	s := openTill(t, 1)
	payment := s.late(shop.PGToss)
	s.fakes[shop.PGToss].Fail("cancel", pg.OutcomeUnknown, 1)
	_, err := s.ResolvePayments(s.ctx)
	s.must(err)
	s.exec(`UPDATE attempts SET check_at = NULL, unresolved_since = NULL`)
	_, err = s.ResolvePayments(s.ctx)
	s.must(err)
	s.settle()
	s.wantLedger(payment, 1, 0)
}

// exec changes the books behind the program's back.
func (s *till) exec(statement string) {
	s.t.Helper()
	_, err := s.db.ExecContext(s.ctx, statement)
	s.must(err)
}

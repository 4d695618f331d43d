package command_test

import (
	"testing"
	"time"

	"payment-system/pg"
	"payment-system/shop"
)

// Proves: a person is told of every open outcome when it has been open for 15 minutes, however
// seldom the gateway is asked by then.
func TestHandler_overdue(t *testing.T) {
	t.Parallel()
	const payments = 6
	for _, call := range []string{"approve", "cancel"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			s := openTill(t, payments)
			fake := s.fakes[shop.PGToss]
			for range payments {
				s.lose(call)
			}
			fake.Fail("lookup", pg.OutcomeUnknown, 0)
			fake.Fail("cancel", pg.OutcomeUnknown, 0)
			for range 15*6 + 3 {
				s.clock.Advance(10 * time.Second)
				_, err := s.ResolvePayments(s.ctx)
				s.must(err)
			}
			if n := s.openCases(); n != payments {
				t.Errorf("after 15 and a half minutes %d cases are open, want %d", n, payments)
			}
			fake.Heal()
			s.settle()
		})
	}
}

// lose buys one unit, and the answer to an approval or a refund of it gets lost.
func (s *till) lose(call string) {
	s.t.Helper()
	payment := s.ready(s.order(1), shop.PGToss)
	if call == "approve" {
		s.fakes[shop.PGToss].Lose(call, 1)
	}
	_, err := s.ApprovePayment(s.ctx, s.authenticate(payment))
	if call == "cancel" {
		s.must(err)
		s.fakes[shop.PGToss].Lose(call, 1)
		_, err = s.cancel(payment, 0)
	}
	s.wantCode(err, shop.InProgress)
}

package command_test

import (
	"sync"
	"testing"
	"time"

	"payment-system/command"
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
func (s *till) lose(call string) shop.Payment {
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
	return payment
}

// Proves: the case of an outcome that was open for too long ends with it, once, however many replicas
// learn it; the next outcome that stays open has a case of its own.
func TestHandler_overdueEnds(t *testing.T) {
	t.Parallel()
	wait := func(s *till, d time.Duration) {
		for range int(d / (30 * time.Second)) {
			s.clock.Advance(30 * time.Second)
			_, err := s.ResolvePayments(s.ctx)
			s.must(err)
		}
	}
	silent := func(s *till) {
		for _, call := range []string{"lookup", "cancel", "approve"} {
			s.fakes[shop.PGToss].Fail(call, pg.OutcomeUnknown, 0)
		}
	}
	ended := func(s *till) (n int) {
		s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM events WHERE aggregate_id LIKE 'dsc_%' AND kind <> ?`, shop.KindDiscrepancyOpened).Scan(&n))
		return n
	}
	for _, call := range []string{"approve", "cancel"} {
		t.Run("with "+call, func(t *testing.T) {
			t.Parallel()
			const payments = 6
			s := openTill(t, payments)
			for range payments {
				s.lose(call)
			}
			silent(s)
			wait(s, 17*time.Minute)
			if n := s.openCases(); n != payments {
				t.Fatalf("%d cases are open, want %d", n, payments)
			}
			s.fakes[shop.PGToss].Heal()
			other := &till{Handler: s.twin("two"), t: t, ctx: s.ctx, db: s.db, clock: s.clock}
			s.clock.Advance(6 * time.Minute)
			var replicas sync.WaitGroup
			for _, replica := range []*till{s, other} {
				replicas.Go(func() {
					_, err := replica.ResolvePayments(s.ctx)
					if err != nil {
						t.Error(err)
					}
				})
			}
			replicas.Wait()
			s.settle()
			if n := s.openCases(); n != 0 {
				t.Errorf("all is known, and %d cases are open", n)
			}
			if n := ended(s); n != payments {
				t.Errorf("%d cases ended %d times", payments, n)
			}
			var shown int
			s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM discrepancy_views WHERE status = 'OPEN'`).Scan(&shown))
			if shown != 0 {
				t.Errorf("%d cases are shown as open", shown)
			}
		})
	}
	t.Run("and a refund that stays open later has another", func(t *testing.T) {
		t.Parallel()
		s := openTill(t, 1)
		payment := s.lose("approve")
		silent(s)
		wait(s, 17*time.Minute)
		s.wantCases(payment, 1, 1)
		s.fakes[shop.PGToss].Heal()
		s.settle()
		s.wantCases(payment, 0, 1)
		for n := range 2 {
			s.fakes[shop.PGToss].Lose("cancel", 1)
			_, err := s.cancel(payment, 1_000)
			s.wantCode(err, shop.InProgress)
			silent(s)
			wait(s, 14*time.Minute)
			s.wantCases(payment, 0, 1+n)
			wait(s, 3*time.Minute)
			s.wantCases(payment, 1, 2+n)
			s.fakes[shop.PGToss].Heal()
			s.settle()
			s.wantCases(payment, 0, 2+n)
		}
	})
	t.Run("and does not wait for a case of another kind", func(t *testing.T) {
		t.Parallel()
		s := openTill(t, 1)
		payment := s.lose("cancel")
		s.openCase(payment, shop.DiscrepancyKindTaxFreeDiffers)
		silent(s)
		wait(s, 17*time.Minute)
		s.wantCases(payment, 2, 2)
		s.fakes[shop.PGToss].Heal()
		s.settle()
		s.wantCases(payment, 1, 2)
	})
	t.Run("and what a person decided stays", func(t *testing.T) {
		t.Parallel()
		s := openTill(t, 1)
		payment := s.lose("cancel")
		silent(s)
		wait(s, 17*time.Minute)
		var id shop.DiscrepancyID
		s.must(s.db.QueryRowContext(s.ctx, `SELECT id FROM discrepancies WHERE status = 'OPEN'`).Scan(&id))
		_, err := s.ResolveDiscrepancy(s.ctx, command.ResolveDiscrepancy{
			By: shop.Caller{Actor: shop.ActorOperator}, DiscrepancyID: id, Action: shop.CorrectiveActionNone, Note: "called them",
		})
		s.must(err)
		wait(s, 17*time.Minute)
		s.wantCases(payment, 0, 1)
		s.fakes[shop.PGToss].Heal()
		s.must(s.WakeAttempt(s.ctx, payment.AttemptID))
		s.settle()
		var status, note string
		s.must(s.db.QueryRowContext(s.ctx, `SELECT status, note FROM discrepancies WHERE id = ?`, string(id)).Scan(&status, &note))
		if status != "RESOLVED" || note != "called them" {
			t.Errorf("the case is %s: %s", status, note)
		}
	})
	t.Run("and late money that is refunded slowly has a quarter of an hour of its own", func(t *testing.T) {
		t.Parallel()
		s := openTill(t, 1)
		payment := s.lose("approve")
		silent(s)
		s.clock.Advance(40 * time.Minute)
		s.fakes[shop.PGToss].Heal()
		_, err := s.ExpireOrders(s.ctx)
		s.must(err)
		s.fakes[shop.PGToss].Misstate("lookup", func(p *pg.Payment) { p.Amount = 10_999 }, 2)
		s.fakes[shop.PGToss].Fail("cancel", pg.OutcomeUnknown, 0)
		_, err = s.ResolvePayments(s.ctx)
		s.must(err)
		s.wantCases(payment, 1, 1) // for the amount
		wait(s, 17*time.Minute)
		s.wantCases(payment, 2, 2)
		s.fakes[shop.PGToss].Heal()
		s.clock.Advance(6 * time.Minute)
		s.settle()
		s.wantCases(payment, 1, 2)
	})
}

// twin is another handler of the same shop.
func (s *till) twin(name string) *command.Handler {
	return &command.Handler{
		DB: s.db, Locks: s.Locks, Gateways: s.Gateways, Projector: s.Projector, Redis: s.Redis, Now: s.Now, NewID: s.NewID,
		Random: s.Random, Logger: s.Logger, PublicURL: s.PublicURL, OrderHold: s.OrderHold, PGTimeout: s.PGTimeout, Replica: name,
	}
}

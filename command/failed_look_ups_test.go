package command_test

import (
	"testing"
	"time"

	"payment-system/pg"
	"payment-system/shop"
)

// Proves: a look-up of which nothing was awaited is made again when its answer could not be had or
// recorded, and a person is told when that lasts.
func TestHandler_failedLookUps(t *testing.T) {
	t.Parallel()
	broken := func(s *till) {
		s.exec(`CREATE TRIGGER broken BEFORE UPDATE ON payments FOR EACH ROW SIGNAL SQLSTATE '45000'`)
		_, err := s.ResolvePayments(s.ctx)
		s.must(err)
		s.exec(`DROP TRIGGER broken`)
	}
	refunded := func(s *till, gateway shop.PG) shop.Payment {
		payment := s.pay(1, gateway)
		s.fakes[gateway].Refund(*payment.PaymentKey, 11_000)
		s.must(s.WakeAttempt(s.ctx, payment.AttemptID))
		return payment
	}
	lost := func(s *till, payment shop.Payment, gateway shop.PG) {
		s.fakes[gateway].Fail("lookup", pg.OutcomeNotFound, 0)
		for range 17 {
			_, err := s.ResolvePayments(s.ctx)
			s.must(err)
			s.clock.Advance(time.Minute)
		}
		s.wantCases(payment, 1, 1)
		s.fakes[gateway].Heal()
		s.settle()
		s.wantCases(payment, 0, 1)
	}
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		t.Run("the last one for a call that was lost", func(t *testing.T) {
			s := openTill(t, 1)
			payment, approve := s.unanswered(gateway)
			s.clock.Advance(16 * time.Minute)
			_, err := s.ResolvePayments(s.ctx)
			s.must(err)
			s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusFailed, 0, 1, 0})
			_, err = s.ExpireOrders(s.ctx)
			s.must(err)
			s.capture(payment, approve)
			s.clock.Advance(6 * time.Minute)
			broken(s)
			s.settle()
			s.want(payment, state{shop.OrderStatusExpired, shop.PaymentStatusExpired, 1, 0, 0})
			s.wantLedger(payment, 1, 0)
		})
		t.Run("one that a webhook asked for", func(t *testing.T) {
			s := openTill(t, 1)
			payment := refunded(s, gateway)
			broken(s)
			s.settle()
			s.want(payment, state{shop.OrderStatusCanceled, shop.PaymentStatusCanceled, 1, 0, 0})
		})
		t.Run("one that found nothing", func(t *testing.T) {
			s := openTill(t, 1)
			payment := refunded(s, gateway)
			s.fakes[gateway].Fail("lookup", pg.OutcomeNotFound, 1)
			_, err := s.ResolvePayments(s.ctx)
			s.must(err)
			s.settle()
			s.want(payment, state{shop.OrderStatusCanceled, shop.PaymentStatusCanceled, 1, 0, 0})
			s.wantCases(payment, 0, 0)
		})
		t.Run("all of a quarter of an hour", func(t *testing.T) {
			s := openTill(t, 1)
			payment := refunded(s, gateway)
			lost(s, payment, gateway)
			s.want(payment, state{shop.OrderStatusCanceled, shop.PaymentStatusCanceled, 1, 0, 0})
		})
		t.Run("all of a quarter of an hour, and then nothing is new", func(t *testing.T) {
			s := openTill(t, 1)
			payment := s.pay(1, gateway)
			s.must(s.WakeAttempt(s.ctx, payment.AttemptID))
			lost(s, payment, gateway)
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
		})
	})
}

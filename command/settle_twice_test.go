package command_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/command"
	"payment-system/shop"
)

// A yielding Locker lets somebody else finish before the turn given is taken.
type yielding struct {
	turns atomic.Int32
	first func()
}

// Lock implements command.Locker.
func (y *yielding) Lock(context.Context, ...string) (unlock func()) {
	if y.turns.Add(-1) == 0 {
		y.first()
	}
	return func() {}
}

// Proves that two decisions about one discrepancy, however their steps fall, move its money once.
func TestHandler_twoDecisions(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		for before, done := int32(1), false; !done; before++ {
			s := openTill(t, 1)
			p := s.pay(1, gateway)
			d, err := s.OpenCase(s.ctx, command.OpenCase{
				PG: gateway, Kind: shop.DiscrepancyKindAmountDiffers, PaymentID: &p.ID, AttemptID: &p.AttemptID, Amount: 1_000, Note: "look",
			})
			s.must(err)
			decide := command.ResolveDiscrepancy{
				By: shop.Caller{UserID: "usr_operator", Actor: shop.ActorOperator}, DiscrepancyID: d.ID, Action: shop.CorrectiveActionRefundAtGateway, Note: "back",
			}
			locks := &yielding{first: func() {
				_, err := s.ResolveDiscrepancy(s.ctx, decide)
				s.must(err)
			}}
			locks.turns.Store(before)
			other := s.neighbor()
			other.Locks = locks
			if _, err := other.ResolveDiscrepancy(s.ctx, decide); err != nil {
				s.wantCode(err, shop.Conflict)
			}
			done = locks.turns.Load() > 0 // it ended before its turn came
			s.wantLedger(p, 1, 10_000)
			s.want(p, state{shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled, 0, 0, 1})
		}
	})
}

// overTen is a case of 10,000 won, and how it is decided that they go back.
func (s *till) overTen(p shop.Payment) (decide func(*command.Handler) error) {
	s.t.Helper()
	d, err := s.OpenCase(s.ctx, command.OpenCase{
		PG: p.PG, Kind: shop.DiscrepancyKindAmountDiffers, PaymentID: &p.ID, AttemptID: &p.AttemptID, Amount: 10_000, Note: "look",
	})
	s.must(err)
	return func(h *command.Handler) error {
		_, err := h.ResolveDiscrepancy(s.ctx, command.ResolveDiscrepancy{
			By: shop.Caller{UserID: "usr_operator", Actor: shop.ActorOperator}, DiscrepancyID: d.ID, Action: shop.CorrectiveActionRefundAtGateway, Note: "back",
		})
		return err
	}
}

// Proves that a decision to give money back is not settled by a refund that a shopper asked for.
func TestHandler_anotherRefund(t *testing.T) {
	t.Parallel()
	t.Run("a decision waits for a refund under way", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			s.PGTimeout = time.Minute
			p := s.pay(1, gateway)
			decide := s.overTen(p)
			arrived, release := s.fakes[gateway].Hold("cancel")
			var shopper sync.WaitGroup
			shopper.Go(func() {
				if _, err := s.cancel(p, 1_000); err != nil {
					t.Errorf("the shopper's refund ended in %v", err)
				}
			})
			<-arrived
			s.wantCode(decide(s.Handler), shop.Conflict)
			s.wantCases(p, 1, 1)
			release()
			shopper.Wait()
			s.wantLedger(p, 1, 10_000)
			s.must(decide(s.Handler))
			s.wantLedger(p, 1, 0)
			s.wantCases(p, 0, 1)
		})
	})
	t.Run("a refund asked for between any two steps of a decision is not the one decided", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			for before, done := int32(1), false; !done; before++ {
				s := openTill(t, 1)
				p := s.pay(1, gateway)
				decide := s.overTen(p)
				locks := &yielding{first: func() {
					s.fakes[gateway].Lose("cancel", 1)
					_, err := s.cancel(p, 1_000)
					s.wantCode(err, shop.InProgress)
				}}
				locks.turns.Store(before)
				other := s.neighbor()
				other.Locks = locks
				err := decide(other)
				done = locks.turns.Load() > 0
				s.settle()
				if err != nil {
					s.wantCode(err, shop.Conflict)
					s.wantCases(p, 1, 1)
					s.must(decide(s.Handler))
					s.settle()
				}
				var back int
				s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM refunds WHERE cause = 'RECONCILIATION' AND status = 'DONE' AND amount = 10000`).Scan(&back))
				if back != 1 {
					t.Errorf("decided with a refund before step %d, %d refunds of 10,000 won were made", before, back)
				}
			}
		})
	})
}

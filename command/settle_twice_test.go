package command_test

import (
	"context"
	"sync/atomic"
	"testing"

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
				By: command.Caller{UserID: "usr_operator", Actor: shop.ActorOperator}, DiscrepancyID: d.ID, Action: shop.CorrectiveActionRefundAtGateway, Note: "back",
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

package command_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/pg"
	"payment-system/shop"
)

// A mule carries calls to a gateway, and stands still with the first approval and the first cancel
// until it is let go.
type mule struct {
	pg.Gateway
	approvals, cancels atomic.Int32
	letGo              chan struct{}
}

// Approve arrives when the mule does.
func (m *mule) Approve(ctx context.Context, req pg.ApproveRequest) (pg.Payment, error) {
	if m.approvals.Add(1) == 1 {
		<-m.letGo
	}
	return m.Gateway.Approve(ctx, req)
}

// Cancel arrives when the mule does.
func (m *mule) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	if m.cancels.Add(1) == 1 {
		<-m.letGo
	}
	return m.Gateway.Cancel(ctx, req)
}

// Proves rule 6 while a call is under way: who looks a payment up meanwhile, told by a webhook say,
// does not make the call a second time, though the gateway has not heard of it yet.
func TestHandler_inFlight(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		s := openTill(t, 1)
		m := &mule{Gateway: s.Gateways[gateway], letGo: make(chan struct{})}
		s.Gateways[gateway] = m
		s.PGTimeout = time.Minute // however slow this machine is, the call may still be under way
		payment := s.ready(s.order(1), gateway)
		approve := s.authenticate(payment)
		look := func() {
			s.t.Helper()
			s.must(s.WakeAttempt(s.ctx, payment.AttemptID))
			_, err := s.ResolvePayments(s.ctx)
			s.must(err)
		}
		done := make(chan error)
		go func() { _, err := s.ApprovePayment(s.ctx, approve); done <- err }()
		eventually(t, "the approval is on its way", func() bool { return m.approvals.Load() == 1 })
		look()
		m.letGo <- struct{}{}
		s.must(<-done)
		go func() { _, err := s.cancel(payment, 4_000); done <- err }()
		eventually(t, "the refund is on its way", func() bool { return m.cancels.Load() == 1 })
		look()
		m.letGo <- struct{}{}
		s.must(<-done)
		if a, c := m.approvals.Load(), m.cancels.Load(); a != 1 || c != 1 {
			t.Errorf("the gateway was asked for %d approvals and %d refunds, want one each", a, c)
		}
		s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled, 0, 0, 1})
		s.wantLedger(payment, 1, 7_000)
	})
}

// A daydreamer is a gateway's client that stands still with the answer to its first look-up.
type daydreamer struct {
	pg.Gateway
	looks atomic.Int32
	letGo chan struct{}
}

// LookUp returns what was so when it was asked.
func (d *daydreamer) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	answer, err := d.Gateway.LookUp(ctx, key)
	if d.looks.Add(1) == 1 {
		<-d.letGo
	}
	return answer, err
}

// Proves rule 6 for an answer that grew old: what was asked for after the look-up is not in it, and
// is no reason to ask again.
func TestHandler_oldLookUp(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		s := openTill(t, 1)
		payment := s.pay(1, gateway)
		d := &daydreamer{Gateway: s.Gateways[gateway], letGo: make(chan struct{})}
		s.Gateways[gateway] = d
		s.must(s.WakeAttempt(s.ctx, payment.AttemptID))
		done := make(chan error)
		go func() { _, err := s.ResolvePayments(s.ctx); done <- err }()
		eventually(t, "the look-up is answered", func() bool { return d.looks.Load() == 1 })
		s.fakes[gateway].Lose("cancel", 1)
		_, err := s.cancel(payment, 4_000)
		s.wantCode(err, shop.InProgress)
		d.letGo <- struct{}{}
		s.must(<-done)
		s.settle()
		s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled, 0, 0, 1})
		s.wantLedger(payment, 1, 7_000)
		if n := s.fakes[gateway].Ledger(*payment.PaymentKey).Calls["cancel"]; n != 1 {
			t.Errorf("the gateway was asked for %d refunds, want one", n)
		}
	})
}

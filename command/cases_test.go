package command_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"payment-system/command"
	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/pg"
	"payment-system/pg/pgtest"
	"payment-system/shop"
)

// casesOf counts the cases of a payment by their status.
func (s *till) casesOf(p shop.Payment) map[shop.DiscrepancyStatus]int {
	s.t.Helper()
	rows, err := s.db.QueryContext(s.ctx, `SELECT status, COUNT(*) FROM discrepancies WHERE payment_id = ? GROUP BY status`, string(p.ID))
	s.must(err)
	defer rows.Close()
	cases := map[shop.DiscrepancyStatus]int{}
	for rows.Next() {
		var status shop.DiscrepancyStatus
		var n int
		s.must(rows.Scan(&status, &n))
		cases[status] = n
	}
	s.must(rows.Err())
	return cases
}

// wantCases fails the test unless a payment has just so many cases, open and in all.
func (s *till) wantCases(p shop.Payment, open, all int) {
	s.t.Helper()
	cases, n := s.casesOf(p), 0
	for _, of := range cases {
		n += of
	}
	if cases[shop.DiscrepancyStatusOpen] != open || n != all {
		s.t.Errorf("the payment has the cases %v, want %d open of %d", cases, open, all)
	}
}

// Proves I4: money that a gateway will not give back has one case, wherever the replica that learns of
// it dies: from its nth COMMIT on all are lost, before they reach the database or on the way back.
func TestHandler_refusedWhileDying(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{true, false} {
		t.Run(fmt.Sprintf("early %t", early), func(t *testing.T) {
			t.Parallel()
			dsn, fake := mysqltest.DSN(t), pgtest.NewFake(shop.PGToss)
			s := openTillAt(t, dsn, &clock{}, map[shop.PG]pg.Gateway{shop.PGToss: fake})
			s.fakes = map[shop.PG]*pgtest.Fake{shop.PGToss: fake}
			t.Cleanup(s.verify)
			s.stock(10)
			robber := &thief{early: early}
			dying := openTillAt(t, robber.before(t, dsn), s.clock, s.Gateways)
			dying.Projector, dying.Replica = projector{}, "dying"
			for nth := range 4 {
				payment := s.late(shop.PGToss)
				fake.Fail("cancel", pg.OutcomeRefused, 0)
				robber.spare.Store(int32(nth))
				robber.steal.Store(1000)
				_, _ = dying.ResolvePayments(s.ctx)
				robber.steal.Store(0)
				s.clock.Advance(2 * time.Minute)
				s.settle()
				s.wantCases(payment, 1, 1)
			}
			s.publish()
		})
	}
}

// publish shows what a replica that died left unpublished.
func (s *till) publish() {
	s.t.Helper()
	ids, err := mysqldb.Collect(s.ctx, s.db, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) },
		`SELECT DISTINCT aggregate_id FROM events WHERE published_at IS NULL`)
	s.must(err)
	s.Projector.Project(s.ctx, ids...)
}

// late is a payment whose money came after its order's end: the resolver is about to hear of it.
func (s *till) late(gateway shop.PG) shop.Payment {
	s.t.Helper()
	payment := s.ready(s.order(1), gateway)
	approve := s.authenticate(payment)
	s.clock.Advance(16 * time.Minute)
	_, err := s.ExpireOrders(s.ctx)
	s.must(err)
	s.capture(payment, approve)
	s.must(s.WakeAttempt(s.ctx, payment.AttemptID))
	return payment
}

// A grudging gateway refuses cancels; first it may do something else.
type grudging struct {
	pg.Gateway
	before func(pg.CancelRequest)
}

func (g grudging) Cancel(_ context.Context, req pg.CancelRequest) (pg.Payment, error) {
	if g.before != nil {
		g.before(req)
	}
	return pg.Payment{}, &pg.Error{PG: shop.PGToss, Call: "cancel", Outcome: pg.OutcomeRefused, Code: "NOT_CANCELABLE_PAYMENT", Message: "too late", Status: 400}
}

// Proves: a person is told that a gateway will not give money back when whoever asked for it is not.
func TestHandler_refusedLater(t *testing.T) {
	t.Parallel()
	refused := func(s *till, payment shop.Payment, gateway shop.PG, before func(pg.CancelRequest)) {
		s.fakes[gateway].Fail("cancel", pg.OutcomeUnknown, 1)
		_, err := s.cancel(payment, 3_000)
		s.wantCode(err, shop.InProgress)
		healthy := s.Gateways[gateway]
		s.Gateways[gateway] = grudging{healthy, before}
		s.settle()
		s.Gateways[gateway] = healthy
	}
	t.Run("a refund that the resolver repeats in vain is one case", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment := s.pay(1, gateway)
			refused(s, payment, gateway, nil)
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
			s.wantLedger(payment, 1, 11_000)
			s.wantCases(payment, 1, 1)
		})
	})
	t.Run("a person can have the gateway asked again for it", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment := s.pay(1, gateway)
			refused(s, payment, gateway, nil)
			var id shop.DiscrepancyID
			s.must(s.db.QueryRowContext(s.ctx, `SELECT id FROM discrepancies WHERE payment_id = ?`, string(payment.ID)).Scan(&id))
			_, err := s.ResolveDiscrepancy(s.ctx, command.ResolveDiscrepancy{
				By: shop.Caller{Actor: shop.ActorOperator}, DiscrepancyID: id, Action: shop.CorrectiveActionRefundAtGateway, Note: "the bank agreed",
			})
			s.must(err)
			s.settle()
			s.wantLedger(payment, 1, 8_000)
			s.wantCases(payment, 0, 1)
		})
	})
	t.Run("whoever asks and is told needs no case", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment := s.pay(1, gateway)
			s.Gateways[gateway] = grudging{Gateway: s.Gateways[gateway]}
			_, err := s.cancel(payment, 3_000)
			s.wantCode(err, shop.Declined)
			s.settle()
			s.wantCases(payment, 0, 0)
		})
	})
	t.Run("a refund refused because it was made meanwhile is made", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			payment := s.pay(1, gateway)
			refused(s, payment, gateway, func(req pg.CancelRequest) {
				if s.fakes[gateway].Ledger(*payment.PaymentKey).Cancels == 0 { // the call that was thought lost
					_, err := s.fakes[gateway].Cancel(s.ctx, req)
					s.must(err)
				}
			})
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled, 0, 0, 1})
			s.wantLedger(payment, 1, 8_000)
			s.wantCases(payment, 0, 0)
			var refunds int
			s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM refunds WHERE payment_id = ?`, string(payment.ID)).Scan(&refunds))
			if refunds != 1 {
				t.Errorf("the books have %d refunds, want the one that was asked for", refunds)
			}
		})
	})
}

// Proves: who cancels an order, is refused, and finds that another has just canceled it, finds that in
// the read models too, though the other has not shown it yet.
func TestHandler_CancelOrder_elsewhere(t *testing.T) {
	t.Parallel()
	s := openTill(t, 1)
	payment := s.pay(1, shop.PGToss)
	healthy := s.Gateways[shop.PGToss]
	slow := s.twin("slow")
	slow.Projector = projector{}
	slow.Gateways = map[shop.PG]pg.Gateway{shop.PGToss: healthy}
	s.Gateways = map[shop.PG]pg.Gateway{shop.PGToss: grudging{Gateway: healthy}}
	refused := func() bool {
		var n int
		s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM refunds WHERE status = 'FAILED'`).Scan(&n))
		return n == 1
	}
	var once sync.Once
	s.Projector = hookedProjector{Projector: s.Projector, after: func() {
		if refused() {
			once.Do(func() {
				_, err := slow.CancelOrder(s.ctx, command.CancelOrder{By: s.shopper, IdempotencyKey: "other", OrderID: payment.OrderID})
				s.must(err)
			})
		}
	}}
	_, err := s.CancelOrder(s.ctx, command.CancelOrder{By: s.shopper, IdempotencyKey: "one", OrderID: payment.OrderID})
	s.must(err)
	var order, paid string
	s.must(s.db.QueryRowContext(s.ctx, `SELECT o.status, p.status FROM order_views o JOIN payment_views p ON p.order_id = o.id WHERE p.id = ?`, string(payment.ID)).Scan(&order, &paid))
	if order != "CANCELED" || paid != "CANCELED" {
		t.Errorf("the read models show an order %s and a payment %s", order, paid)
	}
	s.Gateways = slow.Gateways
	s.settle()
	s.publish()
}

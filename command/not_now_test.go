package command_test

import (
	"fmt"
	"testing"
	"time"

	"payment-system/command"
	"payment-system/shop"
)

// TestHandler_notNow has the database answer every INSERT of an event as a server does that has no
// disk, no quorum or no time. Proves: nobody is told that it is our fault, nothing is lost, and no
// gateway is called before the intent is in the books.
func TestHandler_notNow(t *testing.T) {
	t.Parallel()
	for _, number := range []int{1114, 1021, 1030, 1047, 1180, 1206, 1290, 1297, 1637, 3100, 9005} {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			t.Parallel()
			s := openTill(t, 3)
			paid, waits := s.pay(1, shop.PGKakao), s.ready(s.order(1), shop.PGKakao)
			approve := s.authenticate(waits)
			back := command.ReturnFromGateway{AttemptID: waits.AttemptID, Secret: s.secret(waits), Outcome: "approved", PgToken: *approve.PgToken}
			s.exec(fmt.Sprintf(`CREATE TRIGGER not_now BEFORE INSERT ON events FOR EACH ROW
SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = %d, MESSAGE_TEXT = 'not now'`, number))

			place := command.PlaceOrder{
				By: s.shopper, IdempotencyKey: "not now", Lines: []command.PlaceOrderLine{{ProductID: s.product.ID, Quantity: 1}},
			}
			_, err := s.PlaceOrder(s.ctx, place)
			s.wantNotNow("an order", err)
			_, err = s.ReturnFromGateway(s.ctx, back)
			s.wantNotNow("a return", err)
			_, err = s.cancel(paid, 0)
			s.wantNotNow("a refund", err)
			s.wantLedger(waits, 0, 0)

			s.exec("DROP TRIGGER not_now")
			_, err = s.PlaceOrder(s.ctx, place)
			s.must(err)
			_, err = s.ReturnFromGateway(s.ctx, back)
			s.must(err)
			s.want(waits, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 1, 2})
		})
	}
}

func (s *till) wantNotNow(what string, err error) {
	s.t.Helper()
	if seconds, _ := details(err)["retryAfter"].(int); shop.CodeOf(err) != shop.Unavailable || seconds < 1 {
		s.t.Errorf("%s: error %v with details %v, want UNAVAILABLE with retryAfter", what, err, details(err))
	}
}

// Proves: a COMMIT that is refused, with whatever number, is UNAVAILABLE once the books tell that it does not stand, and the
// same key may be used again.
func TestHandler_refusedCommit(t *testing.T) {
	t.Parallel()
	s := openShopfloor(t)
	p := s.sells(1000, 100)
	for i, number := range []uint16{1180, 1026, 1064, 65_000} {
		robber := &thief{early: true, says: number}
		h := s.replica(robber.before(t, s.dsn))
		robber.steal.Store(1)
		order := wish(fmt.Sprint("refused-", number), one(p))
		began := time.Now()
		_, err := h.PlaceOrder(t.Context(), order)
		if seconds, _ := details(err)["retryAfter"].(int); shop.CodeOf(err) != shop.Unavailable || seconds < 1 {
			t.Errorf("%d: error %v with details %v, want UNAVAILABLE with retryAfter", number, err, details(err))
		}
		if took := time.Since(began); took > 20*time.Second || robber.stole.Load() != 1 {
			t.Errorf("%d: it took %s, and %d commits were refused", number, took, robber.stole.Load())
		}
		if _, err := h.PlaceOrder(t.Context(), order); err != nil {
			t.Errorf("%d: the same key again: %v", number, err)
		}
		if n := s.count("SELECT COUNT(*) FROM orders"); n != i+1 {
			t.Errorf("%d: there are %d orders, want %d", number, n, i+1)
		}
	}
}

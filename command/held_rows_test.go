package command_test

import (
	"sync"
	"testing"
	"time"

	"payment-system/command"
	"payment-system/shop"
)

// Proves that a row that somebody else keeps delays those who need it, and nobody else.
func TestHandler_heldRows(t *testing.T) {
	t.Parallel()
	s := openTill(t, 1_000)
	first := s.product
	created, err := s.CreateProduct(s.ctx, command.CreateProduct{
		By: shop.Caller{UserID: "usr_operator", Actor: shop.ActorOperator}, IdempotencyKey: "q", Name: "오예스", Price: 11_000, Stock: 1_000,
	})
	s.must(err)
	stuck := s.ready(s.order(1), shop.PGToss) // of the first product
	s.product = created.Product
	free := s.ready(s.order(1), shop.PGToss)
	buy := func(key string, product shop.ProductID) error {
		_, err := s.PlaceOrder(s.ctx, command.PlaceOrder{
			By: s.shopper, IdempotencyKey: key, Lines: []command.PlaceOrderLine{{ProductID: product, Quantity: 1}},
		})
		return err
	}

	for name, row := range map[string]string{
		"an order":  `SELECT id FROM orders WHERE id = '` + string(stuck.OrderID) + `' FOR UPDATE`,
		"a product": `SELECT product_id FROM stock WHERE product_id = '` + string(first.ID) + `' FOR UPDATE`,
	} {
		held, err := s.db.BeginTx(s.ctx, nil)
		s.must(err)
		s.must(held.QueryRowContext(s.ctx, row).Scan(new(string)))
		var waiting sync.WaitGroup
		released := make(chan struct{})
		for i := range 5 {
			waiting.Go(func() {
				if name == "an order" {
					_, err := s.FailPayment(s.ctx, command.FailPayment{By: s.shopper, PaymentID: stuck.ID})
					if err != nil {
						t.Errorf("who waited for %s: %v", name, err)
					}
				} else if err := buy(name+string(rune('a'+i)), first.ID); err != nil {
					t.Errorf("who waited for %s: %v", name, err)
				}
				select {
				case <-released:
				default:
					t.Errorf("%s was had while another kept it", name)
				}
			})
		}
		time.Sleep(50 * time.Millisecond) // the first of them is waiting by now
		for i := range 5 {
			s.must(buy(name+" free "+string(rune('a'+i)), s.product.ID)) // the row is kept all the while
		}
		close(released)
		s.must(held.Rollback())
		waiting.Wait()
	}
	_, err = s.ApprovePayment(s.ctx, s.authenticate(free))
	s.must(err)
	if got := s.state(free); got.Order != shop.OrderStatusPaid || s.state(stuck).Payment != shop.PaymentStatusFailed {
		t.Errorf("the one is %+v, the other %+v", got, s.state(stuck))
	}
}

// Proves that a refusal leaves nothing behind; what is not there is refused too, though it cannot be told
// at once from what somebody keeps.
func TestHandler_refusals(t *testing.T) {
	t.Parallel()
	s := openTill(t, 1)
	_, err := s.ReadyPayment(s.ctx, command.ReadyPayment{By: s.shopper, IdempotencyKey: "k", OrderID: shop.OrderID(newID(shop.PrefixOrder)), PG: shop.PGToss})
	s.wantCode(err, shop.NotFound)
	_, err = s.CancelOrder(s.ctx, command.CancelOrder{By: s.shopper, IdempotencyKey: "k", OrderID: "가나다", Reason: "변심"})
	s.wantCode(err, shop.NotFound)
	// This one is refused when its key is about to be stored.
	order := s.order(1)
	_, err = s.ReadyPayment(s.ctx, command.ReadyPayment{By: s.shopper, IdempotencyKey: "k", OrderID: order.ID, PG: shop.PGToss, InstallmentMonths: 3})
	s.wantCode(err, shop.Invalid)
	var keys int
	s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM idempotency WHERE user_id = ? AND operation <> 'placeOrder'`, string(s.shopper.UserID)).Scan(&keys))
	if keys != 0 {
		t.Errorf("%d keys are stored of what was refused", keys)
	}
	_, err = s.ReadyPayment(s.ctx, command.ReadyPayment{By: s.shopper, IdempotencyKey: "k", OrderID: order.ID, PG: shop.PGToss})
	s.must(err)
}

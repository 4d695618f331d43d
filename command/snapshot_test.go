package command_test

import (
	"sync"
	"testing"

	"payment-system/command"
	"payment-system/shop"
)

// TestHandler_snapshot changes what an order was made of, between the order and its payment.
func TestHandler_snapshot(t *testing.T) {
	t.Parallel()
	t.Run("a price that changes after the order is not asked for", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			c := openCounter(t, 3)
			before := c.order(1)
			reprice := func(price shop.Won) {
				_, err := c.UpdateProduct(c.ctx, command.UpdateProduct{By: shop.Caller{Actor: shop.ActorOperator}, ProductID: c.product.ID, Price: &price})
				c.must(err)
			}
			reprice(99_000)
			payment := c.ready(before, gateway)
			reprice(1_000)
			_, err := c.ApprovePayment(c.ctx, c.authenticate(payment))
			c.must(err)
			c.wantLedger(payment, 1, 11_000)
			later := c.pay(1, gateway)
			c.wantLedger(later, 1, 1_000)
		})
	})

	t.Run("two gateways opened at once for one order take its money once", func(t *testing.T) {
		for range 5 {
			c := openCounter(t, 1)
			order := c.order(1)
			opened := make([]shop.Payment, 2)
			var opening sync.WaitGroup
			for i, gateway := range []shop.PG{shop.PGKakao, shop.PGToss} {
				opening.Go(func() {
					readied, err := c.ReadyPayment(c.ctx, command.ReadyPayment{By: c.shopper, IdempotencyKey: newID("key"), OrderID: order.ID, PG: gateway})
					if code := shop.CodeOf(err); err != nil && code != shop.Conflict {
						t.Errorf("%s: %v", gateway, err)
					}
					opened[i] = readied.Payment
				})
			}
			opening.Wait()
			var approving sync.WaitGroup
			for _, payment := range opened {
				if payment.PaymentKey == nil {
					continue
				}
				approve := c.authenticate(payment)
				approving.Go(func() { _, _ = c.ApprovePayment(c.ctx, approve) })
			}
			approving.Wait()
			c.settle()
			var net shop.Won
			captures := 0
			for _, payment := range opened {
				if payment.PaymentKey != nil {
					ledger := c.sim(payment.PG).Ledger(*payment.PaymentKey)
					net += ledger.Captured - ledger.Refunded
					captures += ledger.Captures
				}
			}
			if net != 11_000 || captures < 1 {
				t.Errorf("the gateways hold %d won of %d captures", net, captures)
			}
		}
	})

	t.Run("a token of another order's payment takes no money, and is still good for its own", func(t *testing.T) {
		c := openCounter(t, 2)
		mine, other := c.ready(c.order(1), shop.PGKakao), c.ready(c.order(1), shop.PGKakao)
		approveMine, approveOther := c.authenticate(mine), c.authenticate(other)
		swapped := approveMine
		swapped.PgToken = approveOther.PgToken
		_, err := c.ApprovePayment(c.ctx, swapped)
		c.wantCode(err, shop.Declined)
		c.wantLedger(mine, 0, 0)
		_, err = c.ApprovePayment(c.ctx, approveOther)
		c.must(err)
		c.wantLedger(other, 1, 11_000)
	})
}

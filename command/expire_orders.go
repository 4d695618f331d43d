package command

import (
	"context"
	"sync"
	"sync/atomic"

	"payment-system/command/books"
	"payment-system/internal/failpoint"
	"payment-system/shop"
)

// ExpireOrders ends the unpaid orders whose time is over, and gives their stock
// back. Orders of which a gateway is being asked are left alone; those that wait
// for a deposit are the resolver's, who asks for it first. It returns how many it
// ended. Any number of replicas may run it at once.
func (h *Handler) ExpireOrders(ctx context.Context) (int, error) {
	ctx = failpoint.In(ctx, "expire")
	ended := 0
	for {
		due, err := books.DueOrders(ctx, h.DB, h.now(), maxExpired)
		if err != nil {
			return ended, err
		}
		n := h.expireEach(ctx, due)
		ended += n
		if n == 0 || len(due) < maxExpired || ctx.Err() != nil {
			return ended, ctx.Err()
		}
	}
}

// maxExpired is how many orders are expired before it is asked which are due.
const maxExpired = 1_000

// expireEach ends those of the orders that are still due, in groups, and counts them.
func (h *Handler) expireEach(ctx context.Context, due []shop.OrderID) int {
	var ended atomic.Int64
	var expiring sync.WaitGroup
	for _, id := range due {
		expiring.Go(func() {
			expired, err := h.expireOrder(ctx, id)
			if err != nil {
				h.Logger.WarnContext(ctx, "order not expired", "order_id", string(id), "error", err)
			} else if expired {
				ended.Add(1)
			}
		})
	}
	expiring.Wait()
	return int(ended.Load())
}

// expireOrder ends one order, if it is still due.
func (h *Handler) expireOrder(ctx context.Context, id shop.OrderID) (bool, error) {
	var expired bool
	_, err := h.show(ctx, &decision{order: id, actor: shop.ActorScheduler, background: true, moves: true, do: func(c *change) error {
		expired = false
		if c.order.Status != shop.OrderStatusPlaced || c.now.Before(c.order.ExpiresAt) || busy(c.payment.Status) {
			return nil
		}
		if err := c.order.Expire(c.now); err != nil {
			return err
		}
		c.orderEvent(shop.KindOrderExpired, "")
		c.moves = append(c.moves, shop.KindStockReleased)
		expired = true
		return c.endPayment(shop.KindPaymentExpired, "")
	}})
	return expired, err
}

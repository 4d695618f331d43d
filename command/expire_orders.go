package command

import (
	"context"

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
	due, err := books.DueOrders(ctx, h.DB, h.now())
	if err != nil {
		return 0, err
	}
	ended := 0
	for _, id := range due {
		expired, err := h.expireOrder(ctx, id)
		if err != nil {
			h.Logger.WarnContext(ctx, "order not expired", "order_id", string(id), "error", err)
			continue
		}
		if expired {
			ended++
		}
	}
	return ended, ctx.Err()
}

// expireOrder ends one order, if it is still due.
func (h *Handler) expireOrder(ctx context.Context, id shop.OrderID) (bool, error) {
	var expired bool
	_, err := h.changeOrder(ctx, id, shop.ActorScheduler, func(c *change) error {
		expired = false
		if c.order.Status != shop.OrderStatusPlaced || c.now.Before(c.order.ExpiresAt) || busy(c.payment.Status) {
			return nil
		}
		if err := c.order.Expire(c.now); err != nil {
			return err
		}
		c.orderEvent(shop.KindOrderExpired, "")
		if err := c.moveStock(books.ReleaseStock(ctx, c.tx, c.order, c.actor, c.now)); err != nil {
			return err
		}
		expired = true
		return c.endPayment(shop.KindPaymentExpired, "")
	})
	return expired, err
}

package command

import (
	"context"
	"fmt"

	"payment-system/internal/failpoint"
	"payment-system/shop"
)

// ExpireOrders ends the unpaid orders whose time is over, and gives their stock
// back. Orders of which a gateway is being asked are left alone; those that wait
// for a deposit are the resolver's, who asks for it first. It returns how many it
// ended. Any number of replicas may run it at once.
func (h *Handler) ExpireOrders(ctx context.Context) (int, error) {
	ctx = failpoint.In(ctx, "expire")
	due, err := h.dueOrders(ctx)
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

func (h *Handler) dueOrders(ctx context.Context) ([]shop.OrderID, error) {
	rows, err := h.DB.QueryContext(ctx, `SELECT o.id FROM orders o LEFT JOIN payments p ON p.order_id = o.id
		WHERE o.status = 'PLACED' AND o.expires_at <= ? AND (p.id IS NULL OR p.status NOT IN ('APPROVING', 'UNKNOWN', 'CANCELING', 'WAITING_FOR_DEPOSIT'))
		ORDER BY o.expires_at LIMIT 200`, h.now())
	if err != nil {
		return nil, fmt.Errorf("read the orders to expire: %w", err)
	}
	defer rows.Close()
	var due []shop.OrderID
	for rows.Next() {
		var id shop.OrderID
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("read an order to expire: %w", err)
		}
		due = append(due, id)
	}
	return due, rows.Err()
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
		if err := c.moveStock(releaseStock(ctx, c.tx, c.order, c.actor, c.now)); err != nil {
			return err
		}
		expired = true
		return c.endPayment(shop.KindPaymentExpired, "")
	})
	return expired, err
}

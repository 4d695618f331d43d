package command

import (
	"context"
	"fmt"

	"payment-system/command/books"
	"payment-system/internal/failpoint"
	"payment-system/shop"
)

// PlaceOrder holds stock and opens an order for it.
type PlaceOrder struct {
	By             shop.Caller
	IdempotencyKey string // the same key always names the same order
	Lines          []PlaceOrderLine
}

// PlaceOrderLine asks for units of one product.
type PlaceOrderLine struct {
	ProductID shop.ProductID
	Quantity  int
}

// PlaceOrder opens an order at the prices of this moment and holds stock for
// all of its lines until the order expires. It returns SoldOut when a line asks
// for more than is on hand, NotFound when a product does not exist, Invalid
// when the input or the total is out of its domain, and IdempotencyMismatch
// when the key named another order. Orders that arrive while a commit is in
// flight are committed together; each still succeeds or fails alone. When ctx
// ends first the order may stand: the same key tells.
func (h *Handler) PlaceOrder(ctx context.Context, cmd PlaceOrder) (shop.OrderPlaced, error) {
	if err := cmd.check(); err != nil {
		return shop.OrderPlaced{}, err
	}
	req, err := books.NewRequest(cmd.By.UserID, "placeOrder", cmd.IdempotencyKey, cmd.Lines)
	if err != nil {
		return shop.OrderPlaced{}, err
	}
	pending := &pendingOrder{
		ctx:   failpoint.In(ctx, "order"),
		cmd:   cmd,
		req:   req,
		id:    shop.OrderID(h.NewID(shop.PrefixOrder)),
		ready: make(chan struct{}),
	}
	if err := h.orders.join(pending, h.background.Start, h.commitOrders); err != nil {
		return shop.OrderPlaced{}, err
	}
	select {
	case <-pending.ready:
		return pending.placed, pending.err
	case <-ctx.Done():
		return shop.OrderPlaced{},
			&shop.Error{
				Code: shop.InProgress, Message: "The order is being placed. Ask again with the same key.",
				Err: ctx.Err(),
			}
	}
}

func (c PlaceOrder) check() error {
	if len(c.Lines) == 0 || len(c.Lines) > shop.MaxOrderLines {
		return shop.InvalidField("lines", "An order has 1 to 100 lines.")
	}
	seen := make(map[shop.ProductID]bool, len(c.Lines))
	for i, line := range c.Lines {
		if line.Quantity < 1 || line.Quantity > shop.MaxQuantity {
			return shop.InvalidField(fmt.Sprintf("lines.%d.quantity", i), "The quantity must be from 1 to 1,000,000.")
		}
		if shop.IDPrefix(string(line.ProductID)) != shop.PrefixProduct {
			return noSuchProduct(i)
		}
		if seen[line.ProductID] {
			return shop.InvalidField(fmt.Sprintf("lines.%d.productId", i), "The product is in an earlier line already.")
		}
		seen[line.ProductID] = true
	}
	return nil
}

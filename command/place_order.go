package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// PlaceOrder holds stock and opens an order for it.
type PlaceOrder struct {
	By             Caller
	IdempotencyKey string // the same key always names the same order
	Lines          []PlaceOrderLine
}

// PlaceOrderLine asks for units of one product.
type PlaceOrderLine struct {
	ProductID shop.ProductID
	Quantity  int
}

// PlaceOrder is being built.
func (h *Handler) PlaceOrder(ctx context.Context, cmd PlaceOrder) (shop.OrderPlaced, error) {
	return shop.OrderPlaced{}, errors.ErrUnsupported
}

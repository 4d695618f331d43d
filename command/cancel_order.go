package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// CancelOrder ends an order; what was paid is refunded first.
type CancelOrder struct {
	By             Caller
	IdempotencyKey string
	OrderID        shop.OrderID
	Reason         string
}

// CancelOrder is being built.
func (h *Handler) CancelOrder(ctx context.Context, cmd CancelOrder) (shop.OrderCanceled, error) {
	return shop.OrderCanceled{}, errors.ErrUnsupported
}

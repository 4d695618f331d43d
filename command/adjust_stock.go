package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// AdjustStock adds to, or takes from, the stock on hand.
type AdjustStock struct {
	By             Caller
	IdempotencyKey string
	ProductID      shop.ProductID
	Quantity       int
	Reason         string
}

// AdjustStock is being built.
func (h *Handler) AdjustStock(ctx context.Context, cmd AdjustStock) (shop.StockAdjusted, error) {
	return shop.StockAdjusted{}, errors.ErrUnsupported
}

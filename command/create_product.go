package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// CreateProduct puts a product on sale.
type CreateProduct struct {
	By                Caller
	IdempotencyKey    string
	Name, Description string
	Price             shop.Won
	TaxFree           bool
	Stock             int
}

// CreateProduct is being built.
func (h *Handler) CreateProduct(ctx context.Context, cmd CreateProduct) (shop.ProductCreated, error) {
	return shop.ProductCreated{}, errors.ErrUnsupported
}

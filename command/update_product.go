package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// UpdateProduct changes the properties that are not nil.
type UpdateProduct struct {
	By                Caller
	ProductID         shop.ProductID
	Name, Description *string
	Price             *shop.Won
	TaxFree           *bool
}

// UpdateProduct is being built.
func (h *Handler) UpdateProduct(ctx context.Context, cmd UpdateProduct) (shop.ProductUpdated, error) {
	return shop.ProductUpdated{}, errors.ErrUnsupported
}

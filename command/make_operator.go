package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// MakeOperator gives an account the operator's role.
type MakeOperator struct{ Email string }

// MakeOperator is being built.
func (h *Handler) MakeOperator(ctx context.Context, cmd MakeOperator) (shop.UserRoleChanged, error) {
	return shop.UserRoleChanged{}, errors.ErrUnsupported
}

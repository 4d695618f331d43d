package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// SignUp opens an account for a verified address.
type SignUp struct {
	VerificationID shop.VerificationID
	Password       string
}

// SignUp is being built.
func (h *Handler) SignUp(ctx context.Context, cmd SignUp) (shop.UserSignedUp, error) {
	return shop.UserSignedUp{}, errors.ErrUnsupported
}

package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// ConfirmEmailVerification repeats the mailed code.
type ConfirmEmailVerification struct {
	VerificationID shop.VerificationID
	Code           string
}

// ConfirmEmailVerification is being built.
func (h *Handler) ConfirmEmailVerification(ctx context.Context, cmd ConfirmEmailVerification) (shop.VerificationConfirmed, error) {
	return shop.VerificationConfirmed{}, errors.ErrUnsupported
}

package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// RequestEmailVerification mails a six-digit code to an address.
type RequestEmailVerification struct {
	Email    string
	RemoteIP string // for rate limits
}

// RequestEmailVerification is being built.
func (h *Handler) RequestEmailVerification(ctx context.Context, cmd RequestEmailVerification) (shop.VerificationRequested, error) {
	return shop.VerificationRequested{}, errors.ErrUnsupported
}

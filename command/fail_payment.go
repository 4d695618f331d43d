package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// FailPayment says that the shopper came back without paying.
type FailPayment struct {
	By        Caller
	PaymentID shop.PaymentID
	Code      string
	Message   string
}

// FailPayment is being built.
func (h *Handler) FailPayment(ctx context.Context, cmd FailPayment) (shop.PaymentFailed, error) {
	return shop.PaymentFailed{}, errors.ErrUnsupported
}

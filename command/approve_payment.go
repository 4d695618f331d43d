package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// ApprovePayment takes the money. PaymentKey and Amount are what a browser
// carried; they are compared and never used.
type ApprovePayment struct {
	By         Caller
	PaymentID  shop.PaymentID
	PgToken    *string
	PaymentKey *string
	Amount     *shop.Won
}

// ApprovePayment is being built.
func (h *Handler) ApprovePayment(ctx context.Context, cmd ApprovePayment) (shop.PaymentApproved, error) {
	return shop.PaymentApproved{}, errors.ErrUnsupported
}

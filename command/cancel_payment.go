package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// CancelPayment refunds all that is left, or Amount of it.
type CancelPayment struct {
	By             Caller
	IdempotencyKey string
	PaymentID      shop.PaymentID
	Amount         *shop.Won
	TaxFreeAmount  *shop.Won
	Reason         string
	RefundAccount  *shop.RefundAccount
}

// CancelPayment is being built.
func (h *Handler) CancelPayment(ctx context.Context, cmd CancelPayment) (shop.PaymentCanceled, error) {
	return shop.PaymentCanceled{}, errors.ErrUnsupported
}

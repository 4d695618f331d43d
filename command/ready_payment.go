package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// ReadyPayment opens a payment at a gateway.
type ReadyPayment struct {
	By                Caller
	IdempotencyKey    string
	OrderID           shop.OrderID
	PG                shop.PG
	InstallmentMonths int
	ReturnURL         *string
	Method            *string
}

// ReadyPayment is being built.
func (h *Handler) ReadyPayment(ctx context.Context, cmd ReadyPayment) (shop.PaymentReadied, error) {
	return shop.PaymentReadied{}, errors.ErrUnsupported
}

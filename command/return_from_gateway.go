package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// ReturnFromGateway is a shopper's browser coming back from a gateway.
type ReturnFromGateway struct {
	AttemptID  shop.AttemptID
	Outcome    string // approved, canceled, failed
	PgToken    string
	PaymentKey string
	Amount     *shop.Won
	OrderRef   string // the merchant order id that the gateway repeated, "" if none
	Code       string
	Message    string
}

// ReturnFromGateway is being built. It returns where to redirect the browser.
func (h *Handler) ReturnFromGateway(ctx context.Context, cmd ReturnFromGateway) (redirect string, err error) {
	return "", errors.ErrUnsupported
}

package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// RefreshGatewayRecord asks the gateway how a payment reads now.
type RefreshGatewayRecord struct {
	By        Caller
	PaymentID shop.PaymentID
}

// RefreshGatewayRecord is being built. The record is nil when no gateway has one.
func (h *Handler) RefreshGatewayRecord(ctx context.Context, cmd RefreshGatewayRecord) (shop.GatewayRecord, error) {
	return nil, errors.ErrUnsupported
}

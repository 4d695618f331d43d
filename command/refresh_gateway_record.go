package command

import (
	"context"

	"payment-system/command/books"
	"payment-system/shop"
)

// RefreshGatewayRecord asks the gateway how a payment reads now.
type RefreshGatewayRecord struct {
	By        shop.Caller
	PaymentID shop.PaymentID
}

// RefreshGatewayRecord looks the latest attempt up, makes the books say what the
// gateway says, and returns the gateway's record. The record is nil when the
// gateway has none. It returns Unavailable when the gateway cannot be asked.
func (h *Handler) RefreshGatewayRecord(ctx context.Context, cmd RefreshGatewayRecord) (shop.GatewayRecord, error) {
	payment, err := books.LoadPayment(ctx, h.DB, cmd.PaymentID)
	if err != nil {
		return nil, err
	}
	if !cmd.By.MayActOn(payment.UserID) {
		return nil, shop.NoSuch("payment")
	}
	_, err = h.ResolveAttempt(ctx, ResolveAttempt{AttemptID: payment.AttemptID, Actor: shop.ActorGateway})
	if code := shop.CodeOf(err); code != "" && code != shop.InProgress && code != shop.Declined {
		return nil, err
	}
	return books.KeptRecord(ctx, h.DB, *payment.Attempt(payment.AttemptID))
}

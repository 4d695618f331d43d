package command

import (
	"context"

	"payment-system/pg"
	"payment-system/shop"
)

// closeOrWait closes a virtual account unless its order still waits for it. The
// order that has waited long enough ends: the deposit has not come.
func (h *Handler) closeOrWait(ctx context.Context, gateway pg.Gateway, payment shop.Payment,
	id shop.AttemptID,
) (shop.Payment, error) {
	if payment.AttemptID == id && payment.Status == shop.PaymentStatusWaitingForDeposit {
		expired, err := h.expireOrder(ctx, payment.OrderID)
		if err != nil || !expired {
			return payment, err
		}
	}
	return h.closeAccount(ctx, gateway, payment, id)
}

// closeAccount closes a virtual account that nobody waits for any more, so that
// no money comes late. Should money come all the same, it is returned. Each try
// has a key of its own: an account closes once, whoever asks.
func (h *Handler) closeAccount(ctx context.Context, gateway pg.Gateway, payment shop.Payment,
	id shop.AttemptID,
) (shop.Payment, error) {
	attempt := payment.Attempt(id)
	answer, err := gateway.Cancel(ctx, pg.CancelRequest{
		IdempotencyKey: string(id) + ":close:" + h.now().Format(keyTime), Key: keyOf(*attempt), Amount: payment.Amount,
		TaxFree:   payment.TaxFreeAmount,
		Available: payment.Amount, Whole: true, Reason: "주문이 끝나 입금을 받지 않습니다.",
	})
	if err != nil {
		return payment, gatewayAway(err)
	}
	payment, err = h.ApplyEvidence(ctx, ApplyEvidence{AttemptID: id, Evidence: answer, Actor: shop.ActorResolver})
	if err != nil {
		return payment, err
	}
	return h.endAttempt(ctx, payment.ID, id)
}

// endAttempt notes that the gateway has closed an attempt of a payment that
// ended before it.
func (h *Handler) endAttempt(ctx context.Context, id shop.PaymentID, attempt shop.AttemptID) (shop.Payment, error) {
	return h.changePayment(ctx, id, shop.ActorResolver, func(c *change) error {
		closed := c.payment.Attempt(attempt)
		c.lookUp(attempt, never)
		if closed.Status != shop.PaymentStatusWaitingForDeposit {
			return nil
		}
		closed.Status = shop.PaymentStatusCanceled
		if err := c.payment.Apply(shop.KindPaymentAttemptEnded, c.now); err != nil {
			return err
		}
		return c.paymentEvent(shop.KindPaymentAttemptEnded, "virtual account closed")
	})
}

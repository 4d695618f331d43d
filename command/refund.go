package command

import (
	"context"
	"errors"
	"strings"
	"time"

	"payment-system/command/books"
	"payment-system/internal/failpoint"
	"payment-system/pg"
	"payment-system/shop"
)

// intendRefund requests a refund of the attempt that paid. A nil tax-free part is
// worked out: all that is left of it when all is refunded, else as little as fits.
func (h *Handler) intendRefund(c *change, amount shop.Won, taxFree *shop.Won, reason string, cause shop.RefundCause,
	account *shop.RefundAccount,
) (shop.Refund, error) {
	id := shop.RefundID(h.NewID(shop.PrefixRefund))
	taxFreeLeft := c.payment.TaxFreeAmount - c.payment.RefundedTaxFree
	part := max(0, amount-(c.payment.Balance()-taxFreeLeft))
	if taxFree != nil {
		part = *taxFree
	}
	refund := shop.Refund{
		ID: id, AttemptID: c.payment.AttemptID, Amount: amount, TaxFreeAmount: part, Reason: reason, Cause: cause,
		Status: shop.RefundStatusRequested, RequestedAt: c.now, PGKey: refundKey(id), Account: account,
	}
	if err := c.payment.RequestRefund(refund, c.now); err != nil {
		return refund, err
	}
	c.lookUpAt(c.payment.AttemptID, c.now.Add(h.PGTimeout+2*time.Second))
	return refund, c.paymentEvent(shop.KindPaymentCanceling, reason)
}

// carryOutRefund asks the gateway for a refund whose intent has just been committed,
// and records what came of it.
func (h *Handler) carryOutRefund(ctx context.Context, id shop.PaymentID, refundID shop.RefundID) (shop.Payment, error) {
	ctx = context.WithoutCancel(ctx)
	payment, err := books.LoadPayment(ctx, h.DB, id)
	if err != nil || !isToBeMade(payment, refundID) {
		return payment, err
	}
	refund := payment.Refund(refundID)
	gateway, answer, err := h.askForRefund(ctx, payment, *refund)
	if gateway == nil {
		return payment, err
	}
	return h.refundAnswered(ctx, payment, *refund, answer, err)
}

// repeatRefund is carryOutRefund for a refund that may have been asked for before.
// The caller has looked that the gateway has not made it already: Kakao Pay would
// make it twice. When the payment is not any more the version that it was after
// that look-up, the gateway is not asked.
func (h *Handler) repeatRefund(ctx context.Context, lookedAt shop.Payment, refundID shop.RefundID) (shop.Payment,
	error,
) {
	ctx = context.WithoutCancel(ctx)
	payment, err := books.LoadPayment(ctx, h.DB, lookedAt.ID)
	if err != nil || payment.Version != lookedAt.Version || !isToBeMade(payment, refundID) {
		return payment, err
	}
	refund := payment.Refund(refundID)
	gateway, answer, err := h.askForRefund(ctx, payment, *refund)
	switch {
	case gateway == nil:
		return payment, err
	case isRefusal(err):
		return h.repeatRefused(ctx, gateway, payment, *refund, gatewayError(err))
	}
	return h.refundAnswered(ctx, payment, *refund, answer, err)
}

// isToBeMade reports whether a payment has a refund that is still under way.
func isToBeMade(payment shop.Payment, id shop.RefundID) bool {
	refund := payment.Refund(id)
	return refund != nil && refund.Status != shop.RefundStatusDone && refund.Status != shop.RefundStatusFailed
}

// askForRefund asks the gateway to make a refund. The gateway is nil, and the error
// Unavailable, when none is configured.
func (h *Handler) askForRefund(ctx context.Context, payment shop.Payment, refund shop.Refund) (pg.Gateway, pg.Payment,
	error,
) {
	attempt := payment.Attempt(refund.AttemptID)
	gateway := h.gateway(attempt.PG)
	if gateway == nil {
		return nil, pg.Payment{}, gatewayAway(errors.New("no such gateway is configured"))
	}
	failpoint.At(ctx, failpoint.AfterIntent)
	answer, err := gateway.Cancel(ctx, cancelRequest(*attempt, refund))
	return gateway, answer, err
}

// repeatRefused looks again before it believes a refusal that came to a repeat,
// or to a call that nobody waits for: the gateway refuses too what an earlier
// call, thought lost, or another replica's made since the look-up before.
func (h *Handler) repeatRefused(ctx context.Context, gateway pg.Gateway, payment shop.Payment, refund shop.Refund,
	refusal *pg.Error,
) (shop.Payment, error) {
	attempt := payment.Attempt(refund.AttemptID)
	answer, err := lookUp(ctx, gateway, keyOf(*attempt), payment.Amount)
	if err != nil {
		return payment, gatewayAway(err)
	}
	if answer.Refunded > attempt.RefundedAmount {
		payment, err = h.ApplyEvidence(ctx, ApplyEvidence{AttemptID: attempt.ID, Evidence: answer, Actor: shop.ActorGateway})
		if err != nil {
			return payment, err
		}
	}
	return h.refuseRefund(ctx, payment, refund, shop.PaymentFailure{Code: refusal.Code, Message: refusal.Message},
		tellPerson)
}

func cancelRequest(attempt shop.PaymentAttempt, refund shop.Refund) pg.CancelRequest {
	available := attempt.CapturedAmount - attempt.RefundedAmount
	return pg.CancelRequest{
		IdempotencyKey: refund.PGKey, Key: keyOf(attempt), RefundID: refund.ID, Amount: refund.Amount,
		TaxFree:   refund.TaxFreeAmount,
		Available: available, Whole: refund.Amount == available, Reason: refund.Reason, Account: refund.Account,
	}
}

// refundAnswered commits what the gateway answered to a refund.
func (h *Handler) refundAnswered(ctx context.Context, payment shop.Payment, refund shop.Refund, answer pg.Payment,
	cause error,
) (shop.Payment, error) {
	if cause == nil {
		return h.ApplyEvidence(ctx,
			ApplyEvidence{AttemptID: refund.AttemptID, Evidence: nameLeg(answer, refund), Actor: shop.ActorGateway})
	}
	if isRefusal(cause) {
		refusal := gatewayError(cause)
		tell := tellPerson
		if refund.Cause == shop.RefundCauseRequested {
			tell = tellCaller
		}
		return h.refuseRefund(ctx, payment, refund, shop.PaymentFailure{Code: refusal.Code, Message: refusal.Message}, tell)
	}
	if key := newKeyAfter(cause, string(refund.ID), h.now()); key != "" {
		if err := books.RenewRefundKey(ctx, h.DB, refund.ID, key); err != nil {
			return payment, err
		}
	}
	h.Logger.WarnContext(ctx, "refund unknown", "refund_id", string(refund.ID), "error", cause)
	return h.refundUnknown(ctx, payment.ID, refund, cause)
}

// nameLeg says which of the gateway's legs is the refund just made, where the
// gateway does not echo our name of it.
func nameLeg(answer pg.Payment, refund shop.Refund) pg.Payment {
	for i, leg := range answer.Cancels {
		if answer.LegKey != "" && leg.Key == answer.LegKey && leg.RefundID == "" {
			answer.Cancels[i].RefundID = refund.ID
		}
	}
	return answer
}

// An audience is who hears of a refund that was refused.
type audience int

const (
	tellCaller audience = iota // whoever asked for the refund gets the answer
	tellPerson                 // nobody waits for it: a case is opened
)

// refuseRefund records that the gateway would not give the money back and, unless
// that answers whoever asked for it, opens a case: a person decides about money
// that was promised, or that the books meant to return by themselves.
func (h *Handler) refuseRefund(ctx context.Context, payment shop.Payment, refund shop.Refund,
	failure shop.PaymentFailure, tell audience,
) (shop.Payment, error) {
	after, err := h.changePayment(ctx, payment.ID, shop.ActorGateway, func(c *change) error {
		open := c.payment.Refund(refund.ID)
		if open.Status == shop.RefundStatusDone || open.Status == shop.RefundStatusFailed {
			return nil
		}
		c.lookUpAt(refund.AttemptID, c.now) // the gateway may have given it back already, or does so yet
		if tell == tellPerson {
			c.needCase(refusedCase(c.payment, *open, failure))
		}
		e := evidence{books: c, h: h, attempt: c.payment.Attempt(refund.AttemptID)}
		if !e.isPaying() {
			open.Status = shop.RefundStatusFailed
			return c.note(shop.KindPaymentLateMoney, "the gateway refused to give it back: "+failure.Code)
		}
		if err := c.payment.RefuseRefund(refund.ID, c.now); err != nil {
			return err
		}
		return c.paymentEvent(shop.KindPaymentCancelRefused, failure.Code)
	})
	if err != nil || after.Refund(refund.ID).Status == shop.RefundStatusDone {
		return after, err
	}
	return after, declined(after.PG, failure)
}

// refusedCase asks for a person because of a refund that the gateway refused. The
// kind is one for which giving the money back at the gateway tries again.
func refusedCase(payment shop.Payment, refund shop.Refund, failure shop.PaymentFailure) OpenCase {
	kind := shop.DiscrepancyKindPaidAfterEnd
	if refund.Cause == shop.RefundCauseWrongAnswer || refund.Cause == shop.RefundCauseRequested {
		kind = shop.DiscrepancyKindAmountDiffers
	}
	return OpenCase{
		PG: attemptPG(payment, refund.AttemptID), Kind: kind, PaymentID: &payment.ID, AttemptID: &refund.AttemptID,
		Amount:   refund.Amount,
		Expected: "refunded", Actual: failure.Code, Note: "The gateway refused to give the money back: " + failure.Message +
			missingAccount(refund, failure),
	}
}

// missingAccount says what a refund lacks that the gateway refused for want of an account.
func missingAccount(refund shop.Refund, failure shop.PaymentFailure) string {
	if !strings.Contains(failure.Code, "ACCOUNT") || refund.Account != nil {
		return ""
	}
	return " It came into a virtual account, and can only go back to an account that the shopper names: by refundAccount of " +
		"resolveDiscrepancy with REFUND_AT_GATEWAY, of cancelPayment or of cancelOrder."
}

// refundUnknown records the gateway's silence; the resolver asks again.
func (h *Handler) refundUnknown(ctx context.Context, id shop.PaymentID, refund shop.Refund, cause error) (shop.Payment,
	error,
) {
	wait := resolveSchedule[0]
	if e := gatewayError(cause); e != nil && e.RetryAfter > 0 {
		wait = e.RetryAfter
	}
	payment, err := h.changePayment(ctx, id, shop.ActorGateway, func(c *change) error {
		open := c.payment.Refund(refund.ID)
		if longer := patience(cause); open.Status == shop.RefundStatusUnknown && longer > 0 {
			c.lookUpAt(refund.AttemptID, c.now.Add(longer)) // this was a repeat
		}
		if open.Status != shop.RefundStatusRequested {
			return nil
		}
		open.Status = shop.RefundStatusUnknown
		c.lookUpAt(refund.AttemptID, c.now.Add(wait))
		if c.payment.Status != shop.PaymentStatusCanceling {
			return c.note(shop.KindPaymentLateMoney, "refund "+noteOf(cause))
		}
		if err := c.payment.Apply(shop.KindPaymentUnknown, c.now); err != nil {
			return err
		}
		return c.paymentEvent(shop.KindPaymentUnknown, noteOf(cause))
	})
	if err != nil {
		return payment, err
	}
	return payment, errAsking
}

package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payment-system/internal/failpoint"
	"payment-system/pg"
	"payment-system/shop"
)

// isLegOf reports whether the gateway's leg is the refund: by our name of it, the
// gateway's, or the reason that it was asked for again with.
func isLegOf(leg pg.Cancel, refund shop.Refund) bool {
	named := refund.TransactionKey != nil && *refund.TransactionKey == leg.Key
	return named || leg.RefundID == refund.ID || (refund.AskedAgain() && leg.Reason == repeatReason(refund))
}

// repeatReason names the refund to a gateway that takes no name of ours.
func repeatReason(refund shop.Refund) string {
	return "정산 대사에 따라 돌려드립니다. " + string(refund.ID)
}

// unanswered is what is said of a refund that was asked for again.
const unanswered = "The gateway has not answered yet to a refund that was asked for again."

// repeatRefunds asks the gateway again for refunds that the books call done and
// that it, asked, has not made: never for more than is missing, nor for more than
// was planned. The look-up shows which
// refunds are missing; the answer to a cancel mentions only that cancel.
func (c *correcting) repeatRefunds(ctx context.Context, answer pg.Payment) (correction, error) {
	missing, err := c.missingRefunds(ctx, answer.Cancels)
	if err != nil {
		return correction{}, err
	}
	planned := c.plannedLeft()
	for _, refund := range missing {
		if refund.Amount > min(planned, c.attempt.RefundedAmount-answer.Refunded) {
			continue
		}
		after, came, err := c.repeatRefund(ctx, refund, answer)
		if err != nil {
			return correction{}, err
		}
		if came != nil {
			return *came, nil
		}
		answer.Refunded = after.Refunded
		planned -= refund.Amount
	}
	if answer.Refunded != c.attempt.RefundedAmount {
		return correction{note: fmt.Sprintf("The gateway gave back %s won; the books have %s won.", answer.Refunded,
			c.attempt.RefundedAmount)}, nil
	}
	return correction{done: true, note: "The gateway has made the refund now."}, nil
}

// missingRefunds are the refunds of the books that none of the gateway's legs is.
// One that was asked for again, and whose answer was lost, is named by its leg. A
// leg that nothing names is the refund of its amount that has no name.
func (c *correcting) missingRefunds(ctx context.Context, legs []pg.Cancel) (missing []shop.Refund, err error) {
	legs = slices.Clone(legs)
	var rest []shop.Refund
	for _, refund := range c.payment.Refunds {
		if refund.AttemptID != c.attempt.ID || refund.Status != shop.RefundStatusDone {
			continue
		}
		i := slices.IndexFunc(legs, func(leg pg.Cancel) bool { return isLegOf(leg, refund) })
		if i < 0 {
			rest = append(rest, refund)
			continue
		}
		if refund.AskedAgain() {
			if err := c.nameRepeat(ctx, refund.ID, legs[i].Key); err != nil {
				return nil, err
			}
		}
		legs = slices.Delete(legs, i, i+1)
	}
	for _, refund := range rest {
		i := slices.IndexFunc(legs, func(leg pg.Cancel) bool { return leg.RefundID == "" && leg.Amount == refund.Amount })
		if i < 0 || refund.TransactionKey != nil || refund.AskedAgain() {
			missing = append(missing, refund)
			continue
		}
		legs = slices.Delete(legs, i, i+1)
	}
	return missing, nil
}

// repeats reports whether a refund of the attempt was asked for again, and not answered.
func (c *correcting) repeats() bool {
	return slices.ContainsFunc(c.payment.Refunds, func(refund shop.Refund) bool {
		return refund.AttemptID == c.attempt.ID && refund.AskedAgain()
	})
}

// plannedLeft is what the correction may still move of what was planned.
func (c *correcting) plannedLeft() shop.Won {
	left := c.d.Amount
	for _, refund := range c.payment.Refunds {
		if strings.HasPrefix(refund.PGKey, string(c.d.ID)+":") && !refund.AskedAgain() {
			left -= refund.Amount
		}
	}
	return left
}

// repeatRefund makes one refund anew, by an intent that is committed before. Kakao
// Pay refuses it when the money that is left is not what was looked up just now,
// Toss repeats its answer to the key. A correction tells why it was not made.
func (c *correcting) repeatRefund(ctx context.Context, refund shop.Refund, answer pg.Payment) (pg.Payment, *correction,
	error,
) {
	if refund.AskedAgain() && c.h.now().Before(c.payment.UpdatedAt.Add(c.h.PGTimeout+time.Second)) {
		return answer, &correction{waits: true, note: unanswered}, nil // the call may still be under way
	}
	intended, err := c.intendRepeat(ctx, refund.ID)
	if err != nil {
		return answer, nil, err
	}
	if !intended {
		return answer, &correction{waits: true, note: "The books moved since the gateway was asked."}, nil
	}
	failpoint.At(ctx, failpoint.AfterIntent)
	available := answer.Captured - answer.Refunded
	refund = *c.payment.Refund(refund.ID)
	after, err := c.h.gateway(c.attempt.PG).Cancel(ctx, pg.CancelRequest{
		IdempotencyKey: refund.PGKey, Key: keyOf(c.attempt), RefundID: refund.ID, Amount: refund.Amount,
		TaxFree: refund.TaxFreeAmount, Available: available, Whole: refund.Amount == available, Reason: repeatReason(refund),
	})
	if err != nil {
		came, err := c.notRepeated(ctx, refund.ID, err)
		return answer, &came, err
	}
	return after, nil, c.nameRepeat(ctx, refund.ID, after.LegKey)
}

// intendRepeat commits that the gateway is about to be asked again, and under
// which idempotency key: one of the discrepancy's own, for the old one would only
// repeat the old answer, or that of a repeat whose answer was lost. It reports
// false when the payment is not the one any more that the gateway was asked about.
func (c *correcting) intendRepeat(ctx context.Context, id shop.RefundID) (bool, error) {
	seen, intended := c.payment.Version, false
	payment, err := c.h.changePayment(ctx, c.payment.ID, c.actor, func(change *change) error {
		intended = change.payment.Version == seen
		if !intended {
			return nil
		}
		refund := change.payment.Refund(id)
		if !refund.AskedAgain() {
			refund.PGKey, refund.TransactionKey = string(c.d.ID)+":"+string(id), nil
		}
		return change.note(shop.KindPaymentRecordChanged, "refund asked for again at the gateway")
	})
	if err == nil {
		c.payment = payment
	}
	return intended, err
}

// nameRepeat notes the gateway's name of a refund that it has made by now.
func (c *correcting) nameRepeat(ctx context.Context, id shop.RefundID, leg string) error {
	payment, err := c.h.changePayment(ctx, c.payment.ID, c.actor, func(change *change) error {
		if refund := change.payment.Refund(id); leg != "" && refund.TransactionKey == nil {
			refund.TransactionKey = &leg
			return change.note(shop.KindPaymentRecordChanged, "refund repeated at the gateway")
		}
		return nil
	})
	if err == nil {
		c.payment = payment
	}
	return err
}

// notRepeated says why the gateway did not make a refund again. One that was
// answered gets another key for the next time; one that may have been made, or
// that did not reach the gateway, is asked for again after a look-up.
func (c *correcting) notRepeated(ctx context.Context, id shop.RefundID, cause error) (correction, error) {
	came := correction{note: "The gateway did not repeat the refund. " + c.refusal(ctx, cause)}
	refused := gatewayError(cause)
	if refused == nil {
		return came, nil
	}
	if refused.Outcome == pg.OutcomeUnknown || refused.Outcome == pg.OutcomeNotSent {
		came = correction{waits: true, note: unanswered}
	}
	if !isSettledRefusal(refused.Status) {
		return came, nil
	}
	_, err := c.h.changePayment(ctx, c.payment.ID, c.actor, func(change *change) error {
		change.payment.Refund(id).PGKey = string(c.d.ID) + ":" + string(id) + ":" + change.now.Format(keyTime)
		return change.note(shop.KindPaymentRecordChanged, "refund not repeated: "+noteOf(cause))
	})
	return came, err
}

package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"payment-system/command/books"
	"payment-system/pg"
	"payment-system/shop"
)

// ResolveAttempt asks a gateway what became of an attempt, and carries on.
type ResolveAttempt struct {
	AttemptID shop.AttemptID
	Actor     shop.Actor
	Note      string
}

// ResolveAttempt looks the attempt up and makes the books say what the gateway
// says; then it carries on what the look-up left to do: an approval that the
// gateway has not begun, a refund that it has not made, a virtual account that
// nobody waits for. It returns Unavailable when the gateway cannot be asked, or
// says of money that the books hold what cannot be, an *pg.Error of
// OutcomeNotFound when it knows nothing of a payment that the books hold money
// of, InProgress while the gateway wants to be left alone about a call, and
// otherwise as ApplyEvidence does.
func (h *Handler) ResolveAttempt(ctx context.Context, cmd ResolveAttempt) (shop.Payment, error) {
	ctx = context.WithoutCancel(ctx)
	id, err := books.PaymentIDOf(ctx, h.DB, cmd.AttemptID)
	if err != nil {
		return shop.Payment{}, err
	}
	was, err := books.LoadPayment(ctx, h.DB, id)
	if err != nil {
		return was, err
	}
	attempt := was.Attempt(cmd.AttemptID)
	gateway := h.gateway(attempt.PG)
	if gateway == nil {
		return was, gatewayAway(errors.New("no such gateway is configured"))
	}
	answer, err := lookUp(ctx, gateway, keyOf(*attempt), was.Amount)
	if err != nil {
		return h.lookUpFailed(ctx, was, *attempt, err)
	}
	if attempt.CapturedAmount == 0 && answer.Captured == 0 && isEnd(answer.Status) {
		if alone, err := h.isLeftAlone(ctx, was, cmd.AttemptID); err != nil || alone {
			return was, cmp.Or(err, error(errAsking)) // the bank may take the money yet
		}
	}
	if err := disbelief(was, *attempt, answer); err != nil {
		return was, gatewayAway(err)
	}
	payment, version, err := h.applyEvidence(ctx,
		ApplyEvidence{AttemptID: cmd.AttemptID, Evidence: answer, Actor: cmd.Actor, Note: cmd.Note})
	if err != nil || version != was.Version || h.inFlight(was, payment, cmd.AttemptID) {
		// What changed since the gateway was asked makes the answer too old to
		// repeat anything on: the next look-up tells.
		return payment, err
	}
	return h.carryOn(ctx, gateway, payment, cmd.AttemptID, answer.Status)
}

// isEnd reports whether a payment in this state has ended, with or without money.
func isEnd(status pg.Status) bool {
	return status == pg.StatusFailed || status == pg.StatusExpired || status == pg.StatusRefunded
}

// lookUp asks the gateway, and once more when it answers with something else
// than was asked for: one odd answer ends nothing, and gives no money back.
func lookUp(ctx context.Context, gateway pg.Gateway, key pg.Key, amount shop.Won) (pg.Payment, error) {
	answer, err := gateway.LookUp(ctx, key)
	first := gatewayError(err)
	if (err == nil && answer.Amount != amount) || (first != nil && first.Outcome == pg.OutcomeMismatch) {
		return gateway.LookUp(ctx, key)
	}
	return answer, err
}

// disbelief is why an answer cannot be about the attempt as the books have it: it
// is about another payment, says that the gateway took what it did not, or does
// not list what it gave back while a refund is under way, which might be asked for
// again. It is nil for any other.
func disbelief(payment shop.Payment, attempt shop.PaymentAttempt, answer pg.Payment) error {
	switch {
	case attempt.PaymentKey != nil && answer.PaymentKey != *attempt.PaymentKey:
		return fmt.Errorf("the gateway was asked about %s, and answers about %s", *attempt.PaymentKey, answer.PaymentKey)
	case attempt.CapturedAmount == payment.Amount && answer.Amount != payment.Amount:
		return fmt.Errorf("the gateway took %s won, and says %s", payment.Amount, answer.Amount)
	case payment.OpenRefund(attempt.ID) != nil && listed(answer) != answer.Refunded:
		return fmt.Errorf("the gateway gave %s won back, and lists %s: it cannot tell of the refund under way",
			answer.Refunded, listed(answer))
	}
	return nil
}

// listed is what a gateway gave back by the refunds that it lists.
func listed(answer pg.Payment) (sum shop.Won) {
	for _, leg := range answer.Cancels {
		sum += leg.Amount
	}
	return sum
}

// lookUpFailed ends an attempt whose payment the gateway has for another order
// or currency, or does not find, though it has named it itself, for 15 minutes;
// silence, and an answer about another payment altogether, leave everything as it is.
func (h *Handler) lookUpFailed(ctx context.Context, payment shop.Payment, attempt shop.PaymentAttempt,
	cause error,
) (shop.Payment, error) {
	refusal := gatewayError(cause)
	switch {
	case refusal != nil && refusal.Payment != nil && attempt.PaymentKey != nil &&
		refusal.Payment.PaymentKey != *attempt.PaymentKey:
		return payment, gatewayAway(cause)
	case refusal != nil && refusal.Outcome == pg.OutcomeMismatch && refusal.Payment != nil:
		return h.ApplyEvidence(ctx,
			ApplyEvidence{AttemptID: attempt.ID, Evidence: *refusal.Payment, Actor: shop.ActorResolver})
	case refusal != nil && refusal.Outcome == pg.OutcomeNotFound && attempt.CapturedAmount == 0:
		return h.notFound(ctx, payment, attempt.ID, cause, refusal.Code)
	case refusal != nil && refusal.Outcome == pg.OutcomeNotFound:
		return payment, cause
	}
	return payment, gatewayAway(cause)
}

// notFound ends an attempt that the gateway does not find: not before it was
// asked about for 15 minutes, and it is asked about once more after that.
func (h *Handler) notFound(ctx context.Context, payment shop.Payment, id shop.AttemptID, cause error,
	code string,
) (shop.Payment, error) {
	if unresolved(payment, id) {
		alone, err := h.isLeftAlone(ctx, payment, id)
		if err != nil || alone {
			return payment, cmp.Or(err, error(errAsking))
		}
		switch long, err := books.WasOpenBefore(ctx, h.DB, id, h.now().Add(-overdue)); {
		case err != nil:
			return payment, err
		case !long:
			return payment, gatewayAway(cause)
		}
	}
	failure := shop.PaymentFailure{Code: code, Message: "The gateway knows nothing of this payment."}
	if _, err := h.failApproval(ctx, payment, id, shop.ActorResolver, failure, at(h.muchLater())); err != nil {
		return payment, err
	}
	return books.LoadPayment(ctx, h.DB, payment.ID)
}

// muchLater is when an attempt that failed, or an approval that was withdrawn, is
// looked up once more, for a call that was lost may reach the gateway yet.
func (h *Handler) muchLater() time.Time {
	return h.now().Add(resolveSchedule[len(resolveSchedule)-1])
}

// carryOn does what the look-up left to do.
func (h *Handler) carryOn(ctx context.Context, gateway pg.Gateway, payment shop.Payment, id shop.AttemptID,
	status pg.Status,
) (shop.Payment, error) {
	switch alone, err := h.isLeftAlone(ctx, payment, id); {
	case err != nil:
		return payment, err
	case alone:
		return payment, errAsking
	}
	if refund := payment.OpenRefund(id); refund != nil {
		return h.repeatRefund(ctx, payment, refund.ID)
	}
	latest := payment.AttemptID == id
	asked := payment.Status == shop.PaymentStatusApproving || payment.Status == shop.PaymentStatusUnknown
	switch {
	case status == pg.StatusAuthenticated && latest && asked:
		return h.approveAgain(ctx, gateway, payment, id)
	case status == pg.StatusOpen && latest && asked:
		_, err := h.withdrawApproval(ctx, payment, id, shop.ActorResolver, "the gateway still waits for the shopper",
			at(h.muchLater()))
		return payment, err
	case (status == pg.StatusAuthenticated || status == pg.StatusOpen) && overtaken(payment, id):
		_, err := h.failApproval(ctx, payment, id, shop.ActorResolver,
			shop.PaymentFailure{Code: "OVERTAKEN", Message: "Another attempt paid the order."}, at(h.muchLater()))
		return payment, err
	case status == pg.StatusWaitingForDeposit && payment.Attempt(id).CapturedAmount == 0:
		return h.closeOrWait(ctx, gateway, payment, id)
	}
	return payment, nil
}

// approveAgain repeats an approval that the gateway has not carried out, with
// the same idempotency key, while the order still holds its stock; else the
// attempt has failed, and nothing was charged.
func (h *Handler) approveAgain(ctx context.Context, gateway pg.Gateway, payment shop.Payment,
	id shop.AttemptID,
) (shop.Payment, error) {
	order, err := books.LoadOrder(ctx, h.DB, payment.OrderID)
	if err != nil {
		return payment, err
	}
	now, mine, err := h.intendAgain(ctx, payment)
	if err != nil || !mine {
		return now, err // somebody went on since the look-up
	}
	if order.Status != shop.OrderStatusPlaced || !h.now().Before(order.ExpiresAt) {
		failure := shop.PaymentFailure{
			Code:    "HOLD_OVER",
			Message: "The order's time was over before the gateway took the money.",
		}
		_, err = h.failApproval(ctx, now, id, shop.ActorResolver, failure, at(h.muchLater()))
	} else {
		var answer pg.Payment
		answer, err = gateway.Approve(ctx, approveRequest(now, id))
		err = h.approvedAgain(ctx, now, id, answer, err)
	}
	if err != nil {
		return now, err
	}
	return books.LoadPayment(ctx, h.DB, payment.ID)
}

// intendAgain commits that an approval is about to be asked for again: from now
// on the word on the call before is about that call alone. It reports whether
// nobody went on since the payment was read.
func (h *Handler) intendAgain(ctx context.Context, was shop.Payment) (now shop.Payment, mine bool, err error) {
	now, err = h.changePayment(ctx, was.ID, shop.ActorResolver, func(c *change) error {
		mine = c.payment.Version == was.Version
		if !mine || c.payment.Status != shop.PaymentStatusApproving {
			return nil
		}
		if err := c.payment.Apply(shop.KindPaymentUnknown, c.now); err != nil {
			return err
		}
		return c.paymentEvent(shop.KindPaymentUnknown, "asked again")
	})
	return now, mine, err
}

// approvedAgain commits what the gateway answered to a repeat. Silence leaves
// the payment unknown: the next look-up tells.
func (h *Handler) approvedAgain(ctx context.Context, payment shop.Payment, id shop.AttemptID, answer pg.Payment,
	cause error,
) error {
	if cause == nil {
		_, err := h.ApplyEvidence(ctx, ApplyEvidence{AttemptID: id, Evidence: answer, Actor: shop.ActorResolver})
		return err
	}
	if isRefusal(cause) {
		refusal := gatewayError(cause)
		_, err := h.failApproval(ctx, payment, id, shop.ActorResolver,
			shop.PaymentFailure{Code: refusal.Code, Message: refusal.Message}, at(h.muchLater()))
		return err
	}
	if key := newKeyAfter(cause, string(id), h.now()); key != "" {
		if err := books.RenewApproveKey(ctx, h.DB, id, key); err != nil {
			return err
		}
	}
	_, err := h.changePayment(ctx, payment.ID, shop.ActorResolver, func(c *change) error {
		if wait := patience(cause); wait > 0 && unresolved(c.payment, id) {
			c.lookUpAt(id, c.now.Add(wait))
		}
		c.lookAgain(id, c.now.Add(resolveSchedule[0]))
		return nil
	})
	if err != nil {
		return err
	}
	return gatewayAway(cause)
}

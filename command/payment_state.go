package command

import (
	"context"
	"slices"
	"time"

	"payment-system/command/books"
	"payment-system/pg"
	"payment-system/shop"
)

// The questions that commands ask about the state of one payment, all in one place.
// They are pure but for isLeftAlone, which reads when the next look-up is due.
//
//	predicate     what it means                                          who asks
//	busy          a gateway is being asked in this state                 ready, cancel, expire; awaited
//	awaited       what a gateway has yet to say about an attempt         the schedule of look-ups, overdue cases
//	unresolved    awaited is something                                   release, notFound, lookAgain, isLeftAlone
//	waits         nothing is unclear, but a deposit or a close is due    release, lookAgain, makesKnown
//	isUndecided   the approval is awaited in the state it had before     withdrawApproval, failApproval
//	overtaken     another attempt paid while this one was being asked    awaited, carryOn, failApproval
//	endedUnpaid   the attempt ended before the gateway took anything     mayYetBeDone
//	mayYetBeDone  a call that was lost may still reach the gateway       release
//	inFlight      the call that an intent stands for may still run       ResolveAttempt
//	isLeftAlone   the gateway asked for patience: nobody repeats yet     ResolveAttempt, carryOn, notFound
//	patience      how long the gateway asked to be left alone            approvedAgain, refundUnknown
//
// Those over one refund are on shop.Refund.

// busy reports whether a gateway is being asked in this state.
func busy(s shop.PaymentStatus) bool {
	return s == shop.PaymentStatusApproving || s == shop.PaymentStatusUnknown || s == shop.PaymentStatusCanceling
}

// awaited names what a gateway has yet to tell about an attempt: what became of a
// refund, or of the approval; "" is nothing.
func awaited(payment shop.Payment, id shop.AttemptID) string {
	if refund := payment.OpenRefund(id); refund != nil {
		return string(refund.ID)
	}
	if payment.AttemptID == id && busy(payment.Status) || overtaken(payment, id) {
		return "approval"
	}
	return ""
}

// unresolved reports whether the gateway's word on an attempt is still awaited.
func unresolved(payment shop.Payment, id shop.AttemptID) bool {
	return awaited(payment, id) != ""
}

// waits reports whether an attempt is to be looked up again, though nothing about
// it is unclear: a deposit may come, or a virtual account is to be closed.
func waits(payment shop.Payment, id shop.AttemptID) bool {
	attempt := payment.Attempt(id)
	return attempt != nil && attempt.Status == shop.PaymentStatusWaitingForDeposit
}

// overtaken reports whether another attempt took the order's money while a gateway
// was asked to take it by this one.
func overtaken(payment shop.Payment, id shop.AttemptID) bool {
	attempt := payment.Attempt(id)
	return payment.AttemptID != id && attempt != nil && attempt.CapturedAmount == 0 &&
		(attempt.Status == shop.PaymentStatusApproving || attempt.Status == shop.PaymentStatusUnknown)
}

// isUndecided reports whether the word of a gateway on an approval is still awaited,
// in the same state as it was before.
func (c *change) isUndecided(id shop.AttemptID, was shop.PaymentStatus) bool {
	return c.payment.AttemptID == id && c.payment.Status == was && c.payment.CapturedAmount == 0 &&
		(was == shop.PaymentStatusApproving || was == shop.PaymentStatusUnknown)
}

// endedUnpaid reports whether an attempt has failed, or its order ended, before the
// gateway took anything.
func endedUnpaid(payment shop.Payment, id shop.AttemptID) bool {
	attempt := payment.Attempt(id)
	if attempt == nil || attempt.CapturedAmount > 0 {
		return false
	}
	status := attempt.Status
	if payment.AttemptID == id {
		status = payment.Status
	}
	return status == shop.PaymentStatusFailed || status == shop.PaymentStatusExpired ||
		status == shop.PaymentStatusCanceled
}

// mayYetBeDone reports whether the books say that a gateway took nothing, or would
// not give money back. A call that was lost may reach the gateway yet: a look-up
// that somebody asked for early does not stand for the one that comes later.
func mayYetBeDone(payment shop.Payment, id shop.AttemptID) bool {
	return endedUnpaid(payment, id) || slices.ContainsFunc(payment.Refunds, func(refund shop.Refund) bool {
		return refund.AttemptID == id && refund.Status == shop.RefundStatusFailed
	})
}

// inFlight reports whether the call that an intent stands for may still be under
// way: then nobody else makes it. It counts from the intent, which may have been
// there before the look-up.
func (h *Handler) inFlight(was, payment shop.Payment, id shop.AttemptID) bool {
	began := payment.UpdatedAt
	if was.Status == shop.PaymentStatusApproving {
		began = was.UpdatedAt
	}
	if refund := payment.OpenRefund(id); refund != nil {
		if refund.Status == shop.RefundStatusUnknown || refund.Cause != shop.RefundCauseRequested {
			return false
		}
		began = refund.RequestedAt
	} else if payment.Status != shop.PaymentStatusApproving {
		return false
	}
	return h.now().Before(began.Add(h.PGTimeout + time.Second))
}

// isLeftAlone reports whether a call whose outcome is open may not be repeated yet,
// whoever looked it up: the gateway asked for patience, and the next look-up is far.
func (h *Handler) isLeftAlone(ctx context.Context, payment shop.Payment, id shop.AttemptID) (alone bool, err error) {
	if !unresolved(payment, id) {
		return false, nil
	}
	return books.IsLookedUpAfter(ctx, h.DB, id, h.now().Add(h.PGTimeout+resolveSchedule[0]))
}

// patience is how long a gateway asked to be left alone about a call that it will
// know the outcome of only then; 0 when the schedule is slow enough.
func patience(cause error) time.Duration {
	e := gatewayError(cause)
	if e == nil || e.Outcome != pg.OutcomeUnknown || e.RetryAfter <= resolveSchedule[len(resolveSchedule)-1] {
		return 0
	}
	return e.RetryAfter
}

package command

import (
	"time"

	"payment-system/shop"
)

// depositCheck is how often a virtual account is looked up, should its webhook
// never come.
const depositCheck = 5 * time.Minute

// maxDepositHold bounds how long an order holds stock for a virtual account.
const maxDepositHold = 7 * 24 * time.Hour

func (e *evidence) applyWaiting() error {
	if e.attempt.CapturedAmount > 0 {
		if record, ok := e.says.Record.(*shop.TossRecord); !ok ||
			record.FetchedAt.After(e.books.payment.UpdatedAt) { // else it was overtaken
			e.wrong = "The books hold this payment's money, and the gateway still waits for it."
		}
		return nil
	}
	if !e.isLatest() || (e.books.payment.Status != shop.PaymentStatusApproving &&
		e.books.payment.Status != shop.PaymentStatusUnknown) {
		return nil
	}
	if err := e.books.payment.Apply(shop.KindPaymentWaiting, e.books.now); err != nil {
		return err
	}
	e.books.lookUpAt(e.attempt.ID, e.books.now.Add(depositCheck))
	if err := e.books.paymentEvent(shop.KindPaymentWaiting, e.note); err != nil {
		return err
	}
	return e.books.extendHold(e.depositDue())
}

// depositDue is when the virtual account closes, and a little: a transfer of the
// last minute is told a moment later.
func (e *evidence) depositDue() time.Time {
	due := e.books.now.Add(24 * time.Hour)
	if e.says.DepositDue != nil {
		due = e.says.DepositDue.UTC()
	}
	if limit := e.books.now.Add(maxDepositHold); due.After(limit) {
		due = limit
	}
	return due.Add(10 * time.Minute)
}

// applyEnd records that an attempt ended without money.
func (e *evidence) applyEnd() error {
	if e.attempt.CapturedAmount > e.attempt.RefundedAmount {
		e.wrong = "The books hold this payment's money, and the gateway says it was never taken."
		return nil
	}
	failure := shop.PaymentFailure{Code: string(e.says.Status), Message: "The gateway ended the payment."}
	if e.says.Failure != nil {
		failure = *e.says.Failure
	}
	waited := e.attempt.Status == shop.PaymentStatusWaitingForDeposit
	if err := e.fail(failure); err != nil || !waited {
		return err
	}
	return e.shortenHold()
}

// shortenHold makes the order hold its stock no longer than one that is placed
// now, when the virtual account that it held it for is closed, and it does not
// wait for another.
func (e *evidence) shortenHold() error {
	if e.books.order.Status != shop.OrderStatusPlaced || e.books.payment.Status == shop.PaymentStatusWaitingForDeposit {
		return nil
	}
	shortened, err := e.books.order.Shorten(e.books.now.Add(e.h.OrderHold))
	if err == nil && shortened {
		e.books.orderEvent(shop.KindOrderShortened, "")
	}
	return err
}

// fail ends the attempt. When it is the latest of a payment that waits for it,
// the payment has failed.
func (e *evidence) fail(failure shop.PaymentFailure) error {
	e.books.lookUp(e.attempt.ID, never)
	if e.isLatest() && e.books.payment.Status != shop.PaymentStatusFailed {
		if _, ok := shop.PaymentMove(e.books.payment.Status, shop.KindPaymentFailed, 0); ok {
			if err := e.books.payment.Fail(failure, e.books.now); err != nil {
				return err
			}
			e.attempt = e.books.payment.Attempt(e.attempt.ID)
			return e.books.paymentEvent(shop.KindPaymentFailed, failure.Code)
		}
	}
	if e.isLatest() || e.attempt.Failure != nil {
		return nil
	}
	e.attempt.Status, e.attempt.Failure = shop.PaymentStatusFailed, &failure
	return e.books.note(shop.KindPaymentAttemptEnded, failure.Code)
}

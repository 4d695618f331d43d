package command

import (
	"fmt"

	"payment-system/shop"
)

func (e *evidence) applyMoney() error {
	if e.says.Captured == 0 {
		return e.applyEnd() // a virtual account was closed unpaid
	}
	if e.attempt.CapturedAmount == 0 {
		if err := e.applyCapture(); err != nil {
			return err
		}
	}
	if err := e.correctClaim(); err != nil {
		return err
	}
	if err := e.applyRefunds(); err != nil {
		return err
	}
	return e.returnRest()
}

// applyCapture records money that the books do not know of: for the order if it
// still waits for exactly this, else as late money.
func (e *evidence) applyCapture() error {
	_, mayPay := shop.PaymentMove(e.books.payment.Status, shop.KindPaymentApproved, 0)
	if !mayPay || e.books.order.Status != shop.OrderStatusPlaced || e.books.payment.CapturedAmount > 0 || !e.isAsked() {
		return e.markLate()
	}
	at := e.books.now
	if e.says.ApprovedAt != nil {
		at = e.says.ApprovedAt.UTC()
	}
	if err := e.books.payment.Approve(e.attempt.ID, e.says.Captured, at); err != nil {
		return err
	}
	e.books.payment.UpdatedAt = e.books.now
	e.attempt = e.books.payment.Attempt(e.attempt.ID)
	e.books.lookUp(e.attempt.ID, never)
	if err := e.books.paymentEvent(shop.KindPaymentApproved, e.note); err != nil {
		return err
	}
	return e.books.payOrder()
}

// payOrder records that the order's money is in: its stock is sold.
func (c *change) payOrder() error {
	if err := c.order.Pay(c.now); err != nil {
		return err
	}
	c.orderEvent(shop.KindOrderPaid, "")
	c.moves = append(c.moves, shop.KindStockSold)
	return nil
}

// markLate notes money that no order waits for. If the payment was waiting for
// this very attempt, the attempt has failed: it took something else.
func (e *evidence) markLate() error {
	note := "The gateway took money after the order ended or was paid otherwise."
	if !e.isAsked() {
		note = fmt.Sprintf("The gateway took %s won for %q; asked were %s won for %q.", e.says.Captured, e.says.AttemptID,
			e.books.payment.Amount, e.attempt.ID)
		e.wrong = note
		if err := e.fail(shop.PaymentFailure{Code: "WRONG_ANSWER", Message: note}); err != nil {
			return err
		}
	}
	e.attempt.CapturedAmount = e.says.Captured
	e.attempt.Status = shop.PaymentStatusApproved
	e.books.lookUpAt(e.attempt.ID, e.books.now)
	return e.books.note(shop.KindPaymentLateMoney, note)
}

// correctClaim makes the books say what a gateway took and gave back that claimed
// something else before, and tells by now what it was asked for.
func (e *evidence) correctClaim() error {
	if e.isPaying() || !e.isAsked() {
		return nil
	}
	if err := e.correctRefunds(); err != nil {
		return err
	}
	if e.attempt.CapturedAmount == e.says.Captured || e.attempt.RefundedAmount > e.says.Captured {
		return nil
	}
	note := fmt.Sprintf("The gateway claimed to have taken %s won, and says %s won by now.", e.attempt.CapturedAmount,
		e.says.Captured)
	e.attempt.CapturedAmount = e.says.Captured
	return e.books.note(shop.KindPaymentLateMoney, note)
}

// returnRest has money that does not pay the order given back: once, by a refund
// that the resolver carries out.
func (e *evidence) returnRest() error {
	rest := e.attempt.CapturedAmount - e.attempt.RefundedAmount
	if e.isPaying() || rest == 0 || e.books.payment.OpenRefund(e.attempt.ID) != nil || e.refusedBefore() {
		return nil
	}
	cause := shop.RefundCauseLateMoney
	if !e.isAsked() {
		cause = shop.RefundCauseWrongAnswer
	}
	e.books.lookUpAt(e.attempt.ID, e.books.now)
	return e.requestReturn(cause, "이 주문에 쓰이지 않은 결제를 돌려드립니다.", rest, nil)
}

// refusedBefore reports whether the gateway would not give the rest back: then a
// person decides, and no program tries again. A refund of more than the rest
// did not fail for that, nor did one that only the gateway told of.
func (e *evidence) refusedBefore() bool {
	rest := e.attempt.CapturedAmount - e.attempt.RefundedAmount
	for _, refund := range e.books.payment.Refunds {
		if refund.AttemptID == e.attempt.ID && refund.Status == shop.RefundStatusFailed &&
			refund.Cause != shop.RefundCauseGateway && refund.Amount <= rest {
			return true
		}
	}
	return false
}

// requestReturn requests a refund of money that pays for nothing: to an account, where the
// gateway needs one.
func (e *evidence) requestReturn(cause shop.RefundCause, reason string, amount shop.Won, account *shop.RefundAccount,
) error {
	id := shop.RefundID(e.h.NewID(shop.PrefixRefund))
	e.books.payment.Refunds = append(e.books.payment.Refunds, shop.Refund{
		ID: id, AttemptID: e.attempt.ID, Amount: amount, TaxFreeAmount: min(amount, e.taxFreeLeft()), Reason: reason,
		Cause: cause, Status: shop.RefundStatusRequested, RequestedAt: e.books.now, PGKey: refundKey(id),
		Account: account,
	})
	return e.books.note(shop.KindPaymentLateMoney, reason)
}

// taxFreeLeft is what the attempt still holds of the tax-free part.
func (e *evidence) taxFreeLeft() shop.Won {
	left := e.books.payment.TaxFreeAmount
	for _, refund := range e.books.payment.Refunds {
		if refund.AttemptID == e.attempt.ID && refund.Status == shop.RefundStatusDone {
			left -= refund.TaxFreeAmount
		}
	}
	return max(0, left)
}

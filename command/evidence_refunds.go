package command

import (
	"fmt"
	"slices"

	"payment-system/pg"
	"payment-system/shop"
)

// refundKey is the gateway's idempotency key of a refund.
func refundKey(id shop.RefundID) string { return string(id) + ":cancel" }

// correctRefunds reverses refunds that the gateway once claimed without naming, as far
// as they, together with the refunds it names now, exceed the total it now reports.
// A person is told of one that was ours. Only the gateway's own word does that.
func (e *evidence) correctRefunds() error {
	if e.says.Record == nil {
		return nil
	}
	e.nameRefunds()
	excess := e.attempt.RefundedAmount - e.says.Refunded
	for _, leg := range e.says.Cancels {
		if leg.Key != "" && !e.knows(leg) {
			excess += leg.Amount
		}
	}
	for i := range e.books.payment.Refunds {
		refund := &e.books.payment.Refunds[i]
		if !e.isNameless(*refund) || refund.Amount > excess {
			continue
		}
		excess -= refund.Amount
		refund.Status, refund.DoneAt = shop.RefundStatusFailed, nil
		e.attempt.RefundedAmount -= refund.Amount
		e.attempt.Status = shop.PaymentStatusApproved
		note := fmt.Sprintf("The gateway claimed to have given %s won back, and shows no such refund by now.", refund.Amount)
		if refund.Cause != shop.RefundCauseGateway {
			e.wrong = note
		}
		if err := e.books.note(shop.KindPaymentLateMoney, note); err != nil {
			return err
		}
	}
	return nil
}

// isNameless reports whether a refund of the attempt is done, and the gateway's name
// of it was never learnt. One that was asked for again is named by its reason.
func (e *evidence) isNameless(refund shop.Refund) bool {
	return refund.AttemptID == e.attempt.ID && refund.IsNameless() && !refund.AskedAgain()
}

// applyRefunds records the refunds that the gateway made and the books do not
// know as done, ours first, and no more of others than are missing in all: a leg
// without a known name may be part of one that was recorded from a settlement row.
func (e *evidence) applyRefunds() error {
	if e.says.Refunded > e.attempt.RefundedAmount {
		e.nameRefunds()
	}
	for _, ours := range []bool{true, false} {
		for _, leg := range e.says.Cancels {
			if e.says.Refunded <= e.attempt.RefundedAmount {
				return nil
			}
			if e.knows(leg) || (e.ourRefund(leg) != nil) != ours {
				continue
			}
			if err := e.applyRefund(leg); err != nil {
				return err
			}
		}
	}
	if missing := e.says.Refunded - e.attempt.RefundedAmount; missing > 0 {
		return e.applyRefund(pg.Cancel{Amount: missing})
	}
	return nil
}

// nameRefunds gives refunds that are done, and of which the gateway's name was
// never learnt, the names of legs of their amounts that the books do not know: of
// such as may be a refund under way only when no other is left.
func (e *evidence) nameRefunds() {
	for _, ours := range []bool{false, true} {
		for _, leg := range e.says.Cancels {
			if leg.Key == "" || e.knows(leg) || (e.ourRefund(leg) != nil) != ours {
				continue
			}
			nameless := slices.IndexFunc(e.books.payment.Refunds, func(refund shop.Refund) bool {
				return e.isNameless(refund) && refund.Amount == leg.Amount && (leg.RefundID == "" || leg.RefundID == refund.ID)
			})
			if nameless >= 0 {
				e.books.payment.Refunds[nameless].TransactionKey = &leg.Key
			}
		}
	}
}

func (e *evidence) knows(leg pg.Cancel) bool {
	for _, refund := range e.books.payment.Refunds {
		if refund.AttemptID == e.attempt.ID && refund.IsNamed(leg.Key) {
			return true
		}
	}
	return false
}

// ourRefund finds which of our refunds the gateway's leg is, an open one or one that
// was believed to be refused; nil for none.
func (e *evidence) ourRefund(leg pg.Cancel) *shop.Refund {
	if named := e.books.payment.Refund(leg.RefundID); named != nil && named.AttemptID == e.attempt.ID &&
		named.Status == shop.RefundStatusFailed && named.Amount == leg.Amount {
		return named
	}
	open := e.books.payment.OpenRefund(e.attempt.ID)
	if open != nil && (open.ID == leg.RefundID ||
		(leg.RefundID == "" && open.Amount == leg.Amount && (leg.Reason == open.Reason || leg.Reason == ""))) {
		return open
	}
	return nil
}

// refundFor is the refund that the gateway's leg gave an amount back by: one of
// ours, or a new one, for it was made in the gateway's own console.
func (e *evidence) refundFor(leg pg.Cancel, amount shop.Won) *shop.Refund {
	taxFreeLeft := e.books.payment.TaxFreeAmount - e.books.payment.RefundedTaxFree
	if ours := e.ourRefund(leg); ours != nil {
		if ours.Status == shop.RefundStatusFailed {
			ours.TaxFreeAmount = max(0, min(ours.TaxFreeAmount, taxFreeLeft))
		}
		if ours.Amount != amount {
			e.wrong = fmt.Sprintf("The gateway gave %s won back where %s were asked for, by its totals.", amount, ours.Amount)
			ours.Amount, ours.TaxFreeAmount = amount, min(ours.TaxFreeAmount, amount)
		}
		return ours
	}
	taxFree := min(leg.TaxFree, taxFreeLeft)
	if e.isPaying() {
		taxFree = max(taxFree, amount-(e.books.payment.Balance()-taxFreeLeft))
	}
	e.books.payment.Refunds = append(e.books.payment.Refunds, shop.Refund{
		ID: shop.RefundID(e.h.NewID(shop.PrefixRefund)), AttemptID: e.attempt.ID, Amount: amount,
		TaxFreeAmount: max(0, min(taxFree, amount)), Reason: "refunded at the gateway", Cause: shop.RefundCauseGateway,
		Status: shop.RefundStatusRequested, RequestedAt: e.books.now,
	})
	return &e.books.payment.Refunds[len(e.books.payment.Refunds)-1]
}

// endImpossible ends our open refund when another, just found at the gateway,
// leaves less than it asks for: it was not made, and cannot be any more.
func (e *evidence) endImpossible(found shop.RefundID, amount shop.Won) {
	left := e.attempt.CapturedAmount - e.attempt.RefundedAmount - amount
	if open := e.books.payment.OpenRefund(e.attempt.ID); open != nil && open.ID != found && open.Amount > left {
		open.Status, e.impossible = shop.RefundStatusFailed, true
	}
}

func (e *evidence) applyRefund(leg pg.Cancel) error {
	amount, left := leg.Amount, e.attempt.CapturedAmount-e.attempt.RefundedAmount
	if e.ourRefund(leg) == nil || amount > left {
		amount = min(amount, e.says.Refunded-e.attempt.RefundedAmount)
	}
	if amount <= 0 || amount > left {
		e.wrong = fmt.Sprintf("The gateway says it gave %s won back, more than the %s won that were left.", leg.Amount, left)
		return nil
	}
	refund := e.refundFor(leg, amount)
	e.endImpossible(refund.ID, amount)
	if !e.isPaying() {
		if err := e.books.payment.ReturnLateMoney(refund.ID, leg.Key, e.books.now); err != nil {
			return err
		}
		e.attempt = e.books.payment.Attempt(e.attempt.ID)
		return e.books.paymentEvent(shop.KindPaymentLateMoneyReturned, e.note)
	}
	if err := e.books.payment.FinishRefund(refund.ID, leg.Key, e.books.now); err != nil {
		return err
	}
	e.attempt = e.books.payment.Attempt(e.attempt.ID)
	kind := shop.KindPaymentPartiallyCanceled
	if e.books.payment.Status == shop.PaymentStatusCanceled {
		kind = shop.KindPaymentCanceled
	}
	if err := e.books.paymentEvent(kind, refund.Reason); err != nil {
		return err
	}
	if e.impossible {
		e.books.lookUpAt(e.attempt.ID, e.h.muchLater())
	} else if e.books.payment.OpenRefund(e.attempt.ID) == nil {
		e.books.lookUp(e.attempt.ID, never)
	}
	if e.books.payment.Balance() == 0 && e.books.order.Status == shop.OrderStatusPaid {
		return e.books.cancelOrder(refund.Reason)
	}
	return nil
}

package command

import (
	"context"
	"slices"
	"time"

	"payment-system/command/books"
	"payment-system/shop"
)

// ReturnMoney gives money back that an attempt took, by a decision over a case
// or a settlement file.
type ReturnMoney struct {
	AttemptID shop.AttemptID
	Amount    shop.Won
	Cause     shop.RefundCause
	Reason    string
	Actor     shop.Actor
	Account   *shop.RefundAccount // for what was paid into a virtual account
}

// ReturnMoney commits the intent, asks the gateway and records the outcome. One
// discrepancy moves money once: a refund of its reason that is done is the one
// asked for, and one that is under way is carried on. So is any refund of an
// attempt that pays for nothing, which is of all that is left. It returns Invalid
// when the attempt holds less than the amount, Conflict while the money that pays
// an order is refunded for another reason, Declined when the gateway refuses and
// InProgress while its answer is not known.
func (h *Handler) ReturnMoney(ctx context.Context, cmd ReturnMoney) (shop.Payment, error) {
	id, err := books.PaymentIDOf(ctx, h.DB, cmd.AttemptID)
	if err != nil {
		return shop.Payment{}, err
	}
	var refund shop.RefundID
	payment, err := h.changePayment(ctx, id, cmd.Actor, func(c *change) error {
		var err error
		refund, err = h.intendReturn(c, cmd)
		return err
	})
	switch {
	case err != nil:
		return shop.Payment{}, err
	case refund != "":
		return h.carryOutRefund(ctx, id, refund)
	case cmd.isDone(payment):
		return payment, nil
	}
	return h.ResolveAttempt(ctx, ResolveAttempt{AttemptID: cmd.AttemptID, Actor: cmd.Actor})
}

// intendReturn commits the refund that the gateway is about to be asked for. It
// returns "" when one is under way that stands for it, and when the discrepancy
// that the reason names was settled by a refund since the caller looked.
func (h *Handler) intendReturn(c *change, cmd ReturnMoney) (shop.RefundID, error) {
	e := evidence{books: c, h: h, attempt: c.payment.Attempt(cmd.AttemptID)}
	switch open := c.payment.OpenRefund(cmd.AttemptID); {
	case cmd.isDone(c.payment):
		return "", nil
	case open != nil && e.isPaying() && !cmd.isRefund(*open):
		return "", conflictOf(c.payment.Status, "Another refund is under way; decide again.")
	case open != nil:
		return "", nil
	}
	if cmd.Amount <= 0 || cmd.Amount > e.attempt.CapturedAmount-e.attempt.RefundedAmount {
		return "", shop.InvalidField("amount", "The attempt does not hold that much money.")
	}
	if e.isPaying() {
		refund, err := h.intendRefund(c, cmd.Amount, nil, cmd.Reason, cmd.Cause, cmd.Account)
		return refund.ID, err
	}
	c.lookUpAt(cmd.AttemptID, c.now.Add(h.PGTimeout+2*time.Second))
	err := e.requestReturn(cmd.Cause, cmd.Reason, cmd.Amount, cmd.Account)
	return c.payment.Refunds[len(c.payment.Refunds)-1].ID, err
}

// isDone reports whether the payment has the refund that settles the discrepancy.
func (cmd ReturnMoney) isDone(payment shop.Payment) bool {
	return slices.ContainsFunc(payment.Refunds, func(refund shop.Refund) bool {
		return cmd.isRefund(refund) && refund.Status == shop.RefundStatusDone
	})
}

// isRefund reports whether the refund is the one that settles the discrepancy.
func (cmd ReturnMoney) isRefund(refund shop.Refund) bool {
	return cmd.Cause == shop.RefundCauseReconciliation && refund.AttemptID == cmd.AttemptID && refund.Reason == cmd.Reason
}

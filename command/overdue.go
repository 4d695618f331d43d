package command

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"payment-system/command/books"
	"payment-system/internal/text"
	"payment-system/shop"
)

// overdue is how long an outcome may stay unknown before a person is asked too.
const overdue = 15 * time.Minute

// tellOverdue opens a case for each attempt whose outcome has been open for too
// long, however seldom the gateway is asked by then, and for each whose look-ups
// have failed for as long, though nothing was awaited. A deposit is nobody's to
// hurry, and a case about something else says nothing of it. The change that
// makes the outcome known, or records what a look-up told, ends the case; one that
// a person has ended before is not opened again.
func (h *Handler) tellOverdue(ctx context.Context) error {
	ids, err := books.OverdueAttempts(ctx, h.DB, h.now().Add(-overdue))
	if err != nil {
		return err
	}
	for _, id := range ids {
		h.openOverdueCase(ctx, id)
	}
	return nil
}

// wakeForgotten has the refunds looked up that are under way while no look-up is
// to come. No change leaves one so; but what would end a refund is a look-up alone.
func (h *Handler) wakeForgotten(ctx context.Context) error {
	ids, err := books.ForgottenRefunds(ctx, h.DB)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := h.WakeAttempt(ctx, id); err != nil {
			return fmt.Errorf("wake attempt %s: %w", id, err)
		}
	}
	return nil
}

// openOverdueCase opens the case unless the gateway has told by now.
func (h *Handler) openOverdueCase(ctx context.Context, id shop.AttemptID) {
	payment, err := books.PaymentIDOf(ctx, h.DB, id)
	if err == nil {
		_, err = h.changePayment(ctx, payment, shop.ActorResolver, func(c *change) error {
			c.overdue = append(c.overdue, id)
			return nil
		})
	}
	if err != nil {
		h.Logger.ErrorContext(ctx, "case not opened", "attempt_id", string(id), "error", err)
	}
}

func overdueCase(payment shop.Payment, id shop.AttemptID) OpenCase {
	kind := shop.DiscrepancyKindApprovalUnrecorded
	if payment.OpenRefund(id) != nil {
		kind = shop.DiscrepancyKindRefundUnrecorded
	}
	return OpenCase{
		PG: attemptPG(payment, id), Kind: kind, PaymentID: &payment.ID, AttemptID: &id, Amount: payment.Amount,
		Expected: shop.OverdueExpected, Actual: string(payment.Status),
		Note: "The gateway has not told for 15 minutes what became of this payment.",
	}
}

// endOverdue ends the overdue cases of outcomes that the change makes known. An
// attempt that is too young to be overdue costs no statement.
func (c *change) endOverdue(ctx context.Context, tx *sql.Tx) error {
	for _, attempt := range c.paymentWas.Attempts {
		if c.now.Before(attempt.StartedAt.Add(overdue-time.Minute)) || !c.makesKnown(attempt.ID) {
			continue
		}
		if awaited(c.payment, attempt.ID) == "" { // whoever is about to open a case learns of it
			if err := books.NothingOpen(ctx, tx, attempt.ID); err != nil {
				return err
			}
		}
		cases, err := books.OverdueCases(ctx, tx, c.payment.ID, attempt.ID)
		if err != nil {
			return err
		}
		for _, d := range cases {
			if err := c.endCase(ctx, tx, d, "The gateway has told: the payment is "+string(c.payment.Status)+"."); err != nil {
				return err
			}
		}
	}
	return nil
}

// endReturned ends the cases of money that came too late, once the change leaves none of it:
// but not one that a refund is to settle, for whoever decided about it says so.
func (c *change) endReturned(ctx context.Context, tx *sql.Tx) error {
	was := c.paymentWas.LateAttempt()
	if was == nil {
		return nil
	}
	if now := c.payment.Attempt(was.ID); now.CapturedAmount != now.RefundedAmount {
		return nil
	}
	cases, err := books.LateCases(ctx, tx, c.payment.ID, was.ID)
	if err != nil {
		return err
	}
	for _, d := range cases {
		if c.isToBeSettled(d.ID) {
			continue
		}
		if err := c.endCase(ctx, tx, d, "The money was given back."); err != nil {
			return err
		}
	}
	return nil
}

// isToBeSettled reports whether a refund of the payment settles the discrepancy.
func (c *change) isToBeSettled(id shop.DiscrepancyID) bool {
	return slices.ContainsFunc(c.payment.Refunds, func(refund shop.Refund) bool {
		settles, ok := refund.Settles()
		return ok && settles == id
	})
}

// makesKnown reports whether the change settles what we were waiting to hear about the
// attempt. If we were waiting for nothing, it reports whether the change came from the
// gateway's own answer.
func (c *change) makesKnown(id shop.AttemptID) bool {
	was, now := awaited(c.paymentWas, id), awaited(c.payment, id)
	if was == "" {
		return now == "" && c.heardOf == id && !waits(c.paymentWas, id)
	}
	return was != now
}

// endCase says of a case that it asks for nothing any more.
func (c *change) endCase(ctx context.Context, tx *sql.Tx, d shop.Discrepancy, note string) error {
	d.Status, d.Action, d.Note = shop.DiscrepancyStatusIgnored, shop.CorrectiveActionNone, text.ClipOrNil(note, 1000)
	d.ResolvedAt = &c.now
	d.Version++
	c.touch(string(d.ID))
	return books.SaveDiscrepancy(ctx, tx, d, shop.KindDiscrepancyIgnored, c.actor, c.now)
}

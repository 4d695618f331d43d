package command

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"payment-system/shop"
)

// needCase has the change open a case, should none of its kind be open for its
// attempt: the books never say that a person is needed without telling one.
func (c *change) needCase(cmd OpenCase) { c.cases = append(c.cases, cmd) }

// saveCases ends the cases that the change leaves nothing of and opens those
// that it needs. It comes last in the transaction, because all who open cases of
// a gateway's day take turns.
func (h *Handler) saveCases(ctx context.Context, c *change) error {
	if err := c.endOverdue(ctx); err != nil {
		return err
	}
	for _, needed := range c.cases {
		opened, err := h.openCaseIn(ctx, c.tx, needed, c.now)
		if err != nil {
			return fmt.Errorf("open a case of %s: %w", needed.Kind, err)
		}
		c.touch(string(opened.ReconciliationID), string(opened.ID))
	}
	return nil
}

// openCaseIn is OpenCase within a transaction.
func (h *Handler) openCaseIn(ctx context.Context, tx *sql.Tx, cmd OpenCase, now time.Time) (shop.Discrepancy, error) {
	live, err := h.holdLive(ctx, tx, cmd.PG, now)
	if err != nil {
		return shop.Discrepancy{}, err
	}
	found, err := findOpenCase(ctx, tx, cmd, now)
	if err != nil {
		return shop.Discrepancy{}, err
	}
	if found != nil {
		return *found, nil
	}
	opened, err := h.openCase(ctx, tx, cmd, live.ID, now)
	if err != nil {
		return shop.Discrepancy{}, err
	}
	if live.Counts, err = countDiscrepancies(ctx, tx, live.ID); err != nil {
		return shop.Discrepancy{}, err
	}
	live.Version++
	return opened, saveReconciliation(ctx, tx, live, shop.KindReconciliationApplied, shop.ActorResolver, "", now)
}

// endOverdue ends the overdue cases of outcomes that the change makes known. An
// attempt that is too young to be overdue costs no statement.
func (c *change) endOverdue(ctx context.Context) error {
	for _, attempt := range c.paymentWas.Attempts {
		if c.now.Before(attempt.StartedAt.Add(overdue-time.Minute)) || !c.makesKnown(attempt.ID) {
			continue
		}
		if awaited(c.payment, attempt.ID) == "" { // whoever is about to open a case learns of it
			if _, err := c.tx.ExecContext(ctx, `UPDATE attempts SET unresolved_since = NULL WHERE id = ?`, attempt.ID); err != nil {
				return fmt.Errorf("note that nothing is open of attempt %s: %w", attempt.ID, err)
			}
		}
		cases, err := listDiscrepancies(ctx, c.tx, `payment_id = ? AND status = 'OPEN' AND attempt_id = ? AND line IS NULL AND expected = ? ORDER BY id`,
			string(c.payment.ID), string(attempt.ID), shop.OverdueExpected)
		if err != nil {
			return err
		}
		for _, d := range cases {
			if err := c.endCase(ctx, d, "The gateway has told: the payment is "+string(c.payment.Status)+"."); err != nil {
				return err
			}
		}
	}
	return nil
}

// makesKnown tells whether the change makes known what was awaited about an
// attempt; or, of one of which nothing was or is, whether the gateway told it.
func (c *change) makesKnown(id shop.AttemptID) bool {
	was, now := awaited(c.paymentWas, id), awaited(c.payment, id)
	if was == "" {
		return now == "" && c.told == id && !waits(c.paymentWas, id)
	}
	return was != now
}

// endCase says of a case that it asks for nothing any more.
func (c *change) endCase(ctx context.Context, d shop.Discrepancy, note string) error {
	d.Status, d.Action, d.Note = shop.DiscrepancyStatusIgnored, shop.CorrectiveActionNone, clipped(note, 1000)
	d.ResolvedAt = &c.now
	d.Version++
	c.touch(string(d.ID))
	return saveDiscrepancy(ctx, c.tx, d, shop.KindDiscrepancyIgnored, c.actor, c.now)
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

// attemptPG is the gateway of an attempt, which may be another than that of the
// payment's latest.
func attemptPG(payment shop.Payment, id shop.AttemptID) shop.PG {
	if attempt := payment.Attempt(id); attempt != nil {
		return attempt.PG
	}
	return payment.PG
}

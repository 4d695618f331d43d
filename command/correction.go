package command

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"payment-system/command/books"
	"payment-system/pg"
	"payment-system/shop"
)

// A correction is what came of an action.
type correction struct {
	done  bool
	waits bool // the gateway has not answered yet, and is to be asked again
	note  string
}

// correct does what an action says about a discrepancy. The error says that the
// books could not be read or written; what a gateway would not do is a note.
func (h *Handler) correct(ctx context.Context, d shop.Discrepancy, action shop.CorrectiveAction,
	actor shop.Actor, account *shop.RefundAccount,
) (correction, error) {
	if d.AttemptID == nil {
		return correction{note: "Nothing in the books can be acted on."}, nil
	}
	c := correcting{h: h, d: d, action: action, actor: actor, account: account}
	if err := c.load(ctx); err != nil {
		return correction{}, err
	}
	answer, err := h.AskGateway(ctx, *d.AttemptID)
	asked := err == nil
	if err != nil && gatewayError(err) == nil && shop.CodeOf(err) != shop.Unavailable {
		return correction{}, err
	}
	c.silence = err
	switch {
	case action != shop.CorrectiveActionRefundAtGateway && asked:
		return c.recordAnswer(ctx, answer)
	case action != shop.CorrectiveActionRefundAtGateway:
		return c.recordRows(ctx)
	case !asked:
		return correction{waits: c.repeats() && !c.isUnheardOf(), note: "No money was moved: " + c.why()}, nil
	case d.Kind == shop.DiscrepancyKindRefundMissing:
		return c.repeatRefunds(ctx, answer)
	}
	return c.giveBack(ctx, answer)
}

// correcting is one correction under way.
type correcting struct {
	h       *Handler
	d       shop.Discrepancy
	action  shop.CorrectiveAction
	actor   shop.Actor
	account *shop.RefundAccount // that money goes back to; nil for where it came from
	silence error               // why the gateway did not answer
	answer  pg.Payment          // what it answered to be recorded; zero when it did not

	payment shop.Payment
	attempt shop.PaymentAttempt
	rows    settledRows
}

// load reads the payment as it is now, and the rows of the file.
func (c *correcting) load(ctx context.Context) error {
	id, err := books.PaymentIDOf(ctx, c.h.DB, *c.d.AttemptID)
	if err != nil {
		return err
	}
	if err := c.reload(ctx, id); err != nil {
		return err
	}
	c.rows, err = readSettledRows(ctx, c.h.DB, c.d)
	return err
}

func (c *correcting) reload(ctx context.Context, id shop.PaymentID) error {
	payment, err := books.LoadPayment(ctx, c.h.DB, id)
	if err != nil {
		return err
	}
	c.payment, c.attempt = payment, *payment.Attempt(*c.d.AttemptID)
	return nil
}

// why says why the gateway did not tell.
func (c *correcting) why() string {
	if c.isUnheardOf() {
		return "the gateway knows nothing of this payment."
	}
	return "the gateway cannot be asked now."
}

// isUnheardOf reports whether the gateway, asked, knew nothing of the payment.
func (c *correcting) isUnheardOf() bool {
	refusal := gatewayError(c.silence)
	return refusal != nil && refusal.Outcome == pg.OutcomeNotFound
}

// recordAnswer makes the books say what the gateway says.
func (c *correcting) recordAnswer(ctx context.Context, answer pg.Payment) (correction, error) {
	c.answer = answer
	return c.apply(ctx, answer, "The gateway, asked, says "+string(answer.Status)+".")
}

// recordRows makes the books say what the file says: the gateway does not tell more.
func (c *correcting) recordRows(ctx context.Context) (correction, error) {
	if !c.rows.found {
		return correction{note: "Nothing was recorded: " + c.why()}, nil
	}
	return c.apply(ctx, c.evidence(), "Recorded by the settlement file: "+c.why())
}

func (c *correcting) apply(ctx context.Context, evidence pg.Payment, note string) (correction, error) {
	_, err := c.h.ApplyEvidence(ctx,
		ApplyEvidence{AttemptID: c.attempt.ID, Evidence: evidence, Actor: c.actor, Note: "settlement"})
	if refused := refusalNote(err); refused != "" {
		return correction{note: note + " " + refused}, nil
	}
	if err != nil {
		return correction{}, err
	}
	if err := c.reload(ctx, c.payment.ID); err != nil {
		return correction{}, err
	}
	return correction{done: c.recorded(), note: note}, nil
}

// recorded reports whether the books say by now what the action was to make them
// say, and what the gateway says or, where it does not tell, the file.
func (c *correcting) recorded() bool {
	captured, refunded := c.attempt.CapturedAmount, c.attempt.RefundedAmount
	if c.action == shop.CorrectiveActionRecordFailure {
		return captured == refunded
	}
	told := captured == c.answer.Captured
	if c.silence != nil {
		told = c.rows.captured == 0 || captured == c.rows.captured
	}
	switch {
	case captured == 0 || !told:
		return false
	case c.action == shop.CorrectiveActionRecordApproval:
		return true
	case c.silence == nil && refunded != c.answer.Refunded:
		return false
	}
	return captured == refunded || (!c.rows.whole && c.rows.found && refunded >= c.rows.refunded && c.recordsLegs())
}

// recordsLegs reports whether the books have every refund that the file names: by
// its name or, where the gateway told of it, as a part of what the gateway says.
func (c *correcting) recordsLegs() bool {
	return !slices.ContainsFunc(c.rows.legs, func(leg pg.Cancel) bool {
		told := c.attempt.RefundedAmount >= c.answer.Refunded &&
			slices.ContainsFunc(c.answer.Cancels, func(answered pg.Cancel) bool { return answered.Key == leg.Key })
		return leg.Key != "" && !told && !c.records(leg)
	})
}

// records reports whether the books have the gateway's leg by its name.
func (c *correcting) records(leg pg.Cancel) bool {
	return slices.ContainsFunc(c.payment.Refunds, func(refund shop.Refund) bool {
		return refund.AttemptID == c.attempt.ID && refund.IsNamed(leg.Key)
	})
}

// giveBack has the gateway give back money that it should not hold.
func (c *correcting) giveBack(ctx context.Context, answer pg.Payment) (correction, error) {
	if answer.Captured == answer.Refunded && c.attempt.CapturedAmount == c.attempt.RefundedAmount &&
		answer.Captured <= c.attempt.CapturedAmount {
		return correction{done: answer.Captured > 0, note: "The gateway, asked, holds nothing of this payment."}, nil
	}
	_, err := c.h.ResolveAttempt(ctx, ResolveAttempt{AttemptID: c.attempt.ID, Actor: c.actor, Note: "settlement"})
	if refused := refusalNote(err); refused != "" {
		return correction{note: refused}, nil
	}
	silent := isUnanswered(err)
	if err != nil && !silent {
		return correction{}, err
	}
	if err := c.reload(ctx, c.payment.ID); err != nil {
		return correction{}, err
	}
	left, open := c.attempt.CapturedAmount-c.attempt.RefundedAmount, c.payment.OpenRefund(c.attempt.ID)
	switch {
	case c.attempt.CapturedAmount == 0 && silent:
		return correction{waits: true, note: "No money was moved: " + c.why()}, nil
	case c.attempt.CapturedAmount == 0:
		return correction{note: "No money was moved: the gateway, asked again, has taken none."}, nil
	case left == 0:
		return correction{done: true, note: "The money was given back."}, nil
	case open != nil && (!c.pays() || c.settles(*open)):
		return correction{done: true, note: "The refund is under way; the resolver ends it."}, nil
	case c.pays() && c.d.Kind == shop.DiscrepancyKindPaidAfterEnd:
		return correction{note: "This money pays the order by now."}, nil
	}
	return c.returnMoney(ctx, left)
}

// pays reports whether the attempt is the one that pays the order.
func (c *correcting) pays() bool {
	return c.payment.IsPaidBy(c.attempt.ID)
}

// settles reports whether the refund is the one that settles the discrepancy.
func (c *correcting) settles(refund shop.Refund) bool {
	id, ok := refund.Settles()
	return ok && id == c.d.ID && refund.AttemptID == c.attempt.ID
}

// returning is the refund that settles the discrepancy, of an attempt that holds
// what is left.
func (c *correcting) returning(left shop.Won) ReturnMoney {
	amount := left
	if c.pays() {
		amount = min(left, c.d.Amount)
	}
	return ReturnMoney{
		AttemptID: c.attempt.ID, Amount: amount, Cause: shop.RefundCauseReconciliation,
		Reason: shop.SettlingReason(c.d.ID), Actor: c.actor, Account: c.account,
	}
}

func (c *correcting) returnMoney(ctx context.Context, left shop.Won) (correction, error) {
	after, err := c.h.ReturnMoney(ctx, c.returning(left))
	if refused := refusalNote(err); refused != "" {
		return correction{note: refused}, nil
	}
	switch {
	case isUnanswered(err), err == nil && after.OpenRefund(c.attempt.ID) != nil:
		return correction{done: true, note: "The refund is under way; the resolver ends it."}, nil
	case err != nil:
		return correction{}, err
	}
	return correction{done: true, note: "The money was given back."}, nil
}

// refusal is the gateway's own word on a refund that it did not make.
func (c *correcting) refusal(ctx context.Context, err error) string {
	c.h.Logger.WarnContext(ctx, "refund not repeated", "discrepancy_id", string(c.d.ID), "error", err)
	if refused := gatewayError(err); refused != nil && refused.Code != "" {
		return refused.Code + " " + refused.Message
	}
	return "It did not answer."
}

// settledRows is what the file says of the payment, all rows together.
type settledRows struct {
	found              bool
	paymentKey         string
	captured, refunded shop.Won
	whole              bool // the format tells states, not legs: a refund is of all
	legs               []pg.Cancel
	failed             bool
	day                *time.Time // of the approval
}

func (s *settledRows) add(kind string, leg pg.Cancel, day *time.Time) {
	s.found = true
	switch kind {
	case shop.SettlementApproval:
		s.captured, s.day = leg.Amount, day
	case shop.SettlementFailure:
		s.failed = true
	case shop.SettlementRefund:
		if s.whole { // captured once, and all of it given back
			s.captured, s.refunded = leg.Amount, leg.Amount
			return
		}
		s.refunded += leg.Amount
		s.legs = append(s.legs, leg)
	}
}

// readSettledRows reads the distinct rows that speak of the same payment as the
// discrepancy's own row.
func readSettledRows(ctx context.Context, db *sql.DB, d shop.Discrepancy) (settledRows, error) {
	var s settledRows
	rows, err := books.SettledRows(ctx, db, d)
	for _, row := range rows {
		s.paymentKey = row.PaymentKey
		s.whole = row.Format == shop.SettlementFormatPaymentStateCSV
		s.add(row.Kind, pg.Cancel{Key: row.LegKey, Amount: row.Amount, TaxFree: row.TaxFree}, row.Day)
	}
	return s, err
}

// evidence is the rows told as a gateway tells a payment.
func (c *correcting) evidence() pg.Payment {
	captured := c.attempt.CapturedAmount
	if captured == 0 {
		captured = c.rows.captured
	}
	if captured == 0 && c.rows.refunded > 0 { // taken on an earlier day
		captured = c.payment.Amount
	}
	p := pg.Payment{
		PG: c.attempt.PG, PaymentKey: c.rows.paymentKey, AttemptID: string(c.attempt.ID), Currency: "KRW",
		Status: pg.StatusPaid,
		Amount: captured, TaxFree: c.payment.TaxFreeAmount, Captured: captured,
		InstallmentMonths: c.attempt.InstallmentMonths,
		ApprovedAt:        noonOf(c.rows.day),
	}
	if c.rows.whole {
		p.Refunded = c.rows.refunded
	} else {
		p.Cancels = c.unrecordedLegs()
		p.Refunded = c.attempt.RefundedAmount
		for _, leg := range p.Cancels {
			p.Refunded += leg.Amount
		}
		p.Refunded = min(captured, max(p.Refunded, c.rows.refunded))
	}
	switch {
	case c.rows.failed:
		return pg.Payment{
			PG: p.PG, PaymentKey: p.PaymentKey, AttemptID: p.AttemptID, Status: pg.StatusFailed,
			Currency: "KRW", Amount: c.payment.Amount,
		}
	case p.Refunded == p.Captured:
		p.Status = pg.StatusRefunded
	case p.Refunded > 0:
		p.Status = pg.StatusPartiallyRefunded
	}
	return p
}

// unrecordedLegs are the refunds of the file that the books do not have. The file
// is of one day: what it does not tell of was given back on another. A refund that
// has no name in the books may be the one of its amount: one that was asked for again
// too, for a file keeps no reason by which to tell it, and a leg that is booked twice
// is worse than one that waits for the next look-up.
func (c *correcting) unrecordedLegs() (legs []pg.Cancel) {
	var nameless []shop.Won
	for _, refund := range c.payment.Refunds {
		if refund.AttemptID == c.attempt.ID && refund.IsNameless() {
			nameless = append(nameless, refund.Amount)
		}
	}
	for _, leg := range c.rows.legs {
		if leg.Key == "" || c.records(leg) {
			continue
		}
		if i := slices.Index(nameless, leg.Amount); i >= 0 {
			nameless = slices.Delete(nameless, i, i+1)
			continue
		}
		legs = append(legs, leg)
	}
	return legs
}

// noonOf is a moment surely within a business day.
func noonOf(day *time.Time) *time.Time {
	if day == nil {
		return nil
	}
	noon := time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, korea).UTC()
	return &noon
}

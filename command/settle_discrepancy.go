package command

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/pg"
	"payment-system/shop"
)

// AskGateway asks a gateway what it has of an attempt. Nothing is changed. It
// returns Unavailable when the gateway cannot be asked, or answers what cannot be
// believed, and the *pg.Error of OutcomeNotFound when it knows nothing.
func (h *Handler) AskGateway(ctx context.Context, id shop.AttemptID) (pg.Payment, error) {
	paymentID, err := h.paymentOf(ctx, id)
	if err != nil {
		return pg.Payment{}, err
	}
	payment, err := loadPayment(ctx, h.DB, paymentID)
	if err != nil {
		return pg.Payment{}, err
	}
	attempt := payment.Attempt(id)
	gateway := h.gateway(attempt.PG)
	if gateway == nil {
		return pg.Payment{}, gatewayAway(fmt.Errorf("%s is not configured", attempt.PG))
	}
	answer, err := lookUp(ctx, gateway, keyOf(*attempt), payment.Amount)
	switch refusal := gatewayError(err); {
	case refusal != nil && refusal.Outcome == pg.OutcomeMismatch && refusal.Payment != nil:
		answer = *refusal.Payment
	case refusal != nil && refusal.Outcome == pg.OutcomeNotFound:
		return pg.Payment{}, err
	case err != nil:
		return pg.Payment{}, gatewayAway(err)
	}
	if err := disbelief(payment, *attempt, answer); err != nil {
		return pg.Payment{}, gatewayAway(err)
	}
	return answer, nil
}

// SettleDiscrepancy carries one planned correction out.
type SettleDiscrepancy struct {
	Hold ReconciliationHold
	ID   shop.DiscrepancyID
}

// SettleDiscrepancy asks the gateway first, where it can be asked, corrects the
// books or the gateway, and says what came of it: APPLIED, or OPEN with a note
// when a person must decide, unless another case stands for the same: then
// IGNORED. It stays PLANNED while the gateway has not answered to a refund that
// was asked for again, or has fallen silent about money that the books do not
// have yet. Carrying out again what broke off does nothing twice, and a
// discrepancy that is no longer planned stays as it is. It returns IN_PROGRESS
// when the hold is lost.
func (h *Handler) SettleDiscrepancy(ctx context.Context, cmd SettleDiscrepancy) (shop.Discrepancy, error) {
	// What is begun is finished: money may move.
	ctx = context.WithoutCancel(ctx)
	d, err := loadDiscrepancy(ctx, h.DB, cmd.ID)
	if err != nil || d.Status != shop.DiscrepancyStatusPlanned {
		return d, err
	}
	if err := keepHold(ctx, h.DB, cmd.Hold, h.now()); err != nil {
		return d, err
	}
	came, err := h.correct(ctx, d, d.Action, shop.ActorReconciliation)
	if err != nil {
		return d, fmt.Errorf("settle discrepancy %s: %w", d.ID, err)
	}
	if came.waits {
		return d, nil
	}
	return h.endDiscrepancy(ctx, d.ID, func(ctx context.Context, tx *sql.Tx, d *shop.Discrepancy) (kind string, err error) {
		if d.Status != shop.DiscrepancyStatusPlanned {
			return "", nil
		}
		now := h.now()
		if err := keepHold(ctx, tx, cmd.Hold, now); err != nil {
			return "", err
		}
		d.Note = clipped(came.note, 1000)
		if came.done {
			d.Status, d.ResolvedAt = shop.DiscrepancyStatusApplied, &now
			return shop.KindDiscrepancyApplied, nil
		}
		return leaveToPerson(ctx, tx, d)
	}, shop.ActorReconciliation)
}

// leaveToPerson makes a case of what was planned, unless one stands for the same.
func leaveToPerson(ctx context.Context, tx *sql.Tx, d *shop.Discrepancy) (kind string, err error) {
	f := Finding{Kind: d.Kind, Action: shop.CorrectiveActionOpenCase, PaymentID: d.PaymentID, AttemptID: d.AttemptID}
	stands, err := findStanding(ctx, tx, d.PG, d.ReconciliationID, []Finding{f})
	if err != nil {
		return "", err
	}
	if !stands.yield(&f) {
		d.Status = shop.DiscrepancyStatusOpen
		return shop.KindDiscrepancyOpened, nil
	}
	d.Status, d.Action, d.Note = shop.DiscrepancyStatusIgnored, f.Action, &f.Note
	return shop.KindDiscrepancyIgnored, nil
}

// endDiscrepancy lets do change a discrepancy in one transaction; a do that
// names no event changes nothing.
func (h *Handler) endDiscrepancy(ctx context.Context, id shop.DiscrepancyID, do func(context.Context, *sql.Tx, *shop.Discrepancy) (kind string, err error), actor shop.Actor) (shop.Discrepancy, error) {
	var after shop.Discrepancy
	err := mysqldb.InTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) error {
		d, err := loadDiscrepancy(ctx, tx, id)
		if err != nil {
			return err
		}
		kind, err := do(ctx, tx, &d)
		if after = d; err != nil || kind == "" {
			return err
		}
		d.Version++
		after = d
		return saveDiscrepancy(ctx, tx, d, kind, actor, h.now())
	})
	if err != nil {
		return shop.Discrepancy{}, err
	}
	h.Projector.Project(ctx, string(id))
	return after, nil
}

// A correction is what came of an action.
type correction struct {
	done  bool
	waits bool // the gateway has not answered yet, and is to be asked again
	note  string
}

// correct does what an action says about a discrepancy. The error says that the
// books could not be read or written; what a gateway would not do is a note.
func (h *Handler) correct(ctx context.Context, d shop.Discrepancy, action shop.CorrectiveAction, actor shop.Actor) (correction, error) {
	if d.AttemptID == nil {
		return correction{note: "Nothing in the books can be acted on."}, nil
	}
	c := correcting{h: h, ctx: ctx, d: d, action: action, actor: actor}
	if err := c.load(); err != nil {
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
		return c.recordAnswer(answer)
	case action != shop.CorrectiveActionRefundAtGateway:
		return c.recordRows()
	case !asked:
		return correction{waits: c.repeats() && !c.isUnheardOf(), note: "No money was moved: " + c.why()}, nil
	case d.Kind == shop.DiscrepancyKindRefundMissing:
		return c.repeatRefunds(answer)
	}
	return c.giveBack(answer)
}

// correcting is one correction under way.
type correcting struct {
	h       *Handler
	ctx     context.Context
	d       shop.Discrepancy
	action  shop.CorrectiveAction
	actor   shop.Actor
	silence error      // why the gateway did not answer
	answer  pg.Payment // what it answered to be recorded; zero when it did not

	payment shop.Payment
	attempt shop.PaymentAttempt
	rows    settledRows
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

// load reads the payment as it is now, and the rows of the file.
func (c *correcting) load() error {
	id, err := c.h.paymentOf(c.ctx, *c.d.AttemptID)
	if err != nil {
		return err
	}
	if err := c.reload(id); err != nil {
		return err
	}
	c.rows, err = c.h.readSettledRows(c.ctx, c.d)
	return err
}

func (c *correcting) reload(id shop.PaymentID) error {
	payment, err := loadPayment(c.ctx, c.h.DB, id)
	if err != nil {
		return err
	}
	c.payment, c.attempt = payment, *payment.Attempt(*c.d.AttemptID)
	return nil
}

// readSettledRows reads the distinct rows that speak of the same payment as the
// discrepancy's own row.
func (h *Handler) readSettledRows(ctx context.Context, d shop.Discrepancy) (settledRows, error) {
	var s settledRows
	if d.Line == nil {
		return s, nil
	}
	rows, err := h.DB.QueryContext(ctx, `SELECT DISTINCT r.kind, r.payment_key, r.leg_key, r.amount, COALESCE(r.tax_free_amount, 0), r.business_day, c.format
		FROM settlement_rows m
		JOIN settlement_rows r ON r.reconciliation_id = m.reconciliation_id AND r.payment_key = m.payment_key AND r.malformed IS NULL
		JOIN reconciliations c ON c.id = m.reconciliation_id
		WHERE m.reconciliation_id = ? AND m.line = ?`, string(d.ReconciliationID), *d.Line)
	if err != nil {
		return s, fmt.Errorf("read the rows of discrepancy %s: %w", d.ID, err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind, leg string
		var amount, taxFree shop.Won
		var day *time.Time
		var format shop.SettlementFormat
		if err := rows.Scan(&kind, &s.paymentKey, &leg, &amount, &taxFree, &day, &format); err != nil {
			return s, fmt.Errorf("read a row of discrepancy %s: %w", d.ID, err)
		}
		s.whole = format == shop.SettlementFormatPaymentStateCSV
		s.add(kind, pg.Cancel{Key: leg, Amount: amount, TaxFree: taxFree}, day)
	}
	return s, rows.Err()
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
		PG: c.attempt.PG, PaymentKey: c.rows.paymentKey, AttemptID: string(c.attempt.ID), Currency: "KRW", Status: pg.StatusPaid,
		Amount: captured, TaxFree: c.payment.TaxFreeAmount, Captured: captured, InstallmentMonths: c.attempt.InstallmentMonths,
		ApprovedAt: noonOf(c.rows.day),
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
		return pg.Payment{PG: p.PG, PaymentKey: p.PaymentKey, AttemptID: p.AttemptID, Status: pg.StatusFailed, Currency: "KRW", Amount: c.payment.Amount}
	case p.Refunded == p.Captured:
		p.Status = pg.StatusRefunded
	case p.Refunded > 0:
		p.Status = pg.StatusPartiallyRefunded
	}
	return p
}

// unrecordedLegs are the refunds of the file that the books do not have. The file
// is of one day: what it does not tell of was given back on another. A refund that
// has no name in the books may be the one of its amount.
func (c *correcting) unrecordedLegs() (legs []pg.Cancel) {
	var nameless []shop.Won
	for _, refund := range c.payment.Refunds {
		if refund.AttemptID == c.attempt.ID && refund.Status == shop.RefundStatusDone && refund.TransactionKey == nil {
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

// records tells whether the books have the gateway's leg by its name.
func (c *correcting) records(leg pg.Cancel) bool {
	return slices.ContainsFunc(c.payment.Refunds, func(refund shop.Refund) bool {
		return refund.AttemptID == c.attempt.ID && refund.Status == shop.RefundStatusDone &&
			refund.TransactionKey != nil && *refund.TransactionKey == leg.Key
	})
}

// noonOf is a moment surely within a business day.
func noonOf(day *time.Time) *time.Time {
	if day == nil {
		return nil
	}
	noon := time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, korea).UTC()
	return &noon
}

// why says why the gateway did not tell.
func (c *correcting) why() string {
	if c.isUnheardOf() {
		return "the gateway knows nothing of this payment."
	}
	return "the gateway cannot be asked now."
}

// isUnheardOf tells whether the gateway, asked, knew nothing of the payment.
func (c *correcting) isUnheardOf() bool {
	refusal := gatewayError(c.silence)
	return refusal != nil && refusal.Outcome == pg.OutcomeNotFound
}

// recordAnswer makes the books say what the gateway says.
func (c *correcting) recordAnswer(answer pg.Payment) (correction, error) {
	c.answer = answer
	return c.apply(answer, "The gateway, asked, says "+string(answer.Status)+".")
}

// recordRows makes the books say what the file says: the gateway does not tell more.
func (c *correcting) recordRows() (correction, error) {
	if !c.rows.found {
		return correction{note: "Nothing was recorded: " + c.why()}, nil
	}
	return c.apply(c.evidence(), "Recorded by the settlement file: "+c.why())
}

func (c *correcting) apply(evidence pg.Payment, note string) (correction, error) {
	_, err := c.h.ApplyEvidence(c.ctx, ApplyEvidence{AttemptID: c.attempt.ID, Evidence: evidence, Actor: c.actor, Note: "settlement"})
	if refused := refusalNote(err); refused != "" {
		return correction{note: note + " " + refused}, nil
	}
	if err != nil {
		return correction{}, err
	}
	if err := c.reload(c.payment.ID); err != nil {
		return correction{}, err
	}
	return correction{done: c.recorded(), note: note}, nil
}

// refusalNote is what an error says to a person, "" when it is about our own parts.
func refusalNote(err error) string {
	var refused *shop.Error
	if !errors.As(err, &refused) {
		return ""
	}
	switch refused.Code {
	case shop.Conflict, shop.Invalid, shop.Declined, shop.NotFound:
		return refused.Message
	default:
		return ""
	}
}

// recorded tells whether the books say by now what the action was to make them
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

// recordsLegs tells whether the books have every refund that the file names: by
// its name or, where the gateway told of it, as a part of what the gateway says.
func (c *correcting) recordsLegs() bool {
	return !slices.ContainsFunc(c.rows.legs, func(leg pg.Cancel) bool {
		told := c.attempt.RefundedAmount >= c.answer.Refunded &&
			slices.ContainsFunc(c.answer.Cancels, func(answered pg.Cancel) bool { return answered.Key == leg.Key })
		return leg.Key != "" && !told && !c.records(leg)
	})
}

// returnReason is the reason of the refund that settles a discrepancy; it names
// it, so that no second one is made.
func (c *correcting) returnReason() string {
	return "정산 대사에 따라 돌려드립니다. " + string(c.d.ID)
}

// giveBack has the gateway give back money that it should not hold.
func (c *correcting) giveBack(answer pg.Payment) (correction, error) {
	if answer.Captured == answer.Refunded && c.attempt.CapturedAmount == c.attempt.RefundedAmount && answer.Captured <= c.attempt.CapturedAmount {
		return correction{done: answer.Captured > 0, note: "The gateway, asked, holds nothing of this payment."}, nil
	}
	_, err := c.h.ResolveAttempt(c.ctx, ResolveAttempt{AttemptID: c.attempt.ID, Actor: c.actor, Note: "settlement"})
	if refused := refusalNote(err); refused != "" {
		return correction{note: refused}, nil
	}
	silent := isUnanswered(err)
	if err != nil && !silent {
		return correction{}, err
	}
	if err := c.reload(c.payment.ID); err != nil {
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
	case open != nil && (!c.pays() || c.returning(left).isRefund(*open)):
		return correction{done: true, note: "The refund is under way; the resolver ends it."}, nil
	case c.pays() && c.d.Kind == shop.DiscrepancyKindPaidAfterEnd:
		return correction{note: "This money pays the order by now."}, nil
	}
	return c.returnMoney(left)
}

// isUnanswered tells whether an error says that the gateway's word is still awaited.
func isUnanswered(err error) bool {
	code := shop.CodeOf(err)
	return code == shop.InProgress || code == shop.Unavailable
}

// pays tells whether the attempt is the one that pays the order.
func (c *correcting) pays() bool {
	return c.payment.AttemptID == c.attempt.ID && c.payment.CapturedAmount > 0
}

// returning is the refund that settles the discrepancy, of an attempt that holds
// what is left.
func (c *correcting) returning(left shop.Won) ReturnMoney {
	amount := left
	if c.pays() {
		amount = min(left, c.d.Amount)
	}
	return ReturnMoney{
		AttemptID: c.attempt.ID, Amount: amount, Cause: shop.RefundCauseReconciliation, Reason: c.returnReason(), Actor: c.actor,
	}
}

func (c *correcting) returnMoney(left shop.Won) (correction, error) {
	after, err := c.h.ReturnMoney(c.ctx, c.returning(left))
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
func (c *correcting) refusal(err error) string {
	c.h.Logger.WarnContext(c.ctx, "refund not repeated", "discrepancy_id", string(c.d.ID), "error", err)
	if refused := gatewayError(err); refused != nil && refused.Code != "" {
		return refused.Code + " " + refused.Message
	}
	return "It did not answer."
}

package command

import (
	"context"
	"database/sql"
	"fmt"

	"payment-system/command/books"
	"payment-system/internal/mysqldb"
	"payment-system/internal/text"
	"payment-system/pg"
	"payment-system/shop"
)

// AskGateway asks a gateway what it has of an attempt. Nothing is changed. It
// returns Unavailable when the gateway cannot be asked, or answers what cannot be
// believed, and the *pg.Error of OutcomeNotFound when it knows nothing.
func (h *Handler) AskGateway(ctx context.Context, id shop.AttemptID) (pg.Payment, error) {
	paymentID, err := books.PaymentIDOf(ctx, h.DB, id)
	if err != nil {
		return pg.Payment{}, err
	}
	payment, err := books.LoadPayment(ctx, h.DB, paymentID)
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
	Hold books.Hold
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
	d, err := books.LoadDiscrepancy(ctx, h.DB, cmd.ID)
	if err != nil || d.Status != shop.DiscrepancyStatusPlanned {
		return d, err
	}
	if err := books.KeepHold(ctx, h.DB, cmd.Hold, h.now()); err != nil {
		return d, err
	}
	came, err := h.correct(ctx, d, d.Action, shop.ActorReconciliation, nil)
	if err != nil {
		return d, fmt.Errorf("settle discrepancy %s: %w", d.ID, err)
	}
	if came.waits {
		return d, nil
	}
	return h.endDiscrepancy(ctx, d.ID,
		func(ctx context.Context, tx *sql.Tx, d *shop.Discrepancy) (kind string, err error) {
			if d.Status != shop.DiscrepancyStatusPlanned {
				return "", nil
			}
			now := h.now()
			if err := books.KeepHold(ctx, tx, cmd.Hold, now); err != nil {
				return "", err
			}
			d.Note = text.ClipOrNil(came.note, 1000)
			if came.done {
				d.Status, d.ResolvedAt = shop.DiscrepancyStatusApplied, &now
				return shop.KindDiscrepancyApplied, nil
			}
			return leaveToPerson(ctx, tx, d)
		}, shop.ActorReconciliation)
}

// leaveToPerson makes a case of what was planned, unless one stands for the same.
func leaveToPerson(ctx context.Context, tx *sql.Tx, d *shop.Discrepancy) (kind string, err error) {
	subject := books.Subject{Kind: d.Kind, PaymentID: d.PaymentID, AttemptID: d.AttemptID}
	standing, err := books.FindStanding(ctx, tx, d.PG, d.ReconciliationID, []books.Subject{subject})
	if err != nil {
		return "", err
	}
	note, stands := standing.Note(subject)
	if !stands {
		d.Status = shop.DiscrepancyStatusOpen
		return shop.KindDiscrepancyOpened, nil
	}
	d.Status, d.Action, d.Note = shop.DiscrepancyStatusIgnored, shop.CorrectiveActionNone, &note
	return shop.KindDiscrepancyIgnored, nil
}

// endDiscrepancy lets do change a discrepancy in one transaction; a do that
// names no event changes nothing.
func (h *Handler) endDiscrepancy(ctx context.Context, id shop.DiscrepancyID,
	do func(context.Context, *sql.Tx, *shop.Discrepancy) (kind string, err error), actor shop.Actor) (shop.Discrepancy,
	error,
) {
	var after shop.Discrepancy
	err := mysqldb.InTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) error {
		d, err := books.LoadDiscrepancy(ctx, tx, id)
		if err != nil {
			return err
		}
		kind, err := do(ctx, tx, &d)
		if after = d; err != nil || kind == "" {
			return err
		}
		d.Version++
		after = d
		return books.SaveDiscrepancy(ctx, tx, d, kind, actor, h.now())
	})
	if err != nil {
		return shop.Discrepancy{}, err
	}
	h.Projector.Project(ctx, string(id))
	return after, nil
}

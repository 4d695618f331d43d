package reconcile

import (
	"context"
	"errors"
	"fmt"

	"payment-system/command"
	"payment-system/command/reconciliation"
	"payment-system/pg"
	"payment-system/shop"
)

// autoApply carries the plan out if it moves no more money at the gateway than a
// run may by itself. Books that move meanwhile are planned on again.
func (j *job) autoApply(ctx context.Context) error {
	if j.rec.ReplacedBy != nil {
		return nil
	}
	for tries := 1; ; tries++ {
		moves, err := j.plannedMoves(ctx)
		if err != nil {
			return err
		}
		if moves > j.reconciler.AutoApplyCap {
			j.reconciler.Logger.WarnContext(ctx, "plan waits for an operator", "reconciliation_id", string(j.rec.ID), "moves",
				int64(moves), "cap", int64(j.reconciler.AutoApplyCap))
			return nil
		}
		err = j.apply(ctx, *j.rec.PlanHash)
		if shop.CodeOf(err) != shop.Conflict || tries == 3 || j.rec.PlanHash == nil {
			return err
		}
	}
}

// plannedMoves is what carrying the plan out would move at the gateway.
func (j *job) plannedMoves(ctx context.Context) (shop.Won, error) {
	var moves shop.Won
	err := j.books.db.QueryRowContext(ctx, `SELECT LEAST(COALESCE(SUM(amount), 0), ?) FROM discrepancies
		WHERE reconciliation_id = ? AND status = ? AND action = ?`,
		int64(shop.MaxWon), string(j.rec.ID), string(shop.DiscrepancyStatusPlanned),
		string(shop.CorrectiveActionRefundAtGateway)).Scan(&moves)
	if err != nil {
		return 0, fmt.Errorf("sum what %s would move: %w", j.rec.ID, err)
	}
	return moves, nil
}

// apply carries the plan named out, or goes on with it.
func (j *job) apply(ctx context.Context, planHash string) error {
	if j.rec.PlanHash == nil || *j.rec.PlanHash != planHash {
		return reconciliation.PlanMoved(j.rec)
	}
	if j.rec.Status == shop.ReconciliationStatusApplied {
		return nil
	}
	var doubts []command.ApplyEvidence
	if j.rec.Status == shop.ReconciliationStatusPlanned {
		if j.rec.ReplacedBy != nil {
			return reconciliation.Replaced(j.rec)
		}
		p, err := j.planAgain(ctx)
		if err != nil {
			return err
		}
		doubts = p.doubts
	}
	err := j.became(j.reconciler.Files.BeginApplying(ctx, reconciliation.BeginApplying{Hold: j.hold, PlanHash: planHash}))
	if err != nil {
		return err
	}
	j.endDoubts(ctx, doubts)
	if err := j.settle(ctx); err != nil {
		return fmt.Errorf("apply %s: %w", j.rec.ID, err)
	}
	return j.became(j.reconciler.Files.FinishApplying(ctx, reconciliation.FinishApplying{Hold: j.hold}))
}

// planAgain makes sure that the plan is the one that the books call for now. It
// returns Conflict, and stores the new plan, when it is another.
func (j *job) planAgain(ctx context.Context) (*plan, error) {
	p := j.newTrial()
	if err := p.find(ctx); err != nil {
		return nil, fmt.Errorf("plan %s again: %w", j.rec.ID, err)
	}
	if p.name() == *j.rec.PlanHash {
		return p, nil
	}
	if err := j.plan(ctx); err != nil {
		return nil, fmt.Errorf("plan %s again: %w", j.rec.ID, err)
	}
	return nil, reconciliation.PlanMoved(j.rec)
}

// settle carries out what is planned, one by one.
func (j *job) settle(ctx context.Context) error {
	ids, err := j.planned(ctx)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := j.reconciler.Money.SettleDiscrepancy(ctx, command.SettleDiscrepancy{Hold: j.hold, ID: id}); err != nil {
			return err
		}
		if j.mayAnnounce() {
			rec, err := j.reconciler.Files.ShowApplying(ctx, reconciliation.ShowApplying{
				Hold: j.hold, Percent: min(99, percentOf(i+1, len(ids))),
			})
			if err := j.became(rec, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *job) planned(ctx context.Context) ([]shop.DiscrepancyID, error) {
	return idsOf[shop.DiscrepancyID](ctx, j.books, `SELECT id FROM discrepancies WHERE reconciliation_id = ? AND status = ?
		ORDER BY id`, string(j.rec.ID), string(shop.DiscrepancyStatusPlanned))
}

// endDoubts ends attempts that the file calls failed and that the gateway, asked,
// does not know: the file is the gateway's word too.
func (j *job) endDoubts(ctx context.Context, doubts []command.ApplyEvidence) {
	for _, doubt := range doubts {
		_, err := j.reconciler.Money.AskGateway(ctx, doubt.AttemptID)
		var refused *pg.Error
		silent := shop.CodeOf(err) == shop.Unavailable || (errors.As(err, &refused) && refused.Outcome == pg.OutcomeNotFound)
		if silent {
			_, err = j.reconciler.Money.ApplyEvidence(ctx, doubt)
		}
		if err != nil { // the resolver goes on asking
			j.reconciler.Logger.InfoContext(ctx, "attempt in doubt not ended", "attempt_id", string(doubt.AttemptID), "error",
				err)
		}
	}
}

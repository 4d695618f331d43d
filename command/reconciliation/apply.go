package reconciliation

import (
	"context"
	"database/sql"

	"payment-system/command/books"
	"payment-system/shop"
)

// BeginApplying begins to carry a plan out.
type BeginApplying struct {
	Hold     Hold
	PlanHash string
}

// BeginApplying returns Conflict unless the plan is the one named. Where
// carrying out was begun and broke off, it goes on.
func (d *Desk) BeginApplying(ctx context.Context, cmd BeginApplying) (shop.Reconciliation, error) {
	return d.changeReconciliation(ctx, cmd.Hold,
		func(_ context.Context, _ *sql.Tx, r *shop.Reconciliation) (*step, error) {
			switch {
			case r.PlanHash == nil || *r.PlanHash != cmd.PlanHash:
				return nil, PlanMoved(*r)
			case r.Status == shop.ReconciliationStatusApplying:
				return nil, nil
			case r.Status != shop.ReconciliationStatusPlanned:
				return nil, reconciliationConflict(*r)
			case r.ReplacedBy != nil:
				return nil, Replaced(*r)
			}
			r.Status, r.Percent = shop.ReconciliationStatusApplying, 0
			return &step{kind: shop.KindReconciliationApplying}, nil
		})
}

// PlanMoved is the Conflict that says that the plan is another by now, and names
// it, or that there is none.
func PlanMoved(r shop.Reconciliation) *shop.Error {
	if r.PlanHash == nil {
		return reconciliationConflict(r)
	}
	return &shop.Error{
		Code: shop.Conflict, Message: "The books moved since this was planned. Look at the plan again.",
		Details: map[string]any{"status": string(r.Status), "planHash": *r.PlanHash},
	}
}

// ShowApplying tells whoever watches how far carrying out has come.
type ShowApplying struct {
	Hold    Hold
	Percent int
}

// ShowApplying returns Conflict unless the plan is being carried out.
func (d *Desk) ShowApplying(ctx context.Context, cmd ShowApplying) (shop.Reconciliation, error) {
	return d.changeReconciliation(ctx, cmd.Hold,
		func(_ context.Context, _ *sql.Tx, r *shop.Reconciliation) (*step, error) {
			if r.Status != shop.ReconciliationStatusApplying {
				return nil, reconciliationConflict(*r)
			}
			r.Percent = cmd.Percent
			return &step{kind: shop.KindReconciliationApplying}, nil
		})
}

// FinishApplying says that the plan was carried out.
type FinishApplying struct{ Hold Hold }

// FinishApplying returns Conflict unless the plan is being carried out. It
// changes nothing while a correction still waits for a gateway's answer.
func (d *Desk) FinishApplying(ctx context.Context, cmd FinishApplying) (shop.Reconciliation, error) {
	return d.changeReconciliation(ctx, cmd.Hold,
		func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (*step, error) {
			if r.Status != shop.ReconciliationStatusApplying {
				return nil, reconciliationConflict(*r)
			}
			waiting, err := books.CountPlanned(ctx, tx, r.ID)
			if err != nil || waiting > 0 {
				return nil, err
			}
			now := d.now()
			r.Status, r.Percent, r.FinishedAt = shop.ReconciliationStatusApplied, 100, &now
			return &step{kind: shop.KindReconciliationApplied}, nil
		})
}

package reconcile

import (
	"context"
	"errors"

	"payment-system/internal/failpoint"
	"payment-system/shop"
)

// A resumable is a reconciliation that may be gone on with.
type resumable struct {
	id   shop.ReconciliationID
	work func(context.Context, *job) error
}

// Resume goes on with what broke off: plans that were being carried out, and
// plans that a run may carry out by itself. Then it looks for payments that are
// missing in files that came before that could be told. It returns the first
// error and does the rest all the same.
func (r *Reconciler) Resume(ctx context.Context) error {
	ctx = failpoint.In(ctx, "reconcile")
	return errors.Join(r.resume(ctx, r.brokenOff), r.resume(ctx, r.booksDue))
}

func (r *Reconciler) resume(ctx context.Context, list func(context.Context) ([]resumable, error)) error {
	found, err := list(ctx)
	for _, w := range found {
		_, failed := r.work(ctx, shop.Reconciliation{ID: w.id}, func(j *job) error { return w.work(ctx, j) })
		if code := shop.CodeOf(failed); code != shop.InProgress && code != shop.Conflict {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// brokenOff lists the plans that wait for nobody.
func (r *Reconciler) brokenOff(ctx context.Context) ([]resumable, error) {
	var found []resumable
	err := reader{r.DB}.each(ctx, `SELECT id, plan_hash, status = 'PLANNED' FROM reconciliations
		WHERE plan_hash IS NOT NULL AND (lease_until IS NULL OR lease_until < ?) AND (status = 'APPLYING'
		OR (status = 'PLANNED' AND auto_apply = 1 AND replaced_by IS NULL
			AND ? >= (SELECT COALESCE(SUM(d.amount), 0) FROM discrepancies d WHERE d.reconciliation_id = reconciliations.id
			AND d.status = 'PLANNED' AND d.action = 'REFUND_AT_GATEWAY')))
		ORDER BY id LIMIT 100`,
		[]any{r.Now(), int64(r.AutoApplyCap)}, func(scan scanner) error {
			var id shop.ReconciliationID
			var hash string
			var auto bool
			err := scan(&id, &hash, &auto)
			work := func(ctx context.Context, j *job) error { return j.apply(ctx, hash) }
			if auto {
				work = func(ctx context.Context, j *job) error { return j.autoApply(ctx) }
			}
			found = append(found, resumable{id, work})
			return err
		})
	return found, err
}

// booksDue lists the files whose days are to be held against the books again.
func (r *Reconciler) booksDue(ctx context.Context) ([]resumable, error) {
	var found []resumable
	err := reader{r.DB}.each(ctx, `SELECT id FROM reconciliations WHERE books_due_at <= ?
		AND status IN ('PLANNED', 'APPLIED')
		AND (lease_until IS NULL OR lease_until < ?) ORDER BY books_due_at, id LIMIT 100`,
		[]any{r.Now(), r.Now()}, func(scan scanner) error {
			var id shop.ReconciliationID
			err := scan(&id)
			found = append(found, resumable{id, func(ctx context.Context, j *job) error { return j.walkLater(ctx) }})
			return err
		})
	return found, err
}

package command

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// ReconciliationLease is how long a replica may be silent while it works on a
// reconciliation before another takes over. Every step renews it, and so does
// KeepReconciliation during a long one.
const ReconciliationLease = 20 * time.Second

// errReconciliationHeld says that somebody else works on the reconciliation.
var errReconciliationHeld = &shop.Error{Code: shop.InProgress, Message: "The settlement file is being worked on. Ask again in a moment."}

// A ReconciliationHold is the right to work on a reconciliation. It ends when it
// is let go, or when its owner is silent for ReconciliationLease and somebody else takes
// it: then every step by the old one is refused with IN_PROGRESS.
type ReconciliationHold struct {
	ID    shop.ReconciliationID
	Fence int64
}

const reconciliationColumns = `id, pg, format, source, file_hash, status, rejection, row_count, percent, matched, plan_hash, started_at, finished_at, version`

// loadReconciliation reads a reconciliation and sums its discrepancies. It
// returns NotFound when there is none.
func loadReconciliation(ctx context.Context, q querier, id shop.ReconciliationID) (shop.Reconciliation, error) {
	return loadReconciliationWhere(ctx, q, `id = ?`, string(id))
}

func loadReconciliationWhere(ctx context.Context, q querier, where string, args ...any) (shop.Reconciliation, error) {
	var r shop.Reconciliation
	row := q.QueryRowContext(ctx, `SELECT `+reconciliationColumns+` FROM reconciliations WHERE `+where, args...)
	err := row.Scan(&r.ID, &r.PG, &r.Format, &r.Source, &r.FileHash, &r.Status, &r.Rejection, &r.Rows, &r.Percent, &r.Matched,
		&r.PlanHash, &r.StartedAt, &r.FinishedAt, &r.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return shop.Reconciliation{}, shop.NoSuch("reconciliation")
	}
	if err != nil {
		return shop.Reconciliation{}, fmt.Errorf("read a reconciliation: %w", err)
	}
	r.Counts, err = countDiscrepancies(ctx, q, r.ID)
	return r, err
}

// countDiscrepancies sums the discrepancies of each kind, but for those that
// planning again found gone.
func countDiscrepancies(ctx context.Context, q querier, id shop.ReconciliationID) ([]shop.DiscrepancyCount, error) {
	rows, err := q.QueryContext(ctx, `SELECT kind, COUNT(*), LEAST(SUM(amount), ?) FROM discrepancies
		WHERE reconciliation_id = ? AND (status <> 'IGNORED' OR action = 'NONE') GROUP BY kind ORDER BY kind`, int64(shop.MaxWon), string(id))
	if err != nil {
		return nil, fmt.Errorf("count the discrepancies of %s: %w", id, err)
	}
	defer rows.Close()
	counts := []shop.DiscrepancyCount{}
	for rows.Next() {
		var count shop.DiscrepancyCount
		if err := rows.Scan(&count.Kind, &count.Count, &count.Amount); err != nil {
			return nil, fmt.Errorf("count the discrepancies of %s: %w", id, err)
		}
		counts = append(counts, count)
	}
	return counts, rows.Err()
}

// insertReconciliation writes a new reconciliation. One of the same file is a
// duplicate of uq_reconciliations_file.
func insertReconciliation(ctx context.Context, tx *sql.Tx, r shop.Reconciliation, autoApply bool) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO reconciliations (id, pg, format, source, file_hash, status, row_count, percent, matched, auto_apply, started_at, finished_at, version)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`, string(r.ID), string(r.PG), string(r.Format), r.Source, r.FileHash, string(r.Status), r.Rows, r.Percent, r.Matched,
		autoApply, r.StartedAt, r.FinishedAt, r.Version)
	if err != nil {
		return fmt.Errorf("open reconciliation %s: %w", r.ID, err)
	}
	return nil
}

// saveReconciliation writes what may change of a reconciliation, if its version
// is still the one before, and records the event.
func saveReconciliation(ctx context.Context, tx *sql.Tx, r shop.Reconciliation, kind string, actor shop.Actor, note string, at time.Time) error {
	err := mysqldb.ExecOne(ctx, tx, `UPDATE reconciliations SET status = ?, rejection = ?, row_count = ?, percent = ?, matched = ?, plan_hash = ?, finished_at = ?, version = ?
		WHERE id = ? AND version = ?`, string(r.Status), r.Rejection, r.Rows, r.Percent, r.Matched, r.PlanHash, r.FinishedAt, r.Version, string(r.ID), r.Version-1)
	if err != nil {
		return fmt.Errorf("save reconciliation %s: %w", r.ID, err)
	}
	return record(ctx, tx, reconciliationFact(r, kind, actor, note, at))
}

// reconciliationFact is an event of a reconciliation, as it left it.
func reconciliationFact(r shop.Reconciliation, kind string, actor shop.Actor, note string, at time.Time) fact {
	return fact{
		aggregateID: string(r.ID), version: r.Version, kind: kind, status: string(r.Status),
		actor: actor, note: note, aggregate: r, at: at,
	}
}

// keepHold renews the hold in the transaction of a step. It returns IN_PROGRESS
// when somebody else has taken over.
func keepHold(ctx context.Context, tx mysqldb.Execer, hold ReconciliationHold, now time.Time) error {
	result, err := tx.ExecContext(ctx, `UPDATE reconciliations SET lease_until = ? WHERE id = ? AND fence = ? AND lease_until IS NOT NULL`,
		now.Add(ReconciliationLease), string(hold.ID), hold.Fence)
	if err != nil {
		return fmt.Errorf("renew the hold on %s: %w", hold.ID, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errReconciliationHeld
	}
	return nil
}

// changeReconciliation lets do change a reconciliation in one transaction, with
// the hold renewed; then the read models follow. A do that reports false changes
// nothing.
func (h *Handler) changeReconciliation(ctx context.Context, hold ReconciliationHold, kind, note string, do func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (bool, error)) (shop.Reconciliation, error) {
	var after shop.Reconciliation
	err := mysqldb.InTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) error {
		now := h.now()
		if err := keepHold(ctx, tx, hold, now); err != nil {
			return err
		}
		r, err := loadReconciliation(ctx, tx, hold.ID)
		if err != nil {
			return err
		}
		changed, err := do(ctx, tx, &r)
		if after = r; err != nil || !changed {
			return err
		}
		r.Version++
		after = r
		return saveReconciliation(ctx, tx, r, kind, shop.ActorReconciliation, note, now)
	})
	if err != nil {
		return shop.Reconciliation{}, err
	}
	h.Projector.Project(ctx, string(hold.ID))
	return after, nil
}

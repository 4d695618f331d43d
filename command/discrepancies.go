package command

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// korea is the zone of business days. It has had no summer time since 1988.
var korea = time.FixedZone("KST", 9*60*60)

// takePlanned makes the case of a refund that a settlement file plans for the same
// money, or returns nil: whoever carries the plan out finds it open, and leaves it
// to a person.
func takePlanned(ctx context.Context, tx *sql.Tx, cmd OpenCase, now time.Time) (*shop.Discrepancy, error) {
	if cmd.PaymentID == nil || cmd.AttemptID == nil {
		return nil, nil
	}
	found, err := listDiscrepancies(ctx, tx, `payment_id = ? AND status = ? AND attempt_id = ? AND pg = ? AND kind = ? AND action = ? ORDER BY id LIMIT 1`,
		string(*cmd.PaymentID), string(shop.DiscrepancyStatusPlanned), string(*cmd.AttemptID), string(cmd.PG), string(cmd.Kind), string(shop.CorrectiveActionRefundAtGateway))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	d := found[0]
	d.Status, d.Note, d.Version = shop.DiscrepancyStatusOpen, clipped(cmd.Note, 1000), d.Version+1
	return &d, saveDiscrepancy(ctx, tx, d, shop.KindDiscrepancyOpened, shop.ActorResolver, now)
}

// lockCases lets one at a time open cases of a gateway. The lock is the row of its
// first reconciliation.
func lockCases(ctx context.Context, tx *sql.Tx, gateway shop.PG) error {
	var first sql.NullString
	err := tx.QueryRowContext(ctx, `SELECT MIN(id) FROM reconciliations WHERE pg = ?`, string(gateway)).Scan(&first)
	if err == nil && first.Valid {
		err = tx.QueryRowContext(ctx, `SELECT id FROM reconciliations WHERE id = ? FOR UPDATE`, first.String).Scan(&first)
	}
	if err != nil {
		return fmt.Errorf("lock the cases of %s: %w", gateway, err)
	}
	return nil
}

const discrepancyColumns = `id, reconciliation_id, pg, kind, status, action, payment_id, attempt_id, line, raw, expected, actual, amount, note, resolved_by, created_at, resolved_at, version`

// listDiscrepancies reads the discrepancies that where finds.
func listDiscrepancies(ctx context.Context, q querier, where string, args ...any) ([]shop.Discrepancy, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+discrepancyColumns+` FROM discrepancies WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read discrepancies: %w", err)
	}
	defer rows.Close()
	var found []shop.Discrepancy
	for rows.Next() {
		var d shop.Discrepancy
		err := rows.Scan(&d.ID, &d.ReconciliationID, &d.PG, &d.Kind, &d.Status, &d.Action, &d.PaymentID, &d.AttemptID, &d.Line, &d.Raw,
			&d.Expected, &d.Actual, &d.Amount, &d.Note, &d.ResolvedBy, &d.CreatedAt, &d.ResolvedAt, &d.Version)
		if err != nil {
			return nil, fmt.Errorf("read a discrepancy: %w", err)
		}
		found = append(found, d)
	}
	return found, rows.Err()
}

// loadDiscrepancy reads a discrepancy. It returns NotFound when there is none.
func loadDiscrepancy(ctx context.Context, q querier, id shop.DiscrepancyID) (shop.Discrepancy, error) {
	if !isASCII(string(id)) {
		return shop.Discrepancy{}, shop.NoSuch("discrepancy")
	}
	found, err := listDiscrepancies(ctx, q, `id = ?`, string(id))
	if err != nil {
		return shop.Discrepancy{}, err
	}
	if len(found) == 0 {
		return shop.Discrepancy{}, shop.NoSuch("discrepancy")
	}
	return found[0], nil
}

// A keyedDiscrepancy is a discrepancy and what names it within its reconciliation.
type keyedDiscrepancy struct {
	shop.Discrepancy
	dedupKey string
}

func insertDiscrepancies(ctx context.Context, tx *sql.Tx, found []keyedDiscrepancy) error {
	if len(found) == 0 {
		return nil
	}
	const places = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
	args := make([]any, 0, 19*len(found))
	for _, d := range found {
		args = append(args, string(d.ID), string(d.ReconciliationID), string(d.PG), string(d.Kind), string(d.Status), string(d.Action),
			d.PaymentID, d.AttemptID, d.Line, d.Raw, d.Expected, d.Actual, int64(d.Amount), d.Note, d.ResolvedBy, d.CreatedAt, d.ResolvedAt, d.Version, d.dedupKey)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO discrepancies (`+discrepancyColumns+`, dedup_key) VALUES `+places+strings.Repeat(","+places, len(found)-1), args...)
	if err != nil {
		return fmt.Errorf("note discrepancies: %w", err)
	}
	return nil
}

// saveDiscrepancy writes what may change of a discrepancy, if its version is
// still the one before, and records the event.
func saveDiscrepancy(ctx context.Context, tx *sql.Tx, d shop.Discrepancy, kind string, actor shop.Actor, at time.Time) error {
	err := mysqldb.ExecOne(ctx, tx, `UPDATE discrepancies SET status = ?, action = ?, line = ?, raw = ?, expected = ?, actual = ?, amount = ?, note = ?, resolved_by = ?, resolved_at = ?, version = ?
		WHERE id = ? AND version = ?`, string(d.Status), string(d.Action), d.Line, d.Raw, d.Expected, d.Actual, int64(d.Amount), d.Note, d.ResolvedBy, d.ResolvedAt,
		d.Version, string(d.ID), d.Version-1)
	if err != nil {
		return fmt.Errorf("save discrepancy %s: %w", d.ID, err)
	}
	return record(ctx, tx, discrepancyFact(d, kind, actor, at))
}

// discrepancyFact is an event of a discrepancy, as it left it.
func discrepancyFact(d shop.Discrepancy, kind string, actor shop.Actor, at time.Time) fact {
	note := ""
	if d.Note != nil {
		note = *d.Note
	}
	return fact{
		aggregateID: string(d.ID), version: d.Version, kind: kind, status: string(d.Status),
		actor: actor, note: note, aggregate: d, at: at,
	}
}

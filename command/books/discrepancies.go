package books

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/text"
	"payment-system/shop"
)

// takePlanned makes the case of a refund that a settlement file plans for the same
// money, or returns nil: whoever carries the plan out finds it open, and leaves it
// to a person.
func takePlanned(ctx context.Context, tx *sql.Tx, like shop.Discrepancy, now time.Time) (*shop.Discrepancy, error) {
	if like.PaymentID == nil || like.AttemptID == nil {
		return nil, nil
	}
	found, err := listDiscrepancies(ctx, tx,
		`payment_id = ? AND status = ? AND attempt_id = ? AND pg = ? AND kind = ? AND action = ? ORDER BY id LIMIT 1`,
		string(*like.PaymentID), string(shop.DiscrepancyStatusPlanned), string(*like.AttemptID), string(like.PG),
		string(like.Kind), string(shop.CorrectiveActionRefundAtGateway))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	d := found[0]
	d.Status, d.Note, d.Version = shop.DiscrepancyStatusOpen, like.Note, d.Version+1
	return &d, SaveDiscrepancy(ctx, tx, d, shop.KindDiscrepancyOpened, shop.ActorResolver, now)
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

const discrepancyColumns = `id, reconciliation_id, pg, kind, status, action, payment_id, attempt_id, line, raw,
	expected, actual, amount, note, resolved_by, created_at, resolved_at, version`

// listDiscrepancies reads the discrepancies that where finds.
func listDiscrepancies(ctx context.Context, q Reader, where string, args ...any) ([]shop.Discrepancy, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+discrepancyColumns+` FROM discrepancies WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read discrepancies: %w", err)
	}
	defer rows.Close()
	var found []shop.Discrepancy
	for rows.Next() {
		var d shop.Discrepancy
		err := rows.Scan(&d.ID, &d.ReconciliationID, &d.PG, &d.Kind, &d.Status, &d.Action, &d.PaymentID, &d.AttemptID,
			&d.Line, &d.Raw,
			&d.Expected, &d.Actual, &d.Amount, &d.Note, &d.ResolvedBy, &d.CreatedAt, &d.ResolvedAt, &d.Version)
		if err != nil {
			return nil, fmt.Errorf("read a discrepancy: %w", err)
		}
		found = append(found, d)
	}
	return found, rows.Err()
}

// LoadDiscrepancy reads a discrepancy. It returns NotFound when there is none.
func LoadDiscrepancy(ctx context.Context, q Reader, id shop.DiscrepancyID) (shop.Discrepancy, error) {
	if !text.IsASCII(string(id)) {
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

// A KeyedDiscrepancy is a discrepancy and what names it within its reconciliation.
type KeyedDiscrepancy struct {
	Discrepancy shop.Discrepancy
	Key         string
}

// InsertDiscrepancies writes new discrepancies, in one statement, without their
// events.
func InsertDiscrepancies(ctx context.Context, tx *sql.Tx, found []KeyedDiscrepancy) error {
	if len(found) == 0 {
		return nil
	}
	const places = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
	args := make([]any, 0, 19*len(found))
	for _, keyed := range found {
		d := keyed.Discrepancy
		args = append(args, string(d.ID), string(d.ReconciliationID), string(d.PG), string(d.Kind), string(d.Status),
			string(d.Action),
			d.PaymentID, d.AttemptID, d.Line, d.Raw, d.Expected, d.Actual, int64(d.Amount), d.Note, d.ResolvedBy, d.CreatedAt,
			d.ResolvedAt, d.Version, keyed.Key)
	}
	_, err := tx.ExecContext(ctx,
		`INSERT INTO discrepancies (`+discrepancyColumns+`, dedup_key)
			VALUES `+places+strings.Repeat(","+places, len(found)-1), args...)
	if err != nil {
		return fmt.Errorf("note discrepancies: %w", err)
	}
	return nil
}

// SaveDiscrepancy writes what may change of a discrepancy, if its version is
// still the one before, and records the event.
func SaveDiscrepancy(ctx context.Context, tx *sql.Tx, d shop.Discrepancy, kind string, actor shop.Actor,
	at time.Time,
) error {
	err := mysqldb.ExecOne(ctx, tx,
		`UPDATE discrepancies
			SET status = ?, action = ?, line = ?, raw = ?, expected = ?, actual = ?, amount = ?, note = ?,
				resolved_by = ?, resolved_at = ?, version = ?
		WHERE id = ? AND version = ?`, string(d.Status), string(d.Action), d.Line, d.Raw, d.Expected, d.Actual,
		int64(d.Amount), d.Note, d.ResolvedBy, d.ResolvedAt,
		d.Version, string(d.ID), d.Version-1)
	if err != nil {
		return fmt.Errorf("save discrepancy %s: %w", d.ID, err)
	}
	return Append(ctx, tx, DiscrepancyEvent(d, kind, actor, at))
}

// DiscrepancyEvent is an event of a discrepancy, as it left it.
func DiscrepancyEvent(d shop.Discrepancy, kind string, actor shop.Actor, at time.Time) Event {
	note := ""
	if d.Note != nil {
		note = *d.Note
	}
	return Event{
		AggregateID: string(d.ID), Version: d.Version, Kind: kind, Status: string(d.Status),
		Actor: actor, Note: note, Aggregate: d, At: at,
	}
}

// OverdueCases reads the open cases that say of an attempt that its outcome has been
// open for too long.
func OverdueCases(ctx context.Context, tx *sql.Tx, payment shop.PaymentID, attempt shop.AttemptID) ([]shop.Discrepancy,
	error,
) {
	return listDiscrepancies(ctx, tx,
		`payment_id = ? AND status = 'OPEN' AND attempt_id = ? AND line IS NULL AND expected = ? ORDER BY id`,
		string(payment), string(attempt), shop.OverdueExpected)
}

// LateCases reads the open cases that say of an attempt that it holds money that pays for
// nothing.
func LateCases(ctx context.Context, tx *sql.Tx, payment shop.PaymentID, attempt shop.AttemptID) ([]shop.Discrepancy,
	error,
) {
	return listDiscrepancies(ctx, tx,
		`payment_id = ? AND status = 'OPEN' AND attempt_id = ? AND line IS NULL AND kind = ? ORDER BY id`,
		string(payment), string(attempt), string(shop.DiscrepancyKindPaidAfterEnd))
}

// FindOpenCase returns the open case of the gateway, kind and subject of another, of
// any day and any file, or nil: by its attempt, else its payment, else its note, as
// far as it has them. What is planned as a refund of the same becomes the case. Nobody
// else opens a case of the gateway until the transaction ends.
func FindOpenCase(ctx context.Context, tx *sql.Tx, like shop.Discrepancy, now time.Time) (*shop.Discrepancy, error) {
	if err := lockCases(ctx, tx, like.PG); err != nil {
		return nil, err
	}
	const open = `status = 'OPEN' AND pg = ? AND kind = ? AND ` + stands
	args := []any{string(like.PG), string(like.Kind)}
	where := open + ` AND payment_id IS NULL AND attempt_id IS NULL AND note = ?`
	switch {
	case like.PaymentID != nil && like.AttemptID != nil:
		where, args = open+` AND payment_id = ? AND attempt_id = ?`,
			append(args, string(*like.PaymentID), string(*like.AttemptID))
	case like.PaymentID != nil:
		where, args = open+` AND payment_id = ?`, append(args, string(*like.PaymentID))
	case like.AttemptID != nil:
		where, args = open+` AND attempt_id = ?`, append(args, string(*like.AttemptID))
	default:
		var note string // never NULL, which equals nothing
		if like.Note != nil {
			note = *like.Note
		}
		args = append(args, note)
	}
	found, err := listDiscrepancies(ctx, tx, where+` ORDER BY id LIMIT 1`, args...)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return takePlanned(ctx, tx, like, now)
	}
	return &found[0], nil
}

// CountOf counts the discrepancies of a reconciliation.
func CountOf(ctx context.Context, tx *sql.Tx, id shop.ReconciliationID) (n int, err error) {
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM discrepancies WHERE reconciliation_id = ?`, string(id)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the cases of %s: %w", id, err)
	}
	return n, nil
}

// CountPlanned counts the discrepancies of a reconciliation whose corrections are
// still to be carried out.
func CountPlanned(ctx context.Context, tx *sql.Tx, id shop.ReconciliationID) (n int, err error) {
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM discrepancies WHERE reconciliation_id = ? AND status = ?`,
		string(id), string(shop.DiscrepancyStatusPlanned)).Scan(&n)
	return n, err
}

// DiscrepanciesByKey reads those of a reconciliation that were noted under some of
// the keys given, by key. It never returns nil without an error.
func DiscrepanciesByKey(ctx context.Context, tx *sql.Tx, id shop.ReconciliationID,
	keys []string,
) (map[string]shop.Discrepancy, error) {
	args := append([]any{string(id)}, anys(keys)...)
	in := `reconciliation_id = ? AND dedup_key IN (` + marks(len(keys)) + `)`
	keyed := map[string]shop.Discrepancy{}
	found, err := listDiscrepancies(ctx, tx, in, args...)
	if err != nil || len(found) == 0 {
		return keyed, err
	}
	byID := map[string]shop.Discrepancy{}
	for _, d := range found {
		byID[string(d.ID)] = d
	}
	rows, err := tx.QueryContext(ctx, `SELECT id, dedup_key FROM discrepancies WHERE `+in, args...)
	if err != nil {
		return nil, fmt.Errorf("read discrepancies: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, key string
		if err := rows.Scan(&id, &key); err != nil {
			return nil, fmt.Errorf("read a discrepancy: %w", err)
		}
		keyed[key] = byID[id]
	}
	return keyed, rows.Err()
}

package books

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// HoldLease is how long a replica may be silent while it works on a
// reconciliation before another takes over. Every step renews it, and so does
// KeepReconciliation during a long one.
const HoldLease = 20 * time.Second

// ErrHeld says that somebody else works on the reconciliation.
var ErrHeld = &shop.Error{
	Code:    shop.InProgress,
	Message: "The settlement file is being worked on. Ask again in a moment.",
}

// A Hold is the right to work on a reconciliation. It ends when it
// is let go, or when its owner is silent for HoldLease and somebody else takes
// it: then every step by the old one is refused with IN_PROGRESS.
type Hold struct {
	ID    shop.ReconciliationID
	Fence int64
}

const reconciliationColumns = `id, pg, format, source, file_hash, status, rejection, row_count, percent,
	matched, plan_hash, day_from, notice, replaces, replaced_by,
	rows_added, rows_changed, rows_removed, started_at, finished_at, version`

// LoadReconciliation reads a reconciliation and sums its discrepancies. It
// returns NotFound when there is none.
func LoadReconciliation(ctx context.Context, q Reader, id shop.ReconciliationID) (shop.Reconciliation, error) {
	return loadReconciliationWhere(ctx, q, `id = ?`, string(id))
}

// LockReconciliation is LoadReconciliation that keeps everybody else from changing the
// reconciliation until the transaction ends.
func LockReconciliation(ctx context.Context, tx *sql.Tx, id shop.ReconciliationID) (shop.Reconciliation, error) {
	return loadReconciliationWhere(ctx, tx, `id = ? FOR UPDATE`, string(id))
}

// ReconciliationOfFile reads the reconciliation of a gateway's file, which is named
// by the SHA-256 of what is in it, in hex. It returns NotFound when there is none.
func ReconciliationOfFile(ctx context.Context, q Reader, gateway shop.PG, fileHash string) (shop.Reconciliation,
	error,
) {
	return loadReconciliationWhere(ctx, q, `pg = ? AND file_hash = ?`, string(gateway), fileHash)
}

// LockReconciliationOfFile is ReconciliationOfFile that keeps everybody else from
// changing the reconciliation until the transaction ends.
func LockReconciliationOfFile(ctx context.Context, tx *sql.Tx, gateway shop.PG, fileHash string) (shop.Reconciliation,
	error,
) {
	return loadReconciliationWhere(ctx, tx, `pg = ? AND file_hash = ? FOR UPDATE`, string(gateway), fileHash)
}

func loadReconciliationWhere(ctx context.Context, q Reader, where string, args ...any) (shop.Reconciliation, error) {
	var r shop.Reconciliation
	var added, changed, removed *int
	row := q.QueryRowContext(ctx, `SELECT `+reconciliationColumns+` FROM reconciliations WHERE `+where, args...)
	err := row.Scan(&r.ID, &r.PG, &r.Format, &r.Source, &r.FileHash, &r.Status, &r.Rejection, &r.Rows, &r.Percent,
		&r.Matched,
		&r.PlanHash, &r.Day, &r.Notice, &r.Replaces, &r.ReplacedBy, &added, &changed, &removed, &r.StartedAt,
		&r.FinishedAt, &r.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return shop.Reconciliation{}, shop.NoSuch("reconciliation")
	}
	if err != nil {
		return shop.Reconciliation{}, fmt.Errorf("read a reconciliation: %w", err)
	}
	if added != nil && changed != nil && removed != nil {
		r.Changes = &shop.VersionChanges{Added: *added, Changed: *changed, Removed: *removed}
	}
	r.Counts, err = CountDiscrepancies(ctx, q, r.ID)
	return r, err
}

// CountDiscrepancies sums the discrepancies of each kind, but for those that
// planning again found gone.
func CountDiscrepancies(ctx context.Context, q Reader, id shop.ReconciliationID) ([]shop.DiscrepancyCount, error) {
	rows, err := q.QueryContext(ctx, `SELECT kind, COUNT(*), LEAST(SUM(amount), ?) FROM discrepancies
		WHERE reconciliation_id = ? AND (status <> 'IGNORED' OR action = 'NONE') GROUP BY kind ORDER BY kind`,
		int64(shop.MaxWon), string(id))
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

// Applied says who has a reconciliation's plan carried out.
type Applied bool

// AppliedByHand waits for an operator; AppliedByItself does not, as far as the cap
// on what a plan may move allows.
const (
	AppliedByHand   Applied = false
	AppliedByItself Applied = true
)

// InsertReconciliation writes a new reconciliation. One of the same file is a
// duplicate of uq_reconciliations_file.
func InsertReconciliation(ctx context.Context, tx *sql.Tx, r shop.Reconciliation, applied Applied) error {
	_, err := tx.ExecContext(ctx,
		`INSERT INTO reconciliations (id, pg, format, source, file_hash, status, row_count, percent, matched,
			auto_apply, day_from, day_to, started_at, came_at, finished_at, version)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`, string(r.ID), string(r.PG), string(r.Format), r.Source, r.FileHash,
		string(r.Status), r.Rows, r.Percent, r.Matched,
		bool(applied), dateOnly(r.Day), dateOnly(r.Day), r.StartedAt, r.StartedAt, r.FinishedAt, r.Version)
	if err != nil {
		return fmt.Errorf("open reconciliation %s: %w", r.ID, err)
	}
	return nil
}

// SaveReconciliation writes what may change of a reconciliation, if its version
// is still the one before, and records the event.
func SaveReconciliation(ctx context.Context, tx *sql.Tx, r shop.Reconciliation, kind string, actor shop.Actor,
	note string, at time.Time,
) error {
	var added, changed, removed *int
	if c := r.Changes; c != nil {
		added, changed, removed = &c.Added, &c.Changed, &c.Removed
	}
	err := mysqldb.ExecOne(ctx, tx,
		`UPDATE reconciliations
			SET status = ?, rejection = ?, row_count = ?, percent = ?, matched = ?, plan_hash = ?, day_from = ?, day_to = ?,
				notice = ?, replaces = ?, replaced_by = ?, rows_added = ?, rows_changed = ?, rows_removed = ?,
				finished_at = ?, version = ?
		WHERE id = ? AND version = ?`, string(r.Status), r.Rejection, r.Rows, r.Percent, r.Matched, r.PlanHash,
		dateOnly(r.Day), dateOnly(r.Day), r.Notice, r.Replaces, r.ReplacedBy, added, changed, removed,
		r.FinishedAt, r.Version, string(r.ID), r.Version-1)
	if err != nil {
		return fmt.Errorf("save reconciliation %s: %w", r.ID, err)
	}
	return Append(ctx, tx, ReconciliationEvent(r, kind, actor, note, at))
}

// ReconciliationEvent is an event of a reconciliation, as it left it.
func ReconciliationEvent(r shop.Reconciliation, kind string, actor shop.Actor, note string, at time.Time) Event {
	return Event{
		AggregateID: string(r.ID), Version: r.Version, Kind: kind, Status: string(r.Status),
		Actor: actor, Note: note, Aggregate: r, At: at,
	}
}

// KeepHold renews the hold in the transaction of a step. It returns IN_PROGRESS
// when somebody else has taken over.
func KeepHold(ctx context.Context, tx mysqldb.Execer, hold Hold, now time.Time) error {
	result, err := tx.ExecContext(ctx,
		`UPDATE reconciliations SET lease_until = ? WHERE id = ? AND fence = ? AND lease_until IS NOT NULL`,
		now.Add(HoldLease), string(hold.ID), hold.Fence)
	if err != nil {
		return fmt.Errorf("renew the hold on %s: %w", hold.ID, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return ErrHeld
	}
	return nil
}

// A HoldTaking is how a hold is taken, by tries of which each may find that an
// earlier one stands after all.
type HoldTaking struct {
	Hold  Hold // its Fence is set by Take
	Owner string
	until time.Time // what the last try set; zero before the first
}

// Take takes the hold, or finds, when the answer to an earlier COMMIT was lost,
// that it was taken. It returns IN_PROGRESS while somebody else has it, and NotFound
// when there is no such reconciliation.
func (t *HoldTaking) Take(ctx context.Context, tx *sql.Tx, now time.Time) error {
	var fence int64
	var owner string
	var until sql.NullTime
	err := tx.QueryRowContext(ctx,
		`SELECT fence, COALESCE(lease_owner, ''), lease_until FROM reconciliations WHERE id = ? FOR UPDATE`,
		string(t.Hold.ID)).Scan(&fence, &owner, &until)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return shop.NoSuch("reconciliation")
	case err != nil:
		return fmt.Errorf("hold reconciliation %s: %w", t.Hold.ID, err)
	case until.Valid && fence == t.Hold.Fence && owner == t.Owner && until.Time.Equal(t.until):
		return nil
	case until.Valid && !until.Time.Before(now):
		return ErrHeld
	}
	t.Hold.Fence, t.until = fence+1, Moment(now.Add(HoldLease))
	return mysqldb.ExecOne(ctx, tx, `UPDATE reconciliations SET lease_owner = ?, lease_until = ?, fence = ? WHERE id = ?`,
		t.Owner, t.until, t.Hold.Fence, string(t.Hold.ID))
}

// LetGo gives a hold back. What is lost already stays lost.
func LetGo(ctx context.Context, db *sql.DB, hold Hold) (err error) {
	for range 3 {
		if _, err = mysqldb.Alone(db).ExecContext(context.WithoutCancel(ctx),
			`UPDATE reconciliations SET lease_until = NULL WHERE id = ? AND fence = ?`, string(hold.ID),
			hold.Fence); !mysqldb.IsDown(err) {
			break
		}
	}
	return err
}

// SetRecheck notes when the payments of a file's days are next looked for in it; nil
// for never.
func SetRecheck(ctx context.Context, tx *sql.Tx, id shop.ReconciliationID, due *time.Time) error {
	if _, err := tx.ExecContext(ctx, `UPDATE reconciliations SET books_due_at = ? WHERE id = ?`, due,
		string(id)); err != nil {
		return fmt.Errorf("note when the books are due for %s: %w", id, err)
	}
	return nil
}

// NextRecheck notes so when the books have been looked at because of what was due: nil for
// nothing. What has come due meanwhile stays.
func NextRecheck(ctx context.Context, tx *sql.Tx, id shop.ReconciliationID, was, due *time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE reconciliations SET books_due_at =
		CASE WHEN books_due_at IS NULL OR books_due_at = ? THEN ?
		ELSE LEAST(books_due_at, COALESCE(?, books_due_at)) END WHERE id = ?`,
		was, due, due, string(id))
	if err != nil {
		return fmt.Errorf("note when the books are due next for %s: %w", id, err)
	}
	return nil
}

// SetVersionDay notes of what day a file is a version; nil for none.
func SetVersionDay(ctx context.Context, tx *sql.Tx, id shop.ReconciliationID, day *time.Time) error {
	if _, err := tx.ExecContext(ctx, `UPDATE reconciliations SET version_day = ? WHERE id = ?`, dateOnly(day),
		string(id)); err != nil {
		return fmt.Errorf("note the day of %s: %w", id, err)
	}
	return nil
}

// SetCame notes when a file came last.
func SetCame(ctx context.Context, tx *sql.Tx, id shop.ReconciliationID, at time.Time) error {
	if _, err := tx.ExecContext(ctx, `UPDATE reconciliations SET came_at = ? WHERE id = ?`, at, string(id)); err != nil {
		return fmt.Errorf("note when %s came: %w", id, err)
	}
	return nil
}

// RecheckFiles makes files due at once.
func RecheckFiles(ctx context.Context, db *sql.DB, ids []shop.ReconciliationID, now time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := db.ExecContext(ctx, `UPDATE reconciliations SET books_due_at = ? WHERE id IN (`+marks(len(ids))+`)`,
		append([]any{now}, anys(ids)...)...)
	if err != nil {
		return fmt.Errorf("make files due: %w", err)
	}
	return nil
}

// RecheckNow makes the other files of a gateway that wait due at once, because one
// has come that may say what they lack.
func RecheckNow(ctx context.Context, db *sql.DB, gateway shop.PG, came shop.ReconciliationID, now time.Time) error {
	_, err := db.ExecContext(ctx,
		`UPDATE reconciliations SET books_due_at = ? WHERE pg = ? AND id <> ? AND books_due_at > ?`, now, string(gateway),
		string(came), now)
	if err != nil {
		return fmt.Errorf("hasten the files that wait: %w", err)
	}
	return nil
}

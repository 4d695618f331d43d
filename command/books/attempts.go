package books

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/text"
	"payment-system/shop"
)

// lookUpsChunk is how many look-ups one statement makes due.
const lookUpsChunk = 500

// A LookUp says when the resolver is to ask a gateway about an attempt next.
type LookUp struct {
	AttemptID shop.AttemptID
	At        time.Time // zero when nothing is left to find out
	OpenSince time.Time // when the gateway's word became awaited; zero when it is not
	// SameOutcome says that the word awaited is the one that was awaited before: an
	// earlier moment, if there is one, then stands.
	SameOutcome bool
}

// values are what lookUpColumns become: how often an attempt was looked up in vain is forgotten.
func (l LookUp) values() []any {
	var at, since any
	if !l.At.IsZero() {
		at = l.At
	}
	if !l.OpenSince.IsZero() {
		since = l.OpenSince
	}
	if l.SameOutcome {
		since = unlessKnown{since}
	}
	return []any{at, 0, since}
}

// lookUpColumns say when an attempt is looked up next, how often that was in vain, and since when its outcome is awaited.
var lookUpColumns = []string{"check_at", "checks", "unresolved_since"}

// lastLookUps returns the last look-up of each attempt.
func lastLookUps(lookUps []LookUp) map[shop.AttemptID]LookUp {
	last := make(map[shop.AttemptID]LookUp, len(lookUps))
	for _, next := range lookUps {
		last[next.AttemptID] = next
	}
	return last
}

// LookUpNow has the resolver look an attempt up at once. It runs alone, outside
// any transaction: the row is how one replica hands an attempt over to another.
func LookUpNow(ctx context.Context, db *sql.DB, id shop.AttemptID, now time.Time) error {
	_, err := mysqldb.Alone(db).ExecContext(ctx, `UPDATE attempts SET check_at = ? WHERE id = ?`, now, id)
	return err
}

// LookUpsNow makes every look-up due that a gateway owes an answer for after it was
// asked in vain. Deposits are not among them: the shopper owes those, and those that
// are awaited may be thousands.
func LookUpsNow(ctx context.Context, db *sql.DB, gateway shop.PG, now time.Time) error {
	const owed = `check_at IS NOT NULL AND (check_at > ? OR lease_until > ?) AND pg = ? AND checks > 0
			AND unresolved_since IS NOT NULL AND status <> ?`
	args := []any{now, now, string(gateway), string(shop.PaymentStatusWaitingForDeposit)}
	ids, err := mysqldb.Collect(ctx, db, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) },
		`SELECT id FROM attempts WHERE `+owed+` ORDER BY id`, args...)
	if err != nil {
		return fmt.Errorf("read the look-ups that are owed: %w", err)
	}
	// Found by when they are due, they would be locked there first and in their rows last: the other
	// way round than by whoever changes one.
	for some := range slices.Chunk(ids, lookUpsChunk) {
		_, err := mysqldb.Alone(db).ExecContext(ctx, `UPDATE attempts FORCE INDEX (PRIMARY) SET check_at = ?
			WHERE id IN (`+marks(len(some))+`) AND `+owed, slices.Concat([]any{now}, anys(some), args)...)
		if err != nil {
			return fmt.Errorf("make look-ups due: %w", err)
		}
	}
	return nil
}

// NothingOpen notes that nothing is awaited about an attempt any more.
func NothingOpen(ctx context.Context, tx *sql.Tx, id shop.AttemptID) error {
	if _, err := tx.ExecContext(ctx, `UPDATE attempts SET unresolved_since = NULL WHERE id = ?`, id); err != nil {
		return fmt.Errorf("note that nothing is open of attempt %s: %w", id, err)
	}
	return nil
}

// WasOpenBefore reports whether an attempt's outcome has been awaited since a
// moment or longer. It is true too when nobody noted since when.
func WasOpenBefore(ctx context.Context, q Reader, id shop.AttemptID, moment time.Time) (long bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT COALESCE(unresolved_since <= ?, TRUE) FROM attempts WHERE id = ?`, moment,
		id).Scan(&long)
	if err != nil {
		return false, fmt.Errorf("read since when attempt %s is open: %w", id, err)
	}
	return long, nil
}

// IsOverdue reports whether an attempt is to be looked up, and has been open since
// a moment or longer.
func IsOverdue(ctx context.Context, q Reader, id shop.AttemptID, moment time.Time) (overdue bool, err error) {
	err = q.QueryRowContext(ctx,
		`SELECT COALESCE(check_at IS NOT NULL AND unresolved_since <= ?, FALSE) FROM attempts WHERE id = ?`,
		moment, id).Scan(&overdue)
	return overdue, err
}

// IsLookedUpAfter reports whether an attempt's next look-up is after a moment,
// though none was made in vain: somebody has put it off.
func IsLookedUpAfter(ctx context.Context, q Reader, id shop.AttemptID, moment time.Time) (after bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT check_at IS NOT NULL AND check_at > ? AND checks = 0 FROM attempts WHERE id = ?`,
		moment, id).Scan(&after)
	if err != nil {
		return false, fmt.Errorf("read when attempt %s is looked up: %w", id, err)
	}
	return after, nil
}

// OverdueAttempts reads up to 64 attempts whose outcome has been open since a moment
// or longer and of which no person was told yet. Deposits are not among them: only
// the shopper can hurry them. A case of another kind does not count as having told
// anyone, and one that a person has ended since is not opened again.
func OverdueAttempts(ctx context.Context, db *sql.DB, moment time.Time) ([]shop.AttemptID, error) {
	ids, err := attemptIDs(ctx, db,
		`SELECT a.id FROM attempts a WHERE a.check_at IS NOT NULL AND a.unresolved_since <= ? AND a.status <> ?
		AND NOT EXISTS (SELECT 1 FROM discrepancies d WHERE d.payment_id = a.payment_id AND d.attempt_id = a.id
			AND (d.status IN ('OPEN', 'PLANNED') AND d.kind = IF(EXISTS (SELECT 1 FROM refunds r
				WHERE r.open_attempt_id = a.id), ?, ?)
				OR d.line IS NULL AND d.expected = ? AND d.resolved_at > a.unresolved_since)) LIMIT 64`,
		moment, string(shop.PaymentStatusWaitingForDeposit),
		string(shop.DiscrepancyKindRefundUnrecorded), string(shop.DiscrepancyKindApprovalUnrecorded), shop.OverdueExpected)
	if err != nil {
		return nil, fmt.Errorf("read the outcomes that are overdue: %w", err)
	}
	return ids, nil
}

// ForgottenRefunds reads up to 64 attempts of which a refund is under way while no
// look-up is to come.
func ForgottenRefunds(ctx context.Context, db *sql.DB) ([]shop.AttemptID, error) {
	ids, err := attemptIDs(ctx, db, `SELECT a.id FROM refunds r JOIN attempts a ON a.id = r.open_attempt_id
		WHERE r.open_attempt_id IS NOT NULL AND a.check_at IS NULL LIMIT 64`)
	if err != nil {
		return nil, fmt.Errorf("read the refunds that were forgotten: %w", err)
	}
	return ids, nil
}

func attemptIDs(ctx context.Context, db *sql.DB, query string, args ...any) ([]shop.AttemptID, error) {
	return mysqldb.Collect(ctx, db, func(rows *sql.Rows) (id shop.AttemptID, err error) {
		return id, rows.Scan(&id)
	}, query, args...)
}

// A DueAttempt is an attempt that waits for the resolver.
type DueAttempt struct {
	ID      shop.AttemptID
	CheckAt time.Time // when its look-up is due
	Checks  int       // how often it was looked up in vain
	Fence   int64     // of its last lease
}

// DueAttempts reads up to 64 attempts of a gateway whose look-up is due and that
// nobody has leased, the oldest first.
func DueAttempts(ctx context.Context, db *sql.DB, gateway shop.PG, now time.Time) ([]DueAttempt, error) {
	return readAttempts(ctx, db,
		`check_at <= ? AND pg = ? AND (lease_until IS NULL OR lease_until < ?) ORDER BY check_at LIMIT 64`, now,
		string(gateway), now)
}

// DueAmong reads those of the attempts given whose look-up is due and that nobody
// looks up already.
func DueAmong(ctx context.Context, db *sql.DB, ids []shop.AttemptID, now time.Time) ([]DueAttempt, error) {
	return readAttempts(ctx, db,
		`check_at <= ? AND (lease_until IS NULL OR lease_until < ?) AND id IN (`+marks(len(ids))+`)`,
		append([]any{now, now}, anys(ids)...)...)
}

// NextAttempt reads the attempt of a gateway whose outcome will be asked for next,
// after it was asked for in vain; none when there is none.
func NextAttempt(ctx context.Context, db *sql.DB, gateway shop.PG, now time.Time) ([]DueAttempt, error) {
	return readAttempts(ctx, db,
		`check_at > ? AND pg = ? AND checks > 0 AND unresolved_since IS NOT NULL AND (lease_until IS NULL OR lease_until < ?)
			ORDER BY check_at LIMIT 1`,
		now, string(gateway), now)
}

func readAttempts(ctx context.Context, db *sql.DB, where string, args ...any) ([]DueAttempt, error) {
	due, err := mysqldb.Collect(ctx, db, func(rows *sql.Rows) (a DueAttempt, err error) {
		err = rows.Scan(&a.ID, &a.CheckAt, &a.Checks, &a.Fence)
		return a, err
	}, `SELECT id, check_at, checks, fence FROM attempts WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read the attempts to resolve: %w", err)
	}
	return due, nil
}

// ClaimAttempt leases an attempt to an owner until a moment, and reports whether
// nobody else was faster: the fence of what was read gates it.
func ClaimAttempt(ctx context.Context, db *sql.DB, a DueAttempt, owner string, until time.Time) (bool, error) {
	err := mysqldb.ExecOne(ctx, mysqldb.Alone(db),
		`UPDATE attempts SET lease_owner = ?, lease_until = ?, fence = fence + 1 WHERE id = ? AND fence = ?`,
		owner, until, a.ID, a.Fence)
	if errors.Is(err, mysqldb.ErrStale) {
		return false, nil
	}
	return err == nil, err
}

// A Release is how a claimed attempt is given back.
type Release struct {
	Next   *time.Time // of the next look-up; nil when nothing is left to find out
	Failed bool       // the outcome stays open, and the look-up counts as made in vain
	Now    time.Time
}

// ReleaseAttempt gives the lease back, if its fence is still the claim's. A look-up
// that was asked for meanwhile, by a webhook or the outcome, stays as it is, and does
// not count as one that was made in vain.
func ReleaseAttempt(ctx context.Context, db *sql.DB, a DueAttempt, r Release) error {
	_, err := mysqldb.Alone(db).ExecContext(ctx, `UPDATE attempts SET lease_until = NULL,
		checks = IF(check_at <=> ?, IF(?, checks + 1, 0), checks),
		unresolved_since = IF(check_at <=> ?, IF(?, COALESCE(unresolved_since, ?), NULL), unresolved_since),
		check_at = IF(check_at = ?, ?, check_at)
		WHERE id = ? AND fence = ?`,
		a.CheckAt, r.Failed, a.CheckAt, r.Failed, r.Now, a.CheckAt, r.Next, a.ID, a.Fence+1)
	return err
}

// AttemptNamed returns the attempt at Toss Payments that has the payment key or the
// id given, "" for none.
func AttemptNamed(ctx context.Context, q Reader, paymentKey, ref string) (id shop.AttemptID, err error) {
	if !text.IsASCII(paymentKey + ref) {
		return "", nil
	}
	err = q.QueryRowContext(ctx,
		`SELECT id FROM attempts WHERE pg = ? AND payment_key = ? UNION ALL SELECT id FROM attempts WHERE id = ? AND pg = ?
			LIMIT 1`,
		string(shop.PGToss), paymentKey, ref, string(shop.PGToss)).Scan(&id)
	if isNoRows(err) {
		return "", nil
	}
	return id, err
}

// AttemptOfWebhook returns the attempt at Toss Payments that a webhook is about, by
// its payment key or, when it carries none, by its order id, and that attempt's
// secret. It is "" when there is none.
func AttemptOfWebhook(ctx context.Context, q Reader, paymentKey, ref string) (id shop.AttemptID, secret string,
	err error,
) {
	if !text.IsASCII(paymentKey + ref) {
		return "", "", nil
	}
	query, named := `SELECT id, secret FROM attempts WHERE pg = ? AND payment_key = ?`, paymentKey
	if paymentKey == "" {
		query, named = `SELECT id, secret FROM attempts WHERE pg = ? AND id = ?`, ref
	}
	err = q.QueryRowContext(ctx, query, string(shop.PGToss), named).Scan(&id, &secret)
	if isNoRows(err) {
		return "", "", nil
	}
	return id, secret, err
}

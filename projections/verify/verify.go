// Package verify checks the invariants on live books, and measures what waits there.
// It only reads.
package verify

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"payment-system/pg"
	"payment-system/shop"
)

// A Violation is an invariant that the live books break.
type Violation struct {
	Invariant string // money, stock, states, events, views, outbox, unresolved, idempotency or gateway
	ID        string // names the offending row
	Detail    string // says what differs
}

// A Verifier checks every invariant on live books. It only reads.
type Verifier struct {
	DB  *sql.DB // the primary: a replica lags
	Now func() time.Time
	// Gateways are asked about every attempt they know; nil asks none.
	Gateways map[shop.PG]pg.Gateway
	// Progress hears how many attempts the gateways were asked about; nil hears nothing.
	Progress func(done, total int)
}

// Limits of what may be under way without being a violation.
const (
	// publishWithin is how old an unpublished event may be.
	publishWithin = time.Minute
	// resolveWithin is how long an outcome may stay open without a case: the resolver opens one
	// after 15 minutes, and is given one more.
	resolveWithin = 16 * time.Minute
	// settleWithin is how long money that no order waits for may stay here.
	settleWithin = time.Minute
)

// Verify reports each violation as it finds it. Books and views are read in one consistent
// snapshot, row by row; gateways are asked afterwards. The error says that the books could not
// be read to the end.
func (v *Verifier) Verify(ctx context.Context, report func(Violation)) error {
	if err := v.verifyBooks(ctx, report); err != nil {
		return err
	}
	if v.Gateways == nil {
		return nil
	}
	return v.verifyGateways(ctx, report)
}

func (v *Verifier) verifyBooks(ctx context.Context, report func(Violation)) error {
	tx, err := v.DB.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return fmt.Errorf("open a snapshot of the books: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // Nothing was written.
	for _, check := range snapshotChecks(v.Now().UTC()) {
		if err := check.run(ctx, tx, report); err != nil {
			return err
		}
	}
	if err := verifyHistories(ctx, tx, report); err != nil {
		return err
	}
	return verifyRows(ctx, tx, report)
}

// run reports each row that the check's query finds.
func (c snapshotCheck) run(ctx context.Context, tx *sql.Tx, report func(Violation)) error {
	rows, err := tx.QueryContext(ctx, c.query, c.args...)
	if err != nil {
		return fmt.Errorf("check %s: %w", c.name, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var detail sql.NullString
		if err := rows.Scan(&id, &detail); err != nil {
			return fmt.Errorf("check %s: %w", c.name, err)
		}
		report(Violation{Invariant: c.invariant, ID: id, Detail: c.name + ": " + detail.String})
	}
	return rows.Err()
}

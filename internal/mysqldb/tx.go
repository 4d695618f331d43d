package mysqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-sql-driver/mysql"

	"payment-system/internal/failpoint"
)

// maxRuns is how often InTx runs its closure at most.
const maxRuns = 10

var (
	// ErrStale is returned by One and ExecOne when a conditional write found no row: someone else
	// was faster, or what was read is no longer so. InTx runs its closure again on it.
	ErrStale = errors.New("the row has changed meanwhile")

	// ErrCommitUnknown is returned by InTx when the answer to COMMIT was lost: the transaction may
	// stand or not. Only reading it back tells.
	ErrCommitUnknown = errors.New("the outcome of the commit is unknown")
)

// InTx runs run in one READ COMMITTED transaction on a pool that Open returned, and commits it
// when run returns nil. It starts over, after a short random pause and ten times at most, when
// the transaction met a deadlock, a lock wait that timed out, a lost connection or ErrStale; so
// run must assign, never append, and touch nothing but tx. A lost answer to COMMIT is reported as
// ErrCommitUnknown and never run again.
func InTx(ctx context.Context, db *sql.DB, run func(ctx context.Context, tx *sql.Tx) error) error {
	for runs := 1; ; runs++ {
		err := runOnce(ctx, db, run)
		if err == nil || runs == maxRuns || !mayRunAgain(err) {
			return err
		}
		if pause(ctx, runs) != nil {
			return err
		}
	}
}

func runOnce(ctx context.Context, db *sql.DB, run func(context.Context, *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // After Commit it does nothing; before, the cause is reported.
	if err := run(ctx, tx); err != nil {
		return err
	}
	return commit(ctx, tx)
}

func commit(ctx context.Context, tx *sql.Tx) error {
	failpoint.At(ctx, failpoint.BeforeCommit)
	err := tx.Commit()
	failpoint.At(ctx, failpoint.AfterCommit)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrTxDone), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// database/sql answers so before it sends COMMIT.
		return fmt.Errorf("commit: %w", errors.Join(err, context.Cause(ctx)))
	case isRolledBack(err):
		return fmt.Errorf("commit: %w", err)
	default:
		return fmt.Errorf("%w: %w", ErrCommitUnknown, err)
	}
}

func mayRunAgain(err error) bool {
	if errors.Is(err, ErrCommitUnknown) {
		return false
	}
	if errors.Is(err, ErrStale) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) {
		return true
	}
	return isRolledBack(err)
}

// pause waits longer from run to run, at random, so that those who collided part.
func pause(ctx context.Context, runs int) error {
	limit := min(time.Millisecond<<runs, 200*time.Millisecond)
	timer := time.NewTimer(rand.N(limit) + time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

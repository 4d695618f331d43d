package mysqldb

import (
	"context"
	"database/sql"
)

// Alone executes statements on db that are a transaction each. One that the server gave up for the
// sake of another, in a deadlock or because a lock took too long, has done nothing and is repeated,
// after a short random pause and ten times at most. A lost connection is reported, for nobody knows
// what was done.
func Alone(db *sql.DB) Execer { return alone{db} }

type alone struct{ db *sql.DB }

func (a alone) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	for runs := 1; ; runs++ {
		result, err := a.db.ExecContext(ctx, query, args...)
		if runs == maxRuns || !isRolledBack(err) || pause(ctx, runs) != nil {
			return result, err
		}
	}
}

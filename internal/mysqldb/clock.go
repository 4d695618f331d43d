package mysqldb

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// maxSkew is how far the clock of a replica may be from the database's.
const maxSkew = 2 * time.Second

// ErrClock is returned by CheckClock for a clock that is wrong, and not when nobody can tell.
var ErrClock = fmt.Errorf("they may differ by %s at most", maxSkew)

// CheckClock returns ErrClock for a clock that surely differs from the database's by more than two seconds.
// Replicas that disagree about the time would take each other's leases while they run. How long
// the database takes to answer is in the clock's favor.
func CheckClock(ctx context.Context, db *sql.DB, now func() time.Time) error {
	var its time.Time
	asked := now()
	if err := db.QueryRowContext(ctx, "SELECT UTC_TIMESTAMP(6)").Scan(&its); err != nil {
		return fmt.Errorf("ask the database for the time: %w", err)
	}
	answered := now()
	switch {
	case asked.Sub(its) > maxSkew:
		return clockIs(asked.Sub(its), "ahead of")
	case its.Sub(answered) > maxSkew:
		return clockIs(its.Sub(answered), "behind")
	}
	return nil
}

func clockIs(skew time.Duration, where string) error {
	return fmt.Errorf("the clock of this machine is %s %s the database server's: let NTP set both, %w",
		skew.Round(100*time.Millisecond), where, ErrClock)
}

package main

import (
	"context"
	"errors"
	"time"

	"payment-system/internal/mysqldb"
)

// checkClockEvery is how often a replica that runs jobs asks the database for the time.
const checkClockEvery = 3 * time.Second

// runJobs runs the schedule until ctx ends, but only while this machine's clock agrees with the
// database's: jobs take leases, and a clock that is ahead would take those of replicas that are
// at work.
func (a *app) runJobs(ctx context.Context) error {
	for a.waitForClock(ctx, true) {
		onTime, stop := context.WithCancel(ctx)
		go func() {
			defer stop()
			a.waitForClock(onTime, false)
		}()
		err := a.newSchedule().Run(onTime)
		stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// waitForClock waits until the clock is right, or until it is not, and reports whether it is so:
// else ctx has ended. While the database does not answer nothing is known, and nothing changes.
func (a *app) waitForClock(ctx context.Context, right bool) bool {
	ticker := time.NewTicker(checkClockEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		err := mysqldb.CheckClock(ctx, a.db, a.world.now)
		off := errors.Is(err, mysqldb.ErrClock)
		if off {
			a.logger.WarnContext(ctx, "jobs wait until the clock is right", "error", err)
		}
		if off != right && (off || err == nil) {
			return true
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return false
}

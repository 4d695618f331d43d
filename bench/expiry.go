package main

import (
	"context"
	"time"

	"payment-system/bench/measure"
)

// expiryTrials measure a backlog of unpaid orders whose time is over all at once, beside one plain transaction each on
// eight connections. The clock starts when the first of them has ended, for the replica looks for them now and then;
// it stops when none is left.
func expiryTrials(p plan) []trial {
	const connections = 8
	return []trial{{
		work: "expire an order", floorIs: "one plain transaction each",
		measured: func(ctx context.Context, r *rig) (measure.Sample, error) {
			if err := r.makeBacklog(ctx, p.backlog); err != nil {
				return measure.Sample{}, err
			}
			return r.sample(ctx, r.expireAll)
		},
		floor: func(ctx context.Context, r *rig) (measure.Sample, error) {
			orders := make([]string, p.backlog)
			load := crew{clients: connections, time: batchWithin, limit: p.backlog}
			run, err := load.do(ctx, func(ctx context.Context, _, n int) error {
				orders[n] = newID("ord_")
				return r.floor.place(ctx, orders[n], productID(n%r.plan.products))
			})
			if err != nil || run.Failed > 0 {
				return measure.Sample{}, err
			}
			return r.sample(ctx, func(ctx context.Context) (measure.Run, error) {
				run, err := load.do(ctx, func(ctx context.Context, _, n int) error {
					return r.floor.expire(ctx, orders[n], productID(n%r.plan.products))
				})
				run.Latencies = nil // nobody waits
				return run, err
			})
		},
	}}
}

// makeBacklog lets the time of so many orders be over.
func (r *rig) makeBacklog(ctx context.Context, n int) error {
	unpaid, err := r.probe.Number(ctx, "SELECT COUNT(*) FROM orders WHERE status = 'PLACED'")
	if err != nil {
		return err
	}
	if missing := n - unpaid; missing > 0 {
		load := crew{clients: max(64, r.plan.crowd), time: batchWithin, limit: missing}
		_, err := load.do(ctx, func(ctx context.Context, client, _ int) error {
			_, err := r.place(ctx, client, r.anyProduct())
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	_, err = r.db.ExecContext(ctx, `UPDATE orders SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND
		WHERE status = 'PLACED' ORDER BY expires_at LIMIT ?`, n)
	return err
}

// expireAll waits until the replica has ended every order whose time is over.
func (r *rig) expireAll(ctx context.Context) (measure.Run, error) {
	const due = "SELECT COUNT(*) FROM orders WHERE status = 'PLACED' AND expires_at <= UTC_TIMESTAMP(6)"
	const anyDue = "SELECT EXISTS (SELECT 1 FROM orders WHERE status = 'PLACED' AND expires_at <= UTC_TIMESTAMP(6))"
	all, err := r.probe.Number(ctx, due)
	if err != nil {
		return measure.Run{}, err
	}
	var began time.Time
	run := measure.Run{Operations: all}
	err = r.until(ctx, batchWithin, func() (bool, error) {
		if began.IsZero() {
			left, err := r.probe.Number(ctx, due)
			if left < all {
				began = time.Now()
			}
			return left == 0, err
		}
		left, err := r.probe.Number(ctx, anyDue)
		return left == 0, err
	})
	run.Elapsed = time.Since(began)
	return run, err
}

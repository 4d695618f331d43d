package main

import (
	"context"
	"maps"
	"os"
	"time"

	"payment-system/bench/measure"
)

// settleWithin is how long what the server still does after its last answer may take. It is counted in processor time,
// statements and commits, for someone pays for it; not in the time that clients saw.
const settleWithin = time.Minute

// sample runs some work and counts what it cost.
func (r *rig) sample(ctx context.Context, do func(context.Context) (measure.Run, error)) (measure.Sample, error) {
	pid := r.pids[measure.Server]
	if pid != 0 {
		measure.ForgetPeak(pid)
	}
	used, err := r.processorTime()
	if err != nil {
		return measure.Sample{}, err
	}
	before, err := r.probe.Read(ctx)
	if err != nil {
		return measure.Sample{}, err
	}
	run, err := do(ctx)
	if err != nil {
		return measure.Sample{}, err
	}
	return r.end(ctx, run, before, used)
}

// end waits until nothing is left to do and reads the counters again.
func (r *rig) end(
	ctx context.Context, run measure.Run, before measure.Counters, used map[measure.Party]time.Duration,
) (measure.Sample, error) {
	s := measure.Sample{Run: run, Processor: map[measure.Party]time.Duration{}}
	if err := r.settle(ctx); err != nil {
		return s, err
	}
	after, err := r.probe.Read(ctx)
	if err != nil {
		return s, err
	}
	now, err := r.processorTime()
	if err != nil {
		return s, err
	}
	counted := after.Since(before)
	s.Statements, s.Commits = counted.Statements, counted.Commits
	for party, total := range now {
		s.Processor[party] = total - used[party]
	}
	if pid := r.pids[measure.Server]; pid != 0 {
		s.PeakRSS, err = measure.PeakRSS(pid)
	}
	return s, err
}

// processorTime reads what everybody has used so far.
func (r *rig) processorTime() (map[measure.Party]time.Duration, error) {
	pids := maps.Clone(r.pids)
	pids[measure.Load] = os.Getpid()
	used := map[measure.Party]time.Duration{}
	for party, pid := range pids {
		total, err := measure.ProcessorTime(pid)
		if err != nil {
			return nil, err
		}
		used[party] = total
	}
	return used, nil
}

// settle waits until every event is published.
func (r *rig) settle(ctx context.Context) error {
	const unpublished = "SELECT EXISTS (SELECT 1 FROM events WHERE published_at IS NULL)"
	return r.until(ctx, settleWithin, func() (bool, error) {
		left, err := r.probe.Number(ctx, unpublished)
		return left == 0, err
	})
}

// until polls a condition of the database's.
func (r *rig) until(ctx context.Context, within time.Duration, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		if done, err := holds(); err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

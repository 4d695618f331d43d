package main

import (
	"context"
	"fmt"
	"io"

	"payment-system/bench/measure"
)

// A trial is one line of the report: some work, and its floor right after it on the same servers.
type trial struct {
	work            string
	clients         int    // who do it at once; 0 where nobody waits for it
	floorIs         string // in words
	measured, floor func(context.Context, *rig) (measure.Sample, error)
}

// String names the trial.
func (t trial) String() string {
	if t.clients == 0 {
		return t.work
	}
	return fmt.Sprintf("%s, %d clients", t.work, t.clients)
}

// A work is a group of trials that can be asked for by name.
type work struct {
	name   string
	trials func(plan) []trial
}

// works lists everything, in the order in which it is measured: the backlog comes last, for it ends every order.
func works() []work {
	return []work{
		{"idle", idleTrials},
		{"purchase", purchaseTrials},
		{"order", orderTrials},
		{"hot", hotTrials},
		{"soldout", soldOutTrials},
		{"list", listTrials},
		{"republish", republishTrials},
		{"reconcile", reconcileTrials},
		{"fanout", fanOutTrials},
		{"held", heldTrials},
		{"everything", everythingTrials},
		{"expiry", expiryTrials},
	}
}

func names(works []work) []string {
	listed := make([]string, len(works))
	for i, w := range works {
		listed[i] = w.name
	}
	return listed
}

// idleTrials measure a replica that nobody asks anything; its operations are seconds.
func idleTrials(plan) []trial {
	return []trial{{
		work: "idle, a second", floorIs: "no replica",
		measured: func(ctx context.Context, r *rig) (measure.Sample, error) { return r.sample(ctx, r.rest) },
		floor:    func(_ context.Context, r *rig) (measure.Sample, error) { return r.alone, nil },
	}}
}

// A line is what came of a trial on one rig.
type line struct {
	trial           trial
	build           string // A, B …
	measured, floor measure.Sample
}

// try runs a trial on every rig in turn, so many rounds: A B A B. What each rig's rounds saw is added up.
func (t trial) try(ctx context.Context, rigs []*rig, rounds int, progress io.Writer) ([]line, error) {
	lines := make([]line, len(rigs))
	for round := range rounds {
		for i, r := range rigs {
			lines[i].trial, lines[i].build = t, build(i)
			fmt.Fprintf(progress, "%s, build %s, round %d of %d\n", t, build(i), round+1, rounds)
			measured, err := t.measured(ctx, r)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t, err)
			}
			floor, err := t.floor(ctx, r)
			if err != nil {
				return nil, fmt.Errorf("the floor of %s: %w", t, err)
			}
			lines[i].measured.Merge(measured)
			lines[i].floor.Merge(floor)
			fmt.Fprintf(progress, "  %s/s, floor %s/s\n", figure(measured.Rate()), figure(floor.Rate()))
		}
	}
	return lines, nil
}

// build names the builds that are compared.
func build(i int) string { return string(rune('A' + i)) }

package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"payment-system/bench/measure"
)

// A crew is a number of clients who do the same operation again and again: each begins its next when its last is
// answered, until the time is over or the limit is reached. What was begun is finished, and counted.
type crew struct {
	clients int
	time    time.Duration
	limit   int // operations of all together at most
}

// An operation is done by one of the clients, counted from 0; n counts the operations of all clients.
type operation func(ctx context.Context, client, n int) error

// do returns what the clients saw. Operations that fail are counted apart; it fails with the first one's error only
// when none succeeds.
func (c crew) do(ctx context.Context, operate operation) (measure.Run, error) {
	var begun atomic.Int64
	var working sync.WaitGroup
	runs, errs := make([]measure.Run, c.clients), make([]error, c.clients)
	began := time.Now()
	for i := range c.clients {
		working.Go(func() {
			for ctx.Err() == nil && time.Since(began) < c.time {
				n := int(begun.Add(1))
				if n > c.limit {
					return
				}
				at := time.Now()
				if err := operate(ctx, i, n-1); err != nil {
					runs[i].Failed++
					errs[i] = err
					continue
				}
				runs[i].Operations++
				runs[i].Latencies = append(runs[i].Latencies, time.Since(at))
			}
		})
	}
	working.Wait()
	return total(runs, errs, time.Since(began))
}

func total(runs []measure.Run, errs []error, elapsed time.Duration) (measure.Run, error) {
	whole := measure.Run{Elapsed: elapsed}
	for _, run := range runs {
		whole.Operations += run.Operations
		whole.Failed += run.Failed
		whole.Latencies = append(whole.Latencies, run.Latencies...)
	}
	if whole.Operations > 0 {
		return whole, nil
	}
	for _, err := range errs {
		if err != nil {
			return whole, err
		}
	}
	return whole, nil
}

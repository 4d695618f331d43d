package measure

import (
	"slices"
	"time"
)

// Latencies are how long operations took, in no order. The zero value has none. They are not safe for concurrent use:
// each client keeps its own, and they are merged afterwards.
type Latencies []time.Duration

// Quantile returns the smallest latency that a share q, from 0 to 1, of all does not exceed, or 0 when there are none.
func (l Latencies) Quantile(q float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l))
	rank := int(q * float64(len(sorted)))
	if float64(rank) == q*float64(len(sorted)) {
		rank-- // an exact rank, counted from 1
	}
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

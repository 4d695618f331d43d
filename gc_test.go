package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"payment-system/internal/shoptest"
)

func TestGCPercentFor(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{
		0: 250, 1: 250, 20 << 20: 250, 30 << 20: 220, 40 << 20: 140, 48 << 20: 100, 60 << 20: 100, 96 << 20: 100, 1 << 40: 100,
	} {
		if got := gcPercentFor(live); got != want {
			t.Errorf("%d MiB live: %d %%, want %d", live>>20, got, want)
		}
	}
}

// Proves: a heap that has become large is collected as often as ever, and a small one seldom again.
func TestRelaxGC(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(leastGCPercent))
	relaxGC()
	is := func(want int) func() bool {
		return func() bool {
			runtime.GC()
			time.Sleep(time.Millisecond)
			got := debug.SetGCPercent(want) // tells what was set
			debug.SetGCPercent(got)
			return got == want
		}
	}
	held := make([]byte, heapBudget)
	shoptest.Eventually(t, "a large heap is collected often", is(leastGCPercent))
	runtime.KeepAlive(held)
	shoptest.Eventually(t, "a small one is collected seldom", is(mostGCPercent))
}

//go:build failpoint

package failpoint

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// On tells whether this program can be told to fail.
const On = true

// orders are what the environment tells the program to do.
type orders struct {
	at      Point
	in      string
	stops   bool
	noLocks bool
	lockTTL time.Duration
}

// left is how often the point may still be passed.
var left atomic.Int64

var told = sync.OnceValue(func() orders {
	o := orders{at: Point(os.Getenv("PAYMENT_CRASH_AT")), in: os.Getenv("PAYMENT_CRASH_IN"), stops: os.Getenv("PAYMENT_CRASH_BY") == "stop", noLocks: os.Getenv("PAYMENT_LOCKS") == "none"}
	if text := os.Getenv("PAYMENT_CRASH_AFTER"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		must("PAYMENT_CRASH_AFTER", err)
		left.Store(n)
	}
	if text := os.Getenv("PAYMENT_LOCK_TTL"); text != "" {
		ttl, err := time.ParseDuration(text)
		must("PAYMENT_LOCK_TTL", err)
		o.lockTTL = ttl
	}
	return o
})

func must(setting string, err error) {
	if err != nil {
		panic(fmt.Sprintf("%s: %v", setting, err))
	}
}

type flowKey struct{}

// In says which flow a context belongs to. The outermost counts.
func In(ctx context.Context, flow string) context.Context {
	if ctx.Value(flowKey{}) != nil {
		return ctx
	}
	return context.WithValue(ctx, flowKey{}, []string{flow})
}

// Together says that what is done on a context is done for several flows at once: each
// passes the points that it passes.
func Together(ctx context.Context, members []context.Context) context.Context {
	var flows []string
	for _, member := range members {
		of, _ := member.Value(flowKey{}).([]string)
		if len(of) == 0 {
			of = []string{""}
		}
		flows = append(flows, of...)
	}
	return context.WithValue(ctx, flowKey{}, flows)
}

// At is where the process dies, or stops once, when it was told to.
func At(ctx context.Context, point Point) {
	o := told()
	if o.at != point {
		return
	}
	flows, _ := ctx.Value(flowKey{}).([]string)
	if len(flows) == 0 {
		flows = []string{""}
	}
	for _, flow := range flows {
		if o.in == "" || o.in == flow {
			pass(o)
		}
	}
}

// pass counts one flow that passes the point, and dies if it is its turn.
func pass(o orders) {
	passes := left.Add(-1)
	if passes >= 0 || (o.stops && passes < -1) {
		return
	}
	if o.stops {
		stop()
		return
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // nothing more is done while the signal is on its way
}

// stop stops the process, and returns when it goes on: other threads may run for a moment yet, but
// not the caller.
func stop() {
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, syscall.SIGCONT)
	defer signal.Stop(resumed)
	syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	<-resumed
}

// Locks returns real, or none when locks are to do nothing.
func Locks[L any](real, none L) L {
	if told().noLocks {
		return none
	}
	return real
}

// LockTTL returns when a lock expires, 0 for the usual.
func LockTTL() time.Duration { return told().lockTTL }

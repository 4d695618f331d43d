package admission_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"payment-system/internal/admission"
	"payment-system/shop"
)

// enter lets a request in at once, or fails.
func enter(t *testing.T, g *admission.Gate, class admission.Class) (ctx context.Context, leave func()) {
	t.Helper()
	ctx, leave, err := g.Enter(t.Context(), class)
	if err != nil {
		t.Fatal(err)
	}
	return ctx, leave
}

// letsIn reports whether one more would be let in at once.
func letsIn(t *testing.T, g *admission.Gate, class admission.Class) bool {
	t.Helper()
	hungUp, cancel := context.WithCancel(t.Context())
	cancel()
	_, leave, err := g.Enter(hungUp, class)
	if err == nil {
		leave()
	}
	return err == nil
}

// fill lets in as many of a class as may be in flight.
func fill(t *testing.T, g *admission.Gate, class admission.Class) (leave []func()) {
	t.Helper()
	for range admission.Limits()[class].InFlight {
		_, one := enter(t, g, class)
		leave = append(leave, one)
	}
	return leave
}

func TestGate(t *testing.T) {
	t.Parallel()
	for _, class := range admission.Classes() {
		limit := admission.Limits()[class]
		t.Run("too many "+string(class)+" are shed, with when to come back", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := &admission.Gate{}
				fill(t, g, class)
				began := time.Now()
				var waiting sync.WaitGroup
				errs := make([]error, limit.Waiting+1)
				for i := range errs {
					waiting.Go(func() { _, _, errs[i] = g.Enter(t.Context(), class) })
				}
				waiting.Wait()
				if took := time.Since(began); took != limit.Patience {
					t.Errorf("they waited %s, want %s", took, limit.Patience)
				}
				for _, err := range errs {
					refused, _ := errors.AsType[*shop.Error](err)
					if seconds, _ := refused.Details["retryAfter"].(int); refused.Code != shop.Unavailable || seconds < 1 || seconds > 10 {
						t.Fatalf("refused with %v, %v", err, refused.Details)
					}
				}
				if got := g.Counts()[class]; got.InFlight != limit.InFlight || got.Waiting != 0 || got.Shed != uint64(len(errs)) {
					t.Errorf("counted %+v", got)
				}
			})
		})
	}

	t.Run("who waits is let in when another leaves, the first first", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := &admission.Gate{}
			leave := fill(t, g, admission.Orders)
			var order []int
			var mu sync.Mutex
			for i := range 3 {
				go func() {
					_, _, err := g.Enter(t.Context(), admission.Orders)
					mu.Lock()
					defer mu.Unlock()
					if order = append(order, i); err != nil {
						t.Error(err)
					}
				}()
				synctest.Wait()
			}
			for i := range 3 {
				leave[i]()
				synctest.Wait()
			}
			if len(order) != 3 || order[0] != 0 || order[1] != 1 || order[2] != 2 {
				t.Errorf("they were let in as %v", order)
			}
		})
	})

	t.Run("who hangs up waits no more", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := &admission.Gate{}
			fill(t, g, admission.Reads)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, _, err := g.Enter(ctx, admission.Reads); shop.CodeOf(err) != shop.Unavailable {
				t.Errorf("error %v", err)
			}
			if got := g.Counts()[admission.Reads].Waiting; got != 0 {
				t.Errorf("%d wait", got)
			}
		})
	})

	t.Run("a flood of everything else leaves payments their way", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := &admission.Gate{}
			left := admission.Roof
			for _, class := range admission.Classes()[1:] {
				n := min(left, admission.Limits()[class].InFlight)
				for range n {
					enter(t, g, class)
				}
				left -= n
			}
			if left > 0 {
				t.Errorf("the roof has room for %d more than may ever come", left)
			}
			fill(t, g, admission.Payments)
		})
	})

	t.Run("busy payments keep everything else out, those at a gateway do not", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := &admission.Gate{}
			payments := make([]context.Context, admission.Roof)
			leaves := make([]func(), admission.Roof)
			for i := range payments {
				payments[i], leaves[i] = enter(t, g, admission.Payments)
			}
			if letsIn(t, g, admission.Orders) {
				t.Fatal("an order is let in")
			}
			back := admission.Away(context.WithoutCancel(payments[0]))
			if !letsIn(t, g, admission.Orders) {
				t.Error("an order is kept out by a payment that is at a gateway")
			}
			back()
			back() // twice is once
			if letsIn(t, g, admission.Orders) {
				t.Error("an order is let in after the gateway has answered")
			}
			late := admission.Away(payments[1])
			leaves[1]()
			late() // its answer had gone out before
			_, _ = enter(t, g, admission.Orders)
			if letsIn(t, g, admission.Orders) {
				t.Error("two orders took the place of one payment")
			}
		})
	})

	t.Run("slow payments keep everything else out, unless they are few or a gateway is slow", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := &admission.Gate{}
			many := func(away bool) (leaves []func()) {
				for range 64 {
					ctx, leave := enter(t, g, admission.Payments)
					if back := func() {}; away {
						back = admission.Away(ctx)
						leave = func(leave func()) func() { return func() { back(); leave() } }(leave)
					}
					leaves = append(leaves, leave)
				}
				time.Sleep(time.Second)
				for _, leave := range leaves[:20] {
					leave()
				}
				return leaves[20:]
			}
			atGateway := many(true)
			if !letsIn(t, g, admission.Orders) {
				t.Error("a gateway that is slow keeps an order out")
			}
			for _, leave := range atGateway {
				leave()
			}
			busy := many(false)
			if letsIn(t, g, admission.Orders) {
				t.Error("an order is let in while many payments are slow")
			}
			for _, leave := range busy[:20] {
				leave()
			}
			if !letsIn(t, g, admission.Orders) {
				t.Error("an order is kept out by few payments")
			}
		})
	})

	t.Run("work without a request is nobody's", func(t *testing.T) {
		t.Parallel()
		admission.Away(t.Context())()
	})
}

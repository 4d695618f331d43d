package faulttest_test

import (
	"fmt"
	"sync"
)

// crowd has shoppers wander through the shop until done is closed, and returns what they bought.
func (h *house) crowd(shoppers int, done <-chan struct{}) (purchases []*purchase) {
	h.t.Helper()
	bought := make([][]*purchase, shoppers)
	var walking sync.WaitGroup
	for i := range shoppers {
		walking.Go(func() {
			v := h.visitor(h.shopper, fmt.Sprintf("shopper-%d", i))
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				p := v.newPurchase(n, 1+v.dice.IntN(3))
				p.wander()
				bought[i] = append(bought[i], p)
			}
		})
	}
	walking.Wait()
	for _, list := range bought {
		purchases = append(purchases, list...)
	}
	h.t.Logf("%d shoppers wandered %d times", shoppers, len(purchases))
	return purchases
}

// badDays makes the gateways fail in every way that answers can, now and then.
func (h *house) badDays() {
	h.t.Helper()
	var faults []fault
	for i, f := range []fault{
		{Call: "approve", Fault: "drop_after", Probability: .08},
		{Call: "approve", Fault: "drop_before", Probability: .04},
		{Call: "approve", Fault: "truncate", Probability: .04},
		{Call: "approve", Fault: "wrong_amount", Probability: .04},
		{Call: "approve", Fault: "http_error_after", Probability: .04},
		{Call: "approve", Fault: "hang_after", DelayMS: 1500, Probability: .03},
		{Call: "cancel", Fault: "drop_after", Probability: .08},
		{Call: "cancel", Fault: "truncate", Probability: .04},
		{Call: "cancel", Fault: "wrong_amount", Probability: .04},
		{Call: "cancel", Fault: "http_error", Probability: .04},
		{Call: "ready", Fault: "drop_after", Probability: .04},
		{Call: "ready", Fault: "truncate", Probability: .04},
		{Call: "lookup", Fault: "slow", DelayMS: 200, Probability: .1},
		{Call: "lookup", Fault: "truncate", Probability: .05},
		{Call: "webhook", Fault: "duplicate", Probability: .2},
		{Call: "webhook", Fault: "reorder", DelayMS: 200, Probability: .2},
	} {
		f.Seed = h.seed + uint64(i)
		faults = append(faults, f)
	}
	h.setFaults(faults...)
}

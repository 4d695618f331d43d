package faulttest_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"payment-system/internal/proof"
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

func TestRedis(t *testing.T) {
	t.Parallel()
	t.Run("a sale sells exactly what there is while redis is wiped or killed again and again", func(t *testing.T) {
		const units, buyers, atOnce = 100, 300, 32
		for range proof.Count(t, "sale") {
			h := open(t, plan{replicas: 2, stock: units})
			done := make(chan struct{})
			var wiping sync.WaitGroup
			wiping.Go(func() { h.wipeRedis(done) })
			purchases := h.sale(buyers, atOnce)
			close(done)
			wiping.Wait()
			h.calm(purchases)
			h.checkBlames()
			if s := h.shelf(); s != (shelf{sold: units}) {
				t.Errorf("of %d units the shelf has %+v", units, s)
			}
			lucky := 0
			for _, p := range purchases {
				if p.approved {
					lucky++
				}
			}
			if lucky != units {
				t.Errorf("%d of %d buyers were told that they have one of %d units", lucky, buyers, units)
			}
		}
	})
}

// wipeRedis flushes or kills Redis every 200 ms until done is closed.
func (h *house) wipeRedis(done <-chan struct{}) {
	dice := h.dice("wiper")
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	times := 0
	for {
		select {
		case <-done:
			h.t.Logf("redis was wiped %d times", times)
			return
		case <-ticker.C:
		}
		times++
		if dice.IntN(2) == 0 {
			if err := h.redis.FlushAll(h.t.Context()).Err(); err != nil {
				h.t.Logf("flush: %v", err)
			}
			continue
		}
		if err := h.servers.KillRedis(); err != nil {
			h.t.Error(err)
		}
		// A client that dials an address where nobody listens may meet itself there, for a moment.
		h.eventually("redis to start", func() bool { return h.servers.StartRedis(h.t.Context()) == nil })
	}
}

// sale has buyers, some at once, each want one unit, and pay for it.
func (h *house) sale(buyers, atOnce int) []*purchase {
	purchases := make([]*purchase, buyers)
	var buying sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i := range buyers {
		places <- struct{}{}
		buying.Go(func() {
			defer func() { <-places }()
			purchases[i] = h.visitor(h.shopper, fmt.Sprintf("buyer-%d", i)).newPurchase(0, 1)
			purchases[i].buy(gateways[i%2])
		})
	}
	buying.Wait()
	return purchases
}

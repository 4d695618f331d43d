package faulttest_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"testing"
	"time"
)

const (
	// networkChanges is how often the network changes for the worse.
	networkChanges = 12
	// confirmWithin is how long a shopper who comes back from a gateway may wait while Redis says
	// nothing at all: the locks wait for one answer, and so does the announcement of new views.
	confirmWithin = 15 * time.Second
)

// A network is what is between the replicas and their servers.
type network struct {
	*house
	mysql, redis []*toxicProxy
}

func openNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{}
	n.house = open(t, plan{replicas: 2, stock: 1_000_000, between: func(h *house, i int, to ways) ways {
		// toxiproxy knows no sockets: our own proxy leads to MariaDB's.
		books := openMySQLProxy(h.t, to.mysqlDSN)
		mysql := openToxicProxy(h.t, fmt.Sprint("mysql-", i), books.listener.Addr().String())
		redis := openToxicProxy(h.t, fmt.Sprint("redis-", i), to.redisAddr)
		n.mysql, n.redis = append(n.mysql, mysql), append(n.redis, redis)
		return ways{dsnAt(h.t, to.mysqlDSN, mysql.addr()), redis.addr()}
	}})
	return n
}

// toxics are the ways to spoil a connection, with dice.
func toxics(dice *rand.Rand) []toxic {
	upTo := func(n int64) int64 { return 1 + dice.Int64N(n) }
	stream := []string{"upstream", "downstream"}[dice.IntN(2)]
	return []toxic{
		{Type: "latency", Stream: stream, Attributes: map[string]int64{"latency": upTo(20), "jitter": upTo(20)}},
		{Type: "reset_peer", Stream: stream, Attributes: map[string]int64{"timeout": upTo(100)}},
		{Type: "timeout", Stream: stream, Attributes: map[string]int64{"timeout": 0}},
		{Type: "limit_data", Stream: stream, Attributes: map[string]int64{"bytes": upTo(100_000)}},
		{Type: "slicer", Stream: stream, Attributes: map[string]int64{"average_size": 20 + upTo(400), "size_variation": 1, "delay": upTo(500)}},
		{Type: "bandwidth", Stream: stream, Attributes: map[string]int64{"rate": 50 + upTo(200)}},
	}
}

// worsen spoils one way after the other, a number of times.
func (n *network) worsen(times int) (spoiled map[string]int) {
	dice := n.dice("network")
	spoiled = map[string]int{}
	for range times {
		way := [][]*toxicProxy{n.mysql, n.redis}[dice.IntN(2)][dice.IntN(2)]
		list := toxics(dice)
		bad := list[dice.IntN(len(list))]
		way.spoil(bad)
		spoiled[bad.Type]++
		time.Sleep(time.Duration(200+dice.IntN(600)) * time.Millisecond)
		way.heal()
	}
	return spoiled
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	t.Run("a network that delays, cuts, resets and swallows loses nothing and doubles nothing", func(t *testing.T) {
		n := openNetwork(t)
		done := make(chan struct{})
		var spoiled map[string]int
		go func() {
			defer close(done)
			spoiled = n.worsen(networkChanges)
		}()
		purchases := n.crowd(8, done)
		t.Logf("the network was spoiled by %v", spoiled)
		n.calm(purchases)
		n.checkBlames()
	})

	t.Run("a redis that swallows everything slows no confirmation down much", func(t *testing.T) {
		n := openNetwork(t)
		v := n.visitor(n.shopper, "confirming")
		var purchases []*purchase
		var backs []*url.URL
		for i := range 8 {
			p := v.newPurchase(i, 1)
			if p.place() && p.ready(gateways[i%2]) {
				purchases, backs = append(purchases, p), append(backs, p.shop())
			}
		}
		for _, way := range n.redis {
			way.spoil(toxic{Type: "timeout", Stream: "downstream", Attributes: map[string]int64{"timeout": 0}})
		}
		slowest := n.confirm(purchases, backs)
		for _, way := range n.redis {
			way.heal()
		}
		t.Logf("the slowest of %d confirmations took %s", len(purchases), slowest.Round(time.Millisecond))
		if slowest > confirmWithin {
			t.Errorf("a confirmation took %s without redis", slowest)
		}
		n.calm(purchases)
		n.checkBlames()
	})
}

// confirm has shoppers come back from their gateways one after the other and two at a time, and
// wants each to be paid by then.
func (n *network) confirm(purchases []*purchase, backs []*url.URL) (slowest time.Duration) {
	n.t.Helper()
	took := make([]time.Duration, len(purchases))
	var coming sync.WaitGroup
	for i, p := range purchases {
		coming.Go(func() {
			began := time.Now()
			p.comeBack(backs[i])
			took[i] = time.Since(began)
			if status := n.statusOf(p); status != "APPROVED" {
				n.t.Errorf("%s came back and is %s", p.key, status)
			}
			p.approved = true
		})
		if i%2 == 1 {
			coming.Wait()
		}
	}
	coming.Wait()
	for _, one := range took {
		slowest = max(slowest, one)
	}
	return slowest
}

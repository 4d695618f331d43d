package faulttest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/proof"
)

const (
	saleUnits, saleBuyers, saleAtOnce = 100, 1_000, 96
	// saleTTL is when Redis forgets the sale's locks.
	saleTTL = 20 * time.Millisecond
	// saleSlow is how long each packet of a transaction is on its way. The shortest transaction
	// under a product's lock has two, and so outlives it.
	saleSlow = 25 * time.Millisecond
	// saleWipe is how often Redis is flushed or killed.
	saleWipe = 200 * time.Millisecond
)

func TestSale(t *testing.T) {
	t.Parallel()
	t.Run("a sale sells exactly what there is, while redis is flushed or killed again and again and locks expire under their holders", func(t *testing.T) {
		count := proof.Count(t, "sale")
		seed := proof.Seed(t)
		done := proof.Begin(t, "sale", seed)
		figure := proof.Figure{Times: count}
		var slowest time.Duration
		wiped, expired := 0, 0
		for i := range count {
			s := &sale{seed: seed + uint64(i)}
			if (uint64(i)+seed)%2 == 1 {
				s.noLocks = true
				figure.NoLocks++
			}
			s.hold(t)
			wiped, expired, slowest = wiped+s.wiped, expired+s.expired, max(slowest, s.took)
		}
		figure.Note = fmt.Sprintf("redis wiped %d times, %d locks expired under their holders, slowest sale %.1f s", wiped, expired, slowest.Seconds())
		done(figure)
	})
}

// A sale is one run: more buyers than units.
type sale struct {
	*house
	seed    uint64
	noLocks bool
	proxies []*mysqlProxy

	wiped, expired int
	took           time.Duration
}

func (s *sale) hold(t *testing.T) {
	t.Helper()
	s.house = open(t, plan{replicas: 2, stock: saleUnits, noLocks: s.noLocks, lockTTL: saleTTL, seed: s.seed, between: func(h *house, _ int, to ways) ways {
		p := openMySQLProxy(h.t, to.mysqlDSN)
		s.proxies = append(s.proxies, p)
		to.mysqlDSN = p.dsn
		return to
	}})
	orders := arm(&trap{at: commit, mine: func(sql string) bool { return strings.Contains(sql, "'placeOrder'") }}, s.proxies...)
	for _, p := range s.proxies {
		p.slow.Store(int64(saleSlow))
	}
	expired := s.countExpired()
	done := make(chan struct{})
	var wiping sync.WaitGroup
	wiping.Go(func() { s.wipe(done) })
	began := time.Now()
	purchases := s.sell()
	s.took = time.Since(began)
	close(done)
	wiping.Wait()
	for _, p := range s.proxies {
		p.slow.Store(0)
	}
	s.expired = expired()
	s.checkExpired(orders.crossings())
	s.calm(purchases)
	s.checkBlames()
	s.checkSold(purchases)
}

// sell has buyers, some at once, each want one unit; who gets one pays for it.
func (s *sale) sell() []*purchase {
	purchases := make([]*purchase, saleBuyers)
	var buying sync.WaitGroup
	places := make(chan struct{}, saleAtOnce)
	for i := range purchases {
		places <- struct{}{}
		buying.Go(func() {
			defer func() { <-places }()
			purchases[i] = s.visitor(s.shopper, fmt.Sprintf("buyer-%d", i)).newPurchase(0, 1)
			purchases[i].buy(gateways[i%2])
		})
	}
	buying.Wait()
	return purchases
}

// wipe flushes Redis, or kills it now and then, until done is closed. Locks rest for a second after
// a kill, so that most wipes are flushes: locks are to be there, and to be lost.
func (s *sale) wipe(done <-chan struct{}) {
	dice := s.dice("wiper")
	ticker := time.NewTicker(saleWipe)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		s.wiped++
		if dice.IntN(8) > 0 {
			s.tellRedis(func(c *redis.Client) error { return c.FlushAll(s.t.Context()).Err() })
			continue
		}
		if err := s.servers.KillRedis(); err != nil {
			s.t.Error(err)
		}
		// A client that dials an address where nobody listens may meet itself there, for a moment.
		s.eventually("redis to start", func() bool { return s.servers.StartRedis(s.t.Context()) == nil })
		s.tellExpiry()
	}
}

// tellExpiry has Redis tell of keys that expire.
func (s *sale) tellExpiry() {
	s.tellRedis(func(c *redis.Client) error {
		return c.ConfigSet(s.t.Context(), "notify-keyspace-events", "Ex").Err()
	})
}

// tellRedis speaks to Redis by a client that has not heard of its deaths.
func (s *sale) tellRedis(tell func(*redis.Client) error) {
	s.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.servers.RedisAddr, MaxRetries: -1, DialerRetries: 1, DisableIdentity: true})
	defer client.Close()
	if err := tell(client); err != nil {
		s.t.Errorf("redis was not told: %v", err)
	}
}

// countExpired counts, until the function that it returns is called, locks that expire: a holder
// that is done gives its lock back, so nobody else's do.
func (s *sale) countExpired() (enough func() int) {
	s.tellExpiry()
	told := s.redis.PSubscribe(s.t.Context(), "__keyevent@*__:expired")
	expired := 0
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for message := range told.Channel() {
			if strings.HasPrefix(message.Payload, "lock:") {
				expired++
			}
		}
	}()
	return func() int {
		told.Close()
		<-ended
		return expired
	}
}

// checkSold wants every unit to be one buyer's, and every other buyer to know.
func (s *sale) checkSold(purchases []*purchase) {
	s.t.Helper()
	if left := s.shelf(); left != (shelf{sold: saleUnits}) {
		s.t.Errorf("of %d units the shelf has %+v", saleUnits, left)
	}
	lucky, late := 0, 0
	for _, p := range purchases {
		switch {
		case p.approved:
			lucky++
		case p.soldOut:
			late++
		}
	}
	if lucky != saleUnits || late != saleBuyers-saleUnits {
		s.t.Errorf("of %d buyers %d were told that they have one of %d units, and %d that there is none", saleBuyers, lucky, saleUnits, late)
	}
	paid := 0
	for _, e := range s.ledger() {
		if e.Captured > e.Refunded {
			paid++
		}
	}
	if paid != saleUnits {
		s.t.Errorf("the gateways hold money for %d of %d units", paid, saleUnits)
	}
}

// checkExpired wants every transaction that took or refused units to have outlived its lock.
func (s *sale) checkExpired(orders []crossing) {
	s.t.Helper()
	if len(orders) == 0 {
		s.t.Error("no order passed a proxy")
		return
	}
	shortest := orders[0].took
	for _, c := range orders {
		shortest = min(shortest, c.took)
	}
	s.t.Logf("sold out after %s; redis was wiped %d times; %d transactions placed orders, the shortest took %s, locks expire after %s: %d did",
		s.took.Round(10*time.Millisecond), s.wiped, len(orders), shortest, saleTTL, s.expired)
	if shortest <= saleTTL {
		s.t.Errorf("a transaction under a lock of %s took %s", saleTTL, shortest)
	}
	if !s.noLocks && s.expired == 0 {
		s.t.Error("no lock expired under its holder")
	}
}

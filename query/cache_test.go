package query_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/mysqltest"
	"payment-system/internal/testclock"
	"payment-system/internal/views"
	"payment-system/query"
	"payment-system/shop"
)

func stockOf(t *testing.T, r *query.Reader, id shop.ProductID) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := r.Product(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return p.Stock
}

func TestReader_cache(t *testing.T) {
	t.Parallel()

	t.Run("a document is served from the cache until it is announced", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		r := s.reader()
		p := s.product(t, 1, "tea", 1)
		if got := stockOf(t, r, p.ID); got != 1 {
			t.Fatalf("stock is %d", got)
		}
		s.stock(t, p, 2)
		if got := stockOf(t, r, p.ID); got != 1 {
			t.Error("the cache is not used")
		}
		s.announce(t, string(p.ID), 2)
		if got := stockOf(t, r, p.ID); got != 2 {
			t.Errorf("stock is %d after the announcement", got)
		}
		s.stock(t, p, 3)
		if err := s.redis.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if got := stockOf(t, r, p.ID); got != 3 {
			t.Errorf("stock is %d with an emptied cache", got)
		}
	})

	t.Run("a page keeps its place in the cache, and its products are as new as any", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		r := s.reader()
		p := s.product(t, 1, "tea", 1)
		read := func() []*shop.Product {
			c, err := r.Products(t.Context(), query.Viewer{}, query.Page{First: new(5)}, query.ProductSearch{By: query.ProductOrderName})
			if err != nil {
				t.Fatal(err)
			}
			return c.Nodes
		}
		read()
		s.product(t, 2, "coffee", 1)
		s.stock(t, p, 2)
		s.announce(t, string(p.ID), 2)
		if got := read(); len(got) != 1 || got[0].Stock != 2 {
			t.Errorf("got %d products, stock %d", len(got), got[0].Stock)
		}
		s.announce(t, views.Products, 0)
		if got := read(); len(got) != 2 || got[0].Name != "coffee" {
			t.Errorf("got %d products after the announcement", len(got))
		}
	})

	t.Run("a slow reader does not put an old document back", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		p := s.product(t, 1, "tea", 1)
		slow := s.reader()
		reached, release := make(chan struct{}), make(chan struct{})
		open := sync.OnceFunc(func() { close(release) })
		t.Cleanup(open)
		var stores atomic.Int64
		slow.Redis = hooked(t, s.redis, func(commands []redis.Cmder) {
			if commands[0].Name() == "set" && len(commands) == 1 && stores.Add(1) == 1 {
				close(reached)
				<-release
			}
		})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = slow.Product(context.Background(), p.ID)
		}()
		<-reached // it has read version 1 and is about to store it
		s.stock(t, p, 2)
		s.announce(t, string(p.ID), 2)
		if got := stockOf(t, slow, p.ID); got != 2 {
			t.Errorf("stock is %d to one who asks while the old version is being stored", got)
		}
		open()
		<-done
		if got := stockOf(t, s.reader(), p.ID); got != 2 {
			t.Errorf("stock is %d", got)
		}
	})

	t.Run("what this process projected is seen though Redis was not told", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		r := s.reader()
		p := s.product(t, 1, "tea", 1)
		stockOf(t, r, p.ID)
		s.stock(t, p, 2)
		r.Floors.Raise(testclock.Now(), string(p.ID), 2)
		if got := stockOf(t, r, p.ID); got != 2 {
			t.Errorf("stock is %d", got)
		}
	})

	t.Run("the primary answers where a replica lags behind the announcement", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		primary := shelves{db: mysqltest.New(t), redis: s.redis}
		r := s.reader()
		r.Primary = primary.db
		p := s.product(t, 1, "tea", 1)
		primary.product(t, 1, "tea", 1)
		primary.stock(t, p, 2)
		if got := stockOf(t, r, p.ID); got != 1 {
			t.Fatalf("stock is %d, the replica was not asked", got)
		}
		s.announce(t, string(p.ID), 2)
		for range 2 {
			if got := stockOf(t, r, p.ID); got != 2 {
				t.Errorf("stock is %d", got)
			}
		}
		missing := primary.product(t, 2, "coffee", 1)
		s.announce(t, string(missing.ID), 1)
		if got := stockOf(t, r, missing.ID); got != 1 {
			t.Errorf("stock is %d", got)
		}
	})

	t.Run("without Redis reading goes on, and asks it once a second", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		p := s.product(t, 1, "tea", 1)
		r := s.reader()
		now := moment
		r.Now = func() time.Time { return now }
		client := redis.NewClient(&redis.Options{
			MaxRetries: -1, DialerRetries: 1,
			Dialer: func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed },
		})
		defer client.Close()
		var asked atomic.Int64
		client.AddHook(pipelineHook(func([]redis.Cmder) { asked.Add(1) }))
		r.Redis = client
		for version := 1; version < 50; version++ {
			s.stock(t, p, version)
			if got := stockOf(t, r, p.ID); got != version {
				t.Fatalf("stock is %d, want %d", got, version)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("it was asked %d times at one moment", n)
		}
		now = now.Add(time.Second)
		if stockOf(t, r, p.ID); asked.Load() != 2 {
			t.Errorf("it was asked %d times in a second", asked.Load())
		}
		r.Redis = nil
		if got := stockOf(t, r, p.ID); got != 49 {
			t.Errorf("stock is %d", got)
		}
	})
}

// hooked returns a client of the same Redis database that calls before with
// every pipeline.
func hooked(t *testing.T, client redis.UniversalClient, before func([]redis.Cmder)) redis.UniversalClient {
	t.Helper()
	options := client.(*redis.Client).Options()
	own := redis.NewClient(&redis.Options{Addr: options.Addr, DB: options.DB})
	own.AddHook(pipelineHook(before))
	t.Cleanup(func() { own.Close() })
	return own
}

type pipelineHook func([]redis.Cmder)

func (pipelineHook) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (pipelineHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (h pipelineHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		h(commands)
		return next(ctx, commands)
	}
}

// TestReader_cacheNeverGoesBack reads and writes at random, on two replicas,
// while Redis is emptied now and then: nobody reads a version older than one
// that was announced before he asked.
func TestReader_cacheNeverGoesBack(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	const products, versions = 3, 120
	var all []shop.Product
	var announced [products]atomic.Int64
	for n := range products {
		all = append(all, s.product(t, n, "tea", 1))
	}
	var writers, others sync.WaitGroup
	stop := make(chan struct{})
	for n, p := range all {
		writers.Go(func() {
			for version := 2; version <= versions; version++ {
				s.stock(t, p, version)
				s.announce(t, string(p.ID), version)
				announced[n].Store(int64(version))
			}
		})
	}
	others.Go(func() {
		for ctx := context.Background(); ; {
			select {
			case <-stop:
				return
			case <-time.After(rand.N(20 * time.Millisecond)):
				s.redis.FlushDB(ctx)
			}
		}
	})
	for _, r := range []*query.Reader{s.reader(), s.reader()} {
		for range 3 {
			others.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						readAll(t, r, &announced)
					}
				}
			})
		}
	}
	writers.Wait()
	close(stop)
	others.Wait()
	for n, p := range all {
		if got := stockOf(t, s.reader(), p.ID); got != versions {
			t.Errorf("product %d ends with stock %d", n, got)
		}
	}
}

func readAll(t *testing.T, r *query.Reader, announced *[3]atomic.Int64) {
	n := rand.IntN(len(announced))
	floor := announced[n].Load()
	if p, err := r.Product(context.Background(), shop.ProductID(id("prd", n))); err != nil || int64(p.Version) < floor {
		t.Errorf("read %+v, %v after version %d was announced", p, err, floor)
	}
	var floors []int64
	var ids []shop.ProductID
	for i := range announced {
		floors = append(floors, announced[i].Load())
		ids = append(ids, shop.ProductID(id("prd", i)))
	}
	found, errs := r.ProductsByID(context.Background(), ids)
	for i, p := range found {
		if errs[i] != nil || int64(p.Version) < floors[i] {
			t.Errorf("read %+v, %v after version %d was announced", p, errs[i], floors[i])
		}
	}
}

func TestReader_sharing(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	p := s.product(t, 1, "tea", 1)
	r := s.reader()
	s.announce(t, string(p.ID), 1) // now there is a token, and no entry
	conn, err := s.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "LOCK TABLES product_views WRITE"); err != nil {
		t.Fatal(err)
	}
	ctx, hangUp := context.WithCancel(t.Context())
	read := func(ctx context.Context) chan error {
		answer := make(chan error, 1)
		go func() {
			_, err := r.Product(ctx, p.ID)
			answer <- err
		}()
		return answer
	}
	first := read(ctx)
	time.Sleep(50 * time.Millisecond) // it waits for the table; the test holds when it does not yet
	second := read(t.Context())
	time.Sleep(50 * time.Millisecond)
	hangUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the client who hung up was told %v", err)
	}
	if _, err := conn.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Errorf("another client's hanging up was felt: %v", err)
	}
}

func TestReader_access(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	r := s.reader()
	mine, other := shop.UserID(id("usr", 1)), query.Viewer{UserID: shop.UserID(id("usr", 2)), Role: shop.RoleCustomer}
	order := s.order(t, 1, mine, shop.OrderStatusPaid, moment)
	payment := s.payment(t, 1, mine, shop.PaymentStatusApproved, shop.PGKakao, moment, `{"tid":"T1","status":"SUCCESS_PAYMENT"}`)
	bare := s.payment(t, 2, mine, shop.PaymentStatusReady, shop.PGToss, moment, nil)
	discrepancy := s.discrepancy(t, 1, s.reconciliation(t, 1).ID, shop.DiscrepancyKindUnknownToUs, shop.DiscrepancyStatusOpen)
	s.exec(t, "INSERT INTO user_views (id, version, document) VALUES (?, 1, ?)", string(mine), document(t, shop.User{ID: mine, Version: 1}))
	product := s.product(t, 1, "tea", 1)
	for name, test := range map[string]struct {
		viewer query.Viewer
		sees   bool
	}{
		"the owner":     {query.Viewer{UserID: mine, Role: shop.RoleCustomer}, true},
		"an operator":   {operator, true},
		"somebody else": {other, false},
		"nobody":        {query.Viewer{}, false},
	} {
		_, errOrder := r.Order(t.Context(), test.viewer, order.ID)
		_, errPayment := r.Payment(t.Context(), test.viewer, payment.ID)
		record, errRecord := r.GatewayRecord(t.Context(), test.viewer, payment.ID)
		_, errWatch := r.WatchPayment(t.Context(), test.viewer, payment.ID)
		for _, err := range []error{errOrder, errPayment, errRecord, errWatch} {
			if test.sees && err != nil || !test.sees && shop.CodeOf(err) != shop.NotFound {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if kakao, ok := record.(*shop.KakaoRecord); test.sees && (!ok || kakao.Tid != "T1") || !test.sees && record != nil {
			t.Errorf("%s: got record %+v", name, record)
		}
		for _, id := range []string{string(order.ID), string(payment.ID), string(mine)} {
			if node, err := r.Node(t.Context(), test.viewer, id); err != nil || (node != nil) != test.sees {
				t.Errorf("%s: node %s is %v, %v", name, id, node, err)
			}
		}
		if node, err := r.Node(t.Context(), test.viewer, string(discrepancy.ID)); err != nil || (node != nil) != (test.viewer == operator) {
			t.Errorf("%s: a discrepancy is %v, %v", name, node, err)
		}
		if node, err := r.Node(t.Context(), test.viewer, string(product.ID)); err != nil || node == nil {
			t.Errorf("%s: a product is %v, %v", name, node, err)
		}
	}
	if record, err := r.GatewayRecord(t.Context(), operator, bare.ID); record != nil || err != nil {
		t.Errorf("a payment without a record has %v, %v", record, err)
	}
	for _, id := range []string{"", "nonsense", "ord_", id("xyz", 1), id("ord", 99), id("att", 1)} {
		if node, err := r.Node(t.Context(), operator, id); node != nil || err != nil {
			t.Errorf("node %q is %v, %v", id, node, err)
		}
	}
}

// TestReader_impossibleIDs asks for what cannot be there: the database refuses to
// compare its ids with other alphabets, and the cache need not hear of them.
func TestReader_impossibleIDs(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	r := s.reader()
	for _, id := range []string{"", "x", "한글", "prd_한글", "ord_" + strings.Repeat("ａ", 26), "\x00", strings.Repeat("a", 5000), id("usr", 1)} {
		_, product := r.Product(t.Context(), shop.ProductID(id))
		_, order := r.Order(t.Context(), operator, shop.OrderID(id))
		_, payment := r.Payment(t.Context(), operator, shop.PaymentID(id))
		_, reconciliation := r.Reconciliation(t.Context(), shop.ReconciliationID(id))
		_, discrepancy := r.Discrepancy(t.Context(), shop.DiscrepancyID(id))
		_, record := r.GatewayRecord(t.Context(), operator, shop.PaymentID(id))
		_, watched := r.WatchPayment(t.Context(), operator, shop.PaymentID(id))
		for i, err := range []error{product, order, payment, reconciliation, discrepancy, record, watched} {
			if shop.CodeOf(err) != shop.NotFound {
				t.Errorf("%.20q, %d: got %v", id, i, err)
			}
		}
	}
	if keys, err := s.redis.Keys(t.Context(), "*").Result(); err != nil || len(keys) > 0 {
		t.Errorf("the cache keeps %.100q, %v", keys, err)
	}
}

func TestReader_loaders(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	r := s.reader()
	s.order(t, 1, "usr_a", shop.OrderStatusPaid, moment)
	s.payment(t, 1, "usr_a", shop.PaymentStatusApproved, shop.PGToss, moment, nil)
	ids := []shop.OrderID{shop.OrderID(id("ord", 2)), shop.OrderID(id("ord", 1)), shop.OrderID(id("ord", 1))}
	orders, errs := r.OrdersByID(t.Context(), ids)
	if shop.CodeOf(errs[0]) != shop.NotFound || errs[1] != nil || orders[2].ID != ids[2] {
		t.Errorf("got %v, %v", orders, errs)
	}
	payments, errs := r.PaymentsOfOrders(t.Context(), ids)
	if payments[0] != nil || payments[1].OrderID != ids[1] || slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		t.Errorf("got %v, %v", payments, errs)
	}
}

func TestReader_Projections(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	r := s.reader()
	if _, err := r.Projections(t.Context()); err == nil {
		t.Error("a reader that cannot know the backlog answered")
	}
	r.Now = func() time.Time { return moment.Add(1500 * time.Millisecond) }
	r.Backlog = func(context.Context) ([]views.Backlog, error) {
		return []views.Backlog{{View: shop.ViewProducts}, {View: shop.ViewOrders, Pending: 3, Oldest: moment}}, nil
	}
	s.exec(t, "INSERT INTO projection_states (view, last_applied_at, republishing, percent) VALUES ('ORDERS', ?, 1, 40)", moment)
	got, err := r.Projections(t.Context())
	if err != nil || len(got) != 2 || got[0] != (query.Projection{View: shop.ViewProducts}) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if o := got[1]; o.Pending != 3 || o.LagMs != 1500 || !o.Republishing || *o.Percent != 40 || !o.LastAppliedAt.Equal(moment) {
		t.Errorf("got %+v", o)
	}
}

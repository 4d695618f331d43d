package query_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"payment-system/query"
	"payment-system/shop"
)

// receive returns what comes next, or fails.
func receive[T any](t *testing.T, from <-chan *T) *T {
	t.Helper()
	select {
	case v, ok := <-from:
		if !ok {
			t.Fatal("the watch ended")
		}
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
	}
	return nil
}

// watchable returns readers whose watchers look by themselves only after an hour.
func watchable(s shelves) *query.Reader {
	r := s.reader()
	r.WatchPoll = time.Hour
	return r
}

// TestReader_Watch_leaks is not parallel, so that it sees its own goroutines only.
func TestReader_Watch_leaks(t *testing.T) { //nolint:paralleltest // It counts goroutines.
	s := newShelves(t)
	p := s.payment(t, 1, "usr_a", shop.PaymentStatusReady, shop.PGToss, moment, nil)
	s.announce(t, string(p.ID), 1)
	before := goleak.IgnoreCurrent()
	r := watchable(s)
	ctx, cancel := context.WithCancel(t.Context())
	var watches []<-chan *shop.Payment
	for range 20 {
		watch, err := r.WatchPayment(ctx, operator, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		watches = append(watches, watch)
	}
	if _, err := r.WatchPayment(ctx, query.Viewer{}, p.ID); shop.CodeOf(err) != shop.NotFound {
		t.Errorf("nobody may watch, got %v", err)
	}
	receive(t, watches[0])
	cancel()
	for _, watch := range watches {
		for range watch {
		}
	}
	// The connections that the pool keeps are not the watches'.
	if err := goleak.Find(before, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"), goleak.IgnoreAnyFunction("github.com/go-sql-driver/mysql.(*mysqlConn).startWatcher.func1")); err != nil {
		t.Error(err)
	}
}

func TestReader_Watch(t *testing.T) {
	t.Parallel()

	t.Run("the state as it is comes first, then each announcement", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		r := watchable(s)
		p := s.payment(t, 1, "usr_a", shop.PaymentStatusReady, shop.PGToss, moment, nil)
		if _, err := r.Payment(t.Context(), operator, p.ID); err != nil { // now it is in the cache
			t.Fatal(err)
		}
		s.move(t, p, shop.PaymentStatusApproving, 2)
		watch, err := r.WatchPayment(t.Context(), operator, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got := receive(t, watch); got.Version != 2 || got.Status != shop.PaymentStatusApproving {
			t.Errorf("first came %+v, from the cache", got)
		}
		s.move(t, p, shop.PaymentStatusApproved, 3)
		s.announce(t, string(p.ID), 3)
		if got := receive(t, watch); got.Version != 3 {
			t.Errorf("then came %+v", got)
		}
	})

	t.Run("versions rise and the last is never missed", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		r := watchable(s)
		const last = 150
		p := s.payment(t, 1, "usr_a", shop.PaymentStatusReady, shop.PGToss, moment, nil)
		var watchers sync.WaitGroup
		for n := range 8 {
			watchers.Go(func() {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				time.Sleep(time.Duration(n) * 10 * time.Millisecond) // some join late
				watch, err := r.WatchPayment(ctx, operator, p.ID)
				if err != nil {
					t.Error(err)
					return
				}
				before := 0
				deadline := time.After(time.Minute)
				for before < last {
					select {
					case got := <-watch:
						if got.Version <= before {
							t.Errorf("version %d came after %d", got.Version, before)
						}
						before = got.Version
					case <-deadline:
						t.Errorf("version %d did not come after %d", last, before)
						return
					}
					if n%2 == 1 {
						time.Sleep(time.Millisecond) // some are slow
					}
				}
			})
		}
		for version := 2; version <= last; version++ {
			s.move(t, p, shop.PaymentStatusReady, version)
			s.announce(t, string(p.ID), version)
		}
		watchers.Wait()
	})

	t.Run("what was missed while Redis was away comes when it is back", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		r := watchable(s)
		var mu sync.Mutex
		var conns []net.Conn
		away := false
		options := s.redis.(*redis.Client).Options()
		client := redis.NewClient(&redis.Options{
			Addr: options.Addr, DB: options.DB, MaxRetries: -1, DialerRetries: 1,
			Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
				mu.Lock()
				defer mu.Unlock()
				if away {
					return nil, net.ErrClosed
				}
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				conns = append(conns, conn)
				return conn, err
			},
		})
		defer client.Close()
		r.Redis = client
		o := s.order(t, 1, "usr_a", shop.OrderStatusPlaced, moment)
		watch, err := r.WatchOrder(t.Context(), query.Viewer{UserID: "usr_a"}, o.ID)
		if err != nil {
			t.Fatal(err)
		}
		receive(t, watch)
		mu.Lock()
		away = true
		for _, conn := range conns {
			conn.Close()
		}
		mu.Unlock()
		o.Status, o.Version = shop.OrderStatusPaid, 2
		s.exec(t, "UPDATE order_views SET version = 2, document = ? WHERE id = ?", document(t, o), string(o.ID))
		s.announce(t, string(o.ID), 2)
		mu.Lock()
		away = false
		mu.Unlock()
		if got := receive(t, watch); got.Version != 2 {
			t.Errorf("came %+v", got)
		}
	})

	t.Run("without Redis watchers look by themselves", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		r := s.reader()
		r.Redis, r.WatchPoll = nil, 10*time.Millisecond
		rec := s.reconciliation(t, 1)
		watch, err := r.WatchReconciliation(t.Context(), rec.ID)
		if err != nil {
			t.Fatal(err)
		}
		receive(t, watch)
		rec.Version, rec.Percent = 2, 50
		s.exec(t, "UPDATE reconciliation_views SET version = 2, document = ? WHERE id = ?", document(t, rec), string(rec.ID))
		if got := receive(t, watch); got.Percent != 50 {
			t.Errorf("came %+v", got)
		}
	})

	t.Run("a watch of what is not there is refused", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		if _, err := watchable(s).WatchOrder(t.Context(), operator, shop.OrderID(id("ord", 9))); shop.CodeOf(err) != shop.NotFound {
			t.Errorf("got %v", err)
		}
	})
}

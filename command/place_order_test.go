package command_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"payment-system/command"
	"payment-system/command/people"
	"payment-system/internal/locks"
	"payment-system/internal/testclock"
	"payment-system/shop"
)

func wish(key string, lines ...command.PlaceOrderLine) command.PlaceOrder {
	return command.PlaceOrder{By: shop.Caller{UserID: "usr_buyer", Actor: shop.ActorShopper}, IdempotencyKey: key, Lines: lines}
}

func one(p shop.Product) command.PlaceOrderLine { return units(p, 1) }

func units(p shop.Product, n int) command.PlaceOrderLine {
	return command.PlaceOrderLine{ProductID: p.ID, Quantity: n}
}

// Proves I5 and I14: nothing is sold that is not there, whatever locks do.
func TestHandler_PlaceOrder_rush(t *testing.T) {
	t.Parallel()
	noLocks := func(*testing.T, *shopfloor) command.Locker { return command.NoLocks{} }
	redisLocks := func(_ *testing.T, s *shopfloor) command.Locker {
		return &locks.Locker{Nodes: []redis.UniversalClient{s.redis}, Now: testclock.Now, Logger: s.Logger}
	}
	tests := []struct {
		name     string
		replicas int
		locker   func(*testing.T, *shopfloor) command.Locker
	}{
		{"with locks", 1, redisLocks},
		{"with locks that do nothing", 1, noLocks},
		{"on two replicas", 2, redisLocks},
		{"on two replicas with locks that do nothing", 2, noLocks},
	}
	for _, test := range tests {
		t.Run("of 200 buyers 100 get one of 100, "+test.name, func(t *testing.T) {
			t.Parallel()
			s := openShopfloor(t)
			p := s.sells(1000, 100)
			handlers := []*command.Handler{s.Handler}
			for range test.replicas - 1 {
				handlers = append(handlers, s.replica(s.dsn))
			}
			for _, h := range handlers {
				h.Locks = test.locker(t, s)
			}
			got := tally(200, func(i int) error {
				_, err := handlers[i%len(handlers)].PlaceOrder(t.Context(), wish(fmt.Sprint(i), one(p)))
				return err
			})
			if diff := cmp.Diff(map[shop.Code]int{"": 100, shop.SoldOut: 100}, got); diff != "" {
				t.Errorf("outcomes differ (-want +got):\n%s", diff)
			}
			if p := s.product(p.ID); p.Stock != 0 || p.Reserved != 100 {
				t.Errorf("%d on hand and %d reserved, want 0 and 100", p.Stock, p.Reserved)
			}
			for query, want := range map[string]int{
				"SELECT COUNT(*) FROM orders":                                                            100,
				"SELECT COUNT(*) FROM order_lines":                                                       100,
				"SELECT COUNT(*) FROM events WHERE kind = 'order.placed'":                                100,
				"SELECT COUNT(*) FROM idempotency WHERE operation = 'placeOrder'":                        100,
				"SELECT COUNT(*) FROM orders o JOIN idempotency i ON i.subject = o.id":                   100,
				"SELECT MAX(version) - COUNT(*) FROM events WHERE aggregate_id = '" + string(p.ID) + "'": 0,
			} {
				if got := s.count(query); got != want {
					t.Errorf("%s is %d, want %d", query, got, want)
				}
			}
		})
	}
}

func TestHandler_PlaceOrder(t *testing.T) {
	t.Parallel()

	t.Run("an order holds its stock at the prices of the moment", func(t *testing.T) {
		t.Parallel()
		s := openShopfloor(t)
		a, b := s.sells(1100, 5), s.sells(300, 5)
		taxFree, price := true, shop.Won(999)
		_, err := s.UpdateProduct(t.Context(), command.UpdateProduct{By: s.operator, ProductID: b.ID, TaxFree: &taxFree})
		s.must(err)
		start := testclock.Now()
		placed, err := s.PlaceOrder(t.Context(), wish("k", units(b, 2), units(a, 3)))
		s.must(err)
		o := placed.Order
		want := shop.Order{
			ID: o.ID, UserID: "usr_buyer", Status: shop.OrderStatusPlaced, Total: 3900, TaxFreeTotal: 600, Version: 1,
			PlacedAt: o.PlacedAt, ExpiresAt: o.PlacedAt.Add(15 * time.Minute),
			Lines: []shop.OrderLine{
				{ProductID: b.ID, Name: b.Name, UnitPrice: 300, Quantity: 2, Amount: 600, TaxFree: true},
				{ProductID: a.ID, Name: a.Name, UnitPrice: 1100, Quantity: 3, Amount: 3300},
			},
		}
		if diff := cmp.Diff(want, o); diff != "" {
			t.Errorf("order differs (-want +got):\n%s", diff)
		}
		if o.PlacedAt.Before(start) {
			t.Errorf("placed at %v, before it was asked for at %v", o.PlacedAt, start)
		}
		if diff := cmp.Diff(want, latest[shop.Order](s, string(o.ID))); diff != "" {
			t.Errorf("event differs (-want +got):\n%s", diff)
		}
		if got := s.product(a.ID); got.Stock != 2 || got.Reserved != 3 {
			t.Errorf("%d on hand and %d reserved, want 2 and 3", got.Stock, got.Reserved)
		}

		_, err = s.UpdateProduct(t.Context(), command.UpdateProduct{By: s.operator, ProductID: a.ID, Price: &price})
		s.must(err)
		again, err := s.PlaceOrder(t.Context(), wish("k", units(b, 2), units(a, 3)))
		s.must(err)
		if diff := cmp.Diff(placed, again); diff != "" {
			t.Errorf("the same key answers otherwise after a change of price (-first +second):\n%s", diff)
		}
		dearer, err := s.PlaceOrder(t.Context(), wish("k2", one(a)))
		s.must(err)
		if dearer.Order.Total != 999 {
			t.Errorf("the next order costs %v, want 999", dearer.Order.Total)
		}
	})

	t.Run("sold out leaves the stock alone and says of what", func(t *testing.T) {
		t.Parallel()
		s := openShopfloor(t)
		a, b, c := s.sells(1, 5), s.sells(1, 1), s.sells(1, 0)
		var err error
		s.refuses("too many", shop.SoldOut, "", func(ctx context.Context) error {
			_, err = s.PlaceOrder(ctx, wish("k", units(a, 5), units(b, 2), one(c)))
			return err
		})
		want := []string{fmt.Sprintf("%s wants 2 of 1", b.ID), fmt.Sprintf("%s wants 1 of 0", c.ID)}
		if diff := cmp.Diff(want, fieldsOf(details(err)["lines"])); diff != "" {
			t.Errorf("lines differ (-want +got):\n%s", diff)
		}
		if _, err := s.PlaceOrder(t.Context(), wish("k", units(a, 5))); err != nil {
			t.Errorf("the key of a refused order cannot be used again: %v", err)
		}
	})

	t.Run("fifty requests of one key place one order", func(t *testing.T) {
		t.Parallel()
		s := openShopfloor(t)
		other := s.replica(s.dsn)
		p := s.sells(1, 100)
		var ids sync.Map
		got := tally(50, func(i int) error {
			h := []*command.Handler{s.Handler, other}[i%2]
			placed, err := h.PlaceOrder(t.Context(), wish("k", units(p, 2)))
			ids.Store(placed.Order.ID, true)
			return err
		})
		if diff := cmp.Diff(map[shop.Code]int{"": 50}, got); diff != "" {
			t.Errorf("outcomes differ (-want +got):\n%s", diff)
		}
		n := 0
		ids.Range(func(any, any) bool { n++; return true })
		if orders := s.count("SELECT COUNT(*) FROM orders"); n != 1 || orders != 1 {
			t.Errorf("%d orders answered and %d stored, want 1", n, orders)
		}
		if p := s.product(p.ID); p.Reserved != 2 {
			t.Errorf("%d reserved, want 2", p.Reserved)
		}
	})

	t.Run("a key belongs to one input of one person", func(t *testing.T) {
		t.Parallel()
		s := openShopfloor(t)
		p := s.sells(1, 10)
		got := tally(20, func(i int) error {
			_, err := s.PlaceOrder(t.Context(), wish("k", units(p, 1+i%2)))
			return err
		})
		if diff := cmp.Diff(map[shop.Code]int{"": 10, shop.IdempotencyMismatch: 10}, got); diff != "" {
			t.Errorf("outcomes differ (-want +got):\n%s", diff)
		}
		s.refuses("other input", shop.IdempotencyMismatch, "", func(ctx context.Context) error {
			_, err := s.PlaceOrder(ctx, wish("k", units(p, 3)))
			return err
		})
		somebody := wish("k", units(p, 3))
		somebody.By.UserID = "usr_other"
		if _, err := s.PlaceOrder(t.Context(), somebody); err != nil {
			t.Errorf("somebody else's key: %v", err)
		}
	})

	t.Run("orders that come during a commit are committed together, each by itself", func(t *testing.T) {
		t.Parallel()
		s := openShopfloor(t)
		p := s.sells(1, 30)
		gate := &gate{open: make(chan struct{})}
		s.Locks = gate
		asked := make(chan struct{}, 100)
		s.NewID = func(prefix string) string { asked <- struct{}{}; return makeID(prefix) }
		counts := make(chan map[shop.Code]int, 1)
		go func() {
			counts <- tally(41, func(i int) error {
				lines := []command.PlaceOrderLine{one(p)}
				if i%4 == 3 {
					lines = append(lines, command.PlaceOrderLine{ProductID: shop.ProductID(makeID(shop.PrefixProduct)), Quantity: 1})
				}
				_, err := s.PlaceOrder(t.Context(), wish(fmt.Sprint(i), lines...))
				return err
			})
		}()
		for range 41 + 10 { // Every order's id, and every unknown product's.
			select {
			case <-asked:
			case <-time.After(10 * time.Millisecond):
			}
		}
		close(gate.open)
		if diff := cmp.Diff(map[shop.Code]int{"": 30, shop.NotFound: 10, shop.SoldOut: 1}, <-counts); diff != "" {
			t.Errorf("outcomes differ (-want +got):\n%s", diff)
		}
		groups, events := int(gate.calls.Load()), s.count("SELECT COUNT(*) FROM events WHERE kind = 'stock.reserved'")
		if groups > 20 || events > groups {
			t.Errorf("41 orders were committed in %d groups with %d stock events", groups, events)
		}
	})

	t.Run("who goes away stops nobody, and finds the order by its key", func(t *testing.T) {
		t.Parallel()
		s := openShopfloor(t)
		p := s.sells(1, 10)
		tx, err := s.DB.BeginTx(t.Context(), nil)
		s.must(err)
		_, err = tx.ExecContext(t.Context(), "SELECT * FROM stock WHERE product_id = ? FOR UPDATE", p.ID)
		s.must(err)
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := s.PlaceOrder(ctx, wish("gone", one(p)))
			gone <- err
		}()
		eventually(t, "the group waits for the stock row", func() bool {
			return s.count("SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'SELECT p.id%FOR UPDATE'") > 0
		})
		leave()
		if err := <-gone; shop.CodeOf(err) != shop.InProgress {
			t.Errorf("who left was told %v, want IN_PROGRESS", err)
		}
		s.must(tx.Rollback())
		again, err := s.PlaceOrder(t.Context(), wish("gone", one(p)))
		s.must(err)
		if n := s.count("SELECT COUNT(*) FROM orders WHERE id = ?", again.Order.ID); n != 1 || s.product(p.ID).Reserved != 1 {
			t.Errorf("%d orders under the key, %d reserved; want 1, 1", n, s.product(p.ID).Reserved)
		}
	})

	t.Run("bad input is refused by name and changes nothing", func(t *testing.T) {
		t.Parallel()
		s := openShopfloor(t)
		p, q, dear := s.sells(1, 10), s.sells(1, 10), s.sells(shop.MaxWon, 10)
		many := make([]command.PlaceOrderLine, 101)
		for i := range many {
			many[i] = command.PlaceOrderLine{ProductID: shop.ProductID(makeID(shop.PrefixProduct)), Quantity: 1}
		}
		unknown := command.PlaceOrderLine{ProductID: shop.ProductID(makeID(shop.PrefixProduct)), Quantity: 1}
		tests := []struct {
			name  string
			wish  command.PlaceOrder
			code  shop.Code
			field string
		}{
			{"no key", wish("", one(p)), shop.Invalid, "idempotencyKey"},
			{"a long key", wish(strings.Repeat("가", 101), one(p)), shop.Invalid, "idempotencyKey"},
			{"a key with a line feed", wish("a\nb", one(p)), shop.Invalid, "idempotencyKey"},
			{"no lines", wish("k"), shop.Invalid, "lines"},
			{"too many lines", wish("k", many...), shop.Invalid, "lines"},
			{"quantity 0", wish("k", one(q), units(p, 0)), shop.Invalid, "lines.1.quantity"},
			{"a negative quantity", wish("k", units(p, -1)), shop.Invalid, "lines.0.quantity"},
			{"too large a quantity", wish("k", units(p, shop.MaxQuantity+1)), shop.Invalid, "lines.0.quantity"},
			{"a product twice", wish("k", one(p), one(q), one(p)), shop.Invalid, "lines.2.productId"},
			{"an unknown product", wish("k", one(p), unknown), shop.NotFound, "lines.1.productId"},
			{"an id of another kind", wish("k", command.PlaceOrderLine{ProductID: "ord_" + p.ID[4:], Quantity: 1}), shop.NotFound, "lines.0.productId"},
			{"an id that is none", wish("k", command.PlaceOrderLine{ProductID: "상품' OR 1=1 --", Quantity: 1}), shop.NotFound, "lines.0.productId"},
			{"a line over the limit", wish("k", units(dear, 2)), shop.Invalid, "lines"},
			{"a total over the limit", wish("k", one(p), one(dear)), shop.Invalid, "lines"},
		}
		for _, test := range tests {
			s.refuses(test.name, test.code, test.field, func(ctx context.Context) error {
				_, err := s.PlaceOrder(ctx, test.wish)
				return err
			})
		}
		most, err := s.PlaceOrder(t.Context(), wish("most", one(dear)))
		s.must(err)
		if stored := s.count("SELECT total FROM orders WHERE id = ?", most.Order.ID); most.Order.Total != 9007199254740991 || stored != 9007199254740991 {
			t.Errorf("the dearest order costs %v and is stored as %d, want 9007199254740991", most.Order.Total, stored)
		}
	})
}

// A gate is a Locker that lets nobody through until it is opened.
type gate struct {
	calls atomic.Int32
	open  chan struct{}
}

// Lock waits until the gate is open.
func (g *gate) Lock(context.Context, ...string) func() {
	g.calls.Add(1)
	<-g.open
	return func() {}
}

// Proves that a commit whose answer was lost is read back, and not done twice.
func TestHandler_lostCommit(t *testing.T) {
	t.Parallel()
	s := openShopfloor(t)
	p := s.sells(1000, 100)
	name := "몽쉘"
	commands := map[string]func(context.Context, *command.Handler) error{
		"PlaceOrder": func(ctx context.Context, h *command.Handler) error {
			_, err := h.PlaceOrder(ctx, wish("lost", one(p)))
			return err
		},
		"CreateProduct": func(ctx context.Context, h *command.Handler) error {
			_, err := h.CreateProduct(ctx, command.CreateProduct{By: s.operator, IdempotencyKey: "lost", Name: "오예스", Price: 1})
			return err
		},
		"AdjustStock": func(ctx context.Context, h *command.Handler) error {
			_, err := h.AdjustStock(ctx, command.AdjustStock{By: s.operator, IdempotencyKey: "lost", ProductID: p.ID, Quantity: 7, Reason: "입고"})
			return err
		},
		"UpdateProduct": func(ctx context.Context, h *command.Handler) error {
			_, err := h.UpdateProduct(ctx, command.UpdateProduct{By: s.operator, ProductID: p.ID, Name: &name})
			return err
		},
		"OpenAccount": func(ctx context.Context, h *command.Handler) error {
			_, err := s.people(h).OpenAccount(ctx, people.OpenAccount{Email: "lost@example.com", Password: "correct horse", Role: shop.RoleCustomer})
			return err
		},
		"MakeOperator": func(ctx context.Context, h *command.Handler) error {
			_, err := s.people(h).OpenAccount(ctx, people.OpenAccount{Email: "boss@example.com", Password: "correct horse", Role: shop.RoleCustomer})
			if err == nil {
				_, err = s.people(h).MakeOperator(ctx, people.MakeOperator{Email: "boss@example.com"})
			}
			return err
		},
	}
	for name, run := range commands {
		thief := &thief{}
		h := s.replica(thief.before(t, s.dsn))
		thief.steal.Store(1)
		if err := run(t.Context(), h); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if thief.stole.Load() != 1 {
			t.Errorf("%s: no answer was lost", name)
		}
	}
	for query, want := range map[string]int{
		"SELECT COUNT(*) FROM orders":                                 1,
		"SELECT COUNT(*) FROM products":                               2,
		"SELECT COUNT(*) FROM users":                                  2,
		"SELECT COUNT(*) FROM stock_adjustments WHERE quantity = 7":   1,
		"SELECT COUNT(*) FROM events WHERE kind = 'product.updated'":  1,
		"SELECT COUNT(*) FROM events WHERE kind = 'order.placed'":     1,
		"SELECT COUNT(*) FROM events WHERE kind = 'user.signed_up'":   2,
		"SELECT COUNT(*) FROM users WHERE role = 'OPERATOR'":          1,
		"SELECT available FROM stock ORDER BY available DESC LIMIT 1": 106,
	} {
		if got := s.count(query); got != want {
			t.Errorf("%s is %d, want %d", query, got, want)
		}
	}
}

// Proves I17: nothing runs on after the orders and mails are done.
func TestHandler_Drain(t *testing.T) {
	s := openShopfloor(t)
	p := s.sells(1, 100)
	_, err := s.PlaceOrder(t.Context(), wish("warm", one(p)))
	s.must(err)
	s.must(s.Drain(t.Context()))
	before := goleak.IgnoreCurrent()
	tally(50, func(i int) error {
		_, err := s.PlaceOrder(t.Context(), wish(fmt.Sprint(i), one(p)))
		return err
	})
	accounts := s.people(s.Handler)
	_, err = accounts.RequestEmailVerification(t.Context(), people.RequestEmailVerification{Email: "kim@example.com", RemoteIP: "192.0.2.1"})
	s.must(err)
	s.must(errors.Join(s.Drain(t.Context()), accounts.Drain(t.Context())))
	if n := len(s.box.Mails("kim@example.com")); n != 1 {
		t.Errorf("%d mails were sent before Drain returned, want 1", n)
	}
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"), goleak.IgnoreAnyFunction("github.com/go-sql-driver/mysql.(*mysqlConn).startWatcher.func1"), goleak.IgnoreAnyFunction("github.com/emersion/go-smtp.(*Server).handleConn"))
}

// BenchmarkHandler_PlaceOrder has 64 shoppers buy one product.
func BenchmarkHandler_PlaceOrder(b *testing.B) {
	s := openShopfloor(b)
	p := s.sells(1000, shop.MaxStock)
	var n atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.PlaceOrder(context.Background(), wish(fmt.Sprint(n.Add(1)), one(p))); err != nil {
				b.Error(err)
			}
		}
	})
}

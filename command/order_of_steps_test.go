package command_test

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"testing"
	"time"

	"payment-system/command"
	"payment-system/internal/mysqldb"
	"payment-system/pg"
	"payment-system/shop"
)

// A witness stands at the locks and the gateways of a till, sees what is committed and no more, and
// tells of every step that is taken out of turn: lock, begin, write, commit, unlock, and only then
// the gateway.
type witness struct {
	*till
	books *sql.DB // not the handler's connections

	mu     sync.Mutex
	held   []string
	locked int // how often something was
	called int // how often a gateway was
	events int // committed when the locks were last let go; -1 before
}

// watchTill opens a till that is watched.
func watchTill(t *testing.T, units int) *witness {
	t.Helper()
	s := openTill(t, units)
	w := &witness{till: s, books: s.db, events: -1}
	for id, gateway := range s.Gateways {
		s.Gateways[id] = witnessed{gateway, w}
	}
	s.Locks = w
	behind := s.Projector
	s.Projector = projector{} // whose transactions are not what is watched
	t.Cleanup(func() { behind.Project(context.Background(), w.pending()...) })
	return w
}

// pending names the aggregates whose events are not published.
func (w *witness) pending() []string {
	ctx := context.WithoutCancel(w.ctx)
	ids, err := mysqldb.Collect(ctx, w.books, func(rows *sql.Rows) (id string, err error) {
		return id, rows.Scan(&id)
	}, "SELECT DISTINCT aggregate_id FROM events WHERE published_at IS NULL")
	w.must(err)
	return ids
}

// Lock implements command.Locker.
func (w *witness) Lock(_ context.Context, keys ...string) (unlock func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.locked++
	if len(w.held) > 0 {
		w.t.Errorf("%v is locked while %v is held", keys, w.held)
	}
	if !slices.IsSorted(keys) {
		w.t.Errorf("the keys %v are not in order", keys)
	}
	w.free("when locking")
	if n := w.committed(); w.events >= 0 && n != w.events {
		w.t.Errorf("%d events were committed outside the locks", n-w.events)
	}
	w.held = keys
	return w.unlock
}

func (w *witness) unlock() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = nil
	w.free("when unlocking")
	w.events = w.committed()
}

// free checks that no transaction holds a row that commands hold.
func (w *witness) free(when string) {
	w.t.Helper()
	for _, table := range []string{"orders", "payments", "stock"} {
		tx, err := w.books.BeginTx(w.ctx, nil)
		w.must(err)
		if _, err := tx.ExecContext(w.ctx, "SELECT version FROM "+table+" FOR UPDATE NOWAIT"); err != nil {
			w.t.Errorf("%s a transaction holds rows of %s: %v", when, table, err)
		}
		w.must(tx.Rollback())
	}
}

func (w *witness) committed() (n int) {
	w.t.Helper()
	w.must(w.books.QueryRowContext(w.ctx, "SELECT COUNT(*) FROM events").Scan(&n))
	return n
}

// ended checks what can only be seen after a command.
func (w *witness) ended(name string, err error) {
	w.t.Helper()
	w.must(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.locked == 0 || len(w.held) > 0 {
		w.t.Errorf("%s took %d locks and holds %v", name, w.locked, w.held)
	}
	if n := w.committed(); n != w.events {
		w.t.Errorf("%s committed %d events after it unlocked", name, n-w.events)
	}
	w.locked = 0
}

// intended checks that a call to a gateway is made with nothing held, and that the books have said
// before what is done: the query finds one row.
func (w *witness) intended(call, query string, args ...any) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.called++
	if len(w.held) > 0 {
		w.t.Errorf("%s is called while %v is locked", call, w.held)
	}
	w.free("at " + call)
	var n int
	w.must(w.books.QueryRowContext(w.ctx, query, args...).Scan(&n))
	if n != 1 {
		w.t.Errorf("%s is called, and the books have not said that it would be", call)
	}
}

// witnessed is a gateway that a witness looks at.
type witnessed struct {
	pg.Gateway
	w *witness
}

func (g witnessed) Ready(ctx context.Context, req pg.ReadyRequest) (pg.Ready, error) {
	g.w.intended("ready", `SELECT COUNT(*) FROM attempts WHERE id = ? AND ready_key = ? AND status = 'READY' AND payment_key IS NULL`, string(req.AttemptID), req.IdempotencyKey)
	return g.Gateway.Ready(ctx, req)
}

func (g witnessed) Approve(ctx context.Context, req pg.ApproveRequest) (pg.Payment, error) {
	g.w.intended("approve", `SELECT COUNT(*) FROM attempts WHERE id = ? AND approve_key = ? AND status = 'APPROVING'`, string(req.AttemptID), req.IdempotencyKey)
	return g.Gateway.Approve(ctx, req)
}

func (g witnessed) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	g.w.intended("cancel", `SELECT COUNT(*) FROM refunds WHERE id = ? AND pg_key = ? AND amount = ? AND status = 'REQUESTED'`, string(req.RefundID), req.IdempotencyKey, int64(req.Amount))
	return g.Gateway.Cancel(ctx, req)
}

// Proves rules 1 and 4: intent first, and locks outside of transactions, in order, and never held
// across a call.
func TestHandler_orderOfSteps(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		w := watchTill(t, 10)
		by := shop.Caller{UserID: "usr_operator", Actor: shop.ActorOperator}
		other, err := w.CreateProduct(w.ctx, command.CreateProduct{By: by, IdempotencyKey: "other", Name: "몽쉘", Price: 1_000, Stock: 10})
		w.must(err)
		_, err = w.AdjustStock(w.ctx, command.AdjustStock{By: by, IdempotencyKey: "adjust", ProductID: other.Product.ID, Quantity: 5, Reason: "입고"})
		w.ended("AdjustStock", err)
		price := shop.Won(2_000)
		_, err = w.UpdateProduct(w.ctx, command.UpdateProduct{By: by, ProductID: other.Product.ID, Price: &price})
		w.ended("UpdateProduct", err)
		// The later product first: locks are taken in order all the same.
		lines := []command.PlaceOrderLine{{ProductID: other.Product.ID, Quantity: 1}, {ProductID: w.product.ID, Quantity: 1}}
		placed, err := w.PlaceOrder(w.ctx, command.PlaceOrder{By: w.shopper, IdempotencyKey: "order", Lines: lines})
		w.ended("PlaceOrder", err)
		readied, err := w.ReadyPayment(w.ctx, command.ReadyPayment{By: w.shopper, IdempotencyKey: "ready", OrderID: placed.Order.ID, PG: gateway})
		w.ended("ReadyPayment", err)
		_, err = w.ApprovePayment(w.ctx, w.authenticate(readied.Payment))
		w.ended("ApprovePayment", err)
		_, err = w.cancel(readied.Payment, 5_000)
		w.ended("CancelPayment", err)
		_, err = w.CancelOrder(w.ctx, command.CancelOrder{By: w.shopper, IdempotencyKey: "cancel", OrderID: placed.Order.ID})
		w.ended("CancelOrder", err)
		w.order(1)
		w.clock.Advance(16 * time.Minute)
		_, err = w.ExpireOrders(w.ctx)
		w.ended("ExpireOrders", err)
		if w.called != 4 {
			t.Errorf("the gateway was called %d times, want 4", w.called)
		}
	})
}

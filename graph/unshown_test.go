package graph_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/graph"
	"payment-system/internal/roundtrip"
	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
	"payment-system/query"
	"payment-system/shop"
)

// Proves: who was told that something is done never reads at any replica what was before, though the read models could
// not follow. Others are answered, and so is who wrote as soon as the read models can follow.
func TestReads_unshown(t *testing.T) {
	t.Parallel()
	s := open(t)
	operator := s.operator(t)
	buyer, other := s.shopper(t, "buyer@example.com"), s.shopper(t, "other@example.com")
	product := operator.product("a lamp", 1000, 10)
	canceled := buyer.order(product)
	replica := s.replica(t, func(g *graph.Server) {
		// It has projected nothing, and knows the others' views by Redis and the database alone.
		g.Queries = &query.Reader{
			DB: s.shop.DB, Redis: s.shop.Redis, Logger: s.shop.Logger, Now: testclock.Now, Follow: s.shop.Projector.Follow,
			CacheTimeout: time.Minute, Trips: roundtrip.Group{Timeout: time.Minute},
		}
	})
	shoptest.Exec(t, s.shop.DB, `CREATE TRIGGER no_orders BEFORE INSERT ON order_views FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no order is shown'`)
	placed := buyer.order(product)
	s.change(t, canceled) // by an operator, who tells the buyer
	const orders = `{ viewer { orders { nodes { id status } } } }`
	const order = `query($id: ID!) { order(id: $id) { status } }`
	for _, at := range []*browser{buyer, buyer.at(replica)} {
		for id, document := range map[string]string{placed: order, canceled: order, "": orders} {
			if answer := at.ask(document, map[string]any{"id": id}); answer.code() != shop.Unavailable {
				t.Errorf("%s %s: %+v; want UNAVAILABLE", document, id, answer)
			}
		}
	}
	// A view that nobody can write keeps nobody from reading for long: asking does not make it longer.
	key := "unshown:" + s.userOf(t, placed)
	s.shop.Redis.PExpire(t.Context(), key, 30*time.Second)
	if answer := buyer.at(replica).ask(orders, nil); answer.code() != shop.Unavailable {
		t.Errorf("asked again: %+v", answer)
	}
	if left := s.shop.Redis.PTTL(t.Context(), key).Val(); left <= 0 || left > 30*time.Second {
		t.Errorf("reading has it remembered for %s", left)
	}
	if answer := other.at(replica).ask(orders, nil); len(answer.Errors) > 0 {
		t.Errorf("who wrote nothing: %+v", answer.Errors)
	}
	shoptest.Exec(t, s.shop.DB, "DROP TRIGGER no_orders")
	got := dig(buyer.at(replica).must(orders, nil), "viewer", "orders", "nodes")
	want := []any{
		map[string]any{"id": placed, "status": "PLACED"}, map[string]any{"id": canceled, "status": "CANCELED"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if n := s.shop.Redis.Exists(t.Context(), key).Val(); n != 0 {
		t.Error("what is shown by now is remembered")
	}
}

// userOf returns whose an order is.
func (s *site) userOf(t *testing.T, order string) (id string) {
	t.Helper()
	if err := s.shop.DB.QueryRowContext(t.Context(), "SELECT user_id FROM orders WHERE id = ?", order).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

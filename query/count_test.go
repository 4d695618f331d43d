package query_test

import (
	"fmt"
	"strings"
	"testing"

	"payment-system/internal/views"
	"payment-system/query"
	"payment-system/shop"
)

// wantCount wants a list to have so many entries; nil for more than can be told.
func wantCount(t *testing.T, what string, list query.Counted, want *int) {
	t.Helper()
	got, err := list.TotalCount(t.Context())
	if err != nil || (got == nil) != (want == nil) || got != nil && *got != *want {
		t.Errorf("%s: %s are counted, %v; want %s", what, count(got), err, count(want))
	}
}

func count(n *int) string {
	if n == nil {
		return "more"
	}
	return fmt.Sprint(*n)
}

func TestReader_counts(t *testing.T) {
	t.Parallel()

	t.Run("exact up to 10,000", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		r := s.reader()
		var rows, grams, orders strings.Builder
		const many = 10_000
		for n := range many {
			fmt.Fprintf(&rows, ",('%[1]s',1,'%05[2]d',%[2]d,'{\"id\":\"%[1]s\",\"name\":\"%05[2]d\"}','녹차 %05[2]d\\n')", id("prd", n), n)
			for _, gram := range []string{"녹차", "차"} {
				fmt.Fprintf(&grams, ",('%s','%s')", gram, id("prd", n))
			}
			fmt.Fprintf(&orders, ",('%s',1,'usr_%d','%s',NOW(6),'{}')", id("ord", n), n%2, shop.OrderStatuses()[n%2])
		}
		s.exec(t, "INSERT INTO product_views (id, version, name_key, price, document, words) VALUES "+rows.String()[1:])
		s.exec(t, "INSERT INTO product_grams (gram, product_id) VALUES "+grams.String()[1:])
		s.exec(t, "INSERT INTO order_views (id, version, user_id, status, placed_at, document) VALUES "+orders.String()[1:])
		products := func(search string, f query.ProductFilter) query.Counted {
			t.Helper()
			c, err := r.Products(t.Context(), operator, query.Page{First: new(1)}, query.ProductSearch{Search: &search, Filter: f, By: query.ProductOrderNewest})
			if err != nil {
				t.Fatal(err)
			}
			return c.Counted
		}
		allOrders := func(f query.OrderFilter) query.Counted {
			t.Helper()
			c, err := r.Orders(t.Context(), query.Page{First: new(1), Before: nil}, f)
			if err != nil {
				t.Fatal(err)
			}
			return c.Counted
		}
		both := query.OrderFilter{Status: shop.OrderStatuses()[:2]}
		for range 2 { // the second time from the cache
			wantCount(t, "products", products("", query.ProductFilter{}), new(many))
			wantCount(t, "a common word", products("녹차", query.ProductFilter{}), new(many))
			wantCount(t, "a common letter", products("차", query.ProductFilter{Listed: new(true)}), new(many))
			wantCount(t, "two words", products("녹차 00042", query.ProductFilter{}), new(0)) // it has no grams of the number
			wantCount(t, "hidden ones", products("녹차", query.ProductFilter{Listed: new(false)}), new(0))
		}
		wantCount(t, "orders", allOrders(query.OrderFilter{}), new(many))
		wantCount(t, "orders of two statuses", allOrders(both), new(many))
		wantCount(t, "orders of a user", allOrders(query.OrderFilter{UserID: new(shop.UserID("usr_1"))}), new(many/2))

		s.put(t, shop.Product{ID: shop.ProductID(id("prd", many)), Name: "녹차"})
		s.order(t, many, "usr_1", shop.OrderStatuses()[0], moment)
		s.announce(t, views.Products, 0)
		wantCount(t, "one more product", products("", query.ProductFilter{}), nil)
		wantCount(t, "one more of a common word", products("녹차", query.ProductFilter{}), nil)
		wantCount(t, "one more of a common letter", products("차", query.ProductFilter{}), nil)
		wantCount(t, "one more order", allOrders(query.OrderFilter{}), nil)
		wantCount(t, "one more order of two statuses", allOrders(both), nil)
	})

	t.Run("by stock, as it is now", func(t *testing.T) {
		t.Parallel()
		s := newShelves(t)
		r := s.reader()
		p := s.product(t, 1, "tea", 1)
		low := func() query.Counted {
			c, err := r.Products(t.Context(), operator, query.Page{}, query.ProductSearch{Filter: query.ProductFilter{StockBelow: new(1)}, By: query.ProductOrderNewest})
			if err != nil {
				t.Fatal(err)
			}
			return c.Counted
		}
		wantCount(t, "before", low(), new(0))
		s.exec(t, "UPDATE product_views SET stock = 0 WHERE id = ?", string(p.ID))
		wantCount(t, "after", low(), new(1))
	})
}

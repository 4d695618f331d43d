package query_test

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"payment-system/query"
	"payment-system/shop"
)

// namesOf lists products in the order of their names.
func namesOf(t *testing.T, r *query.Reader, viewer query.Viewer, search string, f query.ProductFilter) (names []string) {
	t.Helper()
	c, err := r.Products(t.Context(), viewer, query.Page{}, query.ProductSearch{Search: &search, Filter: f, By: query.ProductOrderName})
	if err != nil {
		t.Fatal(err)
	}
	return idsOf(c.Nodes, func(p *shop.Product) string { return p.Name })
}

func TestReader_Products_filter(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	for n, p := range []shop.Product{
		{Name: "a", Stock: 0, Category: "차"},
		{Name: "b", Stock: 5, Category: "차", Hidden: true},
		{Name: "c", Stock: 9},
		{Name: "d", Stock: 9, Hidden: true},
	} {
		p.ID = shop.ProductID(id("prd", n))
		s.put(t, p)
	}
	shopper := query.Viewer{UserID: "usr_a", Role: shop.RoleCustomer}
	for name, test := range map[string]struct {
		filter            query.ProductFilter
		shopper, operator string
	}{
		"nothing":             {query.ProductFilter{}, "a c", "a b c d"},
		"listed":              {query.ProductFilter{Listed: new(true)}, "a c", "a c"},
		"hidden":              {query.ProductFilter{Listed: new(false)}, "", "b d"},
		"a category":          {query.ProductFilter{Category: new(" 차 ")}, "a", "a b"}, // in conjoining letters
		"no category":         {query.ProductFilter{Category: new("")}, "c", "c d"},
		"no such category":    {query.ProductFilter{Category: new("찻잔")}, "", ""},
		"little stock":        {query.ProductFilter{StockBelow: new(9)}, "a", "a b"},
		"less than none":      {query.ProductFilter{StockBelow: new(0)}, "", ""},
		"all of these":        {query.ProductFilter{Category: new("차"), StockBelow: new(6), Listed: new(false)}, "", "b"},
		"a pattern of theirs": {query.ProductFilter{Category: new("%")}, "", ""},
	} {
		for viewer, want := range map[query.Viewer]string{shopper: test.shopper, {}: test.shopper, operator: test.operator} {
			// The second time it comes from the cache.
			for range 2 {
				if got := strings.Join(namesOf(t, s.reader(), viewer, "", test.filter), " "); got != want {
					t.Errorf("by %s, as %q: %q, want %q", name, viewer.Role, got, want)
				}
			}
		}
	}
	_, err := s.reader().Products(t.Context(), shopper, query.Page{}, query.ProductSearch{
		Filter: query.ProductFilter{Category: new(strings.Repeat("차", 201))}, By: query.ProductOrderName,
	})
	wantInvalid(t, err, "category")
}

// Proves: a list by stock is as the stock is now, though stock alone evicts no list.
func TestReader_Products_stockMoves(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	r := s.reader()
	p := s.put(t, shop.Product{ID: shop.ProductID(id("prd", 1)), Name: "a", Stock: 5})
	low := query.ProductFilter{StockBelow: new(5)}
	if got := namesOf(t, r, operator, "", low); len(got) != 0 {
		t.Fatalf("listed are %q", got)
	}
	p.Stock = 4
	s.exec(t, "UPDATE product_views SET version = 2, stock = 4, document = ? WHERE id = ?", document(t, p), string(p.ID))
	s.announce(t, string(p.ID), 2)
	if diff := gocmp.Diff([]string{"a"}, namesOf(t, r, operator, "", low)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

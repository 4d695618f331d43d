package query_test

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"payment-system/internal/views"
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
		"a category":          {query.ProductFilter{Category: new(" \u110e\u1161 ")}, "a", "a b"}, // in conjoining letters
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

// find lists what is found, in the order of the names.
func find(t *testing.T, r *query.Reader, search string) string {
	t.Helper()
	return strings.Join(namesOf(t, r, query.Viewer{}, search, query.ProductFilter{}), ", ")
}

func TestReader_Products_search(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	for n, p := range []shop.Product{
		{Name: "보성 세작 녹차 80g", Description: "곡우 뒤에 딴 보성 세작."},
		{Name: "보성녹차", Description: "티백 20개\n따뜻한 물에 2분"},
		{Name: "한국의 차", Description: "녹차와 홍차 이야기"},
		{Name: "GREEN Tea Straße", Description: `50% <b>"sale"</b> a_b c\d it's`},
		{Name: "머그 🍵", Description: "👩‍👩‍👧 가족"},
		{Name: "녹두 전", Description: "차가운"},
	} {
		p.ID = shop.ProductID(id("prd", n))
		s.put(t, p)
	}
	r := s.reader()
	const everything = "GREEN Tea Straße, 녹두 전, 머그 🍵, 보성 세작 녹차 80g, 보성녹차, 한국의 차"
	for search, want := range map[string]string{
		"녹차":                             "보성 세작 녹차 80g, 보성녹차, 한국의 차",
		"\u1102\u1169\u11a8\u110e\u1161": "보성 세작 녹차 80g, 보성녹차, 한국의 차", // in conjoining letters
		"보성녹차":                           "보성녹차",
		"보성 녹차":                          "보성 세작 녹차 80g, 보성녹차",
		" 녹차\t보성　":                       "보성 세작 녹차 80g, 보성녹차",
		"녹차 홍차":                          "한국의 차",
		"홍차 보성":                          "",
		"차":                              "녹두 전, 보성 세작 녹차 80g, 보성녹차, 한국의 차",
		"녹":                              "녹두 전, 보성 세작 녹차 80g, 보성녹차, 한국의 차",
		"g":                              "GREEN Tea Straße, 보성 세작 녹차 80g",
		"성 세":                            "보성 세작 녹차 80g",
		"작녹":                             "",
		"８０Ｇ":                            "보성 세작 녹차 80g",
		"green":                          "GREEN Tea Straße",
		"een":                            "GREEN Tea Straße",
		"TEA green":                      "GREEN Tea Straße",
		"STRASSE":                        "GREEN Tea Straße",
		"🍵":                              "머그 🍵",
		"🍵\ufe0f":                        "머그 🍵",
		"👧":                              "머그 🍵",
		"50%":                            "GREEN Tea Straße",
		"%":                              "GREEN Tea Straße",
		"%_":                             "",
		"a_b":                            "GREEN Tea Straße",
		"_":                              "GREEN Tea Straße",
		`%_'"<b>`:                        "",
		`<b>"sale"`:                      "GREEN Tea Straße",
		`c\d`:                            "GREEN Tea Straße",
		"it's":                           "GREEN Tea Straße",
		"녹ㅊ":                             "",
		"ㄴ":                              "",
		"\x00":                           "",
		"'; DROP":                        "",
		"티백 물에":                          "보성녹차",
		"20개따뜻":                          "",
		"":                               everything,
		" \n　":                           everything,
		"\u200b":                         everything,
		strings.Repeat("차 ", 100):        "녹두 전, 보성 세작 녹차 80g, 보성녹차, 한국의 차",
		strings.Repeat("차", 200):         "",
	} {
		if got := find(t, r, search); got != want {
			t.Errorf("%q finds %q, want %q", search, got, want)
		}
	}
}

// Proves: what is found does not depend on how it is looked for, among few products that
// may be it or along the whole list.
func TestReader_Products_searchCommon(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	const many = 21_000
	var rows, grams strings.Builder
	for n := range many {
		words := []string{"가나 나다", "다라"}[n%2]
		fmt.Fprintf(&rows, ",('%[1]s',1,'%05[2]d',%[3]d,'{\"id\":\"%[1]s\",\"name\":\"%05[2]d\"}','%[4]s\\n')", id("prd", n), many-n, n%7, words)
		for _, gram := range append(views.Grams(words), "나다", "x") {
			fmt.Fprintf(&grams, ",('%s','%s')", gram, id("prd", n))
		}
	}
	s.exec(t, "INSERT INTO product_views (id, version, name_key, price, document, words) VALUES "+rows.String()[1:])
	s.exec(t, "INSERT IGNORE INTO product_grams (gram, product_id) VALUES "+grams.String()[1:])
	s.put(t, shop.Product{ID: shop.ProductID(id("prd", many)), Name: "a가나다", Price: 3})
	s.put(t, shop.Product{ID: shop.ProductID(id("prd", many+1)), Name: "b나다라", Price: 3})
	r := s.reader()
	for search, want := range map[string]string{
		"가나다": "a가나다", "나다 다라": "b나다라", "나 다 라": "b나다라", "가나 다라": "", "x": "", "나다 z": "",
	} {
		if got := find(t, r, search); got != want {
			t.Errorf("%q finds %q, want %q", search, got, want)
		}
	}
	for _, by := range []query.ProductOrder{query.ProductOrderNewest, query.ProductOrderPriceAsc} {
		seen := map[shop.ProductID]bool{}
		page := query.Page{First: new(100)}
		for {
			c, err := r.Products(t.Context(), query.Viewer{}, page, query.ProductSearch{Search: new("나다"), By: by})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.Nodes {
				seen[p.ID] = true
			}
			if page.After = c.PageInfo.EndCursor; !c.PageInfo.HasNextPage {
				break
			}
		}
		if len(seen) != many/2+2 {
			t.Errorf("by %s %d are found, want %d", by, len(seen), many/2+2)
		}
	}
}

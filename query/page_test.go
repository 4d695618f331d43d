package query_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"payment-system/internal/views"
	"payment-system/query"
	"payment-system/shop"
)

// A leaf is one page of any list, reduced to ids.
type leaf struct {
	ids, cursors []string
	info         query.PageInfo
	count        func(context.Context) (*int, error)
}

// A paged list, and what it should hold in its order.
type paged struct {
	name string
	want []string
	read func(query.Page) (leaf, error)
}

// TestReader_pages checks every list, in every order, against the sorted list of
// what is in it: any page, from anywhere, in both directions.
func TestReader_pages(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	for name, lists := range map[string][]paged{
		"products": productLists(t, s), "orders": orderLists(t, s), "payments": paymentLists(t, s), "reconciliations": reconciliationLists(t, s),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				l := rapid.SampledFrom(lists).Draw(t, "list")
				if len(l.want) < 3 {
					t.Fatalf("%s holds only %d", l.name, len(l.want))
				}
				l.walk(t, rapid.IntRange(1, 9).Draw(t, "size"), rapid.Bool().Draw(t, "backward"))
				for range 5 {
					l.peek(t)
				}
			})
		})
	}
}

// walk reads the whole list page by page.
func (l paged) walk(t *rapid.T, size int, backward bool) {
	var got []string
	page := query.Page{First: &size}
	if backward {
		page = query.Page{Last: &size}
	}
	for range len(l.want)/size + 2 {
		p, err := l.read(page)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.ids) == 0 {
			break
		}
		if backward {
			got = append(slices.Clone(p.ids), got...)
			page.Before = p.info.StartCursor
		} else {
			got = append(got, p.ids...)
			page.After = p.info.EndCursor
		}
		if more := len(got) < len(l.want); p.info.HasNextPage != (more && !backward || backward && len(got) > len(p.ids)) ||
			p.info.HasPreviousPage != (more && backward || !backward && len(got) > len(p.ids)) {
			t.Fatalf("after %d of %d, backward %t: %+v", len(got), len(l.want), backward, p.info)
		}
	}
	if diff := gocmp.Diff(l.want, got); diff != "" {
		t.Fatalf("%s in pages of %d, backward %t, -want +got:\n%s", l.name, size, backward, diff)
	}
}

// peek reads any page between any two places, or none.
func (l paged) peek(t *rapid.T) {
	all, err := l.read(query.Page{First: new(100)})
	if err != nil {
		t.Fatal(err)
	}
	from, to := 0, len(l.want)
	var page query.Page
	if rapid.Bool().Draw(t, "after") {
		i := rapid.IntRange(0, len(l.want)-1).Draw(t, "from")
		from, page.After = i+1, &all.cursors[i]
	}
	if rapid.Bool().Draw(t, "before") {
		to = rapid.IntRange(0, len(l.want)-1).Draw(t, "to")
		page.Before = &all.cursors[to]
	}
	size := rapid.IntRange(0, 12).Draw(t, "size")
	lo, hi := min(from, max(to, from)), max(to, from)
	if rapid.Bool().Draw(t, "backward") {
		page.Last = &size
		lo = max(lo, hi-size)
	} else {
		page.First = &size
		hi = min(hi, lo+size)
	}
	got, err := l.read(page)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := got.count(context.Background()); err != nil || n == nil || *n != len(l.want) {
		t.Fatalf("%s has %v entries, %v; want %d", l.name, n, err, len(l.want))
	}
	if diff := gocmp.Diff(l.want[lo:hi], append([]string{}, got.ids...)); diff != "" {
		t.Fatalf("%s, %d..%d of %d, -want +got:\n%s", l.name, lo, hi, len(l.want), diff)
	}
	// What is asked for from a place has that place beside it, even when it is empty.
	hasPrevious, hasNext := lo > 0, hi < len(l.want)
	if lo == hi {
		rest := from < to
		hasPrevious = page.After != nil || page.Last != nil && rest
		hasNext = page.Before != nil || page.First != nil && rest
	}
	if got.info.HasPreviousPage != hasPrevious || got.info.HasNextPage != hasNext {
		t.Fatalf("%s, %d..%d of %d: %+v", l.name, lo, hi, len(l.want), got.info)
	}
	if lo == hi && (got.info.StartCursor != nil || got.info.EndCursor != nil) {
		t.Fatalf("an empty page has cursors: %+v", got.info)
	}
}

func productLists(t *testing.T, s shelves) []paged {
	t.Helper()
	names := []string{"Tea", "tea", "ＴＥＡ green", "Coffee", "100% tea", "100_ tea", `back\slash`, "보성녹차", "녹두"}
	texts := []string{"", "Green 차", "보성 세작 녹차 80g", "두 두"}
	var all []shop.Product
	for n := range 40 {
		all = append(all, s.put(t, shop.Product{
			ID: shop.ProductID(id("prd", n)), Name: names[n%len(names)], Description: texts[n%len(texts)], Price: shop.Won(n % 5 * 1000),
		}))
	}
	orders := map[query.ProductOrder]func(a, b shop.Product) int{
		query.ProductOrderNewest:    func(a, b shop.Product) int { return cmp.Compare(b.ID, a.ID) },
		query.ProductOrderPriceAsc:  func(a, b shop.Product) int { return cmp.Or(cmp.Compare(a.Price, b.Price), cmp.Compare(a.ID, b.ID)) },
		query.ProductOrderPriceDesc: func(a, b shop.Product) int { return cmp.Or(cmp.Compare(b.Price, a.Price), cmp.Compare(b.ID, a.ID)) },
		query.ProductOrderName: func(a, b shop.Product) int {
			return cmp.Or(cmp.Compare(views.NameKey(a.Name), views.NameKey(b.Name)), cmp.Compare(a.ID, b.ID))
		},
	}
	var lists []paged
	r := s.reader()
	for by, compare := range orders {
		for _, search := range []string{"", " TEA", "녹", "녹차", "1", "차 green", "보성 차"} {
			want := slices.DeleteFunc(slices.Clone(all), func(p shop.Product) bool {
				text := views.NameKey(p.Name) + "\n" + views.NameKey(p.Description)
				return slices.ContainsFunc(strings.Fields(search), func(word string) bool {
					return !strings.Contains(text, views.NameKey(word))
				})
			})
			slices.SortFunc(want, compare)
			lists = append(lists, paged{
				name: fmt.Sprintf("products by %s, search %q", by, search), want: idsOf(want, func(p shop.Product) string { return string(p.ID) }),
				read: func(page query.Page) (leaf, error) {
					c, err := r.Products(context.Background(), query.Viewer{}, page, query.ProductSearch{Search: &search, By: by})
					if err != nil {
						return leaf{}, err
					}
					return leaf{
						ids:     idsOf(c.Nodes, func(p *shop.Product) string { return string(p.ID) }),
						cursors: idsOf(c.Edges, func(e query.ProductEdge) string { return e.Cursor }), info: c.PageInfo, count: c.TotalCount,
					}, nil
				},
			})
		}
	}
	return lists
}

func orderLists(t *testing.T, s shelves) []paged {
	t.Helper()
	statuses := shop.OrderStatuses()
	people := []shop.UserID{"usr_a", "usr_b", "usr_c"}
	var all []shop.Order
	for n := range 60 {
		// Several are placed at the same moment, and not in the order of their ids.
		all = append(all, s.order(t, n, people[n%3], statuses[n%7%4], moment.Add(time.Duration(n*7%20)*time.Microsecond)))
	}
	from, before := moment.Add(3*time.Microsecond), moment.Add(15*time.Microsecond)
	some := []shop.OrderStatus{shop.OrderStatusPaid, shop.OrderStatusPlaced, shop.OrderStatusPaid}
	filters := map[string]query.OrderFilter{
		"all":                    {},
		"of some statuses":       {Status: some},
		"of a user":              {UserID: &people[1]},
		"of a user and statuses": {UserID: &people[1], Status: some},
		"of a time":              {PlacedFrom: &from, PlacedBefore: &before},
		"of a time and statuses": {PlacedFrom: &from, Status: some},
		"of a time and a user":   {PlacedBefore: &before, UserID: &people[2]},
	}
	var lists []paged
	r := s.reader()
	for name, f := range filters {
		want := slices.DeleteFunc(slices.Clone(all), func(o shop.Order) bool {
			return f.Status != nil && !slices.Contains(f.Status, o.Status) || f.UserID != nil && o.UserID != *f.UserID ||
				f.PlacedFrom != nil && o.PlacedAt.Before(*f.PlacedFrom) || f.PlacedBefore != nil && !o.PlacedAt.Before(*f.PlacedBefore)
		})
		slices.SortFunc(want, func(a, b shop.Order) int {
			if f.PlacedFrom != nil || f.PlacedBefore != nil {
				return cmp.Or(b.PlacedAt.Compare(a.PlacedAt), cmp.Compare(b.ID, a.ID))
			}
			return cmp.Compare(b.ID, a.ID)
		})
		lists = append(lists, paged{
			name: "orders " + name, want: idsOf(want, func(o shop.Order) string { return string(o.ID) }),
			read: func(page query.Page) (leaf, error) {
				c, err := r.Orders(context.Background(), page, f)
				if err != nil {
					return leaf{}, err
				}
				return leaf{
					ids:     idsOf(c.Nodes, func(o *shop.Order) string { return string(o.ID) }),
					cursors: idsOf(c.Edges, func(e query.OrderEdge) string { return e.Cursor }), info: c.PageInfo, count: c.TotalCount,
				}, nil
			},
		})
	}
	return lists
}

func paymentLists(t *testing.T, s shelves) []paged {
	t.Helper()
	statuses := shop.PaymentStatuses()
	gateways := []shop.PG{shop.PGKakao, shop.PGToss}
	people := []shop.UserID{"usr_a", "usr_b"}
	var all []shop.Payment
	for n := range 60 {
		all = append(all, s.payment(t, n, people[n%2], statuses[n%11%5], gateways[n%2], moment.Add(time.Duration(n*7%20)*time.Microsecond), nil))
	}
	from, before := moment.Add(3*time.Microsecond), moment.Add(15*time.Microsecond)
	some := []shop.PaymentStatus{statuses[0], statuses[3]}
	filters := map[string]query.PaymentFilter{
		"all":                            {},
		"of some statuses":               {Status: some},
		"of a gateway":                   {PG: &gateways[1]},
		"of a user":                      {UserID: &people[1]},
		"of a user, of statuses":         {UserID: &people[0], Status: some},
		"of a user, changed in a time":   {UserID: &people[0], UpdatedFrom: &from},
		"changed in a time":              {UpdatedFrom: &from, UpdatedBefore: &before},
		"changed in a time, of statuses": {UpdatedFrom: &from, Status: some, PG: &gateways[0]},
	}
	var lists []paged
	r := s.reader()
	for name, f := range filters {
		want := slices.DeleteFunc(slices.Clone(all), func(p shop.Payment) bool {
			return f.Status != nil && !slices.Contains(f.Status, p.Status) || f.PG != nil && p.PG != *f.PG || f.UserID != nil && p.UserID != *f.UserID ||
				f.UpdatedFrom != nil && p.UpdatedAt.Before(*f.UpdatedFrom) || f.UpdatedBefore != nil && !p.UpdatedAt.Before(*f.UpdatedBefore)
		})
		slices.SortFunc(want, func(a, b shop.Payment) int {
			if f.UpdatedFrom != nil {
				return cmp.Or(b.UpdatedAt.Compare(a.UpdatedAt), cmp.Compare(b.ID, a.ID))
			}
			return cmp.Compare(b.ID, a.ID)
		})
		lists = append(lists, paged{
			name: "payments " + name, want: idsOf(want, func(p shop.Payment) string { return string(p.ID) }),
			read: func(page query.Page) (leaf, error) {
				c, err := r.Payments(context.Background(), page, f)
				if err != nil {
					return leaf{}, err
				}
				return leaf{
					ids:     idsOf(c.Nodes, func(p *shop.Payment) string { return string(p.ID) }),
					cursors: idsOf(c.Edges, func(e query.PaymentEdge) string { return e.Cursor }), info: c.PageInfo, count: c.TotalCount,
				}, nil
			},
		})
	}
	return lists
}

func reconciliationLists(t *testing.T, s shelves) []paged {
	t.Helper()
	r := s.reader()
	var recs []string
	for n := range 12 {
		recs = append(recs, string(s.reconciliation(t, n).ID))
	}
	slices.Reverse(recs)
	of := shop.ReconciliationID(recs[0])
	kinds := []shop.DiscrepancyKind{shop.DiscrepancyKindAmountDiffers, shop.DiscrepancyKindUnknownToUs}
	statuses := []shop.DiscrepancyStatus{shop.DiscrepancyStatusOpen, shop.DiscrepancyStatusApplied, shop.DiscrepancyStatusIgnored}
	var all []shop.Discrepancy
	for n := range 40 {
		all = append(all, s.discrepancy(t, n, shop.ReconciliationID(recs[n%2]), kinds[n%5%2], statuses[n%3]))
	}
	slices.Reverse(all)
	lists := []paged{{name: "reconciliations", want: recs, read: func(page query.Page) (leaf, error) {
		c, err := r.Reconciliations(context.Background(), page)
		if err != nil {
			return leaf{}, err
		}
		return leaf{
			ids:     idsOf(c.Nodes, func(x *shop.Reconciliation) string { return string(x.ID) }),
			cursors: idsOf(c.Edges, func(e query.ReconciliationEdge) string { return e.Cursor }), info: c.PageInfo, count: c.TotalCount,
		}, nil
	}}}
	for name, of := range map[string]*shop.ReconciliationID{"of any file": nil, "of one file": &of} {
		for _, f := range []query.DiscrepancyFilter{{}, {Status: statuses[:2], PG: ptr(shop.PGToss)}, {Kind: kinds[:1]}} {
			want := slices.DeleteFunc(slices.Clone(all), func(d shop.Discrepancy) bool {
				return of != nil && d.ReconciliationID != *of || f.Status != nil && !slices.Contains(f.Status, d.Status) || f.Kind != nil && !slices.Contains(f.Kind, d.Kind)
			})
			lists = append(lists, paged{
				name: fmt.Sprintf("discrepancies %s, %v %v", name, f.Status, f.Kind), want: idsOf(want, func(d shop.Discrepancy) string { return string(d.ID) }),
				read: func(page query.Page) (leaf, error) {
					c, err := r.Discrepancies(context.Background(), page, of, f)
					if err != nil {
						return leaf{}, err
					}
					return leaf{
						ids:     idsOf(c.Nodes, func(d *shop.Discrepancy) string { return string(d.ID) }),
						cursors: idsOf(c.Edges, func(e query.DiscrepancyEdge) string { return e.Cursor }), info: c.PageInfo, count: c.TotalCount,
					}, nil
				},
			})
		}
	}
	return lists
}

func idsOf[T any](values []T, id func(T) string) []string {
	ids := make([]string, len(values))
	for i, v := range values {
		ids[i] = id(v)
	}
	return ids
}

// TestReader_pagesWhileWritten walks lists while rows are added: what was there
// is met once, and nothing twice.
func TestReader_pagesWhileWritten(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	r := s.reader()
	for n := range 60 {
		s.product(t, 2*n, fmt.Sprintf("tea %d", n%7), shop.Won(n%5))
	}
	next := 1
	for _, by := range []query.ProductOrder{query.ProductOrderNewest, query.ProductOrderPriceAsc, query.ProductOrderPriceDesc, query.ProductOrderName} {
		seen := map[shop.ProductID]int{}
		page := query.Page{First: new(7)}
		for {
			c, err := r.Products(t.Context(), query.Viewer{}, page, query.ProductSearch{By: by})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.Nodes {
				seen[p.ID]++
			}
			if !c.PageInfo.HasNextPage {
				break
			}
			page.After = c.PageInfo.EndCursor
			s.product(t, next, fmt.Sprintf("tea %d", next%7), shop.Won(next%5))
			s.announce(t, views.Products, 0)
			next += 2
		}
		for n := range 60 {
			if seen[shop.ProductID(id("prd", 2*n))] != 1 {
				t.Errorf("by %s, product %d was met %d times", by, 2*n, seen[shop.ProductID(id("prd", 2*n))])
			}
		}
		for id, times := range seen {
			if times > 1 {
				t.Errorf("by %s, %s was met %d times", by, id, times)
			}
		}
	}
}

func TestReader_badPages(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	r := s.reader()
	s.product(t, 1, "tea", 1)
	s.order(t, 1, "usr_a", shop.OrderStatusPaid, moment)
	byPrice, err := r.Products(t.Context(), query.Viewer{}, query.Page{}, query.ProductSearch{By: query.ProductOrderPriceAsc})
	if err != nil {
		t.Fatal(err)
	}
	byTime, err := r.Orders(t.Context(), query.Page{}, query.OrderFilter{PlacedFrom: &moment})
	if err != nil {
		t.Fatal(err)
	}
	price, placed := byPrice.Edges[0].Cursor, byTime.Edges[0].Cursor
	newest := func(p query.Page) error {
		_, err := r.Products(t.Context(), query.Viewer{}, p, query.ProductSearch{By: query.ProductOrderNewest})
		return err
	}
	orders := func(p query.Page) error { _, err := r.Orders(t.Context(), p, query.OrderFilter{}); return err }
	for name, test := range map[string]struct {
		read  func(query.Page) error
		page  query.Page
		field string
	}{
		"both numbers":             {newest, query.Page{First: new(1), Last: new(1)}, "last"},
		"a negative first":         {newest, query.Page{First: new(-1)}, "first"},
		"a first of 101":           {orders, query.Page{First: new(101)}, "first"},
		"a negative last":          {orders, query.Page{Last: new(-1)}, "last"},
		"a last of 101":            {newest, query.Page{Last: new(101)}, "last"},
		"a cursor of another sort": {newest, query.Page{After: &price}, "after"},
		"a cursor of another list": {orders, query.Page{Before: &price}, "before"},
		"one of the list by time":  {orders, query.Page{After: &placed}, "after"},
		"an empty cursor":          {orders, query.Page{After: new("")}, "after"},
		"garbage":                  {newest, query.Page{Before: new("garbage!")}, "before"},
		"a cursor cut off": {func(p query.Page) error {
			_, err := r.Products(t.Context(), query.Viewer{}, p, query.ProductSearch{By: query.ProductOrderPriceAsc})
			return err
		}, query.Page{After: new(price[:len(price)-4])}, "after"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			err := test.read(test.page)
			wantInvalid(t, err, test.field)
		})
	}
	t.Run("a cursor that names no possible id is refused", func(t *testing.T) {
		t.Parallel()
		for _, id := range []string{"prd_한글", "prd_", "prd_x", "prd_\x00"} {
			cursor := base64.RawURLEncoding.EncodeToString(append([]byte{1, byte(len(id))}, id...))
			wantInvalid(t, newest(query.Page{After: &cursor}), "after")
		}
	})
	t.Run("a filter that nothing can answer to is refused", func(t *testing.T) {
		t.Parallel()
		_, err := r.Orders(t.Context(), query.Page{}, query.OrderFilter{UserID: ptr(shop.UserID("홍길동"))})
		wantInvalid(t, err, "userId")
		_, err = r.Payments(t.Context(), query.Page{}, query.PaymentFilter{PaymentKey: new("결제")})
		wantInvalid(t, err, "paymentKey")
	})
	t.Run("anything else is refused without harm", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			cursor := rapid.String().Draw(t, "cursor")
			if _, err := r.Products(context.Background(), query.Viewer{}, query.Page{After: &cursor}, query.ProductSearch{By: query.ProductOrderName}); shop.CodeOf(err) != shop.Invalid {
				t.Fatalf("%q answered %v", cursor, err)
			}
		})
	})
	t.Run("a search that is too long, or an unknown order, is refused", func(t *testing.T) {
		t.Parallel()
		_, err := r.Products(t.Context(), query.Viewer{}, query.Page{}, query.ProductSearch{Search: new(strings.Repeat("차", 201)), By: query.ProductOrderName})
		wantInvalid(t, err, "search")
		_, err = r.Products(t.Context(), query.Viewer{}, query.Page{}, query.ProductSearch{By: "CHEAPEST"})
		wantInvalid(t, err, "orderBy")
	})
	t.Run("a page of none is empty", func(t *testing.T) {
		t.Parallel()
		c, err := r.Products(t.Context(), query.Viewer{}, query.Page{First: new(0)}, query.ProductSearch{By: query.ProductOrderName})
		if err != nil || len(c.Edges) != 0 || c.Edges == nil || !c.PageInfo.HasNextPage || c.PageInfo.EndCursor != nil {
			t.Errorf("got %+v, %v", c, err)
		}
	})
}

func wantInvalid(t *testing.T, err error, field string) {
	t.Helper()
	if e, ok := errors.AsType[*shop.Error](err); !ok || e.Code != shop.Invalid || e.Details["field"] != field {
		t.Errorf("got %v, want INVALID naming %s", err, field)
	}
}

func TestReader_searches(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	r := s.reader()
	for n, name := range []string{"100% tea", "1000 teas", "100_tea", `100\tea`, "Tea", "ＴＥＡ"} {
		s.product(t, n, name, 1)
	}
	for search, want := range map[string][]string{
		"100%": {"100% tea"}, "100_": {"100_tea"}, `100\`: {`100\tea`}, "%": {"100% tea"}, "tea": {"100% tea", "1000 teas", "100_tea", `100\tea`, "Tea", "ＴＥＡ"}, "teas": {"1000 teas"}, "１００": {"100% tea", "1000 teas", `100\tea`, "100_tea"},
		"' OR 1=1 --": nil,
	} {
		c, err := r.Products(t.Context(), query.Viewer{}, query.Page{}, query.ProductSearch{Search: &search, By: query.ProductOrderName})
		if err != nil {
			t.Fatal(err)
		}
		got := idsOf(c.Nodes, func(p *shop.Product) string { return p.Name })
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("search %q found %q, want %q", search, got, want)
		}
	}
}

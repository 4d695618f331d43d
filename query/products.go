package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"payment-system/internal/views"
	"payment-system/shop"
)

// Product returns the product named, or NotFound.
func (r *Reader) Product(ctx context.Context, id shop.ProductID) (*shop.Product, error) {
	return one[shop.Product](ctx, r, products, id)
}

// ProductsByID returns, for each id, the product or NotFound.
func (r *Reader) ProductsByID(ctx context.Context, ids []shop.ProductID) ([]*shop.Product, []error) {
	return each[shop.Product](ctx, r, products, ids)
}

// productLists are the product list in each of its orders.
var productLists = map[ProductOrder]*list{
	ProductOrderNewest: {tag: 1, table: "product_views", prefix: shop.PrefixProduct, idsOnly: true, index: "PRIMARY", columns: []column{
		{name: "id", desc: true},
	}},
	ProductOrderPriceAsc: {tag: 2, table: "product_views", prefix: shop.PrefixProduct, idsOnly: true, index: "ix_product_views_price", columns: []column{
		{name: "price", kind: kindInt}, {name: "id"},
	}},
	ProductOrderPriceDesc: {tag: 3, table: "product_views", prefix: shop.PrefixProduct, idsOnly: true, index: "ix_product_views_price", columns: []column{
		{name: "price", kind: kindInt, desc: true}, {name: "id", desc: true},
	}},
	ProductOrderName: {tag: 4, table: "product_views", prefix: shop.PrefixProduct, idsOnly: true, index: "ix_product_views_name", columns: []column{
		{name: "name_key"}, {name: "id"},
	}},
}

// A ProductSearch says which products are listed, and how.
type ProductSearch struct {
	Search *string
	Filter ProductFilter
	By     ProductOrder
}

// Products returns a page of the products in whose names and descriptions all words are
// that are searched for, wherever they stand, in any order; case and width do not count.
// Only operators see those that are not listed. It returns Invalid naming the argument
// at fault.
func (r *Reader) Products(
	ctx context.Context, viewer Viewer, page Page, asked ProductSearch,
) (*ProductConnection, error) {
	l, ok := productLists[asked.By]
	if !ok {
		return nil, shop.InvalidField("orderBy", "There is no such order.")
	}
	wanted := wantedProducts{list: l, page: page, isFresh: asked.Filter.StockBelow != nil}
	var err error
	if wanted.search, err = searchFor(asked.Search); err != nil {
		return nil, err
	}
	if wanted.part, err = asked.Filter.narrow(filter{index: l.index}, viewer); err != nil {
		return nil, err
	}
	if _, err := page.window(l); err != nil {
		return nil, err
	}
	listed, err := r.productPage(ctx, wanted)
	if err != nil {
		return nil, err
	}
	found, err := r.openProducts(ctx, listed)
	if err != nil {
		return nil, err
	}
	found.Counted = r.countedProducts(wanted)
	return found, nil
}

// narrow adds what the filter lets pass, and the viewer may see.
func (f ProductFilter) narrow(part filter, viewer Viewer) (filter, error) {
	if f.Category != nil {
		if len([]rune(*f.Category)) > maxSearch {
			return part, shop.InvalidField("category", fmt.Sprintf("A category has at most %d characters.", maxSearch))
		}
		part.index = "ix_product_views_category"
		part = part.and("category = ?", norm.NFC.String(strings.TrimSpace(*f.Category)))
	}
	if !viewer.isOperator() {
		part = part.and("hidden = 0")
	}
	if f.Listed != nil {
		part = part.and("hidden = ?", !*f.Listed)
		if !*f.Listed && f.Category == nil {
			part.index = "ix_product_views_hidden"
		}
	}
	if f.StockBelow != nil {
		part = part.and("stock < ?", *f.StockBelow)
	}
	return part, nil
}

// A listedPage is a page of products as the cache keeps it. Products themselves
// are kept each for itself: their stock changes far more often than their order.
type listedPage struct {
	IDs, Cursors []string
	Info         PageInfo
}

// wantedProducts are the products on a page.
type wantedProducts struct {
	list    *list
	page    Page
	search  search
	part    filter // what the filter lets pass
	isFresh bool   // not from the cache: stock moves without evicting lists
}

// slot names what of them is wanted, a page or their number, by all that was asked.
func (w wantedProducts) slot(what any) (slot, error) {
	asked, err := json.Marshal([]any{w.list.tag, w.search, w.part.where, w.part.args, what})
	if err != nil {
		return slot{}, err
	}
	sum := sha256.Sum256(asked)
	return slot{id: views.Products + ":" + hex.EncodeToString(sum[:16]), guard: views.Products}, nil
}

// productPage returns which products are on a page, from the cache if it is there.
func (r *Reader) productPage(ctx context.Context, wanted wantedProducts) (listedPage, error) {
	if wanted.isFresh {
		return r.readProductPage(ctx, wanted)
	}
	at, err := wanted.slot(wanted.page)
	if err != nil {
		return listedPage{}, err
	}
	return cached(ctx, r, at, func() (listedPage, error) { return r.readProductPage(ctx, wanted) })
}

// cached returns what is kept in a slot, or reads it and keeps it there.
func cached[T any](ctx context.Context, r *Reader, at slot, read func() (T, error)) (value T, err error) {
	hits, tokens := r.lookUp(ctx, []slot{at})
	if hit, ok := hits[at.id]; ok && json.Unmarshal(hit.Document, &value) == nil {
		return value, nil
	}
	if value, err = read(); err != nil {
		return value, err
	}
	if token := tokens[at.guard]; token != "" {
		body, err := json.Marshal(value)
		if err != nil {
			return value, err
		}
		r.store(ctx, map[string]entry{at.id: {Token: string(token), Document: body}})
	}
	return value, nil
}

// readProductPage reads which products are on a page. A database that lags behind would
// fill the cache with old pages.
func (r *Reader) readProductPage(ctx context.Context, wanted wantedProducts) (listedPage, error) {
	part, err := wanted.search.narrow(ctx, r.current(), wanted.part)
	if err != nil {
		return listedPage{}, err
	}
	items, info, err := wanted.list.page(ctx, r.current(), []filter{part}, wanted.page)
	if err != nil {
		return listedPage{}, err
	}
	listed := listedPage{Info: info}
	for _, found := range items {
		listed.IDs = append(listed.IDs, found.id)
		listed.Cursors = append(listed.Cursors, encodeCursor(wanted.list, found.values))
	}
	return listed, nil
}

// openProducts turns a page of ids into one of products.
func (r *Reader) openProducts(ctx context.Context, listed listedPage) (*ProductConnection, error) {
	found, err := r.documents(ctx, products, listed.IDs)
	if err != nil {
		return nil, err
	}
	page := &ProductConnection{Edges: []ProductEdge{}, Nodes: []*shop.Product{}, PageInfo: listed.Info}
	for i, id := range listed.IDs {
		if _, ok := found[id]; !ok {
			continue
		}
		product, err := open[shop.Product](products, found, id)
		if err != nil {
			return nil, err
		}
		page.Edges = append(page.Edges, ProductEdge{Cursor: listed.Cursors[i], Node: product})
		page.Nodes = append(page.Nodes, product)
	}
	return page, nil
}

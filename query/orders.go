package query

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// Order returns the order named, or NotFound when it is missing or not the
// viewer's to see.
func (r *Reader) Order(ctx context.Context, viewer Viewer, id shop.OrderID) (*shop.Order, error) {
	order, err := one[shop.Order](ctx, r, orders, id)
	if err != nil {
		return nil, err
	}
	if !viewer.maySee(order.UserID) {
		return nil, shop.NoSuch(orders.thing)
	}
	return order, nil
}

// OrdersByID returns, for each id, the order or NotFound. Who may see them is
// the caller's to know.
func (r *Reader) OrdersByID(ctx context.Context, ids []shop.OrderID) ([]*shop.Order, []error) {
	return each[shop.Order](ctx, r, orders, ids)
}

// OrderHistories returns what happened to each order, oldest first, as the primary has it: an
// order is asked for its history when a person looks at it, not whenever it is listed. Who may
// see it is the caller's to know.
func (r *Reader) OrderHistories(ctx context.Context, ids []shop.OrderID) ([][]shop.OrderEvent, []error) {
	found := make(map[shop.OrderID][]shop.OrderEvent, len(ids))
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = string(id)
	}
	_, err := mysqldb.Collect(ctx, r.current(), func(rows *sql.Rows) (_ struct{}, err error) {
		var id shop.OrderID
		var e shop.OrderEvent
		err = rows.Scan(&id, &e.Version, &e.Kind, &e.Status, &e.Actor, &e.By, &e.Note, &e.At)
		found[id] = append(found[id], e)
		return struct{}{}, err
	}, `SELECT aggregate_id, version, kind, status, actor, by_id, note, at FROM events
WHERE aggregate_id IN (?`+strings.Repeat(",?", len(ids)-1)+`) ORDER BY aggregate_id, version`, args...)
	if err != nil {
		err = fmt.Errorf("read histories of orders: %w", err)
	}
	histories, errs := make([][]shop.OrderEvent, len(ids)), make([]error, len(ids))
	for i, id := range ids {
		histories[i], errs[i] = found[id], err
	}
	return histories, errs
}

// The list of orders: newest first, and the same by the time they were placed.
var (
	orderList     = &list{tag: 5, table: "order_views", prefix: shop.PrefixOrder, columns: []column{{name: "id", desc: true}}}
	orderTimeList = &list{tag: 6, table: "order_views", prefix: shop.PrefixOrder, columns: []column{{name: "placed_at", kind: kindTime, desc: true}, {name: "id", desc: true}}}
)

// Orders returns a page of orders, newest first. Filtered by time, they are
// sorted by it, and cursors are of another list. Who may see them is the
// caller's to know.
func (r *Reader) Orders(ctx context.Context, page Page, filter OrderFilter) (*OrderConnection, error) {
	if filter.UserID != nil && !isASCII(string(*filter.UserID)) {
		return nil, shop.InvalidField("userId", "This is not the id of a user.")
	}
	l, parts := filter.list()
	edges, nodes, info, err := connect(ctx, r, l, parts, page, func(cursor string, node *shop.Order) OrderEdge {
		return OrderEdge{Cursor: cursor, Node: node}
	})
	if err != nil {
		return nil, err
	}
	return &OrderConnection{Counted: r.counted(l, parts, page), Edges: edges, Nodes: nodes, PageInfo: info}, nil
}

// list returns the order in which an index holds what the filter lets pass.
func (f OrderFilter) list() (*list, []filter) {
	l := orderList
	var part filter
	if f.PlacedFrom != nil {
		l, part = orderTimeList, part.and("placed_at >= ?", *f.PlacedFrom)
	}
	if f.PlacedBefore != nil {
		l, part = orderTimeList, part.and("placed_at < ?", *f.PlacedBefore)
	}
	switch {
	case f.UserID != nil && l == orderList:
		part.index = "ix_order_views_user"
		return l, []filter{among(part.and("user_id = ?", string(*f.UserID)), "status", f.Status)}
	case f.UserID != nil:
		return l, []filter{among(part.and("user_id = ?", string(*f.UserID)), "status", f.Status)}
	case l == orderTimeList:
		part.index = "ix_order_views_placed"
		return l, []filter{among(part, "status", f.Status)}
	case len(f.Status) > 0:
		part.index = "ix_order_views_status"
	}
	return l, split(part, "status", f.Status)
}

// connect reads a page of a list and makes an edge of each item.
func connect[T, E any](ctx context.Context, r *Reader, l *list, parts []filter, page Page, edge func(cursor string, node *T) E) ([]E, []*T, PageInfo, error) {
	var items []item
	var info PageInfo
	err := r.readFor(ctx, page.By, func(ctx context.Context, db *sql.DB) (err error) {
		items, info, err = l.page(ctx, db, parts, page)
		return err
	})
	if err != nil {
		return nil, nil, PageInfo{}, err
	}
	edges, nodes := make([]E, len(items)), make([]*T, len(items))
	for i, found := range items {
		if nodes[i], err = decode[T](found.document); err != nil {
			return nil, nil, PageInfo{}, err
		}
		edges[i] = edge(encodeCursor(l, found.values), nodes[i])
	}
	return edges, nodes, info, nil
}

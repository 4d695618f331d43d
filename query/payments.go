package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-jet/jet/v2/mysql"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
	. "payment-system/sql/read/table" //nolint:revive,staticcheck // It makes the statements readable.
)

// Payment returns the payment named, or NotFound when it is missing or not the
// viewer's to see.
func (r *Reader) Payment(ctx context.Context, viewer Viewer, id shop.PaymentID) (*shop.Payment, error) {
	payment, err := one[shop.Payment](ctx, r, payments, id)
	if err != nil {
		return nil, err
	}
	if !viewer.maySee(payment.UserID) {
		return nil, shop.NoSuch(payments.thing)
	}
	return payment, nil
}

// PaymentsOfOrders returns, for each order, its payment, or nil where there is
// none. Who may see them is the caller's to know.
func (r *Reader) PaymentsOfOrders(ctx context.Context, ids []shop.OrderID) ([]*shop.Payment, []error) {
	found, err := r.paymentsOf(ctx, ids)
	values, errs := make([]*shop.Payment, len(ids)), make([]error, len(ids))
	for i, id := range ids {
		values[i], errs[i] = found[id], err
	}
	return values, errs
}

// paymentsOf finds which payments the orders have, then reads these as any other.
func (r *Reader) paymentsOf(ctx context.Context, ids []shop.OrderID) (map[shop.OrderID]*shop.Payment, error) {
	names, err := r.paymentNames(ctx, ids)
	if err != nil {
		return nil, err
	}
	found, err := r.documents(ctx, payments, slices.Collect(maps.Values(names)))
	if err != nil {
		return nil, err
	}
	of := make(map[shop.OrderID]*shop.Payment, len(names))
	for id := range found {
		payment, err := open[shop.Payment](payments, found, id)
		if err != nil {
			return nil, err
		}
		of[payment.OrderID] = payment
	}
	return of, nil
}

// paymentNames returns the ids of the orders' payments. An order that a read replica knows no payment of may
// have one since: the primary is asked.
func (r *Reader) paymentNames(ctx context.Context, ids []shop.OrderID) (map[shop.OrderID]string, error) {
	names := make(map[shop.OrderID]string, len(ids))
	err := r.read(ctx, func(ctx context.Context, db *sql.DB) error { return selectPaymentNames(ctx, db, ids, names) })
	if err != nil || r.Replica == nil {
		return names, err
	}
	missing := slices.DeleteFunc(slices.Clone(ids), func(id shop.OrderID) bool { return names[id] != "" })
	return names, selectPaymentNames(ctx, r.current(), missing, names)
}

func selectPaymentNames(ctx context.Context, db *sql.DB, ids []shop.OrderID, names map[shop.OrderID]string) error {
	if len(ids) == 0 {
		return nil
	}
	in := make([]mysql.Expression, len(ids))
	for i, id := range ids {
		in[i] = mysql.String(string(id))
	}
	query, args := mysql.SELECT(PaymentViews.OrderID, PaymentViews.ID).FROM(PaymentViews).WHERE(PaymentViews.OrderID.IN(in...)).Sql()
	_, err := mysqldb.Collect(ctx, db, func(rows *sql.Rows) (_ struct{}, err error) {
		var order shop.OrderID
		var payment string
		err = rows.Scan(&order, &payment)
		names[order] = payment
		return struct{}{}, err
	}, query, args...)
	if err != nil {
		return fmt.Errorf("read payments of orders: %w", err)
	}
	return nil
}

// The list of payments: newest first, or latest change first.
var (
	paymentList     = &list{tag: 7, table: "payment_views", prefix: shop.PrefixPayment, columns: []column{{name: "id", desc: true}}}
	paymentTimeList = &list{tag: 8, table: "payment_views", prefix: shop.PrefixPayment, columns: []column{{name: "updated_at", kind: kindTime, desc: true}, {name: "id", desc: true}}}
)

// Payments returns a page of payments, newest first, so that no payment moves
// while a client pages. Filtered by the time of change they are sorted by that,
// latest first, and a payment that changes meanwhile moves to the front. Who may
// see them is the caller's to know.
func (r *Reader) Payments(ctx context.Context, page Page, filter PaymentFilter) (*PaymentConnection, error) {
	if filter.PaymentKey != nil && !isASCII(*filter.PaymentKey) {
		return nil, shop.InvalidField("paymentKey", "No gateway has such payment keys.")
	}
	l, parts := filter.list()
	edges, nodes, info, err := connect(ctx, r, l, parts, page, func(cursor string, node *shop.Payment) PaymentEdge {
		return PaymentEdge{Cursor: cursor, Node: node}
	})
	if err != nil {
		return nil, err
	}
	return &PaymentConnection{Counted: r.counted(l, parts, page), Edges: edges, Nodes: nodes, PageInfo: info}, nil
}

// list returns the order in which an index holds what the filter lets pass.
func (f PaymentFilter) list() (*list, []filter) {
	l := paymentList
	var part filter
	if f.UpdatedFrom != nil {
		l, part = paymentTimeList, part.and("updated_at >= ?", *f.UpdatedFrom)
	}
	if f.UpdatedBefore != nil {
		l, part = paymentTimeList, part.and("updated_at < ?", *f.UpdatedBefore)
	}
	if f.PG != nil {
		part = part.and("pg = ?", string(*f.PG))
	}
	if f.PaymentKey != nil {
		part.index = "ix_payment_views_key"
		return l, []filter{among(part.and("payment_key = ?", *f.PaymentKey), "status", f.Status)}
	}
	if f.UserID != nil {
		part = part.and("user_id = ?", string(*f.UserID))
	}
	if l == paymentList {
		if f.UserID != nil {
			part.index = "ix_payment_views_user"
		}
		return l, []filter{among(part, "status", f.Status)}
	}
	part.index = "ix_payment_views_updated"
	if len(f.Status) > 0 {
		part.index = "ix_payment_views_status"
	}
	return l, split(part, "status", f.Status)
}

// GatewayRecord returns the gateway's record of a payment as last seen, nil when
// there is none. It returns NotFound when the payment is missing or not the
// viewer's to see.
func (r *Reader) GatewayRecord(ctx context.Context, viewer Viewer, id shop.PaymentID) (shop.GatewayRecord, error) {
	if !payments.mayHold(string(id)) {
		return nil, shop.NoSuch(payments.thing)
	}
	query, args := mysql.SELECT(PaymentViews.UserID, PaymentViews.Pg, PaymentViews.Record).
		FROM(PaymentViews).WHERE(PaymentViews.ID.EQ(mysql.String(string(id)))).Sql()
	var owner shop.UserID
	var gateway shop.PG
	var record []byte
	err := r.current().QueryRowContext(ctx, query, args...).Scan(&owner, &gateway, &record)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && !viewer.maySee(owner)) {
		return nil, shop.NoSuch(payments.thing)
	}
	if err != nil {
		return nil, fmt.Errorf("read the record of %s: %w", id, err)
	}
	if record == nil {
		return nil, nil
	}
	return decodeRecord(gateway, record)
}

// GatewayRecords returns, for each payment, the gateway's record as last seen, nil where there is
// none. Who may see them is the caller's to know.
func (r *Reader) GatewayRecords(ctx context.Context, ids []shop.PaymentID) ([]shop.GatewayRecord, []error) {
	records, errs := make([]shop.GatewayRecord, len(ids)), make([]error, len(ids))
	in := make([]mysql.Expression, len(ids))
	for i, id := range ids {
		in[i] = mysql.String(string(id))
	}
	query, args := mysql.SELECT(PaymentViews.ID, PaymentViews.Pg, PaymentViews.Record).FROM(PaymentViews).
		WHERE(PaymentViews.ID.IN(in...).AND(PaymentViews.Record.IS_NOT_NULL())).Sql()
	found := make(map[shop.PaymentID]shop.GatewayRecord, len(ids))
	_, err := mysqldb.Collect(ctx, r.current(), func(rows *sql.Rows) (_ struct{}, err error) {
		var id shop.PaymentID
		var gateway shop.PG
		var record []byte
		if err = rows.Scan(&id, &gateway, &record); err == nil {
			found[id], err = decodeRecord(gateway, record)
		}
		return struct{}{}, err
	}, query, args...)
	if err != nil {
		err = fmt.Errorf("read the records of payments: %w", err)
	}
	for i, id := range ids {
		records[i], errs[i] = found[id], err
	}
	return records, errs
}

func decodeRecord(gateway shop.PG, record []byte) (shop.GatewayRecord, error) {
	if gateway == shop.PGKakao {
		return asRecord(decode[shop.KakaoRecord](record))
	}
	return asRecord(decode[shop.TossRecord](record))
}

// asRecord keeps a nil pointer from becoming a record that is not nil.
func asRecord[T shop.GatewayRecord](record T, err error) (shop.GatewayRecord, error) {
	if err != nil {
		return nil, err
	}
	return record, nil
}

// current is the database that is never behind.
func (r *Reader) current() *sql.DB {
	if r.Primary != nil {
		return r.Primary
	}
	return r.DB
}

package books

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/text"
	"payment-system/shop"
)

// LoadOrder reads an order with its lines. It returns NotFound when there is none.
func LoadOrder(ctx context.Context, q Reader, id shop.OrderID) (shop.Order, error) {
	if !text.IsASCII(string(id)) {
		return shop.Order{}, shop.NoSuch("order")
	}
	orders, err := mysqldb.Collect(ctx, q, scanOrder, selectOrders+` WHERE id = ?`, string(id))
	if err != nil {
		return shop.Order{}, fmt.Errorf("read order %s: %w", id, err)
	}
	if len(orders) == 0 {
		return shop.Order{}, shop.NoSuch("order")
	}
	lines, err := loadOrderLines(ctx, q, []string{string(id)})
	orders[0].Lines = lines[id]
	return orders[0], err
}

const selectOrders = `SELECT id, user_id, status, total, tax_free_total, placed_at, expires_at, paid_at, canceled_at,
	version FROM orders`

func scanOrder(rows *sql.Rows) (o shop.Order, err error) {
	return o, rows.Scan(&o.ID, &o.UserID, &o.Status, &o.Total, &o.TaxFreeTotal, &o.PlacedAt, &o.ExpiresAt, &o.PaidAt,
		&o.CanceledAt, &o.Version)
}

// loadOrderLines reads the lines of orders, each order's in their order.
func loadOrderLines(ctx context.Context, q Reader, ids []string) (map[shop.OrderID][]shop.OrderLine, error) {
	lines := make(map[shop.OrderID][]shop.OrderLine, len(ids))
	if len(ids) == 0 {
		return lines, nil
	}
	_, err := mysqldb.Collect(ctx, q, func(rows *sql.Rows) (_ struct{}, err error) {
		var id shop.OrderID
		var line shop.OrderLine
		err = rows.Scan(&id, &line.ProductID, &line.Name, &line.UnitPrice, &line.Quantity, &line.Amount, &line.TaxFree)
		lines[id] = append(lines[id], line)
		return struct{}{}, err
	}, `SELECT order_id, product_id, name, unit_price, quantity, amount, tax_free FROM order_lines
		WHERE order_id IN (`+marks(len(ids))+`) ORDER BY order_id, line`, anys(ids)...)
	if err != nil {
		return nil, fmt.Errorf("read order lines: %w", err)
	}
	return lines, nil
}

// An OrderChange is an order as it was read and as it is now.
type OrderChange struct{ Was, Now shop.Order }

var updatedOrders = updated{
	table: "orders", key: []string{"id"}, guards: []string{"version", "status"},
	columns: []string{"status", "expires_at", "paid_at", "canceled_at", "version"},
}

func orderValues(o shop.Order) []any {
	return []any{string(o.Status), o.ExpiresAt, orNil(o.PaidAt), orNil(o.CanceledAt), o.Version}
}

// SaveOrders writes what changed of orders, each if it still has the status and
// version that were read. It returns mysqldb.ErrStale when one has not.
func SaveOrders(ctx context.Context, w *mysqldb.Packet, changes []OrderChange) error {
	rows := make([]rowUpdate, len(changes))
	for i, c := range changes {
		rows[i] = rowUpdate{
			key: []any{string(c.Now.ID)}, guards: []any{c.Was.Version, string(c.Was.Status)},
			now: changedValues(orderValues(c.Was), orderValues(c.Now)),
		}
	}
	return wrapped("save orders", updatedOrders.write(ctx, w, rows))
}

// OrderEvent is an event of an order, as it left it.
func OrderEvent(order shop.Order, kind string, actor shop.Actor, note string, at time.Time) Event {
	return Event{
		AggregateID: string(order.ID),
		Version:     order.Version,
		Kind:        kind,
		Status:      string(order.Status),
		Actor:       actor,
		Note:        note,
		Aggregate:   order,
		At:          at,
	}
}

// DueOrders reads the unpaid orders whose time is over, the oldest up to a limit: not those
// of which a gateway is being asked, nor those that wait for a deposit.
func DueOrders(ctx context.Context, db *sql.DB, now time.Time, limit int) ([]shop.OrderID, error) {
	due, err := mysqldb.Collect(ctx, db, func(rows *sql.Rows) (id shop.OrderID, err error) { return id, rows.Scan(&id) },
		`SELECT o.id FROM orders o LEFT JOIN payments p ON p.order_id = o.id
		WHERE o.status = 'PLACED' AND o.expires_at <= ? AND (p.id IS NULL
			OR p.status NOT IN ('APPROVING', 'UNKNOWN', 'CANCELING', 'WAITING_FOR_DEPOSIT'))
		ORDER BY o.expires_at LIMIT ?`, now, limit)
	if err != nil {
		return nil, fmt.Errorf("read the orders to expire: %w", err)
	}
	return due, nil
}

// InsertOrders writes new orders and their lines, each table in one statement.
func InsertOrders(ctx context.Context, w *mysqldb.Packet, placed []shop.Order) error {
	if len(placed) == 0 {
		return nil
	}
	var orders, lines []any
	for _, o := range placed {
		orders = append(orders, string(o.ID), string(o.UserID), string(o.Status), int64(o.Total), int64(o.TaxFreeTotal),
			o.PlacedAt, o.ExpiresAt, o.Version)
		for i, line := range o.Lines {
			lines = append(lines, string(o.ID), i, string(line.ProductID), line.Name, int64(line.UnitPrice), line.Quantity,
				int64(line.Amount), line.TaxFree)
		}
	}
	_, err := w.ExecContext(ctx,
		`INSERT INTO orders (id, user_id, status, total, tax_free_total, placed_at, expires_at, version)
			VALUES `+mysqldb.Tuples(len(orders)/8, 8), orders...)
	if err != nil {
		return fmt.Errorf("insert orders: %w", err)
	}
	_, err = w.ExecContext(ctx,
		`INSERT INTO order_lines (order_id, line, product_id, name, unit_price, quantity, amount, tax_free)
			VALUES `+mysqldb.Tuples(len(lines)/8, 8), lines...)
	if err != nil {
		return fmt.Errorf("insert order lines: %w", err)
	}
	return nil
}

package books

import (
	"context"
	"database/sql"
	"errors"
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
	var order shop.Order
	row := q.QueryRowContext(ctx,
		`SELECT id, user_id, status, total, tax_free_total, placed_at, expires_at, paid_at, canceled_at, version FROM orders
			WHERE id = ?`, id)
	err := row.Scan(&order.ID, &order.UserID, &order.Status, &order.Total, &order.TaxFreeTotal,
		&order.PlacedAt, &order.ExpiresAt, &order.PaidAt, &order.CanceledAt, &order.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return shop.Order{}, shop.NoSuch("order")
	}
	if err != nil {
		return shop.Order{}, fmt.Errorf("read order %s: %w", id, err)
	}
	order.Lines, err = loadOrderLines(ctx, q, id)
	return order, err
}

func loadOrderLines(ctx context.Context, q Reader, id shop.OrderID) ([]shop.OrderLine, error) {
	rows, err := q.QueryContext(ctx,
		`SELECT product_id, name, unit_price, quantity, amount, tax_free FROM order_lines WHERE order_id = ? ORDER BY line`,
		id)
	if err != nil {
		return nil, fmt.Errorf("read the lines of order %s: %w", id, err)
	}
	defer rows.Close()
	var lines []shop.OrderLine
	for rows.Next() {
		var line shop.OrderLine
		if err := rows.Scan(&line.ProductID, &line.Name, &line.UnitPrice, &line.Quantity, &line.Amount,
			&line.TaxFree); err != nil {
			return nil, fmt.Errorf("read a line of order %s: %w", id, err)
		}
		lines = append(lines, line)
	}
	return lines, rows.Err()
}

// SaveOrder writes what may change of an order, if it still has the status and
// version given. It returns mysqldb.ErrStale when it has not.
func SaveOrder(ctx context.Context, tx *sql.Tx, order shop.Order, from shop.OrderStatus, version int) error {
	err := mysqldb.ExecOne(ctx, tx,
		`UPDATE orders SET status = ?, expires_at = ?, paid_at = ?, canceled_at = ?, version = ? WHERE id = ? AND status = ?
			AND version = ?`,
		string(order.Status), order.ExpiresAt, order.PaidAt, order.CanceledAt, order.Version, string(order.ID), string(from),
		version)
	if err != nil {
		return fmt.Errorf("save order %s: %w", order.ID, err)
	}
	return nil
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

// LockOrder is LoadOrder that keeps everybody else from changing the order, and its
// payment, until the transaction ends: whoever changes either takes this lock first.
func LockOrder(ctx context.Context, tx *sql.Tx, id shop.OrderID) (shop.Order, error) {
	if !text.IsASCII(string(id)) {
		return shop.Order{}, shop.NoSuch("order")
	}
	var found string
	err := tx.QueryRowContext(ctx, `SELECT id FROM orders WHERE id = ? FOR UPDATE`, id).Scan(&found)
	if isNoRows(err) {
		return shop.Order{}, shop.NoSuch("order")
	}
	if err != nil {
		return shop.Order{}, fmt.Errorf("hold order %s: %w", id, err)
	}
	return LoadOrder(ctx, tx, id)
}

// DueOrders reads the unpaid orders whose time is over, the oldest 200: not those
// of which a gateway is being asked, nor those that wait for a deposit.
func DueOrders(ctx context.Context, db *sql.DB, now time.Time) ([]shop.OrderID, error) {
	due, err := mysqldb.Collect(ctx, db, func(rows *sql.Rows) (id shop.OrderID, err error) { return id, rows.Scan(&id) },
		`SELECT o.id FROM orders o LEFT JOIN payments p ON p.order_id = o.id
		WHERE o.status = 'PLACED' AND o.expires_at <= ? AND (p.id IS NULL
			OR p.status NOT IN ('APPROVING', 'UNKNOWN', 'CANCELING', 'WAITING_FOR_DEPOSIT'))
		ORDER BY o.expires_at LIMIT 200`, now)
	if err != nil {
		return nil, fmt.Errorf("read the orders to expire: %w", err)
	}
	return due, nil
}

// InsertOrders writes new orders and their lines, each table in one statement.
func InsertOrders(ctx context.Context, tx *sql.Tx, placed []shop.Order) error {
	var orders, lines []any
	for _, o := range placed {
		orders = append(orders, string(o.ID), string(o.UserID), string(o.Status), int64(o.Total), int64(o.TaxFreeTotal),
			o.PlacedAt, o.ExpiresAt, o.Version)
		for i, line := range o.Lines {
			lines = append(lines, string(o.ID), i, string(line.ProductID), line.Name, int64(line.UnitPrice), line.Quantity,
				int64(line.Amount), line.TaxFree)
		}
	}
	_, err := tx.ExecContext(ctx,
		`INSERT INTO orders (id, user_id, status, total, tax_free_total, placed_at, expires_at, version)
			VALUES `+tuples(len(orders)/8, 8), orders...)
	if err != nil {
		return fmt.Errorf("insert orders: %w", err)
	}
	_, err = tx.ExecContext(ctx,
		`INSERT INTO order_lines (order_id, line, product_id, name, unit_price, quantity, amount, tax_free)
			VALUES `+tuples(len(lines)/8, 8), lines...)
	if err != nil {
		return fmt.Errorf("insert order lines: %w", err)
	}
	return nil
}

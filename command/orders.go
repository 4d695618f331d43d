package command

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// loadOrder reads an order with its lines. It returns NotFound when there is none.
func loadOrder(ctx context.Context, q querier, id shop.OrderID) (shop.Order, error) {
	if !isASCII(string(id)) {
		return shop.Order{}, shop.NoSuch("order")
	}
	var order shop.Order
	row := q.QueryRowContext(ctx, `SELECT id, user_id, status, total, tax_free_total, placed_at, expires_at, paid_at, canceled_at, version FROM orders WHERE id = ?`, id)
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

func loadOrderLines(ctx context.Context, q querier, id shop.OrderID) ([]shop.OrderLine, error) {
	rows, err := q.QueryContext(ctx, `SELECT product_id, name, unit_price, quantity, amount, tax_free FROM order_lines WHERE order_id = ? ORDER BY line`, id)
	if err != nil {
		return nil, fmt.Errorf("read the lines of order %s: %w", id, err)
	}
	defer rows.Close()
	var lines []shop.OrderLine
	for rows.Next() {
		var line shop.OrderLine
		if err := rows.Scan(&line.ProductID, &line.Name, &line.UnitPrice, &line.Quantity, &line.Amount, &line.TaxFree); err != nil {
			return nil, fmt.Errorf("read a line of order %s: %w", id, err)
		}
		lines = append(lines, line)
	}
	return lines, rows.Err()
}

// saveOrder writes what may change of an order, if it still has the status and
// version given. It returns mysqldb.ErrStale when it has not.
func saveOrder(ctx context.Context, tx *sql.Tx, order shop.Order, from shop.OrderStatus, version int) error {
	err := mysqldb.ExecOne(ctx, tx, `UPDATE orders SET status = ?, expires_at = ?, paid_at = ?, canceled_at = ?, version = ? WHERE id = ? AND status = ? AND version = ?`,
		string(order.Status), order.ExpiresAt, order.PaidAt, order.CanceledAt, order.Version, string(order.ID), string(from), version)
	if err != nil {
		return fmt.Errorf("save order %s: %w", order.ID, err)
	}
	return nil
}

// orderFact is an event of an order, as it left it.
func orderFact(order shop.Order, kind string, actor shop.Actor, note string, at time.Time) fact {
	return fact{
		aggregateID: string(order.ID),
		version:     order.Version,
		kind:        kind,
		status:      string(order.Status),
		actor:       actor,
		note:        note,
		aggregate:   order,
		at:          at,
	}
}

package books

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// SellStock makes the units that an order holds sold. It returns the ids of the
// products it touched, and mysqldb.ErrStale when fewer units are held.
func SellStock(ctx context.Context, tx *sql.Tx, order shop.Order, actor shop.Actor, at time.Time) (ids []string,
	err error,
) {
	return moveStock(ctx, tx, order, shop.KindStockSold, actor, at)
}

// ReleaseStock gives the units that an order holds back to the shelf. It
// returns the ids of the products it touched, and mysqldb.ErrStale when fewer
// units are held.
func ReleaseStock(ctx context.Context, tx *sql.Tx, order shop.Order, actor shop.Actor, at time.Time) (ids []string,
	err error,
) {
	return moveStock(ctx, tx, order, shop.KindStockReleased, actor, at)
}

// ReturnStock puts the units sold to an order back on the shelf. It returns the
// ids of the products it touched, and mysqldb.ErrStale when fewer were sold.
func ReturnStock(ctx context.Context, tx *sql.Tx, order shop.Order, actor shop.Actor, at time.Time) (ids []string,
	err error,
) {
	return moveStock(ctx, tx, order, shop.KindStockReturned, actor, at)
}

// stockMoves holds, for each kind of event, the statement that moves units of
// one product: the number of them twice, the product, the number again.
var stockMoves = map[string]string{
	shop.KindStockReserved: `UPDATE stock SET available = available - ?, reserved = reserved + ?, version = version + 1
		WHERE product_id = ? AND available >= ?`,
	shop.KindStockSold: `UPDATE stock SET reserved = reserved - ?, sold = sold + ?, version = version + 1
		WHERE product_id = ? AND reserved >= ?`,
	shop.KindStockReleased: `UPDATE stock SET reserved = reserved - ?, available = available + ?, version = version + 1
		WHERE product_id = ? AND reserved >= ?`,
	shop.KindStockReturned: `UPDATE stock SET sold = sold - ?, available = available + ?, version = version + 1
		WHERE product_id = ? AND sold >= ?`,
}

// moveStock moves the units of an order's lines and records each product's
// event. Products go in order of their ids, so that two orders never wait for
// each other.
func moveStock(ctx context.Context, tx *sql.Tx, order shop.Order, kind string, actor shop.Actor,
	at time.Time,
) ([]string, error) {
	quantities := map[shop.ProductID]int{}
	for _, line := range order.Lines {
		quantities[line.ProductID] += line.Quantity
	}
	ids := slices.Sorted(maps.Keys(quantities))
	for _, id := range ids {
		n := quantities[id]
		if err := mysqldb.ExecOne(ctx, tx, stockMoves[kind], n, n, string(id), n); err != nil {
			return nil, fmt.Errorf("move %d units of %s (%s): %w", n, id, kind, err)
		}
	}
	products, err := loadProducts(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	touched := make([]string, len(ids))
	events := make([]Event, len(ids))
	for i, id := range ids {
		touched[i] = string(id)
		events[i] = ProductEvent(products[id], kind, actor, string(order.ID), at)
	}
	return touched, Append(ctx, tx, events...)
}

// HoldStock reserves the units taken of each product, all in one statement. It
// returns mysqldb.ErrStale when a product has less than that.
func HoldStock(ctx context.Context, tx *sql.Tx, taken map[shop.ProductID]int) error {
	ids := slices.Sorted(maps.Keys(taken))
	units := "CASE product_id" + strings.Repeat(" WHEN ? THEN ?", len(ids)) + " END"
	var cases []any
	for _, id := range ids {
		cases = append(cases, string(id), taken[id])
	}
	args := slices.Concat(cases, cases, anys(ids), cases)
	result, err := tx.ExecContext(ctx, `UPDATE stock SET available = available - `+units+`, reserved = reserved + `+units+
		`, version = version + 1 WHERE product_id IN (`+marks(len(ids))+`) AND available >= `+units, args...)
	if err != nil {
		return fmt.Errorf("hold stock: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || int(n) != len(ids) {
		return fmt.Errorf("hold stock of %d products: %w", len(ids), errors.Join(err, mysqldb.ErrStale))
	}
	return nil
}

package command

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

// sellStock makes the units that an order holds sold. It returns the ids of the
// products it touched, and mysqldb.ErrStale when fewer units are held.
func sellStock(ctx context.Context, tx *sql.Tx, order shop.Order, actor shop.Actor, at time.Time) (ids []string, err error) {
	return moveStock(ctx, tx, order, shop.KindStockSold, actor, at)
}

// releaseStock gives the units that an order holds back to the shelf. It
// returns the ids of the products it touched, and mysqldb.ErrStale when fewer
// units are held.
func releaseStock(ctx context.Context, tx *sql.Tx, order shop.Order, actor shop.Actor, at time.Time) (ids []string, err error) {
	return moveStock(ctx, tx, order, shop.KindStockReleased, actor, at)
}

// returnStock puts the units sold to an order back on the shelf. It returns the
// ids of the products it touched, and mysqldb.ErrStale when fewer were sold.
func returnStock(ctx context.Context, tx *sql.Tx, order shop.Order, actor shop.Actor, at time.Time) (ids []string, err error) {
	return moveStock(ctx, tx, order, shop.KindStockReturned, actor, at)
}

// stockMoves holds, for each kind of event, the statement that moves units of
// one product: the number of them twice, the product, the number again.
var stockMoves = map[string]string{
	shop.KindStockReserved: `UPDATE stock SET available = available - ?, reserved = reserved + ?, version = version + 1 WHERE product_id = ? AND available >= ?`,
	shop.KindStockSold:     `UPDATE stock SET reserved = reserved - ?, sold = sold + ?, version = version + 1 WHERE product_id = ? AND reserved >= ?`,
	shop.KindStockReleased: `UPDATE stock SET reserved = reserved - ?, available = available + ?, version = version + 1 WHERE product_id = ? AND reserved >= ?`,
	shop.KindStockReturned: `UPDATE stock SET sold = sold - ?, available = available + ?, version = version + 1 WHERE product_id = ? AND sold >= ?`,
}

// moveStock moves the units of an order's lines and records each product's
// event. Products go in order of their ids, so that two orders never wait for
// each other.
func moveStock(ctx context.Context, tx *sql.Tx, order shop.Order, kind string, actor shop.Actor, at time.Time) ([]string, error) {
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
	facts := make([]fact, len(ids))
	for i, id := range ids {
		touched[i] = string(id)
		facts[i] = productFact(products[id], kind, actor, string(order.ID), at)
	}
	return touched, record(ctx, tx, facts...)
}

// A shelf is the stock that a group finds, and what its orders took so far.
type stockOnHand struct {
	products map[shop.ProductID]shop.Product
	taken    map[shop.ProductID]int
	holders  map[shop.ProductID][]shop.OrderID
}

// serve lets each pending order, first come first served, have all it asks for or
// nothing. It returns those that got an order; two of the same key share one.
func (s *stockOnHand) serve(group []*pendingOrder, at, expires time.Time) []*pendingOrder {
	var placed []*pendingOrder
	first := map[keyName]*pendingOrder{}
	for _, pending := range group {
		if earlier := first[pending.req.name()]; earlier != nil {
			pending.placed, pending.err = earlier.placed, nil
			if earlier.req.hash != pending.req.hash {
				pending.refuse(mismatch())
			}
			continue
		}
		order, err := s.order(pending)
		if err != nil {
			pending.refuse(err)
			continue
		}
		order.PlacedAt, order.ExpiresAt = at, expires
		pending.placed, pending.err = shop.OrderPlaced{Order: order}, nil
		first[pending.req.name()] = pending
		placed = append(placed, pending)
	}
	return placed
}

// order prices a pending order, and takes its units when there are enough of each.
func (s *stockOnHand) order(pending *pendingOrder) (shop.Order, error) {
	order := shop.Order{ID: pending.id, UserID: pending.cmd.By.UserID, Status: shop.OrderStatusPlaced, Version: 1}
	for i, line := range pending.cmd.Lines {
		product, ok := s.products[line.ProductID]
		if !ok {
			return order, noSuchProduct(i)
		}
		order.Lines = append(order.Lines, shop.OrderLine{
			ProductID: product.ID,
			Name:      product.Name,
			UnitPrice: product.Price,
			Quantity:  line.Quantity,
			TaxFree:   product.TaxFree,
		})
	}
	if err := order.Sum(); err != nil {
		return order, err
	}
	if short := s.short(order); short != nil {
		return order, &shop.Error{Code: shop.SoldOut, Message: "There is not enough stock.", Details: map[string]any{"lines": short}}
	}
	for _, line := range order.Lines {
		s.taken[line.ProductID] += line.Quantity
		s.holders[line.ProductID] = append(s.holders[line.ProductID], order.ID)
	}
	return order, nil
}

// short lists the lines that ask for more than is left, or nil.
func (s *stockOnHand) short(order shop.Order) []map[string]any {
	var lines []map[string]any
	for _, line := range order.Lines {
		if left := s.products[line.ProductID].Stock - s.taken[line.ProductID]; line.Quantity > left {
			lines = append(lines, map[string]any{"productId": line.ProductID, "requested": line.Quantity, "available": left})
		}
	}
	return lines
}

// hold reserves what was taken, all products in one statement. It returns
// mysqldb.ErrStale when a product has less than that.
func (s *stockOnHand) hold(ctx context.Context, tx *sql.Tx) error {
	ids := slices.Sorted(maps.Keys(s.taken))
	units := "CASE product_id" + strings.Repeat(" WHEN ? THEN ?", len(ids)) + " END"
	var cases []any
	for _, id := range ids {
		cases = append(cases, string(id), s.taken[id])
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

// facts are the events of the products that units were taken of: one each,
// however many orders took some.
func (s *stockOnHand) facts(at time.Time) []fact {
	facts := make([]fact, 0, len(s.taken))
	for _, id := range slices.Sorted(maps.Keys(s.taken)) {
		product := s.products[id]
		product.Stock -= s.taken[id]
		product.Reserved += s.taken[id]
		product.Version++
		note := string(s.holders[id][0])
		if others := len(s.holders[id]) - 1; others > 0 {
			note = fmt.Sprintf("%s and %d more orders", note, others)
		}
		facts = append(facts, productFact(product, shop.KindStockReserved, shop.ActorShopper, note, at))
	}
	return facts
}

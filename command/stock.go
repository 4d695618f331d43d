package command

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"payment-system/command/books"
	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// stockOnHand is the stock that a group finds, and what its members made of it so far.
type stockOnHand struct {
	was, products map[shop.ProductID]shop.Product
	moved         []stockMoved
}

// A stockMoved is what became of one product's units in one way: one event, however many
// orders had a part in it.
type stockMoved struct {
	kind   string
	actor  shop.Actor
	after  shop.Product
	orders []shop.OrderID
}

// stockKinds are the ways in which units move, in the order in which a group moves them:
// what comes back is there for those who want to order it.
var stockKinds = []string{
	shop.KindStockSold, shop.KindStockReleased, shop.KindStockReturned, shop.KindStockReserved,
}

// takeStock locks the products that members need, moves the units of the orders that were
// decided about, and then lets each order that is to be placed have all it asks for or
// nothing, first come first served.
func (g *group) takeStock(ctx context.Context, tx *sql.Tx) error {
	for _, d := range g.going() {
		if d.place != nil {
			d.place.answerKnown(d)
		}
	}
	found, err := g.lockProducts(ctx, tx)
	if err != nil {
		return err
	}
	g.stock = stockOnHand{was: found, products: maps.Clone(found)}
	g.leaveOut(found)
	for _, kind := range stockKinds {
		for _, d := range g.going() {
			switch {
			case d.c != nil && slices.Contains(d.c.moves, kind):
				d.err = g.stock.move(d.c.order, kind, d.actor)
			case d.place != nil && d.place.isNew && kind == shop.KindStockReserved:
				d.err = d.alone(func() error { return d.place.price(&g.stock, g.now, g.h.OrderHold) })
			}
		}
	}
	return nil
}

// lockProducts locks and reads the products that members need: all at once, in order of their ids, with the load when
// they were foreseen. One that was not has the group run again, and ask for them all when it knows them.
func (g *group) lockProducts(ctx context.Context, tx *sql.Tx) (map[shop.ProductID]shop.Product, error) {
	ids := g.products()
	if len(g.ahead) == 0 {
		return books.LockProducts(ctx, tx, ids, g.patience)
	}
	for _, id := range ids {
		if _, foreseen := slices.BinarySearch(g.ahead, id); !foreseen {
			g.asked = true
			return nil, fmt.Errorf("product %s was not foreseen: %w", id, mysqldb.ErrStale)
		}
	}
	return g.loaded.Products, nil
}

// foreseen are the products whose units members will probably move, in order of their ids: none when it is not known of
// all who may move some.
func (g *group) foreseen(lines map[shop.OrderID][]shop.OrderLine) []shop.ProductID {
	if g.asked {
		return nil
	}
	var ids []shop.ProductID
	for _, d := range g.members {
		switch {
		case d.place != nil:
			ids = append(ids, d.place.products()...)
		case d.moves && lines[d.order] == nil:
			return nil
		case d.moves:
			ids = append(ids, productsOf(lines[d.order])...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// products are the products whose units members move, in order of their ids.
func (g *group) products() []shop.ProductID {
	var ids []shop.ProductID
	for _, d := range g.going() {
		ids = append(ids, d.needs()...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// needs are the products whose units it moves.
func (d *decision) needs() []shop.ProductID {
	switch {
	case d.place != nil && d.place.isNew:
		return d.place.products()
	case d.c != nil && len(d.c.moves) > 0:
		return productsOf(d.c.order.Lines)
	default:
		return nil
	}
}

// productsOf are the products of an order, a line each.
func productsOf(lines []shop.OrderLine) []shop.ProductID {
	ids := make([]shop.ProductID, len(lines))
	for i, line := range lines {
		ids[i] = line.ProductID
	}
	return ids
}

// leaveOut takes those members out whose products are not there.
func (g *group) leaveOut(found map[shop.ProductID]shop.Product) {
	for _, d := range g.going() {
		for i, id := range d.needs() {
			if _, ok := found[id]; !ok {
				g.miss(d, string(id), noSuchProduct(i))
				break
			}
		}
	}
}

// quantitiesOf are the units of each product of an order.
func quantitiesOf(order shop.Order) map[shop.ProductID]int {
	quantities := make(map[shop.ProductID]int, len(order.Lines))
	for _, line := range order.Lines {
		quantities[line.ProductID] += line.Quantity
	}
	return quantities
}

// move moves all units of an order, or none: it returns mysqldb.ErrStale when fewer are
// there to be moved.
func (s *stockOnHand) move(order shop.Order, kind string, actor shop.Actor) error {
	quantities := quantitiesOf(order)
	after := make(map[shop.ProductID]shop.Product, len(quantities))
	for id, n := range quantities {
		product := s.products[id]
		switch kind {
		case shop.KindStockSold:
			product.Reserved, product.Sold = product.Reserved-n, product.Sold+n
		case shop.KindStockReleased:
			product.Reserved, product.Stock = product.Reserved-n, product.Stock+n
		case shop.KindStockReturned:
			product.Sold, product.Stock = product.Sold-n, product.Stock+n
		case shop.KindStockReserved:
			product.Stock, product.Reserved = product.Stock-n, product.Reserved+n
		}
		if product.Stock < 0 || product.Reserved < 0 || product.Sold < 0 {
			return fmt.Errorf("move %d units of %s (%s) of order %s: %w", n, id, kind, order.ID, mysqldb.ErrStale)
		}
		after[id] = product
	}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		s.note(after[id], kind, actor, order.ID)
	}
	return nil
}

// note keeps what a product is like after a move. The first move of a kind gives it
// another version, and those that follow have a part in that.
func (s *stockOnHand) note(after shop.Product, kind string, actor shop.Actor, order shop.OrderID) {
	for i := range s.moved {
		if m := &s.moved[i]; m.kind == kind && m.after.ID == after.ID {
			m.after, m.orders = after, append(m.orders, order)
			s.products[after.ID] = after
			return
		}
	}
	after.Version++
	s.products[after.ID] = after
	s.moved = append(s.moved, stockMoved{kind: kind, actor: actor, after: after, orders: []shop.OrderID{order}})
}

// short lists the lines that ask for more than is left, or nil.
func (s *stockOnHand) short(order shop.Order) []map[string]any {
	var lines []map[string]any
	for _, line := range order.Lines {
		if left := s.products[line.ProductID].Stock; line.Quantity > left {
			lines = append(lines, map[string]any{"productId": line.ProductID, "requested": line.Quantity, "available": left})
		}
	}
	return lines
}

// changes are the products whose stock has changed.
func (s *stockOnHand) changes() []books.StockChange {
	var changes []books.StockChange
	for id, product := range s.products {
		if was := s.was[id]; was != product {
			changes = append(changes, books.StockChange{Was: was, Now: product})
		}
	}
	return changes
}

// events are the events of the products whose units were moved.
func (s *stockOnHand) events(at time.Time) []books.Event {
	events := make([]books.Event, len(s.moved))
	for i, m := range s.moved {
		note := string(m.orders[0])
		if others := len(m.orders) - 1; others > 0 {
			note = fmt.Sprintf("%s and %d more orders", note, others)
		}
		events[i] = books.ProductEvent(m.after, m.kind, m.actor, note, at)
	}
	return events
}

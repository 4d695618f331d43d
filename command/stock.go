package command

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"payment-system/command/books"
	"payment-system/shop"
)

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
	first := map[books.KeyName]*pendingOrder{}
	for _, pending := range group {
		if earlier := first[pending.req.Name()]; earlier != nil {
			pending.placed, pending.err = earlier.placed, nil
			if earlier.req.Hash != pending.req.Hash {
				pending.refuse(books.Mismatch())
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
		first[pending.req.Name()] = pending
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
		return order, &shop.Error{
			Code: shop.SoldOut, Message: "There is not enough stock.",
			Details: map[string]any{"lines": short},
		}
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

// events are the events of the products that units were taken of: one each,
// however many orders took some.
func (s *stockOnHand) events(at time.Time) []books.Event {
	events := make([]books.Event, 0, len(s.taken))
	for _, id := range slices.Sorted(maps.Keys(s.taken)) {
		product := s.products[id]
		product.Stock -= s.taken[id]
		product.Reserved += s.taken[id]
		product.Version++
		note := string(s.holders[id][0])
		if others := len(s.holders[id]) - 1; others > 0 {
			note = fmt.Sprintf("%s and %d more orders", note, others)
		}
		events = append(events, books.ProductEvent(product, shop.KindStockReserved, shop.ActorShopper, note, at))
	}
	return events
}

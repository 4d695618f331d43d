package command

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"payment-system/command/books"
	"payment-system/shop"
)

// groupTimeout bounds what a group may take, whoever waits for it.
const groupTimeout = 30 * time.Second

// commitOrders commits group after group until nobody waits.
func (h *Handler) commitOrders() {
	for group := h.orders.next(); group != nil; group = h.orders.next() {
		// A shopper who hangs up must not stop the others' orders.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(group[0].ctx), groupTimeout)
		h.placeGroup(ctx, group)
		// The next group need not wait until the read models show this one.
		h.background.Start(func() {
			defer cancel()
			h.answerGroup(ctx, group)
		})
	}
}

// placeGroup places a group's orders in one transaction, under the locks of all
// its products. When the group is refused as a whole for something that one of
// its orders brought along, each is placed by itself.
func (h *Handler) placeGroup(ctx context.Context, group []*pendingOrder) {
	err := h.tryGroup(ctx, group)
	switch {
	case err == nil:
	case len(group) == 1 || shop.CodeOf(err) == shop.Unavailable:
		for _, pending := range group {
			pending.refuse(err)
		}
	default:
		for i := range group {
			h.placeGroup(ctx, group[i:i+1])
		}
	}
}

func (h *Handler) tryGroup(ctx context.Context, group []*pendingOrder) error {
	defer h.Locks.Lock(ctx, lockKeys(group)...)()
	return books.KeyedTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) error {
		return h.placeOrders(ctx, tx, group)
	})
}

// answerGroup lets everybody go whose order the read models show.
func (h *Handler) answerGroup(ctx context.Context, group []*pendingOrder) {
	touched := map[string]bool{}
	for _, pending := range group {
		if pending.err != nil {
			continue
		}
		touched[string(pending.placed.Order.ID)] = true
		for _, line := range pending.placed.Order.Lines {
			touched[string(line.ProductID)] = true
		}
	}
	if len(touched) > 0 {
		h.Projector.Project(ctx, slices.Sorted(maps.Keys(touched))...)
	}
	for _, pending := range group {
		close(pending.ready)
	}
}

func lockKeys(group []*pendingOrder) []string {
	ids := productsOf(group)
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = lockKey(string(id))
	}
	return keys
}

// productsOf returns the products that a group asks for, in order of their ids.
func productsOf(group []*pendingOrder) []shop.ProductID {
	ids := map[shop.ProductID]bool{}
	for _, pending := range group {
		for _, line := range pending.cmd.Lines {
			ids[line.ProductID] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// placeOrders decides on each pending order and writes what the group can have. It may
// run again, and then decides anew.
func (h *Handler) placeOrders(ctx context.Context, tx *sql.Tx, group []*pendingOrder) error {
	fresh, err := answerKnown(ctx, tx, group)
	if err != nil || len(fresh) == 0 {
		return err
	}
	products, err := books.LockProducts(ctx, tx, productsOf(fresh))
	if err != nil {
		return err
	}
	stock := &stockOnHand{
		products: products, taken: map[shop.ProductID]int{},
		holders: map[shop.ProductID][]shop.OrderID{},
	}
	at := h.now()
	placed := stock.serve(fresh, at, at.Add(h.OrderHold))
	if len(placed) == 0 {
		return nil
	}
	if err := books.InsertReceipts(ctx, tx, receiptsOf(placed), at); err != nil {
		return err
	}
	if err := books.HoldStock(ctx, tx, stock.taken); err != nil {
		return err
	}
	if err := books.InsertOrders(ctx, tx, ordersOf(placed)); err != nil {
		return err
	}
	return books.Append(ctx, tx, append(stock.events(at), orderEvents(placed, at)...)...)
}

// answerKnown answers the pending orders whose keys are stored, and returns the others.
// A key that is stored a moment later is found by InsertReceipts.
func answerKnown(ctx context.Context, tx *sql.Tx, group []*pendingOrder) ([]*pendingOrder, error) {
	found, err := books.FindReceipts(ctx, tx, requestsOf(group))
	if err != nil {
		return nil, err
	}
	var fresh []*pendingOrder
	for _, pending := range group {
		known, ok := found[pending.req.Name()]
		switch {
		case !ok:
			fresh = append(fresh, pending)
		case known.Hash != pending.req.Hash:
			pending.refuse(books.Mismatch())
		default:
			pending.placed = shop.OrderPlaced{}
			pending.err = known.DecodeInto(&pending.placed)
		}
	}
	return fresh, nil
}

func orderEvents(placed []*pendingOrder, at time.Time) []books.Event {
	events := make([]books.Event, len(placed))
	for i, pending := range placed {
		events[i] = books.OrderEvent(pending.placed.Order, shop.KindOrderPlaced, shop.ActorShopper, "", at)
	}
	return events
}

func ordersOf(placed []*pendingOrder) []shop.Order {
	orders := make([]shop.Order, len(placed))
	for i, pending := range placed {
		orders[i] = pending.placed.Order
	}
	return orders
}

func requestsOf(group []*pendingOrder) []books.Request {
	requests := make([]books.Request, len(group))
	for i, pending := range group {
		requests[i] = pending.req
	}
	return requests
}

func receiptsOf(placed []*pendingOrder) []books.Answered {
	answered := make([]books.Answered, len(placed))
	for i, pending := range placed {
		answered[i] = books.Answered{Request: pending.req, Subject: string(pending.id), Response: pending.placed}
	}
	return answered
}

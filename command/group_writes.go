package command

import (
	"context"
	"slices"

	"payment-system/command/books"
	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// writes are the rows that a group writes.
type writes struct {
	opened   []shop.Order
	orders   []books.OrderChange
	payments []books.PaymentChange
	records  []books.RecordChange
	ofRecord []*decision // whose record each is
	keys     []books.KeyWrite
	answers  []books.KeyWrite
	events   []books.Event
}

// change adds what changed of an order and its payment.
func (w *writes) change(c *change) {
	if c.order.Version != c.orderWas.Version {
		w.orders = append(w.orders, books.OrderChange{Was: c.orderWas, Now: c.order})
	}
	if c.payment.Version != c.paymentWas.Version || len(c.lookUps) > 0 ||
		!slices.Equal(c.payment.Attempts, c.paymentWas.Attempts) {
		payment := books.PaymentChange{Was: c.paymentWas, Now: c.payment}
		for _, next := range c.lookUps {
			payment.LookUps = append(payment.LookUps, c.scheduled(next))
		}
		w.payments = append(w.payments, payment)
	}
	if c.record != nil {
		w.records, w.ofRecord = append(w.records, *c.record), append(w.ofRecord, c.decision)
	}
	w.keys = append(w.keys, c.keys...)
	w.answers = append(w.answers, c.answers...)
	w.events = append(w.events, c.events...)
}

// placement adds an order that is new.
func (w *writes) placement(d *decision) {
	p := d.place
	w.opened = append(w.opened, p.placed.Order)
	w.keys = append(w.keys, books.KeyWrite{Request: p.req, Subject: string(p.id), Response: p.response})
	w.events = append(w.events,
		books.OrderEvent(p.placed.Order, shop.KindOrderPlaced, shop.ActorShopper, "", p.placed.Order.PlacedAt))
}

// save writes each table once.
func (w *writes) save(ctx context.Context, packet *mysqldb.Packet, g *group) error {
	if err := books.SaveOrders(ctx, packet, w.orders); err != nil {
		return err
	}
	if err := books.InsertOrders(ctx, packet, w.opened); err != nil {
		return err
	}
	if err := books.SavePayments(ctx, packet, w.payments); err != nil {
		return err
	}
	if err := w.saveRecords(ctx, packet, g); err != nil {
		return err
	}
	if err := books.SaveStock(ctx, packet, g.stock.changes()); err != nil {
		return err
	}
	if err := books.InsertKeys(ctx, packet, w.keys, g.now); err != nil {
		return err
	}
	return books.FinishKeys(ctx, packet, w.answers)
}

// saveRecords keeps what only the gateways know. A record that the books have no room for
// must not keep the money out of them: the group runs again without it.
func (w *writes) saveRecords(ctx context.Context, packet *mysqldb.Packet, g *group) error {
	g.records = make(map[shop.AttemptID][]byte, len(w.records))
	for _, record := range w.records {
		g.records[record.AttemptID] = record.Body
	}
	err := books.SaveRecords(ctx, packet, w.records)
	if !books.HasNoRoom(err) {
		return err
	}
	for i, record := range w.records {
		if err := books.SaveRecords(ctx, packet, []books.RecordChange{record}); books.HasNoRoom(err) {
			w.ofRecord[i].recordless = true
			g.h.Logger.ErrorContext(ctx, "gateway's record not kept", "attempt_id", string(record.AttemptID), "error", err)
		}
	}
	return errNoRoom
}

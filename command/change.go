package command

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"payment-system/command/books"
	"payment-system/internal/text"
	"payment-system/shop"
)

// A change is one order and its payment, kept by the lock of the order's row, and what a
// decision makes of them.
type change struct {
	decision *decision
	now      time.Time
	actor    shop.Actor
	by       shop.UserID // the operator who does it, "" for nobody

	order   shop.Order
	payment shop.Payment // its ID is "" when the order has none yet
	events  []books.Event
	touched []string // what is to be shown though no event of this change tells of it
	lookUps []nextLookUp
	moves   []string // kinds of events of stock: what becomes of the order's units
	record  *books.RecordChange
	keys    []books.KeyWrite // to be stored
	answers []books.KeyWrite // to be stored under keys that are
	cases   []OpenCase
	overdue []shop.AttemptID // that want a case, unless the gateway has told by now
	heardOf shop.AttemptID   // whose state at the gateway the change records, "" for nobody's

	orderWas   shop.Order
	paymentWas shop.Payment
	receipts   map[books.KeyName]books.Receipt
	kept       []byte // the gateway's record of the decision's attempt, nil for none
}

func newChange(held books.Held, d *decision, loaded books.Loaded, now time.Time) *change {
	c := &change{
		decision: d, now: now, actor: d.actor, by: d.by, order: held.Order, payment: held.Payment,
		orderWas: held.Order, paymentWas: held.Payment, receipts: loaded.Receipts, kept: loaded.Records[d.attempt],
	}
	c.paymentWas.Attempts = slices.Clone(held.Payment.Attempts)
	c.paymentWas.Refunds = slices.Clone(held.Payment.Refunds)
	return c
}

// A nextLookUp says when the resolver is to look an attempt up next.
type nextLookUp struct {
	attempt shop.AttemptID
	when    lookUpTime
}

// A lookUpTime is when an attempt is looked up next: never, or at a moment.
type lookUpTime struct{ moment time.Time }

// never says that nothing is left to find out.
var never = lookUpTime{}

// at says to look an attempt up at a moment.
func at(moment time.Time) lookUpTime { return lookUpTime{moment} }

// changeOrder has do change an order and its payment: it is told what the books hold, and
// what it changes is written, with its events, in one transaction with whatever else is
// decided at that moment. The closure may run again: it must assign, never append. The
// keys are those that it may look for. When the read models show the change, it is
// returned as it was committed.
func (h *Handler) changeOrder(ctx context.Context, id shop.OrderID, by shop.Caller, do func(*change) error,
	keys ...books.Request,
) (*change, error) {
	return h.show(ctx, &decision{order: id, actor: by.Actor, by: by.OperatorID(), do: do, keys: keys})
}

// changePayment is changeOrder by the payment's id, for who is no person.
func (h *Handler) changePayment(ctx context.Context, id shop.PaymentID, actor shop.Actor, do func(*change) error,
) (shop.Payment, error) {
	return h.changePaymentBy(ctx, id, shop.Caller{Actor: actor}, do)
}

// changePaymentBy is changeOrder by the payment's id.
func (h *Handler) changePaymentBy(ctx context.Context, id shop.PaymentID, by shop.Caller, do func(*change) error,
) (shop.Payment, error) {
	c, err := h.stepOf(ctx, id, &decision{actor: by.Actor, by: by.OperatorID(), do: do})
	if err != nil {
		return shop.Payment{}, err
	}
	c.decision.shown(ctx)
	return c.payment, nil
}

// show has a decision about an order committed, and waits until the read models show it:
// whoever is answered finds it there.
func (h *Handler) show(ctx context.Context, d *decision) (*change, error) {
	c, err := h.step(ctx, d)
	if err == nil {
		d.shown(ctx)
	}
	return c, err
}

// step is show for a step of a flow that goes on: nobody is answered yet, and the read
// models follow meanwhile.
func (h *Handler) step(ctx context.Context, d *decision) (*change, error) {
	if !text.IsASCII(string(d.order)) {
		return nil, shop.NoSuch("order")
	}
	if err := h.decide(ctx, d); err != nil {
		return nil, err
	}
	return d.c, nil
}

// stepOf is step by the payment's id.
func (h *Handler) stepOf(ctx context.Context, id shop.PaymentID, d *decision) (*change, error) {
	order, err := h.orderOf(ctx, id)
	if err != nil {
		return nil, err
	}
	d.order = order
	return h.step(ctx, d)
}

// paymentEvent notes that the payment has just changed.
func (c *change) paymentEvent(kind, note string) error {
	payload, err := json.Marshal(c.payment)
	if err != nil {
		return fmt.Errorf("encode payment %s: %w", c.payment.ID, err)
	}
	c.events = append(c.events, books.Event{
		AggregateID: string(c.payment.ID), Version: c.payment.Version, Kind: kind, Status: string(c.payment.Status),
		Actor: c.actor, By: c.by, Note: note, Aggregate: json.RawMessage(payload), At: c.now,
	})
	return nil
}

// note records something that leaves the payment's state as it is, by an event
// of the kind given.
func (c *change) note(kind, note string) error {
	if err := c.payment.Apply(kind, c.now); err != nil {
		return err
	}
	return c.paymentEvent(kind, note)
}

// orderEvent notes that the order has just changed.
func (c *change) orderEvent(kind, note string) {
	event := books.OrderEvent(c.order, kind, c.actor, note, c.now)
	event.By = c.by
	c.events = append(c.events, event)
}

func (c *change) touch(ids ...string) {
	for _, id := range ids {
		if !slices.Contains(c.touched, id) {
			c.touched = append(c.touched, id)
		}
	}
}

// lookUpAt has the resolver look the attempt up at a moment.
func (c *change) lookUpAt(id shop.AttemptID, moment time.Time) { c.lookUp(id, at(moment)) }

// lookUp has the resolver look the attempt up at a moment, or never.
func (c *change) lookUp(id shop.AttemptID, when lookUpTime) {
	c.lookUps = append(c.lookUps, nextLookUp{id, when})
}

// lookAgain has the resolver look up an attempt that may take money though the
// books have done with it. One whose outcome is awaited is looked up anyhow.
func (c *change) lookAgain(id shop.AttemptID, moment time.Time) {
	if attempt := c.payment.Attempt(id); attempt.CapturedAmount == 0 && !unresolved(c.payment, id) &&
		!waits(c.payment, id) {
		c.lookUpAt(id, moment)
	}
}

// cancelOrder ends the order: its stock is back on the shelf.
func (c *change) cancelOrder(note string) error {
	move := shop.KindStockReleased
	if c.order.Status == shop.OrderStatusPaid {
		move = shop.KindStockReturned
	}
	if err := c.order.Cancel(c.now); err != nil {
		return err
	}
	c.orderEvent(shop.KindOrderCanceled, note)
	c.moves = append(c.moves, move)
	return nil
}

// extendHold makes the order hold its stock until the moment given.
func (c *change) extendHold(until time.Time) error {
	extended, err := c.order.Extend(until)
	if err == nil && extended {
		c.orderEvent(shop.KindOrderExtended, "")
	}
	return err
}

// scheduled is when an attempt is looked up next. An outcome that was not awaited
// before is open since now, however long another was; when none is, nothing is open.
func (c *change) scheduled(next nextLookUp) books.LookUp {
	lookUp := books.LookUp{AttemptID: next.attempt, At: next.when.moment}
	if now := awaited(c.payment, next.attempt); next.when != never && now != "" {
		lookUp.OpenSince, lookUp.SameOutcome = c.now, now == awaited(c.paymentWas, next.attempt)
	}
	return lookUp
}

// shows names what the change is about when it has no event: who did it before may not
// have shown it yet.
func (c *change) shows() []string {
	if len(c.events) > 0 {
		return c.touched
	}
	about := []string{string(c.order.ID)}
	if c.payment.ID != "" {
		about = append(about, string(c.payment.ID))
	}
	return slices.Concat(about, c.touched)
}

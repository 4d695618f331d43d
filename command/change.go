package command

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"payment-system/command/books"
	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// A change is one order and its payment, held by the lock of the order's row,
// and what happens to them in one transaction.
type change struct {
	tx    *sql.Tx
	now   time.Time
	actor shop.Actor

	order   shop.Order
	payment shop.Payment // its ID is "" when the order has none yet
	events  []books.Event
	touched []string
	lookUps []nextLookUp
	cases   []OpenCase
	heardOf shop.AttemptID // whose state at the gateway the change records, "" for nobody's

	orderWas   shop.Order
	paymentWas shop.Payment
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

// changeTimeout bounds a change of the books, so that a database that never answers
// cannot block a caller indefinitely.
const changeTimeout = 30 * time.Second

// changeOrder holds an order and its payment, lets do change them, and writes
// what changed and its events, all in one transaction; then the read models
// follow. The closure may run again: it must assign, never append. What it
// returned is the state after the commit.
func (h *Handler) changeOrder(ctx context.Context, id shop.OrderID, actor shop.Actor, do func(*change) error) (*change,
	error,
) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
	defer cancel()
	unlock := h.Locks.Lock(ctx, lockKey(string(id)))
	defer unlock()
	var c *change
	run := func(ctx context.Context, tx *sql.Tx) error {
		c = &change{tx: tx, now: h.now(), actor: actor}
		if err := c.load(ctx, id); err != nil {
			return err
		}
		if err := do(c); err != nil {
			return err
		}
		if err := c.save(ctx); err != nil {
			return err
		}
		return h.saveCases(ctx, c)
	}
	err := mysqldb.InTx(ctx, h.DB, run)
	for range 2 {
		if !errors.Is(err, mysqldb.ErrCommitUnknown) || c.stands(ctx, h.DB) {
			break
		}
		err = mysqldb.InTx(ctx, h.DB, run)
	}
	if err != nil && (!errors.Is(err, mysqldb.ErrCommitUnknown) || !c.stands(ctx, h.DB)) {
		return nil, books.Unavailable(err)
	}
	if len(c.touched) == 0 { // who did it before may not have shown it yet
		c.touch(slices.DeleteFunc([]string{string(c.order.ID), string(c.payment.ID)},
			func(id string) bool { return id == "" })...)
	}
	h.Projector.Project(ctx, c.touched...)
	return c, nil
}

// stands reports, after the answer to a COMMIT was lost, whether the change
// surely stands: its last event is then in the books. A change without one, of
// an idempotency key say, is made again.
func (c *change) stands(ctx context.Context, db *sql.DB) bool {
	return len(c.events) > 0 && books.Stands(ctx, db, c.events[len(c.events)-1])
}

// changePayment is changeOrder by the payment's id.
func (h *Handler) changePayment(ctx context.Context, id shop.PaymentID, actor shop.Actor,
	do func(*change) error,
) (shop.Payment, error) {
	orderID, err := books.OrderIDOf(ctx, h.DB, id)
	if err != nil {
		return shop.Payment{}, err
	}
	c, err := h.changeOrder(ctx, orderID, actor, do)
	if err != nil {
		return shop.Payment{}, err
	}
	return c.payment, nil
}

// load takes the lock of the order's row; whatever is read after that stays so
// until the transaction ends.
func (c *change) load(ctx context.Context, id shop.OrderID) (err error) {
	if c.order, err = books.LockOrder(ctx, c.tx, id); err != nil {
		return err
	}
	if c.payment, err = books.LoadPaymentOf(ctx, c.tx, id); err != nil && shop.CodeOf(err) != shop.NotFound {
		return err
	}
	c.orderWas, c.paymentWas = c.order, c.payment
	c.paymentWas.Attempts = slices.Clone(c.payment.Attempts)
	c.paymentWas.Refunds = slices.Clone(c.payment.Refunds)
	return nil
}

// paymentEvent notes that the payment has just changed.
func (c *change) paymentEvent(kind, note string) error {
	payload, err := json.Marshal(c.payment)
	if err != nil {
		return fmt.Errorf("encode payment %s: %w", c.payment.ID, err)
	}
	c.events = append(c.events, books.Event{
		AggregateID: string(c.payment.ID), Version: c.payment.Version, Kind: kind, Status: string(c.payment.Status),
		Actor: c.actor, Note: note, Aggregate: json.RawMessage(payload), At: c.now,
	})
	c.touch(string(c.payment.ID))
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
	c.events = append(c.events, books.OrderEvent(c.order, kind, c.actor, note, c.now))
	c.touch(string(c.order.ID))
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

// payOrder records that the order's money is in: its stock is sold.
func (c *change) payOrder(ctx context.Context) error {
	if err := c.order.Pay(c.now); err != nil {
		return err
	}
	c.orderEvent(shop.KindOrderPaid, "")
	return c.moveStock(books.SellStock(ctx, c.tx, c.order, c.actor, c.now))
}

// cancelOrder ends the order: its stock is back on the shelf.
func (c *change) cancelOrder(ctx context.Context, note string) error {
	move := books.ReleaseStock
	if c.order.Status == shop.OrderStatusPaid {
		move = books.ReturnStock
	}
	if err := c.order.Cancel(c.now); err != nil {
		return err
	}
	c.orderEvent(shop.KindOrderCanceled, note)
	return c.moveStock(move(ctx, c.tx, c.order, c.actor, c.now))
}

// extendHold makes the order hold its stock until the moment given.
func (c *change) extendHold(until time.Time) error {
	extended, err := c.order.Extend(until)
	if err == nil && extended {
		c.orderEvent(shop.KindOrderExtended, "")
	}
	return err
}

func (c *change) moveStock(products []string, err error) error {
	c.touch(products...)
	return err
}

// save writes what changed, each row only if it is still as it was read.
func (c *change) save(ctx context.Context) error {
	if c.order.Version != c.orderWas.Version {
		if err := books.SaveOrder(ctx, c.tx, c.order, c.orderWas.Status, c.orderWas.Version); err != nil {
			return err
		}
	}
	if c.payment.Version != c.paymentWas.Version {
		if err := books.SavePayment(ctx, c.tx, c.paymentWas, c.payment); err != nil {
			return err
		}
	}
	for _, next := range c.lookUps {
		if err := c.scheduleLookUp(ctx, next); err != nil {
			return err
		}
	}
	return books.Append(ctx, c.tx, c.events...)
}

// scheduleLookUp writes when an attempt is looked up next. An outcome that was not
// awaited before is open since now, however long another was; when none is,
// nothing is open.
func (c *change) scheduleLookUp(ctx context.Context, next nextLookUp) error {
	lookUp := books.LookUp{AttemptID: next.attempt, At: next.when.moment}
	if now := awaited(c.payment, next.attempt); next.when != never && now != "" {
		lookUp.OpenSince, lookUp.SameOutcome = c.now, now == awaited(c.paymentWas, next.attempt)
	}
	return books.ScheduleLookUp(ctx, c.tx, lookUp)
}

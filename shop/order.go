package shop

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
)

// An OrderStatus is the state of an order.
type OrderStatus string

// The states of an order.
const (
	OrderStatusPlaced   OrderStatus = "PLACED"
	OrderStatusPaid     OrderStatus = "PAID"
	OrderStatusCanceled OrderStatus = "CANCELED"
	OrderStatusExpired  OrderStatus = "EXPIRED"
)

// OrderStatuses lists every OrderStatus.
func OrderStatuses() []OrderStatus {
	return []OrderStatus{OrderStatusPlaced, OrderStatusPaid, OrderStatusCanceled, OrderStatusExpired}
}

// orderMoves is the whole state machine: (state, kind of event) → state. What
// is not here is refused.
var orderMoves = map[OrderStatus]map[string]OrderStatus{
	OrderStatusPlaced: {
		KindOrderPaid:      OrderStatusPaid,
		KindOrderCanceled:  OrderStatusCanceled,
		KindOrderExpired:   OrderStatusExpired,
		KindOrderExtended:  OrderStatusPlaced,
		KindOrderShortened: OrderStatusPlaced,
	},
	OrderStatusPaid:     {KindOrderCanceled: OrderStatusCanceled},
	OrderStatusCanceled: {},
	OrderStatusExpired:  {},
}

// An Order is what a shopper wants, at the prices of the moment it was placed.
type Order struct {
	ID           OrderID     `json:"id"`
	UserID       UserID      `json:"userId"`
	Status       OrderStatus `json:"status"`
	Lines        []OrderLine `json:"lines"`
	Total        Won         `json:"total"`
	TaxFreeTotal Won         `json:"taxFreeTotal"`
	PlacedAt     time.Time   `json:"placedAt"`
	// ExpiresAt is when an unpaid order gives its stock back.
	ExpiresAt  time.Time  `json:"expiresAt"`
	PaidAt     *time.Time `json:"paidAt,omitempty"`
	CanceledAt *time.Time `json:"canceledAt,omitempty"`
	// Version grows by one with every change.
	Version int `json:"version"`
}

// IsNode marks Order as a GraphQL Node.
func (Order) IsNode() {}

// An OrderLine is a number of units of one product, at the price, name and tax
// of the moment the order was placed.
type OrderLine struct {
	ProductID ProductID `json:"productId"`
	Name      string    `json:"name"`
	UnitPrice Won       `json:"unitPrice"`
	Quantity  int       `json:"quantity"`
	Amount    Won       `json:"amount"`
	TaxFree   bool      `json:"taxFree"`
}

// An OrderEvent is a line of an order's history.
type OrderEvent struct {
	Version int
	Kind    string
	Status  OrderStatus
	Actor   Actor
	By      *UserID // the operator who did it
	Note    *string
	At      time.Time
}

// MaxOrderLines is the most lines an order may have, and MaxQuantity the most
// units a line may ask for.
const (
	MaxOrderLines = 100
	MaxQuantity   = 1_000_000
)

// Sum fills each line's Amount and the order's totals from prices and
// quantities. It returns Invalid when a sum is over MaxWon, and when the order costs
// nothing: no gateway takes 0 won.
func (o *Order) Sum() error {
	var total, taxFree Won
	for i := range o.Lines {
		line := &o.Lines[i]
		amount, err := line.UnitPrice.Times(line.Quantity)
		if err != nil {
			return InvalidField("lines", "The order's total is over the limit.")
		}
		line.Amount = amount
		if total, err = total.Add(amount); err != nil {
			return InvalidField("lines", "The order's total is over the limit.")
		}
		if line.TaxFree {
			taxFree += amount
		}
	}
	if total == 0 {
		return InvalidField("lines", "The order comes to 0 won; there is nothing to pay.")
	}
	o.Total, o.TaxFreeTotal = total, taxFree
	return nil
}

// ItemName names the order in a few words, as gateways show it: the first
// line's name and how many others there are.
func (o *Order) ItemName() string {
	if len(o.Lines) == 0 {
		return ""
	}
	name := []rune(o.Lines[0].Name)
	if len(name) > 80 {
		name = append(name[:79], '…')
	}
	if len(o.Lines) == 1 {
		return string(name)
	}
	return string(name) + " 외 " + Won(len(o.Lines)-1).String() + "건"
}

// Quantity is the number of units in all lines.
func (o *Order) Quantity() int {
	n := 0
	for _, line := range o.Lines {
		n += line.Quantity
	}
	return n
}

// korea keeps the hours that days are counted by.
var korea = time.FixedZone("KST", 9*60*60)

// orderNumberDigits is how many characters of a number tell the orders of a day apart.
const orderNumberDigits = 6

// Number is what people call the order: the day in Seoul on which it was placed, and six
// characters, none of which is taken for another, of the SHA-256 of its id. They are 30
// bits, so of 1,000 orders a day two share a number about once in six years, and of
// 10,000 a day about once in three weeks. Hence nothing is found or decided by it.
func (o *Order) Number() string {
	sum := sha256.Sum256([]byte(o.ID))
	bits := binary.BigEndian.Uint32(sum[:])
	digits := make([]byte, orderNumberDigits)
	for i := range digits {
		digits[i] = idAlphabet[bits>>27]
		bits <<= 5
	}
	return o.PlacedAt.In(korea).Format("060102") + "-" + strings.ToUpper(string(digits))
}

// move applies an event to the state, or returns Conflict.
func (o *Order) move(kind string) error {
	next, ok := orderMoves[o.Status][kind]
	if !ok {
		return conflict(o.Status, "The order is "+string(o.Status)+"; it cannot be changed that way.")
	}
	o.Status = next
	o.Version++
	return nil
}

// Pay records that the order's money is in. It returns Conflict unless the
// order still waits.
func (o *Order) Pay(at time.Time) error {
	if err := o.move(KindOrderPaid); err != nil {
		return err
	}
	o.PaidAt = &at
	return nil
}

// Cancel ends the order; the caller gives stock and money back. It returns
// Conflict when the order has ended already.
func (o *Order) Cancel(at time.Time) error {
	if err := o.move(KindOrderCanceled); err != nil {
		return err
	}
	o.CanceledAt = &at
	return nil
}

// Expire ends an unpaid order. It returns Conflict unless it still waits and
// its time is over.
func (o *Order) Expire(at time.Time) error {
	if at.Before(o.ExpiresAt) {
		return conflict(o.Status, "The order's time is not over.")
	}
	return o.move(KindOrderExpired)
}

// Extend makes the order hold its stock until at least the time given. It
// returns Conflict unless the order still waits, and reports whether it changed.
func (o *Order) Extend(until time.Time) (bool, error) {
	if o.Status != OrderStatusPlaced {
		return false, conflict(o.Status, "The order is "+string(o.Status)+".")
	}
	if !until.After(o.ExpiresAt) {
		return false, nil
	}
	o.ExpiresAt = until
	return true, o.move(KindOrderExtended)
}

// Shorten makes the order hold its stock until the time given at most. It
// returns Conflict unless the order still waits, and reports whether it changed.
func (o *Order) Shorten(until time.Time) (bool, error) {
	if o.Status != OrderStatusPlaced {
		return false, conflict(o.Status, "The order is "+string(o.Status)+".")
	}
	if !until.Before(o.ExpiresAt) {
		return false, nil
	}
	o.ExpiresAt = until
	return true, o.move(KindOrderShortened)
}

// OrderMove returns the state that an event of the given kind leads to, and
// whether the state machine allows it.
func OrderMove(from OrderStatus, kind string) (OrderStatus, bool) {
	to, ok := orderMoves[from][kind]
	return to, ok
}

package command

import (
	"context"
	"sync"

	"payment-system/command/books"
	"payment-system/shop"
)

// maxPlaces bounds what placesOf remembers.
const maxPlaces = 20_000

// placesOf remembers which order a payment is of, and which payment an attempt: that
// never changes. The zero value remembers nothing.
type placesOf struct {
	mu       sync.Mutex
	orders   map[shop.PaymentID]shop.OrderID
	payments map[shop.AttemptID]shop.PaymentID
}

// note remembers a payment that is in the books.
func (p *placesOf) note(payment shop.Payment) {
	if payment.ID == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.orders == nil || len(p.orders) >= maxPlaces || len(p.payments) >= maxPlaces {
		p.orders, p.payments = map[shop.PaymentID]shop.OrderID{}, map[shop.AttemptID]shop.PaymentID{}
	}
	p.orders[payment.ID] = payment.OrderID
	for _, attempt := range payment.Attempts {
		p.payments[attempt.ID] = payment.ID
	}
}

func (p *placesOf) order(id shop.PaymentID) shop.OrderID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.orders[id]
}

func (p *placesOf) payment(id shop.AttemptID) shop.PaymentID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.payments[id]
}

// orderOf names the order of a payment. It returns NotFound for a payment that is not
// ours.
func (h *Handler) orderOf(ctx context.Context, id shop.PaymentID) (shop.OrderID, error) {
	if order := h.places.order(id); order != "" {
		return order, nil
	}
	return books.OrderIDOf(ctx, h.DB, id)
}

// paymentIDOf names the payment of an attempt. It returns NotFound for an attempt that is
// not ours.
func (h *Handler) paymentIDOf(ctx context.Context, id shop.AttemptID) (shop.PaymentID, error) {
	if payment := h.places.payment(id); payment != "" {
		return payment, nil
	}
	return books.PaymentIDOf(ctx, h.DB, id)
}

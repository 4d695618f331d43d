package command

import (
	"context"
	"sync"

	"payment-system/command/books"
	"payment-system/shop"
)

// maxRemembered is how many of each thing a memory remembers at least; it is twice as many at most.
const maxRemembered = 10_000

// A memory spares the books questions whose answers never change: which order a payment is
// of, and which payment an attempt, what an order's lines are, and the hash that seals an
// event. It is told of what stands, never of what is about to. The zero value remembers
// nothing.
type memory struct {
	mu       sync.Mutex
	orders   recent[shop.PaymentID, shop.OrderID]
	attempts recent[shop.AttemptID, books.Opened]
	lines    recent[shop.OrderID, []shop.OrderLine]
	sealed   recent[string, books.Sealed] // the newest event of an aggregate that was seen here
}

// A recent map remembers what was put into it last, and forgets the older half when it is full.
type recent[K comparable, V any] struct{ newer, older map[K]V }

func (r *recent[K, V]) put(key K, value V) {
	if r.newer == nil || len(r.newer) >= maxRemembered {
		r.newer, r.older = map[K]V{}, r.newer
	}
	r.newer[key] = value
}

func (r *recent[K, V]) get(key K) (value V, ok bool) {
	if value, ok = r.newer[key]; !ok {
		value, ok = r.older[key]
	}
	return value, ok
}

// note remembers an order, and its payment if it has one.
func (m *memory) note(order shop.Order, payment shop.Payment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines.put(order.ID, order.Lines)
	if payment.ID == "" {
		return
	}
	m.orders.put(payment.ID, payment.OrderID)
	for _, attempt := range payment.Attempts {
		m.attempts.put(attempt.ID, books.Opened{PaymentID: payment.ID, ReturnHashes: attempt.ReturnHashes})
	}
}

// noteSeals remembers what seals events that stand.
func (m *memory) noteSeals(written []books.SealedEvent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, event := range written {
		m.sealed.put(event.AggregateID, books.Sealed{Version: event.Version, Hash: event.Seal.Hash})
	}
}

// seals returns what is remembered of the aggregates of events.
func (m *memory) seals(events []books.Event) map[string]books.Sealed {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := make(map[string]books.Sealed, len(events))
	for _, event := range events {
		if sealed, ok := m.sealed.get(event.AggregateID); ok {
			known[event.AggregateID] = sealed
		}
	}
	return known
}

// unsealed are the products of which it is not remembered what seals their newest events.
func (m *memory) unsealed(ids []shop.ProductID) (unknown []shop.ProductID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if _, known := m.sealed.get(string(id)); !known {
			unknown = append(unknown, id)
		}
	}
	return unknown
}

// linesOf returns the lines of those of the orders that are remembered.
func (m *memory) linesOf(ids []shop.OrderID) map[shop.OrderID][]shop.OrderLine {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := make(map[shop.OrderID][]shop.OrderLine, len(ids))
	for _, id := range ids {
		if lines, ok := m.lines.get(id); ok {
			known[id] = lines
		}
	}
	return known
}

func (m *memory) order(id shop.PaymentID) shop.OrderID {
	m.mu.Lock()
	defer m.mu.Unlock()
	order, _ := m.orders.get(id)
	return order
}

func (m *memory) attempt(id shop.AttemptID) books.Opened {
	m.mu.Lock()
	defer m.mu.Unlock()
	attempt, _ := m.attempts.get(id)
	return attempt
}

// orderOf names the order of a payment. It returns NotFound for a payment that is not
// ours.
func (h *Handler) orderOf(ctx context.Context, id shop.PaymentID) (shop.OrderID, error) {
	if order := h.memory.order(id); order != "" {
		return order, nil
	}
	return books.OrderIDOf(ctx, h.DB, id)
}

// paymentIDOf names the payment of an attempt. It returns NotFound for an attempt that is
// not ours.
func (h *Handler) paymentIDOf(ctx context.Context, id shop.AttemptID) (shop.PaymentID, error) {
	if attempt := h.memory.attempt(id); attempt.PaymentID != "" {
		return attempt.PaymentID, nil
	}
	attempt, err := books.OpenedAttempt(ctx, h.DB, id)
	return attempt.PaymentID, err
}

// paymentOfReturn names the payment of an attempt that a shopper comes back to. It returns
// NotFound for an attempt that is not ours, and for who does not hold its address.
func (h *Handler) paymentOfReturn(ctx context.Context, id shop.AttemptID, secret string) (shop.PaymentID, error) {
	if known := h.memory.attempt(id); known.PaymentID != "" && known.ReturnHashes.Admits(secret) {
		return known.PaymentID, nil
	}
	attempt, err := books.OpenedAttempt(ctx, h.DB, id) // another replica may have admitted more since
	if err == nil && !attempt.ReturnHashes.Admits(secret) {
		err = shop.NoSuch("attempt")
	}
	return attempt.PaymentID, err
}

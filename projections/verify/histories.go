package verify

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"payment-system/shop"
)

// verifyHistories walks every aggregate's events in order: versions count from one without a
// gap, each event's state is where the state machine leads, and each is as it was sealed.
func verifyHistories(ctx context.Context, tx *sql.Tx, report func(Violation)) error {
	// Left to itself the server sorts all payloads, on disk; along the index rows come at once.
	const query = `SELECT aggregate_id, version, kind, status, payload, actor, COALESCE(by_id, ''), note, at, hash, parts
FROM events FORCE INDEX (uq_events_version) ORDER BY aggregate_id, version`
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("read the events: %w", err)
	}
	defer rows.Close()
	walk := eventWalk{report: report}
	for rows.Next() {
		event, err := scanSealed(rows)
		if err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		walk.step(event)
	}
	return rows.Err()
}

func scanSealed(rows *sql.Rows) (sealedEvent, error) {
	var e sealedEvent
	var note sql.NullString
	err := rows.Scan(&e.AggregateID, &e.Version, &e.Kind, &e.Status, &e.Payload, &e.Actor, &e.By, &note, &e.At,
		&e.kept.Hash, &e.kept.Parts)
	e.Note = note.String
	return e, err
}

// An eventWalk is how far the walk over one aggregate's events has come.
type eventWalk struct {
	report func(Violation)
	id     string
	last   shop.Event
	chain  chainWalk
}

func (h *eventWalk) step(event sealedEvent) {
	if event.AggregateID != h.id {
		h.id, h.last, h.chain = event.AggregateID, shop.Event{}, chainWalk{}
	}
	if event.Version != h.last.Version+1 {
		h.complain("events", "version %d follows version %d: %s", event.Version, h.last.Version,
			removed(h.last.Version, event.Version))
	} else {
		h.checkState(event.Event)
	}
	if text := h.chain.step(event); text != "" {
		h.complain("events", "%s", text)
	}
	h.last = event.Event
}

func (h *eventWalk) checkState(event shop.Event) {
	from := h.last.Status
	if want, ok := nextStatus(from, event); !ok {
		h.complain("states", "version %d: %s is not allowed in state %q", event.Version, event.Kind, from)
	} else if want != event.Status {
		h.complain("states", "version %d: %s leads from %q to %q, not to %q", event.Version, event.Kind, from, want,
			event.Status)
	}
}

func (h *eventWalk) complain(invariant, format string, args ...any) {
	h.report(Violation{Invariant: invariant, ID: h.id, Detail: fmt.Sprintf(format, args...)})
}

// nextStatus returns the state that an event leads to from the state given, "" before the first, and
// whether it is allowed there. Aggregates without a state machine go where they say.
func nextStatus(from string, event shop.Event) (to string, ok bool) {
	switch prefix := shop.IDPrefix(event.AggregateID); {
	case prefix == shop.PrefixOrder && from == "":
		return string(shop.OrderStatusPlaced), event.Kind == shop.KindOrderPlaced
	case prefix == shop.PrefixOrder:
		status, ok := shop.OrderMove(shop.OrderStatus(from), event.Kind)
		return string(status), ok
	case prefix == shop.PrefixPayment && from == "":
		return string(shop.PaymentStatusReady), event.Kind == shop.KindPaymentOpened
	case prefix == shop.PrefixPayment:
		status, ok := shop.PaymentMove(shop.PaymentStatus(from), event.Kind, refundedIn(event))
		return string(status), ok
	}
	return event.Status, true
}

// refundedIn is what a payment had given back. Only a refused refund leads somewhere that its
// payload must tell.
func refundedIn(event shop.Event) shop.Won {
	var payment shop.Payment
	if event.Kind != shop.KindPaymentCancelRefused || json.Unmarshal(event.Payload, &payment) != nil {
		return 0
	}
	return payment.RefundedAmount
}

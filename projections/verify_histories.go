package projections

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"payment-system/shop"
)

// verifyHistories walks every aggregate's events in order: versions count from one without a
// gap, and each event's state is where the state machine leads.
func verifyHistories(ctx context.Context, tx *sql.Tx, report func(Violation)) error {
	// Only a refused refund leads somewhere that its payload must tell.
	const query = `SELECT aggregate_id, version, kind, status, IF(kind = ?, payload, NULL) FROM events ORDER BY aggregate_id, version`
	rows, err := tx.QueryContext(ctx, query, shop.KindPaymentCancelRefused)
	if err != nil {
		return fmt.Errorf("read the events: %w", err)
	}
	defer rows.Close()
	walk := eventWalk{report: report}
	for rows.Next() {
		var event historyEvent
		if err := rows.Scan(&event.id, &event.version, &event.kind, &event.status, &event.payload); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		walk.step(event)
	}
	return rows.Err()
}

type historyEvent struct {
	id           string
	version      int
	kind, status string
	payload      []byte
}

// An eventWalk is how far the walk over one aggregate's events has come.
type eventWalk struct {
	report  func(Violation)
	id      string
	version int
	status  string
}

func (h *eventWalk) step(event historyEvent) {
	if event.id != h.id {
		h.id, h.version, h.status = event.id, 0, ""
	}
	if event.version != h.version+1 {
		h.complain("events", "version %d follows version %d", event.version, h.version)
	}
	if want, ok := nextStatus(h.status, event); !ok {
		h.complain("states", "version %d: %s is not allowed in state %q", event.version, event.kind, h.status)
	} else if want != event.status {
		h.complain("states", "version %d: %s leads from %q to %q, not to %q", event.version, event.kind, h.status, want, event.status)
	}
	h.version, h.status = event.version, event.status
}

func (h *eventWalk) complain(invariant, format string, args ...any) {
	h.report(Violation{Invariant: invariant, ID: h.id, Detail: fmt.Sprintf(format, args...)})
}

// nextStatus returns the state that an event leads to from the state given, "" before the first, and
// whether it is allowed there. Aggregates without a state machine go where they say.
func nextStatus(from string, event historyEvent) (to string, ok bool) {
	switch prefix := shop.IDPrefix(event.id); {
	case prefix == shop.PrefixOrder && from == "":
		return string(shop.OrderStatusPlaced), event.kind == shop.KindOrderPlaced
	case prefix == shop.PrefixOrder:
		status, ok := shop.OrderMove(shop.OrderStatus(from), event.kind)
		return string(status), ok
	case prefix == shop.PrefixPayment && from == "":
		return string(shop.PaymentStatusReady), event.kind == shop.KindPaymentOpened
	case prefix == shop.PrefixPayment:
		status, ok := shop.PaymentMove(shop.PaymentStatus(from), event.kind, refundedIn(event.payload))
		return string(status), ok
	}
	return event.status, true
}

// refundedIn is what a payment had given back, 0 without a payload.
func refundedIn(payload []byte) shop.Won {
	var payment shop.Payment
	if len(payload) == 0 || json.Unmarshal(payload, &payment) != nil {
		return 0
	}
	return payment.RefundedAmount
}

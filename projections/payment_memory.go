package projections

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"payment-system/shop"
)

const (
	// paymentsSize bounds, in bytes, what is remembered of payments, in each half.
	paymentsSize = 4 << 20
	// maxPayments is how many payments are remembered in each half.
	maxPayments = 8192
	// historyLine is about what a line of a history takes, without its note.
	historyLine = 160
)

// paymentMemory remembers what happened to the payments that this process showed
// lately, so that what follows is appended and not read again. What it remembers of
// a payment is true of one version, whoever wrote it; it is used only when the
// events from that version on are all there. The zero value is ready.
type paymentMemory struct {
	mu       sync.Mutex
	now, old map[string]paymentThen
	attempts map[shop.AttemptID]string // of now and old: whose latest they are
	size     int                       // of now
}

// paymentThen is a payment as of one version.
type paymentThen struct {
	version int
	attempt shop.AttemptID // the latest
	history []shop.PaymentEvent
	record  any // the gateway's record of that attempt, a string; nil when there is none
}

// following returns the history and the gateway's record of a payment, if what was
// handed over follows on what is remembered, or begins with the first event.
func (m *paymentMemory) following(g *handed) (history []shop.PaymentEvent, record any, ok bool) {
	then := m.of(g.row.id)
	if g.row.version < then.version {
		return nil, nil, false
	}
	history = slices.Clip(then.history)
	at := then.version
	var news []handedEvent
	for _, e := range g.events {
		if e.event.Version <= at {
			continue
		}
		if e.event.Version != then.version+len(news)+1 {
			return nil, nil, false
		}
		history, news = append(history, lineOf(e.event)), append(news, e)
	}
	record, ok = then.recordAfter(news, g.row.payment.AttemptID)
	return history, record, ok
}

// recordAfter returns the gateway's record of an attempt after some events: as
// they wrote it last, as it was, or none when they opened the attempt.
func (t paymentThen) recordAfter(news []handedEvent, attempt shop.AttemptID) (record any, ok bool) {
	opened := false
	for _, e := range slices.Backward(news) {
		if record, ok := e.records[attempt]; ok {
			return string(record), true
		}
		opened = opened || e.event.Kind == shop.KindPaymentOpened && attemptOf(e.event) == attempt
	}
	if t.version > 0 && t.attempt == attempt {
		return t.record, true
	}
	return nil, opened
}

// attemptOf returns the latest attempt of a payment as an event left it, or "" when
// that cannot be read.
func attemptOf(event shop.Event) shop.AttemptID {
	var payment struct {
		AttemptID shop.AttemptID `json:"attemptId"`
	}
	if err := json.Unmarshal(event.Payload, &payment); err != nil {
		return ""
	}
	return payment.AttemptID
}

// lineOf is an event as a history tells it.
func lineOf(event shop.Event) shop.PaymentEvent {
	line := shop.PaymentEvent{
		Version: event.Version, Kind: event.Kind, Status: shop.PaymentStatus(event.Status), Actor: event.Actor,
		At: event.At.UTC().Truncate(time.Microsecond),
	}
	if by := event.By; by != "" {
		line.By = &by
	}
	if note := event.Note; note != "" {
		line.Note = &note // of its own: the event and its payload are not kept
	}
	return line
}

// of returns what is remembered of a payment; the zero value when nothing is.
func (m *paymentMemory) of(id string) paymentThen {
	m.mu.Lock()
	defer m.mu.Unlock()
	if then, ok := m.now[id]; ok {
		return then
	}
	return m.old[id]
}

// remember keeps the payments among rows as they are shown.
func (m *paymentMemory) remember(rows []row) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range rows {
		if r.payment == nil || r.version < max(m.now[r.id].version, m.old[r.id].version) {
			continue
		}
		then := paymentThen{r.version, r.payment.AttemptID, r.payment.History, r.record()}
		size := then.size()
		if size > paymentsSize {
			continue
		}
		if m.now == nil || m.size+size > paymentsSize || len(m.now) >= maxPayments || len(m.attempts) >= 4*maxPayments {
			m.turn()
		}
		if before, ok := m.now[r.id]; ok {
			m.size -= before.size()
		}
		m.now[r.id], m.attempts[then.attempt] = then, r.id
		m.size += size
	}
}

// turn forgets the older half.
func (m *paymentMemory) turn() {
	m.old, m.now, m.size = m.now, make(map[string]paymentThen, len(m.now)), 0
	m.attempts = make(map[shop.AttemptID]string, len(m.old))
	for id, then := range m.old {
		m.attempts[then.attempt] = id
	}
}

// forget forgets the payments whose records were written without an event of
// theirs: their version does not tell how the record reads.
func (m *paymentMemory) forget(commits []recordsWritten) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, wrote := range commits {
		for _, attempt := range wrote.attempts {
			if id, ok := m.attempts[attempt]; ok && !slices.Contains(wrote.aggregates, id) {
				m.size -= m.now[id].size()
				delete(m.now, id)
				delete(m.old, id)
			}
		}
	}
}

// size is about how many bytes are remembered.
func (t paymentThen) size() int {
	size := 0
	if record, ok := t.record.(string); ok {
		size += len(record)
	}
	for _, line := range t.history {
		size += historyLine
		if line.Note != nil {
			size += len(*line.Note)
		}
	}
	return size
}

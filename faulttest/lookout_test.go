package faulttest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// lookEvery is how often a lookout looks, unless that takes longer.
const lookEvery = 150 * time.Millisecond

// A lookout reads the books in one snapshot, and then the gateways' ledger, again and again while
// others change them, and holds what it sees against the rules that hold at every moment. What it
// compares was read in the order in which it is written: intents stand in the books before a
// gateway acts on them, and what a gateway did stands in its ledger before the books tell of it.
type lookout struct {
	h      *house
	looks  int
	missed int               // looks at books that were away
	torn   int               // looks at snapshots that were none
	before map[string]*entry // the ledger as it was before the books were read, by payment key
	walked map[string]chapter
	mark   int64 // events up to here are walked
	marks  []bookmark
}

// A chapter is how far the history of one thing was read.
type chapter struct {
	version int
	status  string
}

// A bookmark is the last event that was there at a moment.
type bookmark struct {
	at time.Time
	id int64
}

// lookOut looks until the function that it returns is called, or until a rule is broken, which
// fails the test.
func (h *house) lookOut() (enough func()) {
	l := &lookout{h: h, walked: map[string]chapter{}}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for l.look() {
			select {
			case <-done:
				return
			case <-time.After(lookEvery):
			}
		}
	}()
	return func() {
		h.t.Helper()
		close(done)
		<-ended
		h.t.Logf("the books were held against the ledger %d times meanwhile (they were away %d times, and their snapshot torn %d times)", l.looks, l.missed, l.torn)
		if l.torn > 1+l.looks/100 {
			h.t.Errorf("%d snapshots lacked events that were committed before others that they showed", l.torn)
		}
		if l.looks == 0 {
			h.t.Error("nobody ever saw the books")
		}
	}
}

// look looks once, and tells whether all was well.
func (l *lookout) look() bool {
	books, err := l.read()
	if errors.Is(err, errTorn) {
		l.torn++
		return true
	}
	if err != nil {
		l.missed++
		return true
	}
	var entries []entry
	if err := l.h.tryControl("GET", "/sim/ledger", nil, &entries); err != nil {
		l.h.t.Errorf("read the ledger: %v", err)
		return false
	}
	after := map[string]*entry{}
	for i := range entries {
		after[entries[i].PaymentKey] = &entries[i]
	}
	l.looks++
	wrong := slices.Concat(books.wrong, checkShelf(books), checkAttempts(books, l.before, after, l.h.claimed), checkOrders(books, after))
	l.before = after
	if len(wrong) > 0 {
		l.h.t.Errorf("look %d, while the shop was open:\n%s", l.looks, strings.Join(wrong, "\n"))
	}
	return len(wrong) == 0
}

// A page is the books as they were at one moment.
type page struct {
	shelf                   shelf
	stock, reserving, owned int // by the adjustments, and by the orders
	attempts                []bookedAttempt
	wrong                   []string // with the histories
}

// A bookedAttempt is an attempt, its payment and its order.
type bookedAttempt struct {
	id, key, payment, order, orderStatus     string
	total                                    int64
	latest, superseded                       bool
	captured, refunded                       int64 // of the attempt
	paymentCaptured, paymentRefunded         int64
	refundsAsked, refundsOpen, refundedByLeg int64
}

func (l *lookout) read() (books page, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tx, err := l.h.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return books, err
	}
	defer tx.Rollback()
	err = tx.QueryRowContext(ctx, `SELECT s.available, s.reserved, s.sold, (SELECT SUM(quantity) FROM stock_adjustments a WHERE a.product_id = s.product_id),
		COALESCE((SELECT SUM(l.quantity) FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE o.status = 'PLACED' AND l.product_id = s.product_id), 0),
		COALESCE((SELECT SUM(l.quantity) FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE o.status = 'PAID' AND l.product_id = s.product_id), 0)
		FROM stock s WHERE s.product_id = ?`, l.h.product.id).
		Scan(&books.shelf.available, &books.shelf.reserved, &books.shelf.sold, &books.stock, &books.reserving, &books.owned)
	if err != nil {
		return books, err
	}
	if books.attempts, err = readAttempts(ctx, tx); err != nil {
		return books, err
	}
	books.wrong, err = l.walk(ctx, tx)
	return books, err
}

func readAttempts(ctx context.Context, tx *sql.Tx) (attempts []bookedAttempt, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT a.id, COALESCE(a.payment_key, ''), p.id, o.id, o.status, o.total, p.attempt_id = a.id, a.superseded_at IS NOT NULL,
		a.captured_amount, a.refunded_amount, p.captured_amount, p.refunded_amount, COALESCE(r.asked, 0), COALESCE(r.open, 0), COALESCE(r.done, 0)
		FROM attempts a JOIN payments p ON p.id = a.payment_id JOIN orders o ON o.id = p.order_id
		LEFT JOIN (SELECT attempt_id, COUNT(*) AS asked, SUM(status IN ('REQUESTED', 'UNKNOWN')) AS open, SUM(IF(status = 'DONE', amount, 0)) AS done
			FROM refunds GROUP BY attempt_id) r ON r.attempt_id = a.id ORDER BY a.id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var a bookedAttempt
		err := rows.Scan(&a.id, &a.key, &a.payment, &a.order, &a.orderStatus, &a.total, &a.latest, &a.superseded,
			&a.captured, &a.refunded, &a.paymentCaptured, &a.paymentRefunded, &a.refundsAsked, &a.refundsOpen, &a.refundedByLeg)
		if err != nil {
			return nil, err
		}
		attempts = append(attempts, a)
	}
	return attempts, rows.Err()
}

// checkShelf: units are neither made nor lost, and lie where the orders say (I5).
func checkShelf(books page) (wrong []string) {
	s := books.shelf
	if s.available+s.reserved+s.sold != books.stock || s.reserved != books.reserving || s.sold != books.owned || s.available < 0 {
		wrong = append(wrong, fmt.Sprintf("of %d units the shelf has %+v; orders hold %d and bought %d", books.stock, s, books.reserving, books.owned))
	}
	return wrong
}

// checkAttempts: one live attempt of a payment and one key of an attempt (I6); no more given back
// than taken, each refund once, and nothing booked that the gateway has not done (I8, I3), but for
// what it claimed to have taken and to have given back.
func checkAttempts(books page, before, after map[string]*entry, claimed map[string]bool) (wrong []string) {
	live, payments := map[string]string{}, map[string]string{}
	for _, a := range books.attempts {
		if other, ok := payments[a.order]; ok && other != a.payment {
			wrong = append(wrong, fmt.Sprintf("order %s has the payments %s and %s", a.order, other, a.payment))
		}
		payments[a.order] = a.payment
		if !a.superseded {
			if other, ok := live[a.payment]; ok {
				wrong = append(wrong, fmt.Sprintf("payment %s has the live attempts %s and %s", a.payment, other, a.id))
			}
			live[a.payment] = a.id
		}
		if a.refunded > a.captured || a.paymentRefunded > a.paymentCaptured || a.refundsOpen > 1 || a.refundedByLeg != a.refunded {
			wrong = append(wrong, fmt.Sprintf("more was given back than taken, or not what the refunds say: %+v", a))
		}
		if e := after[a.key]; a.captured > 0 && (!claimed[a.key] || a.captured != a.refunded) && (e == nil || e.Captured < a.captured || e.Refunded < a.refunded) {
			wrong = append(wrong, fmt.Sprintf("the books tell of what the gateway has not done: %+v, %+v", a, e))
		}
	}
	return append(wrong, checkEntries(books, before)...)
}

// checkEntries holds what the gateways had done before the books were read against the intents.
func checkEntries(books page, before map[string]*entry) (wrong []string) {
	attempts, used := map[string]*bookedAttempt{}, map[string]string{}
	for i := range books.attempts {
		attempts[books.attempts[i].id] = &books.attempts[i]
	}
	for _, e := range before {
		a := attempts[e.OrderID]
		switch {
		case a == nil:
			wrong = append(wrong, fmt.Sprintf("the gateway was asked for what is not in the books: %+v", *e))
		case e.Captured > 0 && a.key != e.PaymentKey:
			wrong = append(wrong, fmt.Sprintf("the gateway took money by a key that is not in the books: %+v, %+v", *e, *a))
		case e.Refunded > e.Captured || e.Applied.Approve > 1 || int64(e.Applied.Cancel) > a.refundsAsked:
			wrong = append(wrong, fmt.Sprintf("the gateway did more than it was asked for: %+v, %+v", *e, *a))
		}
		for _, key := range e.IdempotencyKeys {
			if other, ok := used[key]; ok {
				wrong = append(wrong, fmt.Sprintf("the idempotency key %s was used for %s and %s", key, other, e.PaymentKey))
			}
			used[key] = e.PaymentKey
		}
	}
	return wrong
}

// checkOrders: one net charge of an order at most (I1), and no goods without exactly their price
// having been taken (I3).
func checkOrders(books page, after map[string]*entry) (wrong []string) {
	type account struct {
		bookedAttempt
		net     int64
		charges int
		paid    bool
	}
	orders := map[string]*account{}
	for _, a := range books.attempts {
		if orders[a.order] == nil {
			orders[a.order] = &account{bookedAttempt: a}
		}
		if e := after[a.key]; e != nil {
			o := orders[a.order]
			o.net += e.Captured - e.Refunded
			o.paid = o.paid || e.Captured == a.total
			if e.Captured > e.Refunded {
				o.charges++
			}
		}
	}
	for id, o := range orders {
		if o.net > o.total || o.charges > 1 {
			wrong = append(wrong, fmt.Sprintf("order %s of %d is charged %d times: %d", id, o.total, o.charges, o.net))
		}
		if o.orderStatus == "PAID" && !o.paid {
			wrong = append(wrong, fmt.Sprintf("order %s of %d is PAID for nothing", id, o.total))
		}
	}
	return wrong
}

// ways that states may go (I7), "" being before the first. What is not here has no states.
var allowed = map[string]map[string][]string{
	"ord": {
		"":       {"PLACED"},
		"PLACED": {"PLACED", "PAID", "CANCELED", "EXPIRED"},
		"PAID":   {"CANCELED"},
	},
	"pay": {
		"":                    {"READY"},
		"READY":               {"READY", "APPROVING", "APPROVED", "FAILED", "EXPIRED", "CANCELED"},
		"APPROVING":           {"APPROVING", "APPROVED", "UNKNOWN", "FAILED", "WAITING_FOR_DEPOSIT", "READY", "CANCELED"},
		"UNKNOWN":             {"UNKNOWN", "APPROVED", "FAILED", "WAITING_FOR_DEPOSIT", "READY", "PARTIALLY_CANCELED", "CANCELED", "EXPIRED"},
		"WAITING_FOR_DEPOSIT": {"WAITING_FOR_DEPOSIT", "APPROVED", "FAILED", "EXPIRED", "CANCELED", "READY"},
		"APPROVED":            {"APPROVED", "CANCELING", "PARTIALLY_CANCELED", "CANCELED"},
		"CANCELING":           {"CANCELING", "PARTIALLY_CANCELED", "CANCELED", "UNKNOWN", "APPROVED"},
		"PARTIALLY_CANCELED":  {"PARTIALLY_CANCELED", "CANCELING", "CANCELED"},
		"FAILED":              {"FAILED", "READY", "APPROVED", "EXPIRED", "CANCELED"},
		"CANCELED":            {"CANCELED"}, // something is noted, as money that came late
		"EXPIRED":             {"EXPIRED"},
	},
}

// walkBack is how long an event may be on its way behind one with a later number.
const walkBack = 5 * time.Second

// errTorn is a snapshot that shows an event and lacks the one before it, which was committed
// earlier. MariaDB collects the transactions that a snapshot leaves out one by one while others
// end: one look of some ten thousand sees a later transaction and not the earlier that it waited for.
var errTorn = errors.New("the snapshot is torn")

// walk follows the histories on from where it left them.
func (l *lookout) walk(ctx context.Context, tx *sql.Tx) (wrong []string, err error) {
	events, last, err := readEvents(ctx, tx, `id > ?`, l.mark)
	if err != nil {
		return nil, err
	}
	var path []bookedEvent
	reached := map[string]int{}
	for _, e := range events {
		if e.version > max(reached[e.of], l.walked[e.of].version)+1 {
			// It may have been on its way for long.
			whole, _, err := readEvents(ctx, tx, `aggregate_id = ?`, e.of)
			if err != nil {
				return nil, err
			}
			if err := l.checkTorn(ctx, whole); err != nil {
				return nil, err
			}
			path = append(path, whole...)
		}
		path, reached[e.of] = append(path, e), e.version
	}
	for _, e := range path {
		wrong = append(wrong, l.step(e)...)
	}
	l.turn(time.Now(), last)
	return wrong, nil
}

// checkTorn returns errTorn when a history lacks what is there for those who look anew.
func (l *lookout) checkTorn(ctx context.Context, history []bookedEvent) error {
	for i, e := range history {
		if e.version == i+1 {
			continue
		}
		var there int
		err := l.h.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM events WHERE aggregate_id = ? AND version <= ?`, e.of, e.version).Scan(&there)
		if err == nil && there == e.version {
			err = errTorn
		}
		return err
	}
	return nil
}

// turn moves the mark to what was the last event a while ago.
func (l *lookout) turn(now time.Time, last int64) {
	l.marks = append(l.marks, bookmark{now, last})
	for len(l.marks) > 0 && now.Sub(l.marks[0].at) > walkBack {
		l.mark = max(l.mark, l.marks[0].id)
		l.marks = l.marks[1:]
	}
}

// step follows one event.
func (l *lookout) step(e bookedEvent) (wrong []string) {
	was := l.walked[e.of]
	if e.version <= was.version {
		return nil
	}
	if e.version != was.version+1 {
		wrong = append(wrong, fmt.Sprintf("%s: version %d (%s) follows version %d", e.of, e.version, e.kind, was.version))
	}
	kind, _, _ := strings.Cut(e.of, "_")
	if graph := allowed[kind]; graph != nil && !slices.Contains(graph[was.status], e.status) {
		wrong = append(wrong, fmt.Sprintf("%s: version %d (%s) leads from %q to %q", e.of, e.version, e.kind, was.status, e.status))
	}
	l.walked[e.of] = chapter{e.version, e.status}
	return wrong
}

type bookedEvent struct {
	of, kind, status string
	version          int
}

// readEvents reads events, the versions of each thing in order, and the number of the last.
func readEvents(ctx context.Context, tx *sql.Tx, where string, arg any) (events []bookedEvent, last int64, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, aggregate_id, version, kind, status FROM events WHERE `+where+` ORDER BY aggregate_id, version`, arg)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var e bookedEvent
		var id int64
		if err := rows.Scan(&id, &e.of, &e.version, &e.kind, &e.status); err != nil {
			return nil, 0, err
		}
		events, last = append(events, e), max(last, id)
	}
	return events, last, rows.Err()
}

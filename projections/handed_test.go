package projections_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/internal/redistest"
	"payment-system/internal/shoptest"
	"payment-system/projections"
	"payment-system/shop"
)

// A counted outbox is one whose projector has a single connection, so that its
// statements can be counted.
type countedOutbox struct {
	outbox
	counted *sql.DB
	before  map[string]int
}

func newCountedOutbox(t *testing.T) *countedOutbox {
	t.Helper()
	dsn := mysqltest.DSN(t)
	open := func(conns int) *sql.DB {
		db, err := mysqldb.Open(t.Context(), dsn, mysqldb.Config{MaxConns: conns})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	return &countedOutbox{outbox: outbox{db: open(8), redis: redistest.New(t), logs: &shoptest.Log{}}, counted: open(1)}
}

// projector returns a replica whose statements are counted, and whose clock stands.
func (b *countedOutbox) projector(t *testing.T) *projections.Projector {
	t.Helper()
	p := b.outbox.projector(t, "counted")
	p.DB = b.counted
	p.Now = func() time.Time { return outboxMoment }
	return p
}

// counts returns the statements that the projector sent since it was last asked.
func (b *countedOutbox) counts(t *testing.T) map[string]int {
	t.Helper()
	const query = `SHOW SESSION STATUS WHERE Variable_name IN
('Com_select', 'Com_insert', 'Com_update', 'Com_delete', 'Com_begin', 'Com_commit', 'Com_rollback')`
	now := map[string]int{}
	_, err := mysqldb.Collect(context.Background(), b.counted, func(rows *sql.Rows) (_ struct{}, err error) {
		var name string
		var n int
		err = rows.Scan(&name, &n)
		now[name] = n
		return struct{}{}, err
	}, query)
	if err != nil {
		t.Fatal(err)
	}
	since := map[string]int{}
	for name, n := range now {
		if n > b.before[name] {
			since[name[len("Com_"):]] = n - b.before[name]
		}
	}
	b.before = now
	return since
}

// A deed is an event about to be committed.
type deed struct {
	id           string
	version      int
	kind, status string
	note         string
	payload      []byte
	records      map[shop.AttemptID][]byte // of gateways, written with it
}

// commit writes deeds in one transaction, and returns what is to be handed over.
func (b outbox) commit(t tester, deeds ...deed) shop.Committed {
	t.Helper()
	committed := shop.Committed{Records: map[shop.AttemptID][]byte{}}
	tx, err := b.db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := tx.ExecContext(context.Background(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range deeds {
		e := shop.Event{
			AggregateID: d.id, Version: d.version, Kind: d.kind, Status: d.status, Actor: "SHOPPER", Note: d.note,
			Payload: d.payload, At: outboxMoment.Add(time.Duration(d.version) * time.Second).Truncate(time.Microsecond),
		}
		var note any
		if d.note != "" {
			note = d.note
		}
		exec(`INSERT INTO events (aggregate_id, version, kind, status, payload, actor, note, at, hash, parts, shard)
VALUES (?,?,?,?,?,?,?,?,'','',?)`,
			e.AggregateID, e.Version, e.Kind, e.Status, e.Payload, e.Actor, note, e.At, shop.ShardOf(d.id))
		for attempt, record := range d.records {
			exec(`INSERT INTO kakao_payments
	(attempt_id, tid, cid, status, partner_order_id, partner_user_id, record, raw, fetched_at)
VALUES (?, 'T1', 'TC0ONETIME', 'SUCCESS_PAYMENT', 'o', 'u', ?, '{}', ?)
ON DUPLICATE KEY UPDATE record = VALUES(record)`, attempt, record, outboxMoment)
		}
		committed.Events = append(committed.Events, e)
		maps.Copy(committed.Records, d.records)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return committed
}

func encoded(t tester, aggregate any) []byte {
	t.Helper()
	payload, err := json.Marshal(aggregate)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// stockMoved is a product's event.
func stockMoved(t tester, n, version int) deed {
	t.Helper()
	p := shop.Product{
		ID: shop.ProductID(outboxID("prd", n)), Name: fmt.Sprintf("Tea %d", n), Price: 1000, Stock: version,
		CreatedAt: outboxMoment, UpdatedAt: outboxMoment, Version: version,
	}
	kind := shop.KindStockReserved
	if version == 1 {
		kind = shop.KindProductCreated
	}
	return deed{id: string(p.ID), version: version, kind: kind, payload: encoded(t, p)}
}

// orderPlaced is the first event of an order.
func orderPlaced(t tester, n int) deed {
	t.Helper()
	o := shop.Order{
		ID: shop.OrderID(outboxID("ord", n)), UserID: shop.UserID(outboxID("usr", 1)), Status: "PLACED",
		PlacedAt: outboxMoment, Version: 1,
	}
	return deed{id: string(o.ID), version: 1, kind: shop.KindOrderPlaced, status: "PLACED", payload: encoded(t, o)}
}

// paid is an event of a payment's. The record, if there is one, is its attempt's.
func paid(t tester, n, version, attempt int, kind, record string) deed {
	t.Helper()
	p := shop.Payment{
		ID: shop.PaymentID(outboxID("pay", n)), OrderID: shop.OrderID(outboxID("ord", n)),
		UserID: shop.UserID(outboxID("usr", 1)), PG: shop.PGKakao, AttemptID: shop.AttemptID(outboxID("att", attempt)),
		Status: shop.PaymentStatusReady, Amount: 11000, CreatedAt: outboxMoment, UpdatedAt: outboxMoment, Version: version,
	}
	d := deed{id: string(p.ID), version: version, kind: kind, status: string(p.Status), payload: encoded(t, p)}
	if version%2 == 0 {
		d.note = fmt.Sprintf("note %d", version)
	}
	if record != "" {
		d.records = map[shop.AttemptID][]byte{p.AttemptID: []byte(record)}
	}
	return d
}

// paymentViews returns what the view of payments shows, by id.
func (b outbox) paymentViews(t tester) map[string]string {
	t.Helper()
	all := map[string]string{}
	_, err := mysqldb.Collect(context.Background(), b.db, func(rows *sql.Rows) (_ struct{}, err error) {
		var id, document, record string
		var version int
		err = rows.Scan(&id, &version, &document, &record)
		all[id] = fmt.Sprintf("%d %s %s", version, document, record)
		return struct{}{}, err
	}, "SELECT id, version, document, COALESCE(record, 'none') FROM payment_views")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wantAsRepublished checks that views show what they would if they were rebuilt.
func (b outbox) wantAsRepublished(t tester, p *projections.Projector) {
	t.Helper()
	got := b.paymentViews(t)
	if err := p.RepublishNow(context.Background(), []shop.View{shop.ViewPayments}, nil); err != nil {
		t.Fatal(err)
	}
	want := b.paymentViews(t)
	for id := range want {
		if got[id] != want[id] {
			t.Fatalf("%s shows\n%s\nand must show\n%s", id, got[id], want[id])
		}
	}
}

// versionsFlagged returns which versions of an aggregate are flagged.
func (b outbox) versionsFlagged(t tester, id string) []int {
	t.Helper()
	versions, err := mysqldb.Collect(context.Background(), b.db, func(rows *sql.Rows) (n int, err error) {
		return n, rows.Scan(&n)
	}, "SELECT version FROM events WHERE aggregate_id = ? AND published_at IS NOT NULL", id)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(versions)
	return versions
}

// explain returns the plan of a statement about one table, by column.
func (b outbox) explain(t tester, query string, args ...any) map[string]string {
	t.Helper()
	rows, err := b.db.QueryContext(context.Background(), "EXPLAIN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatalf("no plan: %v", err)
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := errors.Join(rows.Scan(into...), rows.Err()); err != nil {
		t.Fatal(err)
	}
	plan := map[string]string{}
	for i, column := range columns {
		plan[column] = values[i].String
	}
	return plan
}

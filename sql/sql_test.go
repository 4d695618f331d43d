package sql_test

import (
	"bytes"
	"context"
	"database/sql"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/shop"
	migrations "payment-system/sql"
)

// unsealed is the version of the schema whose events had no seals yet.
const unsealed = 2

// Proves: events from before the chain are sealed by the migration as commands seal them.
func TestMigrations_seals(t *testing.T) {
	t.Parallel()
	db, err := mysqldb.Open(t.Context(), mysqltest.Empty(t), mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	provider, err := goose.NewProvider(goose.DialectMySQL, db, migrations.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), unsealed); err != nil {
		t.Fatal(err)
	}
	events := oldEvents()
	// The order of the ids is not that of the chain.
	for i := range events {
		insert(t, db, events[len(events)-1-i])
	}
	if err := mysqldb.Migrate(t.Context(), db, migrations.Migrations()); err != nil {
		t.Fatal(err)
	}
	var previous []byte
	for _, e := range events {
		if e.Version == 1 {
			previous = nil
		}
		want, got := e.Seal(previous), sealOf(t.Context(), t, db, e)
		if !got.Equal(want) {
			t.Errorf("%s version %d is sealed by %x %x, not by %x %x", e.AggregateID, e.Version, got.Hash, got.Parts, want.Hash, want.Parts)
		}
		previous = want.Hash
	}
	_, err = db.ExecContext(t.Context(), `INSERT INTO events (aggregate_id, version, kind, status, payload, actor, at, shard) VALUES ('a', 1, 'k', '', '{}', 'SHOPPER', NOW(6), 0)`)
	if err == nil || !strings.Contains(err.Error(), "hash") {
		t.Errorf("an event without a seal was taken, error %v", err)
	}
}

// oldEvents are of three aggregates, in order of their chains.
func oldEvents() []shop.Event {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	hostile := []byte(`{"name":"차 \\ ' \" 🍵\u0000","note":"` + strings.Repeat("한", 20_000) + `"}`)
	return []shop.Event{
		{AggregateID: "ord_a", Version: 1, Kind: "order.placed", Status: "PLACED", Payload: []byte(`{}`), Actor: shop.ActorShopper, At: at},
		{AggregateID: "pay_b", Version: 1, Kind: "payment.opened", Status: "READY", Payload: hostile, Actor: shop.ActorShopper, Note: "끝에 빈칸 ", At: at.Add(time.Microsecond)},
		{AggregateID: "pay_b", Version: 2, Kind: "payment.failed", Status: "FAILED", Payload: hostile, Actor: shop.ActorGateway, Note: "'; DROP \x00 \x1a", At: at.Add(999_999 * time.Microsecond)},
		{AggregateID: "pay_b", Version: 3, Kind: "payment.readied", Status: "READY", Payload: hostile[:0], Actor: shop.ActorResolver, At: at.AddDate(60, 0, 0)},
		{AggregateID: "prd_c", Version: 1, Kind: "product.created", Payload: []byte(`{"a":1}`), Actor: shop.ActorOperator, At: at},
		{AggregateID: "prd_c", Version: 2, Kind: "stock.reserved", Payload: []byte(`{"a":2}`), Actor: shop.ActorOperator, At: at},
	}
}

func insert(t *testing.T, db *sql.DB, e shop.Event) {
	t.Helper()
	note := sql.NullString{String: e.Note, Valid: e.Note != ""}
	_, err := db.ExecContext(t.Context(), `INSERT INTO events (aggregate_id, version, kind, status, payload, actor, note, at, shard) VALUES (?,?,?,?,?,?,?,?,0)`,
		e.AggregateID, e.Version, e.Kind, e.Status, bytes.Clone(e.Payload), string(e.Actor), note, e.At)
	if err != nil {
		t.Fatal(err)
	}
}

func sealOf(ctx context.Context, t *testing.T, db *sql.DB, e shop.Event) shop.Seal {
	t.Helper()
	var seal shop.Seal
	row := db.QueryRowContext(ctx, `SELECT hash, parts FROM events WHERE aggregate_id = ? AND version = ?`, e.AggregateID, e.Version)
	if err := row.Scan(&seal.Hash, &seal.Parts); err != nil {
		t.Fatal(err)
	}
	return seal
}

// Proves: settlement files from before books_due_at are looked at once more, where there is
// something to look at.
func TestMigrations_booksDue(t *testing.T) {
	t.Parallel()
	db, err := mysqldb.Open(t.Context(), mysqltest.Empty(t), mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	provider, err := goose.NewProvider(goose.DialectMySQL, db, migrations.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	for id, as := range map[string][2]string{
		"applied": {"PAYMENT_STATE_CSV", "APPLIED"}, "planned": {"KAKAO_PAYMENTS_JSON", "PLANNED"},
		"live": {"", "APPLIED"}, "reading": {"PAYMENT_STATE_CSV", "READING"}, "rejected": {"PAYMENT_STATE_CSV", "REJECTED"},
	} {
		_, err := db.ExecContext(t.Context(), `INSERT INTO reconciliations (id, pg, format, source, file_hash, status, row_count, percent, matched, auto_apply, started_at, version)
			VALUES (?, 'TOSS', ?, 'f', ?, ?, 0, 0, 0, 1, NOW(6), 1)`, id, as[0], id, as[1])
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := mysqldb.Migrate(t.Context(), db, migrations.Migrations()); err != nil {
		t.Fatal(err)
	}
	var due string
	err = db.QueryRowContext(t.Context(), `SELECT GROUP_CONCAT(id ORDER BY id) FROM reconciliations WHERE books_due_at <= NOW(6)`).Scan(&due)
	if err != nil || due != "applied,planned" {
		t.Errorf("due are %q, %v; want applied and planned", due, err)
	}
}

// Proves: no ALTER TABLE needs what another part of it makes, which TiDB refuses.
func TestMigrations_oneColumnEach(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(migrations.Migrations(), "*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	alter := regexp.MustCompile(`(?s)ALTER TABLE[^;]*;`)
	for _, file := range files {
		text, err := fs.ReadFile(migrations.Migrations(), file)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range alter.FindAllString(string(text), -1) {
			if strings.Count(statement, "ADD ") > 1 && strings.Contains(statement, "ADD COLUMN") {
				t.Errorf("%s adds more than a column by one statement:\n%s", file, statement)
			}
		}
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	db := mysqltest.New(t)
	for _, table := range migrations.Tables() {
		if _, err := db.ExecContext(t.Context(), "SELECT 1 FROM "+table+" LIMIT 1"); err != nil {
			t.Error(err)
		}
	}
	if n := len(migrations.Tables()); n < 26 {
		t.Errorf("there are %d tables", n)
	}
}

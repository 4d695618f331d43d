package query_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/mysqltest"
	"payment-system/internal/redistest"
	"payment-system/internal/roundtrip"
	"payment-system/internal/testclock"
	"payment-system/internal/views"
	"payment-system/query"
	"payment-system/shop"
)

// moment is when everything in these tests begins.
var moment = testclock.Now()

var operator = query.Viewer{UserID: "usr_operator", Role: shop.RoleOperator}

// A tester is a test, or a property being checked.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// id returns the n-th id with a prefix.
func id(prefix string, n int) string {
	return shop.FormatID(prefix, [16]byte{1, 2, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)})
}

// Shelves are the views of one test, and how to fill them.
type shelves struct {
	db    *sql.DB
	redis redis.UniversalClient
}

func newShelves(t *testing.T) shelves {
	t.Helper()
	return shelves{db: mysqltest.New(t), redis: redistest.New(t)}
}

func (s shelves) reader() *query.Reader {
	return &query.Reader{
		DB: s.db, Redis: s.redis, Logger: slog.New(slog.DiscardHandler), Now: testclock.Now, Floors: &views.Floors{},
		CacheTimeout: time.Minute, Trips: roundtrip.Group{Timeout: time.Minute}, // a busy machine may be slow
	}
}

func (s shelves) exec(t tester, statement string, args ...any) {
	t.Helper()
	if _, err := s.db.ExecContext(context.Background(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// announce says that a view has a version now.
func (s shelves) announce(t tester, id string, version int) {
	t.Helper()
	if err := views.Announce(context.Background(), s.redis, []views.Version{{ID: id, Version: version}}); err != nil {
		t.Fatal(err)
	}
}

func document(t tester, value any) []byte {
	t.Helper()
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s shelves) product(t tester, n int, name string, price shop.Won) shop.Product {
	t.Helper()
	return s.put(t, shop.Product{ID: shop.ProductID(id("prd", n)), Name: name, Price: price, Stock: 1})
}

// put puts a product onto the shelves.
func (s shelves) put(t tester, p shop.Product) shop.Product {
	t.Helper()
	p.CreatedAt, p.UpdatedAt, p.Version = moment, moment, 1
	words := views.Words(p.Name, p.Description)
	s.exec(t, "INSERT INTO product_views (id, version, name_key, price, stock, category, hidden, document, words) VALUES (?,?,?,?,?,?,?,?,?)",
		string(p.ID), 1, views.NameKey(p.Name), int64(p.Price), p.Stock, p.Category, p.Hidden, document(t, p), []byte(words))
	var args []any
	for _, gram := range views.Grams(words) {
		args = append(args, []byte(gram), string(p.ID))
	}
	if len(args) > 0 {
		s.exec(t, "INSERT INTO product_grams (gram, product_id) VALUES (?,?)"+strings.Repeat(",(?,?)", len(args)/2-1), args...)
	}
	return p
}

// stock moves a product to a version whose stock is the same number.
func (s shelves) stock(t tester, p shop.Product, version int) {
	t.Helper()
	p.Stock, p.Version = version, version
	s.exec(t, "UPDATE product_views SET version = ?, document = ? WHERE id = ?", version, document(t, p), string(p.ID))
}

func (s shelves) order(t tester, n int, user shop.UserID, status shop.OrderStatus, placedAt time.Time) shop.Order {
	t.Helper()
	o := shop.Order{ID: shop.OrderID(id("ord", n)), UserID: user, Status: status, PlacedAt: placedAt, Version: 1}
	s.exec(t, "INSERT INTO order_views (id, version, user_id, status, placed_at, document) VALUES (?,?,?,?,?,?)",
		string(o.ID), 1, string(user), string(status), placedAt, document(t, o))
	return o
}

func (s shelves) payment(t tester, n int, user shop.UserID, status shop.PaymentStatus, pg shop.PG, updatedAt time.Time, record any) shop.Payment {
	t.Helper()
	key := fmt.Sprintf("key-%d", n)
	p := shop.Payment{
		ID: shop.PaymentID(id("pay", n)), OrderID: shop.OrderID(id("ord", n)), UserID: user, Status: status, PG: pg,
		PaymentKey: &key, UpdatedAt: updatedAt, CreatedAt: moment, Version: 1,
	}
	s.exec(t, "INSERT INTO payment_views (id, version, order_id, user_id, status, pg, payment_key, updated_at, document, record) VALUES (?,?,?,?,?,?,?,?,?,?)",
		string(p.ID), 1, string(p.OrderID), string(user), string(status), string(pg), key, updatedAt, document(t, p), record)
	return p
}

// move brings a payment to a status and version, and tells nobody.
func (s shelves) move(t tester, p shop.Payment, status shop.PaymentStatus, version int) {
	t.Helper()
	p.Status, p.Version = status, version
	s.exec(t, "UPDATE payment_views SET version = ?, status = ?, document = ? WHERE id = ?", version, string(status), document(t, p), string(p.ID))
}

func (s shelves) discrepancy(t tester, n int, of shop.ReconciliationID, kind shop.DiscrepancyKind, status shop.DiscrepancyStatus) shop.Discrepancy {
	t.Helper()
	d := shop.Discrepancy{ID: shop.DiscrepancyID(id("dsc", n)), ReconciliationID: of, PG: shop.PGToss, Kind: kind, Status: status, Version: 1}
	s.exec(t, "INSERT INTO discrepancy_views (id, version, reconciliation_id, pg, kind, status, document) VALUES (?,?,?,?,?,?,?)",
		string(d.ID), 1, string(of), string(d.PG), string(kind), string(status), document(t, d))
	return d
}

func (s shelves) reconciliation(t tester, n int) shop.Reconciliation {
	t.Helper()
	r := shop.Reconciliation{ID: shop.ReconciliationID(id("rec", n)), PG: shop.PGToss, Status: shop.ReconciliationStatusPlanned, Version: 1}
	s.exec(t, "INSERT INTO reconciliation_views (id, version, pg, status, document) VALUES (?,?,?,?,?)",
		string(r.ID), 1, string(r.PG), string(r.Status), document(t, r))
	return r
}

// ptr returns a pointer to a copy of v.
func ptr[T any](v T) *T { return new(v) }

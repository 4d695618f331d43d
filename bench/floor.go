package main

import (
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/uuid"

	"payment-system/internal/mysqldb"
)

// A floor is what the same work costs at least when it is done plainly: a statement at a time, a transaction for each
// step, by a program that does nothing else. It has tables of its own on the database server that is measured, shaped
// and indexed as the books are, with documents of a like size, so that neither disturbs the other.
type floor struct {
	db       *sql.DB // a pool of as many connections as a replica has
	products int
	payload  string
}

// payloadBytes is about what an event of an order or a payment has.
const payloadBytes = 900

const (
	id    = "VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL"
	word  = "VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL"
	inno  = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
	count = "INT NOT NULL"
)

// floorTables returns the statements that make the floor's tables.
func floorTables() []string {
	return []string{
		"CREATE TABLE stock (product_id " + id + " PRIMARY KEY, available " + count + ", reserved " + count +
			", sold " + count + ", version " + count + ", CHECK (available >= 0))" + inno,
		"CREATE TABLE orders (id " + id + " PRIMARY KEY, user_id " + id + ", status " + word +
			", total BIGINT NOT NULL, placed_at DATETIME(6) NOT NULL, expires_at DATETIME(6) NOT NULL" +
			", version " + count + ", KEY ix_expiry (status, expires_at))" + inno,
		"CREATE TABLE order_lines (order_id " + id + ", line " + count + ", product_id " + id +
			", name VARCHAR(200) NOT NULL, unit_price BIGINT NOT NULL, quantity " + count +
			", PRIMARY KEY (order_id, line), KEY ix_product (product_id))" + inno,
		"CREATE TABLE payments (id " + id + " PRIMARY KEY, order_id " + id + ", status " + word +
			", amount BIGINT NOT NULL, updated_at DATETIME(6) NOT NULL, version " + count +
			", UNIQUE KEY uq_order (order_id), KEY ix_status (status, updated_at))" + inno,
		"CREATE TABLE events (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, aggregate_id " + id +
			", version " + count + ", kind " + word + ", payload LONGTEXT NOT NULL, at DATETIME(6) NOT NULL" +
			", UNIQUE KEY uq_version (aggregate_id, version))" + inno,
		"CREATE TABLE views (id " + id + " PRIMARY KEY, version " + count + ", document LONGTEXT NOT NULL)" + inno,
		"CREATE TABLE settlement_rows (file " + id + ", line " + count + ", raw TEXT NOT NULL" +
			", payment_key VARCHAR(200) NOT NULL, attempt_ref VARCHAR(200) NOT NULL, amount BIGINT NOT NULL" +
			", PRIMARY KEY (file, line), KEY ix_key (payment_key))" + inno,
	}
}

// openFloor makes the floor's tables in a database of their own, beside the one that dsn names.
func openFloor(ctx context.Context, dsn string, products int) (f floor, err error) {
	parsed, err := mysql.ParseDSN(dsn)
	if err != nil {
		return f, err
	}
	if f.db, err = mysqldb.Open(ctx, dsn, mysqldb.Config{MaxConns: 1}); err != nil {
		return f, err
	}
	_, err = f.db.ExecContext(ctx, "CREATE DATABASE floor")
	if err = errors.Join(err, f.db.Close()); err != nil {
		return f, fmt.Errorf("make the floor: %w", err)
	}
	parsed.DBName = "floor"
	if f.db, err = mysqldb.Open(ctx, parsed.FormatDSN(), mysqldb.Config{}); err != nil {
		return f, err
	}
	f.products, f.payload = products, strings.Repeat("x", payloadBytes)
	return f, f.fill(ctx)
}

func (f floor) fill(ctx context.Context) error {
	for _, table := range floorTables() {
		if _, err := f.db.ExecContext(ctx, table); err != nil {
			return fmt.Errorf("make the floor: %w", err)
		}
	}
	for i := range f.products {
		_, err := f.db.ExecContext(ctx, "INSERT INTO stock VALUES (?, 1000000, 0, 0, 1)", productID(i))
		if err != nil {
			return fmt.Errorf("fill the floor: %w", err)
		}
	}
	return nil
}

func productID(i int) string { return fmt.Sprintf("prd_%026d", i) }

// newID returns an id that sorts by time, as those of the books do.
func newID(prefix string) string {
	return prefix + strings.ReplaceAll(uuid.Must(uuid.NewV7()).String(), "-", "")
}

// A statement and its values.
type statement struct {
	text string
	args []any
}

// tx executes statements in one transaction, one after the other. Each must touch a row.
func (f floor) tx(ctx context.Context, statements ...statement) error {
	return mysqldb.InTx(ctx, f.db, func(ctx context.Context, tx *sql.Tx) error {
		for _, s := range statements {
			if err := mysqldb.ExecOne(ctx, tx, s.text, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f floor) event(aggregate string, version int, kind string) statement {
	return statement{
		"INSERT INTO events (aggregate_id, version, kind, payload, at) VALUES (?, ?, ?, ?, ?)",
		[]any{aggregate, version, kind, f.payload, time.Now()},
	}
}

// order is the plain transaction of an order: a conditional stock update, the order, its line and an event.
func (f floor) order(ctx context.Context, _, _ int) error {
	return f.place(ctx, newID("ord_"), productID(rand.IntN(f.products)))
}

// place is the plain transaction of an order for one product.
func (f floor) place(ctx context.Context, orderID, product string) error {
	const take = `UPDATE stock SET available = available - 1, reserved = reserved + 1, version = version + 1
		WHERE product_id = ? AND available >= 1`
	now := time.Now()
	return f.tx(ctx,
		statement{take, []any{product}},
		statement{
			"INSERT INTO orders VALUES (?, ?, 'PLACED', 27000, ?, ?, 1)",
			[]any{orderID, "usr_00000000000000000000000000", now, now.Add(24 * time.Hour)},
		},
		statement{"INSERT INTO order_lines VALUES (?, 1, ?, '보성 세작 녹차 80g', 27000, 1)", []any{orderID, product}},
		f.event(orderID, 1, "order.placed"))
}

// purchase is three plain transactions: the order; a payment and an event; an update and an event.
func (f floor) purchase(ctx context.Context, _, _ int) error {
	orderID, paymentID := newID("ord_"), newID("pay_")
	if err := f.place(ctx, orderID, productID(rand.IntN(f.products))); err != nil {
		return err
	}
	err := f.tx(ctx,
		statement{
			"INSERT INTO payments VALUES (?, ?, 'READY', 27000, ?, 1)",
			[]any{paymentID, orderID, time.Now()},
		},
		f.event(paymentID, 1, "payment.readied"))
	if err != nil {
		return err
	}
	const approve = `UPDATE payments SET status = 'APPROVED', updated_at = ?, version = 2
		WHERE id = ? AND status = 'READY' AND version = 1`
	return f.tx(ctx, statement{approve, []any{time.Now(), paymentID}}, f.event(paymentID, 2, "payment.approved"))
}

// expire is the plain transaction of an order that ends: the order, its stock and an event.
func (f floor) expire(ctx context.Context, orderID, product string) error {
	const giveBack = `UPDATE stock SET available = available + 1, reserved = reserved - 1, version = version + 1
		WHERE product_id = ? AND reserved >= 1`
	const expire = "UPDATE orders SET status = 'EXPIRED', version = 2 WHERE id = ? AND status = 'PLACED'"
	return f.tx(ctx,
		statement{expire, []any{orderID}},
		statement{giveBack, []any{product}},
		f.event(orderID, 2, "order.expired"))
}

// chunk is how many rows a plain insert of many has.
const chunk = 500

// A document is one row of a view.
type document struct {
	id      string
	version int
	body    []byte
}

// upsert writes documents, many in a statement that is a transaction of its own.
func (f floor) upsert(ctx context.Context, documents []document) error {
	for len(documents) > 0 {
		n := min(chunk, len(documents))
		args := make([]any, 0, 3*n)
		for _, d := range documents[:n] {
			args = append(args, d.id, d.version, d.body)
		}
		documents = documents[n:]
		_, err := f.db.ExecContext(ctx, "INSERT INTO views (id, version, document) VALUES "+marks(n, 3)+
			" ON DUPLICATE KEY UPDATE document = VALUES(document), version = VALUES(version)", args...)
		if err != nil {
			return fmt.Errorf("write documents: %w", err)
		}
	}
	return nil
}

// settle reads a settlement file and writes its rows down, many in a statement that is a transaction of its own.
func (f floor) settle(ctx context.Context, path string) (rows int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	reader, name := csv.NewReader(file), newID("rec_")
	var args []any
	for line := 0; ; line++ {
		row, err := reader.Read()
		if err != nil && !errors.Is(err, io.EOF) {
			return rows, err
		}
		ended := err != nil
		if !ended && line > 0 { // the first is the header
			rows++
			args = append(args, name, line, strings.Join(row, ","), row[1], row[0], row[2])
		}
		if n := len(args) / 6; n == chunk || (ended && n > 0) {
			_, err := f.db.ExecContext(ctx, "INSERT INTO settlement_rows VALUES "+marks(n, 6), args...)
			if err != nil {
				return rows, fmt.Errorf("write rows: %w", err)
			}
			args = args[:0]
		}
		if ended {
			return rows, nil
		}
	}
}

// marks returns the placeholders of n rows of columns: "(?,?),(?,?)".
func marks(n, columns int) string {
	one := "(?" + strings.Repeat(",?", columns-1) + ")"
	return one + strings.Repeat(","+one, n-1)
}

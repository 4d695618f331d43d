package books

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/go-jet/jet/v2/mysql"
	"github.com/google/go-cmp/cmp"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/sql/write/model"
	"payment-system/sql/write/table"
)

// Each row becomes what was meant for it, whatever its neighbours become, and no other row is touched or even looked at.
func TestUpdated_write(t *testing.T) {
	t.Parallel()
	db := openBooks(t)
	fill(t, db)
	orders := updated{
		table: "orders", key: []string{"id"}, guards: []string{"version", "status"},
		columns: []string{"status", "paid_at", "total", "expires_at"},
	}
	keys := updated{
		table: "idempotency", key: []string{"idem_key", "operation", "user_id"}, columns: []string{"response"},
		also: " AND response IS NULL",
	}
	paid := time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC)
	order := func(n int, now ...any) rowUpdate {
		return rowUpdate{key: []any{fmt.Sprintf("ord_%03d", n)}, guards: []any{1, "PLACED"}, now: now}
	}
	key := func(n int, response any) rowUpdate {
		return rowUpdate{key: []any{fmt.Sprint("key ", n), "placeOrder", fmt.Sprint("usr_", n%5)}, now: []any{response}}
	}
	for _, test := range []struct {
		name    string
		table   updated
		rows    []rowUpdate
		want    []string // of the rows that are not as they were
		refused bool
	}{
		{"one row", orders, []rowUpdate{order(7, "PAID", paid, asItIs{}, asItIs{})}, []string{"ord_007 PAID 2026-03-04 05:06:07.000008 7"}, false},
		{
			"several, each its own", orders,
			[]rowUpdate{
				order(9, "PAID", paid, 90, asItIs{}), order(8, "CANCELED", nil, asItIs{}, asItIs{}), order(11, asItIs{}, asItIs{}, 110, asItIs{}),
			},
			[]string{"ord_008 CANCELED NULL 8", "ord_009 PAID 2026-03-04 05:06:07.000008 90", "ord_011 PLACED NULL 110"},
			false,
		},
		{
			"a value where there is none yet", orders,
			[]rowUpdate{order(3, asItIs{}, unlessKnown{paid}, asItIs{}, asItIs{}), order(4, "PAID", paid, asItIs{}, unlessKnown{paid})},
			[]string{"ord_003 PLACED 2026-03-04 05:06:07.000008 3", "ord_004 PAID 2026-03-04 05:06:07.000008 4"},
			false,
		},
		{"nothing changed", orders, []rowUpdate{order(5, asItIs{}, asItIs{}, asItIs{}, asItIs{})}, nil, false},
		{
			"one is not as it was read", orders,
			[]rowUpdate{order(1, "PAID", paid, asItIs{}, asItIs{}), {key: []any{"ord_002"}, guards: []any{2, "PLACED"}, now: []any{"PAID", paid, asItIs{}, asItIs{}}}},
			nil, true,
		},
		{"one is gone", orders, []rowUpdate{order(1, "PAID", paid, asItIs{}, asItIs{}), order(999, "PAID", paid, asItIs{}, asItIs{})}, nil, true},
		{"a key of three columns", keys, []rowUpdate{key(6, `{"a": 1}`)}, []string{"usr_1 key 6 {\"a\": 1}"}, false},
		{"several keys", keys, []rowUpdate{key(6, "six"), key(7, "seven"), key(106, "hundred")}, []string{"usr_1 key 106 hundred", "usr_1 key 6 six", "usr_2 key 7 seven"}, false},
		{"a key of somebody else", keys, []rowUpdate{{key: []any{"key 6", "placeOrder", "usr_2"}, now: []any{"six"}}}, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			changed, looked, err := inVain(t, db, test.table, test.rows)
			if got := errors.Is(err, mysqldb.ErrStale); got != test.refused {
				t.Fatalf("the rows were refused: %v (%v), want %v", got, err, test.refused)
			}
			if diff := cmp.Diff(test.want, changed); diff != "" && !test.refused {
				t.Errorf("what changed (-want +got):\n%s", diff)
			}
			if most := 3 * len(test.rows); looked > most {
				t.Errorf("%d rows were looked at to write %d", looked, len(test.rows))
			}
		})
	}
}

// inVain updates rows in a transaction that is rolled back, and returns which rows then were other than before, and how
// many the server looked at.
func inVain(t *testing.T, db *sql.DB, to updated, rows []rowUpdate) (changed []string, looked int, err error) {
	t.Helper()
	undone := errors.New("undone")
	failed := mysqldb.InTx(t.Context(), db, func(ctx context.Context, tx *sql.Tx) error {
		before := looks(ctx, t, tx)
		packet := mysqldb.NewPacket(tx, false)
		if err = to.write(ctx, packet, rows); err == nil {
			err = packet.Send(ctx)
		}
		looked = looks(ctx, t, tx) - before
		var read error
		changed, read = mysqldb.Collect(ctx, tx, func(rows *sql.Rows) (s string, err error) { return s, rows.Scan(&s) },
			`SELECT CONCAT(id, ' ', status, ' ', COALESCE(paid_at, 'NULL'), ' ', total) FROM orders
				WHERE status <> 'PLACED' OR paid_at IS NOT NULL OR total <> CAST(SUBSTR(id, 5) AS SIGNED)
			UNION ALL SELECT CONCAT(user_id, ' ', idem_key, ' ', response) FROM idempotency WHERE response IS NOT NULL
			ORDER BY 1`)
		return errors.Join(undone, read)
	})
	if !errors.Is(failed, undone) {
		t.Fatal(failed)
	}
	return changed, looked, err
}

// looks is how many rows the session's statements looked at.
func looks(ctx context.Context, t *testing.T, tx *sql.Tx) (n int) {
	t.Helper()
	all, err := mysqldb.Collect(ctx, tx, func(rows *sql.Rows) (string, error) {
		var name, value string
		err := rows.Scan(&name, &value)
		return value, err
	}, `SHOW SESSION STATUS WHERE Variable_name IN ('Handler_read_next', 'Handler_read_prev', 'Handler_read_rnd_next', 'Handler_read_key')`)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range all {
		one, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		n += one
	}
	return n
}

func openBooks(t *testing.T) *sql.DB {
	t.Helper()
	db, err := mysqldb.Open(t.Context(), mysqltest.DSN(t), mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// fill stores two hundred orders and as many keys.
func fill(t *testing.T, db *sql.DB) {
	t.Helper()
	for n := range 200 {
		_, err := db.ExecContext(t.Context(), `INSERT INTO orders (id, user_id, status, total, tax_free_total, placed_at, expires_at, version)
			VALUES (?, 'usr_1', 'PLACED', ?, 0, NOW(6), NOW(6), 1)`, fmt.Sprintf("ord_%03d", n), n)
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.ExecContext(t.Context(), `INSERT INTO idempotency (user_id, operation, idem_key, request_hash, subject, created_at)
			VALUES (?, 'placeOrder', ?, '', '', NOW(6))`, fmt.Sprint("usr_", n%5), fmt.Sprint("key ", n))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Rows are inserted by the order of their fields, which must be that of the columns.
func TestInsertRows_fields(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		row     any
		columns mysql.ColumnList
	}{
		{model.Payments{}, table.Payments.AllColumns},
		{model.Attempts{}, table.Attempts.AllColumns},
		{model.Refunds{}, table.Refunds.AllColumns},
		{model.KakaoPayments{}, table.KakaoPayments.AllColumns},
		{model.TossPayments{}, table.TossPayments.AllColumns},
	} {
		fields := reflect.TypeOf(test.row)
		if fields.NumField() != len(test.columns) {
			t.Fatalf("%s has %d fields for %d columns", fields.Name(), fields.NumField(), len(test.columns))
		}
		row := reflect.New(fields).Elem()
		for i, column := range test.columns {
			// The library finds a column's field by its name.
			if got := fieldOf(column, row); got != i {
				t.Errorf("%s.%s is field %d, for column %d", fields.Name(), column.Name(), got, i)
			}
		}
	}
}

// fieldOf is which field of a row jet takes for a column.
func fieldOf(column mysql.Column, row reflect.Value) int {
	for i := range row.NumField() {
		row.SetZero()
		before, _ := table.Payments.INSERT(mysql.ColumnList{column}).MODEL(row.Interface()).Sql()
		_, was := table.Payments.INSERT(mysql.ColumnList{column}).MODEL(row.Interface()).Sql()
		set(row.Field(i))
		_, is := table.Payments.INSERT(mysql.ColumnList{column}).MODEL(row.Interface()).Sql()
		if before != "" && !reflect.DeepEqual(was, is) {
			return i
		}
	}
	return -1
}

// set gives a field another value than none.
func set(field reflect.Value) {
	if field.Kind() == reflect.Pointer {
		field.Set(reflect.New(field.Type().Elem()))
		set(field.Elem())
		return
	}
	switch field.Interface().(type) {
	case string:
		field.SetString("other")
	case bool:
		field.SetBool(true)
	case time.Time:
		field.Set(reflect.ValueOf(time.Unix(1, 0)))
	default:
		field.SetInt(1)
	}
}

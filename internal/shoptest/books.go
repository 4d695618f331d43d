package shoptest

import (
	"context"
	"database/sql"
	"testing"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// NoViews is a projector that shows nothing, for tests that read the books alone.
type NoViews struct{}

// Project does nothing.
func (NoViews) Project(context.Context, ...string) {}

// Count returns the number that a query selects.
func Count(t testing.TB, db *sql.DB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Exec runs a statement.
func Exec(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// Column returns the values of the only column that a query selects.
func Column(t testing.TB, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	return Must(mysqldb.Collect(t.Context(), db, func(rows *sql.Rows) (value string, err error) {
		err = rows.Scan(&value)
		return value, err
	}, query, args...))(t)
}

// Checksums returns the checksums of tables by name: of the tables named, or of all.
func Checksums(t testing.TB, db *sql.DB, tables ...string) map[string]string {
	t.Helper()
	if len(tables) == 0 {
		tables = Column(t, db, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
	}
	sums := map[string]string{}
	for _, table := range tables {
		var name, sum string
		if err := db.QueryRowContext(t.Context(), "CHECKSUM TABLE "+table).Scan(&name, &sum); err != nil {
			t.Fatal(err)
		}
		sums[table] = sum
	}
	return sums
}

// NoSessions is who is signed in where nobody is, for tests that read the books alone.
type NoSessions struct{}

// EndOthers does nothing.
func (NoSessions) EndOthers(context.Context, shop.UserID, string) error { return nil }

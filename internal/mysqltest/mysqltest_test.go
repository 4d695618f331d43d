package mysqltest_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	migrations "payment-system/sql"
)

func TestNew(t *testing.T) {
	t.Parallel()

	t.Run("a database is what migrating makes", func(t *testing.T) {
		t.Parallel()
		want, err := mysqldb.Open(t.Context(), mysqltest.Empty(t), mysqldb.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { want.Close() })
		if err := mysqldb.Migrate(t.Context(), want, migrations.Migrations()); err != nil {
			t.Fatal(err)
		}
		got := mysqltest.New(t)
		if diff := cmp.Diff(describe(t, want), describe(t, got)); diff != "" {
			t.Errorf("schemas differ (-migrated +given):\n%s", diff)
		}
		if err := mysqldb.Migrate(t.Context(), got, migrations.Migrations()); err != nil {
			t.Errorf("migrating it again: %v", err)
		}
	})

	t.Run("tests do not see each other", func(t *testing.T) {
		t.Parallel()
		one, two := mysqltest.New(t), mysqltest.New(t)
		const insert = "INSERT INTO stock (product_id, available, reserved, sold, version) VALUES ('prd_1', 1, 0, 0, 1)"
		if _, err := one.ExecContext(t.Context(), insert); err != nil {
			t.Fatal(err)
		}
		var rows int
		if err := two.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM stock").Scan(&rows); err != nil || rows != 0 {
			t.Errorf("the other database has %d rows, error %v; want none", rows, err)
		}
	})

	t.Run("a database is dropped when its test ends", func(t *testing.T) {
		t.Parallel()
		db := mysqltest.New(t)
		var name string
		t.Run("inner", func(t *testing.T) {
			if err := mysqltest.New(t).QueryRowContext(t.Context(), "SELECT DATABASE()").Scan(&name); err != nil {
				t.Fatal(err)
			}
		})
		var found int
		const query = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?"
		if err := db.QueryRowContext(t.Context(), query, name).Scan(&found); err != nil || found != 0 {
			t.Errorf("found %d databases named %q, error %v; want none", found, name, err)
		}
	})
}

// describe returns the statements that make db's tables.
func describe(t *testing.T, db *sql.DB) []string {
	t.Helper()
	names := column(t, db, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1")
	var tables []string
	for _, name := range names {
		var table, statement string
		if err := db.QueryRowContext(t.Context(), "SHOW CREATE TABLE "+name).Scan(&table, &statement); err != nil {
			t.Fatal(err)
		}
		// How many rows a table gave numbers to is no part of its shape.
		before, after, _ := strings.Cut(statement, " AUTO_INCREMENT=")
		_, after, _ = strings.Cut(after, " ")
		tables = append(tables, before+after)
	}
	return tables
}

func column(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var values []string
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

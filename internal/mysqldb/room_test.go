package mysqldb_test

import (
	"testing"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	migrations "payment-system/sql"
)

// TestMakeRoom wants room in every table of the schema, and every row as it was.
func TestMakeRoom(t *testing.T) {
	t.Parallel()
	db := mysqltest.New(t)
	exec := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO idempotency VALUES ('usr_a', 'placeOrder', 'key', REPEAT('0', 64), 'ord_a', NULL, '2026-11-30')`)
	for range 2 { // there is room already, the second time
		if err := mysqldb.MakeRoom(t.Context(), db, migrations.Tables()); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range migrations.Tables() {
		var rows, bytes int64
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		err := db.QueryRowContext(t.Context(), `SELECT file_size FROM information_schema.innodb_sys_tablespaces
			WHERE name = CONCAT(DATABASE(), '/', ?)`, table).Scan(&bytes)
		if err != nil {
			t.Fatal(err)
		}
		if bytes < 1<<20 {
			t.Errorf("table %s has a file of %d bytes", table, bytes)
		}
		if want := map[string]int64{"idempotency": 1}[table]; rows != want && table != "projection_states" {
			t.Errorf("table %s has %d rows, want %d", table, rows, want)
		}
	}
	exec(`UPDATE idempotency SET response = '{}' WHERE idem_key = 'key'`)
}

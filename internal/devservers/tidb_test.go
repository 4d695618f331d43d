package devservers_test

import (
	"database/sql"
	"os"
	"testing"

	"payment-system/internal/devservers"
)

// Proves: a TiDB keeps what it committed, and CHECK constraints, over a power cut.
func TestTiDB(t *testing.T) {
	t.Parallel()
	program := os.Getenv("TIDB_SERVER")
	if program == "" {
		t.Skip("TIDB_SERVER names no program")
	}
	servers := start(t, devservers.Config{SkipMySQL: true, SkipRedis: true})
	tidb, err := servers.NewTiDB(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("mysql", tidb.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	exec1(t, db, "CREATE TABLE kept (n INT, CHECK (n > 0))")
	exec1(t, db, "INSERT INTO kept VALUES (1)")
	if err := tidb.Kill(); err != nil {
		t.Fatal(err)
	}
	if db.PingContext(t.Context()) == nil {
		t.Error("a killed server answers")
	}
	if err := tidb.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT n FROM kept").Scan(&n); err != nil || n != 1 {
		t.Errorf("it kept %d, %v", n, err)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO kept VALUES (0)"); err == nil {
		t.Error("it forgot a CHECK constraint")
	}
}

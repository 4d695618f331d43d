package verify_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
)

// Proves: the grants that the design asks for are enough to work with, and too little to change
// what has happened.
func TestGrants(t *testing.T) {
	t.Parallel()
	account := mysqltest.NewAccount(t, mysqltest.DSN(t))
	for _, table := range account.Tables() {
		if table == "events" {
			account.Grant("SELECT, INSERT, UPDATE (published_at)", table)
			continue
		}
		account.Grant("SELECT, INSERT, UPDATE, DELETE", table)
	}
	db, err := mysqldb.Open(t.Context(), account.DSN, mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := mysqldb.Check(t.Context(), db); err != nil {
		t.Error(err)
	}
	b := newBooksAt(t, db)
	if found := b.Violations(t, b.gateways()); len(found) > 0 {
		t.Errorf("violations:\n%s", strings.Join(found, "\n"))
	}
	for _, statement := range []string{
		`UPDATE events SET payload = '{}'`,
		`UPDATE events SET hash = '', published_at = NULL`,
		`DELETE FROM events WHERE version > 1`,
		`REPLACE INTO events SELECT * FROM events`,
		`INSERT INTO events (id, aggregate_id, version, kind, status, payload, actor, at, hash, parts, shard)
VALUES (1, 'a', 1, 'k', '', '{}', 'SHOPPER', NOW(6), '', '', 0) ON DUPLICATE KEY UPDATE note = 'edited'`,
		`TRUNCATE TABLE events`,
		`DROP TABLE events`,
		`ALTER TABLE events DROP COLUMN hash`,
		`CREATE TRIGGER t BEFORE INSERT ON events FOR EACH ROW SET NEW.note = 'edited'`,
	} {
		_, err := db.ExecContext(t.Context(), statement)
		var refused *mysql.MySQLError
		if !errors.As(err, &refused) || (refused.Number != 1142 && refused.Number != 1143) {
			t.Errorf("%s: error %v, want one that denies it", statement, err)
		}
	}
	// MariaDB 10.11 does not ask for the right to the column here. Then verify tells.
	_, err = db.ExecContext(t.Context(), `INSERT INTO events SELECT * FROM events WHERE aggregate_id = ? AND version = 2 ON DUPLICATE KEY UPDATE note = 'edited'`, b.payment.ID)
	want := "events " + string(b.payment.ID) + " version 2 (payment.readied): note was edited"
	if found := b.Violations(t, nil); err == nil && (len(found) != 1 || found[0] != want) {
		t.Errorf("violations:\n%s\nwant %s", strings.Join(found, "\n"), want)
	}
}

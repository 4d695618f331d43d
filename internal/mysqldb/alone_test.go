package mysqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"payment-system/internal/mysqldb"
)

func TestAlone(t *testing.T) {
	t.Parallel()
	for name, through := range map[string]func(*sql.DB) mysqldb.Execer{
		"a statement that meets a deadlock fails":     func(db *sql.DB) mysqldb.Execer { return db },
		"one that is alone is made again, as if none": mysqldb.Alone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := counters(t)
			err := meet(t, db, through(db))
			var refused *mysql.MySQLError
			if _, isPlain := through(db).(*sql.DB); isPlain {
				if !errors.As(err, &refused) || refused.Number != 1213 {
					t.Errorf("error %v: there was no deadlock", err)
				}
				return
			}
			if err != nil || value(t, db, "a") != 2 || value(t, db, "b") != 2 {
				t.Errorf("error %v; a, b = %d, %d; want 2, 2", err, value(t, db, "a"), value(t, db, "b"))
			}
		})
	}
	t.Run("what is refused for another reason is not made again", func(t *testing.T) {
		t.Parallel()
		db := counters(t)
		if _, err := mysqldb.Alone(db).ExecContext(t.Context(), "UPDATE nowhere SET n = 1"); err == nil {
			t.Error("no error")
		}
	})
}

// meet has a statement add to a and then to b, while a transaction that weighs more has added to b
// and wants a.
func meet(t *testing.T, db *sql.DB, through mysqldb.Execer) error {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for i := range 50 {
		if _, err := tx.ExecContext(t.Context(), "INSERT INTO counters VALUES (?, ?, 0)", fmt.Sprint("z", i), fmt.Sprint("other ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := add(t.Context(), tx, "b"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := through.ExecContext(t.Context(), "UPDATE counters SET n = n + 1 WHERE id IN ('a', 'b') ORDER BY id")
		ended <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(150 * time.Millisecond) // MariaDB shows old news to whom asks more often
	defer tick.Stop()
	for waits := 0; waits == 0; <-tick.C {
		if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.innodb_lock_waits w JOIN information_schema.innodb_trx x ON x.trx_id = w.blocking_trx_id JOIN information_schema.processlist p ON p.id = x.trx_mysql_thread_id WHERE p.db = DATABASE()").Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	if err := add(t.Context(), tx, "a"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return <-ended
}

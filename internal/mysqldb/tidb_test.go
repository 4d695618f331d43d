package mysqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/internal/shoptest"
)

// Proves: what TiDB gives up is run again, and what it cannot do now is no fault of the statement.
func TestTiDB_errors(t *testing.T) {
	t.Parallel()
	db := numbers(t)
	for _, number := range []uint16{8022, 8028, 9007} {
		runs := 0
		err := mysqldb.InTx(t.Context(), db, func(context.Context, *sql.Tx) error {
			if runs++; runs < 3 {
				return &mysql.MySQLError{Number: number}
			}
			return nil
		})
		if err != nil || runs != 3 {
			t.Errorf("after %d: %d runs, %v", number, runs, err)
		}
	}
	for _, number := range []uint16{8022, 8028, 9007, 9001, 9002, 9003, 9004, 9005} {
		if !mysqldb.IsDown(&mysql.MySQLError{Number: number}) {
			t.Errorf("%d is taken for a fault of the statement", number)
		}
	}
	if err := mysqldb.InTx(t.Context(), db, func(context.Context, *sql.Tx) error { return &mysql.MySQLError{Number: 9002} }); err == nil {
		t.Error("a server that is away was asked until it came")
	}
}

func TestCheckConstraints(t *testing.T) {
	t.Parallel()
	db := mysqltest.New(t)
	if err := mysqldb.CheckConstraints(t.Context(), db, "stock"); err != nil {
		t.Error(err)
	}
	shoptest.Exec(t, db, "CREATE TABLE lax (n INT NOT NULL)")
	if err := mysqldb.CheckConstraints(t.Context(), db, "lax"); err == nil {
		t.Error("a table without constraints passes")
	}
	if err := mysqldb.CheckConstraints(t.Context(), db, "missing"); err == nil || errors.Is(err, sql.ErrNoRows) {
		t.Errorf("a table that is not there: %v", err)
	}
}

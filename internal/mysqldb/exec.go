package mysqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// An Execer executes statements. *sql.DB, *sql.Conn and *sql.Tx are some.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// ExecOne executes a statement that must touch exactly one row. It returns ErrStale when it
// touched none.
func ExecOne(ctx context.Context, tx Execer, query string, args ...any) error {
	return One(tx.ExecContext(ctx, query, args...))
}

// One checks the answer of a statement that must touch exactly one row, as in
// One(statement.ExecContext(ctx, tx)). It returns ErrStale when it touched none.
func One(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	rows, err := result.RowsAffected()
	switch {
	case err != nil:
		return err
	case rows == 0:
		return ErrStale
	case rows > 1:
		return fmt.Errorf("the statement touched %d rows instead of one", rows)
	}
	return nil
}

// IsDuplicate reports whether err says that a row of the unique index named key exists already.
// The primary key's name is PRIMARY.
func IsDuplicate(err error, key string) bool {
	var refused *mysql.MySQLError
	if !errors.As(err, &refused) || refused.Number != 1062 {
		return false
	}
	// MariaDB ends with "for key 'uq_a'", MySQL with "for key 'table.uq_a'". The value comes
	// before and may hold anything.
	name := strings.TrimSuffix(afterLast(refused.Message, " for key '"), "'")
	return strings.EqualFold(afterLast(name, "."), key)
}

// IsCheckViolation reports whether err says that a CHECK constraint refused a row.
func IsCheckViolation(err error) bool {
	var refused *mysql.MySQLError
	return errors.As(err, &refused) && (refused.Number == 4025 || refused.Number == 3819)
}

// afterLast returns what follows the last sep in s, or s when there is none.
func afterLast(s, sep string) string {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[i+len(sep):]
	}
	return s
}

// AnyOf is the condition that a row is one of n, each given by values of the columns in their order. Where the columns
// begin with those of an index, each is one look-up in it. A list of tuples is searched by halves; the same as ORs would be
// gone through for each row. A list of one is none to MariaDB: in an UPDATE it has the whole table read, and locked.
func AnyOf(n int, columns ...string) string {
	if n == 1 {
		return strings.Join(columns, " = ? AND ") + " = ?"
	}
	return "(" + strings.Join(columns, ", ") + ") IN (" + Tuples(n, len(columns)) + ")"
}

// Tuples are n parenthesized lists of width question marks, for VALUES or IN.
func Tuples(n, width int) string {
	tuple := "(" + strings.TrimSuffix(strings.Repeat("?,", width), ",") + ")"
	return strings.TrimSuffix(strings.Repeat(tuple+",", n), ",")
}

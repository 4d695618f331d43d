package books

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"payment-system/internal/mysqldb"
)

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// marks returns n question marks for an IN list.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// tuples returns n parenthesized lists of width question marks for a VALUES list.
func tuples(n, width int) string {
	return strings.TrimSuffix(strings.Repeat("("+marks(width)+"),", n), ",")
}

// anys returns strings as arguments of a statement.
func anys[S ~string](values []S) []any {
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = string(value)
	}
	return args
}

// derived is a derived table of rows given as arguments, with columns c0, c1 and so on.
func derived(rows [][]any) string {
	if len(rows) == 0 {
		return "()"
	}
	var b strings.Builder
	b.WriteString("(SELECT ")
	for i := range rows[0] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "? AS c%d", i)
	}
	b.WriteString(strings.Repeat(" UNION ALL SELECT "+marks(len(rows[0])), len(rows)-1))
	b.WriteString(")")
	return b.String()
}

// updateRows executes an UPDATE joined to the derived table of rows, which must touch
// every one of them. It returns mysqldb.ErrStale when it did not.
func updateRows(ctx context.Context, tx *sql.Tx, query string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	var args []any
	for _, row := range rows {
		args = append(args, row...)
	}
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if int(n) != len(rows) {
		return fmt.Errorf("%d of %d rows were as they were read: %w", n, len(rows), mysqldb.ErrStale)
	}
	return nil
}

// A guarded table is written by id, each row only if it still is as it was read.
type guarded struct {
	table  string
	guards []string // columns that must be as they were
	sets   []string // columns that are written
}

// update writes rows, each an id, the guards' values and then the sets' values, in the
// order of the ids given.
func (g guarded) update(ctx context.Context, tx *sql.Tx, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	var b strings.Builder
	// The ids are compared as the table's, so that each row is one look-up in its primary key, in
	// the order given.
	fmt.Fprintf(&b, "UPDATE %s v STRAIGHT_JOIN %s t ON t.id = CONVERT(v.c0 USING ascii) SET ", derived(rows), g.table)
	for i, column := range g.sets {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "t.%s = v.c%d", column, 1+len(g.guards)+i)
	}
	for i, column := range g.guards {
		word := " AND "
		if i == 0 {
			word = " WHERE "
		}
		fmt.Fprintf(&b, "%st.%s = v.c%d", word, column, 1+i)
	}
	return updateRows(ctx, tx, b.String(), rows)
}

// wrapped is err with what was being done, nil for nil.
func wrapped(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

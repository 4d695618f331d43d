package books

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jet/jet/v2/mysql"

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

// updateRows adds one UPDATE of rows joined to a table t, in their order, which must touch every one
// of them: joined names the table, what it is joined on, and the rest of the statement; the rows'
// columns are v.c0, v.c1 and so on. When it did not, whoever sends the packet gets mysqldb.ErrStale.
func updateRows(ctx context.Context, w *mysqldb.Packet, rows [][]any, joined string) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := w.Exactly(len(rows)).ExecContext(ctx, "UPDATE "+derived(rows)+" v STRAIGHT_JOIN "+joined,
		slices.Concat(rows...)...)
	return err
}

// A guarded table is written by its key, each row only if it still is as it was read. Keys and guards that are text are
// ASCII.
type guarded struct {
	table  string
	key    string   // the primary key
	guards []string // columns that must be as they were
	sets   []string // columns that are written
}

// update writes rows, each a key, the guards' values and then the sets' values, in order
// of the keys.
func (g guarded) update(ctx context.Context, w *mysqldb.Packet, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, byKey)
	var b strings.Builder
	// The keys are compared as the table's, so that each row is one look-up in its primary key.
	fmt.Fprintf(&b, "%s t ON t.%s = %s SET ", g.table, g.key, compared(rows, 0))
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
		fmt.Fprintf(&b, "%st.%s = %s", word, column, compared(rows, 1+i))
	}
	return updateRows(ctx, w, rows, b.String())
}

// compared is a column of rows as it is compared with one of the table's. TiDB refuses to compare text of a derived
// table with a column of another character set.
func compared(rows [][]any, column int) string {
	if _, isText := rows[0][column].(string); isText {
		return fmt.Sprintf("CONVERT(v.c%d USING ascii)", column)
	}
	return fmt.Sprintf("v.c%d", column)
}

// byKey orders rows by their first columns.
func byKey(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) }

// insertRows adds one INSERT of new rows of a table, whole.
func insertRows[R any](ctx context.Context, w *mysqldb.Packet, into mysql.InsertStatement, rows []R) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := into.MODELS(rows).ExecContext(ctx, w)
	return err
}

// wrapped is err with what was being done, nil for nil.
func wrapped(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

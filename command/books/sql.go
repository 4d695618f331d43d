package books

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-jet/jet/v2/mysql"

	"payment-system/internal/mysqldb"
)

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// marks returns n question marks for an IN list.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// anys returns strings as arguments of a statement.
func anys[S ~string](values []S) []any {
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = string(value)
	}
	return args
}

// insertRows adds one INSERT of new rows of a table, whole. Its columns and the fields of R are made of each other, in
// the same order. Columns that are NULL in every row are left out.
func insertRows[R any](ctx context.Context, w *mysqldb.Packet, into mysql.Table, columns mysql.ColumnList, rows []R) error {
	if len(rows) == 0 {
		return nil
	}
	values := make([][]any, len(rows))
	for i, row := range rows {
		values[i] = fieldsOf(row)
	}
	var names []string
	var kept []int
	for i, column := range columns {
		if slices.ContainsFunc(values, func(row []any) bool { return row[i] != nil }) {
			names, kept = append(names, column.Name()), append(kept, i)
		}
	}
	args := make([]any, 0, len(rows)*len(kept))
	for _, row := range values {
		for _, i := range kept {
			args = append(args, row[i])
		}
	}
	_, err := w.ExecContext(ctx, "INSERT INTO "+into.TableName()+" ("+strings.Join(names, ", ")+") VALUES "+
		mysqldb.Tuples(len(rows), len(kept)), args...)
	return err
}

// fieldsOf are the values of a row's fields, nil for pointers that are.
func fieldsOf(row any) []any {
	value := reflect.ValueOf(row)
	fields := make([]any, value.NumField())
	for i := range fields {
		switch field := value.Field(i); {
		case field.Kind() != reflect.Pointer:
			fields[i] = field.Interface()
		case !field.IsNil():
			fields[i] = field.Elem().Interface()
		}
	}
	return fields
}

// wrapped is err with what was being done, nil for nil.
func wrapped(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

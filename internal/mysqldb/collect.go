package mysqldb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// A Queryer reads rows. *sql.DB, *sql.Conn and *sql.Tx are some.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Collect reads all rows that a query answers, each by scan. It is nil when there are none.
func Collect[T any](ctx context.Context, q Queryer, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	var all []T
	err := Ask(ctx, q, Question{Query: query, Args: args, Scan: Into(&all, scan)})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// A Question is a query, and what becomes of each row of its answer.
type Question struct {
	Query string
	Args  []any
	Scan  func(*sql.Rows) error
}

// Ask asks several questions in one packet, in order: one round trip. Each sees what was committed before
// it was reached, as if it was asked by itself.
func Ask(ctx context.Context, q Queryer, questions ...Question) error {
	if len(questions) == 0 {
		return nil
	}
	texts := make([]string, len(questions))
	var args []any
	for i, question := range questions {
		texts[i] = question.Query
		args = append(args, question.Args...)
	}
	if len(questions) > 1 {
		ctx = new(sending).in(ctx)
	}
	rows, err := q.QueryContext(ctx, strings.Join(texts, separator), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for i, question := range questions {
		if i > 0 && !rows.NextResultSet() {
			return cmp.Or(rows.Err(), fmt.Errorf("the database answered %d of %d questions", i, len(questions)))
		}
		for rows.Next() {
			if err := question.Scan(rows); err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Into is what scans rows into a slice, each by scan.
func Into[T any](all *[]T, scan func(*sql.Rows) (T, error)) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		one, err := scan(rows)
		*all = append(*all, one)
		return err
	}
}

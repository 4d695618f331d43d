package books

import (
	"context"
	"slices"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
)

// An updated table is written by its primary key: many rows in one statement, of each no more than what changed, and
// each only if it still is as it was read. A row costs the server what its changes do: a derived table to join with,
// or a statement for each row, costs it twice as much. Keys are ASCII.
type updated struct {
	table   string
	key     []string // the columns of the primary key, those that tell most rows apart first
	guards  []string // columns that must be as they were
	columns []string // that may be written
	also    string   // what else must hold of every row
}

// A rowUpdate is what becomes of a row: the values of its key, of its guards as they were, and of its columns as they
// are now.
type rowUpdate struct {
	key, guards, now []any
}

// Values of columns that are no values.
type (
	// asItIs leaves a column alone.
	asItIs struct{}
	// unlessKnown writes a value where there is none yet.
	unlessKnown struct{ value any }
)

// changedValues are values as they are now, and asItIs where they are as they were.
func changedValues(was, now []any) []any {
	changed := slices.Clone(now)
	for i, value := range now {
		if sameValue(was[i], value) {
			changed[i] = asItIs{}
		}
	}
	return changed
}

func sameValue(a, b any) bool {
	if at, isTime := a.(time.Time); isTime {
		bt, isTime := b.(time.Time)
		return isTime && at.Equal(bt)
	}
	return a == b
}

// write adds one UPDATE of rows, which must touch every one of them: when it did not, whoever sends the packet gets
// mysqldb.ErrStale. Rows of which nothing changed are left out. They are locked in order of their keys.
func (u updated) write(ctx context.Context, w *mysqldb.Packet, rows []rowUpdate) error {
	rows = slices.DeleteFunc(rows, func(r rowUpdate) bool {
		return !slices.ContainsFunc(r.now, func(value any) bool { return value != asItIs{} })
	})
	if len(rows) == 0 {
		return nil
	}
	var s statement
	s.add("UPDATE " + u.table + " FORCE INDEX (PRIMARY) SET ")
	comma := ""
	for i, column := range u.columns {
		if slices.ContainsFunc(rows, func(r rowUpdate) bool { return r.now[i] != asItIs{} }) {
			s.add(comma + column + " = ")
			u.value(&s, rows, i)
			comma = ", "
		}
	}
	s.add(" WHERE " + mysqldb.AnyOf(len(rows), slices.Concat(u.key, u.guards)...) + u.also)
	for _, r := range rows {
		s.args = append(append(s.args, r.key...), r.guards...)
	}
	_, err := w.Exactly(len(rows)).ExecContext(ctx, s.text.String(), s.args...)
	return err
}

// value adds what a column becomes: one value for all rows, or each row's own.
func (u updated) value(s *statement, rows []rowUpdate, i int) {
	first := rows[0].now[i]
	if _, special := first.(unlessKnown); !special && !slices.ContainsFunc(rows, func(r rowUpdate) bool { return !sameValue(r.now[i], first) }) {
		s.add("?", first)
		return
	}
	s.add("CASE")
	if len(u.key) == 1 {
		s.add(" " + u.key[0])
	}
	all := true
	for _, r := range rows {
		switch value := r.now[i].(type) {
		case asItIs:
			all = false
		case unlessKnown:
			u.when(s, r)
			s.add(" THEN COALESCE("+u.columns[i]+", ?)", value.value)
		default:
			u.when(s, r)
			s.add(" THEN ?", value)
		}
	}
	if !all {
		s.add(" ELSE " + u.columns[i])
	}
	s.add(" END")
}

// when adds what tells a row apart, after CASE.
func (u updated) when(s *statement, r rowUpdate) {
	if len(u.key) == 1 {
		s.add(" WHEN ?", r.key...)
		return
	}
	s.add(" WHEN "+strings.Join(u.key, " = ? AND ")+" = ?", r.key...)
}

// A statement is being written.
type statement struct {
	text strings.Builder
	args []any
}

func (s *statement) add(text string, args ...any) {
	s.text.WriteString(text)
	s.args = append(s.args, args...)
}

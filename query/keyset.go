package query

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// A list is a view in one order. The last column is the id, which no two rows share.
type list struct {
	tag     byte // stands in cursors; never given to another list
	table   string
	prefix  string // of the ids
	columns []column
	// index holds the list in its order, where the optimizer is not to choose.
	index string
	// idsOnly lists are read without documents, which are read by id.
	idsOnly bool
}

// A column that a list is sorted by.
type column struct {
	name string
	kind kind
	desc bool
}

// A filter is a part of a list, and the index that holds it in the list's order.
type filter struct {
	where []string
	args  []any
	index string // "" leaves it to the optimizer
	// tables are what is read instead of the list's table alone; their arguments come first.
	tables string
	// near are conditions that a page of the list's nearest rows is likely to meet. Where
	// it is not full, otherwise says what to read instead.
	near      []string
	nearArgs  []any
	otherwise func(ctx context.Context) (filter, error)
}

func (f filter) and(condition string, args ...any) filter {
	f.where = append(slices.Clip(f.where), condition)
	f.args = append(slices.Clip(f.args), args...)
	return f
}

// split makes a filter for each value that a column may have, so that each can
// follow an index; one without the column where there are no values.
func split[T ~string](f filter, columnName string, values []T) []filter {
	values = slices.Clone(values)
	slices.Sort(values)
	values = slices.Compact(values)
	if len(values) == 0 {
		return []filter{f}
	}
	parts := make([]filter, len(values))
	for i, value := range values {
		parts[i] = f.and(columnName+" = ?", string(value))
	}
	return parts
}

// isASCII reports whether the database compares s with its ids and keys.
func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// among narrows a filter to the values that a column may have, all if there are none.
func among[T ~string](f filter, columnName string, values []T) filter {
	if len(values) == 0 {
		return f
	}
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = string(value)
	}
	return f.and(columnName+" IN (?"+strings.Repeat(",?", len(args)-1)+")", args...)
}

// A bound keeps rows on one side of a place in the list.
type bound struct {
	values    []any
	after     bool // keeps the rows after the place, else those before it
	inclusive bool // keeps the place itself too
}

// apply writes the bound out column by column: a row constructor, (a, b) < (?, ?),
// would not use the index.
func (b bound) apply(f filter, l *list) filter {
	condition, args := b.condition(l.columns, b.values)
	return f.and(condition, args...)
}

// condition keeps what is beyond the place in the first column, or level with it there
// and beyond it in the others. It has a plain comparison in front, for the index.
func (b bound) condition(columns []column, values []any) (string, []any) {
	first := columns[0]
	operator := " > ?"
	if first.desc == b.after {
		operator = " < ?"
	}
	strict := first.name + operator
	loose := strings.Replace(strict, " ?", "= ?", 1)
	switch {
	case len(columns) > 1:
		rest, args := b.condition(columns[1:], values[1:])
		return loose + " AND (" + strict + " OR " + rest + ")", append([]any{values[0], values[0]}, args...)
	case b.inclusive:
		return loose, values[:1]
	default:
		return strict, values[:1]
	}
}

// An item is one row of a list.
type item struct {
	id       string
	values   []any // one for each of the list's columns
	document []byte
}

// read returns at most limit rows within the bounds, from the list's beginning
// or, backward, from its end. It takes a page of ids off the index first and
// joins the documents to that.
func (l *list) read(
	ctx context.Context, db *sql.DB, parts []filter, bounds []bound, backward bool, limit int,
) ([]item, error) {
	if len(parts) == 1 && parts[0].otherwise != nil {
		return l.readNear(ctx, db, parts[0], bounds, backward, limit)
	}
	names := l.names("")
	var inner []string
	var args []any
	for _, part := range parts {
		for _, b := range bounds {
			part = b.apply(part, l)
		}
		inner = append(inner, "(SELECT "+names+" FROM "+l.from(part)+l.where(part)+l.orderBy("", backward)+" LIMIT ?)")
		args = append(append(args, part.args...), limit)
	}
	query := strings.Join(inner, " UNION ALL ")
	if len(parts) > 1 {
		query += l.orderBy("", backward) + " LIMIT ?"
		args = append(args, limit)
	}
	if !l.idsOnly {
		query = "SELECT " + l.names("v.") + ", v.document FROM (" + query + ") page JOIN " + l.table + " v ON v.id = page.id" + l.orderBy("v.", backward)
	}
	items, err := mysqldb.Collect(ctx, db, l.scan, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read a page of %s: %w", l.table, err)
	}
	return items, nil
}

// readNear looks along the list, at few rows and at more of them, for as many as there
// may be on the page.
func (l *list) readNear(
	ctx context.Context, db *sql.DB, part filter, bounds []bound, backward bool, limit int,
) ([]item, error) {
	along := part
	for _, b := range bounds {
		along = b.apply(along, l)
	}
	order, names := l.orderBy("", backward), l.names("")
	for _, rows := range []int{min(10*limit, nearest), nearest} {
		query := "SELECT " + names + " FROM (SELECT " + names + ", words FROM " + l.from(along) + l.where(along) + order +
			" LIMIT ?) near WHERE " + strings.Join(part.near, " AND ") + order + " LIMIT ?"
		args := slices.Concat(along.args, []any{rows}, part.nearArgs, []any{limit})
		items, err := mysqldb.Collect(ctx, db, l.scan, query, args...)
		if err != nil {
			return nil, fmt.Errorf("read the nearest of %s: %w", l.table, err)
		}
		if len(items) == limit {
			return items, nil
		}
	}
	rest, err := part.otherwise(ctx)
	if err != nil {
		return nil, err
	}
	return l.read(ctx, db, []filter{rest}, bounds, backward, limit)
}

func (l *list) names(qualifier string) string {
	names := make([]string, len(l.columns))
	for i, c := range l.columns {
		names[i] = qualifier + c.name
	}
	return strings.Join(names, ", ")
}

func (l *list) from(part filter) string {
	switch {
	case part.tables != "":
		return part.tables
	case part.index == "":
		return l.table
	}
	return l.table + " FORCE INDEX (" + part.index + ")"
}

func (l *list) where(part filter) string {
	if len(part.where) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(part.where, " AND ")
}

func (l *list) orderBy(qualifier string, backward bool) string {
	terms := make([]string, len(l.columns))
	for i, c := range l.columns {
		terms[i] = qualifier + c.name
		if c.desc != backward {
			terms[i] += " DESC"
		}
	}
	return " ORDER BY " + strings.Join(terms, ", ")
}

func (l *list) scan(rows *sql.Rows) (item, error) {
	var found item
	dests := make([]any, len(l.columns), len(l.columns)+1)
	values := make([]func() any, len(l.columns))
	for i, c := range l.columns {
		dests[i], values[i] = c.kind.dest()
	}
	if !l.idsOnly {
		dests = append(dests, &found.document)
	}
	if err := rows.Scan(dests...); err != nil {
		return item{}, err
	}
	for _, value := range values {
		found.values = append(found.values, value())
	}
	found.id, _ = found.values[len(values)-1].(string)
	return found, nil
}

// The limits of a page.
const (
	defaultPage = 20
	maxPage     = 100
)

// A window is a Page that was found acceptable.
type window struct {
	limit         int
	backward      bool
	after, before []any // nil where the list is open
}

// window checks a page against the list. It returns Invalid naming the argument
// at fault.
func (p Page) window(l *list) (window, error) {
	w := window{limit: defaultPage}
	if p.First != nil && p.Last != nil {
		return w, shop.InvalidField("last", "Ask for the first or for the last, not for both.")
	}
	var err error
	if w.limit, err = limit("first", p.First, w.limit); err != nil {
		return w, err
	}
	if w.limit, err = limit("last", p.Last, w.limit); err != nil {
		return w, err
	}
	w.backward = p.Last != nil
	if w.after, err = place(l, "after", p.After); err != nil {
		return w, err
	}
	w.before, err = place(l, "before", p.Before)
	return w, err
}

func limit(field string, asked *int, otherwise int) (int, error) {
	switch {
	case asked == nil:
		return otherwise, nil
	case *asked < 0 || *asked > maxPage:
		return 0, shop.InvalidField(field, fmt.Sprintf("A page has 0 to %d entries.", maxPage))
	default:
		return *asked, nil
	}
}

func place(l *list, field string, cursor *string) ([]any, error) {
	if cursor == nil {
		return nil, nil
	}
	values, err := decodeCursor(l, *cursor)
	if err != nil {
		invalid := shop.InvalidField(field, "The cursor is not one of this list in this order.")
		invalid.Err = err
		return nil, invalid
	}
	return values, nil
}

func (w window) bounds() []bound {
	var bounds []bound
	if w.after != nil {
		bounds = append(bounds, bound{values: w.after, after: true})
	}
	if w.before != nil {
		bounds = append(bounds, bound{values: w.before})
	}
	return bounds
}

// page reads one page of a list and finds out what lies on either side of it.
func (l *list) page(ctx context.Context, db *sql.DB, parts []filter, asked Page) ([]item, PageInfo, error) {
	w, err := asked.window(l)
	if err != nil {
		return nil, PageInfo{}, err
	}
	items, err := l.read(ctx, db, parts, w.bounds(), w.backward, w.limit+1)
	if err != nil {
		return nil, PageInfo{}, err
	}
	more := len(items) > w.limit
	items = items[:min(len(items), w.limit)]
	if w.backward {
		slices.Reverse(items)
	}
	info, err := l.info(ctx, db, parts, w, items, more)
	return items, info, err
}

// info tells what lies around a page. More says that there are rows beyond it in
// the direction of reading; on the side it was read from there can only be some
// when a cursor stands there.
func (l *list) info(
	ctx context.Context, db *sql.DB, parts []filter, w window, items []item, more bool,
) (info PageInfo, err error) {
	if len(items) > 0 {
		start, end := encodeCursor(l, items[0].values), encodeCursor(l, items[len(items)-1].values)
		info.StartCursor, info.EndCursor = &start, &end
	}
	info.HasNextPage = more && !w.backward
	if !info.HasNextPage && w.before != nil {
		if info.HasNextPage, err = l.exists(ctx, db, parts, w.beyond(items, true)); err != nil {
			return info, err
		}
	}
	info.HasPreviousPage = more && w.backward
	if !info.HasPreviousPage && w.after != nil {
		info.HasPreviousPage, err = l.exists(ctx, db, parts, w.beyond(items, false))
	}
	return info, err
}

// beyond bounds what lies after, or before, a page: beyond its last item, or
// from the cursor on when the page is empty.
func (w window) beyond(items []item, after bool) bound {
	switch {
	case len(items) > 0 && after:
		return bound{values: items[len(items)-1].values, after: true}
	case len(items) > 0:
		return bound{values: items[0].values}
	case after:
		return bound{values: w.before, after: true, inclusive: true}
	default:
		return bound{values: w.after, inclusive: true}
	}
}

func (l *list) exists(ctx context.Context, db *sql.DB, parts []filter, b bound) (bool, error) {
	ids := *l
	ids.idsOnly = true
	// The row next to the bound is the cheapest to find.
	found, err := ids.read(ctx, db, parts, []bound{b}, !b.after, 1)
	return len(found) > 0, err
}

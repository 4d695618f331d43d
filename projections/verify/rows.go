package verify

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"payment-system/shop"
)

// booksAtOnce is how many aggregates are held in memory at a time.
const booksAtOnce = 500

// A book is a kind of aggregate: its rows, and the view that repeats them.
type book struct {
	prefix string
	// rows reads the aggregates whose ids are over after, at most booksAtOnce of
	// them, as the books have them.
	rows func(ctx context.Context, tx *sql.Tx, after string) (map[string]any, error)
	// unpaired are fields that only events and views know.
	unpaired []string
	view     string
	columns  []viewColumn
}

// A viewColumn repeats a field of the view's document, for lists. Selected is how the column reads as
// the document has it, where that is not its name.
type viewColumn struct{ name, field, selected string }

func allBooks() []book {
	return []book{
		{shop.PrefixUser, userRows, nil, "user_views", nil},
		{shop.PrefixProduct, productRows, nil, "product_views", []viewColumn{
			{name: "price", field: "price"},
			{name: "stock", field: "stock"},
			{name: "category", field: "category", selected: "NULLIF(category, '')"},
			{name: "hidden", field: "hidden", selected: "IF(hidden, 'true', NULL)"},
		}},
		{shop.PrefixOrder, orderRows, nil, "order_views", []viewColumn{
			{name: "user_id", field: "userId"}, {name: "status", field: "status"}, {name: "placed_at", field: "placedAt"},
		}},
		{shop.PrefixPayment, paymentRows, []string{"history"}, "payment_views", []viewColumn{
			{name: "order_id", field: "orderId"},
			{name: "user_id", field: "userId"},
			{name: "status", field: "status"},
			{name: "pg", field: "pg"},
			{name: "payment_key", field: "paymentKey"},
			{name: "updated_at", field: "updatedAt"},
		}},
		{shop.PrefixReconciliation, reconciliationRows, []string{"counts", "day"}, "reconciliation_views", []viewColumn{
			{name: "pg", field: "pg"}, {name: "status", field: "status"},
		}},
		{shop.PrefixDiscrepancy, discrepancyRows, nil, "discrepancy_views", []viewColumn{
			{name: "reconciliation_id", field: "reconciliationId"},
			{name: "pg", field: "pg"},
			{name: "kind", field: "kind"},
			{name: "status", field: "status"},
		}},
	}
}

// verifyRows holds every aggregate's row, latest event and view against each other.
func verifyRows(ctx context.Context, tx *sql.Tx, report func(Violation)) error {
	for _, b := range allBooks() {
		if err := b.verify(ctx, tx, report); err != nil {
			return err
		}
	}
	return verifyRecords(ctx, tx, report)
}

func (b book) verify(ctx context.Context, tx *sql.Tx, report func(Violation)) error {
	after, end := b.prefix+"_", b.prefix+"`" // the character after the underscore
	for {
		rows, err := b.rows(ctx, tx, after)
		if err != nil {
			return fmt.Errorf("read the books of %s: %w", b.prefix, err)
		}
		to := end
		if len(rows) == booksAtOnce {
			to = slices.Max(slices.Collect(maps.Keys(rows)))
		}
		if err := b.verifyPage(ctx, tx, rows, after, to, report); err != nil {
			return err
		}
		if to == end {
			return nil
		}
		after = to
	}
}

// verifyPage compares the aggregates whose ids are over after and up to to.
func (b book) verifyPage(
	ctx context.Context, tx *sql.Tx, rows map[string]any, after, to string, report func(Violation),
) error {
	events, err := latestEvents(ctx, tx, after, to)
	if err != nil {
		return err
	}
	views, err := b.views(ctx, tx, after, to)
	if err != nil {
		return err
	}
	if b.prefix == shop.PrefixProduct {
		if err := verifyWords(ctx, tx, after, to, report); err != nil {
			return err
		}
	}
	for id, event := range events {
		if _, ok := rows[id]; !ok {
			report(Violation{
				"events", id, fmt.Sprintf("version %d tells of something that the books do not have", event.version),
			})
		}
	}
	for id := range views {
		if _, ok := rows[id]; !ok {
			report(Violation{"views", id, "the view shows something that the books do not have"})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		if err := b.compare(id, rows[id], events[id], views[id], report); err != nil {
			return err
		}
	}
	return nil
}

// compare reports how an aggregate's row, latest event and view differ.
func (b book) compare(id string, row any, event *latestEvent, view *viewRow, report func(Violation)) error {
	if event == nil {
		report(Violation{"events", id, "no event tells of it: all were removed"})
		return nil
	}
	theirs, err := fieldsOf(event.payload)
	if err != nil {
		report(Violation{"events", id, fmt.Sprintf("version %d cannot be read: %v", event.version, err)})
		return nil
	}
	ours, err := fieldsOfRow(row)
	if err != nil {
		return fmt.Errorf("encode %s: %w", id, err)
	}
	if text := compareVersions(ours["version"], event.version); text != "" {
		report(Violation{"events", id, text})
	}
	if text := listed(differences(b.pair(ours), b.pair(theirs), "books", "event")); text != "" {
		report(Violation{"events", id, text})
	}
	if text := b.compareView(event, theirs, view); text != "" {
		report(Violation{"views", id, text})
	}
	return nil
}

// compareVersions reports whether events are missing at the end, or there are more than there were.
func compareVersions(row any, last int) string {
	version, err := strconv.Atoi(fmt.Sprint(row))
	switch {
	case err != nil || version == last:
		return ""
	case version > last:
		return fmt.Sprintf("the books are at version %d: %s", version, removed(last, version+1))
	default:
		return fmt.Sprintf("version %d was put in later: the books are at version %d", last, version)
	}
}

// compareView tells how a view differs from what the latest event says it shows.
func (b book) compareView(event *latestEvent, payload map[string]any, view *viewRow) string {
	switch {
	case view == nil && !event.published:
		return ""
	case view == nil:
		return "there is no view of it"
	case view.version > event.version, view.version < event.version && event.published:
		return fmt.Sprintf("the view has version %d, the books %d", view.version, event.version)
	case view.version < event.version:
		return "" // It is about to follow.
	}
	document, err := fieldsOf(view.document)
	if err != nil {
		return fmt.Sprintf("the view cannot be read: %v", err)
	}
	found := differences(leaving(document, "history"), leaving(payload, "history"), "view", "event")
	for i, column := range b.columns {
		if !sameField(view.columns[i], document[column.field]) {
			found = append(found, fmt.Sprintf("column %s: %v, document %v", column.name, view.columns[i],
				document[column.field]))
		}
	}
	if history, ok := document["history"].([]any); b.prefix == shop.PrefixPayment &&
		(!ok || len(history) != event.version) {
		found = append(found, fmt.Sprintf("history of %d events, there are %d", len(history), event.version))
	}
	return listed(found)
}

// pair leaves out the fields that only one side knows.
func (b book) pair(fields map[string]any) map[string]any { return leaving(fields, b.unpaired...) }

func leaving(fields map[string]any, names ...string) map[string]any {
	rest := maps.Clone(fields)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

func listed(found []string) string { return strings.Join(found, "; ") }

// A latestEvent is the last thing that happened to an aggregate.
type latestEvent struct {
	version   int
	payload   []byte
	published bool
}

func latestEvents(ctx context.Context, tx *sql.Tx, after, to string) (map[string]*latestEvent, error) {
	const query = `SELECT e.aggregate_id, e.version, e.payload, e.published_at IS NOT NULL FROM events e JOIN (
  SELECT aggregate_id, MAX(version) AS version FROM events WHERE aggregate_id > ? AND aggregate_id <= ?
GROUP BY aggregate_id
) latest ON latest.aggregate_id = e.aggregate_id AND latest.version = e.version`
	rows, err := tx.QueryContext(ctx, query, after, to)
	if err != nil {
		return nil, fmt.Errorf("read the latest events: %w", err)
	}
	defer rows.Close()
	events := map[string]*latestEvent{}
	for rows.Next() {
		var id string
		var event latestEvent
		if err := rows.Scan(&id, &event.version, &event.payload, &event.published); err != nil {
			return nil, fmt.Errorf("read a latest event: %w", err)
		}
		events[id] = &event
	}
	return events, rows.Err()
}

// A viewRow is one row of a read table.
type viewRow struct {
	version  int
	document []byte
	columns  []any // in the order of the book's
}

func (b book) views(ctx context.Context, tx *sql.Tx, after, to string) (map[string]*viewRow, error) {
	names := []string{"id", "version", "document"}
	for _, column := range b.columns {
		names = append(names, cmp.Or(column.selected, column.name))
	}
	query := "SELECT " + strings.Join(names, ", ") + " FROM " + b.view + " WHERE id > ? AND id <= ?"
	rows, err := tx.QueryContext(ctx, query, after, to)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", b.view, err)
	}
	defer rows.Close()
	views := map[string]*viewRow{}
	for rows.Next() {
		var id string
		view := &viewRow{columns: make([]any, len(b.columns))}
		targets := []any{&id, &view.version, &view.document}
		for i := range view.columns {
			targets = append(targets, &view.columns[i])
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, fmt.Errorf("read a row of %s: %w", b.view, err)
		}
		views[id] = view
	}
	return views, rows.Err()
}

// verifyRecords holds the gateway's record that a payment's view shows against the one that is kept.
func verifyRecords(ctx context.Context, tx *sql.Tx, report func(Violation)) error {
	const query = `SELECT v.id, v.record, COALESCE(k.record, t.record) FROM payment_views v
JOIN payments p ON p.id = v.id AND p.version = v.version
LEFT JOIN kakao_payments k ON k.attempt_id = p.attempt_id LEFT JOIN toss_payments t ON t.attempt_id = p.attempt_id
WHERE NOT (v.record <=> COALESCE(k.record, t.record))`
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("read the gateways' records: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var shown, kept []byte
		if err := rows.Scan(&id, &shown, &kept); err != nil {
			return fmt.Errorf("read a gateway's record: %w", err)
		}
		// Asking again changes when it was asked, and nothing else: no event tells of that.
		if text := compareRecords(shown, kept); text != "" {
			report(Violation{"views", id, text})
		}
	}
	return rows.Err()
}

func compareRecords(shown, kept []byte) string {
	if shown == nil || kept == nil {
		return fmt.Sprintf("the view shows a record: %t, one is kept: %t", shown != nil, kept != nil)
	}
	ours, err := fieldsOf(kept)
	if err != nil {
		return fmt.Sprintf("the kept record cannot be read: %v", err)
	}
	theirs, err := fieldsOf(shown)
	if err != nil {
		return fmt.Sprintf("the shown record cannot be read: %v", err)
	}
	return listed(differences(leaving(theirs, "fetchedAt"), leaving(ours, "fetchedAt"), "shown record", "kept record"))
}

func fieldsOfRow(value any) (map[string]any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return fieldsOf(text)
}

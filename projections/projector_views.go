package projections

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"payment-system/internal/mysqldb"
	"payment-system/internal/views"
	"payment-system/shop"
)

// A view is a table that shows the aggregates of one kind.
type view struct {
	prefix  string // of the ids of its aggregates
	name    shop.View
	table   string
	columns []string // besides id, version and document
	// read makes a row of an event's payload.
	read func(payload []byte) (row, error)
}

// A row is one line of a view, and the document in it.
type row struct {
	view     *view
	id       string
	version  int
	values   []any // one for each of the view's columns
	document []byte
	owner    shop.UserID // whose it is, if somebody's
	// moves says that its events may have moved it in lists, or changed its words.
	moves bool
	// payment is set where the document wants a history yet.
	payment *shop.Payment
}

// The names of views that clients cannot name.
const (
	viewUsers           shop.View = "USERS"
	viewReconciliations shop.View = "RECONCILIATIONS"
	viewDiscrepancies   shop.View = "DISCREPANCIES"
)

// allViews lists every view, in the order in which their rows are locked.
var allViews = []*view{
	{prefix: shop.PrefixUser, name: viewUsers, table: "user_views", read: readUser},
	{
		prefix: shop.PrefixProduct, name: shop.ViewProducts, table: "product_views", read: readProduct,
		columns: []string{"name_key", "price", "stock", "category", "hidden"},
	},
	{
		prefix: shop.PrefixOrder, name: shop.ViewOrders, table: "order_views",
		columns: []string{"user_id", "status", "placed_at"}, read: readOrder,
	},
	{
		prefix: shop.PrefixPayment, name: shop.ViewPayments, table: "payment_views",
		columns: []string{"order_id", "user_id", "status", "pg", "payment_key", "updated_at", "record"}, read: readPayment,
	},
	{
		prefix: shop.PrefixReconciliation, name: viewReconciliations, table: "reconciliation_views",
		columns: []string{"pg", "status"}, read: readReconciliation,
	},
	{
		prefix: shop.PrefixDiscrepancy, name: viewDiscrepancies, table: "discrepancy_views",
		columns: []string{"reconciliation_id", "pg", "kind", "status"}, read: readDiscrepancy,
	},
}

// viewOf returns the view of an aggregate, or nil when it has none.
func viewOf(aggregateID string) *view {
	prefix, _, _ := strings.Cut(aggregateID, "_")
	for _, v := range allViews {
		if v.prefix == prefix {
			return v
		}
	}
	return nil
}

// rowOf makes the row that an event leaves.
func rowOf(event shop.Event) (row, error) {
	of := viewOf(event.AggregateID)
	if of == nil {
		return row{}, fmt.Errorf("read event %d: %q has no view", event.ID, event.AggregateID)
	}
	made, err := of.read(event.Payload)
	if err != nil {
		return row{}, fmt.Errorf("read event %d: %w", event.ID, err)
	}
	if made.id != event.AggregateID {
		return row{}, fmt.Errorf("read event %d: it is of %q and holds %q", event.ID, event.AggregateID, made.id)
	}
	made.view, made.version = of, event.Version
	if made.document == nil {
		made.document = event.Payload
	}
	return made, nil
}

// decode reads a payload, which is exactly one JSON object.
func decode(payload []byte, into any) error {
	if !bytes.HasPrefix(payload, []byte("{")) {
		return fmt.Errorf("the payload is not an object")
	}
	return json.Unmarshal(payload, into)
}

func readUser(payload []byte) (row, error) {
	var u shop.User
	err := decode(payload, &u)
	return row{id: string(u.ID), owner: u.ID}, err
}

func readProduct(payload []byte) (row, error) {
	var p shop.Product
	err := decode(payload, &p)
	return row{
		id: string(p.ID), values: []any{views.NameKey(p.Name), int64(p.Price), p.Stock, p.Category, p.Hidden},
	}, err
}

func readOrder(payload []byte) (row, error) {
	var o shop.Order
	err := decode(payload, &o)
	return row{id: string(o.ID), owner: o.UserID, values: []any{string(o.UserID), string(o.Status), o.PlacedAt}}, err
}

// readPayment leaves the gateway's record, the last column, to be filled in.
func readPayment(payload []byte) (row, error) {
	var p shop.Payment
	err := decode(payload, &p)
	values := []any{string(p.OrderID), string(p.UserID), string(p.Status), string(p.PG), p.PaymentKey, p.UpdatedAt, nil}
	return row{id: string(p.ID), owner: p.UserID, values: values, payment: &p}, err
}

func readReconciliation(payload []byte) (row, error) {
	var r shop.Reconciliation
	err := decode(payload, &r)
	return row{id: string(r.ID), values: []any{string(r.PG), string(r.Status)}}, err
}

func readDiscrepancy(payload []byte) (row, error) {
	var d shop.Discrepancy
	err := decode(payload, &d)
	return row{
		id: string(d.ID), values: []any{string(d.ReconciliationID), string(d.PG), string(d.Kind), string(d.Status)},
	}, err
}

// A gate says which rows may take the place of what a view holds.
type gate string

const (
	// newerOnly lets pass what is newer than the view.
	newerOnly gate = ">"
	// anew lets pass what is as new as the view, too.
	anew gate = ">="
)

// upsert is the statement that writes n rows where the gate lets them pass. It
// assigns version last: assignments are made from left to right, and the others
// compare with the version that was.
func (v *view) upsert(n int, pass gate) string {
	columns := slices.Concat([]string{"id", "version"}, v.columns, []string{"document"})
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES %s ON DUPLICATE KEY UPDATE ", v.table, strings.Join(columns, ", "),
		mysqldb.Tuples(n, len(columns)))
	for _, column := range columns[2:] {
		fmt.Fprintf(&b, "%[1]s = IF(VALUES(version) %[2]s version, VALUES(%[1]s), %[1]s), ", column, pass)
	}
	b.WriteString("version = GREATEST(version, VALUES(version))")
	return b.String()
}

func (r row) args() []any {
	return slices.Concat([]any{r.id, r.version}, r.values, []any{r.document})
}

// list returns n placeholders: "?,?".
func list(n int) string { return strings.Repeat("?,", n-1) + "?" }

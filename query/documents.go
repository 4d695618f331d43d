package query

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-jet/jet/v2/mysql"

	"payment-system/internal/mysqldb"
	"payment-system/internal/views"
	"payment-system/shop"
	. "payment-system/sql/read/table" //nolint:revive,staticcheck // It makes the statements readable.
)

// loadTime bounds a load that several readers wait for.
const loadTime = 10 * time.Second

// A viewTable is a view that documents are read from by id.
type viewTable struct {
	thing    string // what NotFound calls it
	prefix   string // of the ids
	table    mysql.ReadableTable
	id       mysql.ColumnString
	version  mysql.ColumnInteger
	document mysql.ColumnString
}

// The shelves.
var (
	users    = viewTable{"user", shop.PrefixUser, UserViews, UserViews.ID, UserViews.Version, UserViews.Document}
	products = viewTable{
		"product", shop.PrefixProduct, ProductViews, ProductViews.ID, ProductViews.Version, ProductViews.Document,
	}
	orders = viewTable{
		"order", shop.PrefixOrder, OrderViews, OrderViews.ID, OrderViews.Version, OrderViews.Document,
	}
	payments = viewTable{
		"payment", shop.PrefixPayment, PaymentViews, PaymentViews.ID, PaymentViews.Version, PaymentViews.Document,
	}
	reconciliations = viewTable{
		"reconciliation", shop.PrefixReconciliation, ReconciliationViews, ReconciliationViews.ID,
		ReconciliationViews.Version, ReconciliationViews.Document,
	}
	discrepancies = viewTable{
		"discrepancy", shop.PrefixDiscrepancy, DiscrepancyViews, DiscrepancyViews.ID, DiscrepancyViews.Version,
		DiscrepancyViews.Document,
	}
)

// A document is an aggregate as its view shows it.
type document struct {
	id      string
	version int
	body    []byte
}

// one returns what the id names, or NotFound.
func one[T any, ID ~string](ctx context.Context, r *Reader, from viewTable, id ID) (*T, error) {
	found, err := r.documents(ctx, from, []string{string(id)})
	if err != nil {
		return nil, err
	}
	return open[T](from, found, string(id))
}

// each returns, for each id, what it names, or NotFound.
func each[T any, ID ~string](ctx context.Context, r *Reader, from viewTable, ids []ID) ([]*T, []error) {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = string(id)
	}
	found, err := r.documents(ctx, from, names)
	values, errs := make([]*T, len(ids)), make([]error, len(ids))
	for i, id := range names {
		if err != nil {
			errs[i] = err
			continue
		}
		values[i], errs[i] = open[T](from, found, id)
	}
	return values, errs
}

// open reads a document that was found, or returns NotFound.
func open[T any](from viewTable, found map[string]document, id string) (*T, error) {
	d, ok := found[id]
	if !ok {
		return nil, shop.NoSuch(from.thing)
	}
	return decode[T](d.body)
}

func decode[T any](body []byte) (*T, error) {
	value := new(T)
	if err := json.Unmarshal(body, value); err != nil {
		return nil, fmt.Errorf("read a document: %w", err)
	}
	return value, nil
}

// mayHold reports whether an id can be one of the view's. The database refuses to
// look for some of the others, and the cache would keep a token for each.
func (v viewTable) mayHold(id string) bool { return shop.IDPrefix(id) == v.prefix }

// documents returns what is found of the ids named, none older than what was
// announced before.
func (r *Reader) documents(ctx context.Context, from viewTable, ids []string) (map[string]document, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !from.mayHold(id) })
	slices.Sort(ids)
	ids = slices.Compact(ids)
	slots := make([]slot, len(ids))
	for i, id := range ids {
		slots[i] = slot{id: id, guard: id}
	}
	hits, tokens := r.lookUp(ctx, slots)
	found := make(map[string]document, len(ids))
	var missing []string
	for _, id := range ids {
		if hit, ok := hits[id]; ok {
			found[id] = document{id: id, version: hit.Version, body: hit.Document}
			continue
		}
		missing = append(missing, id)
	}
	loaded, err := r.fill(ctx, from, missing, tokens)
	for _, d := range loaded {
		found[d.id] = d
	}
	return found, err
}

// fill loads documents that the cache lacks. Readers who miss the same one
// under the same token wait for one load: it began after the token was put in
// place, so it is new enough for all of them.
func (r *Reader) fill(
	ctx context.Context, from viewTable, ids []string, tokens map[string]views.Token,
) ([]document, error) {
	if len(ids) != 1 || tokens[ids[0]] == "" {
		return r.loadAndStore(ctx, from, ids, tokens)
	}
	flight := r.cache.flights.DoChan(ids[0]+" "+string(tokens[ids[0]]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTime)
		defer cancel()
		return r.loadAndStore(ctx, from, ids, tokens)
	})
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case landed := <-flight:
		loaded, _ := landed.Val.([]document)
		if landed.Err == nil && landed.Shared && !r.isRisen(loaded, ids[0]) {
			return r.load(ctx, from, ids, tokens)
		}
		return loaded, landed.Err
	}
}

// isRisen reports whether what was loaded has the version that this process projected.
func (r *Reader) isRisen(loaded []document, id string) bool {
	floor := r.Floors.Of(id)
	return floor == 0 || (len(loaded) == 1 && loaded[0].version >= floor)
}

func (r *Reader) loadAndStore(
	ctx context.Context, from viewTable, ids []string, tokens map[string]views.Token,
) ([]document, error) {
	loaded, err := r.load(ctx, from, ids, tokens)
	if err != nil {
		return nil, err
	}
	entries := make(map[string]entry, len(loaded))
	for _, d := range loaded {
		// A database that lags behind must not fill the cache.
		if token := tokens[d.id]; token != "" && d.version >= max(token.Version(), r.Floors.Of(d.id)) {
			entries[d.id] = entry{Token: string(token), Version: d.version, Document: d.body}
		}
	}
	r.store(ctx, entries)
	return loaded, nil
}

// load reads documents from the database: from the primary where the other is
// behind what was announced.
func (r *Reader) load(
	ctx context.Context, from viewTable, ids []string, tokens map[string]views.Token,
) ([]document, error) {
	if r.Replica != nil && r.isCacheResting() { // without Redis nobody knows what is old
		return r.selectDocuments(ctx, r.current(), from, ids)
	}
	var loaded []document
	err := r.read(ctx, func(ctx context.Context, db *sql.DB) (err error) {
		loaded, err = r.selectDocuments(ctx, db, from, ids)
		return err
	})
	if err != nil || r.Primary == nil {
		return loaded, err
	}
	late := slices.Clone(ids)
	for _, d := range loaded {
		if d.version >= max(tokens[d.id].Version(), r.Floors.Of(d.id)) {
			late = slices.DeleteFunc(late, func(id string) bool { return id == d.id })
		}
	}
	newer, err := r.selectDocuments(ctx, r.Primary, from, late)
	if err != nil {
		return nil, err // what is there is known to be old, and what is not there may be new
	}
	for _, d := range newer {
		loaded = slices.DeleteFunc(loaded, func(old document) bool { return old.id == d.id })
		loaded = append(loaded, d)
	}
	return loaded, nil
}

func (r *Reader) selectDocuments(ctx context.Context, db *sql.DB, from viewTable, ids []string) ([]document, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	in := make([]mysql.Expression, len(ids))
	for i, id := range ids {
		in[i] = mysql.String(id)
	}
	query, args := mysql.SELECT(from.id, from.version, from.document).FROM(from.table).WHERE(from.id.IN(in...)).Sql()
	found, err := mysqldb.Collect(ctx, db, func(rows *sql.Rows) (d document, err error) {
		return d, rows.Scan(&d.id, &d.version, &d.body)
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s views: %w", from.thing, err)
	}
	return found, nil
}

package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"payment-system/internal/failpoint"
	"payment-system/internal/mysqldb"
	"payment-system/internal/views"
	"payment-system/shop"
)

const (
	// chunkSize is how many aggregates are worked on at once.
	chunkSize = 64
	// headSize is how many of an aggregate's latest events are looked at. Run
	// finds older ones that were never flagged.
	headSize = 16
	// statementSize is how many bytes of documents one statement carries.
	statementSize = 2 << 20
	// redisTime bounds a conversation with Redis.
	redisTime = 500 * time.Millisecond
)

// A head is an event without its payload.
type head struct {
	id          int64
	aggregateID string
	version     int
	kind        string
	pending     bool // not flagged as published
}

// apply brings the views of aggregates up to their latest events. Each
// aggregate comes with ids of pending events that are known of it, or none.
func (p *Projector) apply(ctx context.Context, known map[string][]int64) error {
	var failures []error
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(known)), chunkSize) {
		began := p.Now()
		done, err := p.applyChunk(ctx, ids, known)
		if done.Took, done.Err = p.Now().Sub(began), err; p.Observe != nil {
			p.Observe(done)
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

func (p *Projector) applyChunk(ctx context.Context, ids []string, known map[string][]int64) (Batch, error) {
	heads, err := p.heads(ctx, ids)
	if err != nil {
		return Batch{}, err
	}
	for id, of := range heads {
		if known[id] == nil && !slices.ContainsFunc(of, func(h head) bool { return h.pending }) {
			// Another replica was faster, and told everybody but this process's readers.
			p.Floors.Raise(p.Now(), id, of[0].version)
			delete(heads, id)
		}
	}
	rows, unread, err := p.rows(ctx, heads)
	if err != nil {
		return Batch{}, err
	}
	failpoint.At(ctx, failpoint.BeforePublish)
	refused, err := p.write(ctx, rows, newerOnly)
	if err != nil {
		return Batch{}, err
	}
	maps.Copy(unread, refused)
	rows = slices.DeleteFunc(rows, func(r row) bool { return refused[r.id] != nil })
	failpoint.At(ctx, failpoint.BeforeEvict)
	p.announce(ctx, rows, changedLists(heads, known)...)
	flagged, err := p.flag(ctx, rows, heads, known)
	failpoint.At(ctx, failpoint.AfterPublish)
	p.park(ctx, rows, unread)
	return Batch{Aggregates: len(rows), Events: flagged, Parked: len(unread)}, err
}

// heads returns the latest events of each aggregate, newest first.
func (p *Projector) heads(ctx context.Context, ids []string) (map[string][]head, error) {
	const one = `(SELECT id, aggregate_id, version, kind, published_at IS NULL FROM events WHERE aggregate_id = ?
		ORDER BY version DESC LIMIT 16)`
	query := strings.Repeat(one+" UNION ALL ", len(ids)-1) + one
	found, err := mysqldb.Collect(ctx, p.DB, func(rows *sql.Rows) (h head, err error) {
		return h, rows.Scan(&h.id, &h.aggregateID, &h.version, &h.kind, &h.pending)
	}, query, anys(ids)...)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	heads := make(map[string][]head, len(ids))
	for _, h := range found {
		heads[h.aggregateID] = append(heads[h.aggregateID], h)
	}
	for _, of := range heads {
		slices.SortFunc(of, func(a, b head) int { return b.version - a.version })
	}
	return heads, nil
}

// rows makes the row of each aggregate from its latest event that can be read,
// and tells of the aggregates whose latest event cannot.
func (p *Projector) rows(
	ctx context.Context, heads map[string][]head,
) (rows []row, unread map[string]error, err error) {
	unread = map[string]error{}
	missing := slices.Sorted(maps.Keys(heads))
	for back := 0; len(missing) > 0 && back < headSize; back++ {
		events, err := p.events(ctx, heads, missing, back)
		if err != nil {
			return nil, nil, err
		}
		missing = nil
		for _, event := range events {
			made, err := rowOf(event)
			if err != nil {
				unread[event.AggregateID] = errors.Join(unread[event.AggregateID], err)
				missing = append(missing, event.AggregateID)
				continue
			}
			rows = append(rows, made)
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.id, b.id) })
	return rows, unread, fill(ctx, p.DB, rows)
}

// events reads, of each aggregate named, the event that is so far back from its latest.
func (p *Projector) events(
	ctx context.Context, heads map[string][]head, aggregateIDs []string, back int,
) ([]shop.Event, error) {
	var ids []any
	for _, id := range aggregateIDs {
		if back < len(heads[id]) {
			ids = append(ids, heads[id][back].id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	events, err := mysqldb.Collect(ctx, p.DB, scanEvent,
		"SELECT id, aggregate_id, version, payload FROM events WHERE id IN ("+list(len(ids))+")", ids...)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return events, nil
}

func scanEvent(rows *sql.Rows) (e shop.Event, err error) {
	return e, rows.Scan(&e.ID, &e.AggregateID, &e.Version, &e.Payload)
}

// write puts rows into their views, in one transaction. Rows that the database
// refuses are left out and returned with the reason.
func (p *Projector) write(ctx context.Context, rows []row, pass gate) (refused map[string]error, err error) {
	refused = map[string]error{}
	err = p.writeAll(ctx, rows, pass)
	if err == nil || !isRefusal(err) {
		return refused, err
	}
	for _, r := range rows {
		if err := p.writeAll(ctx, []row{r}, pass); isRefusal(err) {
			refused[r.id] = err
		} else if err != nil {
			return nil, err
		}
	}
	return refused, nil
}

func (p *Projector) writeAll(ctx context.Context, rows []row, pass gate) error {
	if len(rows) == 0 {
		return nil
	}
	at := p.Now()
	due := p.stamps.due(rows, at)
	err := mysqldb.InTx(ctx, p.DB, func(ctx context.Context, tx *sql.Tx) error {
		for _, of := range allViews {
			if err := upsertInto(ctx, tx, of, rows, pass); err != nil {
				return err
			}
		}
		return stamp(ctx, tx, due, at)
	})
	if err != nil {
		return fmt.Errorf("write views: %w", err)
	}
	p.stamps.made(due, at)
	return nil
}

// upsertInto writes those rows that belong to the view.
func upsertInto(ctx context.Context, tx *sql.Tx, into *view, rows []row, pass gate) error {
	var args []any
	n, size := 0, 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		_, err := tx.ExecContext(ctx, into.upsert(n, pass), args...)
		args, n, size = nil, 0, 0
		return err
	}
	for _, r := range rows {
		if r.view.table != into.table {
			continue
		}
		if size+len(r.document) > statementSize {
			if err := flush(); err != nil {
				return err
			}
		}
		args, n, size = append(args, r.args()...), n+1, size+len(r.document)
	}
	return flush()
}

// isRefusal reports whether err says that a value does not fit its column: no
// later try will be better.
func isRefusal(err error) bool {
	var refused *mysql.MySQLError
	return errors.As(err, &refused) &&
		slices.Contains([]uint16{1048, 1062, 1264, 1265, 1292, 1366, 1406, 3819, 4025}, refused.Number)
}

// changedLists names the lists that pending events may have changed: which products
// there are, or how they sort. Events that only move stock change none.
func changedLists(heads map[string][]head, known map[string][]int64) []string {
	for id, of := range heads {
		if !strings.HasPrefix(id, shop.PrefixProduct+"_") {
			continue
		}
		moved := func(h head) bool { return h.pending && strings.HasPrefix(h.kind, "product.") }
		if len(known[id]) > 0 || slices.ContainsFunc(of, moved) {
			return []string{views.Products}
		}
	}
	return nil
}

// announce evicts rows, and the lists that they change, from the cache, and tells the
// rows' watchers. What Redis does not take is owed, and told with the next announcement.
func (p *Projector) announce(ctx context.Context, rows []row, lists ...string) {
	at := p.Now()
	versions := make([]views.Version, 0, len(rows)+len(lists))
	for _, r := range rows {
		p.Floors.Raise(at, r.id, r.version)
		versions = append(versions, views.Version{ID: r.id, Version: r.version})
	}
	for _, list := range lists {
		versions = append(versions, views.Version{ID: list, Quiet: true})
	}
	p.tell(ctx, p.owed.take(versions))
}

func (p *Projector) tell(ctx context.Context, versions []views.Version) {
	if len(versions) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, redisTime)
	defer cancel()
	if err := views.Announce(ctx, p.Redis, versions); err != nil {
		p.owed.add(versions)
		p.Logger.WarnContext(ctx, "redis was not told of new views", "views", len(versions), "error", err)
	}
}

// flag marks as published the pending events that the rows include.
func (p *Projector) flag(
	ctx context.Context, rows []row, heads map[string][]head, known map[string][]int64,
) (int, error) {
	var ids []int64
	for _, r := range rows {
		ids = append(ids, pendingUpTo(r.version, heads[r.id], known[r.id])...)
	}
	slices.Sort(ids)
	flagged := 0
	for some := range slices.Chunk(slices.Compact(ids), 1000) {
		args := append([]any{p.Now()}, anys(some)...)
		result, err := p.DB.ExecContext(ctx,
			"UPDATE events SET published_at = ? WHERE published_at IS NULL AND id IN ("+list(len(some))+")", args...)
		if err != nil {
			return flagged, fmt.Errorf("flag events: %w", err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return flagged, fmt.Errorf("flag events: %w", err)
		}
		flagged += int(n)
	}
	return flagged, nil
}

// pendingUpTo returns the ids of the pending events that a row of the version
// given includes. Those known but not among the latest are older than these.
func pendingUpTo(version int, latest []head, known []int64) []int64 {
	var ids []int64
	beyond := map[int64]bool{}
	for _, h := range latest {
		if h.version > version {
			beyond[h.id] = true
		} else if h.pending {
			ids = append(ids, h.id)
		}
	}
	for _, id := range known {
		if !beyond[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

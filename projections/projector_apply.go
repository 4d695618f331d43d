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

// A chunk is aggregates that are shown in one transaction.
type chunk struct {
	ids   []string         // whose events are to be read
	known map[string][]int // versions of pending events of theirs
	given []handed         // whose events were handed over
	unset []place          // flags that an earlier chunk left to be set
}

// apply brings the views of aggregates up to their latest events. Each
// aggregate comes with versions of pending events that are known of it, or none.
func (p *Projector) apply(ctx context.Context, known map[string][]int) error {
	var failures []error
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(known)), chunkSize) {
		failures = append(failures, p.applyObserved(ctx, chunk{ids: ids, known: known}))
	}
	return errors.Join(failures...)
}

// applyObserved applies a chunk and tells Observe of it.
func (p *Projector) applyObserved(ctx context.Context, c chunk) error {
	began := p.Now()
	done, err := p.applyChunk(ctx, c)
	if done.Took, done.Err = p.Now().Sub(began), err; p.Observe != nil {
		p.Observe(done)
	}
	return err
}

// applyChunk writes the views, evicts and announces them, and flags the events
// that were read. Those that were handed over are flagged with the next chunk.
func (p *Projector) applyChunk(ctx context.Context, c chunk) (Batch, error) {
	rows, heads, unread, err := p.rowsOf(ctx, c)
	if err != nil {
		p.unset.add(c.unset)
		return Batch{}, err
	}
	failpoint.At(ctx, failpoint.BeforePublish)
	refused, earlier, err := p.writeFlagged(ctx, rows, c.unset)
	if err != nil {
		return Batch{}, err
	}
	maps.Copy(unread, refused)
	rows = slices.DeleteFunc(rows, func(r row) bool { return refused[r.id] != nil })
	p.payments.remember(rows)
	failpoint.At(ctx, failpoint.BeforeEvict)
	p.announce(ctx, rows, c.lists(heads)...)
	p.unset.add(places(c.given, refused))
	flagged, err := p.flag(ctx, mysqldb.Alone(p.DB), pendingOf(rows, heads, c.known))
	if len(c.ids) > 0 {
		failpoint.At(ctx, failpoint.AfterPublish)
	}
	p.park(ctx, rows, unread)
	return Batch{Aggregates: len(rows), Events: earlier + flagged, Parked: len(unread)}, err
}

// rowsOf makes the rows of a chunk: of those aggregates that are read, from their
// latest event that can be, and tells of those whose latest event cannot.
func (p *Projector) rowsOf(
	ctx context.Context, c chunk,
) (rows []row, heads map[string][]head, unread map[string]error, err error) {
	if len(c.ids) > 0 {
		if heads, err = p.pendingHeads(ctx, c); err != nil {
			return nil, nil, nil, err
		}
	}
	if rows, unread, err = p.rows(ctx, heads); err != nil {
		return nil, nil, nil, err
	}
	for i := range rows {
		rows[i].moves = moves(rows[i].id, heads[rows[i].id], c.known)
	}
	if len(c.given) == 0 {
		return rows, heads, unread, nil
	}
	if err := p.fillGiven(ctx, c.given); err != nil {
		return nil, nil, nil, err
	}
	for _, g := range c.given {
		g.row.moves = g.moves()
		rows = append(rows, g.row)
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.id, b.id) })
	return rows, heads, unread, nil
}

// pendingHeads returns the latest events of those aggregates of a chunk that are
// not shown by their latest event yet.
func (p *Projector) pendingHeads(ctx context.Context, c chunk) (map[string][]head, error) {
	heads, err := p.heads(ctx, c.ids)
	if err != nil {
		return nil, err
	}
	shown := make(map[place]bool, len(c.unset))
	for _, at := range c.unset {
		shown[at] = true
	}
	for id, of := range heads {
		pending := false
		for i := range of {
			of[i].pending = of[i].pending && !shown[place{id, of[i].version}]
			pending = pending || of[i].pending
		}
		if c.known[id] == nil && !pending {
			// Whoever was faster, another replica perhaps, told everybody but this process's readers.
			p.Floors.Raise(p.Now(), id, of[0].version)
			delete(heads, id)
		}
	}
	return heads, nil
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
		"SELECT id, aggregate_id, version, payload, COALESCE(by_id, '') FROM events WHERE id IN ("+list(len(ids))+")", ids...)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return events, nil
}

func scanEvent(rows *sql.Rows) (e shop.Event, err error) {
	return e, rows.Scan(&e.ID, &e.AggregateID, &e.Version, &e.Payload, &e.By)
}

// writeFlagged puts rows into their views, and sets flags that were left to be set,
// in one transaction. It returns how many it set, and which rows the database
// refuses, with the reasons: those are left out.
func (p *Projector) writeFlagged(
	ctx context.Context, rows []row, unset []place,
) (refused map[string]error, flagged int, err error) {
	flagged, err = p.writeAll(ctx, rows, newerOnly, unset)
	switch {
	case isRefusal(err):
		if refused, err = p.writeEach(ctx, rows, newerOnly); err == nil {
			flagged, err = p.flag(ctx, mysqldb.Alone(p.DB), unset)
		}
	case err == nil:
		refused = map[string]error{}
	}
	if err != nil {
		p.unset.add(unset)
		return nil, 0, err
	}
	if len(unset) > 0 {
		failpoint.At(ctx, failpoint.AfterPublish)
	}
	return refused, flagged, nil
}

// write puts rows into their views, in one transaction. Rows that the database
// refuses are left out and returned with the reason.
func (p *Projector) write(ctx context.Context, rows []row, pass gate) (refused map[string]error, err error) {
	_, err = p.writeAll(ctx, rows, pass, nil)
	if isRefusal(err) {
		return p.writeEach(ctx, rows, pass)
	}
	return map[string]error{}, err
}

// writeEach puts each row into its view by itself, and returns those that the
// database refuses.
func (p *Projector) writeEach(ctx context.Context, rows []row, pass gate) (refused map[string]error, err error) {
	refused = map[string]error{}
	for _, r := range rows {
		if _, err := p.writeAll(ctx, []row{r}, pass, nil); isRefusal(err) {
			refused[r.id] = err
		} else if err != nil {
			return nil, err
		}
	}
	return refused, nil
}

func (p *Projector) writeAll(ctx context.Context, rows []row, pass gate, unset []place) (flagged int, err error) {
	if len(rows) == 0 {
		return p.flag(ctx, mysqldb.Alone(p.DB), unset)
	}
	at := p.Now()
	due := p.stamps.due(rows, at)
	err = mysqldb.InTx(ctx, p.DB, func(ctx context.Context, tx *sql.Tx) error {
		packet := mysqldb.NewPacket(tx, false)
		for _, of := range allViews {
			if err := upsertInto(ctx, packet, of, rows, pass); err != nil {
				return err
			}
		}
		if err := spell(ctx, packet, rows, pass); err != nil {
			return err
		}
		if err := stamp(ctx, packet, due, at); err != nil {
			return err
		}
		flags, err := p.flagIn(ctx, packet, unset)
		if err != nil {
			return err
		}
		if err := packet.SendWithCommit(ctx); err != nil { // a gate lets nothing pass twice
			return err
		}
		flagged, err = flaggedBy(flags)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("write views: %w", err)
	}
	p.stamps.made(due, at)
	return flagged, nil
}

// upsertInto writes those rows that belong to the view.
func upsertInto(ctx context.Context, in mysqldb.Execer, into *view, rows []row, pass gate) error {
	var args []any
	n, size := 0, 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		_, err := in.ExecContext(ctx, into.upsert(n, pass), args...)
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
func changedLists(heads map[string][]head, known map[string][]int) []string {
	for id, of := range heads {
		if moves(id, of, known) {
			return []string{views.Products}
		}
	}
	return nil
}

// moves reports whether pending events may have moved an aggregate in the list of products.
func moves(id string, of []head, known map[string][]int) bool {
	moved := func(h head) bool { return h.pending && strings.HasPrefix(h.kind, "product.") }
	return strings.HasPrefix(id, shop.PrefixProduct+"_") && (len(known[id]) > 0 || slices.ContainsFunc(of, moved))
}

// announce evicts rows, and the lists that they change, from the cache, and tells the
// rows' watchers. What Redis does not take is owed, and told with the next announcement.
func (p *Projector) announce(ctx context.Context, rows []row, lists ...string) {
	at := p.Now()
	versions := make([]views.Version, 0, len(rows)+len(lists))
	for _, r := range rows {
		p.Floors.Raise(at, r.id, r.version)
		versions = append(versions, views.Version{ID: r.id, Version: r.version, Owner: r.owner})
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
		p.owed.fail(p.Now(), versions)
		p.Logger.WarnContext(ctx, "redis was not told of new views", "views", len(versions), "error", err)
		return
	}
	p.owed.paid(p.Now(), versions)
}

// pendingOf returns where the pending events stand that rows include: those among the
// latest of their aggregates, and those that are known besides.
func pendingOf(rows []row, heads map[string][]head, known map[string][]int) []place {
	var pending []place
	for _, r := range rows {
		for _, h := range heads[r.id] {
			if h.pending && h.version <= r.version {
				pending = append(pending, place{r.id, h.version})
			}
		}
		for _, version := range known[r.id] {
			if version <= r.version {
				pending = append(pending, place{r.id, version})
			}
		}
	}
	return pending
}

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

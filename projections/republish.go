package projections

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/views"
	"payment-system/shop"
)

const (
	// rebuildPrefix begins the names of the leases that keep each view to one rebuild.
	rebuildPrefix = "republish/"
	// rebuildLease is how long a rebuild may go without a sign of life.
	rebuildLease = time.Minute
	// beatEvery is after how many chunks a rebuild shows one, at the latest.
	beatEvery = 20
	// strayChunk is how many rows of a view are looked at for being strays at once.
	strayChunk = 500
)

// Republish begins to rebuild views from the books, and returns; they stay
// readable. All views are meant when none is named, and those that clients
// cannot name too. It returns Conflict when one of them is being rebuilt
// already.
func (p *Projector) Republish(ctx context.Context, names []shop.View) error { //nolint:contextcheck // It outlives the request that began it.
	r, err := p.begin(ctx, names)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	life := p.lifeLocked()
	p.working.Go(func() {
		if err := r.run(life, func(shop.View, int) {}); err != nil {
			p.Logger.ErrorContext(life, "republish", "error", err)
		}
	})
	return nil
}

// RepublishNow rebuilds views as Republish does, and returns when it is done.
// It tells progress how far each is, from 0 to 100; nil is not told.
func (p *Projector) RepublishNow(
	ctx context.Context, names []shop.View, progress func(name shop.View, percent int),
) error {
	r, err := p.begin(ctx, names)
	if err != nil {
		return err
	}
	if progress == nil {
		progress = func(shop.View, int) {}
	}
	return r.run(ctx, progress)
}

// A rebuild writes views anew. Its leases keep others from the same views.
type rebuild struct {
	projector *Projector
	views     []*view
	owner     string
}

// begin claims the views named, or none of them.
func (p *Projector) begin(ctx context.Context, names []shop.View) (*rebuild, error) {
	r := &rebuild{projector: p, owner: rand.Text(), views: allViews}
	if len(names) > 0 {
		var err error
		if r.views, err = named(names); err != nil {
			return nil, err
		}
	}
	for _, v := range r.views {
		if err := r.claim(ctx, v); err != nil {
			return nil, errors.Join(err, r.end(ctx))
		}
	}
	return r, nil
}

// named returns the views with the names given, each once.
func named(names []shop.View) ([]*view, error) {
	var found []*view
	for _, name := range names {
		i := slices.IndexFunc(allViews, func(v *view) bool { return v.name == name })
		if i < 0 {
			return nil, shop.InvalidField("views", "There is no such view.")
		}
		if !slices.Contains(found, allViews[i]) {
			found = append(found, allViews[i])
		}
	}
	return found, nil
}

// claim takes the lease of a view, or returns Conflict.
func (r *rebuild) claim(ctx context.Context, v *view) error {
	const offer = "INSERT INTO leases (name, owner, lease_until, fence) VALUES (?, '', UTC_TIMESTAMP(6), 0) ON DUPLICATE KEY UPDATE name = VALUES(name)"
	if err := r.projector.exec(ctx, offer, rebuildPrefix+string(v.name)); err != nil {
		return err
	}
	const take = `UPDATE leases SET owner = ?, fence = fence + 1, lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
WHERE name = ? AND lease_until <= UTC_TIMESTAMP(6)`
	err := mysqldb.ExecOne(ctx, mysqldb.Alone(r.projector.DB), take, r.owner, rebuildLease.Microseconds(), rebuildPrefix+string(v.name))
	if errors.Is(err, mysqldb.ErrStale) {
		return &shop.Error{
			Code: shop.Conflict, Message: "The view " + string(v.name) + " is being rebuilt already.",
			Details: map[string]any{"status": "REPUBLISHING"},
		}
	}
	if err != nil {
		return fmt.Errorf("claim view %s: %w", v.name, err)
	}
	const show = `INSERT INTO projection_states (view, republishing, percent) VALUES (?, 1, 0)
ON DUPLICATE KEY UPDATE republishing = 1, percent = 0`
	return r.projector.exec(ctx, show, string(v.name))
}

// run rebuilds the views one after the other, and gives them back.
func (r *rebuild) run(ctx context.Context, progress func(shop.View, int)) error {
	var failures []error
	for _, v := range r.views {
		progress(v.name, 0)
		if err := r.rebuild(ctx, v, progress); err != nil {
			failures = append(failures, fmt.Errorf("rebuild view %s: %w", v.name, err))
			continue
		}
		progress(v.name, 100)
	}
	return errors.Join(append(failures, r.end(context.WithoutCancel(ctx)))...)
}

// end gives the views back and shows that nobody rebuilds them any more.
func (r *rebuild) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := r.projector.exec(ctx, "UPDATE leases SET lease_until = UTC_TIMESTAMP(6) WHERE owner = ?",
		r.owner); err != nil {
		return err
	}
	return r.projector.clearOrphans(ctx)
}

// clearOrphans shows that views are not being rebuilt whose rebuild ended, or died.
func (p *Projector) clearOrphans(ctx context.Context) error {
	const hide = `UPDATE projection_states SET republishing = 0, percent = NULL WHERE republishing = 1 AND NOT EXISTS (
SELECT 1 FROM leases WHERE leases.name = CONCAT(?, projection_states.view) AND leases.lease_until > UTC_TIMESTAMP(6))`
	return p.exec(ctx, hide, rebuildPrefix)
}

// rebuild writes one view anew and removes what should not be in it.
func (r *rebuild) rebuild(ctx context.Context, v *view, progress func(shop.View, int)) error {
	total, err := r.count(ctx, v)
	if err != nil {
		return err
	}
	var unread []error
	done, shown := 0, 0
	for after := v.prefix + "_"; ; {
		ids, err := r.following(ctx, v, after)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			break
		}
		failed, err := r.refresh(ctx, ids)
		if err != nil {
			return err
		}
		unread = append(unread, failed...)
		done, after = done+len(ids), ids[len(ids)-1]
		if percent := min(99, done*100/max(total, 1)); percent != shown || done/chunkSize%beatEvery == 0 {
			shown = percent
			progress(v.name, percent)
			if err := r.beat(ctx, v, percent); err != nil {
				return err
			}
		}
	}
	if err := r.removeStrays(ctx, v); err != nil {
		return err
	}
	if v.name == shop.ViewProducts {
		if err := r.projector.removeStrayGrams(ctx); err != nil {
			return err
		}
	}
	if len(unread) > 0 {
		return fmt.Errorf("%d aggregates have a latest event that cannot be read, the first: %w", len(unread), unread[0])
	}
	return nil
}

// bound is the end, exclusive, of the ids of a view's aggregates: '`' follows '_'.
func (v *view) bound() string { return v.prefix + "`" }

func (r *rebuild) count(ctx context.Context, v *view) (total int, err error) {
	const query = "SELECT COUNT(DISTINCT aggregate_id) FROM events WHERE aggregate_id > ? AND aggregate_id < ?"
	if err := r.projector.DB.QueryRowContext(ctx, query, v.prefix+"_", v.bound()).Scan(&total); err != nil {
		return 0, fmt.Errorf("count aggregates: %w", err)
	}
	return total, nil
}

// following returns the aggregates after the one named, in order.
func (r *rebuild) following(ctx context.Context, v *view, after string) ([]string, error) {
	const query = "SELECT DISTINCT aggregate_id FROM events WHERE aggregate_id > ? AND aggregate_id < ? ORDER BY aggregate_id LIMIT ?"
	ids, err := mysqldb.Collect(ctx, r.projector.DB, func(rows *sql.Rows) (id string, err error) {
		return id, rows.Scan(&id)
	}, query, after, v.bound(), chunkSize)
	if err != nil {
		return nil, fmt.Errorf("list aggregates: %w", err)
	}
	return ids, nil
}

// refresh writes the rows of aggregates anew. What it cannot read or write it
// returns as failed, and leaves as it is.
func (r *rebuild) refresh(ctx context.Context, ids []string) (failed []error, err error) {
	heads, err := r.projector.heads(ctx, ids)
	if err != nil {
		return nil, err
	}
	rows, unread, err := r.projector.rows(ctx, heads)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].moves = true
	}
	refused, err := r.projector.write(ctx, rows, anew)
	if err != nil {
		return nil, err
	}
	for _, failures := range []map[string]error{unread, refused} {
		for _, err := range failures {
			failed = append(failed, err)
		}
	}
	rows = slices.DeleteFunc(rows, func(r row) bool { return refused[r.id] != nil })
	if viewOf(ids[0]).name == shop.ViewProducts {
		r.projector.announce(ctx, rows, views.Products)
	} else {
		r.projector.announce(ctx, rows)
	}
	return failed, nil
}

// beat keeps this rebuild's leases and shows how far it is.
func (r *rebuild) beat(ctx context.Context, v *view, percent int) error {
	const keep = "UPDATE leases SET lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND WHERE name = ? AND owner = ?"
	for _, held := range r.views {
		if err := mysqldb.ExecOne(ctx, mysqldb.Alone(r.projector.DB), keep, rebuildLease.Microseconds(), rebuildPrefix+string(held.name),
			r.owner); err != nil {
			return fmt.Errorf("keep view %s: %w", held.name, err)
		}
	}
	return r.projector.exec(ctx, "UPDATE projection_states SET percent = ? WHERE view = ?", percent, string(v.name))
}

// removeStrays deletes rows of aggregates that have no events.
func (r *rebuild) removeStrays(ctx context.Context, v *view) error {
	query := "SELECT id, (SELECT e.id FROM events e WHERE e.aggregate_id = v.id ORDER BY e.version LIMIT 1) IS NULL FROM (SELECT id FROM " + v.table + " WHERE id > ? ORDER BY id LIMIT ?) v ORDER BY id"
	for after := ""; ; {
		var strays []any
		ids, err := mysqldb.Collect(ctx, r.projector.DB, func(rows *sql.Rows) (id string, err error) {
			var stray bool
			if err = rows.Scan(&id, &stray); stray {
				strays = append(strays, id)
			}
			return id, err
		}, query, after, strayChunk)
		if err != nil {
			return fmt.Errorf("look for strays: %w", err)
		}
		if err := r.remove(ctx, v, strays); err != nil || len(ids) < strayChunk {
			return err
		}
		after = ids[len(ids)-1]
	}
}

func (r *rebuild) remove(ctx context.Context, v *view, ids []any) error {
	if len(ids) == 0 {
		return nil
	}
	if _, err := mysqldb.Alone(r.projector.DB).ExecContext(ctx, "DELETE FROM "+v.table+" WHERE id IN ("+list(len(ids))+")",
		ids...); err != nil {
		return fmt.Errorf("remove strays: %w", err)
	}
	versions := []views.Version{{ID: views.Products, Quiet: true}}
	for _, id := range ids {
		versions = append(versions, views.Version{ID: id.(string), Quiet: true})
	}
	r.projector.tell(ctx, versions)
	return nil
}

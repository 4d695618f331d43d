// Package query reads, and only reads: the read models, through a cache, in
// pages that neither skip nor repeat.
package query

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/roundtrip"
	"payment-system/internal/views"
	"payment-system/shop"
)

// A Reader answers queries. Its fields are the world: main fills them. A Reader
// must not be copied once used.
type Reader struct {
	DB *sql.DB // where queries read: the primary or a replica of it
	// Primary answers where DB lags behind a version that was announced, and to
	// who wrote a moment ago. Nil trusts DB.
	Primary *sql.DB
	// Replica says whether DB, a read replica, may be asked. Nil always asks it.
	Replica Replica
	// Redis holds cache entries and announces changes. Nothing but speed is lost
	// when it is gone, if its client gives up at once: MaxRetries -1.
	Redis  redis.UniversalClient
	Logger *slog.Logger
	Now    func() time.Time
	// Floors are what this process projected; share them with the Projector.
	Floors *views.Floors
	// Backlog tells what the read models have yet to apply. (*projections.Projector).Backlog does.
	Backlog func(context.Context) ([]views.Backlog, error)
	// Follow has views follow the books and waits for it, for a moment; (*projections.Projector).Follow does.
	// Nil has not.
	Follow func(ctx context.Context, aggregateIDs ...string) (shown bool)
	// CacheTTL is how long a cache entry lives; 30 s when zero, views.MaxEntryTTL at most.
	CacheTTL time.Duration
	// CacheTimeout is how long Redis may take to answer; 200 ms when zero. Then the cache rests for a second.
	CacheTimeout time.Duration
	// WatchPoll is how often watchers look without being told; 5 s when zero.
	WatchPoll time.Duration
	// Trips are shared by all who ask the cache at the same moment.
	Trips roundtrip.Group

	cache   documentCache
	watches hub
}

// A Replica has queries asked of a read replica, and of the primary while that
// is not to be asked, or fails. *mysqldb.ReadReplica is one.
type Replica interface {
	Ask(ctx context.Context, ask func(context.Context, *sql.DB) error) error
}

// read asks a query where queries read.
func (r *Reader) read(ctx context.Context, ask func(context.Context, *sql.DB) error) error {
	if r.Replica == nil {
		return ask(ctx, r.DB)
	}
	return r.Replica.Ask(ctx, ask)
}

// readFor asks a query on behalf of a user, who sees what they wrote: a read
// replica may not have it yet. Without Redis nobody knows who wrote.
func (r *Reader) readFor(ctx context.Context, user shop.UserID, ask func(context.Context, *sql.DB) error) error {
	if r.Replica == nil || user == "" {
		return r.read(ctx, ask)
	}
	if r.hasWritten(ctx, user) {
		return ask(ctx, r.current())
	}
	return r.read(ctx, ask)
}

func (r *Reader) hasWritten(ctx context.Context, user shop.UserID) bool {
	if r.isCacheResting() {
		return true
	}
	ctx, cancel := r.withCacheTimeout(ctx)
	defer cancel()
	wrote, err := views.HasWritten(ctx, r.Redis, user)
	if err != nil {
		r.restCache(ctx, err)
	}
	return wrote || err != nil
}

// A Viewer is who asks. The zero Viewer is nobody.
type Viewer struct {
	UserID shop.UserID
	Role   shop.Role
}

// maySee reports whether the viewer may see what the user named owns.
func (v Viewer) maySee(owner shop.UserID) bool {
	return v.isOperator() || (v.UserID != "" && v.UserID == owner)
}

func (v Viewer) isOperator() bool { return v.Role == shop.RoleOperator }

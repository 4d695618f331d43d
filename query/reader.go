// Package query reads, and only reads: the read models, through a cache, in
// pages that neither skip nor repeat.
package query

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/views"
	"payment-system/shop"
)

// A Reader answers queries. Its fields are the world: main fills them. A Reader
// must not be copied once used.
type Reader struct {
	DB *sql.DB // where queries read: the primary or a replica of it
	// Primary answers where DB lags behind a version that was announced. Nil
	// trusts DB.
	Primary *sql.DB
	// Redis holds cache entries and announces changes. Nothing but speed is lost
	// when it is gone, if its client gives up at once: MaxRetries -1.
	Redis  redis.UniversalClient
	Logger *slog.Logger
	Now    func() time.Time
	// Floors are what this process projected; share them with the Projector.
	Floors *views.Floors
	// Backlog tells what the read models have yet to apply. (*projections.Projector).Backlog does.
	Backlog func(context.Context) ([]views.Backlog, error)
	// CacheTTL is how long a cache entry lives; 30 s when zero, views.MaxEntryTTL at most.
	CacheTTL time.Duration
	// WatchPoll is how often watchers look without being told; 5 s when zero.
	WatchPoll time.Duration

	cache   documentCache
	watches hub
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

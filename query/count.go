package query

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// maxCount is the greatest number that is told.
const maxCount = 10_000

// counted counts a list on behalf of a user, who sees what they wrote.
func (r *Reader) counted(l *list, parts []filter, page Page) Counted {
	return Counted{func(ctx context.Context) (n *int, err error) {
		err = r.readFor(ctx, page.By, func(ctx context.Context, db *sql.DB) (err error) {
			n, err = l.count(ctx, db, parts)
			return err
		})
		return n, err
	}}
}

// count counts what the parts of a list hold, nil when that is more than maxCount.
func (l *list) count(ctx context.Context, db *sql.DB, parts []filter) (*int, error) {
	var inner []string
	var args []any
	for _, part := range parts {
		inner = append(inner, "(SELECT 1 FROM "+l.from(part)+l.where(part)+" LIMIT ?)")
		args = append(append(args, part.args...), maxCount+1)
	}
	var n int
	query := "SELECT COUNT(*) FROM (" + strings.Join(inner, " UNION ALL ") + ") found"
	if err := db.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
		return nil, fmt.Errorf("count %s: %w", l.table, err)
	}
	if n > maxCount {
		return nil, nil
	}
	return &n, nil
}

// countedProducts counts what a search finds, from the cache if it is there.
func (r *Reader) countedProducts(wanted wantedProducts) Counted {
	return Counted{func(ctx context.Context) (*int, error) {
		if wanted.isFresh {
			return r.countProducts(ctx, wanted)
		}
		at, err := wanted.slot("count")
		if err != nil {
			return nil, err
		}
		return cached(ctx, r, at, func() (*int, error) { return r.countProducts(ctx, wanted) })
	}}
}

// countProducts counts in no order: so a search always looks among those that may be found.
func (r *Reader) countProducts(ctx context.Context, wanted wantedProducts) (*int, error) {
	part := wanted.part
	if part.index == wanted.list.index {
		part.index = ""
	}
	part, err := wanted.search.narrowCount(ctx, r.current(), part)
	if err != nil {
		return nil, err
	}
	return wanted.list.count(ctx, r.current(), []filter{part})
}

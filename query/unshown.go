package query

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/go-jet/jet/v2/mysql"
	"github.com/redis/go-redis/v9"

	"payment-system/internal/mysqldb"
	"payment-system/internal/views"
	"payment-system/shop"
)

// AwaitWrites returns once the read models show whatever a user was told is done, and Unavailable when they do not
// in a moment: no answer is better than one from before. Redis remembers what was told before it was shown; while
// Redis is away nobody knows, and nobody waits.
func (r *Reader) AwaitWrites(ctx context.Context, user shop.UserID) error {
	told := r.unshown(ctx, user)
	if len(told) == 0 {
		return nil
	}
	lacking, err := r.lacking(ctx, told)
	if err == nil && len(lacking) > 0 && r.Follow != nil && r.Follow(ctx, lacking...) {
		lacking, err = r.lacking(ctx, told)
	}
	if err != nil {
		return err
	}
	if len(lacking) > 0 {
		return shop.NotNow("What was just done cannot be shown yet. Try again in a moment.", nil)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cacheTime)
	defer cancel()
	if err := views.ForgetUnshown(ctx, r.Redis, told); err != nil {
		r.restCache(ctx, err)
	}
	return nil
}

// unshown returns what the views may lack of what a user was told.
func (r *Reader) unshown(ctx context.Context, user shop.UserID) []views.Version {
	if r.isCacheResting() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, cacheTime)
	defer cancel()
	var answer func() ([]views.Version, error)
	err := r.cache.trips.Do(ctx, r.Redis, func(pipe redis.Pipeliner) { answer = views.AskUnshown(ctx, pipe, user) })
	var told []views.Version
	if err == nil {
		told, err = answer()
	}
	if err != nil {
		r.restCache(ctx, err)
	}
	return told
}

// lacking returns the ids of those versions that the views of the primary do not show.
func (r *Reader) lacking(ctx context.Context, told []views.Version) (ids []string, err error) {
	for _, from := range []viewTable{users, products, orders, payments, reconciliations, discrepancies} {
		of := slices.DeleteFunc(slices.Clone(told), func(v views.Version) bool { return !from.mayHold(v.ID) })
		if len(of) == 0 {
			continue
		}
		shown, err := r.versions(ctx, from, of)
		if err != nil {
			return nil, err
		}
		for _, v := range of {
			if shown[v.ID] < v.Version && !slices.Contains(ids, v.ID) {
				ids = append(ids, v.ID)
			}
		}
	}
	return ids, nil
}

// versions returns the versions that a view of the primary shows, by id.
func (r *Reader) versions(ctx context.Context, from viewTable, of []views.Version) (map[string]int, error) {
	in := make([]mysql.Expression, len(of))
	for i, v := range of {
		in[i] = mysql.String(v.ID)
	}
	shown := make(map[string]int, len(of))
	query, args := mysql.SELECT(from.id, from.version).FROM(from.table).WHERE(from.id.IN(in...)).Sql()
	_, err := mysqldb.Collect(ctx, r.current(), func(rows *sql.Rows) (_ struct{}, err error) {
		var id string
		var version int
		err = rows.Scan(&id, &version)
		shown[id] = version
		return struct{}{}, err
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read versions of %s views: %w", from.thing, err)
	}
	return shown, nil
}

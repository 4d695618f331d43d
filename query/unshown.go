package query

import (
	"context"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

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
	ctx, cancel := r.withCacheTimeout(context.WithoutCancel(ctx))
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
	ctx, cancel := r.withCacheTimeout(ctx)
	defer cancel()
	var answer func() ([]views.Version, error)
	err := r.Trips.Do(ctx, r.Redis, func(pipe redis.Pipeliner) { answer = views.AskUnshown(ctx, pipe, user) })
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
	newest := map[string]int{}
	for _, v := range told {
		newest[v.ID] = max(newest[v.ID], v.Version)
	}
	for _, from := range []viewTable{users, products, orders, payments, reconciliations, discrepancies} {
		of := slices.DeleteFunc(slices.Sorted(maps.Keys(newest)), func(id string) bool { return !from.mayHold(id) })
		shown, err := r.selectDocuments(ctx, r.current(), from, of)
		if err != nil {
			return nil, err
		}
		for _, d := range shown {
			if d.version >= newest[d.id] {
				of = slices.DeleteFunc(of, func(id string) bool { return id == d.id })
			}
		}
		ids = append(ids, of...)
	}
	return ids, nil
}

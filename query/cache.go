package query

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"sync/atomic"
	"time"

	"github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"payment-system/internal/views"
)

// restTime is how long the cache is left alone after it failed.
const restTime = time.Second

// A documentCache keeps what was read lately in Redis. Without Redis it is
// empty, and fast.
type documentCache struct {
	flights singleflight.Group
	failed  atomic.Int64 // when Redis failed last, in nanoseconds of Unix time
}

// An entry is what the cache keeps: a document, its version, and the token that
// was in place before the database was asked for it.
type entry struct {
	Token    string
	Version  int
	Document []byte
}

// A slot is where an entry is kept: under its own id, guarded by the token of guard.
type slot struct{ id, guard string }

// lookUp returns the entries that may be served, and the tokens to store the
// others with. Without Redis it returns neither.
func (r *Reader) lookUp(ctx context.Context, slots []slot) (map[string]entry, map[string]views.Token) {
	if r.isCacheResting() || len(slots) == 0 {
		return nil, nil
	}
	ctx, cancel := r.withCacheTimeout(ctx)
	defer cancel()
	tokens, entries, err := r.fetchSlots(ctx, slots)
	if err == nil {
		err = r.completeTokens(ctx, slots, tokens)
	}
	if err != nil {
		r.restCache(ctx, err)
		return nil, nil
	}
	hits := make(map[string]entry, len(slots))
	for _, s := range slots {
		found, ok := entries[s.id]
		token := tokens[s.guard]
		if ok && found.Token == string(token) && found.Version >= max(token.Version(), r.Floors.Of(s.id)) {
			hits[s.id] = found
		}
	}
	return hits, tokens
}

// fetchSlots reads tokens and entries in one round trip, which others may share.
func (r *Reader) fetchSlots(ctx context.Context, slots []slot) (map[string]views.Token, map[string]entry, error) {
	guards := make([]*redis.StringCmd, len(slots))
	values := make([]*redis.StringCmd, len(slots))
	err := r.Trips.Do(ctx, r.Redis, func(pipe redis.Pipeliner) {
		for i, s := range slots {
			guards[i] = pipe.Get(ctx, views.TokenKey(s.guard))
			values[i] = pipe.Get(ctx, views.EntryKey(s.id))
		}
	})
	if err != nil {
		return nil, nil, err
	}
	tokens := make(map[string]views.Token, len(slots))
	entries := make(map[string]entry, len(slots))
	codec := cache.New(&cache.Options{Redis: r.Redis})
	for i, s := range slots {
		if err := cmp.Or(fault(guards[i]), fault(values[i])); err != nil {
			return nil, nil, err
		}
		if guards[i].Err() == nil {
			tokens[s.guard] = views.Token(guards[i].Val())
		}
		var found entry
		if b, err := values[i].Bytes(); err == nil && codec.Unmarshal(b, &found) == nil {
			entries[s.id] = found
		}
	}
	return tokens, entries, nil
}

// fault returns the error of an answer, unless it is that nothing is there.
func fault(answer *redis.StringCmd) error {
	if errors.Is(answer.Err(), redis.Nil) {
		return nil
	}
	return answer.Err()
}

// completeTokens makes the tokens that are missing.
func (r *Reader) completeTokens(ctx context.Context, slots []slot, tokens map[string]views.Token) error {
	var missing []string
	for _, s := range slots {
		if _, ok := tokens[s.guard]; !ok {
			tokens[s.guard] = ""
			missing = append(missing, s.guard)
		}
	}
	made, err := views.MakeTokens(ctx, r.Redis, missing)
	maps.Copy(tokens, made)
	return err
}

// store keeps entries, in one round trip. Each must carry the token that
// lookUp returned before the database was asked.
func (r *Reader) store(ctx context.Context, entries map[string]entry) {
	if len(entries) == 0 || r.isCacheResting() {
		return
	}
	ctx, cancel := r.withCacheTimeout(ctx)
	defer cancel()
	pipe := r.Redis.Pipeline()
	queue := cache.New(&cache.Options{Redis: pipe})
	for id, e := range entries {
		item := &cache.Item{Ctx: ctx, Key: views.EntryKey(id), Value: e, TTL: r.cacheTTL()}
		if err := queue.Set(item); err != nil {
			r.restCache(ctx, err)
			return
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		r.restCache(ctx, err)
	}
}

// withCacheTimeout bounds a conversation with Redis.
func (r *Reader) withCacheTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, cmp.Or(r.CacheTimeout, 200*time.Millisecond))
}

// cacheTTL is never under a second, which go-redis/cache would make an hour.
func (r *Reader) cacheTTL() time.Duration {
	return max(time.Second, min(cmp.Or(r.CacheTTL, views.MaxEntryTTL/2), views.MaxEntryTTL))
}

// isCacheResting reports whether Redis failed a moment ago, or is not there at all.
func (r *Reader) isCacheResting() bool {
	return r.Redis == nil || r.Now().UnixNano()-r.cache.failed.Load() < int64(restTime)
}

// restCache leaves the cache alone for a moment, so that a Redis that hangs does
// not slow every reader.
func (r *Reader) restCache(ctx context.Context, err error) {
	r.cache.failed.Store(r.Now().UnixNano())
	r.Logger.WarnContext(ctx, "cache failed", "error", err)
}

// Package views holds what the writer of the read models and their reader must
// agree on: the names of cache keys and channels, the tokens that tell old
// cache entries from new ones, and how names are folded for search.
//
// A view is known by its aggregate's id. Redis keeps a token for each, and each
// cache entry carries the token that its reader saw before it asked the
// database. Evicting puts another token in place, so an entry that a slow
// reader stores afterwards is never served. A token that is missing is made up
// anew, so that Redis may be emptied at any moment.
package views

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/shop"
)

// Products is the id under which the product list as a whole is evicted.
const Products = "products"

// MaxEntryTTL is the longest that a cache entry may live. Where Redis missed an
// eviction, a reader elsewhere may see the old view for so long, at most.
const MaxEntryTTL = time.Minute

// tokenTTL is how long a token lives: longer than any entry that names it.
const tokenTTL = time.Hour

// TokenKey names the key that holds the token of a view.
func TokenKey(id string) string { return "token:{" + id + "}" }

// EntryKey names the key that holds the cache entry of a view, or of one page of it.
func EntryKey(id string) string { return "view:{" + id + "}" }

// Channel names the channel that announces new versions of a view.
func Channel(id string) string { return "views:" + id }

// A Token tells the cache entries of a view that may be served from those that
// may not. It begins with the version that the view has at least.
type Token string

// NewToken returns a token unlike any other, for a view of at least the version
// given; 0 where it is not known.
func NewToken(version int) Token {
	return Token(strconv.Itoa(version) + "-" + rand.Text())
}

// Version returns the version that the view has at least, or 0.
func (t Token) Version() int {
	digits, _, _ := strings.Cut(string(t), "-")
	version, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return version
}

// replaceToken puts a new token in place, which never promises less than the
// one before.
const replaceToken = `
local floor = tonumber(string.match(redis.call('GET', KEYS[1]) or '', '^%d+')) or 0
local version = math.max(floor, tonumber(ARGV[1]))
return redis.call('SET', KEYS[1], string.format('%d', version) .. ARGV[2], 'PX', ARGV[3])`

// A Version is a view and the version it has now. Quiet versions are evicted
// and not announced.
type Version struct {
	ID      string
	Version int
	Quiet   bool
	Owner   shop.UserID // whose it is, if somebody's
}

// Announce makes every cache entry of the views given useless, then tells their
// watchers, in one round trip. When it fails, some may have been done.
func Announce(ctx context.Context, client redis.UniversalClient, versions []Version) error {
	pipe := client.Pipeline()
	for _, v := range versions {
		_, nonce, _ := strings.Cut(string(NewToken(v.Version)), "-")
		pipe.Eval(ctx, replaceToken, []string{TokenKey(v.ID)}, v.Version, "-"+nonce, tokenTTL.Milliseconds())
	}
	for _, v := range versions {
		if !v.Quiet {
			pipe.Publish(ctx, Channel(v.ID), v.Version)
		}
	}
	owners := make([]shop.UserID, 0, len(versions))
	for _, v := range versions {
		if !slices.Contains(owners, v.Owner) {
			owners = append(owners, v.Owner)
		}
	}
	wrote(ctx, pipe, owners)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("announce views: %w", err)
	}
	return nil
}

// MakeTokens puts tokens in place where there are none, and returns those in
// place then.
func MakeTokens(ctx context.Context, client redis.UniversalClient, ids []string) (map[string]Token, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	pipe := client.Pipeline()
	current := make(map[string]*redis.StringCmd, len(ids))
	for _, id := range ids {
		pipe.SetArgs(ctx, TokenKey(id), string(NewToken(0)), redis.SetArgs{Mode: "NX", TTL: tokenTTL})
		current[id] = pipe.Get(ctx, TokenKey(id))
	}
	_, _ = pipe.Exec(ctx) // each answer tells for itself: a token that was there is no fault
	tokens := make(map[string]Token, len(ids))
	for id, answer := range current {
		if answer.Err() != nil {
			return nil, fmt.Errorf("make tokens: %w", answer.Err())
		}
		tokens[id] = Token(answer.Val())
	}
	return tokens, nil
}

// wroteTTL is how long who wrote is remembered: longer than a read replica that is asked may be behind.
const wroteTTL = 45 * time.Second

// wroteKey names the key that says that a user wrote a moment ago.
func wroteKey(user shop.UserID) string { return "wrote:" + string(user) }

// Wrote remembers that the books of a user changed, by whomever: for a moment their lists are
// read at the primary.
func Wrote(ctx context.Context, client redis.UniversalClient, users ...shop.UserID) error {
	pipe := client.Pipeline()
	wrote(ctx, pipe, users)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("remember who wrote: %w", err)
	}
	return nil
}

func wrote(ctx context.Context, pipe redis.Pipeliner, users []shop.UserID) {
	for _, user := range users {
		if user != "" {
			pipe.Set(ctx, wroteKey(user), "1", wroteTTL)
		}
	}
}

// HasWritten reports whether the books of a user changed a moment ago.
func HasWritten(ctx context.Context, client redis.UniversalClient, user shop.UserID) (bool, error) {
	n, err := client.Exists(ctx, wroteKey(user)).Result()
	if err != nil {
		return false, fmt.Errorf("ask who wrote: %w", err)
	}
	return n > 0, nil
}

// A Backlog is how many events a view has yet to apply, and since when.
type Backlog struct {
	View    shop.View
	Pending int
	Oldest  time.Time // zero when nothing is pending
}

// Package redistest gives every test a Redis database of its own: on the server that REDIS_ADDRS
// names, or on a private one that lives as long as the test process. Channels of pub/sub are the
// server's: tests share them.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/devservers"
)

// New returns a client of an empty database, emptied again and closed when t ends.
func New(t testing.TB) redis.UniversalClient {
	t.Helper()
	client := redis.NewUniversalClient(Options(t))
	t.Cleanup(func() {
		if err := client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
			t.Error(err)
		}
	})
	return client
}

// Options returns how to reach a database that was empty when t took it, and is emptied when t
// ends. No other test is given the same until then.
func Options(t testing.TB) *redis.UniversalOptions {
	t.Helper()
	addr := Addr(t)
	return &redis.UniversalOptions{Addrs: []string{addr}, DB: take(t, addr)}
}

// Addr returns the address of the server that tests share.
func Addr(t testing.TB) string {
	t.Helper()
	servers, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	return servers.RedisAddr
}

// connect is called once per process, which keeps what it returns until it ends.
var connect = sync.OnceValues(func() (*devservers.Servers, error) {
	if addrs := os.Getenv("REDIS_ADDRS"); addrs != "" {
		if strings.Contains(addrs, ",") {
			return nil, errors.New("tests need one Redis with numbered databases: set REDIS_ADDRS to a single address")
		}
		return &devservers.Servers{RedisAddr: addrs}, nil
	}
	return devservers.Start(context.Background(), devservers.Config{Progress: os.Stderr, SkipMySQL: true})
})

// Database 0 keeps which others are taken, and the last number handed out.
const (
	lastKey  = "redistest:last"
	takenKey = "redistest:taken:" // and the number
	takenTTL = 10 * time.Minute   // for processes that died; others renew it
)

// take returns the number of an empty database that no other test has, on whatever process.
func take(t testing.TB, addr string) int {
	t.Helper()
	registry := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { registry.Close() })
	count, err := databases(t.Context(), registry)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * count {
		number, err := tryTake(t, registry, count)
		if err != nil {
			t.Fatalf("take a Redis database: %v", err)
		}
		if number > 0 {
			return number
		}
	}
	t.Fatalf("none of the %d databases of the Redis at %s is empty and free", count, addr)
	return 0
}

func databases(ctx context.Context, registry *redis.Client) (int64, error) {
	settings, err := registry.ConfigGet(ctx, "databases").Result()
	if err != nil {
		return 0, fmt.Errorf("ask Redis for its databases: %w", err)
	}
	return strconv.ParseInt(settings["databases"], 10, 64)
}

// tryTake tries the next database and returns its number, or 0 when it is not free.
func tryTake(t testing.TB, registry *redis.Client, count int64) (int, error) {
	t.Helper()
	next, err := registry.Incr(t.Context(), lastKey).Result()
	if err != nil {
		return 0, err
	}
	number := int(next%(count-1)) + 1
	taken := takenKey + strconv.Itoa(number)
	if free, err := registry.SetNX(t.Context(), taken, os.Getpid(), takenTTL).Result(); err != nil || !free {
		return 0, err
	}
	client := redis.NewClient(&redis.Options{Addr: registry.Options().Addr, DB: number})
	if size, err := client.DBSize(t.Context()).Result(); err != nil || size > 0 {
		return 0, errors.Join(err, client.Close(), registry.Del(t.Context(), taken).Err())
	}
	stop := make(chan struct{})
	go renew(registry, taken, stop)
	t.Cleanup(func() {
		close(stop)
		ctx := context.Background()
		// A test that killed its server has nothing to give back.
		_ = errors.Join(client.FlushDB(ctx).Err(), client.Close(), registry.Del(ctx, taken).Err())
	})
	return number, nil
}

// renew keeps a database taken until stop is closed.
func renew(registry *redis.Client, taken string, stop <-chan struct{}) {
	ticker := time.NewTicker(takenTTL / 5)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			// One that fails is made up for by the next.
			_ = registry.Expire(context.Background(), taken, takenTTL).Err()
		}
	}
}

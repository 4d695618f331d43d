package locks_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"payment-system/internal/devservers"
	"payment-system/internal/locks"
	"payment-system/internal/redisdb"
	"payment-system/internal/redistest"
	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
)

func TestLocker_Lock(t *testing.T) {
	t.Parallel()

	t.Run("holders of one key take turns, those of others do not wait", func(t *testing.T) {
		t.Parallel()
		locker := newLocker(t, 30*time.Second, redistest.New(t))
		var inside, most atomic.Int32
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				defer locker.Lock(t.Context(), "lock:b", "lock:a", "lock:b")()
				if n := inside.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(5 * time.Millisecond) // A moment in which another could come in.
				inside.Add(-1)
			})
		}
		group.Wait()
		if most.Load() != 1 {
			t.Errorf("%d held the lock at once", most.Load())
		}
		held := locker.Lock(t.Context(), "lock:x")
		defer held()
		start := time.Now()
		locker.Lock(t.Context(), "lock:y")()
		if took := time.Since(start); took > 29*time.Second {
			t.Errorf("another key waited %v, as long as the wait for a lock", took)
		}
	})

	t.Run("keys in any order do not lock each other out", func(t *testing.T) {
		t.Parallel()
		locker := newLocker(t, 20*time.Second, redistest.New(t))
		start := time.Now()
		var group sync.WaitGroup
		for _, keys := range [][]string{{"a", "b", "c"}, {"c", "b", "a"}, {"b", "c", "a"}} {
			group.Go(func() {
				for range 10 {
					locker.Lock(t.Context(), keys...)()
				}
			})
		}
		group.Wait()
		if took := time.Since(start); took > 19*time.Second {
			t.Errorf("took %v, as long as the wait for a lock", took)
		}
	})

	t.Run("who waits too long goes on without", func(t *testing.T) {
		t.Parallel()
		client := redistest.New(t)
		locker := newLocker(t, 50*time.Millisecond, client)
		unlock := locker.Lock(t.Context(), "lock:a")
		start := time.Now()
		locker.Lock(t.Context(), "lock:a")()
		if took := time.Since(start); took < 40*time.Millisecond || took > 7*time.Second { // the lock itself lives for 8 s
			t.Errorf("went on after %v, want about 50 ms", took)
		}
		if n := client.Exists(t.Context(), "lock:a").Val(); n != 1 {
			t.Error("who went without gave back what another holds")
		}
		unlock()
		unlock()
		if n := client.Exists(t.Context(), "lock:a").Val(); n != 0 {
			t.Error("the key is still there after unlock")
		}
	})

	t.Run("a canceled context leaves no key behind", func(t *testing.T) {
		t.Parallel()
		client := redistest.New(t)
		locker := newLocker(t, time.Second, client)
		ctx, cancel := context.WithCancel(t.Context())
		unlock := locker.Lock(ctx, "lock:a")
		if ttl := client.PTTL(t.Context(), "lock:a").Val(); ttl <= 0 || ttl > 8*time.Second {
			t.Errorf("the lock lives %v, want at most 8 s", ttl)
		}
		cancel()
		unlock()
		locker.Lock(ctx, "lock:b")()
		if n := client.Exists(t.Context(), "lock:a", "lock:b").Val(); n != 0 {
			t.Errorf("%d keys are left", n)
		}
	})

	t.Run("a majority of nodes is enough", func(t *testing.T) {
		t.Parallel()
		one, two := redistest.New(t), redistest.New(t)
		locker := newLocker(t, 20*time.Second, one, dead(t), two)
		unlock := locker.Lock(t.Context(), "lock:a")
		if one.Exists(t.Context(), "lock:a").Val() != 1 || two.Exists(t.Context(), "lock:a").Val() != 1 {
			t.Error("the lock is not on the living nodes")
		}
		before := one.Get(t.Context(), "lock:a").Val()
		newLocker(t, 50*time.Millisecond, one, dead(t), two).Lock(t.Context(), "lock:a")()
		if after := one.Get(t.Context(), "lock:a").Val(); after != before {
			t.Error("the lock changed hands while it was held")
		}
		unlock()
		if one.Exists(t.Context(), "lock:a").Val()+two.Exists(t.Context(), "lock:a").Val() != 0 {
			t.Error("the lock is still there after unlock")
		}
	})
}

// Proves I14: nothing waits for a Redis that is gone.
func TestLocker_Lock_withoutRedis(t *testing.T) {
	t.Parallel()

	t.Run("a dead server costs next to nothing and is noted once", func(t *testing.T) {
		t.Parallel()
		var log bytes.Buffer
		now := testclock.Now()
		locker := newLocker(t, time.Second, dead(t))
		locker.Now, locker.Logger = func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil))
		start := time.Now()
		for range 100 {
			locker.Lock(t.Context(), "lock:a", "lock:b")()
		}
		if took := time.Since(start); took > 30*time.Second { // each would wait for a second
			t.Errorf("100 locks took %v", took)
		}
		if n := strings.Count(log.String(), "locks do without redis"); n != 1 {
			t.Errorf("noted %d times:\n%s", n, log.String())
		}
	})

	t.Run("a server that does not answer is asked once a second", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0") // It takes connections and says nothing.
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		now := testclock.Now()
		locker := newLocker(t, time.Second, dial(t, listener.Addr().String()))
		locker.Now = func() time.Time { return now }
		start := time.Now()
		for range 100 {
			locker.Lock(t.Context(), "lock:a")()
		}
		if took := time.Since(start); took > 15*time.Second { // each would wait for 200 ms
			t.Errorf("100 locks took %v", took)
		}
	})

	t.Run("locks are back when the server is", func(t *testing.T) {
		t.Parallel()
		servers, err := devservers.Start(t.Context(), devservers.Config{SkipMySQL: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := servers.Close(); err != nil {
				t.Error(err)
			}
		})
		client := dial(t, servers.RedisAddr)
		now := testclock.Now()
		locker := newLocker(t, time.Second, client)
		locker.Now = func() time.Time { return now }
		unlock := locker.Lock(t.Context(), "lock:a")
		if err := servers.KillRedis(); err != nil {
			t.Fatal(err)
		}
		unlock()
		locker.Lock(t.Context(), "lock:a")()
		if err := servers.StartRedis(t.Context()); err != nil {
			t.Fatal(err)
		}
		shoptest.Eventually(t, "a lock is taken", func() bool {
			now = now.Add(1001 * time.Millisecond)
			defer locker.Lock(t.Context(), "lock:c")()
			return client.Exists(t.Context(), "lock:c").Val() == 1
		})
	})
}

// Proves: a Redis that was slow for a moment is not left with locks that nobody holds any more. Whoever came next
// would wait for each of them in vain.
func TestLocker_Lock_slowRedis(t *testing.T) {
	t.Parallel()
	servers, err := devservers.Start(t.Context(), devservers.Config{SkipMySQL: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
	})
	client := dial(t, servers.RedisAddr)
	var now atomic.Int64
	locker := newLocker(t, time.Second, client)
	locker.Now = func() time.Time { return testclock.Now().Add(time.Duration(now.Load())) }
	unlock := locker.Lock(t.Context(), "lock:a", "lock:b")
	if err := client.Do(t.Context(), "CLIENT", "PAUSE", "600", "ALL").Err(); err != nil {
		t.Fatal(err)
	}
	locker.Lock(t.Context(), "lock:c")() // is not answered in time: Redis is left alone
	unlock()
	shoptest.Eventually(t, "Redis answers again", func() bool { return client.Ping(t.Context()).Err() == nil })
	shoptest.Eventually(t, "no lock is left that nobody holds", func() bool {
		now.Add(int64(1001 * time.Millisecond))
		locker.Lock(t.Context(), "lock:d")()
		left, err := client.Keys(t.Context(), "lock:*").Result()
		return err == nil && len(left) == 0
	})
}

func TestLocker_leaks(t *testing.T) {
	client := redistest.New(t)
	locker := newLocker(t, 50*time.Millisecond, client)
	locker.Lock(t.Context(), "warm")()
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	defer locker.Lock(t.Context(), "held")()
	for range 20 {
		locker.Lock(ctx, "held", "other")()
	}
	cancel()
	locker.Lock(ctx, "held")()
	goleak.VerifyNone(t, before)
}

func newLocker(t *testing.T, wait time.Duration, nodes ...redis.UniversalClient) *locks.Locker {
	t.Helper()
	return &locks.Locker{
		Nodes: nodes, Wait: wait, Timeout: 5 * time.Second, // a busy machine may be slow
		Now: testclock.Now, Logger: slog.New(slog.DiscardHandler),
	}
}

func dial(t *testing.T, addr string) redis.UniversalClient {
	t.Helper()
	place, err := redisdb.ParsePlace(addr)
	if err != nil {
		t.Fatal(err)
	}
	client, _, err := redisdb.Open(t.Context(), place, redisdb.Config{DialTimeout: locks.CallTimeout, Timeout: locks.CallTimeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// dead returns a client of an address where nobody listens.
func dead(t *testing.T) redis.UniversalClient {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return dial(t, listener.Addr().String())
}

// What is asked at once costs few round trips, however many locks it are.
func TestLocker_roundTrips(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	trips := &tripCounter{}
	client.AddHook(trips)
	locker := newLocker(t, 20*time.Second, client)
	locker.Timeout = 10 * time.Second
	keys := make([]string, 16)
	for i := range keys {
		keys[i] = "lock:" + strconv.Itoa(i)
	}
	for range 2 { // it is connected, and Redis knows the script
		locker.Lock(t.Context(), keys[0])()
	}
	// On a busy machine who asks at once may come one by one: the best of some tries tells.
	locking, unlocking := int64(len(keys)), int64(len(keys))
	for range 20 {
		trips.n.Store(0)
		unlock := locker.Lock(t.Context(), keys...)
		locking = min(locking, trips.n.Swap(0))
		unlock()
		unlocking = min(unlocking, trips.n.Load())
	}
	if locking > 6 || unlocking > 6 {
		t.Errorf("16 locks took %d round trips, and giving them back %d", locking, unlocking)
	}
	if held := client.Exists(t.Context(), keys...).Val(); held != 0 {
		t.Errorf("%d locks are still held", held)
	}
}

// A tripCounter counts what is sent to Redis by itself, be it a command or a pipeline.
type tripCounter struct{ n atomic.Int64 }

func (c *tripCounter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *tripCounter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmd)
	}
}

func (c *tripCounter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmds)
	}
}

// Package locks takes turns among replicas through independent Redis nodes. Its
// locks are a courtesy: whoever cannot have one soon goes on without.
package locks

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-redsync/redsync/v4"
	redsyncredis "github.com/go-redsync/redsync/v4/redis"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"
)

const (
	// defaultWait is how long a call waits for its locks: who holds one is soon done, or gone.
	defaultWait = 20 * time.Millisecond
	// defaultExpiry is when Redis forgets a lock whose holder died.
	defaultExpiry = 8 * time.Second
	// CallTimeout bounds one question to a node, and one to all.
	CallTimeout = 200 * time.Millisecond
	// rest is how long Redis is left alone after it failed.
	rest = time.Second
	// mostOwed bounds the locks that could not be given back while Redis was left alone, and
	// mostAtOnce how many of them are given back by one call.
	mostOwed, mostAtOnce = 10_000, 64
)

// A Locker locks names on a majority of Redis nodes, by redsync. It is made for
// one kind of failure: when the nodes do not answer it does without them, for a
// second at a time, and never makes a caller wait longer than Wait.
type Locker struct {
	Nodes   []redis.UniversalClient // independent of each other, whose clients give up after CallTimeout
	Wait    time.Duration           // for all the locks of a call; 20 ms when zero
	Expiry  time.Duration           // when Redis forgets a lock whose holder died; 8 s when zero
	Timeout time.Duration           // of one question to all nodes; CallTimeout when zero
	Now     func() time.Time
	Logger  *slog.Logger

	once sync.Once
	sync *redsync.Redsync
	// restUntil is when Redis may be asked again, in Unix nanoseconds.
	restUntil atomic.Int64

	mu   sync.Mutex
	owed []*redsync.Mutex // to be given back when Redis may be asked again, oldest first
}

// Lock asks for all keys at once, and returns what unlocks them, on a context that
// outlives ctx. When somebody holds one, it waits for that one and those after it in
// order of their names, until it has all, ctx ends, Wait is over or Redis fails; in the
// latter cases the caller goes on without some of them.
func (l *Locker) Lock(ctx context.Context, keys ...string) (unlock func()) {
	l.once.Do(l.open)
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(l.Wait, defaultWait))
	defer cancel()
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	held := l.tryAll(ctx, keys)
	for _, key := range keys[len(held):] {
		if ctx.Err() != nil || l.resting() {
			break
		}
		if mutex := l.lock(ctx, key); mutex != nil {
			held = append(held, mutex)
		}
	}
	// Who asked to lock may be gone by the time the work is done.
	ctx = context.WithoutCancel(ctx)
	return sync.OnceFunc(func() { l.unlock(ctx, held) })
}

// tryAll tries once to lock each of the keys, all at the same time. It returns the locks
// up to the first that somebody else holds; whoever waits holds none that comes later.
func (l *Locker) tryAll(ctx context.Context, keys []string) []*redsync.Mutex {
	if l.resting() {
		return nil
	}
	tried := make([]*redsync.Mutex, len(keys))
	var trying sync.WaitGroup
	for i, key := range keys {
		trying.Go(func() {
			mutex := l.mutex(key)
			if err := mutex.TryLockContext(context.WithoutCancel(ctx)); err == nil {
				tried[i] = mutex
			} else if l.isDown(err) {
				l.giveUp(err)
			}
		})
	}
	trying.Wait()
	n := slices.Index(tried, nil)
	if n < 0 {
		return tried
	}
	later := slices.DeleteFunc(tried[n:], func(mutex *redsync.Mutex) bool { return mutex == nil })
	l.unlock(context.WithoutCancel(ctx), later)
	return tried[:n]
}

func (l *Locker) mutex(key string) *redsync.Mutex {
	expiry := cmp.Or(l.Expiry, defaultExpiry)
	return l.sync.NewMutex(key, redsync.WithExpiry(expiry),
		redsync.WithTimeoutFactor(cmp.Or(l.Timeout, CallTimeout).Seconds()/expiry.Seconds()), redsync.WithFailFast(true))
}

func (l *Locker) open() {
	pools := make([]redsyncredis.Pool, len(l.Nodes))
	for i, node := range l.Nodes {
		pools[i] = goredis.NewPool(sharing(node, cmp.Or(l.Timeout, CallTimeout)))
	}
	l.sync = redsync.New(pools...)
}

// lock tries until it has the lock or ctx ends, and returns nil without it.
func (l *Locker) lock(ctx context.Context, key string) *redsync.Mutex {
	mutex := l.mutex(key)
	for {
		// A try that ctx cut short could leave the key behind, for its whole
		// expiry: each is let finish, and bounded by CallTimeout.
		err := mutex.TryLockContext(context.WithoutCancel(ctx))
		if err == nil {
			return mutex
		}
		if l.isDown(err) {
			l.giveUp(err)
			return nil
		}
		if !pause(ctx) {
			return nil
		}
	}
}

// pause waits a little, at random, so that those who collided part. It reports
// whether ctx still goes on.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(5*time.Millisecond + rand.N(20*time.Millisecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// unlock gives locks back, all at once, with some of those that could not be given back before.
// What it cannot give back now is owed.
func (l *Locker) unlock(ctx context.Context, held []*redsync.Mutex) {
	if l.resting() {
		l.owe(held...)
		return
	}
	var giving sync.WaitGroup
	for _, mutex := range append(l.takeOwed(), held...) {
		giving.Go(func() {
			if _, err := mutex.UnlockContext(ctx); l.isDown(err) {
				l.giveUp(err)
				l.owe(mutex)
			}
		})
	}
	giving.Wait()
}

// owe keeps locks until Redis may be asked again. What is too many expires by itself.
func (l *Locker) owe(held ...*redsync.Mutex) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed = append(l.owed, held...)
	l.owed = l.owed[max(0, len(l.owed)-mostOwed):]
}

// takeOwed returns some of the locks that are owed, and forgets those that have expired.
func (l *Locker) takeOwed() []*redsync.Mutex {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed = slices.DeleteFunc(l.owed, func(mutex *redsync.Mutex) bool { return time.Until(mutex.Until()) < 0 })
	n := min(mostAtOnce, len(l.owed))
	some := slices.Clone(l.owed[:n])
	l.owed = slices.Delete(l.owed, 0, n)
	return some
}

// isDown reports whether err says that too many nodes failed for any lock to be
// had, rather than that somebody else holds this one.
func (l *Locker) isDown(err error) bool {
	return failedNodes(err) > (len(l.Nodes)-1)/2
}

func failedNodes(err error) int {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		n := 0
		for _, err := range joined.Unwrap() {
			n += failedNodes(err)
		}
		return n
	}
	if _, ok := errors.AsType[*redsync.RedisError](err); ok {
		return 1
	}
	return 0
}

func (l *Locker) resting() bool { return l.Now().UnixNano() < l.restUntil.Load() }

// giveUp leaves Redis alone for a while. It is logged once for all who notice.
func (l *Locker) giveUp(err error) {
	now := l.Now()
	until := l.restUntil.Load()
	if now.UnixNano() < until || !l.restUntil.CompareAndSwap(until, now.Add(rest).UnixNano()) {
		return
	}
	l.Logger.Warn("locks do without redis", slog.Any("error", err), slog.Duration("rest", rest))
}

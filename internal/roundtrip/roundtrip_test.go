package roundtrip_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/redistest"
	"payment-system/internal/roundtrip"
)

// trips counts the pipelines that a client sends, and may hold them up.
type trips struct {
	count atomic.Int64
	hold  chan struct{} // nil holds nobody up
}

func (t *trips) DialHook(next redis.DialHook) redis.DialHook { return next }

func (t *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (t *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		n := t.count.Add(1)
		if t.hold != nil && n == 1 {
			<-t.hold
		}
		return next(ctx, cmds)
	}
}

func TestGroup_Do(t *testing.T) {
	client := redistest.New(t)
	for i := range 200 {
		if err := client.Set(t.Context(), fmt.Sprint("key:", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	counted := &trips{hold: make(chan struct{})}
	client.AddHook(counted)
	var g roundtrip.Group
	var all sync.WaitGroup
	time.AfterFunc(50*time.Millisecond, func() { close(counted.hold) }) // most have come by then
	for i := range 200 {
		all.Go(func() {
			var first, second, none *redis.StringCmd
			err := g.Do(t.Context(), client, func(pipe redis.Pipeliner) {
				first = pipe.Get(t.Context(), fmt.Sprint("key:", i))
				second = pipe.GetSet(t.Context(), fmt.Sprint("key:", i), -i)
				none = pipe.Get(t.Context(), "nothing")
			})
			if err != nil || first.Val() != fmt.Sprint(i) || second.Val() != fmt.Sprint(i) || !errors.Is(none.Err(), redis.Nil) {
				t.Errorf("caller %d was answered %q, %q, %v and %v", i, first.Val(), second.Val(), none.Err(), err)
			}
		})
	}
	all.Wait()
	if n := counted.count.Load(); n < 1 || n > 100 {
		t.Errorf("200 callers at once took %d round trips", n)
	}
}

func TestGroup_Do_slowTrip(t *testing.T) {
	client := redistest.New(t)
	held := &trips{hold: make(chan struct{})}
	client.AddHook(held)
	var g roundtrip.Group
	ping := func(ctx context.Context) error {
		return g.Do(ctx, client, func(pipe redis.Pipeliner) { pipe.Ping(ctx) })
	}
	first := make(chan error)
	go func() { first <- ping(t.Context()) }()
	for held.count.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
	for range 3 {
		if err := ping(t.Context()); err != nil {
			t.Errorf("behind a round trip that hangs: %v", err)
		}
	}
	close(held.hold)
	if err := <-first; err != nil {
		t.Errorf("the round trip that was slow: %v", err)
	}
}

func TestGroup_Do_hungUp(t *testing.T) {
	client := redistest.New(t)
	held := &trips{hold: make(chan struct{})}
	client.AddHook(held)
	var g roundtrip.Group
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- g.Do(ctx, client, func(pipe redis.Pipeliner) { pipe.Set(ctx, "left", "sent all the same", 0) })
	}()
	for held.count.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("who hung up was told %v", err)
	}
	close(held.hold)
	for client.Get(t.Context(), "left").Val() == "" {
		time.Sleep(time.Millisecond)
	}
}

func TestGroup_Do_redisGone(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	client := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{addr}, MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	var g roundtrip.Group
	for range 3 {
		var answer *redis.StringCmd
		err := g.Do(t.Context(), client, func(pipe redis.Pipeliner) { answer = pipe.Get(t.Context(), "key") })
		if err != nil || answer.Err() == nil || errors.Is(answer.Err(), redis.Nil) {
			t.Errorf("without Redis: %v, and the command %v", err, answer.Err())
		}
	}
}

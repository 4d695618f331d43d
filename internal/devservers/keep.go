package devservers

import (
	"context"
	"log/slog"
	"time"
)

// Servers that die are started again after restartAfter, and those that cannot be started, because
// their disk is full say, after waits that double up to restartAtMost.
const (
	restartAfter  = 200 * time.Millisecond
	restartAtMost = time.Second
)

// Keep starts servers that die again, on the data and the address that they had, until ctx ends. Call
// no other method meanwhile.
func (s *Servers) Keep(ctx context.Context, logger *slog.Logger) {
	done := make(chan struct{}, 2)
	kept := 0
	keep := func(name string, running func() *process, start func(context.Context) error) {
		kept++
		go func() {
			defer func() { done <- struct{}{} }()
			keepOne(ctx, logger.With("server", name), running, start)
		}()
	}
	if s.mysql != nil {
		keep("mariadbd", func() *process { return s.mysql.process }, s.mysql.start)
	}
	if s.redis != nil {
		keep("redis-server", func() *process { return s.redis.process }, s.redis.start)
	}
	for range kept {
		<-done
	}
}

// keepOne starts a server again whenever it has ended.
func keepOne(ctx context.Context, logger *slog.Logger, running func() *process, start func(context.Context) error) {
	wait := restartAfter
	for {
		if p := running(); p != nil { // there is none when it could not be started
			select {
			case <-p.ended:
			case <-ctx.Done():
				return
			}
		}
		logger.WarnContext(ctx, "a private server has died and is started again")
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		err := start(ctx)
		if err == nil {
			wait = restartAfter
			continue
		}
		wait = min(2*wait, restartAtMost)
		if ctx.Err() == nil {
			logger.ErrorContext(ctx, "a private server cannot be started", "error", err)
		}
	}
}

package locks

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/roundtrip"
)

// A node is a client whose locks, when they are asked for or given back at the same moment, share round trips.
type node struct {
	redis.UniversalClient

	trips *roundtrip.Group
}

func sharing(client redis.UniversalClient, timeout time.Duration) *node {
	return &node{client, &roundtrip.Group{Timeout: timeout}}
}

// SetNX asks for a lock.
func (n *node) SetNX(ctx context.Context, key string, value any, expiration time.Duration) *redis.BoolCmd {
	var asked *redis.BoolCmd
	err := n.trips.Do(ctx, n.UniversalClient, func(pipe redis.Pipeliner) { asked = pipe.SetNX(ctx, key, value, expiration) })
	if err != nil {
		return redis.NewBoolResult(false, err)
	}
	return asked
}

// EvalSha gives a lock back.
func (n *node) EvalSha(ctx context.Context, hash string, keys []string, args ...any) *redis.Cmd {
	var asked *redis.Cmd
	err := n.trips.Do(ctx, n.UniversalClient, func(pipe redis.Pipeliner) { asked = pipe.EvalSha(ctx, hash, keys, args...) })
	if err != nil {
		return redis.NewCmdResult(nil, err)
	}
	return asked
}

// Package limits counts tries in Redis, and refuses those that are too many.
package limits

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"payment-system/shop"
)

// countWithin is how long a count may take that is done without if it must.
const countWithin = 250 * time.Millisecond

// A Limiter counts tries.
type Limiter struct{ Redis redis.UniversalClient }

// Allow counts a try of the name given. It returns RateLimited when there were
// too many, and Unavailable when nobody can tell.
func (l Limiter) Allow(ctx context.Context, name string, limit redis_rate.Limit) error {
	result, err := redis_rate.NewLimiter(l.Redis).Allow(ctx, name, limit)
	if err != nil {
		return RedisDown("count tries", err)
	}
	if result.Allowed > 0 {
		return nil
	}
	seconds := max(1, int((result.RetryAfter+time.Second-1)/time.Second))
	return &shop.Error{
		Code:    shop.RateLimited,
		Message: fmt.Sprintf("Too many tries. Try again in %d seconds.", seconds),
		Details: map[string]any{"retryAfter": seconds},
	}
}

// AllowOrSkip is Allow for what must go on without Redis: it returns RateLimited
// or nothing, and soon.
func (l Limiter) AllowOrSkip(ctx context.Context, name string, limit redis_rate.Limit) error {
	ctx, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	if err := l.Allow(ctx, name, limit); shop.CodeOf(err) == shop.RateLimited {
		return err
	}
	return nil
}

// Forgive forgets the tries that were counted under a name.
func (l Limiter) Forgive(ctx context.Context, name string) error {
	if err := redis_rate.NewLimiter(l.Redis).Reset(ctx, name); err != nil {
		return RedisDown("forget tries", err)
	}
	return nil
}

// RedisDown is the error of a step that nothing may go on without.
func RedisDown(step string, err error) error {
	return shop.NotNow("The shop is partly down. Try again in a moment.", fmt.Errorf("%s: %w", step, err))
}

// Network names what one party surely has: an IPv4 address, or the half of an
// IPv6 address that a provider gives out.
func Network(remoteIP string) string {
	addr, err := netip.ParseAddr(remoteIP)
	if err != nil {
		return "unknown"
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return prefix.String()
}

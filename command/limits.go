package command

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/go-redis/redis_rate/v10"

	"payment-system/shop"
)

// How often something may be tried: a burst at once, and then one more whenever
// a share of the period has passed.
var (
	codesPerAddress = redis_rate.Limit{Rate: 5, Burst: 5, Period: 10 * time.Minute}
	codesPerIP      = redis_rate.Limit{Rate: 300, Burst: 300, Period: 10 * time.Minute}
	triesPerAddress = redis_rate.Limit{Rate: 10, Burst: 10, Period: 10 * time.Minute}
	triesPerIP      = redis_rate.Limit{Rate: 300, Burst: 300, Period: 10 * time.Minute}

	webhooksPerIP      = redis_rate.Limit{Rate: 300, Burst: 600, Period: time.Minute}
	webhooksPerAttempt = redis_rate.Limit{Rate: 300, Burst: 300, Period: time.Hour}
)

// countWithin is how long a count may take that is done without if it must.
const countWithin = 250 * time.Millisecond

// allow counts a try of the name given. It returns RateLimited when there were
// too many, and Unavailable when nobody can tell.
func (h *Handler) allow(ctx context.Context, name string, limit redis_rate.Limit) error {
	result, err := redis_rate.NewLimiter(h.Redis).Allow(ctx, name, limit)
	if err != nil {
		return redisDown("count tries", err)
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

// allowOrSkip is allow for what must go on without Redis: it returns RateLimited
// or nothing, and soon.
func (h *Handler) allowOrSkip(ctx context.Context, name string, limit redis_rate.Limit) error {
	ctx, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	if err := h.allow(ctx, name, limit); shop.CodeOf(err) == shop.RateLimited {
		return err
	}
	return nil
}

// forgive forgets the tries that were counted under a name.
func (h *Handler) forgive(ctx context.Context, name string) error {
	if err := redis_rate.NewLimiter(h.Redis).Reset(ctx, name); err != nil {
		return redisDown("forget tries", err)
	}
	return nil
}

// redisDown is the error of a step that nothing may go on without.
func redisDown(step string, err error) error {
	return &shop.Error{Code: shop.Unavailable, Message: "The shop is partly down. Try again in a moment.", Err: fmt.Errorf("%s: %w", step, err)}
}

// network names what one party surely has: an IPv4 address, or the half of an
// IPv6 address that a provider gives out.
func network(remoteIP string) string {
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

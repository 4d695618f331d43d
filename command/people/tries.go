package people

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-redis/redis_rate/v10"

	"payment-system/internal/limits"
	"payment-system/shop"
)

// How often something may be tried: a burst at once, and then one more whenever
// a share of the period has passed. An address here is one of mail; a network is where a request
// comes from, as limits.Network tells.
var (
	codesPerNetwork   = redis_rate.Limit{Rate: 300, Burst: 300, Period: 10 * time.Minute}
	codesFromNetwork  = redis_rate.Limit{Rate: 5, Burst: 5, Period: 10 * time.Minute} // to one address
	codesToAddress    = redis_rate.Limit{Rate: 5, Burst: 20, Period: 10 * time.Minute}
	triesPerNetwork   = redis_rate.Limit{Rate: 300, Burst: 300, Period: 10 * time.Minute}
	triesFromNetwork  = redis_rate.Limit{Rate: 10, Burst: 10, Period: 10 * time.Minute} // at one account
	triesFromAnywhere = redis_rate.Limit{Rate: 10, Burst: 50, Period: 20 * time.Minute} // at one account, where nobody signed in before
)

// knownFor is how long a network is known to be the owner's of an account.
const knownFor = 90 * 24 * time.Hour

// allowTry counts a try to sign in, and returns RateLimited when there were too many: of this
// account from this network, so that nobody locks another out; or of this account from all
// networks where nobody signed in to it before, so that many of them guess no faster than one.
func (h *Handler) allowTry(ctx context.Context, email, network string) error {
	if err := h.limiter().Allow(ctx, "tries:ip:"+network, triesPerNetwork); err != nil {
		return err
	}
	if err := h.limiter().Allow(ctx, "tries:address:"+shop.HashOf(email, network), triesFromNetwork); err != nil {
		return err
	}
	known, err := h.Redis.Exists(ctx, knownKey(email, network)).Result()
	if err != nil {
		return limits.RedisDown("read where somebody signed in", err)
	}
	if known > 0 {
		return nil
	}
	return h.limiter().Allow(ctx, "tries:account:"+shop.HashOf(email), triesFromAnywhere)
}

// noteOwner remembers that the owner of an account signed in from a network.
func (h *Handler) noteOwner(ctx context.Context, email, network string) {
	if err := h.Redis.Set(ctx, knownKey(email, network), 1, knownFor).Err(); err != nil {
		h.Logger.WarnContext(ctx, "where somebody signed in is not known later", slog.Any("error", err))
	}
}

// forgiveTries forgets the tries of an account from a network.
func (h *Handler) forgiveTries(ctx context.Context, email, network string) error {
	return h.limiter().Forgive(ctx, "tries:address:"+shop.HashOf(email, network))
}

func knownKey(email, network string) string { return "known:" + shop.HashOf(email, network) }

// allowCode counts a mail with a code, and returns RateLimited when there were too many: from a
// network, to an address from a network, or to an address, whose mailbox is not to be filled.
func (h *Handler) allowCode(ctx context.Context, email, network string) error {
	if err := h.limiter().Allow(ctx, "codes:ip:"+network, codesPerNetwork); err != nil {
		return err
	}
	if err := h.limiter().Allow(ctx, "codes:address:"+shop.HashOf(email, network), codesFromNetwork); err != nil {
		return err
	}
	return h.limiter().Allow(ctx, "codes:mailbox:"+shop.HashOf(email), codesToAddress)
}

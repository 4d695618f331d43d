package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"payment-system/internal/failpoint"
	"payment-system/internal/locks"
	"payment-system/internal/redisdb"
)

// openRedis opens the Redis of sessions, caches and announcements, and those of the locks. What can never
// work is refused. A Redis that is away is not: payments that were begun must still be confirmed.
func (a *app) openRedis(ctx context.Context) (err error) {
	s := a.settings
	if a.redis, _, err = a.dialRedis(ctx, "REDIS_ADDRS", s.redis, redisdb.Config{Roots: s.redisRoots}); err != nil {
		return err
	}
	if err := a.checkRedis(ctx, "REDIS_ADDRS", s.redis, a.redis); err != nil {
		return err
	}
	a.locker = &locks.Locker{Expiry: failpoint.LockTTL(), Now: a.world.now, Logger: a.logger}
	config := redisdb.Config{Roots: s.redisRoots, DialTimeout: locks.CallTimeout, Timeout: locks.CallTimeout}
	if len(s.locks) == 0 {
		node, _, err := a.dialRedis(ctx, "REDIS_ADDRS", s.redis, config)
		a.locker.Nodes = []redis.UniversalClient{node} // a cluster is one node: its members are not independent
		return err
	}
	for _, place := range s.locks {
		node, mode, err := a.dialRedis(ctx, "LOCK_REDIS_ADDRS", place, config)
		if err == nil {
			err = errors.Join(independent(place, mode, len(s.locks)), a.checkRedis(ctx, "LOCK_REDIS_ADDRS", place, node))
		}
		if err != nil {
			return err
		}
		a.locker.Nodes = append(a.locker.Nodes, node)
	}
	return nil
}

// independent refuses a member of a cluster among several nodes of the locks: they must not fail together.
func independent(place redisdb.Place, mode redisdb.Mode, nodes int) error {
	if nodes == 1 || mode != redisdb.ModeCluster {
		return nil
	}
	return fmt.Errorf("LOCK_REDIS_ADDRS: %s: it is a member of a cluster: name servers that are independent of each other, "+
		"or leave it empty", place)
}

func (a *app) dialRedis(
	ctx context.Context, name string, place redisdb.Place, config redisdb.Config,
) (redis.UniversalClient, redisdb.Mode, error) {
	client, mode, err := redisdb.Open(ctx, place, config)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %s: %w", name, place, err)
	}
	a.closers = append(a.closers, client.Close)
	return client, mode, nil
}

// checkRedis has a Redis do what is needed of it, and warns of one that is away or may forget.
func (a *app) checkRedis(ctx context.Context, name string, place redisdb.Place, client redis.UniversalClient) error {
	err := redisdb.Check(ctx, client)
	if unusable, ok := errors.AsType[redisdb.Unusable](err); ok {
		return fmt.Errorf("%s: %s: %w", name, place, unusable)
	}
	if err != nil {
		a.logger.WarnContext(ctx, "redis is away", "setting", name, "redis", place.String(), "error", err)
		return nil
	}
	for _, warning := range redisdb.Warnings(ctx, client) {
		a.logger.WarnContext(ctx, "redis may forget", "setting", name, "redis", place.String(), "detail", warning)
	}
	return nil
}

// redisGauge shows whether Redis does what is needed of it.
func (a *app) redisGauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "payment_system_redis_up", Help: "1 when Redis takes writes; without it nobody can sign in.",
	}, a.redisUp)
}

func (a *app) redisUp() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if redisdb.Check(ctx, a.redis) != nil {
		return 0
	}
	return 1
}

package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A gauge is a number that is asked for when somebody looks.
type gauge struct {
	name, help string
	value      func(ctx context.Context) (float64, error)
}

// gauges tell what an operator is to be woken for.
func (a *app) gauges() []gauge {
	count := func(query string) func(context.Context) (float64, error) {
		return func(ctx context.Context) (n float64, err error) {
			return n, a.db.QueryRowContext(ctx, query).Scan(&n)
		}
	}
	return []gauge{
		{"payment_system_unresolved_payments", "Payments whose outcome a gateway has not told.", count(`SELECT COUNT(*) FROM payments WHERE status IN ('APPROVING', 'CANCELING', 'UNKNOWN')`)},
		{"payment_system_open_cases", "Discrepancies that wait for a person.", count(`SELECT COUNT(*) FROM discrepancies WHERE status = 'OPEN'`)},
		{"payment_system_unpublished_events", "Events that the read models do not show yet.", count(`SELECT COUNT(*) FROM events WHERE published_at IS NULL`)},
		{"payment_system_waiting_webhooks", "Webhooks that were not acted on yet.", count(`SELECT COUNT(*) FROM webhook_inbox WHERE next_try_at IS NOT NULL`)},
		{"payment_system_redis_up", "1 when Redis answers; without it nobody can sign in.", func(ctx context.Context) (float64, error) {
			if err := a.redis.Ping(ctx).Err(); err != nil {
				return 0, nil //nolint:nilerr // That it does not answer is the answer.
			}
			return 1, nil
		}},
	}
}

// Describe sends nothing: what is collected may be missing.
func (a *app) Describe(chan<- *prometheus.Desc) {}

// Collect asks for each gauge, and leaves out what cannot be told.
func (a *app) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, g := range a.gauges() {
		value, err := g.value(ctx)
		if err != nil {
			a.logger.WarnContext(ctx, "metric not collected", "metric", g.name, "error", err)
			continue
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(g.name, g.help, nil, nil), prometheus.GaugeValue, value)
	}
}

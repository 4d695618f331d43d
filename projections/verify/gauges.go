package verify

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// A gauge is asked for when somebody looks.
type gauge struct {
	name, help string
	label      string // "" for a gauge of one number, whose key is ""
	values     func(ctx context.Context) (map[string]float64, error)
}

// Gauges measure what waits in the books, and for how long: what an operator is to be
// woken for. They are a prometheus.Collector. All fields are needed.
type Gauges struct {
	DB     *sql.DB // the primary
	Now    func() time.Time
	Logger *slog.Logger
}

// overdue counts the payments whose outcome, or one of whose refunds, is open since before a
// moment, and that nobody was told about.
const overdue = `SELECT COUNT(*) FROM (
SELECT p.id FROM payments p JOIN attempts a ON a.id = p.attempt_id
WHERE p.status IN ` + unresolved + ` AND COALESCE(a.unresolved_since, p.updated_at) < ?
UNION SELECT r.payment_id FROM refunds r WHERE r.open_attempt_id IS NOT NULL AND r.requested_at < ?
) late WHERE NOT ` + lateHasCase

// counts tell how much waits.
func (g *Gauges) counts() []gauge {
	return []gauge{
		{
			"payment_system_unresolved_payments", "Payments whose outcome a gateway has not told.", "",
			g.count(`SELECT COUNT(*) FROM payments WHERE status IN ` + unresolved),
		},
		{
			"payment_system_overdue_payments",
			"Payments whose outcome, or refund, has been open for over 15 minutes without a case: 0, or the resolver does not work.", "", g.countOverdue,
		},
		{
			"payment_system_open_cases", "Discrepancies that wait for a person.", "",
			g.count(`SELECT COUNT(*) FROM discrepancies WHERE status = 'OPEN'`),
		},
		{
			"payment_system_unpublished_events", "Events that the read models do not show yet.", "",
			g.count(`SELECT COUNT(*) FROM events WHERE published_at IS NULL`),
		},
		{
			"payment_system_waiting_webhooks", "Webhooks that were not acted on yet.", "",
			g.count(`SELECT COUNT(*) FROM webhook_inbox WHERE next_try_at IS NOT NULL`),
		},
		{
			"payment_system_waiting_webhook_tries", "How often the waiting webhook that was tried most has been.", "",
			g.count(`SELECT COALESCE(MAX(tries), 0) FROM webhook_inbox WHERE next_try_at IS NOT NULL`),
		},
	}
}

// ages tell for how long the oldest of what waits has waited; 0 when nothing does.
func (g *Gauges) ages() []gauge {
	return []gauge{
		{
			"payment_system_oldest_unresolved_payment_seconds",
			"For how long the oldest unresolved payment of each gateway has been so.", "pg", g.unresolvedAges,
		},
		{
			"payment_system_oldest_open_refund_seconds", "For how long the oldest refund has been under way.", "",
			g.age(`SELECT MIN(requested_at) FROM refunds WHERE open_attempt_id IS NOT NULL`),
		},
		{
			"payment_system_oldest_open_case_seconds", "For how long the oldest case has waited for a person.", "",
			g.age(`SELECT MIN(created_at) FROM discrepancies WHERE status = 'OPEN'`),
		},
		// Of each shard the first is the oldest, within a transaction's length: no backlog is read to its end.
		{
			"payment_system_oldest_unpublished_event_seconds", "For how long the oldest event has waited for the read models.",
			"", g.age(`
SELECT MIN(e.at) FROM (SELECT MIN(id) AS id FROM events WHERE published_at IS NULL GROUP BY shard) first
JOIN events e ON e.id = first.id`),
		},
		{
			"payment_system_oldest_waiting_webhook_seconds", "For how long the oldest webhook has waited.", "",
			g.age(`SELECT MIN(received_at) FROM webhook_inbox WHERE next_try_at IS NOT NULL`),
		},
	}
}

func (g *Gauges) count(query string, args ...any) func(context.Context) (map[string]float64, error) {
	return func(ctx context.Context) (map[string]float64, error) {
		var n float64
		err := g.DB.QueryRowContext(ctx, query, args...).Scan(&n)
		return map[string]float64{"": n}, err
	}
}

func (g *Gauges) countOverdue(ctx context.Context) (map[string]float64, error) {
	before := g.Now().UTC().Add(-resolveWithin)
	return g.count(overdue, before, before)(ctx)
}

func (g *Gauges) age(query string) func(context.Context) (map[string]float64, error) {
	return func(ctx context.Context) (map[string]float64, error) {
		var oldest sql.NullTime
		err := g.DB.QueryRowContext(ctx, query).Scan(&oldest)
		return map[string]float64{"": g.since(oldest)}, err
	}
}

// since is how many seconds ago something was, 0 for nothing.
func (g *Gauges) since(at sql.NullTime) float64 {
	if !at.Valid {
		return 0
	}
	return max(0, g.Now().Sub(at.Time).Seconds())
}

func (g *Gauges) unresolvedAges(ctx context.Context) (map[string]float64, error) {
	const query = `SELECT p.pg, MIN(COALESCE(a.unresolved_since, p.updated_at)) FROM payments p
		JOIN attempts a ON a.id = p.attempt_id
WHERE p.status IN ` + unresolved + ` GROUP BY p.pg`
	ages := map[string]float64{string(shop.PGKakao): 0, string(shop.PGToss): 0}
	_, err := mysqldb.Collect(ctx, g.DB, func(rows *sql.Rows) (_ struct{}, err error) {
		var gateway string
		var oldest sql.NullTime
		err = rows.Scan(&gateway, &oldest)
		ages[gateway] = g.since(oldest)
		return struct{}{}, err
	}, query)
	return ages, err
}

// Describe sends nothing: what is collected may be missing.
func (g *Gauges) Describe(chan<- *prometheus.Desc) {}

// Collect asks for each gauge, and leaves out what cannot be told.
func (g *Gauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, one := range slices.Concat(g.counts(), g.ages()) {
		values, err := one.values(ctx)
		if err != nil {
			g.Logger.WarnContext(ctx, "metric not collected", "metric", one.name, "error", err)
			continue
		}
		one.send(out, values)
	}
}

func (g gauge) send(out chan<- prometheus.Metric, values map[string]float64) {
	if g.label == "" {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(g.name, g.help, nil, nil), prometheus.GaugeValue, values[""])
		return
	}
	desc := prometheus.NewDesc(g.name, g.help, []string{g.label}, nil)
	for value, n := range values {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, n, value)
	}
}

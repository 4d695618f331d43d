package main

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"payment-system/command"
	"payment-system/internal/shoptest"
	"payment-system/pg"
	"payment-system/pg/pgtest"
	"payment-system/projections/verify"
	"payment-system/shop"
)

// A meteredApp is an app without a port, before fake gateways, whose clock the test sets and whose
// metrics it reads.
type meteredApp struct {
	*app
	t           *testing.T
	shop        *shoptest.Shop
	kakao, toss *pgtest.Fake
	product     shop.Product
}

func openMeteredApp(t *testing.T) *meteredApp {
	t.Helper()
	m := &meteredApp{t: t, kakao: pgtest.NewFake(shop.PGKakao), toss: pgtest.NewFake(shop.PGToss)}
	s := shoptest.Open(t, shoptest.Options{Gateways: map[shop.PG]pg.Gateway{shop.PGKakao: m.kakao, shop.PGToss: m.toss}})
	m.shop, m.product = s, s.Sell(t, 30_000, 100)
	m.app = &app{
		world: &world{now: s.Clock.Now, newID: shoptest.NewID, random: shoptest.Random}, logger: s.Logger, db: s.DB,
		redis: s.Redis, registry: prometheus.NewRegistry(), projector: s.Projector, commands: s.Commands,
	}
	m.registry.MustRegister(m.redisGauge(), &verify.Gauges{DB: m.db, Now: m.world.now, Logger: m.logger})
	return m
}

func (m *meteredApp) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *meteredApp) exec(statement string, args ...any) {
	m.t.Helper()
	shoptest.Exec(m.t, m.db, statement, args...)
}

func (m *meteredApp) advance(d time.Duration) { m.shop.Clock.Advance(d) }

// metrics are as gathered when what was done is shown.
func (m *meteredApp) metrics() map[string]int {
	m.t.Helper()
	m.shop.Published(m.t)
	return m.gathered()
}

// gathered are the metrics that are not 0, by name and label, ages in minutes, at
// least one.
func (m *meteredApp) gathered() map[string]int {
	m.t.Helper()
	families, err := m.registry.Gather()
	m.must(err)
	found := map[string]int{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				name += " " + label.GetValue()
			}
			n := int(metric.GetGauge().GetValue())
			if strings.HasSuffix(family.GetName(), "_seconds") && n > 0 {
				n = max(1, n/60)
			}
			found[name] = n
		}
	}
	maps.DeleteFunc(found, func(name string, n int) bool { return n == 0 || name == "payment_system_redis_up" })
	return found
}

func (m *meteredApp) want(when string, want map[string]int) {
	m.t.Helper()
	if diff := cmp.Diff(want, m.metrics()); diff != "" {
		m.t.Errorf("%s, metrics differ (-want +got):\n%s", when, diff)
	}
}

// ready has a shopper come back from the gateway.
func (m *meteredApp) ready(gateway shop.PG, fake *pgtest.Fake) command.ApprovePayment {
	m.t.Helper()
	p := m.shop.Ready(m.t, m.shop.Order(m.t, m.product.ID, 1).ID, gateway)
	token := fake.Pay(*p.PaymentKey)
	approve := command.ApprovePayment{By: shoptest.Shopper, PaymentID: p.ID}
	if gateway == shop.PGKakao {
		approve.PgToken = &token
	} else {
		approve.PaymentKey, approve.Amount = p.PaymentKey, &p.Amount
	}
	return approve
}

// resolve runs the resolver until it finds nothing to do at this moment.
func (m *meteredApp) resolve() {
	m.t.Helper()
	for {
		claimed, err := m.commands.ResolvePayments(m.t.Context())
		m.must(err)
		if claimed == 0 {
			return
		}
	}
}

// Proves: whatever waits is seen to age, and to be done with.
func TestMetrics_ages(t *testing.T) {
	t.Parallel()

	t.Run("payments that gateways are silent about, until a person is told and the gateway speaks", func(t *testing.T) {
		t.Parallel()
		m := openMeteredApp(t)
		m.want("at rest", map[string]int{})
		m.toss.Lose("approve", 0)
		m.kakao.Lose("approve", 0)
		for _, fake := range []*pgtest.Fake{m.kakao, m.toss} {
			fake.Fail("lookup", pg.OutcomeUnknown, 0)
		}
		_, err := m.commands.ApprovePayment(t.Context(), m.ready(shop.PGToss, m.toss))
		shoptest.WantCode(t, err, shop.InProgress)
		m.advance(5 * time.Minute)
		_, err = m.commands.ApprovePayment(t.Context(), m.ready(shop.PGKakao, m.kakao))
		shoptest.WantCode(t, err, shop.InProgress)
		m.advance(2 * time.Minute)
		const kakao, toss = "payment_system_oldest_unresolved_payment_seconds KAKAO", "payment_system_oldest_unresolved_payment_seconds TOSS"
		m.want("after 7 and 2 minutes", map[string]int{"payment_system_unresolved_payments": 2, toss: 7, kakao: 2})

		m.advance(10 * time.Minute)
		m.want("after 17 and 12 minutes without a resolver", map[string]int{
			"payment_system_unresolved_payments": 2, toss: 17, kakao: 12, "payment_system_overdue_payments": 1,
		})
		m.resolve()
		m.advance(2 * time.Second)
		m.want("when the resolver has told somebody", map[string]int{
			"payment_system_unresolved_payments": 2, toss: 17, kakao: 12, "payment_system_open_cases": 1, "payment_system_oldest_open_case_seconds": 1,
		})
		m.advance(2 * time.Minute)
		m.resolve()
		if got := m.metrics()["payment_system_oldest_open_case_seconds"]; got != 2 {
			t.Errorf("the case is %d minutes old, want 2", got)
		}

		m.toss.Heal()
		m.kakao.Heal()
		m.advance(10 * time.Minute)
		m.resolve()
		found := m.metrics()
		for _, name := range []string{"payment_system_unresolved_payments", "payment_system_overdue_payments", toss, kakao} {
			if found[name] != 0 {
				t.Errorf("%s is %d when both gateways have spoken", name, found[name])
			}
		}
		m.exec(`UPDATE discrepancies SET status = 'RESOLVED'`)
		m.want("when the case is closed", map[string]int{})
	})

	t.Run("a refund under way", func(t *testing.T) {
		t.Parallel()
		m := openMeteredApp(t)
		approved, err := m.commands.ApprovePayment(t.Context(), m.ready(shop.PGKakao, m.kakao))
		m.must(err)
		m.kakao.Lose("cancel", 1)
		m.kakao.Fail("lookup", pg.OutcomeUnknown, 0)
		_, err = m.commands.CancelPayment(t.Context(), command.CancelPayment{By: shoptest.Shopper, IdempotencyKey: "c", PaymentID: approved.Payment.ID, Reason: "변심"})
		shoptest.WantCode(t, err, shop.InProgress)
		m.advance(3 * time.Minute)
		m.want("after 3 minutes", map[string]int{
			"payment_system_unresolved_payments": 1, "payment_system_oldest_open_refund_seconds": 3, "payment_system_oldest_unresolved_payment_seconds KAKAO": 3,
		})
		m.kakao.Heal()
		m.resolve()
		m.want("when the gateway has spoken", map[string]int{})
	})

	t.Run("events that are not shown, the oldest of all shards", func(t *testing.T) {
		t.Parallel()
		m := openMeteredApp(t)
		m.ready(shop.PGKakao, m.kakao)
		m.advance(4 * time.Minute)
		m.ready(shop.PGKakao, m.kakao)
		m.exec(`UPDATE events SET published_at = NULL`)
		m.advance(3 * time.Minute)
		found := m.gathered()
		if found["payment_system_oldest_unpublished_event_seconds"] != 7 || found["payment_system_unpublished_events"] < 5 {
			t.Errorf("metrics are %v", found)
		}
		m.projector.Project(t.Context(), shoptest.Column(t, m.db, `SELECT DISTINCT aggregate_id FROM events`)...)
		m.want("when they are shown", map[string]int{})
	})

	t.Run("webhooks that were not acted on, and how often in vain", func(t *testing.T) {
		t.Parallel()
		m := openMeteredApp(t)
		const insert = `INSERT INTO webhook_inbox (pg, dedup_key, event_type, attempt_ref, payment_key, secret, body, received_at, tries, next_try_at) VALUES ('TOSS', ?, 'PAYMENT_STATUS_CHANGED', '', 'nobody', '', '{}', ?, ?, ?)`
		now := m.world.now().UTC()
		m.exec(insert, "a", now.Add(-6*time.Minute), 9, now.Add(-time.Second))
		m.exec(insert, "b", now.Add(-time.Minute), 2, now.Add(-time.Second))
		m.want("after 6 minutes", map[string]int{
			"payment_system_waiting_webhooks": 2, "payment_system_oldest_waiting_webhook_seconds": 6, "payment_system_waiting_webhook_tries": 9,
		})
		handled, err := m.commands.HandleWebhooks(t.Context())
		if m.must(err); handled != 2 {
			t.Errorf("%d webhooks handled, want 2", handled)
		}
		m.want("when they are handled", map[string]int{})
	})
}

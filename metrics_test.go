package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"payment-system/command"
	"payment-system/internal/mysqltest"
	"payment-system/internal/redistest"
	"payment-system/internal/testclock"
	"payment-system/pg"
	"payment-system/pg/pgtest"
	"payment-system/projections"
	"payment-system/projections/verify"
	"payment-system/shop"
)

// A watchtower is an app without a port, before fake gateways, whose clock the test sets and whose
// metrics it reads.
type watchtower struct {
	*app
	t           *testing.T
	ahead       atomic.Int64
	kakao, toss *pgtest.Fake
	shopper     shop.Caller
	product     shop.Product
}

func openWatchtower(t *testing.T) *watchtower {
	t.Helper()
	w := &watchtower{t: t, kakao: pgtest.NewFake(shop.PGKakao), toss: pgtest.NewFake(shop.PGToss), shopper: shop.Caller{UserID: "usr_a", Actor: shop.ActorShopper}}
	quiet := slog.New(slog.DiscardHandler)
	w.app = &app{
		world: &world{
			now:    func() time.Time { return testclock.Now().Add(time.Duration(w.ahead.Load())) },
			newID:  func(prefix string) string { return shop.FormatID(prefix, uuid.Must(uuid.NewV7())) },
			random: func(p []byte) { _, _ = rand.Read(p) },
		},
		logger: quiet, db: mysqltest.New(t), redis: redistest.New(t), registry: prometheus.NewRegistry(),
	}
	w.registry.MustRegister(w.redisGauge(), &verify.Gauges{DB: w.db, Now: w.world.now, Logger: quiet})
	w.projector = &projections.Projector{DB: w.db, Redis: w.redis, Logger: quiet, Now: w.world.now, Replica: "tower"}
	t.Cleanup(w.projector.Close)
	w.commands = &command.Handler{
		DB: w.db, Locks: command.NoLocks{}, Gateways: map[shop.PG]pg.Gateway{shop.PGKakao: w.kakao, shop.PGToss: w.toss},
		Projector: w.projector, Redis: w.redis, Now: w.world.now, NewID: w.world.newID, Random: w.world.random, Logger: quiet,
		PublicURL: "http://localhost", OrderHold: 24 * time.Hour, PGTimeout: time.Second, Replica: "tower",
	}
	t.Cleanup(func() { _ = w.commands.Drain(context.Background()) })
	created, err := w.commands.CreateProduct(t.Context(), command.CreateProduct{IdempotencyKey: "p", Name: "차", Price: 30_000, Stock: 100})
	w.must(err)
	w.product = created.Product
	return w
}

func (w *watchtower) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *watchtower) exec(query string, args ...any) {
	w.t.Helper()
	_, err := w.db.ExecContext(w.t.Context(), query, args...)
	w.must(err)
}

func (w *watchtower) advance(d time.Duration) { w.ahead.Add(int64(d)) }

// metrics are those that are not 0, by name and label, ages in minutes, at
// least one.
func (w *watchtower) metrics() map[string]int {
	w.t.Helper()
	families, err := w.registry.Gather()
	w.must(err)
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

func (w *watchtower) want(when string, want map[string]int) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.metrics()); diff != "" {
		w.t.Errorf("%s, metrics differ (-want +got):\n%s", when, diff)
	}
}

// ready has a shopper come back from the gateway.
func (w *watchtower) ready(gateway shop.PG, fake *pgtest.Fake) command.ApprovePayment {
	w.t.Helper()
	placed, err := w.commands.PlaceOrder(w.t.Context(), command.PlaceOrder{By: w.shopper, IdempotencyKey: rand.Text(), Lines: []command.PlaceOrderLine{{ProductID: w.product.ID, Quantity: 1}}})
	w.must(err)
	readied, err := w.commands.ReadyPayment(w.t.Context(), command.ReadyPayment{By: w.shopper, IdempotencyKey: rand.Text(), OrderID: placed.Order.ID, PG: gateway})
	w.must(err)
	p := readied.Payment
	token := fake.Pay(*p.PaymentKey)
	approve := command.ApprovePayment{By: w.shopper, PaymentID: p.ID}
	if gateway == shop.PGKakao {
		approve.PgToken = &token
	} else {
		approve.PaymentKey, approve.Amount = p.PaymentKey, &p.Amount
	}
	return approve
}

// resolve runs the resolver until it finds nothing to do at this moment.
func (w *watchtower) resolve() {
	w.t.Helper()
	for {
		claimed, err := w.commands.ResolvePayments(w.t.Context())
		w.must(err)
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
		w := openWatchtower(t)
		w.want("at rest", map[string]int{})
		w.toss.Lose("approve", 0)
		w.kakao.Lose("approve", 0)
		for _, fake := range []*pgtest.Fake{w.kakao, w.toss} {
			fake.Fail("lookup", pg.OutcomeUnknown, 0)
		}
		_, err := w.commands.ApprovePayment(t.Context(), w.ready(shop.PGToss, w.toss))
		wantCode(t, err, shop.InProgress)
		w.advance(5 * time.Minute)
		_, err = w.commands.ApprovePayment(t.Context(), w.ready(shop.PGKakao, w.kakao))
		wantCode(t, err, shop.InProgress)
		w.advance(2 * time.Minute)
		const kakao, toss = "payment_system_oldest_unresolved_payment_seconds KAKAO", "payment_system_oldest_unresolved_payment_seconds TOSS"
		w.want("after 7 and 2 minutes", map[string]int{"payment_system_unresolved_payments": 2, toss: 7, kakao: 2})

		w.advance(10 * time.Minute)
		w.want("after 17 and 12 minutes without a resolver", map[string]int{
			"payment_system_unresolved_payments": 2, toss: 17, kakao: 12, "payment_system_overdue_payments": 1,
		})
		w.resolve()
		w.advance(2 * time.Second)
		w.want("when the resolver has told somebody", map[string]int{
			"payment_system_unresolved_payments": 2, toss: 17, kakao: 12, "payment_system_open_cases": 1, "payment_system_oldest_open_case_seconds": 1,
		})
		w.advance(2 * time.Minute)
		w.resolve()
		if got := w.metrics()["payment_system_oldest_open_case_seconds"]; got != 2 {
			t.Errorf("the case is %d minutes old, want 2", got)
		}

		w.toss.Heal()
		w.kakao.Heal()
		w.advance(10 * time.Minute)
		w.resolve()
		found := w.metrics()
		for _, name := range []string{"payment_system_unresolved_payments", "payment_system_overdue_payments", toss, kakao} {
			if found[name] != 0 {
				t.Errorf("%s is %d when both gateways have spoken", name, found[name])
			}
		}
		w.exec(`UPDATE discrepancies SET status = 'RESOLVED'`)
		w.want("when the case is closed", map[string]int{})
	})

	t.Run("a refund under way", func(t *testing.T) {
		t.Parallel()
		w := openWatchtower(t)
		approved, err := w.commands.ApprovePayment(t.Context(), w.ready(shop.PGKakao, w.kakao))
		w.must(err)
		w.kakao.Lose("cancel", 1)
		w.kakao.Fail("lookup", pg.OutcomeUnknown, 0)
		_, err = w.commands.CancelPayment(t.Context(), command.CancelPayment{By: w.shopper, IdempotencyKey: "c", PaymentID: approved.Payment.ID, Reason: "변심"})
		wantCode(t, err, shop.InProgress)
		w.advance(3 * time.Minute)
		w.want("after 3 minutes", map[string]int{
			"payment_system_unresolved_payments": 1, "payment_system_oldest_open_refund_seconds": 3, "payment_system_oldest_unresolved_payment_seconds KAKAO": 3,
		})
		w.kakao.Heal()
		w.resolve()
		w.want("when the gateway has spoken", map[string]int{})
	})

	t.Run("events that are not shown, the oldest of all shards", func(t *testing.T) {
		t.Parallel()
		w := openWatchtower(t)
		w.ready(shop.PGKakao, w.kakao)
		w.advance(4 * time.Minute)
		w.ready(shop.PGKakao, w.kakao)
		w.exec(`UPDATE events SET published_at = NULL`)
		w.advance(3 * time.Minute)
		found := w.metrics()
		if found["payment_system_oldest_unpublished_event_seconds"] != 7 || found["payment_system_unpublished_events"] < 5 {
			t.Errorf("metrics are %v", found)
		}
		var ids []string
		rows, err := w.db.QueryContext(t.Context(), `SELECT DISTINCT aggregate_id FROM events`)
		w.must(err)
		defer rows.Close()
		for rows.Next() {
			var id string
			w.must(rows.Scan(&id))
			ids = append(ids, id)
		}
		w.must(rows.Err())
		w.projector.Project(t.Context(), slices.Clone(ids)...)
		w.want("when they are shown", map[string]int{})
	})

	t.Run("webhooks that were not acted on, and how often in vain", func(t *testing.T) {
		t.Parallel()
		w := openWatchtower(t)
		const insert = `INSERT INTO webhook_inbox (pg, dedup_key, event_type, attempt_ref, payment_key, secret, body, received_at, tries, next_try_at) VALUES ('TOSS', ?, 'PAYMENT_STATUS_CHANGED', '', 'nobody', '', '{}', ?, ?, ?)`
		now := w.world.now().UTC()
		w.exec(insert, "a", now.Add(-6*time.Minute), 9, now.Add(-time.Second))
		w.exec(insert, "b", now.Add(-time.Minute), 2, now.Add(-time.Second))
		w.want("after 6 minutes", map[string]int{
			"payment_system_waiting_webhooks": 2, "payment_system_oldest_waiting_webhook_seconds": 6, "payment_system_waiting_webhook_tries": 9,
		})
		handled, err := w.commands.HandleWebhooks(t.Context())
		if w.must(err); handled != 2 {
			t.Errorf("%d webhooks handled, want 2", handled)
		}
		w.want("when they are handled", map[string]int{})
	})
}

func wantCode(t *testing.T, err error, want shop.Code) {
	t.Helper()
	if got := shop.CodeOf(err); got != want {
		t.Fatalf("error %v, want %v", err, want)
	}
}

package command_test

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"payment-system/command"
	"payment-system/internal/shoptest"
	"payment-system/shop"
)

// statusChange is what Toss sends when a payment's status changed, or what
// somebody sends who pretends to be Toss.
func statusChange(paymentKey, orderID, status, transaction string) []byte {
	return fmt.Appendf(nil, `{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-02T14:46:59.65327","data":{"paymentKey":%q,"orderId":%q,"status":%q,"lastTransactionKey":%q}}`,
		paymentKey, orderID, status, transaction)
}

func (s *till) receive(body []byte) {
	s.t.Helper()
	s.must(s.ReceiveWebhook(s.ctx, command.ReceiveWebhook{Body: body}))
}

func (c *counter) lookUps(p shop.Payment) int {
	return c.sim(p.PG).Ledger(*p.PaymentKey).Calls["lookup"]
}

// lost returns a payment that the gateway approved, and whose books do not know.
func (c *counter) lost() shop.Payment {
	c.t.Helper()
	payment := c.ready(c.order(1), shop.PGToss)
	c.deafen()
	c.sim(shop.PGToss).SetFault("approve", "hang_after", 0)
	_, err := c.ApprovePayment(c.ctx, c.authenticate(payment))
	c.wantCode(err, shop.InProgress)
	c.sim(shop.PGToss).Heal()
	c.wantStatus(payment, shop.OrderStatusPlaced, shop.PaymentStatusUnknown)
	return payment
}

// TestHandler_webhookWakes has no schedule: what a webhook names is resolved in
// the background by the handler that received it.
func TestHandler_webhookWakes(t *testing.T) {
	t.Parallel()
	t.Run("the attempt is resolved at once, without any schedule", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 1)
		payment := c.lost()
		began := time.Now()
		c.receive(statusChange(*payment.PaymentKey, string(payment.AttemptID), "DONE", "t"))
		eventually(t, "the payment is approved", func() bool { return c.state(payment).Payment == shop.PaymentStatusApproved })
		t.Logf("approved %s after the webhook", time.Since(began)) // for ever without it
		c.must(c.Drain(c.ctx))
		c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
		c.wantLedger(payment, 1, 11_000)
	})
	t.Run("an attempt that another replica looks up is left to it", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 1)
		payment := c.lost()
		_, err := c.db.ExecContext(c.ctx, `UPDATE attempts SET lease_owner = 'two', lease_until = ? WHERE id = ?`, c.clock.Now().Add(time.Minute), payment.AttemptID)
		c.must(err)
		before := c.lookUps(payment)
		c.receive(statusChange(*payment.PaymentKey, string(payment.AttemptID), "DONE", "t"))
		c.must(c.Drain(c.ctx))
		if n := c.lookUps(payment) - before; n != 0 {
			t.Errorf("the gateway was asked %d times", n)
		}
		c.clock.Advance(2 * time.Minute)
		c.settle()
		c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
	})
	t.Run("a flood of lies about one payment asks its gateway no more than four times a second", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 1)
		payment := c.ready(c.order(1), shop.PGToss)
		began := time.Now()
		var flood sync.WaitGroup
		for i := range 8 {
			flood.Go(func() {
				for j := range 40 {
					c.receive(statusChange(*payment.PaymentKey, "x", "DONE", fmt.Sprint(i, j)))
				}
			})
		}
		flood.Wait()
		c.must(c.Drain(c.ctx))
		most := 2 + int(time.Since(began)/(250*time.Millisecond))
		if n := c.lookUps(payment); n < 1 || n > most {
			t.Errorf("the gateway was asked %d times in %s, want 1 to %d", n, time.Since(began), most)
		}
		c.wantStatus(payment, shop.OrderStatusPlaced, shop.PaymentStatusReady)
		var waiting int
		c.must(c.db.QueryRowContext(c.ctx, `SELECT COUNT(*) FROM webhook_inbox WHERE next_try_at IS NOT NULL`).Scan(&waiting))
		if waiting != 0 {
			t.Errorf("%d webhooks wait", waiting)
		}
	})
	t.Run("keys and secrets that are nobody's wake nobody", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 1)
		c.deafen() // to the account's own
		payment := c.issue()
		before := c.lookUps(payment)
		c.receive(statusChange("nobody's", string(payment.AttemptID), "DONE", ""))
		c.receive(fmt.Appendf(nil, `{"orderId":%q,"status":"DONE","secret":"ps_wrong"}`, payment.AttemptID))
		c.receive(fmt.Appendf(nil, `{"orderId":%q,"status":"DONE"}`, payment.AttemptID))
		c.must(c.Drain(c.ctx))
		if n := c.lookUps(payment) - before; n != 0 {
			t.Errorf("the gateway was asked %d times", n)
		}
	})
	t.Run("however many come, no connection to the database is lost", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 1)
		for i := range 100 {
			c.receive(fmt.Appendf(nil, `{"orderId":"att_%d","status":"DONE","secret":"ps"}`, i))
			c.receive(statusChange(fmt.Sprint(i), "", "DONE", ""))
		}
		c.must(c.Drain(c.ctx))
		if n := c.db.Stats().InUse; n != 0 {
			t.Errorf("%d connections are still in use", n)
		}
	})
	t.Run("the same webhook again wakes nobody", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 1)
		payment := c.ready(c.order(1), shop.PGToss)
		for range 3 {
			c.receive(statusChange(*payment.PaymentKey, string(payment.AttemptID), "IN_PROGRESS", ""))
			c.must(c.Drain(c.ctx))
		}
		if n := c.lookUps(payment); n != 1 {
			t.Errorf("the gateway was asked %d times", n)
		}
	})
}

// TestHandler_webhookThatFails holds the row that a webhook is about for longer
// than the handling may take: it is logged, and tried again by the schedule.
func TestHandler_webhookThatFails(t *testing.T) {
	t.Parallel()
	c := openCounter(t, 1)
	payment := c.lost()
	log := &shoptest.Log{}
	c.Logger = slog.New(slog.NewTextHandler(log, nil))
	_, err := c.db.ExecContext(c.ctx, `RENAME TABLE attempts TO attempts_away`)
	c.must(err)
	c.receive(statusChange(*payment.PaymentKey, string(payment.AttemptID), "DONE", "t"))
	c.must(c.Drain(c.ctx))
	_, err = c.db.ExecContext(c.ctx, `RENAME TABLE attempts_away TO attempts`)
	c.must(err)
	if !strings.Contains(log.String(), "webhook not handled") {
		t.Errorf("the log says only %q", log)
	}
	var tries int
	c.must(c.db.QueryRowContext(c.ctx, `SELECT tries FROM webhook_inbox WHERE next_try_at IS NOT NULL AND handled_at IS NULL`).Scan(&tries))
	if tries != 1 {
		t.Errorf("%d tries", tries)
	}
	c.clock.Advance(10 * time.Second)
	c.settle()
	c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
	c.wantLedger(payment, 1, 11_000)
}

// TestHandler_HandleWebhooks_forgets has two replicas forget what was handled
// long ago, and nothing else: who still waits, however old, and who may yet come
// again are kept.
func TestHandler_HandleWebhooks_forgets(t *testing.T) {
	t.Parallel()
	c := openCounter(t, 1)
	const each = 1_100 // more than are forgotten at once
	now := c.clock.Now()
	add := func(name string, n int, received time.Time, handled, next any) {
		t.Helper()
		_, err := c.db.ExecContext(c.ctx, `INSERT INTO webhook_inbox (pg, dedup_key, event_type, attempt_ref, payment_key, secret, body, received_at, handled_at, next_try_at)
SELECT 'TOSS', CONCAT(?, seq), 'PAYMENT_STATUS_CHANGED', '', ?, '', '', ?, ?, ? FROM seq_1_to_`+fmt.Sprint(n), name, name, received, handled, next)
		c.must(err)
	}
	left := func() string {
		t.Helper()
		var names string
		c.must(c.db.QueryRowContext(c.ctx, `SELECT COALESCE(GROUP_CONCAT(DISTINCT payment_key ORDER BY payment_key), '') FROM webhook_inbox`).Scan(&names))
		return names
	}
	long, lately := now.Add(-14*24*time.Hour-time.Minute), now.Add(-14*24*time.Hour+time.Hour)
	add("a waits", 2, long, nil, now.Add(24*time.Hour))
	add("b long ago", each, long, long, nil)
	add("c late to be handled", 1, long, lately, nil)
	add("d lately", each, lately, lately, nil)
	handle := func() {
		t.Helper()
		_, err := c.HandleWebhooks(c.ctx)
		c.must(err)
	}
	handle()
	var gone int
	c.must(c.db.QueryRowContext(c.ctx, `SELECT ? - COUNT(*) FROM webhook_inbox WHERE payment_key = 'b long ago'`, each).Scan(&gone))
	if gone != 1_000 {
		t.Errorf("%d are forgotten at once, want 1000", gone)
	}
	handle() // too soon to look again
	if got, want := left(), "a waits,b long ago,c late to be handled,d lately"; got != want {
		t.Errorf("left are %q, want %q", got, want)
	}
	c.clock.Advance(10 * time.Second)
	var replicas sync.WaitGroup
	for range 2 {
		replicas.Go(handle)
	}
	replicas.Wait()
	if got, want := left(), "a waits,c late to be handled,d lately"; got != want {
		t.Errorf("left are %q, want %q", got, want)
	}
	_, err := c.db.ExecContext(c.ctx, `DELETE FROM webhook_inbox WHERE payment_key = 'a waits'`) // verify wants none that old
	c.must(err)
}

// FuzzHandler_ReceiveWebhook feeds the inbox anything: it is stored once or
// refused as no webhook, acting on it ends, and no payment moves by it.
func FuzzHandler_ReceiveWebhook(f *testing.F) {
	open := openShopfloor(f)
	for _, seed := range webhookSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s := &shopfloor{Handler: open.Handler, t: t, log: open.log}
		before := s.count("SELECT COUNT(*) FROM webhook_inbox")
		for range 2 {
			err := s.ReceiveWebhook(ctx, command.ReceiveWebhook{Body: body, RemoteIP: anybody()})
			if code := shop.CodeOf(err); code != "" && code != shop.Invalid {
				t.Fatalf("received with %v", err)
			}
		}
		if more := s.count("SELECT COUNT(*) FROM webhook_inbox") - before; more > 1 {
			t.Errorf("stored %d times", more)
		}
		if _, err := s.HandleWebhooks(ctx); err != nil {
			t.Errorf("handled with %v", err)
		}
		if err := s.Drain(ctx); err != nil {
			t.Error(err)
		}
		if n := s.count("SELECT COUNT(*) FROM webhook_inbox WHERE next_try_at IS NOT NULL"); n != 0 {
			t.Errorf("%d webhooks wait: %s", n, s.log)
		}
		if n := s.count("SELECT COUNT(*) FROM events"); n != 0 {
			t.Errorf("%d things happened", n)
		}
	})
}

// anybody is an address that nobody has sent from.
func anybody() string {
	var half [8]byte
	_, _ = crand.Read(half[:])
	return netip.AddrFrom16([16]byte(append(half[:], make([]byte, 8)...))).String()
}

var webhookSeeds = []string{
	string(statusChange("toss_1", "att_1", "DONE", "t1")),
	`{"createdAt":"2026-01-02T14:46:59.000000","secret":"ps_1","status":"DONE","transactionKey":"t","orderId":"att_1"}`,
	`{"eventType":"PAYMENT_STATUS_CHANGED","data":null}`, `{"eventType":"X","data":{}}`, `{"eventType":1}`, `{"data":{"paymentKey":[]}}`,
	``, `null`, `[]`, `{`, `"x"`, `{"eventType":"` + strings.Repeat("x", 61) + `"}`, `{"eventType":"결제","orderId":"주문","secret":"\u0000"}`,
	`{"eventType":"X","eventType":"Y","data":{"paymentKey":"\ud800"}}`, "\xff\xfe{}", strings.Repeat(`{"data":`, 9_000),
	`{"eventType":"X","secret":"` + string(bytes.Repeat([]byte("é"), 60)) + `"}`, string(bytes.Repeat([]byte(" "), command.MaxWebhook+1)),
}

package pgsim_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"payment-system/pg/pgsim"
)

// shopServer is a merchant that hears webhooks.
type shopServer struct {
	mu     sync.Mutex
	heard  []heard
	refuse int // how many to answer 500
	url    string
}

type heard struct {
	header http.Header
	body   []byte
	doc    doc
}

func (m *shopServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard = append(m.heard, heard{header: r.Header, body: body})
	if m.refuse > 0 {
		m.refuse--
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (m *shopServer) all() []heard {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]heard{}, m.heard...)
}

// await waits for n webhooks and returns them read.
func (m *shopServer) await(t *testing.T, n int) []heard {
	t.Helper()
	eventually(t, "the webhooks come", func() bool { return len(m.all()) >= n })
	list := m.all()
	for i := range list {
		list[i].doc = reply{body: list[i].body}.doc(t)
	}
	return list
}

func startWithShop(t *testing.T) (*sim, *shopServer) {
	t.Helper()
	m := &shopServer{}
	web := httptest.NewServer(m)
	m.url = web.URL
	s := start(t, func(s *pgsim.Server) { s.TossWebhookURL = m.url })
	t.Cleanup(func() { s.server.Close(); web.Close() })
	return s, m
}

// status is what a webhook says of the payment.
func (h heard) status() string {
	if data, ok := h.doc["data"].(doc); ok {
		return data["status"].(string)
	}
	return "DEPOSIT_CALLBACK " + h.doc["status"].(string)
}

func statuses(list []heard) string {
	var names []string
	for _, h := range list {
		names = append(names, h.status())
	}
	return strings.Join(names, ", ")
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	t.Run("a status change has the keys and headers of a real one", func(t *testing.T) {
		t.Parallel()
		s, m := startWithShop(t)
		key, _ := s.tossPaid("pay_card", nil)
		got := m.await(t, 1)[0]
		expectShape(t, "toss/webhook_payment_status_changed.json", got.doc)
		if got.doc["eventType"] != "PAYMENT_STATUS_CHANGED" || got.doc["data"].(doc)["paymentKey"] != key {
			t.Errorf("%v", got.doc)
		}
		if at := got.doc["createdAt"].(string); strings.ContainsAny(at, "Z+") {
			t.Errorf("createdAt %s has a zone", at)
		}
		for name, want := range map[string]string{
			"tosspayments-webhook-transmission-retried-count": "0", "tosspayments-webhook-transmission-time": day(0) + "T12:00:00+09:00",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %q", name, got.header.Get(name))
			}
		}
		if !strings.HasPrefix(got.header.Get("tosspayments-webhook-transmission-id"), "whtrans_") || got.header.Get("tosspayments-webhook-signature") != "" {
			t.Errorf("headers %v", got.header)
		}
	})
	t.Run("a virtual account tells twice of each step, in order", func(t *testing.T) {
		t.Parallel()
		s, m := startWithShop(t)
		key, order := s.tossPaid("pay_virtual_account", nil)
		s.shop("TOSS", key, "deposit", nil)
		list := m.await(t, 4)
		want := "WAITING_FOR_DEPOSIT, DEPOSIT_CALLBACK WAITING_FOR_DEPOSIT, DONE, DEPOSIT_CALLBACK DONE"
		if got := statuses(list); got != want {
			t.Errorf("got %s", got)
		}
		last := list[3].doc
		expectShape(t, "toss/webhook_deposit_callback.json", last)
		d := s.toss("GET", "/payments/orders/"+order, nil).doc(t)
		if last["secret"] != d["secret"] || last["transactionKey"] != d["lastTransactionKey"] || last["orderId"] != order {
			t.Errorf("%v of %v", last, d)
		}
	})
	t.Run("every end of a payment is told", func(t *testing.T) {
		t.Parallel()
		s, m := startWithShop(t)
		key, order := s.tossReady()
		s.shop("TOSS", key, "pay_card", doc{"cardNumber": "4000000000000002"})
		s.tossConfirm(key, order, 110000)
		m.await(t, 1)
		s.tossReady()
		s.advance("31m")
		m.await(t, 2)
		key, _ = s.tossPaid("pay_money", nil)
		m.await(t, 3)
		s.must("POST", "/sim/refund", doc{"pg": "TOSS", "paymentKey": key, "amount": 1})
		m.await(t, 4)
		s.toss("POST", "/payments/"+key+"/cancel", doc{"cancelReason": "변심"})
		if got := statuses(m.await(t, 5)); got != "ABORTED, EXPIRED, DONE, PARTIAL_CANCELED, PARTIAL_CANCELED" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("it is sent again until the merchant answers 200, seven times at most", func(t *testing.T) {
		t.Parallel()
		s, m := startWithShop(t)
		m.refuse = 3
		s.tossPaid("pay_card", nil)
		list := m.await(t, 4)
		for i, h := range list {
			if got, want := h.header.Get("tosspayments-webhook-transmission-retried-count"), string(rune('0'+i)); got != want {
				t.Errorf("retried-count %s, want %s", got, want)
			}
			if h.header.Get("tosspayments-webhook-transmission-id") != list[0].header.Get("tosspayments-webhook-transmission-id") {
				t.Error("another id")
			}
		}
		s.server.Close()
		if got := len(m.all()); got != 4 {
			t.Errorf("%d deliveries", got)
		}
	})
	t.Run("duplicate sends it twice", func(t *testing.T) {
		t.Parallel()
		s, m := startWithShop(t)
		s.faults(doc{"pg": "TOSS", "call": "webhook", "fault": "duplicate", "times": 1})
		s.tossPaid("pay_card", nil)
		if got := statuses(m.await(t, 2)); got != "DONE, DONE" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("reorder lets the next overtake it", func(t *testing.T) {
		t.Parallel()
		s, m := startWithShop(t)
		s.faults(doc{"call": "webhook", "fault": "reorder", "times": 1, "delayMs": 60000})
		key, _ := s.tossPaid("pay_card", nil)
		s.toss("POST", "/payments/"+key+"/cancel", doc{"cancelReason": "변심"})
		if got := statuses(m.await(t, 2)); got != "CANCELED, DONE" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("reorder alone comes late", func(t *testing.T) {
		t.Parallel()
		s, m := startWithShop(t)
		s.faults(doc{"call": "webhook", "fault": "reorder", "delayMs": 20})
		s.tossPaid("pay_card", nil)
		m.await(t, 1)
	})
	t.Run("a lost one comes by retry, a falsified one lies", func(t *testing.T) {
		t.Parallel()
		s, m := startWithShop(t)
		s.faults(
			doc{"call": "webhook", "fault": "drop_before", "times": 2},
			doc{"call": "webhook", "fault": "wrong_amount", "times": 1},
		)
		s.tossPaid("pay_card", nil)
		first := m.await(t, 1)[0]
		if got := first.header.Get("tosspayments-webhook-transmission-retried-count"); got != "2" {
			t.Errorf("retried-count %s", got)
		}
		s.tossPaid("pay_card", nil)
		if got := number(t, m.await(t, 2)[1].doc["data"].(doc)["totalAmount"]); got != 110010 {
			t.Errorf("total %d", got)
		}
	})
	t.Run("closing ends deliveries at once", func(t *testing.T) {
		t.Parallel()
		s, m := startWithShop(t)
		m.refuse = 100
		s.tossPaid("pay_card", nil)
		m.await(t, 3)
		begin := time.Now()
		s.server.Close()
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
		s.server.Close() // again
	})
}

package graph_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"payment-system/graph"
	"payment-system/internal/shoptest"
	"payment-system/pg/pgtest"
	"payment-system/shop"
)

// A payable is a payment at Toss Payments that its shopper has agreed to at the
// gateway's page, and that nobody has approved.
type payable struct {
	payment, attempt, key string
	secret                string // of the address that the gateway was given
	amount                int
}

func (s *site) toss(t *testing.T) pgtest.Simulator {
	return pgtest.Simulator{T: t, URL: s.simulator, PG: shop.PGToss}
}

func (b *browser) payable(product string) payable {
	b.t.Helper()
	data := b.must(`mutation($input: ReadyPaymentInput!) { readyPayment(input: $input) { payment { id paymentKey } } }`,
		map[string]any{"input": map[string]any{"idempotencyKey": uuid.NewString(), "orderId": b.order(product), "pg": "TOSS", "returnUrl": "/orders"}})
	payment := dig(data, "readyPayment", "payment").(map[string]any)
	p := payable{payment: payment["id"].(string), key: payment["paymentKey"].(string)}
	if err := b.site.shop.DB.QueryRowContext(b.t.Context(), "SELECT attempt_id, amount FROM payments WHERE id = ?", p.payment).Scan(&p.attempt, &p.amount); err != nil {
		b.t.Fatal(err)
	}
	back, err := url.Parse(b.site.toss(b.t).Act(p.key, "pay_card"))
	if err != nil {
		b.t.Fatal(err)
	}
	p.secret = back.Query().Get("key")
	return p
}

// back is where the gateway sends the shopper's browser, with what somebody put
// in the place of what it says.
func (p payable) back(outcome string, change map[string]string) string {
	query := url.Values{"key": {p.secret}, "paymentKey": {p.key}, "orderId": {p.attempt}, "amount": {strconv.Itoa(p.amount)}}
	for name, value := range change {
		query.Set(name, value)
	}
	return "/payments/" + p.attempt + "/return/" + outcome + "?" + query.Encode()
}

// books are all that was recorded of a payment, and all that its gateway was
// asked about it.
func (s *site) books(t *testing.T, p payable) map[string]any {
	t.Helper()
	if err := s.graph.Commands.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	var payment, order, events string
	err := s.shop.DB.QueryRowContext(t.Context(), `SELECT CONCAT(p.status, ' ', p.version), CONCAT(o.status, ' ', o.version),
(SELECT COUNT(*) FROM events e WHERE e.aggregate_id IN (p.id, o.id)) FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.id = ?`, p.payment).
		Scan(&payment, &order, &events)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"payment": payment, "order": order, "events": events, "calls": s.toss(t).Ledger(p.key).Calls}
}

func TestServer_tamperedReturn(t *testing.T) {
	t.Parallel()
	s := open(t)
	product := s.operator(t).product("보리차", 11_000, 10)
	shopper := s.shopper(t, "kim@example.com")
	mine, other := shopper.payable(product), shopper.payable(product)
	stranger := s.browser(t)
	for _, test := range []struct {
		name, outcome string
		change        map[string]string
		field         string
	}{
		{"another order's id", "approved", map[string]string{"orderId": other.attempt}, "orderId"},
		{"an order id that is nobody's", "approved", map[string]string{"orderId": "att_00000000000000000000000000"}, "orderId"},
		{"an order id of another case", "approved", map[string]string{"orderId": strings.ToUpper(mine.attempt)}, "orderId"},
		{"another order's id on the way back from a failure", "failed", map[string]string{"orderId": other.attempt}, "orderId"},
		{"another payment's key", "approved", map[string]string{"paymentKey": other.key}, "paymentKey"},
		{"a payment key that is nobody's", "approved", map[string]string{"paymentKey": "tgen_nobody"}, "paymentKey"},
		{"no payment key", "approved", map[string]string{"paymentKey": ""}, "paymentKey"},
		{"a won more", "approved", map[string]string{"amount": strconv.Itoa(mine.amount + 1)}, "amount"},
		{"a won less", "approved", map[string]string{"amount": strconv.Itoa(mine.amount - 1)}, "amount"},
		{"nothing to pay", "approved", map[string]string{"amount": "0"}, "amount"},
		{"all of another payment", "approved", map[string]string{"orderId": other.attempt, "paymentKey": other.key}, "orderId"},
	} {
		t.Run(test.name+" asks nobody, changes nothing and is logged", func(t *testing.T) {
			before := []map[string]any{s.books(t, mine), s.books(t, other)}
			logged := len(s.log.Lines(`"return refused"`))
			response, _ := stranger.do(http.MethodGet, mine.back(test.outcome, test.change), "")
			if to := response.Header.Get("Location"); response.StatusCode != http.StatusSeeOther || !strings.Contains(to, "status=READY") {
				t.Errorf("it answers %d and sends the browser to %q", response.StatusCode, to)
			}
			if diff := cmp.Diff(before, []map[string]any{s.books(t, mine), s.books(t, other)}); diff != "" {
				t.Errorf("books and calls changed (-before +after):\n%s", diff)
			}
			lines := s.log.Lines(`"return refused"`)[logged:]
			if len(lines) != 1 || !strings.Contains(lines[0], mine.attempt) || !strings.Contains(lines[0], `"field":"`+test.field+`"`) {
				t.Fatalf("the log says %q, want one line about %s", lines, test.field)
			}
			for _, value := range test.change {
				if len(value) > 8 && strings.Contains(lines[0], value) {
					t.Errorf("the log repeats what the browser carried: %s", lines[0])
				}
			}
		})
	}
	t.Run("who does not hold the gateway's address is told of no such payment, and changes nothing", func(t *testing.T) {
		before := []map[string]any{s.books(t, mine), s.books(t, other)}
		for _, secret := range []string{"", other.secret, strings.ToUpper(mine.secret), mine.secret + "0", mine.secret + " " + other.secret} {
			for _, outcome := range []string{"approved", "canceled", "failed"} {
				response, body := stranger.do(http.MethodGet, mine.back(outcome, map[string]string{"key": secret}), "")
				if response.StatusCode != http.StatusNotFound || strings.Contains(body, mine.payment) {
					t.Errorf("%s with %q answers %d", outcome, secret, response.StatusCode)
				}
			}
		}
		if diff := cmp.Diff(before, []map[string]any{s.books(t, mine), s.books(t, other)}); diff != "" {
			t.Errorf("books and calls changed (-before +after):\n%s", diff)
		}
		for _, line := range s.log.Lines(mine.secret) {
			t.Errorf("the secret is logged: %s", line)
		}
		var kept int
		if err := s.shop.DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM attempts a JOIN events e ON e.payload LIKE ? OR a.return_hashes LIKE ?",
			"%"+mine.secret+"%", "%"+mine.secret+"%").Scan(&kept); err != nil || kept != 0 {
			t.Errorf("the secret itself is kept in %d places: %v", kept, err)
		}
	})
	t.Run("what the gateway itself said approves", func(t *testing.T) {
		response, _ := stranger.do(http.MethodGet, mine.back("approved", nil), "")
		if to := response.Header.Get("Location"); !strings.Contains(to, "status=APPROVED") {
			t.Errorf("it sends the browser to %q", to)
		}
		if calls := s.books(t, mine)["calls"].(map[string]int); calls["approve"] != 1 {
			t.Errorf("the gateway was asked %v", calls)
		}
	})
}

// webhook is what somebody sends who says that a payment at Toss is done.
func webhook(paymentKey, attempt string, n int) string {
	return fmt.Sprintf(`{"eventType":"PAYMENT_STATUS_CHANGED","data":{"paymentKey":%q,"orderId":%q,"status":"DONE","lastTransactionKey":"t%d"}}`, paymentKey, attempt, n)
}

// flood sends webhooks, each once, and counts how they were answered. Those that were late may have
// been let in uncounted, for nobody waits long for the limit.
func (b *browser) flood(n int, body func(int) string) (answers map[int]int, late int, refused *http.Response) {
	b.t.Helper()
	answers = map[int]int{}
	for i := range n {
		began := time.Now()
		response, _ := b.do(http.MethodPost, "/webhooks/toss", body(i), "Content-Type", jsonType)
		answers[response.StatusCode]++
		if response.StatusCode == http.StatusTooManyRequests {
			refused = response
		}
		if time.Since(began) > 200*time.Millisecond {
			late++
		}
	}
	return answers, late, refused
}

func (s *site) inbox(t *testing.T) int {
	t.Helper()
	return shoptest.Count(t, s.shop.DB, "SELECT COUNT(*) FROM webhook_inbox")
}

func TestServer_forgedWebhooks(t *testing.T) {
	t.Parallel()
	var address atomic.Value
	address.Store("192.0.2.1")
	s := open(t, func(s *graph.Server) { s.RemoteIP = func(*http.Request) string { return address.Load().(string) } })
	shopper := s.shopper(t, "kim@example.com")
	mine := shopper.payable(s.operator(t).product("보리차", 11_000, 10))
	forged := func(i int) string { return webhook(fmt.Sprint("nobody", i), "", 0) }
	began := time.Now()
	answers, late, refused := s.browser(t).flood(1_000, forged)
	most := 601 + late + int(time.Since(began)/(200*time.Millisecond)) // 300 a minute
	if answers[200] < 600 || answers[200] > most || answers[200]+answers[429] != 1_000 {
		t.Errorf("a flood of 1000 in %s is answered %v, want 600 to %d stored and the rest refused", time.Since(began), answers, most)
	}
	if refused != nil { // a slow machine may let all in, one by one
		if after, err := strconv.Atoi(refused.Header.Get("Retry-After")); err != nil || after < 1 || after > 60 {
			t.Errorf("the last is refused with Retry-After %q", refused.Header.Get("Retry-After"))
		}
	}
	if n := s.inbox(t); n < answers[200] || n > answers[200]+4 { // the simulator sends some of its own
		t.Errorf("%d are stored", n)
	}
	for name, key := range map[string][2]string{"key": {mine.key, ""}, "attempt": {"", mine.attempt}} {
		if response, _ := s.browser(t).do(http.MethodPost, "/webhooks/toss", webhook(key[0], key[1], 1), "Content-Type", jsonType); response.StatusCode != 200 {
			t.Errorf("from the same address, a webhook that names the %s of an attempt is answered %s", name, response.Status)
		}
	}
	refused = nil
	for i := 1_000; refused == nil && i < 4_000; i++ { // until the address has nothing left, whatever time has passed
		_, _, refused = s.browser(t).flood(1, func(int) string { return forged(i) })
	}
	if refused == nil {
		t.Skip("on a machine that takes more than a fifth of a second for each there is no flood")
	}
	began = time.Now()
	answers, late, _ = s.browser(t).flood(400, func(i int) string { return webhook(mine.key, "", 2+i) })
	most = 301 + late + int(time.Since(began)/(200*time.Millisecond)) // 300 of the attempt, and what the address may send again
	if answers[200] < 250 || answers[200] > most || answers[200]+answers[429] != 400 {
		t.Errorf("a flood of 400 about one attempt in %s is answered %v, want 250 to %d stored", time.Since(began), answers, most)
	}
	address.Store("2001:db8::1")
	if answers, _, _ := s.browser(t).flood(100, func(i int) string { return forged(10_000 + i) }); answers[200] != 100 {
		t.Errorf("from another address, 100 webhooks are answered %v", answers)
	}
}

func TestServer_webhooksWithoutRedis(t *testing.T) {
	t.Parallel()
	s := open(t, func(s *graph.Server) { s.Commands.Redis = deadRedis(t) })
	answers, _, _ := s.browser(t).flood(700, func(i int) string { return webhook(fmt.Sprint("nobody", i), "", 0) })
	if answers[200] != 700 {
		t.Errorf("700 webhooks are answered %v", answers)
	}
}

package pgsim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"payment-system/internal/testclock"
	"payment-system/pg/pgsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// doc is any JSON object.
type doc = map[string]any

// sim is a running simulator and a client that follows no redirects.
type sim struct {
	t      *testing.T
	url    string
	client *http.Client
	server *pgsim.Server
}

const (
	kakaoAPI = "/kakao/online/v1/payment/"
	tossAPI  = "/toss/v1/payments"
	tossKey  = "Basic dGVzdF9za19hbnk6" // test_sk_any:
	kakaoKey = "SECRET_KEY DEV0123456789"
)

// today is the business day that it is at the simulators.
func today() time.Time { return testclock.Day(0) }

// day is the n-th business day after today, as the gateways write it.
func day(n int) string { return today().AddDate(0, 0, n).Format(time.DateOnly) }

// start runs a simulator whose clock stands still at noon in Korea.
func start(t *testing.T, change ...func(*pgsim.Server)) *sim {
	t.Helper()
	noon := today().Add(12 * time.Hour)
	s := &pgsim.Server{Now: func() time.Time { return noon }, WebhookBackoff: time.Millisecond}
	for _, c := range change {
		c(s)
	}
	web := httptest.NewServer(s.Handler())
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(func() {
		s.Close()
		web.CloseClientConnections()
		web.Close()
		transport.CloseIdleConnections()
	})
	client := &http.Client{
		Transport:     transport,
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &sim{t: t, url: web.URL, client: client, server: s}
}

// hold keeps the slow and hanging calls of a simulator.
type hold struct {
	held    chan struct{} // has one more for each call that waits
	release func()
}

// startHolding runs a simulator whose slow calls go on when the hold is released.
func startHolding(t *testing.T) (*sim, *hold) {
	t.Helper()
	released := make(chan time.Time)
	h := &hold{held: make(chan struct{}, 64), release: sync.OnceFunc(func() { close(released) })}
	t.Cleanup(h.release)
	return start(t, func(s *pgsim.Server) {
		s.After = func(time.Duration) <-chan time.Time {
			h.held <- struct{}{}
			return released
		}
	}), h
}

// reply is an answer, read to the end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) doc(t *testing.T) doc {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(r.body))
	decoder.UseNumber()
	var d doc
	if err := decoder.Decode(&d); err != nil {
		t.Fatalf("%d %q: %v", r.status, r.body, err)
	}
	return d
}

// try sends a request; headers are name, value pairs.
func (s *sim) try(method, path string, body any, headers ...string) (reply, error) {
	s.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		reader = bytes.NewReader(encoded)
	}
	if !strings.HasPrefix(path, "http") {
		path = s.url + path
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, read}, err
}

func (s *sim) send(method, path string, body any, headers ...string) reply {
	s.t.Helper()
	r, err := s.try(method, path, body, headers...)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// must sends and expects 200 and a JSON object.
func (s *sim) must(method, path string, body any, headers ...string) doc {
	s.t.Helper()
	r := s.send(method, path, body, headers...)
	if r.status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, path, r.status, r.body)
	}
	return r.doc(s.t)
}

func (s *sim) kakao(call string, body doc) reply {
	s.t.Helper()
	if body["cid"] == nil {
		body["cid"] = "TC0ONETIME"
	}
	return s.send("POST", kakaoAPI+call, body, "Authorization", kakaoKey)
}

func (s *sim) toss(method, path string, body any, headers ...string) reply {
	s.t.Helper()
	return s.send(method, "/toss/v1"+path, body, append([]string{"Authorization", tossKey}, headers...)...)
}

var orders atomic.Int64

func orderID() string { return fmt.Sprintf("order-%06d", orders.Add(1)) }

func with(base doc, pairs ...any) doc {
	for i := 0; i < len(pairs); i += 2 {
		base[pairs[i].(string)] = pairs[i+1]
	}
	return base
}

// kakaoReady prepares a payment and returns its tid and order id.
func (s *sim) kakaoReady(pairs ...any) (tid, order string) {
	s.t.Helper()
	order = orderID()
	r := s.kakao("ready", with(doc{
		"partner_order_id": order, "partner_user_id": "user", "item_name": "초코파이", "quantity": 1,
		"total_amount": 110000, "tax_free_amount": 0,
		"approval_url": "https://shop.example/ok", "cancel_url": "https://shop.example/cancel", "fail_url": "https://shop.example/fail",
	}, pairs...))
	if r.status != http.StatusOK {
		s.t.Fatalf("ready: %d %s", r.status, r.body)
	}
	return r.doc(s.t)["tid"].(string), order
}

func (s *sim) kakaoApprove(tid, order, token string) reply {
	s.t.Helper()
	return s.kakao("approve", doc{"tid": tid, "partner_order_id": order, "partner_user_id": "user", "pg_token": token})
}

// kakaoPaid is a payment approved, by card unless act says otherwise.
func (s *sim) kakaoPaid(act doc, pairs ...any) (tid, order string) {
	s.t.Helper()
	tid, order = s.kakaoReady(pairs...)
	r := s.kakaoApprove(tid, order, s.query(s.shop("KAKAO", tid, "pay_card", act), "pg_token"))
	if r.status != http.StatusOK {
		s.t.Fatalf("approve: %d %s", r.status, r.body)
	}
	return tid, order
}

// tossReady creates a payment and returns its key and order id.
func (s *sim) tossReady(pairs ...any) (key, order string) {
	s.t.Helper()
	order = orderID()
	r := s.toss("POST", "/payments", with(doc{
		"amount": 110000, "orderId": order, "orderName": "토스 티셔츠 외 2건",
		"successUrl": "https://shop.example/ok?a=1", "failUrl": "https://shop.example/fail",
	}, pairs...))
	if r.status != http.StatusOK {
		s.t.Fatalf("create: %d %s", r.status, r.body)
	}
	return r.doc(s.t)["paymentKey"].(string), order
}

func (s *sim) tossConfirm(key, order string, amount int64, headers ...string) reply {
	s.t.Helper()
	return s.toss("POST", "/payments/confirm", doc{"paymentKey": key, "orderId": order, "amount": amount}, headers...)
}

// tossPaid is a payment confirmed.
func (s *sim) tossPaid(act string, more doc, pairs ...any) (key, order string) {
	s.t.Helper()
	key, order = s.tossReady(pairs...)
	s.shop("TOSS", key, act, more)
	r := s.tossConfirm(key, order, 110000)
	if r.status != http.StatusOK {
		s.t.Fatalf("confirm: %d %s", r.status, r.body)
	}
	return key, order
}

func (s *sim) shop(pg, key, act string, more doc) string {
	s.t.Helper()
	body := doc{"pg": pg, "paymentKey": key, "act": act}
	maps.Copy(body, more)
	return s.must("POST", "/sim/shopper", body)["redirectUrl"].(string)
}

func (s *sim) query(address, name string) string {
	s.t.Helper()
	u, err := url.Parse(address)
	if err != nil || !u.Query().Has(name) {
		s.t.Fatalf("%q has no %s (%v)", address, name, err)
	}
	return u.Query().Get(name)
}

func (s *sim) faults(list ...doc) {
	s.t.Helper()
	if r := s.send("PUT", "/sim/faults", list); r.status != http.StatusOK {
		s.t.Fatalf("faults: %d %s", r.status, r.body)
	}
}

func (s *sim) advance(d string) {
	s.t.Helper()
	s.must("POST", "/sim/clock", doc{"advance": d})
}

// row is a line of the ledger.
type row struct {
	PG, OrderID, PaymentKey, Status string
	Captured, Refunded              int64
	Calls                           struct{ Ready, Approve, Cancel, Lookup int }
	Applied                         struct{ Approve, Cancel int }
	Cancels                         []struct {
		Key    string
		Amount int64
	}
	IdempotencyKeys []string
}

func (s *sim) ledger(key string) row {
	s.t.Helper()
	var rows []row
	r := s.send("GET", "/sim/ledger?paymentKey="+key, nil)
	if err := json.Unmarshal(r.body, &rows); err != nil || len(rows) != 1 {
		s.t.Fatalf("ledger of %s: %s (%v)", key, r.body, err)
	}
	return rows[0]
}

// code is the error code of an answer, whichever gateway's.
func code(t *testing.T, r reply) string {
	t.Helper()
	d := r.doc(t)
	if c, ok := d["code"].(string); ok {
		return c
	}
	return fmt.Sprint(d["error_code"])
}

func expectCode(t *testing.T, r reply, status int, want string) {
	t.Helper()
	if got := code(t, r); r.status != status || got != want {
		t.Errorf("got %d %s, want %d %s", r.status, got, status, want)
	}
}

func sample(t *testing.T, name string) doc {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return reply{body: b}.doc(t)
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

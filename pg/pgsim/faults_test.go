package pgsim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/pg/pgsim"
)

func decode(t *testing.T, body []byte, v any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(v); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func diffShape(a, b doc) string { return cmp.Diff(shape(a), shape(b)) }

// gateway is what a fault test does at either gateway.
type gateway struct {
	pg      string
	paid    func(s *sim) (key, order string) // ready to approve
	approve func(s *sim, key, order string) (reply, error)
}

func gateways() []gateway {
	return []gateway{
		{
			"KAKAO", func(s *sim) (string, string) { return s.kakaoReady() },
			func(s *sim, key, order string) (reply, error) {
				token := s.query(s.shop("KAKAO", key, "pay_card", nil), "pg_token")
				return s.try("POST", kakaoAPI+"approve", doc{
					"cid": "TC0ONETIME", "tid": key, "partner_order_id": order, "partner_user_id": "user", "pg_token": token,
				}, "Authorization", kakaoKey)
			},
		},
		{
			"TOSS", func(s *sim) (string, string) { return s.tossReady() },
			func(s *sim, key, order string) (reply, error) {
				s.shop("TOSS", key, "pay_card", nil)
				return s.try("POST", tossAPI+"/confirm", doc{"paymentKey": key, "orderId": order, "amount": 110000}, "Authorization", tossKey)
			},
		},
	}
}

func TestFaults_Approve(t *testing.T) {
	t.Parallel()
	type outcome func(t *testing.T, r reply, err error)
	lost := func(t *testing.T, r reply, err error) {
		if err == nil {
			t.Errorf("got an answer: %d %s", r.status, r.body)
		}
	}
	field := func(path, want string) outcome {
		return func(t *testing.T, r reply, err error) {
			if err != nil {
				t.Fatal(err)
			}
			var got any = r.doc(t)
			for name := range strings.SplitSeq(path, ".") {
				got = got.(doc)[name]
			}
			if encoded, _ := json.Marshal(got); string(encoded) != want {
				t.Errorf("%s is %s, want %s", path, encoded, want)
			}
		}
	}
	answered := func(status int, has string) outcome {
		return func(t *testing.T, r reply, err error) {
			if err != nil || r.status != status || !strings.Contains(string(r.body), has) {
				t.Errorf("%d %.200s %v", r.status, r.body, err)
			}
		}
	}
	cases := []struct {
		name    string
		fault   doc
		applied bool
		kakao   outcome
		toss    outcome
	}{
		{"drop_before", doc{}, false, lost, lost},
		{"drop_after", doc{}, true, lost, lost},
		{"hang_before", doc{"delayMs": 30}, false, lost, lost},
		{"hang_after", doc{"delayMs": 30}, true, lost, lost},
		{"slow", doc{"delayMs": 30}, true, answered(200, "T"), answered(200, "DONE")},
		{"slow_after", doc{"delayMs": 30}, true, answered(200, "T"), answered(200, "DONE")},
		{"http_error", doc{"status": 503, "body": "down"}, false, answered(503, "down"), answered(503, "down")},
		{"http_error_after", doc{}, true, answered(500, "error_code"), answered(500, "FAILED_INTERNAL_SYSTEM_PROCESSING")},
		{"redirect", doc{"body": "http://127.0.0.1:1/"}, false, answered(302, ""), answered(302, "")},
		{"redirect_after", doc{}, true, answered(302, ""), answered(302, "")},
		{"empty", doc{}, true, answered(200, ""), answered(200, "")},
		{"wrong_type", doc{}, true, answered(200, "T"), answered(200, "DONE")},
		{"other_payment", doc{}, true, lost, lost},
		{"garbage", doc{"body": "{{{"}, true, answered(200, "{{{"), answered(200, "{{{")},
		{"wrong_amount", doc{}, true, field("amount.total", "110010"), field("totalAmount", "110010")},
		{"wrong_order", doc{}, true, field("partner_order_id", `"another-order-0000000001"`), field("orderId", `"another-order-0000000001"`)},
		{"wrong_currency", doc{}, true, answered(200, "T"), field("currency", `"USD"`)},
		{"wrong_status", doc{"body": "ABORTED"}, true, answered(200, "T"), field("status", `"ABORTED"`)},
	}
	for _, g := range gateways() {
		for _, c := range cases {
			t.Run(g.pg+" "+c.name, func(t *testing.T) {
				t.Parallel()
				s := start(t)
				key, order := g.paid(s)
				s.faults(with(doc{"pg": g.pg, "call": "approve", "fault": c.name, "times": 1}, pairs(c.fault)...))
				r, err := g.approve(s, key, order)
				check := c.kakao
				if g.pg == "TOSS" {
					check = c.toss
				}
				check(t, r, err)
				want := int64(0)
				if c.applied {
					want = 110000
				}
				if got := s.ledger(key); got.Captured != want || got.Calls.Approve != 1 {
					t.Errorf("ledger %+v", got)
				}
				if left := s.send("GET", "/sim/faults", nil); string(left.body) != "[]" {
					t.Errorf("still on: %s", left.body)
				}
			})
		}
	}
}

func pairs(d doc) []any {
	var list []any
	for name, value := range d {
		list = append(list, name, value)
	}
	return list
}

func TestFaults_Bodies(t *testing.T) {
	t.Parallel()
	t.Run("a truncated answer is no JSON", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossReady()
		s.faults(doc{"call": "lookup", "fault": "truncate"})
		if r := s.toss("GET", "/payments/"+key, nil); r.status != 200 || json.Valid(r.body) {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
	t.Run("a huge answer has ten million bytes", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossReady()
		s.faults(doc{"call": "lookup", "fault": "huge"})
		if r := s.toss("GET", "/payments/"+key, nil); len(r.body) < 10<<20 || !json.Valid(r.body) {
			t.Errorf("%d bytes", len(r.body))
		}
	})
	t.Run("a trickling answer comes byte by byte and ends with its reader", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossReady()
		s.faults(doc{"call": "lookup", "fault": "trickle", "delayMs": 100}) // all of it would take minutes
		ended := make(chan struct{})
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			s.server.Handler().ServeHTTP(w, r)
		}))
		defer web.Close()
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		request, err := http.NewRequestWithContext(ctx, "GET", web.URL+tossAPI+"/"+key, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", tossKey)
		began := time.Now()
		response, err := s.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if _, err := io.ReadFull(response.Body, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 300*time.Millisecond {
			t.Errorf("four bytes came within %v", took)
		}
		leave()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Error("the answer goes on though nobody reads it")
		}
	})
	t.Run("an empty answer has no byte, one of a wrong type says that it is a page", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossReady()
		s.faults(doc{"call": "lookup", "fault": "empty", "times": 1}, doc{"call": "lookup", "fault": "wrong_type"})
		if r := s.toss("GET", "/payments/"+key, nil); r.status != 200 || len(r.body) > 0 {
			t.Errorf("%d %s", r.status, r.body)
		}
		if r := s.toss("GET", "/payments/"+key, nil); r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
			t.Errorf("%d %v", r.status, r.header)
		}
	})
	t.Run("a fault of one payment strikes that one, and may answer for another", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		one, _ := s.tossReady()
		two, _ := s.tossReady()
		s.faults(doc{"call": "lookup", "fault": "other_payment", "paymentKey": two})
		says := func(key string) any { return s.toss("GET", "/payments/"+key, nil).doc(t)["paymentKey"] }
		if got := says(one); got != one {
			t.Errorf("%s was answered with %v", one, got)
		}
		if got := says(two); got != one {
			t.Errorf("%s was answered with %v", two, got)
		}
	})
	t.Run("a hanging call ends when the server closes", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossReady()
		s.faults(doc{"call": "lookup", "fault": "hang_before"})
		done := make(chan error)
		go func() {
			_, err := s.try("GET", tossAPI+"/"+key, nil, "Authorization", tossKey)
			done <- err
		}()
		eventually(t, "the look-up hangs", func() bool { return s.ledger(key).Calls.Lookup == 1 })
		if err := s.server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-done; err == nil {
			t.Error("got an answer")
		}
	})
}

func TestFaults_Dice(t *testing.T) {
	t.Parallel()
	strikes := func(s *sim, probability any, seed int) string {
		s.faults(doc{"call": "lookup", "fault": "http_error", "status": 500, "probability": probability, "seed": seed})
		var b strings.Builder
		for range 60 {
			if s.kakao("order", doc{"tid": "x"}).status == 500 {
				b.WriteByte('x')
			} else {
				b.WriteByte('.')
			}
		}
		return b.String()
	}
	s := start(t)
	half, percent := strikes(s, json.Number("0.5"), 7), strikes(s, 50, 7)
	if half != percent || !strings.Contains(half, "x") || !strings.Contains(half, ".") {
		t.Errorf("a half strikes %s, 50 %% %s", half, percent)
	}
	if other := strikes(s, 50, 8); other == half {
		t.Error("another seed strikes the same calls")
	}
	if always := strikes(s, 1, 7); strings.Contains(always, ".") {
		t.Errorf("probability 1 strikes %s", always)
	}
}

func TestFaults_Control(t *testing.T) {
	t.Parallel()
	t.Run("bad input names the field and changes nothing", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		s.faults(doc{"pg": "kakao", "call": "ready", "fault": "slow", "times": 3})
		before := s.send("GET", "/sim/faults", nil)
		for field, bad := range map[string]doc{
			"pg":          {"pg": "PAYPAL"},
			"call":        {"call": "pay"},
			"fault":       {"fault": "explode"},
			"times":       {"times": -1},
			"probability": {"probability": 101},
			"delayMs":     {"delayMs": -1},
			"status":      {"status": 99},
			"seed":        {"seed": "x"},
			"surprise":    {"surprise": 1},
		} {
			list := []doc{{"call": "ready", "fault": "slow"}, with(doc{"call": "ready", "fault": "slow"}, pairs(bad)...)}
			r := s.send("PUT", "/sim/faults", list)
			if r.status != 400 || r.doc(t)["field"] != field {
				t.Errorf("%s: %d %s", field, r.status, r.body)
			}
		}
		for _, bad := range []string{"", "{}", "[null]", `[{"call":"ready","fault":"duplicate"}]`, `[{"call":"webhook","fault":"hang_after"}]`, "[] []"} {
			if r := s.send("PUT", "/sim/faults", bad); r.status != 400 {
				t.Errorf("%q: %d %s", bad, r.status, r.body)
			}
		}
		if after := s.send("GET", "/sim/faults", nil); !bytes.Equal(before.body, after.body) {
			t.Errorf("%s became %s", before.body, after.body)
		}
		if r := s.send("DELETE", "/sim/faults", nil); r.status != http.StatusNoContent {
			t.Errorf("delete: %d", r.status)
		}
		if after := s.send("GET", "/sim/faults", nil); string(after.body) != "[]" {
			t.Errorf("left: %s", after.body)
		}
	})
	t.Run("the clock goes forward only", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		if got := s.must("POST", "/sim/clock", doc{"advance": 90})["now"]; got != day(0)+"T12:01:30+09:00" {
			t.Errorf("now %v", got)
		}
		for _, bad := range []any{"-1s", -5, "soon", nil, "", true} {
			if r := s.send("POST", "/sim/clock", doc{"advance": bad}); r.status != 400 {
				t.Errorf("%v: %d %s", bad, r.status, r.body)
			}
		}
		if got := s.must("GET", "/sim/clock", nil)["now"]; got != day(0)+"T12:01:30+09:00" {
			t.Errorf("now %v", got)
		}
	})
}

func TestMagicCards(t *testing.T) {
	t.Parallel()
	for _, g := range gateways() {
		t.Run(g.pg+": 0119 is approved and never answered", func(t *testing.T) {
			t.Parallel()
			s := start(t)
			key, order := g.paid(s)
			s.shop(g.pg, key, "pay_card", doc{"cardNumber": "4000000000000119"})
			done := make(chan error)
			go func() {
				_, err := g.approve(s, key, order)
				done <- err
			}()
			eventually(t, "it is approved", func() bool { return s.ledger(key).Captured == 110000 })
			if err := s.server.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if err := <-done; err == nil {
				t.Error("got an answer")
			}
		})
		t.Run(g.pg+": 0341 is approved and another amount answered", func(t *testing.T) {
			t.Parallel()
			s := start(t)
			key, order := g.paid(s)
			s.shop(g.pg, key, "pay_card", doc{"cardNumber": "4000000000000341"})
			r, err := g.approve(s, key, order)
			if err != nil || !strings.Contains(string(r.body), "110010") {
				t.Errorf("%s %v", r.body, err)
			}
			if got := s.ledger(key); got.Captured != 110000 {
				t.Errorf("ledger %+v", got)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *pgsim.Server) { s.KakaoSecretKey, s.KakaoCID = "DEV1", "TC0ONETIME" })
	expectCode(t, s.send("POST", kakaoAPI+"order", doc{"cid": "TC0ONETIME", "tid": "x"}, "Authorization", "SECRET_KEY DEV2"), 401, "-401")
	expectCode(t, s.send("POST", kakaoAPI+"order", doc{"cid": "TC0OTHER00", "tid": "x"}, "Authorization", "SECRET_KEY DEV1"), 400, "-731")
	expectCode(t, s.send("POST", kakaoAPI+"order", doc{"cid": "TC0ONETIME", "tid": "x"}, "Authorization", "SECRET_KEY DEV1"), 400, "-721")
	if r := s.send("GET", kakaoAPI+"order", nil); r.status != http.StatusNotFound {
		t.Errorf("GET: %d", r.status)
	}
	r := s.send("POST", "/sim/clock", doc{"advance": 1}, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	if r.status != http.StatusForbidden {
		t.Errorf("another site's page: %d", r.status)
	}
	if r := s.send("POST", kakaoAPI+"order", strings.Repeat("x", 2<<20)); r.status != http.StatusRequestEntityTooLarge {
		t.Errorf("two million bytes: %d", r.status)
	}
}

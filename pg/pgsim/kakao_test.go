package pgsim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shape is the keys of a document with the JSON kind of each value.
func shape(d doc, without ...string) map[string]string {
	shape := map[string]string{}
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, value := range v {
				walk(prefix+"."+name, value)
			}
		case []any:
			if len(v) > 0 {
				walk(prefix+"[]", v[0])
			}
		case nil:
			shape[prefix] = "null"
		default:
			shape[prefix] = fmt.Sprintf("%T", v)
		}
	}
	walk("", d)
	for _, name := range without {
		for key := range shape {
			if key == name || strings.HasPrefix(key, name+".") {
				delete(shape, key)
			}
		}
	}
	return shape
}

func expectShape(t *testing.T, file string, got doc, without ...string) {
	t.Helper()
	if diff := cmp.Diff(shape(sample(t, file), without...), shape(got, without...)); diff != "" {
		t.Errorf("differs from %s (-sample +answer):\n%s", file, diff)
	}
}

func TestKakao_Answers(t *testing.T) {
	t.Parallel()
	t.Run("ready has the keys of the live sample", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		r := s.kakao("ready", doc{
			"partner_order_id": "o", "partner_user_id": "u", "item_name": "초코파이", "quantity": "1", "total_amount": "2200", "tax_free_amount": "0",
			"approval_url": "https://shop.example/ok", "cancel_url": "https://shop.example/c", "fail_url": "https://shop.example/f",
		}).doc(t)
		expectShape(t, "kakao/ready_live_kapi.json", r)
		if tid := r["tid"].(string); len(tid) != 20 || tid[0] != 'T' {
			t.Errorf("tid %q", tid)
		}
		if r["created_at"] != day(0)+"T12:00:00" {
			t.Errorf("created_at %v has a zone or another time", r["created_at"])
		}
	})
	t.Run("approve by card and by money have the keys of the samples", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		for act, file := range map[string]string{"pay_card": "kakao/approve_card.json", "pay_money": "kakao/approve_money.json"} {
			tid, order := s.kakaoReady()
			r := s.kakaoApprove(tid, order, s.query(s.shop("kakao", tid, act, nil), "pg_token"))
			expectShape(t, file, r.doc(t))
		}
	})
	t.Run("order and cancel have the keys of the samples", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		tid, _ := s.kakaoPaid(nil)
		r := s.kakao("cancel", doc{"tid": tid, "cancel_amount": 1100, "cancel_tax_free_amount": 0})
		expectShape(t, "kakao/cancel_partial_card_live.json", r.doc(t))
		expectShape(t, "kakao/order_partial_cancel.json", s.kakao("order", doc{"tid": tid}).doc(t))
		tid, order := s.kakaoReady()
		r = s.kakaoApprove(tid, order, s.query(s.shop("KAKAO", tid, "pay_money", nil), "pg_token"))
		expectShape(t, "kakao/order_success.json", s.kakao("order", doc{"tid": tid}).doc(t))
		if r.doc(t)["aid"] == r.doc(t)["tid"] {
			t.Error("aid is tid")
		}
	})
	t.Run("errors have the keys of the sample", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		tid, order := s.kakaoReady()
		token := s.query(s.shop("KAKAO", tid, "pay_card", doc{"cardNumber": "4000 0000 0000 0002"}), "pg_token")
		r := s.kakaoApprove(tid, order, token)
		expectShape(t, "kakao/error_approve.json", r.doc(t))
		expectCode(t, r, 400, "-780")
		if got := s.ledger(tid); got.Status != "FAIL_PAYMENT" || got.Captured != 0 {
			t.Errorf("ledger %+v", got)
		}
	})
}

func TestKakao_Amounts(t *testing.T) {
	t.Parallel()
	type amount = map[string]any
	t.Run("what is canceled and what is left add up, field by field, whatever is rounded", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		tid, _ := s.kakaoPaid(nil, "total_amount", 10007, "tax_free_amount", 1003)
		for i, step := range []doc{
			{"cancel_amount": 3335, "cancel_tax_free_amount": 334},
			{"cancel_amount": 3335, "cancel_tax_free_amount": 334},
			{"cancel_amount": 3337, "cancel_tax_free_amount": 335},
		} {
			r := s.kakao("cancel", with(step, "tid", tid, "payload", fmt.Sprint("refund", i)))
			if r.status != 200 {
				t.Fatalf("cancel %d: %s", i, r.body)
			}
			d := r.doc(t)
			for name, all := range d["amount"].(amount) {
				sum := number(t, d["canceled_amount"].(amount)[name]) + number(t, d["cancel_available_amount"].(amount)[name])
				if sum != number(t, all) {
					t.Errorf("cancel %d: %s %v is not %d", i, name, all, sum)
				}
			}
			if want := fmt.Sprint("refund", i); d["payload"] != want {
				t.Errorf("payload %v, want %s", d["payload"], want)
			}
			if want := []string{"PART_CANCEL_PAYMENT", "PART_CANCEL_PAYMENT", "CANCEL_PAYMENT"}[i]; d["status"] != want {
				t.Errorf("status %v, want %s", d["status"], want)
			}
		}
		d := s.kakao("order", doc{"tid": tid}).doc(t)
		legs := d["payment_action_details"].([]any)
		if len(legs) != 4 || legs[2].(doc)["payload"] != "refund1" || legs[2].(doc)["payment_action_type"] != "CANCEL" {
			t.Errorf("legs %v", legs)
		}
		if got := s.ledger(tid); got.Captured != 10007 || got.Refunded != 10007 || len(got.Cancels) != 3 || got.Applied.Cancel != 3 {
			t.Errorf("ledger %+v", got)
		}
	})
	t.Run("a payment without VAT has none anywhere", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		tid, _ := s.kakaoPaid(nil, "vat_amount", 0)
		d := s.kakao("cancel", doc{"tid": tid, "cancel_amount": 1100, "cancel_tax_free_amount": 0}).doc(t)
		for _, name := range []string{"amount", "approved_cancel_amount", "canceled_amount", "cancel_available_amount"} {
			if number(t, d[name].(amount)["vat"]) != 0 {
				t.Errorf("%s %v", name, d[name])
			}
		}
	})
	t.Run("installments are text in approve and a number in order", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		tid, order := s.kakaoReady()
		token := s.query(s.shop("KAKAO", tid, "pay_card", doc{"installmentMonths": 3}), "pg_token")
		d := s.kakaoApprove(tid, order, token).doc(t)
		if got := d["card_info"].(doc)["install_month"]; got != "03" {
			t.Errorf("install_month %v", got)
		}
		d = s.kakao("order", doc{"tid": tid}).doc(t)
		if got := number(t, d["selected_card_info"].(doc)["install_month"]); got != 3 {
			t.Errorf("install_month %v", got)
		}
	})
}

func TestKakao_Refusals(t *testing.T) {
	t.Parallel()
	t.Run("approve checks key, cid, tid, state, order, user, token and total", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		tid, order := s.kakaoReady()
		good := func(pairs ...any) doc {
			return with(doc{"tid": tid, "partner_order_id": order, "partner_user_id": "user", "pg_token": "x"}, pairs...)
		}
		expectCode(t, s.send("POST", kakaoAPI+"approve", good(), "Authorization", "KakaoAK x"), 401, "-401")
		expectCode(t, s.kakao("approve", good("cid", "short")), 400, "-731")
		expectCode(t, s.kakao("approve", good("tid", "T0000000000000000000")), 400, "-721")
		expectCode(t, s.kakao("approve", good()), 400, "-701")
		token := s.query(s.shop("KAKAO", tid, "pay_money", nil), "pg_token")
		expectCode(t, s.kakao("approve", good("partner_order_id", "another")), 400, "-706")
		expectCode(t, s.kakao("approve", good("partner_user_id", "another")), 400, "-707")
		expectCode(t, s.kakao("approve", good()), 400, "-708")
		expectCode(t, s.kakao("approve", good("pg_token", token, "total_amount", 1)), 400, "-725")
		if r := s.kakao("approve", good("pg_token", token)); r.status != 200 {
			t.Fatalf("approve: %s", r.body)
		}
		expectCode(t, s.kakao("approve", good("pg_token", token)), 400, "-702")
		if got := s.ledger(tid); got.Calls.Approve != 9 || got.Applied.Approve != 1 || got.Captured != 110000 {
			t.Errorf("ledger %+v", got)
		}
	})
	t.Run("ready refuses what is missing, too long or contradictory", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		for want, pairs := range map[string][]any{
			"-2 order":    {"partner_order_id", ""},
			"-2 name":     {"item_name", strings.Repeat("가", 101)},
			"-2 url":      {"approval_url", "https://shop.example/" + strings.Repeat("a", 255)},
			"-2 relative": {"fail_url", "/fail"},
			"-2 total":    {"total_amount", 0},
			"-2 text":     {"total_amount", "1e3"},
			"-2 missing":  {"tax_free_amount", nil},
			"-722 free":   {"tax_free_amount", 110001},
			"-722 vat":    {"vat_amount", 110001},
			"-731 cid":    {"cid", "nope"},
		} {
			r := s.kakao("ready", with(doc{
				"partner_order_id": "o", "partner_user_id": "u", "item_name": "i", "quantity": 1, "total_amount": 110000, "tax_free_amount": 0,
				"approval_url": "https://shop.example/ok", "cancel_url": "https://shop.example/c", "fail_url": "https://shop.example/f",
			}, pairs...))
			wanted, _, _ := strings.Cut(want, " ")
			t.Log(want)
			expectCode(t, r, 400, wanted)
		}
	})
	t.Run("cancel checks state, remainder and the caller's idea of it", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		tid, _ := s.kakaoReady()
		expectCode(t, s.kakao("cancel", doc{"tid": tid, "cancel_amount": 1, "cancel_tax_free_amount": 0}), 400, "-784")
		tid, _ = s.kakaoPaid(nil)
		cancel := func(amount int64, pairs ...any) reply {
			return s.kakao("cancel", with(doc{"tid": tid, "cancel_amount": amount, "cancel_tax_free_amount": 0}, pairs...))
		}
		expectCode(t, cancel(110001), 400, "-710")
		expectCode(t, cancel(100, "cancel_available_amount", 109999), 400, "-722")
		expectCode(t, cancel(100, "cancel_tax_free_amount", 50), 400, "-722")
		expectCode(t, cancel(0), 400, "-2")
		if r := cancel(110000, "cancel_available_amount", 110000); r.status != 200 {
			t.Fatalf("cancel: %s", r.body)
		}
		expectCode(t, cancel(1), 400, "-784")
	})
	t.Run("a payment may be approved for 15 minutes", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		tid, order := s.kakaoReady()
		token := s.query(s.shop("KAKAO", tid, "pay_money", nil), "pg_token")
		s.advance("15m1s")
		expectCode(t, s.kakaoApprove(tid, order, token), 400, "-723")
		expectCode(t, s.kakaoApprove(tid, order, token), 400, "-783")
		tid, _ = s.kakaoReady()
		s.advance("16m")
		if got := s.shop("KAKAO", tid, "pay_money", nil); got != "https://shop.example/fail" {
			t.Errorf("sent to %s", got)
		}
	})
	t.Run("an approve while another runs is refused", func(t *testing.T) {
		t.Parallel()
		s, calls := startHolding(t)
		tid, order := s.kakaoReady()
		token := s.query(s.shop("KAKAO", tid, "pay_money", nil), "pg_token")
		s.faults(doc{"pg": "KAKAO", "call": "approve", "fault": "slow", "times": 1})
		first := make(chan reply)
		go func() { first <- s.kakaoApprove(tid, order, token) }()
		<-calls.held
		expectCode(t, s.kakaoApprove(tid, order, token), 400, "-785")
		calls.release()
		if r := <-first; r.status != 200 {
			t.Errorf("first: %s", r.body)
		}
	})
}

func TestKakao_Shopper(t *testing.T) {
	t.Parallel()
	t.Run("quit and wrong password send the shopper elsewhere and end the payment", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		for act, want := range map[string][2]string{
			"quit": {"https://shop.example/cancel", "QUIT_PAYMENT"}, "wrong_password": {"https://shop.example/fail", "FAIL_AUTH_PASSWORD"},
		} {
			tid, order := s.kakaoReady()
			if got := s.shop("KAKAO", tid, act, nil); got != want[0] {
				t.Errorf("%s sends to %s", act, got)
			}
			if got := s.kakao("order", doc{"tid": tid}).doc(t)["status"]; got != want[1] {
				t.Errorf("%s leaves %v", act, got)
			}
			expectCode(t, s.kakaoApprove(tid, order, "x"), 400, "-783")
			if r := s.send("POST", "/sim/shopper", doc{"pg": "KAKAO", "paymentKey": tid, "act": "pay_card"}); r.status != http.StatusConflict {
				t.Errorf("pay after %s: %d", act, r.status)
			}
		}
	})
	t.Run("pg_token joins a query that is there", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		tid, _ := s.kakaoReady("approval_url", "https://shop.example/ok?order=1")
		got := s.shop("KAKAO", tid, "pay_money", nil)
		if !strings.HasPrefix(got, "https://shop.example/ok?order=1&pg_token=") {
			t.Errorf("sent to %s", got)
		}
		if again := s.shop("KAKAO", tid, "pay_money", nil); again != got {
			t.Errorf("the second return differs: %s", again)
		}
	})
	t.Run("a pinned method is the only one", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		tid, _ := s.kakaoReady("payment_method_type", "CARD")
		if r := s.send("POST", "/sim/shopper", doc{"pg": "KAKAO", "paymentKey": tid, "act": "pay_money"}); r.status != http.StatusConflict {
			t.Errorf("money: %d %s", r.status, r.body)
		}
		s.shop("KAKAO", tid, "pay_card", nil)
	})
	t.Run("bad acts name the field", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		tid, _ := s.kakaoReady("total_amount", 1000)
		for field, body := range map[string]doc{
			"pg":                {"pg": "PAYPAL", "paymentKey": tid, "act": "quit"},
			"paymentKey":        {"pg": "TOSS", "paymentKey": tid, "act": "quit"},
			"act":               {"pg": "KAKAO", "paymentKey": tid, "act": "deposit"},
			"cardNumber":        {"pg": "KAKAO", "paymentKey": tid, "act": "pay_card", "cardNumber": "12"},
			"installmentMonths": {"pg": "KAKAO", "paymentKey": tid, "act": "pay_card", "installmentMonths": 3},
			"surprise":          {"pg": "KAKAO", "paymentKey": tid, "act": "pay_card", "surprise": 3},
		} {
			r := s.send("POST", "/sim/shopper", body)
			if r.status < 400 || r.status > 499 || r.doc(t)["field"] != field {
				t.Errorf("%s: %d %s", field, r.status, r.body)
			}
		}
		if got := s.ledger(tid).Status; got != "READY" {
			t.Errorf("status %s", got)
		}
	})
}

func number(t *testing.T, v any) int64 {
	t.Helper()
	n, ok := v.(interface{ Int64() (int64, error) })
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	i, err := n.Int64()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

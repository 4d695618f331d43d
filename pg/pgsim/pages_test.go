package pgsim_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"payment-system/pg/pgsim"
)

// submit posts a form as a browser would, resolving action against the page.
func (s *sim) submit(page, action string, fields ...string) reply {
	s.t.Helper()
	base, err := url.Parse(page)
	if err != nil {
		s.t.Fatal(err)
	}
	target, err := base.Parse(action)
	if err != nil {
		s.t.Fatal(err)
	}
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return s.send("POST", target.String(), form.Encode(), "Content-Type", "application/x-www-form-urlencoded",
		"Origin", s.url, "Sec-Fetch-Site", "same-origin")
}

// visit gets a page and checks what holds for all of them.
func (s *sim) visit(page string) string {
	s.t.Helper()
	r := s.send("GET", page, nil)
	text := string(r.body)
	if r.status != 200 || !strings.Contains(text, "모의 결제") || !strings.Contains(text, `<html lang="ko">`) || strings.Contains(text, "<script") {
		s.t.Errorf("%s: %d %s", page, r.status, text)
	}
	policy := r.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "form-action") {
		s.t.Errorf("policy %s", policy)
	}
	return text
}

func contains(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}

func TestPages_Kakao(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *pgsim.Server) { s.MerchantName = "초코상점 <b>" })
	ready := s.kakao("ready", doc{
		"partner_order_id": "order-7", "partner_user_id": "user", "item_name": "초코파이", "quantity": 1, "total_amount": 50000, "tax_free_amount": 0,
		"approval_url": "https://shop.example/ok", "cancel_url": "https://shop.example/cancel", "fail_url": "https://shop.example/fail",
	}).doc(t)
	page, tid := ready["next_redirect_pc_url"].(string), ready["tid"].(string)
	contains(t, s.visit(page), "초코상점 &lt;b&gt;", "초코파이", "₩50,000", "order-7", "일시불", "12개월", `value="pay_money"`, `value="quit"`)
	for _, name := range []string{"next_redirect_mobile_url", "next_redirect_app_url"} {
		s.visit(ready[name].(string))
	}
	if got := s.kakao("order", doc{"tid": tid}).doc(t)["status"]; got != "OPEN_PAYMENT" {
		t.Errorf("opened: %v", got)
	}
	if r := s.submit(page, "pay", "act", "pay_card", "cardNumber", "12x"); r.status != 400 {
		t.Errorf("a bad card: %d", r.status)
	} else {
		contains(t, string(r.body), `role="alert"`, `value="12x"`, "14자리에서")
	}
	r := s.submit(page, "pay", "act", "pay_card", "cardNumber", "4330-1234-5678-1234", "installmentMonths", "3")
	location := r.header.Get("Location")
	if r.status != http.StatusSeeOther || !strings.HasPrefix(location, "https://shop.example/ok?pg_token=") {
		t.Fatalf("%d to %s", r.status, location)
	}
	contains(t, s.visit(page), "AUTH_PASSWORD", "돌아가기")
	d := s.kakao("approve", doc{
		"tid": tid, "partner_order_id": "order-7", "partner_user_id": "user", "pg_token": s.query(location, "pg_token"),
	}).doc(t)
	if d["card_info"].(doc)["install_month"] != "03" {
		t.Errorf("%v", d)
	}
	contains(t, s.visit(page), "SUCCESS_PAYMENT")
	if r := s.submit(page, "pay", "act", "pay_card"); r.status != http.StatusConflict {
		t.Errorf("pay again: %d", r.status)
	}
}

func TestPages_Toss(t *testing.T) {
	t.Parallel()
	s := start(t)
	t.Run("a virtual account is paid on its page", func(t *testing.T) {
		key, order := s.tossReady("amount", 12345)
		page := s.toss("GET", "/payments/"+key, nil).doc(t)["checkout"].(doc)["url"].(string)
		text := s.visit(page)
		contains(t, text, "₩12,345", order, `value="pay_virtual_account"`, `value="pay_transfer"`, "토스페이")
		if strings.Contains(text, "일시불") {
			t.Error("installments below 50,000 won")
		}
		r := s.submit(page, "checkout", "act", "pay_virtual_account")
		if r.status != http.StatusSeeOther || s.query(r.header.Get("Location"), "paymentKey") != key {
			t.Fatalf("%d to %s", r.status, r.header.Get("Location"))
		}
		s.tossConfirm(key, order, 12345)
		deposit := strings.TrimSuffix(page, "checkout") + "deposit"
		contains(t, s.visit(deposit), "계좌번호", "입금하기")
		contains(t, s.visit(s.url+"/sim/"), "WAITING_FOR_DEPOSIT", deposit)
		r = s.submit(deposit, "deposit", "act", "deposit")
		if r.status != http.StatusSeeOther || r.header.Get("Location") != deposit {
			t.Fatalf("%d to %s", r.status, r.header.Get("Location"))
		}
		contains(t, s.visit(deposit), "DONE")
		if got := s.ledger(key); got.Captured != 12345 {
			t.Errorf("ledger %+v", got)
		}
	})
	t.Run("a wrong password and quitting lead to failUrl", func(t *testing.T) {
		key, _ := s.tossReady()
		page := s.url + tossAPI + "/" + key + "/checkout"
		for _, want := range [][2]string{{"quit", "PAY_PROCESS_CANCELED"}, {"wrong_password", "PAY_PROCESS_ABORTED"}} {
			r := s.submit(page, "checkout", "act", want[0])
			if r.status != http.StatusSeeOther || s.query(r.header.Get("Location"), "code") != want[1] {
				t.Errorf("%s: %d to %s", want[0], r.status, r.header.Get("Location"))
			}
		}
	})
	t.Run("a page nobody has says so", func(t *testing.T) {
		for _, path := range []string{"/toss/v1/payments/none/checkout", "/kakao/mockup/v1/none/info"} {
			r := s.send("GET", path, nil)
			if r.status != 404 || !strings.Contains(string(r.body), "없는 결제입니다") {
				t.Errorf("%s: %d %s", path, r.status, r.body)
			}
		}
	})
	t.Run("the front door leads to the ledger", func(t *testing.T) {
		if r := s.send("GET", "/", nil); r.status != http.StatusFound || r.header.Get("Location") != "/sim/" {
			t.Errorf("%d %v", r.status, r.header)
		}
		if r := s.send("POST", "/sim/nothing", doc{}); r.status != 404 {
			t.Errorf("%d", r.status)
		}
	})
	t.Run("addresses stand on PublicURL", func(t *testing.T) {
		s := start(t, func(s *pgsim.Server) { s.PublicURL = "http://pg.example:8090/" })
		key, _ := s.tossReady()
		got := s.toss("GET", "/payments/"+key, nil).doc(t)["checkout"].(doc)["url"]
		if got != "http://pg.example:8090/toss/v1/payments/"+key+"/checkout" {
			t.Errorf("checkout %v", got)
		}
	})
}

package pgsim_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"payment-system/pg/pgsim"
)

func TestToss_Answers(t *testing.T) {
	t.Parallel()
	t.Run("a payment not yet paid has the nulls of the sample", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, order := s.tossReady()
		d := s.toss("GET", "/payments/"+key, nil).doc(t)
		expectShape(t, "toss/payment_ready.json", d)
		if got := d["checkout"].(doc)["url"]; got != s.url+"/toss/v1/payments/"+key+"/checkout" {
			t.Errorf("checkout %v", got)
		}
		if by := s.toss("GET", "/payments/orders/"+order, nil).doc(t); by["paymentKey"] != key {
			t.Errorf("by order: %v", by["paymentKey"])
		}
	})
	for act, file := range map[string]string{
		"pay_easy_card": "toss/payment_card_done.json", "pay_card": "toss/payment_card_foreign_done.json",
		"pay_money": "toss/payment_easypay_done.json", "pay_virtual_account": "toss/payment_virtual_account_waiting.json",
	} {
		t.Run(act+" has the keys and nulls of the sample", func(t *testing.T) {
			t.Parallel()
			s := start(t)
			key, order := s.tossReady()
			s.shop("toss", key, act, nil)
			r := s.tossConfirm(key, order, 110000)
			expectShape(t, file, r.doc(t), ".metadata") // one sample lacks it
			if r.header.Get("x-tosspayments-trace-id") == "" {
				t.Error("no trace id")
			}
		})
	}
	t.Run("a payment canceled has the keys and nulls of the sample", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossPaid("pay_easy_card", nil)
		d := s.toss("POST", "/payments/"+key+"/cancel", doc{"cancelReason": "변심"}).doc(t)
		expectShape(t, "toss/payment_cancel_full.json", d)
		if d["status"] != "CANCELED" || number(t, d["balanceAmount"]) != 0 {
			t.Errorf("%v with %v left", d["status"], d["balanceAmount"])
		}
	})
	t.Run("errors are the measured ones", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		r := s.toss("GET", "/payments/nothing", nil)
		if diff := sample(t, "toss/error_not_found_payment.json")["message"]; r.doc(t)["message"] != diff {
			t.Errorf("message %v", r.doc(t)["message"])
		}
		expectCode(t, r, 404, "NOT_FOUND_PAYMENT")
		r = s.toss("GET", "/payments/nothing", nil, "Accept-Language", "en-US")
		if got := r.doc(t)["message"]; got != "Not found payment." {
			t.Errorf("message %v", got)
		}
	})
	t.Run("the shopper is sent back with what the merchant's address had and more", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, order := s.tossReady()
		want := "https://shop.example/ok?a=1&paymentType=NORMAL&orderId=" + order + "&paymentKey=" + key + "&amount=110000"
		if got := s.shop("TOSS", key, "pay_card", nil); got != want {
			t.Errorf("sent to %s", got)
		}
		key, _ = s.tossReady()
		if got := s.query(s.shop("TOSS", key, "quit", nil), "code"); got != "PAY_PROCESS_CANCELED" {
			t.Errorf("quit: %s", got)
		}
		s.shop("TOSS", key, "wrong_password", nil)
		d := s.toss("GET", "/payments/"+key, nil).doc(t)
		if d["status"] != "ABORTED" || d["failure"].(doc)["code"] != "PAY_PROCESS_ABORTED" {
			t.Errorf("%v %v", d["status"], d["failure"])
		}
	})
}

func TestToss_Create(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, used := s.tossReady()
	for name, c := range map[string]struct {
		code  string
		pairs []any
	}{
		"an order id used before":   {"DUPLICATED_ORDER_ID", []any{"orderId", used}},
		"a short order id":          {"INVALID_REQUEST", []any{"orderId", "abc"}},
		"an order id with a space":  {"INVALID_REQUEST", []any{"orderId", "abc def"}},
		"no amount":                 {"INVALID_REQUEST", []any{"amount", nil}},
		"an amount in text":         {"INVALID_REQUEST", []any{"amount", "1000"}},
		"99 won":                    {"BELOW_MINIMUM_AMOUNT", []any{"amount", 99}},
		"199 won to an account":     {"BELOW_MINIMUM_AMOUNT", []any{"amount", 199, "method", "가상계좌"}},
		"another currency":          {"INVALID_REQUEST", []any{"currency", "USD"}},
		"an unknown method":         {"NOT_SUPPORTED_METHOD", []any{"method", "휴대폰"}},
		"tax free above the amount": {"INVALID_REQUEST", []any{"taxFreeAmount", 110001}},
		"a relative address":        {"INVALID_REQUEST", []any{"failUrl", "/fail"}},
		"six metadata":              {"INVALID_REQUEST", []any{"metadata", doc{"a": "", "b": "", "c": "", "d": "", "e": "", "f": ""}}},
		"more than can be told":     {"EXCEED_MAX_AMOUNT", []any{"amount", int64(9007199254740992)}},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			r := s.toss("POST", "/payments", with(doc{
				"amount": 110000, "orderId": orderID(), "orderName": "이름",
				"successUrl": "https://shop.example/ok", "failUrl": "https://shop.example/fail",
			}, c.pairs...))
			expectCode(t, r, 400, c.code)
		})
	}
	t.Run("the largest amount survives", func(t *testing.T) {
		key, order := s.tossReady("amount", int64(9007199254740991), "method", "카드")
		s.shop("TOSS", key, "pay_card", nil)
		d := s.tossConfirm(key, order, 9007199254740991).doc(t)
		if number(t, d["totalAmount"]) != 9007199254740991 || s.ledger(key).Captured != 9007199254740991 {
			t.Errorf("total %v", d["totalAmount"])
		}
	})
	t.Run("a fixed method is the only one", func(t *testing.T) {
		key, _ := s.tossReady("method", "VIRTUAL_ACCOUNT")
		if r := s.send("POST", "/sim/shopper", doc{"pg": "TOSS", "paymentKey": key, "act": "pay_card"}); r.status != http.StatusConflict {
			t.Errorf("card: %d", r.status)
		}
		s.shop("TOSS", key, "pay_virtual_account", nil)
	})
}

func TestToss_Confirm(t *testing.T) {
	t.Parallel()
	t.Run("order, amount and state are checked", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, order := s.tossReady()
		expectCode(t, s.tossConfirm("nothing", order, 110000), 404, "NOT_FOUND_PAYMENT")
		expectCode(t, s.tossConfirm(key, order, 110000), 404, "NOT_FOUND_PAYMENT_SESSION")
		s.shop("TOSS", key, "pay_card", nil)
		expectCode(t, s.tossConfirm(key, order+"x", 110000), 400, "INVALID_REQUEST")
		expectCode(t, s.tossConfirm(key, order, 110001), 400, "INVALID_REQUEST")
		if r := s.tossConfirm(key, order, 110000); r.status != 200 {
			t.Fatalf("confirm: %s", r.body)
		}
		expectCode(t, s.tossConfirm(key, order, 110000), 400, "ALREADY_PROCESSED_PAYMENT")
	})
	t.Run("a card is declined", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, order := s.tossReady()
		s.shop("TOSS", key, "pay_card", doc{"cardNumber": "4000000000000002"})
		expectCode(t, s.tossConfirm(key, order, 110000), 403, "REJECT_CARD_PAYMENT")
		d := s.toss("GET", "/payments/"+key, nil).doc(t)
		if d["status"] != "ABORTED" || d["failure"].(doc)["code"] != "REJECT_CARD_PAYMENT" {
			t.Errorf("%v %v", d["status"], d["failure"])
		}
		expectCode(t, s.tossConfirm(key, order, 110000), 404, "NOT_FOUND_PAYMENT_SESSION")
	})
	t.Run("30 minutes to pay and 10 to confirm", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, order := s.tossReady()
		s.advance("29m")
		s.shop("TOSS", key, "pay_card", nil)
		s.advance("10m1s")
		expectCode(t, s.tossConfirm(key, order, 110000), 404, "NOT_FOUND_PAYMENT_SESSION")
		key, _ = s.tossReady()
		s.advance("30m1s")
		if got := s.toss("GET", "/payments/"+key, nil).doc(t)["status"]; got != "EXPIRED" {
			t.Errorf("status %v", got)
		}
	})
	t.Run("50 confirms at once take the money once", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, order := s.tossReady()
		s.shop("TOSS", key, "pay_card", nil)
		var group sync.WaitGroup
		statuses := make(chan int, 50)
		for range 50 {
			group.Go(func() { statuses <- s.tossConfirm(key, order, 110000).status })
		}
		group.Wait()
		close(statuses)
		done := 0
		for status := range statuses {
			if status == 200 {
				done++
			}
		}
		got := s.ledger(key)
		if done != 1 || got.Captured != 110000 || got.Applied.Approve != 1 || got.Calls.Approve != 50 {
			t.Errorf("%d succeeded, ledger %+v", done, got)
		}
	})
}

func TestToss_Keys(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *pgsim.Server) { s.TossSecretKey = "test_sk_any" })
	for header, want := range map[string]string{
		"":                                 "401 UNAUTHORIZED_KEY",
		"Bearer x":                         "401 UNAUTHORIZED_KEY",
		"Basic dGVzdF9za19hbnk=":           "403 INCORRECT_BASIC_AUTH_FORMAT", // no colon
		"Basic ???":                        "403 INCORRECT_BASIC_AUTH_FORMAT",
		"Basic dGVzdF9za19vdGhlcjo=":       "401 UNAUTHORIZED_KEY", // test_sk_other:
		"Basic dGVzdF9ja19hbnk6":           "400 INVALID_API_KEY",  // test_ck_any:
		tossKey:                            "404 NOT_FOUND_PAYMENT",
		strings.TrimSuffix(tossKey, "nk6"): "403 INCORRECT_BASIC_AUTH_FORMAT",
	} {
		r := s.send("GET", tossAPI+"/nothing", nil, "Authorization", header)
		if got := http.StatusText(r.status); strings.TrimSpace(want[4:]) != code(t, r) || want[:3] != statusDigits(r.status) {
			t.Errorf("%q: %d %s %s, want %s", header, r.status, got, code(t, r), want)
		}
	}
}

func statusDigits(status int) string {
	return string([]byte{byte('0' + status/100), byte('0' + status/10%10), byte('0' + status%10)})
}

func TestToss_TestCode(t *testing.T) {
	t.Parallel()
	s := start(t)
	for want, status := range map[string]int{
		"REJECT_CARD_PAYMENT": 403, "ALREADY_PROCESSED_PAYMENT": 400, "IDEMPOTENT_REQUEST_PROCESSING": 409, "DUPLICATED_ORDER_ID": 400,
		"FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING": 500, "COMMON_ERROR": 500,
	} {
		expectCode(t, s.tossConfirm("nothing", "nothing", 1, "TossPayments-Test-Code", want), status, want)
	}
	r := s.send("POST", tossAPI+"/confirm", doc{"paymentKey": "nothing", "orderId": "nothing", "amount": 1},
		"Authorization", "Basic bGl2ZV9za19hbnk6", "TossPayments-Test-Code", "COMMON_ERROR")
	expectCode(t, r, 404, "NOT_FOUND_PAYMENT")
}

func TestToss_Idempotency(t *testing.T) {
	t.Parallel()
	const header = "Idempotency-Key"
	t.Run("a repeat is answered byte by byte and carries two trace ids", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, order := s.tossReady()
		s.shop("TOSS", key, "pay_card", nil)
		first := s.tossConfirm(key, order, 110000, header, "k1")
		again := s.tossConfirm(key, order, 110000, header, "k1")
		if first.status != 200 || again.status != 200 || !bytes.Equal(first.body, again.body) {
			t.Errorf("%d %s\n%d %s", first.status, first.body, again.status, again.body)
		}
		traces := again.header.Values("x-tosspayments-trace-id")
		if len(traces) != 2 || traces[1] != first.header.Get("x-tosspayments-trace-id") || again.header.Get(header) != "k1" {
			t.Errorf("headers %v", again.header)
		}
		got := s.ledger(key)
		if got.Applied.Approve != 1 || got.Calls.Approve != 2 || len(got.IdempotencyKeys) != 1 || got.IdempotencyKeys[0] != "k1" {
			t.Errorf("ledger %+v", got)
		}
	})
	t.Run("errors are repeated too, whatever the body says then", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, order := s.tossReady()
		s.shop("TOSS", key, "pay_card", nil)
		expectCode(t, s.tossConfirm(key, order, 1, header, "k2"), 400, "INVALID_REQUEST")
		expectCode(t, s.tossConfirm(key, order, 110000, header, "k2"), 400, "INVALID_REQUEST")
		if r := s.tossConfirm(key, order, 110000, header, "k3"); r.status != 200 {
			t.Errorf("a new key: %s", r.body)
		}
	})
	t.Run("a key lasts 15 days, for one path", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossPaid("pay_money", nil)
		other, _ := s.tossPaid("pay_money", nil)
		cancel := func(key string) reply {
			return s.toss("POST", "/payments/"+key+"/cancel", doc{"cancelReason": "변심", "cancelAmount": 100}, header, "k4")
		}
		cancel(key)
		cancel(key)
		cancel(other)
		if a, b := s.ledger(key), s.ledger(other); a.Refunded != 100 || b.Refunded != 100 {
			t.Errorf("refunded %d and %d", a.Refunded, b.Refunded)
		}
		s.advance("361h")
		cancel(key)
		if got := s.ledger(key); got.Refunded != 200 {
			t.Errorf("after 15 days: refunded %d", got.Refunded)
		}
	})
	t.Run("a repeat while the first runs is refused", func(t *testing.T) {
		t.Parallel()
		s, calls := startHolding(t)
		key, order := s.tossReady()
		s.shop("TOSS", key, "pay_card", nil)
		s.faults(doc{"call": "approve", "fault": "slow", "times": 1})
		first := make(chan reply)
		go func() { first <- s.tossConfirm(key, order, 110000, header, "k5") }()
		<-calls.held
		expectCode(t, s.tossConfirm(key, order, 110000, header, "k5"), 409, "IDEMPOTENT_REQUEST_PROCESSING")
		expectCode(t, s.tossConfirm(key, order, 110000, header, "k6"), 403, "FORBIDDEN_CONSECUTIVE_REQUEST")
		calls.release()
		if r := <-first; r.status != 200 {
			t.Errorf("first: %s", r.body)
		}
	})
	t.Run("a key has at most 300 characters", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		expectCode(t, s.tossConfirm("x", "y", 1, header, strings.Repeat("k", 301)), 400, "INVALID_IDEMPOTENCY_KEY")
		expectCode(t, s.tossConfirm("x", "y", 1, header, strings.Repeat("k", 300)), 404, "NOT_FOUND_PAYMENT")
	})
	t.Run("a created payment is created once", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		body := doc{
			"amount": 1000, "orderId": orderID(), "orderName": "이름",
			"successUrl": "https://shop.example/ok", "failUrl": "https://shop.example/fail",
		}
		one := s.toss("POST", "/payments", body, header, "k7")
		two := s.toss("POST", "/payments", body, header, "k7")
		if !bytes.Equal(one.body, two.body) {
			t.Errorf("%s\n%s", one.body, two.body)
		}
		if got := s.ledger(one.doc(t)["paymentKey"].(string)); got.Calls.Ready != 2 {
			t.Errorf("ledger %+v", got)
		}
	})
}

func TestToss_Cancel(t *testing.T) {
	t.Parallel()
	cancel := func(s *sim, key string, pairs ...any) reply {
		return s.toss("POST", "/payments/"+key+"/cancel", with(doc{"cancelReason": "변심"}, pairs...))
	}
	t.Run("part by part it stays PARTIAL_CANCELED, at zero too, and amounts follow the balance", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossPaid("pay_card", nil, "taxFreeAmount", 10000)
		steps := []struct{ amount, free, left, supplied, vat, leftFree int64 }{
			{40000, 5000, 70000, 59091, 5909, 5000},
			{50000, 0, 20000, 13636, 1364, 5000},
			{0, 0, 0, 0, 0, 0},
		}
		for _, step := range steps {
			pairs := []any{"cancelAmount", step.amount, "taxFreeAmount", step.free}
			if step.amount == 0 {
				pairs = nil // all that is left
			}
			d := cancel(s, key, pairs...).doc(t)
			for name, want := range map[string]int64{
				"totalAmount": 110000, "balanceAmount": step.left, "suppliedAmount": step.supplied, "vat": step.vat, "taxFreeAmount": step.leftFree,
			} {
				if got := number(t, d[name]); got != want {
					t.Errorf("%s is %d, want %d", name, got, want)
				}
			}
			legs := d["cancels"].([]any)
			last := legs[len(legs)-1].(doc)
			if last["transactionKey"] != d["lastTransactionKey"] || number(t, last["refundableAmount"]) != step.left || d["status"] != "PARTIAL_CANCELED" {
				t.Errorf("%v: %v", d["status"], last)
			}
		}
		expectCode(t, cancel(s, key), 403, "NOT_CANCELABLE_AMOUNT")
		if got := s.ledger(key); got.Refunded != 110000 || len(got.Cancels) != 3 {
			t.Errorf("ledger %+v", got)
		}
	})
	t.Run("one cancel of the whole makes it CANCELED", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossPaid("pay_card", nil)
		if got := cancel(s, key, "cancelAmount", 110000).doc(t)["status"]; got != "CANCELED" {
			t.Errorf("status %v", got)
		}
		expectCode(t, cancel(s, key), 400, "ALREADY_CANCELED_PAYMENT")
	})
	t.Run("what cannot be is refused and changes nothing", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossPaid("pay_card", nil, "taxFreeAmount", 1000)
		expectCode(t, cancel(s, key, "cancelAmount", 110001), 403, "NOT_CANCELABLE_AMOUNT")
		expectCode(t, cancel(s, key, "cancelAmount", 1000, "refundableAmount", 1), 400, "NOT_MATCHES_REFUNDABLE_AMOUNT")
		expectCode(t, cancel(s, key, "cancelAmount", 5000, "taxFreeAmount", 1001), 403, "NOT_CANCELABLE_AMOUNT")
		expectCode(t, cancel(s, key, "cancelAmount", 109999), 403, "NOT_CANCELABLE_AMOUNT") // takes tax-free money as taxed
		expectCode(t, cancel(s, key, "cancelReason", ""), 400, "INVALID_REQUEST")
		expectCode(t, cancel(s, key, "cancelAmount", 0), 400, "INVALID_REQUEST")
		if got := s.ledger(key); got.Refunded != 0 || got.Applied.Cancel != 0 || got.Calls.Cancel != 6 {
			t.Errorf("ledger %+v", got)
		}
		unpaid, _ := s.tossReady()
		expectCode(t, cancel(s, unpaid), 403, "NOT_CANCELABLE_PAYMENT")
	})
	t.Run("an account not yet paid is canceled whole, without money", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossPaid("pay_virtual_account", nil)
		expectCode(t, cancel(s, key, "cancelAmount", 100), 403, "NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT")
		if got := cancel(s, key).doc(t)["status"]; got != "CANCELED" {
			t.Errorf("status %v", got)
		}
		if got := s.ledger(key); got.Captured != 0 || got.Refunded != 0 {
			t.Errorf("ledger %+v", got)
		}
	})
	t.Run("a deposit is refunded to an account", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossPaid("pay_virtual_account", nil)
		if got := s.ledger(key); got.Captured != 0 || got.Status != "WAITING_FOR_DEPOSIT" {
			t.Errorf("before: %+v", got)
		}
		if got := s.shop("TOSS", key, "deposit", nil); got != "" {
			t.Errorf("sent to %s", got)
		}
		if got := s.ledger(key); got.Captured != 110000 || got.Status != "DONE" {
			t.Errorf("after: %+v", got)
		}
		account := doc{"bank": "20", "accountNumber": "1002123456789", "holderName": "김토스"}
		expectCode(t, cancel(s, key), 400, "INVALID_REFUND_ACCOUNT_INFO")
		expectCode(t, cancel(s, key, "refundReceiveAccount", doc{"bank": "20", "accountNumber": "1-2", "holderName": "김"}), 400, "INVALID_REFUND_ACCOUNT_NUMBER")
		expectCode(t, cancel(s, key, "refundReceiveAccount", doc{"bank": "", "accountNumber": "12", "holderName": "김"}), 400, "INVALID_BANK")
		d := cancel(s, key, "cancelAmount", 100, "refundReceiveAccount", account).doc(t)
		if got := d["virtualAccount"].(doc); got["refundStatus"] != "PENDING" || got["refundReceiveAccount"].(doc)["bankCode"] != "20" {
			t.Errorf("account %v", got)
		}
		s.advance("48h")
		d = s.toss("GET", "/payments/"+key, nil).doc(t)
		if got := d["virtualAccount"].(doc)["refundStatus"]; got != "COMPLETED" {
			t.Errorf("two days later: %v", got)
		}
	})
	t.Run("an account past its date stays waiting and takes no money", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossPaid("pay_virtual_account", nil, "validHours", 1)
		s.advance("61m")
		d := s.toss("GET", "/payments/"+key, nil).doc(t)
		if d["status"] != "WAITING_FOR_DEPOSIT" || d["virtualAccount"].(doc)["expired"] != true {
			t.Errorf("%v %v", d["status"], d["virtualAccount"])
		}
		if r := s.send("POST", "/sim/shopper", doc{"pg": "TOSS", "paymentKey": key, "act": "deposit"}); r.status != http.StatusConflict {
			t.Errorf("deposit: %d", r.status)
		}
	})
	t.Run("a refund in the console shows in a look-up", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, _ := s.tossPaid("pay_card", nil)
		tid, _ := s.kakaoPaid(nil)
		s.must("POST", "/sim/refund", doc{"pg": "TOSS", "paymentKey": key, "amount": 1000})
		s.must("POST", "/sim/refund", doc{"pg": "kakao", "paymentKey": tid})
		if got := s.toss("GET", "/payments/"+key, nil).doc(t); number(t, got["balanceAmount"]) != 109000 {
			t.Errorf("balance %v", got["balanceAmount"])
		}
		if got := s.kakao("order", doc{"tid": tid}).doc(t)["status"]; got != "CANCEL_PAYMENT" {
			t.Errorf("status %v", got)
		}
		if got := s.ledger(tid); got.Refunded != 110000 || got.Calls.Cancel != 0 || got.Applied.Cancel != 0 {
			t.Errorf("ledger %+v", got)
		}
		if r := s.send("POST", "/sim/refund", doc{"pg": "KAKAO", "paymentKey": tid}); r.status != http.StatusConflict && r.status != http.StatusBadRequest {
			t.Errorf("again: %d", r.status)
		}
	})
}

func TestToss_Transactions(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *pgsim.Server) { s.TransactionsLag = time.Minute })
	var keys []string
	for _, act := range []string{"pay_card", "pay_virtual_account", "pay_money"} {
		key, _ := s.tossPaid(act, nil)
		keys = append(keys, key)
	}
	s.toss("POST", "/payments/"+keys[0]+"/cancel", doc{"cancelReason": "변심", "cancelAmount": 100})
	list := func(query string) []any {
		r := s.send("GET", "/toss/v1/transactions?startDate="+day(0)+"&endDate="+day(1)+query, nil, "Authorization", tossKey)
		var rows []any
		decode(t, r.body, &rows)
		return rows
	}
	if got := list(""); len(got) != 0 {
		t.Errorf("before they are indexed: %v", got)
	}
	s.advance("1m")
	rows := list("")
	if len(rows) != 4 {
		t.Fatalf("%d rows", len(rows))
	}
	var samples []any
	decode(t, file(t, "toss/transactions.json"), &samples)
	if diff := diffShape(samples[0].(doc), rows[1].(doc)); diff != "" {
		t.Error(diff)
	}
	if rows[1].(doc)["status"] != "WAITING_FOR_DEPOSIT" || number(t, rows[1].(doc)["amount"]) != 0 {
		t.Errorf("waiting: %v", rows[1])
	}
	first := list("&limit=3")
	rest := list("&startingAfter=" + first[2].(doc)["transactionKey"].(string))
	if len(first) != 3 || len(rest) != 1 || rest[0].(doc)["status"] != "PARTIAL_CANCELED" {
		t.Errorf("pages of %d and %d: %v", len(first), len(rest), rest)
	}
	expectCode(t, s.toss("GET", "/transactions?startDate="+day(0), nil), 400, "INVALID_REQUEST")
}

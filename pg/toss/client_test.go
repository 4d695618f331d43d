package toss_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"payment-system/internal/testclock"
	"payment-system/pg"
	"payment-system/pg/pgtest"
	"payment-system/pg/toss"
	"payment-system/shop"
)

var now = testclock.Now()

// open returns a client of a gateway that says what it is told.
func open(t testing.TB) (*toss.Client, *pgtest.Script) {
	script := pgtest.NewScript(t)
	return &toss.Client{BaseURL: script.URL + "/", SecretKey: "test_sk_1", Now: func() time.Time { return now }}, script
}

func at(s string) *time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	t = t.UTC()
	return &t
}

var (
	cardKey  = pg.Key{PaymentKey: "5EnNZRJGvaBX7zk2yd8ydw26XvwXkLrx9POLqKQjmAw4b0e1", AttemptID: "a4CWyWY5m89PNh7xJwhk1"}
	readyKey = pg.Key{PaymentKey: "tviva20250101120000AbCd1", AttemptID: "order-0001-abcdef"}
)

// payload is the Payment in a sample: the data of a webhook, else all of it.
func payload(t testing.TB, name string) []byte {
	t.Helper()
	body := pgtest.Sample(t, name)
	var hook struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &hook); err != nil {
		t.Fatal(err)
	}
	if hook.Data != nil {
		return hook.Data
	}
	return body
}

func TestClient_samples(t *testing.T) {
	t.Parallel()
	card := pg.Payment{
		PG: shop.PGToss, PaymentKey: cardKey.PaymentKey, AttemptID: "a4CWyWY5m89PNh7xJwhk1", Status: pg.StatusPaid, Currency: "KRW",
		Amount: 1000, Captured: 1000, Method: "카드", ApprovedAt: at("2024-02-13T12:18:14+09:00"),
	}
	canceled := card
	canceled.Status, canceled.Refunded = pg.StatusRefunded, 1000
	canceled.Cancels = []pg.Cancel{{
		Key: "090A796806E726BBB929F4A2CA7DB9A7", Amount: 1000, Reason: "테스트 결제 취소", At: at("2024-02-13T12:20:23+09:00"),
	}}
	for name, want := range map[string]pg.Payment{
		"payment_card_done.json":   card,
		"payment_cancel_full.json": canceled,
		"payment_card_foreign_done.json": {
			PG: shop.PGToss, PaymentKey: "Kl56WYb7w4vZnjEJeQVxn0ZyqmKWbD8PmOoBN0k12dzgRG9p", AttemptID: "14854200076307017",
			Status: pg.StatusPaid, Currency: "KRW", Amount: 163020, Captured: 163020, Method: "카드", ApprovedAt: at("2023-12-01T00:05:07+09:00"),
		},
		"payment_easypay_done.json": {
			PG: shop.PGToss, PaymentKey: "tgen_20250626194853NtWm4", AttemptID: "ORD-1750934933050-OTYKJs2w", Status: pg.StatusPaid,
			Currency: "KRW", Amount: 1000, Captured: 1000, Method: "간편결제", ApprovedAt: at("2025-06-26T19:49:06+09:00"),
			Secret: "ps_DLJOpm5QrlO1J45gP1xLVPNdxbWn",
		},
		"payment_virtual_account_waiting.json": {
			PG: shop.PGToss, PaymentKey: "znsyz20251130141719u7Ie0", AttemptID: "71", Status: pg.StatusWaitingForDeposit, Currency: "KRW",
			Amount: 30000, Method: "가상계좌", Secret: "ps_eqRGgYO1r57E4Z541ZMW3QnN2Eya",
			DepositDue: at("2025-11-30T15:17:19+09:00"),
		},
		"payment_ready.json": {
			PG: shop.PGToss, PaymentKey: readyKey.PaymentKey, AttemptID: "order-0001-abcdef", Status: pg.StatusOpen, Currency: "KRW", Amount: 15000,
		},
		"webhook_payment_status_changed.json": {
			PG: shop.PGToss, PaymentKey: "aifor20260102144643uN3L9", AttemptID: "toss_2966480", Status: pg.StatusPaid, Currency: "KRW",
			Amount: 37400, Captured: 37400, Method: "카드", ApprovedAt: at("2026-01-02T14:46:58+09:00"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, script := open(t)
			body := payload(t, name)
			script.Say(http.StatusOK, body)
			got, err := c.LookUp(t.Context(), pg.Key{PaymentKey: want.PaymentKey, AttemptID: shop.AttemptID(want.AttemptID)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(pg.Payment{}, "Record", "Raw")); diff != "" {
				t.Errorf("payment (-want +got):\n%s", diff)
			}
			if string(got.Raw) != string(body) {
				t.Errorf("raw is not the body")
			}
			wantKept(t, body, got.Record)
		})
	}

	t.Run("webhook_cancel_status_changed.json", func(t *testing.T) {
		t.Parallel()
		c, script := open(t)
		legs := append(append([]byte(`"cancels": [`), payload(t, "webhook_cancel_status_changed.json")...), ']')
		body := []byte(strings.Replace(string(pgtest.Sample(t, "payment_card_done.json")), `"cancels": null`, string(legs), 1))
		script.Say(http.StatusOK, body)
		got, err := c.LookUp(t.Context(), cardKey)
		if err != nil || len(got.Cancels) != 1 || got.Cancels[0].Key != "090A796806E726BBB929F4A2CA7DB9A7" {
			t.Fatalf("cancels = %+v, %v", got.Cancels, err)
		}
		wantKept(t, body, got.Record)
	})
}

// dropped are the keys that no record keeps: the secret is the payment's, and
// transfers have no discounts here.
var dropped = map[string]bool{"secret": true, "cancels[].transferDiscountAmount": true}

// wantKept fails the test unless the record, which bears Toss's own names, holds
// every value of the answer.
func wantKept(t *testing.T, body []byte, record shop.GatewayRecord) {
	t.Helper()
	if fetched := record.(*shop.TossRecord).FetchedAt; !fetched.Equal(now) {
		t.Errorf("fetched at %v, want %v", fetched, now)
	}
	said, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	has := pgtest.Leaves(t, said)
	for key, want := range pgtest.Leaves(t, body) {
		if dropped[key] {
			continue
		}
		if got := has[key]; fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("%s is %v in the answer and %v in the record", key, want, got)
		}
	}
}

// everything is a Payment with all its parts, in the spirit of the documents.
const everything = `{"version":"2022-11-16","paymentKey":"k","type":"NORMAL","orderId":"att_1","orderName":"n","mId":"m","currency":"KRW",
"country":"KR","method":"가상계좌","status":"PARTIAL_CANCELED","totalAmount":10000,"balanceAmount":7000,"suppliedAmount":5455,"vat":545,
"taxFreeAmount":1000,"taxExemptionAmount":0,"requestedAt":"2026-01-01T00:00:00+09:00","approvedAt":"2026-01-01T00:01:00+09:00",
"useEscrow":true,"cultureExpense":true,"isPartialCancelable":true,"lastTransactionKey":"t2","secret":"ps_1",
"cancels":[{"transactionKey":"t2","cancelReason":"r","cancelAmount":3000,"taxFreeAmount":500,"taxExemptionAmount":1,"refundableAmount":7000,
"easyPayDiscountAmount":2,"canceledAt":"2026-01-02T00:00:00+09:00","receiptKey":"rk","cancelStatus":"DONE","cancelRequestId":"cr","cardDiscountAmount":null}],
"card":{"amount":10000,"issuerCode":"71","acquirerCode":"72","number":"12345678****000*","installmentPlanMonths":3,"approveNo":"00000000",
"useCardPoint":true,"cardType":"신용","ownerType":"개인","acquireStatus":"READY","isInterestFree":true,"interestPayer":"BUYER"},
"virtualAccount":{"accountType":"일반","accountNumber":"1","bankCode":"20","customerName":"c","depositorName":"d","dueDate":"2026-01-08T00:00:00+09:00",
"refundStatus":"NONE","expired":true,"settlementStatus":"INCOMPLETED","refundReceiveAccount":{"bankCode":"20","accountNumber":"2","holderName":"h"}},
"transfer":{"bankCode":"20","settlementStatus":"COMPLETED"},"mobilePhone":{"customerMobilePhone":"010","settlementStatus":"s","receiptUrl":"u"},
"giftCertificate":{"approveNo":"a","settlementStatus":"s"},"easyPay":{"provider":"토스페이","amount":1,"discountAmount":2},
"cashReceipt":{"type":"소득공제","receiptKey":"rk","issueNumber":"in","receiptUrl":"u","amount":3,"taxFreeAmount":4},
"cashReceipts":[{"type":"소득공제","receiptKey":"rk","issueNumber":"in","receiptUrl":"u","amount":3,"taxFreeAmount":4}],
"discount":{"amount":5},"receipt":{"url":"u"},"checkout":{"url":"u"},"failure":{"code":"C","message":"M"}}`

func TestClient_everything(t *testing.T) {
	t.Parallel()
	c, script := open(t)
	script.Say(http.StatusOK, []byte(everything))
	got, err := c.LookUp(t.Context(), pg.Key{AttemptID: "att_1"})
	if err != nil {
		t.Fatal(err)
	}
	wantKept(t, []byte(everything), got.Record)
	want := pg.Payment{
		PG: shop.PGToss, PaymentKey: "k", AttemptID: "att_1", Status: pg.StatusPartiallyRefunded, Currency: "KRW", Amount: 10000, TaxFree: 1500,
		Captured: 10000, Refunded: 3000, InstallmentMonths: 3, Method: "가상계좌", ApprovedAt: at("2026-01-01T00:01:00+09:00"), Secret: "ps_1",
		DepositDue: at("2026-01-08T00:00:00+09:00"), Failure: &shop.PaymentFailure{Code: "C", Message: "M"},
		Cancels: []pg.Cancel{{Key: "t2", Amount: 3000, TaxFree: 500, Reason: "r", At: at("2026-01-02T00:00:00+09:00")}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(pg.Payment{}, "Record", "Raw")); diff != "" {
		t.Errorf("payment (-want +got):\n%s", diff)
	}

	t.Run("nothing but what must be there", func(t *testing.T) {
		script.Say(http.StatusOK, []byte(`{"paymentKey":"k","orderId":"att_1","status":"DONE","totalAmount":10000,"currency":"KRW","approvedAt":"2026-01-01T00:00:00+09:00"}`))
		got, err := c.LookUp(t.Context(), pg.Key{PaymentKey: "k"})
		if err != nil || got.Status != pg.StatusPaid || got.Captured != 10000 || got.Refunded != 0 {
			t.Fatalf("payment = %+v, %v", got, err)
		}
		r := got.Record.(*shop.TossRecord)
		if r.Cancels == nil || r.CashReceipts == nil || r.Card != nil || r.BalanceAmount != nil {
			t.Errorf("record = %+v", r)
		}
	})
}

func readyRequest() pg.ReadyRequest {
	return pg.ReadyRequest{
		IdempotencyKey: "key_1", AttemptID: "order-0001-abcdef", UserRef: "ref_1", ItemName: "토스 티셔츠", Quantity: 3, Amount: 15000, TaxFree: 4000,
		VAT: 1000, ApprovedURL: "https://shop.example/a", CanceledURL: "https://shop.example/c", FailedURL: "https://shop.example/f",
	}
}

func TestClient_Ready(t *testing.T) {
	t.Parallel()
	c, script := open(t)
	script.Say(http.StatusOK, pgtest.Sample(t, "payment_ready.json"))
	got, err := c.Ready(t.Context(), readyRequest())
	want := pg.Ready{PaymentKey: readyKey.PaymentKey, Checkouts: shop.SameCheckout("https://api.tosspayments.com/v1/payments/tviva20250101120000AbCd1/checkout")}
	if err != nil || got != want {
		t.Fatalf("Ready = %+v, %v; want %+v", got, err, want)
	}
	script.Say(http.StatusOK, edit(t, "payment_ready.json", `"checkout"`, `"x"`))
	_, err = c.Ready(t.Context(), readyRequest())
	wantOutcome(t, err, pg.OutcomeUnknown)
}

func TestClient_requests(t *testing.T) {
	t.Parallel()
	const create = `"amount":15000,"currency":"KRW","orderId":"order-0001-abcdef","orderName":"토스 티셔츠","successUrl":"https://shop.example/a",` +
		`"failUrl":"https://shop.example/f","flowMode":"DEFAULT","taxFreeAmount":4000`
	ready := func(method shop.PaymentMethod, months int) func(*toss.Client) {
		return func(c *toss.Client) {
			req := readyRequest()
			req.Method, req.InstallmentMonths = method, months
			_, _ = c.Ready(t.Context(), req)
		}
	}
	key := pg.Key{PaymentKey: "k/1", AttemptID: "att_1"}
	account := &shop.RefundAccount{BankCode: "20", AccountNumber: "1002-123 456789", HolderName: "홍길동"}
	cancel := func(req pg.CancelRequest) func(*toss.Client) {
		req.IdempotencyKey, req.Key, req.RefundID = "key_1", key, "rfd_1"
		return func(c *toss.Client) { _, _ = c.Cancel(t.Context(), req) }
	}
	for _, test := range []struct {
		name, method, path, body string
		call                     func(*toss.Client)
	}{
		{"create", "POST", "", `{` + create + `}`, ready("", 0)},
		{"create by card", "POST", "", `{"method":"CARD",` + create + `,"cardInstallmentPlan":3}`, ready("CARD", 3)},
		{"create by what Toss has not", "POST", "", `{` + create + `}`, ready("MONEY", 0)},
		{"create by default", "POST", "", `{"method":"TRANSFER",` + create + `}`, func(c *toss.Client) {
			c.DefaultMethod = "TRANSFER"
			ready("", 0)(c)
		}},
		{"confirm", "POST", "/confirm", `{"paymentKey":"k/1","orderId":"att_1","amount":15000}`, func(c *toss.Client) {
			_, _ = c.Approve(t.Context(), pg.ApproveRequest{IdempotencyKey: "key_1", Key: key, Amount: 15000})
		}},
		{
			"cancel in part", "POST", "/k%2F1/cancel", `{"cancelReason":"변심","cancelAmount":5000,"taxFreeAmount":1000,"refundableAmount":15000}`,
			cancel(pg.CancelRequest{Amount: 5000, TaxFree: 1000, Available: 15000, Reason: " 변심 "}),
		},
		{
			"cancel of all", "POST", "/k%2F1/cancel", `{"cancelReason":"고객 요청","taxFreeAmount":4000,"refundableAmount":15000}`,
			cancel(pg.CancelRequest{Amount: 15000, TaxFree: 4000, Available: 15000, Whole: true}),
		},
		{
			"cancel to an account", "POST", "/k%2F1/cancel",
			`{"cancelReason":"` + strings.Repeat("가", 200) + `","cancelAmount":1,"taxFreeAmount":0,"refundableAmount":2,` +
				`"refundReceiveAccount":{"bank":"20","accountNumber":"1002123456789","holderName":"홍길동"}}`,
			cancel(pg.CancelRequest{Amount: 1, Available: 2, Reason: strings.Repeat("가", 201), Account: account}),
		},
		{"look-up by key", "GET", "/k%2F1", ``, func(c *toss.Client) { _, _ = c.LookUp(t.Context(), key) }},
		{"look-up by attempt", "GET", "/orders/att_1", ``, func(c *toss.Client) { _, _ = c.LookUp(t.Context(), pg.Key{AttemptID: "att_1"}) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, script := open(t)
			test.call(c)
			asked := script.Asked()
			if len(asked) != 1 {
				t.Fatalf("%d requests, want 1", len(asked))
			}
			got := asked[0]
			if got.Method != test.method || got.Path != "/v1/payments"+test.path || string(got.Body) != test.body {
				t.Errorf("%s %s\n%s\nwant %s %s\n%s", got.Method, got.Path, got.Body, test.method, test.path, test.body)
			}
			key := map[string]string{"POST": "key_1", "GET": ""}[test.method]
			for name, want := range map[string]string{
				"Authorization": "Basic dGVzdF9za18xOg==", "Accept-Language": "ko-KR", "Idempotency-Key": key,
			} {
				if h := got.Header.Get(name); h != want {
					t.Errorf("%s: %q, want %q", name, h, want)
				}
			}
		})
	}
}

// Without an idempotency key, with an endless one, and without a name to look
// up, there is nothing to send.
func TestClient_neverSent(t *testing.T) {
	t.Parallel()
	c, script := open(t)
	for _, key := range []string{"", strings.Repeat("k", 301)} {
		_, err := c.Approve(t.Context(), pg.ApproveRequest{IdempotencyKey: key, Key: readyKey, Amount: 1})
		wantOutcome(t, err, pg.OutcomeMisconfigured)
	}
	_, err := c.LookUp(t.Context(), pg.Key{})
	wantOutcome(t, err, pg.OutcomeNotFound)
	if n := len(script.Asked()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func wantOutcome(t testing.TB, err error, want pg.Outcome) *pg.Error {
	t.Helper()
	var e *pg.Error
	if !errors.As(err, &e) || e.Outcome != want {
		t.Fatalf("error = %v, want outcome %v", err, want)
	}
	return e
}

// edit replaces text in a sample, which must have it.
func edit(t testing.TB, name string, pairs ...string) []byte {
	t.Helper()
	body := string(pgtest.Sample(t, name))
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(body, pairs[i]) {
			t.Fatalf("%s has no %s", name, pairs[i])
		}
		body = strings.ReplaceAll(body, pairs[i], pairs[i+1])
	}
	return []byte(body)
}

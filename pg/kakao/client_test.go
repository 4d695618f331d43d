package kakao_test

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
	"payment-system/pg/kakao"
	"payment-system/pg/pgtest"
	"payment-system/shop"
)

var now = testclock.Now()

// open returns a client of a gateway that says what it is told.
func open(t testing.TB) (*kakao.Client, *pgtest.Script) {
	script := pgtest.NewScript(t)
	return &kakao.Client{BaseURL: script.URL + "/", SecretKey: "DEV1", Now: func() time.Time { return now }}, script
}

func korean(s string) *time.Time {
	t, err := time.Parse(time.RFC3339, s+"+09:00")
	if err != nil {
		panic(err)
	}
	t = t.UTC()
	return &t
}

var (
	docKey  = pg.Key{PaymentKey: "T1234567890123456789", AttemptID: "partner_order_id"}
	liveKey = pg.Key{PaymentKey: "T6a8d38329fd342cdd38", AttemptID: "1"}
)

// calls are the ways to ask for each sample.
func call(t testing.TB, c *kakao.Client, name string) (pg.Payment, error) {
	switch name {
	case "approve_card.json", "approve_money.json":
		return c.Approve(t.Context(), pg.ApproveRequest{Key: docKey, Amount: 2200})
	case "approve_card_kapi_v1.json":
		return c.Approve(t.Context(), pg.ApproveRequest{Key: docKey, Amount: 3200})
	case "cancel_full.json":
		return c.Cancel(t.Context(), pg.CancelRequest{Key: docKey, Amount: 2200, Available: 2200, Whole: true})
	case "cancel_partial_card_live.json":
		return c.Cancel(t.Context(), pg.CancelRequest{Key: liveKey, Amount: 1100, Available: 1100000})
	case "order_partial_cancel.json":
		return c.LookUp(t.Context(), liveKey)
	}
	return c.LookUp(t.Context(), docKey)
}

func TestClient_samples(t *testing.T) {
	t.Parallel()
	paid := pg.Payment{
		PG: shop.PGKakao, PaymentKey: docKey.PaymentKey, AttemptID: "partner_order_id", Status: pg.StatusPaid, Currency: "KRW",
		Amount: 2200, Captured: 2200, Method: "MONEY", ApprovedAt: korean("2023-07-15T21:18:22"),
	}
	approved := paid
	approved.LegKey = "A5678901234567890123"
	byCard := approved
	byCard.Method = "CARD"
	older := byCard
	older.Amount, older.Captured, older.ApprovedAt = 3200, 3200, korean("2019-05-21T11:18:32")
	full := approved
	full.Status, full.Refunded, full.ApprovedAt = pg.StatusRefunded, 2200, korean("2016-11-15T21:20:48")
	full.Cancels = []pg.Cancel{{Key: "A5678901234567890123", Amount: 2200, At: korean("2016-11-15T21:28:28")}}
	live := pg.Payment{
		PG: shop.PGKakao, PaymentKey: liveKey.PaymentKey, AttemptID: "1", Status: pg.StatusPartiallyRefunded, Currency: "KRW",
		Amount: 1100000, Captured: 1100000, Refunded: 1100, Method: "CARD", ApprovedAt: korean("2024-07-30T20:51:01"),
		Cancels: []pg.Cancel{{Key: "A6a8d6a129fd342cdd3c", Amount: 1100, At: korean("2024-07-30T21:03:45")}},
	}
	made := live
	made.LegKey = "A6a8d6a129fd342cdd3c"

	for name, want := range map[string]pg.Payment{
		"approve_money.json": approved, "approve_card.json": byCard, "approve_card_kapi_v1.json": older,
		"cancel_full.json": full, "cancel_partial_card_live.json": made, "order_partial_cancel.json": live,
		"order_success.json": paid, "order_success_doc_zero_available.json": paid,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, script := open(t)
			body := pgtest.Sample(t, name)
			script.Say(http.StatusOK, body)
			got, err := call(t, c, name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(pg.Payment{}, "Record", "Raw")); diff != "" {
				t.Errorf("payment (-want +got):\n%s", diff)
			}
			if string(got.Raw) != string(body) {
				t.Errorf("raw is not the body")
			}
			if record := got.Record.(*shop.KakaoRecord); !record.FetchedAt.Equal(now) {
				t.Errorf("fetched at %v, want %v", record.FetchedAt, now)
			}
			wantKept(t, body, got.Record)
		})
	}
}

// kept says where the record keeps each key of Kakao's answers.
var kept = map[string]string{
	"tid": "tid", "cid": "cid", "aid": "aid", "status": "status", "partner_order_id": "partnerOrderId", "partner_user_id": "partnerUserId",
	"payment_method_type": "paymentMethodType", "item_name": "itemName", "item_code": "itemCode", "quantity": "quantity",
	"created_at": "createdAt", "approved_at": "approvedAt", "canceled_at": "canceledAt",
	"card_info.kakaopay_issuer_corp": "card.issuer", "card_info.kakaopay_issuer_corp_code": "card.issuerCode",
	"card_info.kakaopay_purchase_corp": "card.acquirer", "card_info.kakaopay_purchase_corp_code": "card.acquirerCode",
	"card_info.bin": "card.bin", "card_info.card_type": "card.cardType", "card_info.approved_id": "card.approvalNumber",
	"card_info.card_mid": "card.merchantId", "card_info.install_month": "card.installMonths",
	"card_info.installment_type": "card.installmentType", "card_info.interest_free_install": "card.interestFree",
	"selected_card_info.card_bin": "card.bin", "selected_card_info.install_month": "card.installMonths",
	"selected_card_info.installment_type": "card.installmentType", "selected_card_info.card_corp_name": "card.issuer",
	"selected_card_info.interest_free_install":     "card.interestFree",
	"payment_action_details[].aid":                 "actions[].aid",
	"payment_action_details[].payment_action_type": "actions[].kind",
	"payment_action_details[].amount":              "actions[].amount",
	"payment_action_details[].point_amount":        "actions[].pointAmount",
	"payment_action_details[].discount_amount":     "actions[].discountAmount",
	"payment_action_details[].green_deposit":       "actions[].greenDeposit",
	"payment_action_details[].approved_at":         "actions[].approvedAt",
	"payment_action_details[].payload":             "actions[].payload",
	// The method is the payment's, and older codes stand only in for missing ones.
	"payment_action_details[].payment_method_type": "",
	"card_info.purchase_corp":                      "", "card_info.purchase_corp_code": "",
	"card_info.issuer_corp": "", "card_info.issuer_corp_code": "",
}

// path returns where the record keeps a key, and whether it is known.
func path(key string) (string, bool) {
	sums := map[string]string{
		"amount": "amount", "approved_cancel_amount": "approvedCancelAmount", "canceled_amount": "canceledAmount",
		"cancel_available_amount": "cancelAvailableAmount",
	}
	parts := map[string]string{
		"total": "total", "tax_free": "taxFree", "vat": "vat", "point": "point", "discount": "discount", "green_deposit": "greenDeposit",
	}
	sum, part, _ := strings.Cut(key, ".")
	if sums[sum] != "" {
		return sums[sum] + "." + parts[part], parts[part] != ""
	}
	to, known := kept[key]
	return to, known
}

// wantKept fails the test unless the record holds every value of the answer.
func wantKept(t *testing.T, body []byte, record shop.GatewayRecord) {
	t.Helper()
	said, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	has := pgtest.Leaves(t, said)
	for key, values := range pgtest.Leaves(t, body) {
		to, known := path(key)
		if !known {
			t.Errorf("nothing says where %s is kept", key)
		}
		if to == "" {
			continue
		}
		if want, got := plain(values), plain(has[to]); want != got {
			t.Errorf("%s is %s in the answer and %s in the record's %s", key, want, got, to)
		}
	}
}

// plain writes values as the record would: "00" is 0, Y is true.
func plain(values []any) string {
	switch s := fmt.Sprint(values); s {
	case "[00]":
		return "[0]"
	case "[N]":
		return "[false]"
	case "[Y]":
		return "[true]"
	default:
		return s
	}
}

func TestClient_Ready(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]pg.Ready{
		"ready.json": {PaymentKey: "T1234567890123456789", Checkouts: shop.CheckoutURLs{
			Desktop: "https://mockup-pg-web.kakao.com/v1/xxxxxxxxxx/info", Mobile: "https://mockup-pg-web.kakao.com/v1/xxxxxxxxxx/mInfo",
			App: "https://mockup-pg-web.kakao.com/v1/xxxxxxxxxx/aInfo",
		}},
		"ready_live_kapi.json": {
			PaymentKey: "T469b847306d7b2dc394",
			Checkouts: shop.CheckoutURLs{
				Desktop: "https://online-pay.kakao.com/mockup/v1/1d61e5d04016bd94c9ed54406bb51f1194e3772ce297a097fdb3e3604fc42e46/info",
				Mobile:  "https://online-pay.kakao.com/mockup/v1/1d61e5d04016bd94c9ed54406bb51f1194e3772ce297a097fdb3e3604fc42e46/mInfo",
				App:     "https://online-pay.kakao.com/mockup/v1/1d61e5d04016bd94c9ed54406bb51f1194e3772ce297a097fdb3e3604fc42e46/aInfo",
			},
		},
	} {
		c, script := open(t)
		script.Say(http.StatusOK, pgtest.Sample(t, name))
		got, err := c.Ready(t.Context(), readyRequest())
		if err != nil || got != want {
			t.Errorf("%s: Ready = %+v, %v; want %+v", name, got, err, want)
		}
	}

	t.Run("a page that is missing, or is none, is that of the next larger device", func(t *testing.T) {
		t.Parallel()
		c, script := open(t)
		const desk, phone = "https://pay.example/pc", "https://pay.example/m"
		for answer, want := range map[string]shop.CheckoutURLs{
			`{"tid":"T1","next_redirect_pc_url":"` + desk + `"}`:                                                                        shop.SameCheckout(desk),
			`{"tid":"T1","next_redirect_pc_url":"` + desk + `","next_redirect_mobile_url":"` + phone + `"}`:                             {Desktop: desk, Mobile: phone, App: phone},
			`{"tid":"T1","next_redirect_pc_url":"` + desk + `","next_redirect_mobile_url":"javascript:x","next_redirect_app_url":null}`: shop.SameCheckout(desk),
		} {
			script.Say(http.StatusOK, []byte(answer))
			got, err := c.Ready(t.Context(), readyRequest())
			if err != nil || got.Checkouts != want {
				t.Errorf("%s: Ready = %+v, %v; want %+v", answer, got, err, want)
			}
		}
	})

	t.Run("an address of over 255 bytes, or none, is never sent", func(t *testing.T) {
		t.Parallel()
		c, script := open(t)
		for _, address := range []string{"https://shop.example/" + strings.Repeat("a", 255), "", "/payments"} {
			req := readyRequest()
			req.FailedURL = address
			_, err := c.Ready(t.Context(), req)
			wantOutcome(t, err, pg.OutcomeMisconfigured)
		}
		if n := len(script.Asked()); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
		req := readyRequest()
		req.FailedURL = "https://shop.example/" + strings.Repeat("a", 255-len("https://shop.example/"))
		script.Say(http.StatusOK, pgtest.Sample(t, "ready.json"))
		if _, err := c.Ready(t.Context(), req); err != nil {
			t.Errorf("255 bytes: %v", err)
		}
	})
	t.Run("an answer without a tid or an address is unknown", func(t *testing.T) {
		t.Parallel()
		c, script := open(t)
		for _, body := range []string{
			`{}`, `null`, `{"tid":"T1"}`, `{"next_redirect_pc_url":"https://a.example"}`,
			`{"tid":"T1","next_redirect_pc_url":"javascript:alert(1)"}`, `{"tid":1,"next_redirect_pc_url":"https://a.example"}`,
		} {
			script.Say(http.StatusOK, []byte(body))
			_, err := c.Ready(t.Context(), readyRequest())
			wantOutcome(t, err, pg.OutcomeUnknown)
		}
	})
}

func readyRequest() pg.ReadyRequest {
	return pg.ReadyRequest{
		IdempotencyKey: "k", AttemptID: "att_1", UserRef: "ref_1", ItemName: "초코파이", Quantity: 3, Amount: 15000, TaxFree: 4000, VAT: 1000,
		ApprovedURL: "https://shop.example/a", CanceledURL: "https://shop.example/c", FailedURL: "https://shop.example/f",
	}
}

func TestClient_requests(t *testing.T) {
	t.Parallel()
	pinned := readyRequest()
	pinned.InstallmentMonths, pinned.Method = 3, "CARD"
	elsewhere := readyRequest()
	elsewhere.Method = "VIRTUAL_ACCOUNT"
	const ready = `{"cid":"TC0ONETIME","partner_order_id":"att_1","partner_user_id":"ref_1","item_name":"초코파이","quantity":3,` +
		`"total_amount":15000,"tax_free_amount":4000,"vat_amount":1000,"approval_url":"https://shop.example/a",` +
		`"cancel_url":"https://shop.example/c","fail_url":"https://shop.example/f"`
	key := pg.Key{PaymentKey: "T1", AttemptID: "att_1"}
	for _, test := range []struct {
		name, path, body string
		call             func(*kakao.Client)
	}{
		{"ready", "ready", ready + `}`, func(c *kakao.Client) { _, _ = c.Ready(t.Context(), readyRequest()) }},
		{"ready by card", "ready", ready + `,"payment_method_type":"CARD","install_month":3}`, func(c *kakao.Client) { _, _ = c.Ready(t.Context(), pinned) }},
		{"ready by what Kakao has not", "ready", ready + `}`, func(c *kakao.Client) { _, _ = c.Ready(t.Context(), elsewhere) }},
		{
			"approve", "approve",
			`{"cid":"TC0ONETIME","tid":"T1","partner_order_id":"att_1","partner_user_id":"ref_1","pg_token":"tok","total_amount":15000}`,
			func(c *kakao.Client) {
				_, _ = c.Approve(t.Context(), pg.ApproveRequest{IdempotencyKey: "k", Key: key, UserRef: "ref_1", PgToken: "tok", Amount: 15000})
			},
		},
		{
			"cancel", "cancel",
			`{"cid":"TC0ONETIME","tid":"T1","cancel_amount":5000,"cancel_tax_free_amount":1000,"cancel_available_amount":15000,"payload":"rfd_1"}`,
			func(c *kakao.Client) {
				_, _ = c.Cancel(t.Context(), pg.CancelRequest{Key: key, RefundID: "rfd_1", Amount: 5000, TaxFree: 1000, Available: 15000, Reason: "r"})
			},
		},
		{"order", "order", `{"cid":"TC0ONETIME","tid":"T1"}`, func(c *kakao.Client) { _, _ = c.LookUp(t.Context(), key) }},
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
			if got.Method != http.MethodPost || got.Path != "/online/v1/payment/"+test.path || string(got.Body) != test.body {
				t.Errorf("%s %s\n%s\nwant POST %s\n%s", got.Method, got.Path, got.Body, test.path, test.body)
			}
			if a := got.Header.Get("Authorization"); a != "SECRET_KEY DEV1" {
				t.Errorf("Authorization: %s", a)
			}
			if ct := got.Header.Get("Content-Type"); ct != "application/json" {
				t.Errorf("Content-Type: %s", ct)
			}
		})
	}

	t.Run("a look-up without a tid is not sent and finds nothing", func(t *testing.T) {
		t.Parallel()
		c, script := open(t)
		_, err := c.LookUp(t.Context(), pg.Key{AttemptID: "att_1"})
		wantOutcome(t, err, pg.OutcomeNotFound)
		if n := len(script.Asked()); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}

func wantOutcome(t testing.TB, err error, want pg.Outcome) *pg.Error {
	t.Helper()
	var e *pg.Error
	if !errors.As(err, &e) || e.Outcome != want {
		t.Fatalf("error = %v, want outcome %v", err, want)
	}
	return e
}

package toss_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/pg"
	"payment-system/pg/pgtest"
	"payment-system/pg/toss"
	"payment-system/shop"
)

// ask makes one of the four calls of the payment of the card samples.
func ask(t testing.TB, c *toss.Client, call string) error {
	t.Helper()
	var err error
	switch call {
	case "ready":
		_, err = c.Ready(t.Context(), readyRequest())
	case "approve":
		_, err = c.Approve(t.Context(), pg.ApproveRequest{IdempotencyKey: "k", Key: cardKey, Amount: 1000})
	case "cancel":
		_, err = c.Cancel(t.Context(), pg.CancelRequest{IdempotencyKey: "k", Key: cardKey, Amount: 1000, Available: 1000, Whole: true})
	case "lookup":
		_, err = c.LookUp(t.Context(), cardKey)
	}
	return err
}

func TestClient_errorSamples(t *testing.T) {
	t.Parallel()
	c, script := open(t)
	script.Say(http.StatusForbidden, pgtest.Sample(t, "error_not_cancelable_amount.json"))
	e := wantOutcome(t, ask(t, c, "cancel"), pg.OutcomeRefused)
	if e.PG != shop.PGToss || e.Call != "cancel" || e.Code != "NOT_CANCELABLE_AMOUNT" || e.Message != "취소 할 수 없는 금액 입니다." || e.Status != 403 {
		t.Errorf("error = %+v", e)
	}
	script.Say(http.StatusNotFound, pgtest.Sample(t, "error_not_found_payment.json"))
	for _, call := range []string{"approve", "cancel", "lookup"} {
		if e := wantOutcome(t, ask(t, c, call), pg.OutcomeNotFound); e.Code != "NOT_FOUND_PAYMENT" {
			t.Errorf("%s: error = %+v", call, e)
		}
	}
}

// errorLists are the codes that Toss documents for each call, by status.
var errorLists = map[string]map[int]string{
	"approve": {
		400: `ALREADY_PROCESSED_PAYMENT PROVIDER_ERROR EXCEED_MAX_CARD_INSTALLMENT_PLAN INVALID_REQUEST NOT_ALLOWED_POINT_USE INVALID_API_KEY
			INVALID_REJECT_CARD BELOW_MINIMUM_AMOUNT INVALID_CARD_EXPIRATION INVALID_STOPPED_CARD EXCEED_MAX_DAILY_PAYMENT_COUNT
			NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT INVALID_CARD_INSTALLMENT_PLAN NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN
			EXCEED_MAX_PAYMENT_AMOUNT NOT_FOUND_TERMINAL_ID INVALID_AUTHORIZE_AUTH INVALID_CARD_LOST_OR_STOLEN RESTRICTED_TRANSFER_ACCOUNT
			INVALID_CARD_NUMBER INVALID_UNREGISTERED_SUBMALL NOT_REGISTERED_BUSINESS EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT
			EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT CARD_PROCESSING_ERROR EXCEED_MAX_AMOUNT INVALID_ACCOUNT_INFO_RE_REGISTER NOT_AVAILABLE_PAYMENT
			UNAPPROVED_ORDER_ID EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT DUPLICATED_ORDER_ID NEW_CODE`,
		401: `UNAUTHORIZED_KEY`,
		403: `REJECT_CARD_PAYMENT REJECT_CARD_COMPANY FORBIDDEN_REQUEST REJECT_ACCOUNT_PAYMENT REJECT_TOSSPAY_INVALID_ACCOUNT
			EXCEED_MAX_AUTH_COUNT EXCEED_MAX_ONE_DAY_AMOUNT NOT_AVAILABLE_BANK INVALID_PASSWORD INCORRECT_BASIC_AUTH_FORMAT FDS_ERROR NEW_CODE`,
		404: `NOT_FOUND_PAYMENT NOT_FOUND_PAYMENT_SESSION NEW_CODE`,
		409: `IDEMPOTENT_REQUEST_PROCESSING NEW_CODE`,
		418: `NEW_CODE`,
		429: `TOO_MANY REJECT_CARD_PAYMENT`,
		500: `FAILED_INTERNAL_SYSTEM_PROCESSING FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING UNKNOWN_PAYMENT_ERROR REJECT_CARD_PAYMENT`,
	},
	"lookup": {
		400: `NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN_BELOW_AMOUNT`,
		401: `UNAUTHORIZED_KEY`,
		403: `FORBIDDEN_CONSECUTIVE_REQUEST`,
		404: `NOT_FOUND_PAYMENT NOT_FOUND`,
		500: `FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING`,
	},
	"cancel": {
		400: `ALREADY_CANCELED_PAYMENT INVALID_REFUND_ACCOUNT_INFO EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT INVALID_REQUEST
			INVALID_REFUND_ACCOUNT_NUMBER INVALID_BANK NOT_MATCHES_REFUNDABLE_AMOUNT PROVIDER_ERROR REFUND_REJECTED ALREADY_REFUND_PAYMENT
			FORBIDDEN_BANK_REFUND_REQUEST`,
		401: `UNAUTHORIZED_KEY`,
		403: `NOT_CANCELABLE_AMOUNT FORBIDDEN_CONSECUTIVE_REQUEST FORBIDDEN_REQUEST NOT_CANCELABLE_PAYMENT EXCEED_MAX_REFUND_DUE
			NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT NOT_ALLOWED_PARTIAL_REFUND NOT_AVAILABLE_BANK INCORRECT_BASIC_AUTH_FORMAT
			NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER EXCEED_CANCEL_LIMIT`,
		404: `NOT_FOUND_PAYMENT`,
		500: `FAILED_INTERNAL_SYSTEM_PROCESSING FAILED_REFUND_PROCESS FAILED_METHOD_HANDLING_CANCEL FAILED_PARTIAL_REFUND COMMON_ERROR
			FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING`,
	},
}

// notRefused are the codes of 400, 403, 404 and 409 that are no refusals.
var notRefused = map[string]pg.Outcome{
	"INVALID_API_KEY": pg.OutcomeMisconfigured, "INCORRECT_BASIC_AUTH_FORMAT": pg.OutcomeMisconfigured,
	"NOT_FOUND_PAYMENT": pg.OutcomeNotFound, "NOT_FOUND": pg.OutcomeNotFound,
	"ALREADY_PROCESSED_PAYMENT": pg.OutcomeUnknown, "ALREADY_CANCELED_PAYMENT": pg.OutcomeUnknown,
	"ALREADY_REFUND_PAYMENT": pg.OutcomeUnknown, "PROVIDER_ERROR": pg.OutcomeUnknown, "IDEMPOTENT_REQUEST_PROCESSING": pg.OutcomeUnknown,
	"FORBIDDEN_CONSECUTIVE_REQUEST": pg.OutcomeUnknown, "NOT_MATCHES_REFUNDABLE_AMOUNT": pg.OutcomeUnknown,
	// A look-up that is refused tells nothing.
	"NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN_BELOW_AMOUNT": pg.OutcomeUnknown,
}

func wantOf(status int, code string) pg.Outcome {
	want, listed := notRefused[code]
	switch {
	case status == 401:
		return pg.OutcomeMisconfigured
	case status >= 409:
		return pg.OutcomeUnknown
	case listed:
		return want
	}
	return pg.OutcomeRefused
}

func TestClient_errorCodes(t *testing.T) {
	t.Parallel()
	for call, byStatus := range errorLists {
		for status, codes := range byStatus {
			for code := range strings.FieldsSeq(codes) {
				c, script := open(t)
				script.Say(status, fmt.Appendf(nil, `{"code":%q,"message":"m"}`, code))
				e := wantOutcome(t, ask(t, c, call), wantOf(status, code))
				if e.Code != code || e.Message != "m" || e.Status != status || e.Call != call {
					t.Errorf("%s %d %s: error = %+v", call, status, code, e)
				}
			}
		}
	}
}

func TestClient_statuses(t *testing.T) {
	t.Parallel()
	done := string(pgtest.Sample(t, "payment_card_done.json"))
	for _, test := range []struct {
		status int
		body   string
		want   pg.Outcome
	}{
		{400, ``, pg.OutcomeUnknown},
		{400, `{"code":"REJECT_CARD_PAYMENT"}`, pg.OutcomeUnknown},
		{400, `{"code":7,"message":"m"}`, pg.OutcomeUnknown},
		{403, `<html>blocked</html>`, pg.OutcomeUnknown},
		{404, `{"message":"no such page"}`, pg.OutcomeUnknown},
		{401, `<html>`, pg.OutcomeMisconfigured},
		{503, `<html>`, pg.OutcomeUnknown},
		{302, `{"code":"REJECT_CARD_PAYMENT","message":"m"}`, pg.OutcomeUnknown},
		{201, done, pg.OutcomeUnknown},
		{204, ``, pg.OutcomeUnknown},
		{200, `{"code":"REJECT_CARD_PAYMENT","message":"m"}`, pg.OutcomeUnknown},
	} {
		c, script := open(t)
		script.Say(test.status, []byte(test.body))
		if e := wantOutcome(t, ask(t, c, "approve"), test.want); e.Status != test.status {
			t.Errorf("%d %s: error = %+v", test.status, test.body, e)
		}
	}
	c, script := open(t)
	script.Say(429, []byte(`{"code":"X","message":"m"}`), "Retry-After", "7")
	if e := wantOutcome(t, ask(t, c, "approve"), pg.OutcomeUnknown); e.RetryAfter != 7*time.Second {
		t.Errorf("retry after %v, want 7 s", e.RetryAfter)
	}
}

func TestClient_answers(t *testing.T) {
	t.Parallel()
	const (
		ok   = pg.Outcome(-1)
		done = "payment_card_done.json"
		full = "payment_cancel_full.json"
	)
	for _, test := range []struct {
		sentence, call, sample string
		edits                  []string
		want                   pg.Outcome
	}{
		{"a whole answer is read", "approve", done, nil, ok},
		{"whole numbers with a fraction are read", "approve", done, []string{`: 1000`, `: 1000.0`}, ok},
		{"whole numbers with an exponent are read", "approve", done, []string{`: 1000`, `: 1e3`}, ok},
		{"unknown keys are ignored", "approve", done, []string{`"mId"`, `"new":{"a":[1.5]},"mId"`}, ok},
		{"half a won is garbage", "approve", done, []string{`: 1000`, `: 1000.5`}, pg.OutcomeUnknown},
		{"money as text is garbage", "approve", done, []string{`: 1000`, `: "1000"`}, pg.OutcomeUnknown},
		{"negative money is garbage", "approve", done, []string{`"vat": 91`, `"vat": -91`}, pg.OutcomeUnknown},
		{"money without end is garbage", "approve", done, []string{`: 1000`, `: 9007199254740992`}, pg.OutcomeUnknown},
		{"a cut answer is garbage", "approve", done, []string{`"version": "2022-11-16"`, ``}, pg.OutcomeUnknown},
		{"no payment key is garbage", "approve", done, []string{`"paymentKey"`, `"x"`}, pg.OutcomeUnknown},
		{"no order is garbage", "approve", done, []string{`"orderId"`, `"x"`}, pg.OutcomeUnknown},
		{"no amount is garbage", "approve", done, []string{`"totalAmount"`, `"x"`}, pg.OutcomeUnknown},
		{"no currency is garbage", "approve", done, []string{`"currency"`, `"x"`}, pg.OutcomeUnknown},
		{"a status nobody knows is garbage", "approve", done, []string{`DONE`, `HALF`}, pg.OutcomeUnknown},
		{"a status that follows no approval is garbage", "approve", done, []string{`DONE`, `IN_PROGRESS`}, pg.OutcomeUnknown},
		{"more left than paid is garbage", "approve", done, []string{`"balanceAmount": 1000`, `"balanceAmount": 1001`}, pg.OutcomeUnknown},
		{"another amount is a mismatch", "approve", done, []string{`: 1000`, `: 1010`}, pg.OutcomeMismatch},
		{"another order is a mismatch", "approve", done, []string{`a4CWyWY5m89PNh7xJwhk1`, `other`}, pg.OutcomeMismatch},
		{"another payment is a mismatch", "approve", done, []string{cardKey.PaymentKey, `other`}, pg.OutcomeMismatch},
		{"another currency is a mismatch", "approve", done, []string{`KRW`, `USD`}, pg.OutcomeMismatch},
		{"a whole cancel is read", "cancel", full, nil, ok},
		{"a cancel that does not say if it is done is done", "cancel", full, []string{`"DONE"`, `null`}, ok},
		{"a cancel under way is unknown", "cancel", full, []string{`"cancelStatus": "DONE"`, `"cancelStatus": "IN_PROGRESS"`}, pg.OutcomeUnknown},
		{"a cancel without its leg is garbage", "cancel", done, nil, pg.OutcomeUnknown},
		{"a cancel without its key is garbage", "cancel", full, []string{`"lastTransactionKey"`, `"x"`}, pg.OutcomeUnknown},
		{"a cancel of another amount is a mismatch", "cancel", full, []string{`"cancelAmount": 1000`, `"cancelAmount": 900`}, pg.OutcomeMismatch},
		{"a cancel of another payment is a mismatch", "cancel", full, []string{cardKey.PaymentKey, `other`}, pg.OutcomeMismatch},
		{"another payment's answer is a mismatch", "lookup", done, []string{cardKey.PaymentKey, `other`}, pg.OutcomeMismatch},
		{"another order's answer is a mismatch", "lookup", done, []string{`a4CWyWY5m89PNh7xJwhk1`, `other`}, pg.OutcomeMismatch},
		{"a payment in dollars is a mismatch", "lookup", done, []string{`KRW`, `USD`}, pg.OutcomeMismatch},
	} {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			c, script := open(t)
			script.Say(http.StatusOK, edit(t, test.sample, test.edits...))
			err := ask(t, c, test.call)
			if test.want == ok {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			e := wantOutcome(t, err, test.want)
			if has := e.Payment != nil && e.Payment.Record != nil; has != (test.want == pg.OutcomeMismatch) {
				t.Errorf("error shows %+v", e.Payment)
			}
		})
	}
}

func TestClient_LookUp_states(t *testing.T) {
	t.Parallel()
	const leg = `{"transactionKey":"%s","cancelAmount":%d,"cancelReason":"r","canceledAt":"2026-01-01T00:00:00+09:00","cancelStatus":%s}`
	one := fmt.Sprintf(leg, "a", 400, `"DONE"`)
	rest := fmt.Sprintf(leg, "b", 600, `null`)
	pending := fmt.Sprintf(leg, "c", 600, `"IN_PROGRESS"`)
	aborted := fmt.Sprintf(leg, "d", 600, `"ABORTED"`)
	const approvedAt = `,"approvedAt":"2026-01-01T00:00:00+09:00"`
	for _, test := range []struct {
		sentence, status, more string
		want                   pg.Status
		captured, refunded     shop.Won
	}{
		{"waiting for the shopper", "READY", ``, pg.StatusOpen, 0, 0},
		{"waiting for us", "IN_PROGRESS", ``, pg.StatusAuthenticated, 0, 0},
		{"refused", "ABORTED", ``, pg.StatusFailed, 0, 0},
		{"late", "EXPIRED", ``, pg.StatusExpired, 0, 0},
		{"paid", "DONE", `,"balanceAmount":1000`, pg.StatusPaid, 1000, 0},
		{"refunded in part", "PARTIAL_CANCELED", `,"balanceAmount":600,"cancels":[` + one + `]`, pg.StatusPartiallyRefunded, 1000, 400},
		{"refunded in parts to the end", "PARTIAL_CANCELED", `,"balanceAmount":0,"cancels":[` + one + `,` + rest + `]`, pg.StatusRefunded, 1000, 1000},
		{"called canceled with something left", "CANCELED", `,"balanceAmount":600,"cancels":[` + one + `]`, pg.StatusPartiallyRefunded, 1000, 400},
		{"with a refund under way", "CANCELED", `,"balanceAmount":0,"cancels":[` + one + `,` + pending + `]`, pg.StatusPartiallyRefunded, 1000, 400},
		{"with only a refund under way", "CANCELED", `,"balanceAmount":0,"cancels":[` + pending + `]`, pg.StatusPaid, 1000, 0},
		{"with a refund that failed", "DONE", `,"balanceAmount":1000,"cancels":[` + aborted + `]`, pg.StatusPaid, 1000, 0},
		{"without a balance", "CANCELED", `,"cancels":[` + one + `,` + rest + `]`, pg.StatusRefunded, 1000, 1000},
		{"virtual account waiting", "WAITING_FOR_DEPOSIT", `,"virtualAccount":{"expired":false}`, pg.StatusWaitingForDeposit, 0, 0},
		{"virtual account closed unpaid", "CANCELED", `,"balanceAmount":0,"virtualAccount":{},"approvedAt":null`, pg.StatusRefunded, 0, 0},
		{"virtual account paid", "DONE", `,"balanceAmount":1000,"virtualAccount":{}`, pg.StatusPaid, 1000, 0},
		{
			"virtual account refunded", "CANCELED",
			`,"balanceAmount":0,"virtualAccount":{},"cancels":[` + one + `,` + rest + `]`,
			pg.StatusRefunded, 1000, 1000,
		},
	} {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			c, script := open(t)
			if test.captured > 0 {
				test.more += approvedAt
			}
			script.Say(http.StatusOK, []byte(`{"paymentKey":"k","orderId":"o","currency":"KRW","totalAmount":1000,"status":"`+test.status+`"`+test.more+`}`))
			got, err := c.LookUp(t.Context(), pg.Key{PaymentKey: "k"})
			if err != nil || got.Status != test.want || got.Captured != test.captured || got.Refunded != test.refunded {
				t.Fatalf("payment = %+v, %v; want %s, %d captured, %d refunded", got, err, test.want, test.captured, test.refunded)
			}
		})
	}

	t.Run("a status that the rest of the answer belies is garbage", func(t *testing.T) {
		t.Parallel()
		for _, lie := range []string{
			`"READY"` + approvedAt, `"IN_PROGRESS"` + approvedAt, `"ABORTED"` + approvedAt, `"EXPIRED"` + approvedAt,
			`"WAITING_FOR_DEPOSIT"`, `"DONE"`, `"DONE","virtualAccount":{}`, `"CANCELED","balanceAmount":0`, `"PARTIAL_CANCELED"`, `"DONE","approvedAt":""`,
		} {
			c, script := open(t)
			script.Say(http.StatusOK, []byte(`{"paymentKey":"k","orderId":"o","currency":"KRW","totalAmount":1000,"status":`+lie+`}`))
			_, err := c.LookUp(t.Context(), pg.Key{PaymentKey: "k"})
			wantOutcome(t, err, pg.OutcomeUnknown)
		}
	})

	t.Run("more canceled than paid is garbage", func(t *testing.T) {
		t.Parallel()
		c, script := open(t)
		script.Say(http.StatusOK, []byte(`{"paymentKey":"k","orderId":"o","currency":"KRW","totalAmount":900,"status":"DONE"`+approvedAt+`,"cancels":[`+one+`,`+rest+`]}`))
		_, err := c.LookUp(t.Context(), pg.Key{PaymentKey: "k"})
		wantOutcome(t, err, pg.OutcomeUnknown)
	})
}

func TestClient_repeats(t *testing.T) {
	t.Parallel()
	done := pgtest.Sample(t, "payment_card_done.json")
	for _, call := range []string{"ready", "approve", "cancel", "lookup"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			keys := make(chan string, 2)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				keys <- r.Header.Get("Idempotency-Key")
				if calls.Add(1) == 1 {
					panic(http.ErrAbortHandler)
				}
				_, _ = w.Write(done)
			}))
			defer server.Close()
			c := &toss.Client{BaseURL: server.URL, SecretKey: "k", Now: func() time.Time { return now }}
			if err := ask(t, c, call); (call == "approve" || call == "lookup") && err != nil {
				t.Fatal(err)
			}
			if first, second := <-keys, <-keys; first != second {
				t.Errorf("keys %q and %q, want the same", first, second)
			}
		})
	}
}

func FuzzClient(f *testing.F) {
	for _, name := range []string{
		"payment_card_done.json", "payment_cancel_full.json", "payment_virtual_account_waiting.json", "payment_ready.json",
	} {
		f.Add(200, pgtest.Sample(f, name))
	}
	f.Add(200, []byte(everything))
	f.Add(403, pgtest.Sample(f, "error_not_cancelable_amount.json"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		c := &toss.Client{Now: func() time.Time { return now }, HTTP: &http.Client{Transport: tripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(body))}, nil
		})}}
		for _, call := range []string{"ready", "approve", "cancel", "lookup"} {
			var e *pg.Error
			err := ask(t, c, call)
			if err != nil && status == 200 && (!errors.As(err, &e) || e.Outcome != pg.OutcomeUnknown && e.Outcome != pg.OutcomeMismatch) {
				t.Fatalf("%s of a 200: %v", call, err)
			}
		}
		if p, err := c.LookUp(t.Context(), cardKey); err == nil && (p.Refunded > p.Captured || p.Amount < 0 || p.PaymentKey != cardKey.PaymentKey) {
			t.Fatalf("payment = %+v", p)
		}
	})
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

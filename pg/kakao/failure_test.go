package kakao_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"payment-system/pg"
	"payment-system/pg/kakao"
	"payment-system/pg/pgtest"
	"payment-system/shop"
)

// ask makes one of the four calls of a payment of 2200 won.
func ask(t testing.TB, c *kakao.Client, call string) error {
	t.Helper()
	var err error
	switch call {
	case "ready":
		_, err = c.Ready(t.Context(), readyRequest())
	case "approve":
		_, err = c.Approve(t.Context(), pg.ApproveRequest{Key: docKey, Amount: 2200})
	case "cancel":
		_, err = c.Cancel(t.Context(), pg.CancelRequest{Key: docKey, Amount: 2200, Available: 2200})
	case "lookup":
		_, err = c.LookUp(t.Context(), docKey)
	}
	return err
}

func TestClient_errorSamples(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		call    string
		outcome pg.Outcome
		code    string
		message string
	}{
		"error_approve.json":      {"approve", pg.OutcomeNotSent, "-780/USER_LOCKED", "진행중인 거래가 있습니다. 잠시 후 다시 시도해 주세요."},
		"error_approve_kapi.json": {"approve", pg.OutcomeNotSent, "-780/USER_LOCKED", "진행중인 거래가 있습니다. 잠시 후 다시 시도해 주세요."},
		"error_cancel_kapi.json":  {"cancel", pg.OutcomeRefused, "-781/6666", "원거래없음"},
	} {
		c, script := open(t)
		script.Say(http.StatusBadRequest, pgtest.Sample(t, name))
		e := wantOutcome(t, ask(t, c, want.call), want.outcome)
		if e.PG != shop.PGKakao || e.Call != want.call || e.Code != want.code || e.Message != want.message || e.Status != 400 {
			t.Errorf("%s: error = %+v, want %+v", name, e, want)
		}
	}
}

func TestClient_errorCodes(t *testing.T) {
	t.Parallel()
	c, script := open(t)
	for outcome, codes := range map[pg.Outcome][]int{
		pg.OutcomeUnknown: {-1, -702, -783, -785, -9999, 0},
		pg.OutcomeRefused: {
			-2, -701, -703, -704, -705, -706, -707, -708, -710, -722, -723, -724, -725, -726, -750, -751, -752, -753, -761,
			-780, -781, -782, -784,
		},
		pg.OutcomeNotSent:       {-7, -9798, -10},
		pg.OutcomeNotFound:      {-721},
		pg.OutcomeMisconfigured: {-3, -4, -5, -401, -403, -730, -731, -732, -733, -798, -799},
	} {
		for _, code := range codes {
			for _, shape := range []string{`{"error_code":%d,"error_message":"m"}`, `{"code":%d,"msg":"m"}`, `{"error_code":"%d","error_message":"m"}`} {
				script.Say(http.StatusBadRequest, fmt.Appendf(nil, shape, code))
				for _, call := range []string{"ready", "approve", "cancel", "lookup"} {
					want := outcome
					if call == "lookup" && outcome == pg.OutcomeRefused {
						want = pg.OutcomeUnknown
					}
					if e := wantOutcome(t, ask(t, c, call), want); e.Code != strconv.Itoa(code) || e.Message != "m" || e.RetryAfter != 0 {
						t.Errorf("%s %d: error = %+v", call, code, e)
					}
				}
			}
		}
	}
}

func TestClient_methodCodes(t *testing.T) {
	t.Parallel()
	c, script := open(t)
	const later = 20 * time.Minute
	for _, test := range []struct {
		extra           string
		approve, cancel pg.Outcome
		wait            time.Duration
	}{
		{"BANK_FIRM_UNKNOWN", pg.OutcomeUnknown, pg.OutcomeUnknown, later},
		{"0010", pg.OutcomeUnknown, pg.OutcomeUnknown, later},
		{"0110", pg.OutcomeUnknown, pg.OutcomeUnknown, later},
		{"0290", pg.OutcomeUnknown, pg.OutcomeUnknown, later},
		{"USER_LOCKED", pg.OutcomeNotSent, pg.OutcomeNotSent, 0},
		{"0025", pg.OutcomeRefused, pg.OutcomeUnknown, 0},
		{"0140", pg.OutcomeRefused, pg.OutcomeUnknown, 0},
		{"1009", pg.OutcomeRefused, pg.OutcomeUnknown, 0},
		{"0204", pg.OutcomeRefused, pg.OutcomeUnknown, 0},
		{"0504", pg.OutcomeRefused, pg.OutcomeUnknown, 0},
		{"INVALID_CANCEL_STATUS", pg.OutcomeRefused, pg.OutcomeUnknown, 0},
		{"6666", pg.OutcomeRefused, pg.OutcomeRefused, 0},
		{"0022", pg.OutcomeRefused, pg.OutcomeRefused, 0},
		{"0002", pg.OutcomeRefused, pg.OutcomeRefused, 0},
		{"LACK_BALANCE", pg.OutcomeRefused, pg.OutcomeRefused, 0},
		{"BANK_FIRM_UNAVAILABLE", pg.OutcomeRefused, pg.OutcomeRefused, 0},
		{"INVALID_CANCEL_AMOUNT", pg.OutcomeRefused, pg.OutcomeRefused, 0},
	} {
		for call, want := range map[string]pg.Outcome{"approve": test.approve, "cancel": test.cancel} {
			code := map[string]int{"approve": -780, "cancel": -781}[call]
			script.Say(http.StatusBadRequest, fmt.Appendf(nil,
				`{"error_code":%d,"error_message":"m","extras":{"method_result_code":%q,"method_result_message":"n"}}`, code, test.extra))
			if e := wantOutcome(t, ask(t, c, call), want); e.RetryAfter != test.wait || e.Message != "n" {
				t.Errorf("%s %s: error = %+v, want retry after %v", call, test.extra, e, test.wait)
			}
		}
	}
}

func TestClient_statuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		body   string
		want   pg.Outcome
	}{
		{500, `{"error_code":-706,"error_message":"m"}`, pg.OutcomeUnknown},
		{503, `{"error_code":-9798,"error_message":"m"}`, pg.OutcomeNotSent},
		{503, `{"error_code":-7,"error_message":"m"}`, pg.OutcomeNotSent},
		{503, `<html>`, pg.OutcomeUnknown},
		{502, ``, pg.OutcomeUnknown},
		{429, `{"error_code":-706,"error_message":"m"}`, pg.OutcomeUnknown},
		{401, `{"error_code":-1,"error_message":"m"}`, pg.OutcomeMisconfigured},
		{401, ``, pg.OutcomeMisconfigured},
		{403, `<html>blocked</html>`, pg.OutcomeUnknown},
		{400, `{"error_message":"m"}`, pg.OutcomeUnknown},
		{400, `{"error_code":-706`, pg.OutcomeUnknown},
		{400, `{"error_code":"none","error_message":"m"}`, pg.OutcomeUnknown},
		{404, `{"timestamp":1,"path":"/"}`, pg.OutcomeUnknown},
		{302, `{"error_code":-706,"error_message":"m"}`, pg.OutcomeUnknown},
		{201, string(pgtest.Sample(t, "approve_money.json")), pg.OutcomeUnknown},
		{204, ``, pg.OutcomeUnknown},
	} {
		c, script := open(t)
		script.Say(test.status, []byte(test.body))
		if e := wantOutcome(t, ask(t, c, "approve"), test.want); e.Status != test.status {
			t.Errorf("%d %s: error = %+v", test.status, test.body, e)
		}
	}
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

func TestClient_answers(t *testing.T) {
	t.Parallel()
	const ok = pg.Outcome(-1)
	for _, test := range []struct {
		sentence, call, sample string
		edits                  []string
		want                   pg.Outcome
	}{
		{"numbers as text are read", "approve", "approve_money.json", []string{`2200`, `"2200"`}, ok},
		{"whole numbers with a fraction are read", "approve", "approve_money.json", []string{`2200`, `2200.0`}, ok},
		{"unknown keys are ignored", "approve", "approve_money.json", []string{`"aid"`, `"new":{"a":[1.5]},"aid"`}, ok},
		{"half a won is garbage", "approve", "approve_money.json", []string{`2200`, `2200.5`}, pg.OutcomeUnknown},
		{"negative money is garbage", "approve", "approve_money.json", []string{`"vat": 200`, `"vat": -200`}, pg.OutcomeUnknown},
		{"money without end is garbage", "approve", "approve_money.json", []string{`2200`, `9007199254740992`}, pg.OutcomeUnknown},
		{"words for money are garbage", "approve", "approve_money.json", []string{`2200`, `"all"`}, pg.OutcomeUnknown},
		{"a cut answer is garbage", "approve", "approve_money.json", []string{"}\n", ""}, pg.OutcomeUnknown},
		{"two answers are garbage", "approve", "approve_money.json", []string{`"aid"`, `"x":1}{"aid"`}, pg.OutcomeUnknown},
		{"no leg is garbage", "approve", "approve_money.json", []string{`"aid"`, `"id"`}, pg.OutcomeUnknown},
		{"no tid is garbage", "approve", "approve_money.json", []string{`"tid"`, `"id"`}, pg.OutcomeUnknown},
		{"no order is garbage", "approve", "approve_money.json", []string{`"partner_order_id":`, `"id":`}, pg.OutcomeUnknown},
		{"no amount is garbage", "approve", "approve_money.json", []string{`"amount"`, `"sum"`}, pg.OutcomeUnknown},
		{"another amount is a mismatch", "approve", "approve_money.json", []string{`2200`, `2210`}, pg.OutcomeMismatch},
		{"another order is a mismatch", "approve", "approve_money.json", []string{`: "partner_order_id"`, `: "other"`}, pg.OutcomeMismatch},
		{"another tid is a mismatch", "approve", "approve_money.json", []string{`T1234567890123456789`, `T2`}, pg.OutcomeMismatch},
		{"a cancel of another amount is a mismatch", "cancel", "cancel_full.json", []string{`2200`, `2000`}, pg.OutcomeMismatch},
		{"a cancel for another refund is a mismatch", "cancel", "cancel_full.json", []string{`"aid"`, `"payload":"rfd_2","aid"`}, pg.OutcomeMismatch},
		{"a cancel of another payment is a mismatch", "cancel", "cancel_full.json", []string{`T1234567890123456789`, `T2`}, pg.OutcomeMismatch},
		{"a cancel without its amount is garbage", "cancel", "cancel_full.json", []string{`approved_cancel_amount`, `x`}, pg.OutcomeUnknown},
		{"a cancel of what is not paid is garbage", "cancel", "cancel_full.json", []string{`CANCEL_PAYMENT`, `READY`}, pg.OutcomeUnknown},
		{"more canceled than paid is garbage", "lookup", "order_success.json", []string{"\"canceled_amount\": {\n    \"total\": 0", "\"canceled_amount\": {\n    \"total\": 2201"}, pg.OutcomeUnknown},
		{"canceled without an amount is garbage", "lookup", "order_success.json", []string{`SUCCESS_PAYMENT`, `PART_CANCEL_PAYMENT`}, pg.OutcomeUnknown},
		{"a status nobody knows is garbage", "lookup", "order_success.json", []string{`SUCCESS_PAYMENT`, `HALF_PAYMENT`}, pg.OutcomeUnknown},
		{"another payment's answer is a mismatch", "lookup", "order_success.json", []string{`T1234567890123456789`, `T2`}, pg.OutcomeMismatch},
		{"a whole answer is read", "lookup", "order_success.json", nil, ok},
		{"a whole cancel is read", "cancel", "cancel_full.json", nil, ok},
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

func TestClient_LookUp_statuses(t *testing.T) {
	t.Parallel()
	const approvedAt = `"approved_at": "2023-07-15T21:18:22"`
	for status, want := range map[string]pg.Payment{
		"READY":              {Status: pg.StatusOpen},
		"SEND_TMS":           {Status: pg.StatusOpen},
		"OPEN_PAYMENT":       {Status: pg.StatusOpen},
		"SELECT_METHOD":      {Status: pg.StatusOpen},
		"ARS_WAITING":        {Status: pg.StatusOpen},
		"AUTH_PASSWORD":      {Status: pg.StatusAuthenticated},
		"ISSUED_SID":         {Status: pg.StatusFailed},
		"FAIL_AUTH_PASSWORD": {Status: pg.StatusFailed},
		"QUIT_PAYMENT":       {Status: pg.StatusFailed},
		"FAIL_PAYMENT":       {Status: pg.StatusFailed},
		"SUCCESS_PAYMENT":    {Status: pg.StatusPaid, Captured: 2200},
	} {
		c, script := open(t)
		edits := []string{"SUCCESS_PAYMENT", status}
		if want.Captured == 0 {
			edits = append(edits, approvedAt, `"approved_at": ""`)
		}
		script.Say(http.StatusOK, edit(t, "order_success.json", edits...))
		got, err := c.LookUp(t.Context(), docKey)
		if err != nil || got.Status != want.Status || got.Captured != want.Captured || got.Refunded != 0 || got.Amount != 2200 {
			t.Errorf("%s: %+v, %v; want %+v", status, got, err, want)
		}
		if failed := want.Status == pg.StatusFailed; failed != (got.Failure != nil && got.Failure.Code == status) {
			t.Errorf("%s: failure = %+v", status, got.Failure)
		}
	}

	t.Run("a status that the rest of the answer belies is unknown", func(t *testing.T) {
		t.Parallel()
		for _, edits := range [][]string{
			{"SUCCESS_PAYMENT", "READY"},
			{"SUCCESS_PAYMENT", "AUTH_PASSWORD"},
			{"SUCCESS_PAYMENT", "FAIL_PAYMENT"},
			{approvedAt, `"approved_at": ""`},
			{approvedAt, `"approved_at": null`},
		} {
			c, script := open(t)
			script.Say(http.StatusOK, edit(t, "order_success.json", edits...))
			_, err := c.LookUp(t.Context(), docKey)
			wantOutcome(t, err, pg.OutcomeUnknown)
		}
	})

	t.Run("what is left counts and not the status", func(t *testing.T) {
		t.Parallel()
		const canceled = "\"canceled_amount\": {\n    \"total\": "
		for total, want := range map[string]pg.Status{"1": pg.StatusPartiallyRefunded, "2200": pg.StatusRefunded} {
			for _, status := range []string{"SUCCESS_PAYMENT", "PART_CANCEL_PAYMENT", "CANCEL_PAYMENT"} {
				c, script := open(t)
				script.Say(http.StatusOK, edit(t, "order_success.json", "SUCCESS_PAYMENT", status, canceled+"0", canceled+total))
				got, err := c.LookUp(t.Context(), docKey)
				if err != nil || got.Status != want || got.Captured != 2200 || got.Refunded.String() != total {
					t.Errorf("%s with %s canceled: %+v, %v; want %s", status, total, got, err, want)
				}
			}
		}
	})
}

func TestClient_Cancel_already(t *testing.T) {
	t.Parallel()
	for code, refusal := range map[string]string{
		"-710":                       `{"error_code":-710,"error_message":"m"}`,
		"-722":                       `{"error_code":-722,"error_message":"m"}`,
		"-784":                       `{"error_code":-784,"error_message":"m"}`,
		"-710/x":                     `{"error_code":-710,"error_message":"m","extras":{"method_result_code":"x"}}`,
		"-781/INVALID_CANCEL_AMOUNT": `{"error_code":-781,"error_message":"m","extras":{"method_result_code":"INVALID_CANCEL_AMOUNT"}}`,
		"-781/6666":                  `{"error_code":-781,"error_message":"m","extras":{"method_result_code":"6666"}}`,
	} {
		for sentence, test := range map[string]struct {
			order string
			want  pg.Outcome
		}{
			"made earlier":          {`"payment_action_type": "CANCEL", "payload": "rfd_1"`, pg.OutcomeUnknown},
			"made for another":      {`"payment_action_type": "CANCEL", "payload": "rfd_2"`, pg.OutcomeRefused},
			"that cannot be looked": {`"payment_action_type": 1`, pg.OutcomeUnknown},
		} {
			script := pgtest.NewScript(t)
			c := &kakao.Client{BaseURL: script.URL, SecretKey: "k", Now: func() time.Time { return now }}
			c.HTTP = &http.Client{Transport: split{
				"cancel": []byte(refusal),
				"order":  edit(t, "order_success.json", `"payment_action_type": "PAYMENT"`, test.order),
			}.over(script)}
			_, err := c.Cancel(t.Context(), pg.CancelRequest{Key: docKey, RefundID: "rfd_1", Amount: 100, Available: 2200})
			if e := wantOutcome(t, err, test.want); e.Call != "cancel" || e.Code != code {
				t.Errorf("%s for a cancel %s: %v", code, sentence, e)
			}
		}
	}
}

// split is what to say by the last part of the path.
type split map[string][]byte

func (s split) over(script *pgtest.Script) http.RoundTripper {
	return tripper(func(r *http.Request) (*http.Response, error) {
		last := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		status := http.StatusOK
		if last == "cancel" {
			status = http.StatusBadRequest
		}
		script.Say(status, s[last])
		return http.DefaultTransport.RoundTrip(r)
	})
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func FuzzClient(f *testing.F) {
	for _, name := range []string{"approve_card.json", "cancel_full.json", "order_partial_cancel.json", "error_approve.json", "ready.json"} {
		f.Add(200, pgtest.Sample(f, name))
	}
	f.Add(400, pgtest.Sample(f, "error_cancel_kapi.json"))
	f.Add(200, []byte(`{"tid":"T1234567890123456789","partner_order_id":"partner_order_id","status":"CANCEL_PAYMENT","amount":{"total":"1e3"}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		c := &kakao.Client{Now: func() time.Time { return now }, HTTP: &http.Client{Transport: tripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(body))}, nil
		})}}
		for _, call := range []string{"ready", "approve", "cancel", "lookup"} {
			if err := ask(t, c, call); err != nil && status == 200 {
				var e *pg.Error
				if !errors.As(err, &e) || e.Outcome != pg.OutcomeUnknown && e.Outcome != pg.OutcomeMismatch {
					t.Fatalf("%s of a 200: %v", call, err)
				}
			}
		}
		if p, err := c.LookUp(t.Context(), docKey); err == nil && (p.Refunded > p.Captured || p.Amount < 0 || p.PaymentKey != docKey.PaymentKey) {
			t.Fatalf("payment = %+v", p)
		}
	})
}

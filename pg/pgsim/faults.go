package pgsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// fault is a thing that goes wrong, as PUT /sim/faults names it.
//
//   - pg: KAKAO or TOSS; empty means both.
//   - paymentKey: of the only payment it strikes; empty means all of them.
//   - times: how many calls it strikes; 0 means all of them.
//   - probability: from 0.000001 to 1 a fraction, above 1 and up to 100 per cent;
//     0 or absent means always.
//   - delayMs: how long slow, slow_after, hang_before, hang_after and reorder
//     last, and what trickle waits between bytes.
//   - status and body: of http_error, http_error_after, garbage and redirect (its
//     Location); wrong_status answers the status named in body.
//   - redirect sends the client away before the call takes effect, redirect_after
//     after it.
//   - empty answers no body, wrong_type says that the body is a page, huge pads it
//     with ten million bytes, trickle sends a byte at a time.
//   - other_payment answers what the same call answered for another payment
//     before; if there was none, it hangs up.
//   - seed: of the dice. The same seed strikes the same calls.
type fault struct {
	PG          string      `json:"pg"`
	PaymentKey  string      `json:"paymentKey"`
	Call        string      `json:"call"`
	Fault       string      `json:"fault"`
	Times       int         `json:"times"`
	Probability json.Number `json:"probability"`
	DelayMS     int64       `json:"delayMs"`
	Status      int         `json:"status"`
	Body        string      `json:"body"`
	Seed        uint64      `json:"seed"`

	chance int64 // in millionths
	dice   *rand.Rand
}

const certain = 1_000_000

var (
	faultCalls = []string{"ready", "approve", "cancel", "lookup", "settlements", "webhook"}

	apiFaults = []string{
		"drop_before", "drop_after", "hang_before", "hang_after", "slow", "slow_after", "trickle", "http_error",
		"http_error_after", "redirect", "redirect_after", "truncate", "garbage", "empty", "huge", "wrong_type", "other_payment", "wrong_amount", "wrong_order", "wrong_currency", "wrong_status",
	}
	webhookFaults = []string{
		"drop_before", "drop_after", "slow", "truncate", "garbage", "wrong_amount", "wrong_order", "wrong_currency", "wrong_status",
		"duplicate", "reorder",
	}
)

// faultSet holds the faults that are on, in order: the first that applies strikes.
type faultSet struct {
	mu   sync.Mutex
	list []*fault
}

// take returns the fault that strikes this call about the payment of the key
// given and uses it up once, or the zero fault. If kinds are named, only those can
// strike.
func (f *faultSet) take(pg, name, key string, kinds ...string) fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, one := range f.list {
		if len(kinds) > 0 && !slices.Contains(kinds, one.Fault) {
			continue
		}
		if one.Call != name || (one.PG != "" && one.PG != pg) || (one.PaymentKey != "" && one.PaymentKey != key) || one.dice.Int64N(certain) >= one.chance {
			continue
		}
		struck := *one
		if one.Times == 1 {
			f.list = slices.Delete(f.list, i, i+1)
		} else if one.Times > 1 {
			one.Times--
		}
		return struck
	}
	return fault{}
}

func (f *faultSet) replace(list []*fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = list
}

// all is the faults still on; times counts what is left of each.
func (f *faultSet) all() []fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]fault, 0, len(f.list))
	for _, one := range f.list {
		list = append(list, *one)
	}
	return list
}

// parseFaults reads the body of PUT /sim/faults, all of it or nothing.
func parseFaults(body []byte) ([]*fault, *refusal) {
	var list []*fault
	if r := decodeStrict(body, &list); r != nil {
		return nil, r
	}
	for i, one := range list {
		if one == nil {
			return nil, badField(fmt.Sprintf("[%d]", i), "must be an object")
		}
		if field, problem := one.prepare(); field != "" {
			return nil, badField(field, fmt.Sprintf("[%d]: %s", i, problem))
		}
	}
	return list, nil
}

// prepare checks and readies a fault. It returns the field at fault and what is
// wrong with it.
func (f *fault) prepare() (field, problem string) {
	f.PG = strings.ToUpper(f.PG)
	switch {
	case f.PG != "" && f.PG != "KAKAO" && f.PG != "TOSS":
		return "pg", "must be KAKAO, TOSS or empty"
	case !slices.Contains(faultCalls, f.Call):
		return "call", "must be one of " + strings.Join(faultCalls, ", ")
	case f.Call == "webhook" && f.PG == "KAKAO":
		return "pg", "Kakao Pay sends no webhooks"
	case f.Call == "webhook" && !slices.Contains(webhookFaults, f.Fault):
		return "fault", "must be one of " + strings.Join(webhookFaults, ", ")
	case f.Call != "webhook" && !slices.Contains(apiFaults, f.Fault):
		return "fault", "must be one of " + strings.Join(apiFaults, ", ")
	case f.Times < 0:
		return "times", "must not be negative"
	case f.DelayMS < 0 || f.DelayMS > maxHang.Milliseconds():
		return "delayMs", "must be from 0 to 300000"
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return "status", "must be from 200 to 599"
	}
	return f.prepareDice()
}

func (f *fault) prepareDice() (field, problem string) {
	f.dice = rand.New(rand.NewPCG(f.Seed, 0))
	f.chance = certain
	if f.Probability == "" {
		return "", ""
	}
	p, ok := new(big.Rat).SetString(f.Probability.String())
	if !ok || len(f.Probability) > 20 || p.Sign() < 0 || p.Cmp(big.NewRat(100, 1)) > 0 {
		return "probability", "must be a fraction up to 1, or per cent up to 100"
	}
	if p.Sign() == 0 {
		return "", ""
	}
	scale := int64(certain)
	if p.Cmp(big.NewRat(1, 1)) > 0 {
		scale = certain / 100
	}
	p.Mul(p, big.NewRat(scale, 1))
	f.chance = new(big.Int).Quo(p.Num(), p.Denom()).Int64()
	return "", ""
}

func (f *fault) delay() time.Duration { return time.Duration(f.DelayMS) * time.Millisecond }

// patience is how long a hanging answer hangs.
func (f *fault) patience() time.Duration {
	if f.DelayMS == 0 {
		return maxHang
	}
	return f.delay()
}

// before is the answer of a fault that strikes before the call takes effect.
func (f *fault) before(pg string) (a answer, struck bool) {
	switch f.Fault {
	case "drop_before":
		return answer{cut: true}, true
	case "http_error":
		return f.errorAnswer(pg), true
	case "redirect":
		return f.away(), true
	}
	return answer{}, false
}

// away sends the client elsewhere.
func (f *fault) away() answer {
	location := f.Body
	if location == "" {
		location = "http://elsewhere.invalid/"
	}
	status := f.Status
	if status == 0 {
		status = http.StatusFound
	}
	return answer{status: status, header: http.Header{"Location": {location}}}
}

func (f *fault) errorAnswer(pg string) answer {
	status := f.Status
	if status == 0 {
		status = http.StatusInternalServerError
	}
	if f.Body != "" {
		return answer{status: status, header: http.Header{"Content-Type": {"application/json;charset=UTF-8"}}, body: []byte(f.Body)}
	}
	if pg == "KAKAO" {
		return jsonAnswer(status, kakaoError{Code: -1, Message: "internal error"})
	}
	return jsonAnswer(status, tossError{Code: "FAILED_INTERNAL_SYSTEM_PROCESSING", Message: "내부 시스템 처리 작업이 실패했습니다. 잠시 후 다시 시도해주세요."})
}

// corrupt spoils the answer of a call that took effect.
func (f *fault) corrupt(a answer) answer {
	switch f.Fault {
	case "truncate":
		a.body = a.body[:len(a.body)*2/3]
	case "garbage":
		a.body = []byte(f.Body)
		if f.Body == "" {
			a.body = []byte("<html><body><h1>200 OK</h1><p>점검 중입니다.</p>")
		}
	case "http_error_after":
		pg := "TOSS"
		if bytes.Contains(a.body, []byte(`"tid"`)) {
			pg = "KAKAO"
		}
		return f.errorAnswer(pg)
	case "redirect_after":
		return f.away()
	case "empty":
		a.body = nil
	case "wrong_type":
		a.header = a.header.Clone()
		a.header.Set("Content-Type", "text/html; charset=UTF-8")
	case "huge":
		if len(a.body) > 0 {
			a.body = slices.Concat([]byte(`{"padding":"`), bytes.Repeat([]byte("x"), 10<<20), []byte(`",`), a.body[1:])
		}
	case "wrong_amount", "wrong_order", "wrong_currency", "wrong_status":
		if a.status == http.StatusOK {
			a.body = f.falsify(a.body)
		}
	}
	return a
}

// falsify changes what an answer says of amount, order, currency or status. An
// answer that does not say it stays as it is.
func (f *fault) falsify(body []byte) []byte {
	var doc map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&doc) != nil {
		return body
	}
	inner := doc
	if data, ok := doc["data"].(map[string]any); ok { // a webhook
		inner = data
	}
	switch f.Fault {
	case "wrong_amount":
		wrongAmount(inner)
	case "wrong_order":
		replaceText(inner, "partner_order_id", "another-order-0000000001")
		replaceText(inner, "orderId", "another-order-0000000001")
	case "wrong_currency":
		replaceText(inner, "currency", "USD")
	case "wrong_status":
		status := f.Body
		if status == "" {
			status = "IN_PROGRESS"
		}
		replaceText(inner, "status", status)
	}
	return encode(doc)
}

// wrongAmount adds ten won wherever an answer states the money of the payment or
// of the cancel just made.
func wrongAmount(doc map[string]any) {
	for _, name := range []string{"totalAmount", "balanceAmount"} {
		addWon(doc, name)
	}
	for _, name := range []string{"amount", "approved_cancel_amount", "canceled_amount"} {
		if amount, ok := doc[name].(map[string]any); ok {
			addWon(amount, "total")
		}
	}
	if cancels, ok := doc["cancels"].([]any); ok && len(cancels) > 0 {
		if last, ok := cancels[len(cancels)-1].(map[string]any); ok {
			addWon(last, "cancelAmount")
		}
	}
}

func addWon(doc map[string]any, name string) {
	number, ok := doc[name].(json.Number)
	if !ok {
		return
	}
	if won, err := number.Int64(); err == nil {
		doc[name] = won + 10
	}
}

func replaceText(doc map[string]any, name, value string) {
	if _, ok := doc[name].(string); ok {
		doc[name] = value
	}
}

// refusal is an error answer of the control calls.
type refusal struct {
	status  int
	Message string `json:"error"`
	Field   string `json:"field,omitempty"`
}

func refuse(status int, message string) *refusal { return &refusal{status: status, Message: message} }

func badField(field, problem string) *refusal {
	return &refusal{status: http.StatusBadRequest, Message: field + ": " + problem, Field: field}
}

// decodeStrict reads one JSON value, of known fields only.
func decodeStrict(body []byte, v any) *refusal {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil && decoder.More() {
		err = errors.New("more than one value")
	}
	if err == nil {
		return nil
	}
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && mistyped.Field != "" {
		return badField(mistyped.Field, "must not be a "+mistyped.Value)
	}
	if _, field, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return badField(strings.Trim(field, `"`), "unknown field")
	}
	return badField("body", strings.TrimPrefix(err.Error(), "json: "))
}

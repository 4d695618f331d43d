package faulttest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// object is an input of GraphQL.
type object map[string]any

// A visitor is a browser that somebody sits at, for one caller at a time.
type visitor struct {
	house   *house
	account account
	name    string
	token   string // of the session
	dice    *rand.Rand
}

// visitor returns a browser of an account's; the zero account is nobody's.
func (h *house) visitor(a account, name string) *visitor {
	return &visitor{house: h, account: a, name: name, dice: h.dice(name)}
}

// A refusal is an error that the program answered with.
type refusal struct {
	Message    string
	Extensions struct {
		Code      string
		RequestID string
		Details   map[string]any
	}
}

// Error tells the code and the message.
func (r *refusal) Error() string {
	return fmt.Sprintf("%s %v %s (request %s)", r.Extensions.Code, r.Extensions.Details, r.Message, r.Extensions.RequestID)
}

// codeOf returns the program's code for an error, or "" for silence.
func codeOf(err error) string {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused.Extensions.Code
	}
	return ""
}

// isPassing tells whether asking again with the same key is the answer to an error.
func isPassing(err error) bool {
	return slices.Contains([]string{"", "UNAVAILABLE", "IN_PROGRESS", "UNAUTHENTICATED", "INTERNAL"}, codeOf(err))
}

var browser = &http.Client{
	Timeout:       20 * time.Second,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 128},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ask sends an operation to a replica once. The error is a *refusal, or silence.
func (v *visitor) ask(r *replica, document string, input object, out any) error {
	body, err := json.Marshal(object{"query": document, "variables": object{"input": input}})
	if err != nil {
		return err
	}
	return v.send(r, "application/json", body, out)
}

// send posts a body to a replica once, as one who has a session.
func (v *visitor) send(r *replica, contentType string, body []byte, out any) error {
	if err := v.enter(); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("GraphQL-Preflight", "1") // no page of another site sends it
	if v.token != "" {
		request.AddCookie(&http.Cookie{Name: "session", Value: v.token})
	}
	response, err := browser.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	err = decode(response, out)
	if codeOf(err) == "UNAUTHENTICATED" {
		v.token = ""
	}
	return err
}

// enter opens a session if there is none: Redis may have lost it, and signing in by password
// takes longer than Redis lives in some tests.
func (v *visitor) enter() (err error) {
	if v.token == "" && v.account.id != "" {
		v.token, err = v.house.sessions.Start(context.Background(), v.account.id)
		v.house.secrets.keep("token of a session", v.token)
	}
	return err
}

func decode(response *http.Response, out any) error {
	var answer struct {
		Data   json.RawMessage
		Errors []*refusal
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", response.Status, err)
	}
	if len(answer.Errors) > 0 {
		return answer.Errors[0]
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, out)
}

// must is insist, of what has no reason to be refused.
func (v *visitor) must(document string, input object, out any) {
	v.house.t.Helper()
	if err := v.insist(document, input, out); err != nil {
		v.house.t.Fatalf("%s: %s: %v", v.name, document, err)
	}
}

// patience is how long a shopper asks again: longer than the resolver waits after three look-ups
// that failed, for faults go on meanwhile.
const patience = 3 * time.Minute

// insist asks one replica after the other until one gives a final answer: success, or a refusal
// that asking again would not change. Answers that blame the program itself are kept.
func (v *visitor) insist(document string, input object, out any) error {
	v.house.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		err := v.ask(v.house.replicas[v.dice.IntN(len(v.house.replicas))], document, input, out)
		if codeOf(err) == "INTERNAL" {
			v.house.blame(fmt.Sprintf("%s: %.60s answered %v", v.name, document, err))
		}
		if err == nil || !isPassing(err) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no final answer in %s: %w", patience, err)
		}
		time.Sleep(20*time.Millisecond + time.Duration(v.dice.IntN(60))*time.Millisecond)
	}
}

// A purchase is what a shopper was told of one: the program is held to it afterwards.
type purchase struct {
	by       *visitor
	key      string
	quantity int
	orderID  string // "" until the order is acknowledged
	total    int64
	soldOut  bool

	pg        string
	paymentID string
	attempt   attempt
	approved  bool // the approval was acknowledged
	declined  bool
	canceled  bool // the cancelation of the order was acknowledged
	refunds   []*refund
}

// An attempt is what a gateway's page needs.
type attempt struct{ PaymentKey string }

// A refund is one that was asked for.
type refund struct {
	key    string
	amount int64 // 0 is all that is left
	id     string
}

const (
	placeDocument   = `mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id status total } } }`
	readyDocument   = `mutation($input: ReadyPaymentInput!) { readyPayment(input: $input) { payment { id paymentKey amount } } }`
	approveDocument = `mutation($input: ApprovePaymentInput!) { approvePayment(input: $input) { payment { id status pg amount balance refundedAmount paymentKey } } }`
	refundDocument  = `mutation($input: CancelPaymentInput!) { cancelPayment(input: $input) { payment { id } refund { id status amount } } }`
	cancelDocument  = `mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { order { id status } } }`
)

// newPurchase is one that has not begun.
func (v *visitor) newPurchase(n, quantity int) *purchase {
	return &purchase{by: v, key: fmt.Sprintf("%s-%d", v.name, n), quantity: quantity}
}

func (p *purchase) orderInput() object {
	return object{"idempotencyKey": p.key, "lines": []object{{"productId": p.by.house.product.id, "quantity": p.quantity}}}
}

type placed struct {
	PlaceOrder struct {
		Order struct {
			ID     string
			Status string
			Total  int64
		}
	}
}

// place orders. It reports whether there is an order now.
func (p *purchase) place() bool {
	var answer placed
	err := p.by.insist(placeDocument, p.orderInput(), &answer)
	if err != nil {
		if p.soldOut = codeOf(err) == "SOLD_OUT"; !p.soldOut {
			p.by.house.t.Errorf("%s: order: %v", p.key, err)
		}
		return false
	}
	p.orderID, p.total = answer.PlaceOrder.Order.ID, answer.PlaceOrder.Order.Total
	return true
}

// ready opens the payment at a gateway.
func (p *purchase) ready(pg string) bool {
	var answer struct {
		ReadyPayment struct {
			Payment struct {
				ID, PaymentKey string
				Amount         int64
			}
		}
	}
	p.pg = pg
	err := p.by.insist(readyDocument, object{"idempotencyKey": p.key + pg, "orderId": p.orderID, "pg": pg, "returnUrl": "/orders"}, &answer)
	if err != nil {
		p.by.house.t.Errorf("%s: ready: %v", p.key, err)
		return false
	}
	payment := answer.ReadyPayment.Payment
	p.paymentID, p.attempt.PaymentKey = payment.ID, payment.PaymentKey
	if payment.Amount != p.total {
		p.by.house.t.Errorf("%s: the payment asks for %d of %d", p.key, payment.Amount, p.total)
	}
	return true
}

// shop pays at the gateway's page, and returns where the gateway sends the browser.
func (p *purchase) shop() *url.URL {
	var answer struct{ RedirectURL string }
	p.by.house.control(http.MethodPost, "/sim/shopper", object{"pg": p.pg, "paymentKey": p.attempt.PaymentKey, "act": "pay_card"}, &answer)
	back, err := url.Parse(answer.RedirectURL)
	if err != nil {
		p.by.house.t.Errorf("%s: the gateway sent the browser to %q: %v", p.key, answer.RedirectURL, err)
		return &url.URL{}
	}
	p.by.house.secrets.keep("pg_token", back.Query().Get("pg_token"))
	return back
}

// approveInput is what a page that approves by GraphQL sends after the redirect.
func (p *purchase) approveInput(back *url.URL) object {
	query := back.Query()
	if p.pg == "KAKAO" {
		return object{"paymentId": p.paymentID, "pgToken": query.Get("pg_token")}
	}
	amount, err := strconv.ParseInt(query.Get("amount"), 10, 64)
	if err != nil {
		p.by.house.t.Errorf("%s: the gateway sent the browser to %s", p.key, back)
	}
	return object{"paymentId": p.paymentID, "paymentKey": query.Get("paymentKey"), "amount": amount}
}

// An approvedPayment is the answer to an approval, to be compared with others.
type approvedPayment struct {
	ID, Status, PG, PaymentKey      string
	Amount, Balance, RefundedAmount int64
}

type approvedAnswer struct {
	ApprovePayment struct{ Payment approvedPayment }
}

// comeBack follows the redirect as a browser does, at any replica, whatever the answer.
func (p *purchase) comeBack(back *url.URL) {
	to, err := url.Parse(p.by.house.replicas[p.by.dice.IntN(len(p.by.house.replicas))].url)
	if err != nil {
		return
	}
	at := *back
	at.Host = to.Host
	if response, err := browser.Get(at.String()); err == nil {
		response.Body.Close()
	}
}

// approve asks for the money until it is known what came of it.
func (p *purchase) approve(back *url.URL) {
	var answer approvedAnswer
	err := p.by.insist(approveDocument, p.approveInput(back), &answer)
	switch codeOf(err) {
	case "DECLINED", "CONFLICT":
		p.declined = true
		return
	}
	if err != nil {
		p.by.house.t.Errorf("%s: approve: %v", p.key, err)
		return
	}
	if status := answer.ApprovePayment.Payment.Status; status != "APPROVED" {
		p.by.house.t.Errorf("%s: approve was answered with %s", p.key, status)
		return
	}
	p.approved = true
}

type refunded struct {
	CancelPayment struct {
		Refund struct {
			ID, Status string
			Amount     int64
		}
	}
}

func (p *purchase) refundInput(r *refund) object {
	input := object{"idempotencyKey": r.key, "paymentId": p.paymentID, "reason": "마음이 바뀌었어요"}
	if r.amount > 0 {
		input["amount"] = r.amount
	}
	return input
}

// refund asks for money back; an amount of 0 is all that is left.
func (p *purchase) refund(amount int64) {
	r := &refund{key: fmt.Sprintf("%s-refund-%d", p.key, len(p.refunds)), amount: amount}
	var answer refunded
	if err := p.by.insist(refundDocument, p.refundInput(r), &answer); err != nil {
		p.by.house.t.Errorf("%s: refund of %d: %v", p.key, amount, err)
		return
	}
	done := answer.CancelPayment.Refund
	if done.Status != "DONE" || (amount > 0 && done.Amount != amount) {
		p.by.house.t.Errorf("%s: a refund of %d was answered with %+v", p.key, amount, done)
	}
	r.id = done.ID
	p.refunds = append(p.refunds, r)
}

// cancel gives the order up, paid or not.
func (p *purchase) cancel() {
	err := p.by.insist(cancelDocument, object{"idempotencyKey": p.key + "-cancel", "orderId": p.orderID, "reason": "안 살래요"}, nil)
	if err != nil {
		p.by.house.t.Errorf("%s: cancel the order: %v", p.key, err)
		return
	}
	p.canceled = true
}

// buy orders and pays.
func (p *purchase) buy(pg string) bool {
	if !p.place() || !p.ready(pg) {
		return false
	}
	p.approve(p.shop())
	return p.approved
}

var gateways = []string{"KAKAO", "TOSS"}

// wander goes one of the ways that shoppers go.
func (p *purchase) wander() {
	dice := p.by.dice
	if !p.place() {
		return
	}
	if dice.IntN(8) == 0 {
		p.cancel()
		return
	}
	first := dice.IntN(2)
	if !p.ready(gateways[first]) {
		return
	}
	back := p.shop()
	if dice.IntN(4) == 0 { // the shopper changes her mind, and pays both
		if !p.ready(gateways[1-first]) {
			return
		}
		p.comeBack(back)
		back = p.shop()
	}
	if dice.IntN(3) == 0 {
		p.comeBack(back)
	}
	if p.approve(back); p.approved {
		p.regret()
	}
}

// regret gives some of the paid orders back, in part or as a whole.
func (p *purchase) regret() {
	switch p.by.dice.IntN(6) {
	case 0:
		p.refund(p.total / 3)
	case 1:
		p.refund(p.total / 3)
		p.refund(0)
	case 2:
		p.refund(0)
	case 3:
		p.cancel()
	}
}

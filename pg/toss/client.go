// Package toss speaks to the core API of Toss Payments, version 2022-11-16.
//
// Every POST carries an idempotency key, under which Toss repeats its first
// answer for fifteen days whatever the body says; so a POST that nobody
// answered is sent once more, and every answer is checked for what was asked.
package toss

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"payment-system/pg"
	"payment-system/pg/pghttp"
	"payment-system/shop"
)

const (
	defaultBaseURL    = "https://api.tosspayments.com"
	maxIdempotencyKey = 300
	maxReason         = 200
)

// Client is a pg.Gateway for Toss Payments. Its fields must not change after
// the first call; only SecretKey and Now are required.
type Client struct {
	BaseURL   string // without /v1; "" is the real host
	SecretKey string
	// ClientKey names the shop to pages that open Toss's window themselves. No
	// call here sends it.
	ClientKey string
	// DefaultMethod is asked for when a ReadyRequest names no method that Toss
	// has; "" lets the shopper choose.
	DefaultMethod string
	// HTTP makes the connections; nil is pghttp.NewClient().
	HTTP        *http.Client
	Timeout     time.Duration // of a call with its repeat; 0 is 10 seconds
	MaxInFlight uint          // calls under way; 0 is 64
	Now         func() time.Time
	Logger      *slog.Logger
	// Observe hears of every call and its outcome; nil hears nothing.
	Observe func(call, outcome string, took time.Duration)

	once   sync.Once
	caller pghttp.Caller
}

var _ pg.Gateway = (*Client)(nil)

// callerOnce returns what carries the requests.
func (c *Client) callerOnce() *pghttp.Caller {
	c.once.Do(func() {
		c.caller.PG, c.caller.HTTP, c.caller.Timeout, c.caller.MaxInFlight = shop.PGToss, c.HTTP, c.Timeout, c.MaxInFlight
		c.caller.Now, c.caller.Logger, c.caller.Observe = c.Now, c.Logger, c.Observe
	})
	return &c.caller
}

// request makes the request of a call. The password of Toss's Basic
// authentication is empty; its colon is not.
func (c *Client) request(call, method, path string) pghttp.Request {
	key := base64.StdEncoding.EncodeToString([]byte(c.SecretKey + ":"))
	return pghttp.Request{
		Call: call, Method: method, Repeat: true,
		URL: strings.TrimSuffix(cmp.Or(c.BaseURL, defaultBaseURL), "/") + "/v1/payments" + path,
		Header: http.Header{
			"Authorization":   {"Basic " + key},
			"Accept":          {"application/json"},
			"Accept-Language": {"ko-KR"},
		},
	}
}

// post sends body under an idempotency key and reads the payment that Toss
// answers with. Check says what is wrong with it, or nil.
func (c *Client) post(ctx context.Context, call, path, key string, body any, check func(*payment) error) (*payment, error) {
	caller := c.callerOnce()
	if key == "" || len(key) > maxIdempotencyKey {
		err := fmt.Errorf("an idempotency key has %d bytes, not 1 to %d", len(key), maxIdempotencyKey)
		return nil, caller.NotAsked(call, pg.OutcomeMisconfigured, err)
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, caller.NotAsked(call, pg.OutcomeMisconfigured, fmt.Errorf("encode request: %w", err))
	}
	req := c.request(call, http.MethodPost, path)
	req.Body = data
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	return c.do(ctx, req, check)
}

// errMismatch is what a check returns for an answer to something else.
var errMismatch = errors.New("the answer is for something else than was asked")

func (c *Client) do(ctx context.Context, req pghttp.Request, check func(*payment) error) (*payment, error) {
	return pghttp.Do(ctx, &c.caller, req, func(a pghttp.Answer) (*payment, error) {
		if a.Status != http.StatusOK {
			return nil, c.failure(req.Call, a)
		}
		p, err := c.decode(a)
		if err == nil {
			err = check(p)
		}
		switch {
		case errors.Is(err, errMismatch):
			return p, c.caller.Mismatch(req.Call, a, p.Payment)
		case err != nil:
			return nil, c.caller.Garbage(req.Call, a, err)
		}
		return p, nil
	})
}

type createRequest struct {
	Method              string   `json:"method,omitempty"`
	Amount              shop.Won `json:"amount"`
	Currency            string   `json:"currency"`
	OrderID             string   `json:"orderId"`
	OrderName           string   `json:"orderName"`
	SuccessURL          string   `json:"successUrl"`
	FailURL             string   `json:"failUrl"`
	FlowMode            string   `json:"flowMode"`
	TaxFreeAmount       shop.Won `json:"taxFreeAmount"`
	CardInstallmentPlan int      `json:"cardInstallmentPlan,omitempty"`
}

// Ready implements pg.Gateway. Toss sends a shopper who quits to FailedURL, with
// the code PAY_PROCESS_CANCELED: CanceledURL is not used.
func (c *Client) Ready(ctx context.Context, req pg.ReadyRequest) (pg.Ready, error) {
	body := createRequest{
		Method: c.DefaultMethod, Amount: req.Amount, Currency: "KRW", OrderID: string(req.AttemptID), OrderName: req.ItemName,
		SuccessURL: req.ApprovedURL, FailURL: req.FailedURL, FlowMode: "DEFAULT", TaxFreeAmount: req.TaxFree,
		CardInstallmentPlan: req.InstallmentMonths,
	}
	if slices.Contains(shop.PGToss.Methods(), req.Method) {
		body.Method = string(req.Method)
	}
	p, err := c.post(ctx, "ready", "", req.IdempotencyKey, body, func(p *payment) error {
		if !p.isOf(pg.Key{AttemptID: req.AttemptID}) || p.Amount != req.Amount {
			return errMismatch
		}
		if !pghttp.IsWebAddress(p.checkoutURL()) {
			return errors.New("the answer has no checkout address")
		}
		return nil
	})
	if err != nil {
		return pg.Ready{}, err
	}
	return pg.Ready{PaymentKey: p.PaymentKey, Checkouts: shop.SameCheckout(p.checkoutURL())}, nil
}

type confirmRequest struct {
	PaymentKey string   `json:"paymentKey"`
	OrderID    string   `json:"orderId"`
	Amount     shop.Won `json:"amount"`
}

// Approve implements pg.Gateway.
func (c *Client) Approve(ctx context.Context, req pg.ApproveRequest) (pg.Payment, error) {
	body := confirmRequest{PaymentKey: req.PaymentKey, OrderID: string(req.AttemptID), Amount: req.Amount}
	p, err := c.post(ctx, "approve", "/confirm", req.IdempotencyKey, body, func(p *payment) error {
		if !p.isOf(req.Key) || p.Amount != req.Amount {
			return errMismatch
		}
		if s := p.record.Status; s != "DONE" && s != "WAITING_FOR_DEPOSIT" {
			return fmt.Errorf("the status %q follows no approval", s)
		}
		p.LegKey = deref(p.record.LastTransactionKey)
		return nil
	})
	return p.orNone(), err
}

type cancelRequest struct {
	CancelReason         string          `json:"cancelReason"`
	CancelAmount         *shop.Won       `json:"cancelAmount,omitempty"`
	TaxFreeAmount        shop.Won        `json:"taxFreeAmount"`
	RefundableAmount     shop.Won        `json:"refundableAmount"`
	RefundReceiveAccount *receiveAccount `json:"refundReceiveAccount,omitempty"`
}

type receiveAccount struct {
	Bank          string `json:"bank"`
	AccountNumber string `json:"accountNumber"`
	HolderName    string `json:"holderName"`
}

// Cancel implements pg.Gateway. A Whole refund names no amount, which is all
// that payments without partial refunds take; the leg that Toss then makes must
// be of the amount asked for all the same. Toss makes none when more or less is
// left than the caller believes; under a key that it answered before, it repeats
// that answer, whatever is left by now.
func (c *Client) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	body := cancelRequest{
		CancelReason: reason(req.Reason), TaxFreeAmount: req.TaxFree, RefundableAmount: req.Available, RefundReceiveAccount: receive(req.Account),
	}
	if !req.Whole {
		body.CancelAmount = &req.Amount
	}
	path := "/" + url.PathEscape(req.PaymentKey) + "/cancel"
	p, err := c.post(ctx, "cancel", path, req.IdempotencyKey, body, func(p *payment) error { return p.checkCancel(req) })
	return p.orNone(), err
}

// checkCancel says what is wrong with the answer to a cancel, and names its leg.
func (p *payment) checkCancel(req pg.CancelRequest) error {
	leg := p.lastLeg()
	switch {
	case !p.isOf(req.Key):
		return errMismatch
	case leg == nil:
		return errors.New("the answer does not show the cancel")
	}
	p.LegKey = leg.TransactionKey
	switch {
	case p.Captured > 0 && leg.CancelAmount != req.Amount:
		return errMismatch
	case !isDone(*leg):
		return errors.New("the cancel is not done yet")
	}
	return nil
}

func reason(s string) string {
	s = cmp.Or(strings.TrimSpace(s), "고객 요청")
	if r := []rune(s); len(r) > maxReason {
		return string(r[:maxReason])
	}
	return s
}

func receive(a *shop.RefundAccount) *receiveAccount {
	if a == nil {
		return nil
	}
	number := strings.NewReplacer("-", "", " ", "").Replace(a.AccountNumber)
	return &receiveAccount{Bank: a.BankCode, AccountNumber: number, HolderName: a.HolderName}
}

// LookUp implements pg.Gateway. It asks by payment key, else by attempt.
func (c *Client) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	caller := c.callerOnce()
	path := "/" + url.PathEscape(key.PaymentKey)
	switch {
	case key.PaymentKey != "":
	case key.AttemptID != "":
		path = "/orders/" + url.PathEscape(string(key.AttemptID))
	default:
		return pg.Payment{}, caller.NotAsked("lookup", pg.OutcomeNotFound, errors.New("there is nothing to look up"))
	}
	p, err := c.do(ctx, c.request("lookup", http.MethodGet, path), func(p *payment) error {
		if !p.isOf(key) {
			return errMismatch
		}
		return nil
	})
	return p.orNone(), err
}

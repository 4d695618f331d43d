// Package kakao speaks to Kakao Pay's online payment API, the JSON one of
// open-api.kakaopay.com.
//
// Kakao Pay has no idempotency keys, so approvals and cancels are sent once and
// never again: an answer that does not come is pg.OutcomeUnknown, and a look-up
// tells. A refund's id travels in the payload of its cancel and is found again
// in Payment.Cancels.
package kakao

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"payment-system/pg"
	"payment-system/pg/pghttp"
	"payment-system/shop"
)

const (
	defaultBaseURL = "https://open-api.kakaopay.com"
	defaultCID     = "TC0ONETIME" // the test shop
	maxURL         = 255
)

// Client is a pg.Gateway for Kakao Pay. Its fields must not change after the
// first call; only SecretKey and Now are required.
type Client struct {
	BaseURL   string // without /online; "" is the real host
	SecretKey string
	CID       string // the merchant; "" is Kakao's test shop
	// HTTP makes the connections; nil is pghttp.NewClient().
	HTTP        *http.Client
	Timeout     time.Duration // of a call; 0 is 10 seconds
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
		c.caller.PG, c.caller.HTTP, c.caller.Timeout, c.caller.MaxInFlight = shop.PGKakao, c.HTTP, c.Timeout, c.MaxInFlight
		c.caller.Now, c.caller.Logger, c.caller.Observe = c.Now, c.Logger, c.Observe
	})
	return &c.caller
}

func (c *Client) cid() string { return cmp.Or(c.CID, defaultCID) }

// post sends body to the path of a call and lets read make something of a 200;
// what else Kakao answers is an error.
func post[T any](ctx context.Context, c *Client, call, path string, body any, read func(pghttp.Answer) (T, error)) (T, error) {
	var none T
	caller := c.callerOnce()
	data, err := json.Marshal(body)
	if err != nil {
		return none, caller.NotAsked(call, pg.OutcomeMisconfigured, fmt.Errorf("encode request: %w", err))
	}
	req := pghttp.Request{
		Call: call, Method: http.MethodPost, Body: data, Repeat: call == "lookup",
		URL: strings.TrimSuffix(cmp.Or(c.BaseURL, defaultBaseURL), "/") + "/online/v1/payment/" + path,
		Header: http.Header{
			"Authorization": {"SECRET_KEY " + c.SecretKey},
			"Content-Type":  {"application/json"},
			"Accept":        {"application/json"},
		},
	}
	return pghttp.Do(ctx, caller, req, func(a pghttp.Answer) (T, error) {
		if a.Status != http.StatusOK {
			return none, c.failure(call, a)
		}
		return read(a)
	})
}

type readyRequest struct {
	CID               string   `json:"cid"`
	PartnerOrderID    string   `json:"partner_order_id"`
	PartnerUserID     string   `json:"partner_user_id"`
	ItemName          string   `json:"item_name"`
	Quantity          int      `json:"quantity"`
	TotalAmount       shop.Won `json:"total_amount"`
	TaxFreeAmount     shop.Won `json:"tax_free_amount"`
	VATAmount         shop.Won `json:"vat_amount"`
	ApprovalURL       string   `json:"approval_url"`
	CancelURL         string   `json:"cancel_url"`
	FailURL           string   `json:"fail_url"`
	PaymentMethodType string   `json:"payment_method_type,omitempty"`
	InstallMonth      int      `json:"install_month,omitempty"`
}

// Ready implements pg.Gateway. Of the methods only CARD and MONEY can be asked
// for; the others leave the shopper free.
func (c *Client) Ready(ctx context.Context, req pg.ReadyRequest) (pg.Ready, error) {
	for _, address := range []string{req.ApprovedURL, req.CanceledURL, req.FailedURL} {
		if len(address) > maxURL || !pghttp.IsWebAddress(address) {
			err := fmt.Errorf("a return address of %d bytes is over %d or not absolute", len(address), maxURL)
			return pg.Ready{}, c.callerOnce().NotAsked("ready", pg.OutcomeMisconfigured, err)
		}
	}
	body := readyRequest{
		CID: c.cid(), PartnerOrderID: string(req.AttemptID), PartnerUserID: req.UserRef, ItemName: req.ItemName, Quantity: req.Quantity,
		TotalAmount: req.Amount, TaxFreeAmount: req.TaxFree, VATAmount: req.VAT,
		ApprovalURL: req.ApprovedURL, CancelURL: req.CanceledURL, FailURL: req.FailedURL, InstallMonth: req.InstallmentMonths,
	}
	if slices.Contains(shop.PGKakao.Methods(), req.Method) {
		body.PaymentMethodType = string(req.Method)
	}
	return post(ctx, c, "ready", "ready", body, c.readReady)
}

func (c *Client) readReady(a pghttp.Answer) (pg.Ready, error) {
	var said struct {
		TID       string `json:"tid"`
		PCURL     string `json:"next_redirect_pc_url"`
		MobileURL string `json:"next_redirect_mobile_url"`
		AppURL    string `json:"next_redirect_app_url"`
	}
	err := pghttp.Decode(a.Body, &said)
	if err == nil && (said.TID == "" || !pghttp.IsWebAddress(said.PCURL)) {
		err = errors.New("the answer lacks a tid or an address")
	}
	if err != nil {
		return pg.Ready{}, c.caller.Garbage("ready", a, err)
	}
	pages := shop.SameCheckout(said.PCURL) // its page for desks serves a phone, though less well
	if pghttp.IsWebAddress(said.MobileURL) {
		pages.Mobile, pages.App = said.MobileURL, said.MobileURL
	}
	if pghttp.IsWebAddress(said.AppURL) {
		pages.App = said.AppURL
	}
	return pg.Ready{PaymentKey: said.TID, Checkouts: pages}, nil
}

type approveRequest struct {
	CID            string   `json:"cid"`
	TID            string   `json:"tid"`
	PartnerOrderID string   `json:"partner_order_id"`
	PartnerUserID  string   `json:"partner_user_id"`
	PgToken        string   `json:"pg_token"`
	TotalAmount    shop.Won `json:"total_amount"`
}

// Approve implements pg.Gateway.
func (c *Client) Approve(ctx context.Context, req pg.ApproveRequest) (pg.Payment, error) {
	body := approveRequest{
		CID: c.cid(), TID: req.PaymentKey, PartnerOrderID: string(req.AttemptID), PartnerUserID: req.UserRef,
		PgToken: req.PgToken, TotalAmount: req.Amount,
	}
	return post(ctx, c, "approve", "approve", body, func(a pghttp.Answer) (pg.Payment, error) {
		p, err := c.decode(a, approved)
		if err != nil {
			return pg.Payment{}, c.caller.Garbage("approve", a, err)
		}
		if !isOf(p, req.Key) || p.Amount != req.Amount {
			return p, c.caller.Mismatch("approve", a, p)
		}
		return p, nil
	})
}

type cancelRequest struct {
	CID                   string   `json:"cid"`
	TID                   string   `json:"tid"`
	CancelAmount          shop.Won `json:"cancel_amount"`
	CancelTaxFreeAmount   shop.Won `json:"cancel_tax_free_amount"`
	CancelAvailableAmount shop.Won `json:"cancel_available_amount"`
	Payload               string   `json:"payload,omitempty"`
}

// Cancel implements pg.Gateway. A refusal, be it over amount or state or what a
// bank says of them, may come of this very cancel having been made earlier: it
// is looked up, and is pg.OutcomeUnknown if that is so or cannot be told.
func (c *Client) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	p, err := c.cancel(ctx, req)
	var e *pg.Error
	if errors.As(err, &e) && e.Outcome == pg.OutcomeRefused && c.maybeCanceled(ctx, req) {
		e.Outcome = pg.OutcomeUnknown
	}
	return p, err
}

func (c *Client) cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	body := cancelRequest{
		CID: c.cid(), TID: req.PaymentKey, CancelAmount: req.Amount, CancelTaxFreeAmount: req.TaxFree,
		CancelAvailableAmount: req.Available, Payload: string(req.RefundID),
	}
	return post(ctx, c, "cancel", "cancel", body, func(a pghttp.Answer) (pg.Payment, error) {
		p, err := c.decode(a, canceled)
		if err != nil {
			return pg.Payment{}, c.caller.Garbage("cancel", a, err)
		}
		leg := p.Cancels[0]
		if !isOf(p, req.Key) || leg.Amount != req.Amount || leg.RefundID != "" && leg.RefundID != req.RefundID {
			return p, c.caller.Mismatch("cancel", a, p)
		}
		return p, nil
	})
}

// maybeCanceled reports whether the payment shows the refund already, or cannot be seen.
func (c *Client) maybeCanceled(ctx context.Context, req pg.CancelRequest) bool {
	if req.RefundID == "" {
		return false
	}
	p, err := c.LookUp(ctx, req.Key)
	if err != nil {
		return true
	}
	for _, leg := range p.Cancels {
		if leg.RefundID == req.RefundID {
			return true
		}
	}
	return false
}

type orderRequest struct {
	CID string `json:"cid"`
	TID string `json:"tid"`
}

// LookUp implements pg.Gateway. Kakao Pay finds payments by tid only.
func (c *Client) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	if key.PaymentKey == "" {
		return pg.Payment{}, c.callerOnce().NotAsked("lookup", pg.OutcomeNotFound, errors.New("there is no tid to look up"))
	}
	return post(ctx, c, "lookup", "order", orderRequest{CID: c.cid(), TID: key.PaymentKey}, func(a pghttp.Answer) (pg.Payment, error) {
		p, err := c.decode(a, lookedUp)
		if err != nil {
			return pg.Payment{}, c.caller.Garbage("lookup", a, err)
		}
		if !isOf(p, key) {
			return p, c.caller.Mismatch("lookup", a, p)
		}
		return p, nil
	})
}

// isOf reports whether p is the payment asked for.
func isOf(p pg.Payment, key pg.Key) bool {
	return p.PaymentKey == key.PaymentKey && (key.AttemptID == "" || p.AttemptID == string(key.AttemptID))
}

package command

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/go-redis/redis_rate/v10"

	"payment-system/command/books"
	"payment-system/internal/limits"
	"payment-system/shop"
)

// ReceiveWebhook stores what Toss Payments told us unasked.
type ReceiveWebhook struct {
	Body     []byte
	RemoteIP string // for rate limits
}

// How often a webhook may come, from one address and about one attempt.
var (
	webhooksPerIP      = redis_rate.Limit{Rate: 300, Burst: 600, Period: time.Minute}
	webhooksPerAttempt = redis_rate.Limit{Rate: 300, Burst: 300, Period: time.Hour}
)

// MaxWebhook is the most bytes a webhook may have.
const MaxWebhook = 64 << 10

// tossWebhook holds what is needed of either shape: a status change carries the
// payment in data, a deposit callback is flat and has no event type.
type tossWebhook struct {
	EventType      string `json:"eventType"`
	Secret         string `json:"secret"`
	Status         string `json:"status"`
	TransactionKey string `json:"transactionKey"`
	OrderID        string `json:"orderId"`
	Data           struct {
		PaymentKey         string `json:"paymentKey"`
		OrderID            string `json:"orderId"`
		Status             string `json:"status"`
		LastTransactionKey string `json:"lastTransactionKey"`
		TransactionKey     string `json:"transactionKey"`
	} `json:"data"`
}

// ReceiveWebhook puts a webhook into the inbox. What it is about is looked up in
// the background as soon as it is stored, and nobody waits for that; should it
// fail, HandleWebhooks tries again. A webhook is a hint and nothing more: it is
// unsigned, so what it claims is never believed. The same webhook again is
// stored once, and wakes nobody. It returns Invalid for what is no
// webhook of Toss Payments, RateLimited when too many came of what is not ours,
// and Unavailable when it could not be stored; after either the gateway sends it
// again.
func (h *Handler) ReceiveWebhook(ctx context.Context, cmd ReceiveWebhook) error {
	hook, err := parseWebhook(cmd.Body)
	if err != nil {
		return err
	}
	if err := h.allowWebhook(ctx, cmd.RemoteIP, hook); err != nil {
		return err
	}
	now := h.now()
	dedup := shop.HashOf(hook.EventType, hook.Data.PaymentKey, hook.OrderID, hook.Status, hook.TransactionKey, hook.Secret)
	stored, err := books.StoreWebhook(ctx, h.DB, books.Webhook{
		DedupKey: dedup, EventType: hook.EventType, AttemptRef: hook.OrderID, PaymentKey: hook.Data.PaymentKey,
		Secret: hook.Secret, Body: cmd.Body, ReceivedAt: now,
	})
	switch {
	case err != nil:
		return notStored(err)
	case stored:
		h.wakeInbox(ctx)
	}
	return nil
}

// allowWebhook counts the webhooks of an address. One that has sent too many may
// be the gateway, or a proxy before it: what it says of an attempt of ours is
// taken all the same, as often as an attempt has things to tell, and the rest is
// not. Nothing is refused because nobody can count.
func (h *Handler) allowWebhook(ctx context.Context, remoteIP string, hook tossWebhook) error {
	limiter := limits.Limiter{Redis: h.Redis}
	refused := limiter.AllowOrSkip(ctx, "webhooks_ip:"+limits.Network(remoteIP), webhooksPerIP)
	if refused == nil {
		return nil
	}
	id, err := books.AttemptNamed(ctx, h.DB, hook.Data.PaymentKey, hook.OrderID)
	switch {
	case err != nil:
		return notStored(err)
	case id == "":
		return refused
	default:
		return limiter.AllowOrSkip(ctx, "webhooks_attempt:"+string(id), webhooksPerAttempt)
	}
}

func parseWebhook(body []byte) (tossWebhook, error) {
	malformed := &shop.Error{Code: shop.Invalid, Message: "This is no webhook of Toss Payments."}
	var hook tossWebhook
	if len(body) > MaxWebhook || !utf8.Valid(body) || json.Unmarshal(body, &hook) != nil {
		return hook, malformed
	}
	if hook.EventType == "" && hook.OrderID != "" && hook.Status != "" {
		hook.EventType = "DEPOSIT_CALLBACK"
	}
	if hook.EventType == "" {
		return hook, malformed
	}
	if hook.OrderID == "" {
		hook.OrderID, hook.Status = hook.Data.OrderID, hook.Data.Status
		hook.TransactionKey = hook.Data.LastTransactionKey + hook.Data.TransactionKey
	}
	for _, part := range []struct {
		text string
		most int
	}{{hook.EventType, 60}, {hook.OrderID, 100}, {hook.Data.PaymentKey, 200}, {hook.Secret, 100}} {
		if len(part.text) > part.most {
			return hook, malformed
		}
	}
	return hook, nil
}

package pgsim

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

const webhookRetries = 7

func webhookClient(timeout time.Duration) *http.Client {
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	return &http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 16, MaxConnsPerHost: 64, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// webhook is one notice to the merchant.
type webhook struct {
	id     string
	body   []byte
	fault  fault
	before chan struct{} // the payment's previous webhook; nil for the first
	tried  chan struct{} // closed when this one has been tried once
}

// tossNotify sends what Toss sends when the status of p changed. The caller holds
// s.mu.
func (s *Server) tossNotify(p *tossPayment) {
	if s.TossWebhookURL == "" || s.hooksClosed {
		return
	}
	now := s.clock()
	at := now.Format("2006-01-02T15:04:05.999999")
	s.tossSend(p, encode(map[string]any{"eventType": "PAYMENT_STATUS_CHANGED", "createdAt": at, "data": p.notice(now)}))
	if p.method == byVirtualAccount && p.started() {
		s.tossSend(p, encode(map[string]any{
			"createdAt": now.Format("2006-01-02T15:04:05.000000"), "secret": p.secret, "status": p.status,
			"transactionKey": p.lastKey, "orderId": p.orderID,
		}))
	}
}

// notice is the payment as webhooks tell it: without card and secret.
func (p *tossPayment) notice(now time.Time) map[string]any {
	var doc map[string]any
	decoder := json.NewDecoder(bytes.NewReader(encode(p.object(now))))
	decoder.UseNumber()
	_ = decoder.Decode(&doc) // our own JSON always decodes
	delete(doc, "card")
	delete(doc, "secret")
	return doc
}

// tossSend delivers body in the background, after the payment's previous webhook
// has been tried once.
func (s *Server) tossSend(p *tossPayment, body []byte) {
	h := &webhook{id: "whtrans_" + s.ids.letters(26, crockford), body: body, fault: s.faults.take("TOSS", "webhook", p.key), before: p.hook}
	h.tried = make(chan struct{})
	p.hook = h.tried
	switch h.fault.Fault {
	case "reorder":
		close(h.tried) // the next one does not wait for this one
		release := make(chan struct{})
		s.heldHooks = append(s.heldHooks, release)
		s.hooks.Go(func() { s.deliverHeld(h, release) })
		return
	case "duplicate":
		twin := *h
		twin.tried = make(chan struct{})
		s.hooks.Go(func() { s.deliverHook(&twin) })
	}
	s.hooks.Go(func() { s.deliverHook(h) })
}

// deliverHeld waits until another webhook has overtaken h, or for the fault's
// delay, one second if it has none.
func (s *Server) deliverHeld(h *webhook, release chan struct{}) {
	delay := h.fault.delay()
	if delay == 0 {
		delay = time.Second
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-release:
	case <-timer.C:
	case <-s.ctx.Done():
		return
	}
	h.tried = make(chan struct{})
	s.deliverHook(h)
}

// deliverHook tries until the merchant answers 200, by Toss' schedule.
func (s *Server) deliverHook(h *webhook) {
	if h.before != nil {
		select {
		case <-h.before:
		case <-s.ctx.Done():
			return
		}
	}
	unit := s.WebhookBackoff
	if unit == 0 {
		unit = 10 * time.Millisecond
	}
	for tries := range webhookRetries + 1 {
		ok := s.tryHook(h, tries)
		if tries == 0 {
			s.overtake(h)
		}
		if ok || tries < webhookRetries && !s.wait(nil, unit) {
			return
		}
		unit *= 4
	}
	s.logger().Warn("webhook given up", slog.String("transmission_id", h.id))
}

// overtake lets the payment's next webhook, and those held back, go.
func (s *Server) overtake(h *webhook) {
	close(h.tried)
	if h.fault.Fault == "reorder" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, held := range s.heldHooks {
		close(held)
	}
	s.heldHooks = nil
}

// tryHook posts once and reports whether Toss takes it for delivered.
func (s *Server) tryHook(h *webhook, tries int) bool {
	f := h.fault
	if tries > 0 {
		f = s.faults.take("TOSS", "webhook", "", "drop_before", "drop_after", "slow")
	}
	switch f.Fault {
	case "drop_before":
		return false
	case "slow":
		s.wait(nil, f.delay())
	}
	body := f.corrupt(answer{status: http.StatusOK, body: h.body}).body
	request, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.TossWebhookURL, bytes.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("tosspayments-webhook-transmission-time", tossTime(s.now()))
	request.Header.Set("tosspayments-webhook-transmission-id", h.id)
	request.Header.Set("tosspayments-webhook-transmission-retried-count", strconv.Itoa(tries))
	response, err := s.client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody))
	return response.StatusCode == http.StatusOK && f.Fault != "drop_after"
}

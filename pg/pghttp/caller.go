// Package pghttp carries requests to payment gateways: pooled, bounded in time
// and size, behind a circuit breaker, and always able to say whether a request
// may have left.
package pghttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"

	"payment-system/pg"
	"payment-system/shop"
)

const (
	maxBody        = 1 << 20
	defaultTimeout = 10 * time.Second
	defaultLimit   = 64

	// The circuit opens when half of the last twenty calls got no answer or a
	// 5xx, and is tried again after five seconds.
	failures, ofCalls = 10, 20
	pause             = 5 * time.Second
	probes            = 2
)

// errOversize is the answer of somebody who is not the gateway.
var errOversize = fmt.Errorf("the answer is over %d bytes", maxBody)

// A Caller sends requests to one gateway. Its fields must not change after the
// first call; only PG and Now are required. It is safe for concurrent use.
type Caller struct {
	PG shop.PG
	// HTTP is NewClient() when nil. Redirects are never followed.
	HTTP *http.Client
	// Timeout bounds a call with all its repeats; 0 is 10 seconds.
	Timeout time.Duration
	// MaxInFlight bounds the calls under way; 0 is 64.
	MaxInFlight uint
	Now         func() time.Time
	Logger      *slog.Logger
	// Observe hears of every call: its name, its outcome ("ok" or
	// pg.Outcome.String) and how long it took. Nil hears nothing.
	Observe func(call, outcome string, took time.Duration)

	once      sync.Once
	client    http.Client
	breaker   circuitbreaker.CircuitBreaker[Answer]
	single    failsafe.Executor[Answer]
	repeating failsafe.Executor[Answer]
}

// Request is one call to a gateway.
type Request struct {
	Call   string // ready, approve, cancel or lookup
	Method string
	URL    string
	Header http.Header
	Body   []byte
	// Repeat allows the request to be sent once more when nobody answered: it
	// changes nothing, or carries an idempotency key.
	Repeat bool
}

// Answer is what a gateway said, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	repeated bool // an earlier request may have left, and got no answer
}

// NewTransport returns connections fit for a gateway: pooled, few, and given up early.
func NewTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns = defaultLimit
	t.MaxIdleConnsPerHost = defaultLimit
	t.IdleConnTimeout = 30 * time.Second
	t.TLSHandshakeTimeout = 5 * time.Second
	t.ExpectContinueTimeout = 0
	t.MaxResponseHeaderBytes = 64 << 10
	return t
}

// NewClient returns an HTTP client with a NewTransport that follows no redirects.
func NewClient() *http.Client {
	return &http.Client{Transport: NewTransport(), CheckRedirect: stay}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (c *Caller) build() {
	if c.HTTP == nil {
		c.HTTP = NewClient()
	}
	c.client = *c.HTTP
	c.client.CheckRedirect, c.client.Timeout, c.client.Jar = stay, 0, nil
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = defaultLimit
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.breaker = circuitbreaker.NewBuilder[Answer]().
		HandleIf(isFailure).
		WithFailureThresholdRatio(failures, ofCalls).WithSuccessThreshold(probes).WithDelay(pause).
		Build()
	deadline := timeout.New[Answer](c.Timeout)
	queue := bulkhead.NewBuilder[Answer](c.MaxInFlight).WithMaxWaitTime(min(time.Second, c.Timeout/4)).Build()
	again := retrypolicy.NewBuilder[Answer]().
		HandleIf(isLost).WithMaxRetries(1).WithRandomDelay(20*time.Millisecond, 100*time.Millisecond).ReturnLastFailure().
		Build()
	c.single = failsafe.With[Answer](deadline, queue, c.breaker)
	c.repeating = failsafe.With[Answer](deadline, again, queue, c.breaker)
}

// lostError means that a request got no whole answer.
type lostError struct {
	err error
	// abandoned says that the caller hung up, which tells nothing of the gateway.
	abandoned bool
}

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

func isLost(_ Answer, err error) bool {
	var lost *lostError
	return errors.As(err, &lost) && !lost.abandoned
}

func isFailure(a Answer, err error) bool {
	return isLost(a, err) || err == nil && (a.Status >= 500 || a.Status == http.StatusTooManyRequests)
}

// Do sends a request, lets read make something of the answer, and reports what
// came of it. Its errors are *pg.Error, and so must be those of read. That a
// repeat did nothing is not said of a call that moves money: nobody answered the
// request before it.
func Do[T any](ctx context.Context, c *Caller, req Request, read func(Answer) (T, error)) (T, error) {
	var v T
	start := c.Now()
	a, err := c.send(ctx, req)
	if err == nil {
		v, err = read(a)
		if a.repeated && (req.Call == "approve" || req.Call == "cancel") {
			err = c.unclear(req.Call, err)
		}
	}
	c.report(ctx, req.Call, a.Status, err, c.Now().Sub(start))
	return v, err
}

// unclear is the error of a request that was sent again: it tells nothing of the
// first, which may have taken effect.
func (c *Caller) unclear(call string, err error) error {
	e, ok := errors.AsType[*pg.Error](err)
	if !ok || e.Outcome == pg.OutcomeUnknown || e.Outcome == pg.OutcomeMismatch {
		return err
	}
	return &pg.Error{PG: c.PG, Call: call, Outcome: pg.OutcomeUnknown, Err: fmt.Errorf("nobody answered the first request; to the second: %w", err)}
}

// send returns the gateway's answer, or a *pg.Error with OutcomeNotSent if
// nothing can have left and OutcomeUnknown otherwise.
func (c *Caller) send(ctx context.Context, req Request) (Answer, error) {
	c.once.Do(c.build)
	if err := ctx.Err(); err != nil {
		return Answer{}, &pg.Error{PG: c.PG, Call: req.Call, Outcome: pg.OutcomeNotSent, Err: err}
	}
	executor := c.single
	if req.Repeat {
		executor = c.repeating
	}
	var sent atomic.Bool
	a, err := executor.WithContext(ctx).GetWithExecution(func(x failsafe.Execution[Answer]) (Answer, error) {
		repeated := sent.Load()
		a, err := c.attempt(x.Context(), req, &sent) //nolint:contextcheck // derived from ctx, with the deadline
		if err != nil && errors.Is(ctx.Err(), context.Canceled) {
			err = &lostError{err: err, abandoned: true}
		}
		a.repeated = repeated
		return a, err
	})
	if err == nil {
		return a, nil
	}
	e := &pg.Error{PG: c.PG, Call: req.Call, Outcome: pg.OutcomeNotSent, Err: err}
	if sent.Load() {
		e.Outcome = pg.OutcomeUnknown
	}
	if errors.Is(err, circuitbreaker.ErrOpen) {
		e.RetryAfter = c.breaker.RemainingDelay()
	}
	return Answer{}, e
}

// attempt sends a request once, and notes if it may have left.
func (c *Caller) attempt(ctx context.Context, req Request, sent *atomic.Bool) (Answer, error) {
	var asked, got atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
	})
	r, err := http.NewRequestWithContext(ctx, req.Method, req.URL, bytes.NewReader(req.Body))
	if err != nil {
		return Answer{}, fmt.Errorf("make request: %w", withoutURL(err))
	}
	r.Header = req.Header.Clone()
	resp, err := c.client.Do(r)
	if err != nil {
		// A transport that tells nothing of its connections may have sent it.
		if !asked.Load() || got.Load() {
			sent.Store(true)
		}
		return Answer{}, &lostError{err: withoutURL(err)}
	}
	sent.Store(true)
	defer func() { _ = resp.Body.Close() }() // what matters was read, or not
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return Answer{}, &lostError{err: fmt.Errorf("read answer: %w", err)}
	case len(body) > maxBody:
		return Answer{}, errOversize
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// withoutURL is err without the address, which names the payment.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func (c *Caller) report(ctx context.Context, call string, status int, err error, took time.Duration) {
	outcome := "ok"
	var e *pg.Error
	switch {
	case errors.As(err, &e):
		outcome = e.Outcome.String()
	case err != nil:
		outcome = pg.OutcomeUnknown.String()
	}
	c.Logger.LogAttrs(ctx, slog.LevelDebug, "called gateway", slog.String("pg", string(c.PG)), slog.String("call", call),
		slog.String("outcome", outcome), slog.Int("status", status), slog.Duration("duration", took))
	if c.Observe != nil {
		c.Observe(call, outcome, took)
	}
}

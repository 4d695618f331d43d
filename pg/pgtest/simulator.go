package pgtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/pg"
	"payment-system/shop"
)

// A Simulator is the control side of a running pgsim: the hands of shoppers,
// the faults and the ledger of one of its gateways. Its methods end the test
// when the simulator does not do what they ask.
type Simulator struct {
	T   *testing.T
	URL string // of the server, without a path
	PG  shop.PG

	// Patience is how long SetFault has a call hang before its connection is closed. Zero is longer
	// than any client waits.
	Patience time.Duration
}

// Harness returns what TestGateway needs of a gateway that talks to the simulator over a line.
func (s Simulator) Harness(gateway pg.Gateway, line *Line) Harness {
	h := Harness{
		Gateway: gateway, PG: s.PG, Pay: s.Pay, Ledger: s.Ledger, SetFault: s.SetFault, Heal: s.Heal, Refund: s.Refund,
		Quit:  func(paymentKey string) { s.Act(paymentKey, "quit") },
		Break: line.Cut,
	}
	if s.PG == shop.PGToss {
		h.PayByVirtualAccount = func(paymentKey string) { s.Act(paymentKey, "pay_virtual_account") }
		h.Deposit = func(paymentKey string) { s.Act(paymentKey, "deposit") }
	}
	return h
}

// A Line is the way to a gateway.
type Line struct{ cut atomic.Bool }

// Client returns a client that makes a connection for each call, as long as the line is not cut.
func (l *Line) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if l.cut.Load() {
				return nil, errors.New("the line is cut")
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
}

// Cut makes calls end before they leave this process.
func (l *Line) Cut() { l.cut.Store(true) }

// Pay pays by card and returns Kakao's pg_token; at Toss it is "".
func (s Simulator) Pay(paymentKey string) (pgToken string) {
	s.T.Helper()
	address, err := url.Parse(s.Act(paymentKey, "pay_card"))
	if err != nil {
		s.T.Fatalf("read redirect: %v", err)
	}
	return address.Query().Get("pg_token")
}

// Act lets the shopper do something and returns where a browser would be sent.
func (s Simulator) Act(paymentKey, act string) (redirect string) {
	s.T.Helper()
	var said struct {
		URL string `json:"redirectUrl"`
	}
	s.do(http.MethodPost, "/sim/shopper", map[string]any{"pg": s.PG, "paymentKey": paymentKey, "act": act}, &said)
	return said.URL
}

// Refund gives money back in the gateway's console.
func (s Simulator) Refund(paymentKey string, amount shop.Won) {
	s.T.Helper()
	s.do(http.MethodPost, "/sim/refund", map[string]any{"pg": s.PG, "paymentKey": paymentKey, "amount": amount}, nil)
}

// SetFault lets calls of a name go wrong a number of times, 0 for always, and
// ends every other fault.
func (s Simulator) SetFault(call, fault string, times int) {
	s.T.Helper()
	set := map[string]any{"pg": s.PG, "call": call, "fault": fault, "times": times}
	if strings.HasPrefix(fault, "hang_") {
		set["delayMs"] = s.Patience.Milliseconds()
	}
	s.do(http.MethodPut, "/sim/faults", []map[string]any{set}, nil)
}

// Heal ends every fault.
func (s Simulator) Heal() {
	s.T.Helper()
	s.do(http.MethodDelete, "/sim/faults", nil, nil)
}

// Ledger is what the simulator itself counts of a payment.
func (s Simulator) Ledger(paymentKey string) Ledger {
	s.T.Helper()
	var rows []struct {
		Captured shop.Won                      `json:"captured"`
		Refunded shop.Won                      `json:"refunded"`
		Calls    map[string]int                `json:"calls"`
		Applied  struct{ Approve, Cancel int } `json:"applied"`
	}
	s.do(http.MethodGet, "/sim/ledger?pg="+string(s.PG)+"&paymentKey="+url.QueryEscape(paymentKey), nil, &rows)
	if len(rows) != 1 {
		s.T.Fatalf("the ledger has %d payments under %s, want 1", len(rows), paymentKey)
	}
	r := rows[0]
	return Ledger{Captured: r.Captured, Refunded: r.Refunded, Captures: r.Applied.Approve, Cancels: r.Applied.Cancel, Calls: r.Calls}
}

func (s Simulator) do(method, path string, in, out any) {
	s.T.Helper()
	if err := s.try(s.T.Context(), method, path, in, out); err != nil {
		s.T.Fatalf("%s %s: %v", method, path, err)
	}
}

func (s Simulator) try(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%s: %s", resp.Status, said)
	case out == nil:
		return nil
	}
	return json.Unmarshal(said, out)
}

package graph_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// events are a stream as a client reads it.
type events struct {
	t     *testing.T
	lines *bufio.Scanner
}

// stream posts an operation and asks for events.
func (b *browser) stream(body string) *events {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.site.URL+"/graphql", strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", jsonType)
	r.Header.Set("Accept", "text/event-stream")
	response, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = response.Body.Close() })
	if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != "text/event-stream" {
		b.t.Fatalf("the stream is %d %s", response.StatusCode, got)
	}
	return &events{t: b.t, lines: bufio.NewScanner(response.Body)}
}

// next returns the next event and its data, "" at the end of the stream.
func (e *events) next() string {
	e.t.Helper()
	var kind string
	for e.lines.Scan() {
		name, value, _ := strings.Cut(e.lines.Text(), ":")
		switch name {
		case "event":
			kind = strings.TrimSpace(value)
		case "data":
			return kind + " " + strings.TrimSpace(value)
		}
	}
	return ""
}

// Proves: each event is whole and newer than the one before, however soon the next one comes.
func TestServer_eventsWhole(t *testing.T) {
	t.Parallel()
	s := open(t)
	b := s.shopper(t, "a@example.com")
	order := b.order(s.operator(t).product("tea", 1000, 10))
	ready := func(i int) string {
		return dig(b.must(`mutation($input: ReadyPaymentInput!) { readyPayment(input: $input) { payment { id } } }`, map[string]any{
			"input": map[string]any{
				"idempotencyKey": strings.Repeat("k", i+1), "orderId": order, "pg": []string{"TOSS", "KAKAO"}[i%2], "returnUrl": "/orders",
			},
		}), "readyPayment", "payment", "id").(string)
	}
	payment := ready(0)
	const last = 14
	var watching sync.WaitGroup
	for range 60 {
		events := b.stream(`{"query": "subscription { paymentUpdated(paymentId: \"` + payment + `\") { version } }"}`)
		events.next()
		watching.Go(func() {
			for seen := 2; seen < last; {
				text := strings.TrimPrefix(events.next(), "next ")
				var event struct {
					Data struct{ PaymentUpdated struct{ Version int } }
				}
				err := json.Unmarshal([]byte(text), &event)
				if version := event.Data.PaymentUpdated.Version; err != nil || version <= seen {
					t.Errorf("after version %d comes %q, %v", seen, text, err)
					return
				}
				seen = event.Data.PaymentUpdated.Version
			}
		})
	}
	for i := 1; i <= (last-2)/2; i++ {
		ready(i)
	}
	watching.Wait()
}

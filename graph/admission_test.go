package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"payment-system/graph"
	"payment-system/internal/admission"
	"payment-system/internal/shoptest"
	"payment-system/shop"
)

// TestServer_tooManyOrders keeps all orders of a product waiting while more come than may be in
// flight. Proves: who comes too many is told when to come back, payments and reads go on, and nothing
// was done for who was refused.
func TestServer_tooManyOrders(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	s := open(t, func(g *graph.Server) {
		g.Registry, g.Metrics = registry, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	})
	operator, b := s.operator(t), s.shopper(t, "a@example.com")
	wanted, other := operator.product("wanted", 1000, 100_000), operator.product("other", 1000, 10)
	p := b.payable(other)

	held := shoptest.Must(s.shop.DB.BeginTx(t.Context(), nil))(t)
	defer held.Rollback()
	if _, err := held.ExecContext(t.Context(), "SET SESSION idle_transaction_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	if _, err := held.ExecContext(t.Context(), `SELECT available FROM stock WHERE product_id = ? FOR UPDATE`, wanted); err != nil {
		t.Fatal(err)
	}
	limit := admission.Limits()[admission.Orders]
	var shed, placed, wrong atomic.Int64
	var orders sync.WaitGroup
	for range limit.InFlight + limit.Waiting + 50 {
		orders.Go(func() {
			response, body := b.do(http.MethodPost, "/graphql", placeBody(wanted), "Content-Type", jsonType)
			got := decodeReply(t, body)
			seconds, _ := time.ParseDuration(response.Header.Get("Retry-After") + "s")
			switch {
			case response.StatusCode == http.StatusOK && len(got.Errors) == 0:
				placed.Add(1)
			case response.StatusCode == http.StatusServiceUnavailable && got.code() == shop.Unavailable && seconds >= time.Second &&
				fmt.Sprint(got.Errors[0].Extensions.Details["retryAfter"]) == response.Header.Get("Retry-After"):
				shed.Add(1)
			default:
				wrong.Add(1)
				t.Logf("%s %s", response.Status, body)
			}
		})
	}
	shoptest.Eventually(t, "orders are shed", func() bool { return shed.Load() >= 50 })

	began := time.Now()
	if response, _ := b.do(http.MethodGet, p.back("approved", nil), ""); response.StatusCode != http.StatusSeeOther {
		t.Errorf("a shopper comes back and is answered %s", response.Status)
	}
	b.must(`{ products(first: 5) { nodes { id } } }`, nil)
	if took := time.Since(began); took > time.Minute {
		t.Errorf("a payment that was begun and a read took %s", took)
	}
	if _, metrics := b.do(http.MethodGet, "/metrics", ""); !strings.Contains(metrics, fmt.Sprintf(`requests_in_flight{class="orders"} %d`, limit.InFlight)) {
		t.Error("the metrics do not tell that orders are full")
	}
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	orders.Wait()
	if wrong.Load() > 0 || placed.Load() < int64(limit.InFlight) {
		t.Errorf("%d were placed, %d shed, %d answered otherwise", placed.Load(), shed.Load(), wrong.Load())
	}
	if n := shoptest.Count(t, s.shop.DB, `SELECT COUNT(*) FROM order_lines WHERE product_id = ?`, wanted); int64(n) != placed.Load() {
		t.Errorf("%d orders are in the books, %d were told", n, placed.Load())
	}
	b.order(wanted)
}

func placeBody(product string) string {
	body, err := json.Marshal(map[string]any{
		"query": `mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id } } }`,
		"variables": map[string]any{"input": map[string]any{
			"idempotencyKey": uuid.NewString(), "lines": []any{map[string]any{"productId": product, "quantity": 1}},
		}},
	})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// Proves: large bodies that never end take no more memory than all may together.
func TestServer_bodies(t *testing.T) {
	t.Parallel()
	s := open(t)
	b := s.browser(t)
	body := `{"query": "{ viewer { id } }", "extensions": {"x": "` + strings.Repeat("x", 1_000_000) + `"}}`
	readers := make([]*slowBody, 40)
	var sending sync.WaitGroup
	var refused atomic.Int64
	for i := range readers {
		readers[i] = &slowBody{text: strings.NewReader(body), last: make(chan struct{})}
		sending.Go(func() {
			request := shoptest.Must(http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/graphql", readers[i]))(t)
			request.Header.Set("Content-Type", jsonType)
			response, err := b.http.Do(request)
			if err != nil {
				refused.Add(1) // the server has hung up while we sent
				return
			}
			defer response.Body.Close()
			if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "" {
				refused.Add(1)
			}
		})
	}
	shoptest.Eventually(t, "large requests are refused", func() bool { return refused.Load() > 0 })
	for _, reader := range readers {
		close(reader.last)
	}
	sending.Wait()
	if n := refused.Load(); n < 5 || n > 20 {
		t.Errorf("%d of %d large requests were refused", n, len(readers))
	}
	response, _ := b.do(http.MethodPost, "/graphql", body, "Content-Type", jsonType)
	if response.StatusCode != http.StatusOK {
		t.Errorf("afterwards a large request is answered %s", response.Status)
	}
}

// A slowBody keeps its last bytes back.
type slowBody struct {
	text *strings.Reader
	last chan struct{}
}

// Read implements io.Reader.
func (b *slowBody) Read(p []byte) (int, error) {
	if b.text.Len() <= 10 {
		<-b.last
	}
	return b.text.Read(p[:min(len(p), max(1, b.text.Len()-10))])
}

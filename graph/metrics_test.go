package graph_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"payment-system/graph"
	"payment-system/internal/shoptest"
)

func TestServer_metrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	s := open(t, func(g *graph.Server) {
		g.Registry, g.Metrics = registry, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	})
	b := s.shopper(t, "a@example.com")
	scrape := func() string {
		_, body := b.do(http.MethodGet, "/metrics", "")
		return body
	}
	has := func(lines ...string) bool {
		body := scrape()
		for _, line := range lines {
			if !strings.Contains(body, line+"\n") {
				return false
			}
		}
		return true
	}

	t.Run("labels are ours, whatever clients write", func(t *testing.T) {
		b.must(`query Whatever { alias: viewer { id } }`, nil)
		b.ask(`query Whatever { nothing_of_the_kind }`, nil)
		b.do(http.MethodGet, "/no/such/path", "")
		body := scrape()
		for _, want := range []string{
			`graphql_operation_duration_seconds_count{field="viewer",operation="query"} 1`,
			`graphql_errors_total{code="GRAPHQL_INVALID"} 1`,
			`http_requests_total{route="none",status="404"} 1`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("%s is missing in\n%s", want, body)
			}
		}
		for _, unwanted := range []string{"Whatever", "alias", "nothing_of_the_kind", "/no/such/path"} {
			if strings.Contains(body, unwanted) {
				t.Errorf("%s is a label", unwanted)
			}
		}
	})
	t.Run("connections and subscriptions are counted while they last", func(t *testing.T) {
		operator := s.operator(t)
		order := b.order(operator.product("tea", 1000, 10))
		l := b.connect()
		l.subscribe("1", order)
		l.hear("next", "1")
		l.subscribe("2", order)
		l.hear("next", "2")
		shoptest.Eventually(t, "they are counted", func() bool { return has("graphql_websockets 1", "graphql_subscriptions 2") })
		l.say(`{"type": "complete", "id": "1"}`)
		shoptest.Eventually(t, "one is over", func() bool { return has("graphql_websockets 1", "graphql_subscriptions 1") })
		_ = l.conn.CloseNow()
		shoptest.Eventually(t, "all are over", func() bool { return has("graphql_websockets 0", "graphql_subscriptions 0") })
	})
}

func TestServer_operationsElsewhere(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) { g.OpsElsewhere = true })
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		if response, _ := s.browser(t).do(http.MethodGet, path, ""); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %d to everybody", path, response.StatusCode)
		}
	}
	elsewhere := httptest.NewServer(s.graph.OpsHandler())
	t.Cleanup(elsewhere.Close)
	ops := (&site{Server: elsewhere}).browser(t)
	if response, _ := ops.do(http.MethodGet, "/livez", ""); response.StatusCode != http.StatusOK {
		t.Errorf("/livez answers %d", response.StatusCode)
	}
	if response, _ := ops.do(http.MethodPost, "/graphql", `{"query": "{ __typename }"}`, "Content-Type", jsonType); response.StatusCode != http.StatusNotFound {
		t.Errorf("/graphql answers %d", response.StatusCode)
	}
}

package graph

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/ast"

	"payment-system/shop"
)

// gauges are what /metrics tells about HTTP and GraphQL. Every label has few
// values: routes are ours, fields are the schema's.
type gauges struct {
	requests      *prometheus.CounterVec
	durations     *prometheus.HistogramVec
	operations    *prometheus.HistogramVec
	refusals      *prometheus.CounterVec
	sockets       prometheus.Gauge
	subscriptions prometheus.Gauge
}

// once makes the gauges when they are first needed.
type onceGauges struct {
	once   sync.Once
	gauges *gauges
}

// metrics returns the gauges, which count whether or not anybody collects them.
func (s *Server) metrics() *gauges {
	s.counted.once.Do(func() {
		s.counted.gauges = newGauges()
		if s.Registry != nil {
			s.Registry.MustRegister(s.counted.gauges.all()...)
			s.Registry.MustRegister(admitted{&s.admission})
		}
	})
	return s.counted.gauges
}

func newGauges() *gauges {
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30} //nolint:forbidigo // seconds, not money
	return &gauges{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests answered.",
		}, []string{"route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time to answer, streams excepted.", Buckets: buckets,
		}, []string{"route"}),
		operations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "graphql_operation_duration_seconds", Help: "Time to run queries and mutations, by their first field.", Buckets: buckets,
		}, []string{"operation", "field"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "graphql_errors_total", Help: "Errors shown to clients, by their code.",
		}, []string{"code"}),
		sockets: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "graphql_websockets", Help: "Open WebSockets.",
		}),
		subscriptions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "graphql_subscriptions", Help: "Running subscriptions.",
		}),
	}
}

func (g *gauges) all() []prometheus.Collector {
	return []prometheus.Collector{g.requests, g.durations, g.operations, g.refusals, g.sockets, g.subscriptions}
}

func (g *gauges) errors(code shop.Code) { g.refusals.WithLabelValues(string(code)).Inc() }

// connected counts a WebSocket until the function it returns is called.
func (g *gauges) connected() func() {
	g.sockets.Inc()
	return g.sockets.Dec
}

// subscribed counts a subscription until the function it returns is called.
func (g *gauges) subscribed() func() {
	g.subscriptions.Inc()
	return g.subscriptions.Dec
}

func (g *gauges) answered(route string, status int, took time.Duration) {
	g.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	if status != http.StatusSwitchingProtocols {
		g.durations.WithLabelValues(route).Observe(took.Seconds())
	}
}

// timeOperations is a response middleware.
func (s *Server) timeOperations(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if !graphql.HasOperationContext(ctx) {
		return next(ctx)
	}
	operation := graphql.GetOperationContext(ctx).Operation
	if operation == nil || operation.Operation == ast.Subscription {
		return next(ctx)
	}
	began := s.now()
	response := next(ctx)
	s.metrics().operations.WithLabelValues(string(operation.Operation), firstField(operation)).Observe(s.now().Sub(began).Seconds())
	return response
}

// firstField names an operation by a field of the schema, never by the client's words.
func firstField(operation *ast.OperationDefinition) string {
	for _, selection := range operation.SelectionSet {
		if field, ok := selection.(*ast.Field); ok && field.Definition != nil {
			return field.Name
		}
	}
	return "fragment"
}

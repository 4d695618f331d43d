package graph

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/ast"

	"payment-system/internal/admission"
	"payment-system/shop"
)

// enter lets an operation in, or refuses it while there are too many of its class.
func (s *Server) enter(ctx context.Context, class admission.Class) (in context.Context, leave func(), no *rejection) {
	in, leave, err := s.admission.Enter(ctx, class)
	if err != nil {
		refused, _ := errors.AsType[*shop.Error](err)
		return in, nil, &rejection{http.StatusServiceUnavailable, refused}
	}
	return in, leave, nil
}

// classOf is the least urgent class of an operation's fields.
func classOf(operation *ast.OperationDefinition) admission.Class {
	classes := admission.Classes()
	least := 0
	for _, field := range rootFields(operation.SelectionSet) {
		least = max(least, slices.Index(classes, classOfField(operation.Operation, field)))
	}
	return classes[least]
}

func classOfField(operation ast.Operation, field *ast.Field) admission.Class {
	switch {
	case operation == ast.Subscription:
		return admission.Subscriptions
	case field.Definition != nil && field.Definition.Directives.ForName("hasRole") != nil:
		return admission.Operators
	case operation != ast.Mutation:
		return admission.Reads
	}
	switch field.Name {
	case "readyPayment", "approvePayment", "failPayment", "cancelPayment", "cancelOrder":
		return admission.Payments
	case "placeOrder":
		return admission.Orders
	default:
		return admission.Accounts
	}
}

// rootFields are the fields of an operation, those of its fragments included.
func rootFields(set ast.SelectionSet) (fields []*ast.Field) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			fields = append(fields, selection)
		case *ast.InlineFragment:
			fields = append(fields, rootFields(selection.SelectionSet)...)
		case *ast.FragmentSpread:
			fields = append(fields, rootFields(selection.Definition.SelectionSet)...)
		}
	}
	return fields
}

// maxBodies is how many bytes of bodies of requests may be held at once.
const maxBodies = 32 << 20

// A metered body counts what is read of it among what is held of all bodies.
type metered struct {
	io.Reader
	all  *atomic.Int64
	mine *atomic.Int64
}

// errBodies says that too much is held of other requests' bodies.
var errBodies = errors.New("too many bytes of bodies are held")

// Read implements io.Reader.
func (m metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.mine.Add(int64(n))
	if m.all.Add(int64(n)) > maxBodies {
		return n, errBodies
	}
	return n, err
}

// admitted tells how many requests of each class there are.
type admitted struct{ gate *admission.Gate }

var (
	inFlight = prometheus.NewDesc("requests_in_flight", "Requests that are worked on.", []string{"class"}, nil)
	waiting  = prometheus.NewDesc("requests_waiting", "Requests that wait to be worked on.", []string{"class"}, nil)
	shed     = prometheus.NewDesc("requests_shed_total", "Requests refused because there were too many.", []string{"class"}, nil)
)

// Describe implements prometheus.Collector.
func (a admitted) Describe(out chan<- *prometheus.Desc) {
	out <- inFlight
	out <- waiting
	out <- shed
}

// Collect implements prometheus.Collector.
func (a admitted) Collect(out chan<- prometheus.Metric) {
	for class, count := range a.gate.Counts() {
		out <- prometheus.MustNewConstMetric(inFlight, prometheus.GaugeValue, float64(count.InFlight), string(class)) //nolint:forbidigo // a count, not money
		out <- prometheus.MustNewConstMetric(waiting, prometheus.GaugeValue, float64(count.Waiting), string(class))   //nolint:forbidigo // a count, not money
		out <- prometheus.MustNewConstMetric(shed, prometheus.CounterValue, float64(count.Shed), string(class))       //nolint:forbidigo // a count, not money
	}
}

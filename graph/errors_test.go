package graph_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"payment-system/command/reconciliation"
	"payment-system/graph"
	"payment-system/shop"
)

// A failingReconciler fails to apply in the way that a test chooses.
type failingReconciler struct {
	graph.Reconciler
	apply func(ctx context.Context) error
}

// ApplyReconciliation fails.
func (r failingReconciler) ApplyReconciliation(ctx context.Context, _ reconciliation.ApplyReconciliation) (shop.ReconciliationApplied, error) {
	return shop.ReconciliationApplied{}, r.apply(ctx)
}

func TestServer_errors(t *testing.T) {
	t.Parallel()
	var apply func(context.Context) error
	s := open(t, func(g *graph.Server) {
		g.Reconciler = failingReconciler{apply: func(ctx context.Context) error { return apply(ctx) }}
	})
	b := s.operator(t)
	const document = `mutation { renamed: applyReconciliation(input: {id: "rec_x", planHash: "x"}) { reconciliation { id } } }`
	var asked string // when to come again
	try := func(id string, f func(context.Context) error) problem {
		t.Helper()
		apply = f
		response, answer := b.do(http.MethodPost, "/graphql", fmt.Sprintf(`{"query": %q}`, document), "Content-Type", jsonType, "X-Request-Id", id)
		asked = response.Header.Get("Retry-After")
		got := decodeReply(t, answer)
		if len(got.Errors) != 1 || len(got.Errors[0].Path) != 1 || got.Errors[0].Path[0] != "renamed" || got.Errors[0].Extensions.RequestID != id {
			t.Fatalf("it answers %s", answer)
		}
		if lines := s.log.Lines(`"request refused"`, id); len(lines) != 1 {
			t.Errorf("it is logged %d times: %q", len(lines), lines)
		}
		return got.Errors[0]
	}

	t.Run("what nobody foresaw is INTERNAL, masked, and logged once", func(t *testing.T) {
		got := try("errors-1", func(context.Context) error { return errors.New("dial root:hunter2@tcp(db)") })
		if got.Extensions.Code != shop.Internal || strings.Contains(got.Message, "hunter2") {
			t.Errorf("it answers %+v", got)
		}
		if lines := s.log.Lines("ERROR", "errors-1", "dial root"); len(lines) != 1 {
			t.Errorf("the log says %q", lines)
		}
	})
	t.Run("a panic is INTERNAL and logged with where it was", func(t *testing.T) {
		got := try("errors-2", func(context.Context) error { panic("hunter2") })
		if got.Extensions.Code != shop.Internal || strings.Contains(got.Message, "hunter2") {
			t.Errorf("it answers %+v", got)
		}
		if lines := s.log.Lines("ERROR", "errors-2", "stack", "errors_test.go"); len(lines) != 1 {
			t.Errorf("the log says %q", lines)
		}
	})
	t.Run("a known error keeps its code, message and details, however deep it is wrapped", func(t *testing.T) {
		known := &shop.Error{Code: shop.Conflict, Message: "The plan is old.", Details: map[string]any{"status": "APPLIED"}, Err: errors.New("hunter2")}
		got := try("errors-3", func(context.Context) error { return fmt.Errorf("apply: %w", fmt.Errorf("plan: %w", known)) })
		if got.Extensions.Code != shop.Conflict || got.Message != known.Message || got.Extensions.Details["status"] != "APPLIED" {
			t.Errorf("it answers %+v", got)
		}
	})
	t.Run("a database that is away is UNAVAILABLE", func(t *testing.T) {
		for i, down := range []error{
			&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("hunter2")}, mysql.ErrInvalidConn, driver.ErrBadConn,
			&mysql.MySQLError{Number: 1053, Message: "hunter2"}, &mysql.MySQLError{Number: 1927, Message: "hunter2"},
			&mysql.MySQLError{Number: 1114, Message: "hunter2"}, &mysql.MySQLError{Number: 65000, Message: "hunter2"},
		} {
			got := try(fmt.Sprintf("errors-down-%d", i), func(context.Context) error { return fmt.Errorf("read rows: %w", down) })
			if got.Extensions.Code != shop.Unavailable || strings.Contains(got.Message, "hunter2") {
				t.Errorf("%v answers %+v", down, got)
			}
			if fmt.Sprint(got.Extensions.Details["retryAfter"]) != "2" || asked != "2" {
				t.Errorf("%v says when to ask again in %v and %q, want 2", down, got.Extensions.Details, asked)
			}
		}
		got := try("errors-wrong", func(context.Context) error { return &mysql.MySQLError{Number: 1064, Message: "hunter2"} })
		if got.Extensions.Code != shop.Internal {
			t.Errorf("a wrong statement answers %+v", got)
		}
	})
	t.Run("what takes too long is UNAVAILABLE", func(t *testing.T) {
		s.graph.Timeout = 300 * time.Millisecond
		got := try("errors-4", func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("read rows: %w", ctx.Err())
		})
		if got.Extensions.Code != shop.Unavailable || got.Message == "" {
			t.Errorf("it answers %+v", got)
		}
	})
}

func TestServer_panickingRoute(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) {
		g.Mount = func(mux *http.ServeMux) {
			mux.HandleFunc("GET /dev/boom", func(http.ResponseWriter, *http.Request) { panic("hunter2") })
		}
	})
	response, body := s.browser(t).do(http.MethodGet, "/dev/boom", "", "X-Request-Id", "errors-5")
	if response.StatusCode != 500 || strings.Contains(body, "hunter2") {
		t.Errorf("it answers %d %s", response.StatusCode, body)
	}
	if lines := s.log.Lines("ERROR", "errors-5", "stack"); len(lines) != 1 {
		t.Errorf("the log says %q", lines)
	}
}

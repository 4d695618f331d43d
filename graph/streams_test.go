package graph_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"payment-system/command"
	"payment-system/command/people"
	"payment-system/graph"
	"payment-system/internal/proof"
	"payment-system/internal/shoptest"
	"payment-system/shop"
)

// replica is another server of the same shop, which knows its sessions.
func (s *site) replica(t *testing.T, change func(*graph.Server)) *site {
	t.Helper()
	g := s.graph
	other := &site{
		graph: &graph.Server{
			Commands: g.Commands, People: g.People, Queries: g.Queries, Reconciler: g.Reconciler, Republisher: g.Republisher,
			Sessions: g.Sessions, PublicURL: g.PublicURL, Introspection: true, Logger: g.Logger, Now: g.Now,
			Timeout: g.Timeout, PreviewTimeout: g.PreviewTimeout,
		},
		shop: s.shop, log: s.log,
	}
	change(other.graph)
	other.Server = httptest.NewServer(other.graph.Handler())
	t.Cleanup(other.Close)
	t.Cleanup(other.graph.EndStreams)
	return other
}

// at is the same browser, at another replica.
func (b *browser) at(other *site) *browser { return &browser{t: b.t, site: other, http: b.http} }

// change has an order change as whoever runs the shop would have it.
func (s *site) change(t *testing.T, order string) {
	t.Helper()
	if _, err := s.shop.Commands.CancelOrder(t.Context(), command.CancelOrder{
		By: shoptest.Operator, IdempotencyKey: uuid.NewString(), OrderID: shop.OrderID(order),
	}); err != nil {
		t.Fatal(err)
	}
}

// endedWithin is when whoever may see nothing more sees nothing more.
var endedWithin = proof.Within(2 * time.Second)

// expire lets every session reach the end of its life now.
func expire(b *browser) {
	b.t.Helper()
	keys := b.site.shop.Redis.Keys(b.t.Context(), "session:*").Val()
	if len(keys) == 0 {
		b.t.Fatal("there is no session")
	}
	for _, key := range keys {
		if err := b.site.shop.Redis.PExpire(b.t.Context(), key, time.Millisecond).Err(); err != nil {
			b.t.Fatal(err)
		}
	}
	time.Sleep(20 * time.Millisecond)
}

// endsWith waits for the end, and wants nothing before it.
func (l *line) endsWith(code websocket.StatusCode) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	_, body, err := l.conn.Read(ctx)
	if got := websocket.CloseStatus(err); err == nil || got != code {
		l.t.Errorf("heard %s and %d, %v, want the end with %d", body, got, err, code)
	}
}

// TestServer_streamsEnd has a session end in every way while streams are open on another replica.
// Proves: nothing leaves after the end, whether or not the replica has looked since, and the
// streams are closed within two seconds.
func TestServer_streamsEnd(t *testing.T) {
	t.Parallel()
	signOut := func(b *browser) { b.must(`mutation { signOut { ok } }`, nil) }
	for name, test := range map[string]struct {
		check time.Duration // an hour: only what is about to leave is looked at
		role  shop.Role
		end   func(*browser)
	}{
		"signed out":                {end: signOut},
		"signed out, not looked at": {end: signOut, check: time.Hour},
		"signed in anew": {end: func(b *browser) {
			b.must(`mutation { signIn(input: {email: "a@example.com", password: "`+password+`"}) { user { id } } }`, nil)
		}},
		"expired":                {end: expire},
		"expired, not looked at": {end: expire, check: time.Hour},
		"every session ended": {end: func(b *browser) {
			id := dig(b.must(`{ viewer { id } }`, nil), "viewer", "id").(string)
			if n, err := b.site.graph.Sessions.EndAll(b.t.Context(), shop.UserID(id)); n != 1 || err != nil {
				b.t.Errorf("%d sessions ended, %v", n, err)
			}
		}},
		"no operator any more, not looked at": {role: shop.RoleOperator, check: time.Hour, end: func(b *browser) {
			email := dig(b.must(`{ viewer { email } }`, nil), "viewer", "email").(string)
			if _, err := b.site.graph.People.RemoveOperator(b.t.Context(), people.RemoveOperator{Email: email}); err != nil {
				b.t.Error(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			far := s.replica(t, func(g *graph.Server) { g.Sockets.SessionCheck = test.check })
			operator, b := s.operator(t), s.shopper(t, "a@example.com")
			order := b.order(operator.product("tea", 1000, 10))
			if test.role == shop.RoleOperator {
				b = operator
			}
			socket := b.at(far).connect()
			socket.subscribe("1", order)
			socket.hear("next", "1")
			events := b.at(far).stream(`{"query": "subscription { orderUpdated(orderId: \"` + order + `\") { status } }"}`)
			events.next()

			test.end(b)
			ended := time.Now()
			if test.check == 0 {
				socket.endsWith(4403)
				if got := events.next(); got != "" {
					t.Errorf("there is still the event %s", got)
				}
				if took := time.Since(ended); took > endedWithin {
					t.Errorf("they were closed after %s", took)
				}
				return
			}
			s.change(t, order)
			socket.endsWith(4403)
			if got := events.next(); got != "" {
				t.Errorf("there is still the event %s", got)
			}
		})
	}
}

// A client that does not read and does not say goodbye is not waited for.
func TestServer_streamsEnd_deaf(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	s := open(t, func(g *graph.Server) {
		g.Registry, g.Metrics = registry, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	})
	b := s.shopper(t, "a@example.com")
	socket := b.connect()
	socket.subscribe("1", b.order(s.operator(t).product("tea", 1000, 10)))
	b.must(`mutation { signOut { ok } }`, nil)
	ended := time.Now()
	shoptest.Eventually(t, "the socket is closed", func() bool {
		_, body := b.do(http.MethodGet, "/metrics", "")
		return strings.Contains(body, "graphql_websockets 0\n")
	})
	if took := time.Since(ended); took > endedWithin {
		t.Errorf("the socket was closed after %s", took)
	}
}

// Proves: an answer that takes longer than its session is nobody's.
func TestServer_sessionEndsDuringRequest(t *testing.T) {
	t.Parallel()
	var b *browser
	s := open(t, func(g *graph.Server) {
		g.Reconciler = failingReconciler{apply: func(ctx context.Context) error {
			id := dig(b.must(`{ viewer { id } }`, nil), "viewer", "id").(string) //nolint:contextcheck // The browser has its own.
			if _, err := b.site.graph.Sessions.EndAll(ctx, shop.UserID(id)); err != nil {
				return err
			}
			time.Sleep(1100 * time.Millisecond)
			return &shop.Error{Code: shop.Conflict, Message: "a secret"}
		}}
	})
	b = s.operator(t)
	got := b.ask(`mutation { applyReconciliation(input: {id: "rec_x", planHash: "x"}) { reconciliation { id } } }`, nil)
	if text, _ := json.Marshal(got); got.code() != shop.Unauthenticated || len(got.Data) > 0 {
		t.Errorf("it answers %s", text)
	}
}

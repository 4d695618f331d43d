package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"payment-system/graph"
	"payment-system/internal/origins"
	"payment-system/internal/shoptest"
	"payment-system/shop"
)

// A line is a WebSocket as a client holds it.
type line struct {
	t    *testing.T
	conn *websocket.Conn
}

// dial opens a WebSocket with the browser's cookie.
func (b *browser) dial(subprotocols ...string) *line {
	b.t.Helper()
	conn, _, err := websocket.Dial(b.t.Context(), b.site.URL+"/graphql", &websocket.DialOptions{
		HTTPClient: b.http, Subprotocols: subprotocols,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.CloseNow() })
	return &line{t: b.t, conn: conn}
}

func (b *browser) connect() *line {
	b.t.Helper()
	l := b.dial("graphql-transport-ws")
	l.say(`{"type": "connection_init"}`)
	l.hear("connection_ack", "")
	return l
}

func (l *line) say(text string) {
	l.t.Helper()
	if err := l.conn.Write(l.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		l.t.Fatal(err)
	}
}

// subscribe asks for an order's changes under an id.
func (l *line) subscribe(id, order string) {
	l.t.Helper()
	l.say(fmt.Sprintf(`{"type": "subscribe", "id": %q, "payload": {"query": "subscription($id: ID!) { orderUpdated(orderId: $id) { id status version } }", "variables": {"id": %q}}}`, id, order))
}

// A word is a message from the server.
type word struct {
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	Payload json.RawMessage `json:"payload"`
}

// hear waits for the next message, which must be of a type and for an id.
func (l *line) hear(kind, id string) word {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	_, body, err := l.conn.Read(ctx)
	if err != nil {
		l.t.Fatalf("waited in vain for %s: %v", kind, err)
	}
	var got word
	if err := json.Unmarshal(body, &got); err != nil {
		l.t.Fatal(err)
	}
	if got.Type != kind || got.ID != id {
		l.t.Fatalf("heard %s, want %s %s", body, kind, id)
	}
	return got
}

// order reads a next message's order.
func (w word) order(t *testing.T) (status string, version int) {
	t.Helper()
	var payload struct {
		Data struct {
			OrderUpdated struct {
				Status  string
				Version int
			}
		}
	}
	if err := json.Unmarshal(w.Payload, &payload); err != nil {
		t.Fatal(err)
	}
	return payload.Data.OrderUpdated.Status, payload.Data.OrderUpdated.Version
}

// problem reads an error message's only error.
func (w word) problem(t *testing.T) problem {
	t.Helper()
	var problems []problem
	if err := json.Unmarshal(w.Payload, &problems); err != nil || len(problems) != 1 {
		t.Fatalf("%s holds no error: %v", w.Payload, err)
	}
	return problems[0]
}

// expectClose waits for the end and what it is said to be.
func (l *line) expectClose(code int) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	for {
		_, body, err := l.conn.Read(ctx)
		if err == nil {
			l.t.Logf("heard %s before the end", body)
			continue
		}
		if got := websocket.CloseStatus(err); int(got) != code {
			l.t.Fatalf("the connection ended with %d, %v, want %d", got, err, code)
		}
		return
	}
}

func TestServer_socketRules(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) {
		g.Sockets = graph.Sockets{InitTimeout: 5 * time.Minute, Subscriptions: 2}
	})
	impatient := s.replica(t, func(g *graph.Server) { g.Sockets.InitTimeout = 300 * time.Millisecond })
	shopper, operator := s.shopper(t, "a@example.com"), s.operator(t)
	product := operator.product("tea", 1000, 10)
	order, other := shopper.order(product), operator.order(product)

	for name, c := range map[string]struct {
		words []string
		code  int
	}{
		"what is no JSON closes with 4400":                 {[]string{"hello"}, 4400},
		"what is no object closes with 4400":               {[]string{`[]`}, 4400},
		"an unknown type closes with 4400":                 {[]string{`{"type": "start", "id": "1"}`}, 4400},
		"a server's message closes with 4400":              {[]string{`{"type": "connection_ack"}`}, 4400},
		"subscribing first closes with 4401":               {[]string{`{"type": "subscribe", "id": "1", "payload": {"query": "subscription { orderUpdated(orderId: \"x\") { id } }"}}`}, 4401},
		"silence closes with 4408":                         {nil, 4408},
		"pings alone close with 4408":                      {[]string{`{"type": "ping"}`}, 4408},
		"two inits close with 4429":                        {[]string{`{"type": "connection_init"}`, `{"type": "connection_init"}`}, 4429},
		"a subscription without an id closes with 4400":    {[]string{`{"type": "connection_init"}`, `{"type": "subscribe", "payload": {"query": "subscription { __typename }"}}`}, 4400},
		"a subscription without a query closes with 4400":  {[]string{`{"type": "connection_init"}`, `{"type": "subscribe", "id": "1", "payload": {}}`}, 4400},
		"a message of more than 64 KiB closes with 1009":   {[]string{`{"type": "ping", "payload": {"x": "` + strings.Repeat("x", 64<<10) + `"}}`}, 1009},
		"a payload that is no object closes with 4400":     {[]string{`{"type": "connection_init"}`, `{"type": "subscribe", "id": "1", "payload": "x"}`}, 4400},
		"a payload with a wrong variable closes with 4400": {[]string{`{"type": "connection_init"}`, `{"type": "subscribe", "id": "1", "payload": {"query": "x", "variables": []}}`}, 4400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := s
			if c.code == 4408 {
				at = impatient
			}
			l := at.browser(t).dial("graphql-transport-ws")
			for _, word := range c.words {
				l.say(word)
			}
			l.expectClose(c.code)
		})
	}
	t.Run("another subprotocol closes with 4406", func(t *testing.T) {
		t.Parallel()
		s.browser(t).dial("graphql-ws").expectClose(4406)
		s.browser(t).dial().expectClose(4406)
	})
	t.Run("bytes close with 4400", func(t *testing.T) {
		t.Parallel()
		l := s.browser(t).dial("graphql-transport-ws")
		if err := l.conn.Write(t.Context(), websocket.MessageBinary, []byte(`{"type": "connection_init"}`)); err != nil {
			t.Fatal(err)
		}
		l.expectClose(4400)
	})
	t.Run("the same id twice closes with 4409", func(t *testing.T) {
		t.Parallel()
		l := rebind(t, shopper).connect()
		l.subscribe("1", order)
		l.hear("next", "1")
		l.subscribe("1", order)
		l.expectClose(4409)
	})
	t.Run("an id may be used again once it ended", func(t *testing.T) {
		t.Parallel()
		l := rebind(t, shopper).connect()
		for range 3 {
			l.subscribe("1", order)
			l.hear("next", "1")
			l.say(`{"type": "complete", "id": "1"}`)
		}
		l.subscribe("1", "ord_nothing")
		l.hear("error", "1")
		l.subscribe("1", order)
		l.hear("next", "1")
	})
	t.Run("more subscriptions than allowed are refused one by one", func(t *testing.T) {
		t.Parallel()
		l := rebind(t, shopper).connect()
		for _, id := range []string{"1", "2"} {
			l.subscribe(id, order)
			l.hear("next", id)
		}
		l.subscribe("3", order)
		if got := l.hear("error", "3").problem(t); got.Extensions.Code != shop.RateLimited {
			t.Errorf("it answers %+v", got)
		}
		l.say(`{"type": "complete", "id": "1"}`)
		l.subscribe("3", order)
		l.hear("next", "3")
	})
	t.Run("a ping is answered with what it carried", func(t *testing.T) {
		t.Parallel()
		l := s.browser(t).connect()
		l.say(`{"type": "ping", "payload": {"n": 1}}`)
		if got := l.hear("pong", ""); string(got.Payload) != `{"n":1}` {
			t.Errorf("it carries %s", got.Payload)
		}
		l.say(`{"type": "pong"}`)
		l.say(`{"type": "complete", "id": "unknown"}`)
		l.say(`{"type": "ping"}`)
		l.hear("pong", "")
	})
	for name, c := range map[string]struct {
		browser  *browser
		document string
		code     shop.Code
	}{
		"a query is refused":                       {shopper, `{ viewer { id } }`, shop.GraphQLInvalid},
		"a mutation is refused":                    {shopper, `mutation { signOut { ok } }`, shop.GraphQLInvalid},
		"a document that is not valid is refused":  {shopper, `subscription { nothing }`, shop.GraphQLInvalid},
		"nobody may subscribe":                     {s.browser(t), `subscription { orderUpdated(orderId: \"` + order + `\") { id } }`, shop.Unauthenticated},
		"somebody else's order is not to be seen":  {shopper, `subscription { orderUpdated(orderId: \"` + other + `\") { id } }`, shop.NotFound},
		"what does not exist answers the same":     {shopper, `subscription { orderUpdated(orderId: \"ord_x\") { id } }`, shop.NotFound},
		"a customer may not watch reconciliations": {shopper, `subscription { reconciliationUpdated(id: \"rec_x\") { id } }`, shop.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := rebind(t, c.browser).connect()
			l.say(`{"type": "subscribe", "id": "1", "payload": {"query": "` + c.document + `"}}`)
			got := l.hear("error", "1").problem(t)
			if got.Extensions.Code != c.code || got.Extensions.RequestID == "" {
				t.Errorf("it answers %+v", got)
			}
			l.say(`{"type": "ping"}`)
			l.hear("pong", "")
		})
	}
	if got := shopper.must(viewerQuery, nil); got["viewer"] == nil {
		t.Error("a mutation ran over a WebSocket")
	}
}

// rebind returns the same browser, reporting to another test.
func rebind(t *testing.T, b *browser) *browser {
	t.Helper()
	return &browser{t: t, site: b.site, http: b.http}
}

func TestServer_socketOrigins(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) {
		g.AllowedOrigins = shoptest.Must(origins.ParseAll([]string{"https://shop.example", "capacitor://localhost"}))(t)
	})
	for origin, status := range map[string]int{
		"https://evil.example": 403, "null": 403, "https://shop.example.evil.example": 403, "http://shop.example": 403,
		"https://shop.example": 101, s.URL: 101, "": 101,
	} {
		t.Run("a page of "+origin, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if origin != "" {
				header.Set("Origin", origin)
			}
			conn, response, err := websocket.Dial(t.Context(), s.URL+"/graphql", &websocket.DialOptions{
				HTTPHeader: header, Subprotocols: []string{"graphql-transport-ws"},
			})
			if err == nil {
				_ = conn.CloseNow()
			}
			if response == nil || response.StatusCode != status {
				t.Errorf("it is answered %v, %v, want %d", response, err, status)
			}
		})
	}
}

func TestServer_subscriptions(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) {
		g.Sockets = graph.Sockets{SessionCheck: 50 * time.Millisecond, Ping: 20 * time.Millisecond}
	})
	operator := s.operator(t)
	product := operator.product("tea", 1000, 100)
	const cancelOrder = `mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { order { status } } }`

	t.Run("an order is shown as it is, then as it becomes", func(t *testing.T) {
		t.Parallel()
		b := s.shopper(t, "b@example.com")
		order := b.order(product)
		l := b.connect()
		l.subscribe("1", order)
		status, first := l.hear("next", "1").order(t)
		if status != "PLACED" {
			t.Errorf("it begins as %s", status)
		}
		b.must(cancelOrder, map[string]any{"input": map[string]any{"idempotencyKey": "c", "orderId": order}})
		status, second := l.hear("next", "1").order(t)
		if status != "CANCELED" || second <= first {
			t.Errorf("it becomes %s in version %d after %d", status, second, first)
		}
	})
	t.Run("the end of the session ends the connection with 4403", func(t *testing.T) {
		t.Parallel()
		b := s.shopper(t, "c@example.com")
		l := b.connect()
		l.subscribe("1", b.order(product))
		l.hear("next", "1")
		b.must(`mutation { signOut { ok } }`, nil)
		l.expectClose(4403)
	})
	t.Run("the end of the server is said with 1001", func(t *testing.T) {
		t.Parallel()
		other := open(t)
		b := other.shopper(t, "f@example.com")
		l := b.connect()
		events := b.stream(`{"query": "subscription { orderUpdated(orderId: \"` + b.order(other.operator(t).product("tea", 1, 1)) + `\") { status } }"}`)
		events.next()
		other.graph.EndStreams()
		l.expectClose(1001)
		if got := events.next(); got != "" {
			t.Errorf("there is still %s", got)
		}
		b.must(viewerQuery, nil)
	})
	t.Run("events carry the same, and complete", func(t *testing.T) {
		t.Parallel()
		b := s.shopper(t, "d@example.com")
		order := b.order(product)
		events := b.stream(`{"query": "subscription { orderUpdated(orderId: \"` + order + `\") { status } }"}`)
		if got := events.next(); got != `next {"data":{"orderUpdated":{"status":"PLACED"}}}` {
			t.Errorf("the first event is %s", got)
		}
		b.must(cancelOrder, map[string]any{"input": map[string]any{"idempotencyKey": "c", "orderId": order}})
		if got := events.next(); got != `next {"data":{"orderUpdated":{"status":"CANCELED"}}}` {
			t.Errorf("the second event is %s", got)
		}
	})
	t.Run("events of a query are its answer and the end", func(t *testing.T) {
		t.Parallel()
		events := s.browser(t).stream(`{"query": "{ viewer { id } }"}`)
		if got := events.next(); got != `next {"data":{"viewer":null}}` {
			t.Errorf("the first event is %s", got)
		}
		if got := events.next(); got != "complete " {
			t.Errorf("the second event is %s", got)
		}
	})
	t.Run("events of what is refused are its error and the end", func(t *testing.T) {
		t.Parallel()
		for _, document := range []string{`subscription { orderUpdated(orderId: \"x\") { status } }`, `subscription { nothing }`} {
			events := s.browser(t).stream(`{"query": "` + document + `"}`)
			if got := events.next(); !strings.HasPrefix(got, `next {"errors":[`) {
				t.Errorf("the first event is %s", got)
			}
			if got := events.next(); got != "complete " {
				t.Errorf("the second event is %s", got)
			}
		}
	})
	t.Run("the end of the session ends the events", func(t *testing.T) {
		t.Parallel()
		b := s.shopper(t, "e@example.com")
		events := b.stream(`{"query": "subscription { orderUpdated(orderId: \"` + b.order(product) + `\") { status } }"}`)
		events.next()
		b.must(`mutation { signOut { ok } }`, nil)
		if got := events.next(); got != "" {
			t.Errorf("there is still %s", got)
		}
	})
}

func TestServer_slowClient(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) {
		g.Sockets = graph.Sockets{WriteTimeout: 3 * time.Second, Ping: 50 * time.Millisecond}
	})
	t.Run("who does not answer pings is given up", func(t *testing.T) {
		t.Parallel()
		l := s.browser(t).connect() // it does not read, so it does not answer
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for ctx.Err() == nil {
			if err := l.conn.Write(ctx, websocket.MessageText, []byte(`{"type": "pong"}`)); err != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if ctx.Err() != nil {
			t.Error("the connection still takes messages")
		}
	})
}

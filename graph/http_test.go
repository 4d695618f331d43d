package graph_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"payment-system/graph"
	"payment-system/internal/origins"
	"payment-system/internal/shoptest"
	"payment-system/shop"
)

const (
	jsonType    = "application/json"
	graphQLType = "application/graphql-response+json"
)

func TestServer_overHTTP(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code                     shop.Code
		mediaType                string
	}{
		{"a query by POST", "POST", "/graphql", `{"query": "{ __typename }"}`, []string{"Content-Type", jsonType}, 200, "", jsonType},
		{"a client of the new media type", "POST", "/graphql", `{"query": "{ __typename }"}`, []string{"Content-Type", jsonType, "Accept", graphQLType}, 200, "", graphQLType},
		{"a client that likes the old one better", "POST", "/graphql", `{"query": "{ __typename }"}`, []string{"Content-Type", jsonType, "Accept", graphQLType + ";q=0.8, application/json;q=0.9"}, 200, "", jsonType},
		{"a query by GET", "GET", "/graphql?query={__typename}", "", nil, 200, "", jsonType},
		{"variables by GET", "GET", "/graphql?query=query($n:Int){products(first:$n){nodes{id}}}&variables=%7B%22n%22:3%7D", "", nil, 200, "", jsonType},
		{"a document that is not valid, for old clients", "POST", "/graphql", `{"query": "{ nothing }"}`, []string{"Content-Type", jsonType}, 200, shop.GraphQLInvalid, jsonType},
		{"a document that is not valid, for new clients", "POST", "/graphql", `{"query": "{ nothing }"}`, []string{"Content-Type", jsonType, "Accept", graphQLType}, 400, shop.GraphQLInvalid, graphQLType},
		{"a document that cannot be read", "POST", "/graphql", `{"query": "{"}`, []string{"Content-Type", jsonType}, 200, shop.GraphQLInvalid, jsonType},
		{"a mutation by GET", "GET", "/graphql?query=mutation{signOut{ok}}", "", nil, 405, shop.GraphQLInvalid, jsonType},
		{"a subscription without a stream", "POST", "/graphql", `{"query": "subscription { orderUpdated(orderId: \"x\") { id } }"}`, []string{"Content-Type", jsonType}, 400, shop.GraphQLInvalid, jsonType},
		{"no query", "POST", "/graphql", `{}`, []string{"Content-Type", jsonType}, 400, shop.GraphQLInvalid, jsonType},
		{"no query by GET", "GET", "/graphql", "", nil, 400, shop.GraphQLInvalid, jsonType},
		{"a query that is not a string", "POST", "/graphql", `{"query": 1}`, []string{"Content-Type", jsonType}, 400, shop.GraphQLInvalid, jsonType},
		{"variables that are not an object", "POST", "/graphql", `{"query": "{ __typename }", "variables": []}`, []string{"Content-Type", jsonType}, 400, shop.GraphQLInvalid, jsonType},
		{"a batch", "POST", "/graphql", `[{"query": "{ __typename }"}]`, []string{"Content-Type", jsonType}, 400, shop.GraphQLInvalid, jsonType},
		{"two bodies", "POST", "/graphql", `{"query": "{ __typename }"} {}`, []string{"Content-Type", jsonType}, 400, shop.GraphQLInvalid, jsonType},
		{"bytes that are not UTF-8", "POST", "/graphql", "{\"query\": \"{ __typename } #\xff\"}", []string{"Content-Type", jsonType}, 400, shop.GraphQLInvalid, jsonType},
		{"a form, as other sites' pages send it", "POST", "/graphql", `query=%7B__typename%7D`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, shop.GraphQLInvalid, jsonType},
		{"plain text, as other sites' pages send it", "POST", "/graphql", `{"query": "{ __typename }"}`, []string{"Content-Type", "text/plain"}, 415, shop.GraphQLInvalid, jsonType},
		{"no content type", "POST", "/graphql", `{"query": "{ __typename }"}`, nil, 415, shop.GraphQLInvalid, jsonType},
		{"a browser that wants a page", "GET", "/graphql?query={__typename}", "", []string{"Accept", "text/html"}, 406, shop.GraphQLInvalid, jsonType},
		{"a body that is too large", "POST", "/graphql", `{"query": "` + strings.Repeat(" ", 1<<20) + `"}`, []string{"Content-Type", jsonType}, 413, shop.GraphQLInvalid, jsonType},
		{"another site's page", "POST", "/graphql", `{"query": "{ __typename }"}`, []string{"Content-Type", jsonType, "Origin", "https://evil.example"}, 403, shop.Forbidden, jsonType},
		{"a page without an origin", "POST", "/graphql", `{"query": "{ __typename }"}`, []string{"Content-Type", jsonType, "Origin", "null"}, 403, shop.Forbidden, jsonType},
		{"our own page", "POST", "/graphql", `{"query": "{ __typename }"}`, []string{"Content-Type", jsonType, "Origin", s.URL}, 200, "", jsonType},
		{"our own page under another of our names", "POST", "/graphql", `{"query": "{ __typename }"}`, []string{"Content-Type", jsonType, "Origin", "http://localhost", "Sec-Fetch-Site", "same-origin"}, 200, "", jsonType},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			response, body := s.browser(t).do(c.method, c.path, c.body, c.headers...)
			if got := response.Header.Get("Content-Type"); response.StatusCode != c.status || got != c.mediaType+"; charset=utf-8" {
				t.Errorf("it answers %d %s", response.StatusCode, got)
			}
			got := decodeReply(t, body)
			if got.code() != c.code || (c.code == "") != (got.Data != nil) || c.code != "" && strings.Contains(body, `"data"`) {
				t.Errorf("it answers %s", body)
			}
			if id := response.Header.Get("X-Request-Id"); id == "" || c.code != "" && got.Errors[0].Extensions.RequestID != id {
				t.Errorf("the request is called %q, and %s", id, body)
			}
		})
	}
}

func TestServer_secrets(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) { g.Introspection = false })
	b := s.browser(t)
	for name, body := range map[string]string{
		"a body that is cut":                   `{"query": "mutation { signIn }", "variables": {"password": "hunter2"`,
		"a body of another kind":               `"hunter2"`,
		"a variable of another kind":           `{"query": "{ __typename }", "variables": "hunter2"}`,
		"a document with a number too long":    `{"query": "mutation { createProduct(input: {idempotencyKey: \"hunter2\", name: \"n\", stock: 1, price: 99999999999999999999}) { product { id } } }"}`,
		"a variable with another unknown name": `{"query": "mutation($input: SignInInput!) { signIn(input: $input) { user { id } } }", "variables": {"input": {"email": "a@b.c", "password": ["hunter2"]}}}`,
	} {
		t.Run(name+" is not repeated", func(t *testing.T) {
			t.Parallel()
			_, answer := b.do(http.MethodPost, "/graphql", body, "Content-Type", jsonType)
			if got := decodeReply(t, answer); got.code() != shop.GraphQLInvalid || strings.Contains(answer, "hunter2") {
				t.Errorf("it answers %s", answer)
			}
			if lines := s.log.Lines("hunter2"); len(lines) > 0 {
				t.Errorf("the log says %q", lines)
			}
		})
	}
}

func TestServer_limits(t *testing.T) {
	t.Parallel()
	s := open(t)
	b := s.browser(t)
	deep := `{ order(id: "x") { payment { order { payment { order { payment { order { payment { order { payment { order { payment { id } } } } } } } } } } } } }`
	for name, document := range map[string]string{
		"more tokens than 1000":           "{ " + strings.Repeat("__typename ", 1001) + "}",
		"more bytes than 32 KiB":          "{ __typename } #" + strings.Repeat("x", 32<<10),
		"more depth than 12":              deep,
		"more aliases than 30":            "{ " + aliases(31) + "}",
		"pages of pages":                  `{ reconciliations(first: 100) { nodes { discrepancies(first: 100) { nodes { id payment { id } } } } } }`,
		"pages of lists to be counted":    `{ orders(first: 100) { nodes { user { orders(first: 1) { totalCount } } } } }`,
		"pages that ask the gateway":      `{ viewer { orders(first: 20) { nodes { payment { gatewayRecord(refresh: true) { __typename } } } } } }`,
		"a hundred nodes that have pages": `query { nodes(ids: [` + strings.Repeat(`"usr_x" `, 100) + `]) { ... on User { orders(first: 100) { nodes { id status total } } } } }`,
		"fragments of fragments of pages": `{ viewer { orders(first: 100) { ...a } } } fragment a on OrderConnection { nodes { ...b } edges { node { ...b } } } fragment b on Order { ` +
			strings.Repeat("lines { product { ...p } } ", 40) + `} fragment p on Product { id name price stock description }`,
	} {
		t.Run(name+" is TOO_COMPLEX", func(t *testing.T) {
			t.Parallel()
			if got := b.ask(document, nil); got.code() != shop.TooComplex {
				t.Errorf("it answers %+v", got)
			}
		})
	}
	t.Run("fragments that double again and again cost what they would, and no time", func(t *testing.T) {
		t.Parallel()
		var document strings.Builder
		document.WriteString("{ order(id: \"x\") { ...f0 } }")
		for i := range 60 {
			fmt.Fprintf(&document, " fragment f%d on Order { ...f%d ...f%d }", i, i+1, i+1)
		}
		document.WriteString(" fragment f60 on Order { id }")
		if got := b.ask(document.String(), nil); got.code() != shop.TooComplex {
			t.Errorf("it answers %+v", got)
		}
	})
	t.Run("as much as a page of everything passes", func(t *testing.T) {
		t.Parallel()
		b.must("{ "+aliases(30)+" products(first: 100) { edges { cursor node { id name description price taxFree stock createdAt updatedAt } } pageInfo { hasNextPage } } }", nil)
	})
	t.Run("some payments may be asked about at the gateway, and a page of them read", func(t *testing.T) {
		t.Parallel()
		b.must(`{ viewer { orders(first: 10) { nodes { payment { gatewayRecord(refresh: true) { __typename } } } } } }`, nil)
		b.must(`{ viewer { orders(first: 100) { nodes { payment { gatewayRecord(refresh: false) { __typename } } } } } }`, nil)
	})
	t.Run("a list is counted once, whatever its page", func(t *testing.T) {
		t.Parallel()
		b.must(`{ products(first: 100) { ...counted nodes { id name } } viewer { orders(first: 100) { totalCount } payments(first: 100) { totalCount } } }
			fragment counted on ProductConnection { totalCount }`, nil)
		if got := b.ask(`{ nodes(ids: ["usr_a", "usr_b"]) { ... on User { orders(first: 1) { totalCount } } } }`, nil); len(got.Errors) > 0 {
			t.Errorf("the lists of two: %+v", got)
		}
	})
	t.Run("@defer is refused", func(t *testing.T) {
		t.Parallel()
		if got := b.ask(`{ ... @defer { viewer { id } } }`, nil); got.code() != shop.GraphQLInvalid {
			t.Errorf("it answers %+v", got)
		}
	})
}

func aliases(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "a%d: __typename ", i)
	}
	return out.String()
}

func TestServer_introspection(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) { g.Introspection, g.Playground = false, false })
	b := s.browser(t)
	t.Run("when off, the schema cannot be asked for", func(t *testing.T) {
		t.Parallel()
		for _, document := range []string{`{ __schema { types { name } } }`, `{ __type(name: "User") { name } }`, `{ ...f } fragment f on Query { __schema { types { name } } }`} {
			if got := b.ask(document, nil); got.code() != shop.GraphQLInvalid {
				t.Errorf("%s answers %+v", document, got)
			}
		}
	})
	t.Run("when off, nothing is suggested", func(t *testing.T) {
		t.Parallel()
		for _, document := range []string{
			`{ viewr { id } }`, `{ product(idd: "x") { id } }`, `{ products(orderBy: NEWES) { nodes { id } } }`,
			`mutation { signIn(input: {emai: "x"}) { user { id } } }`, `query($a: SignInInpu!) { __typename }`, `{ node(id: "x") { ... on Produc { id } } }`,
		} {
			_, body := b.do(http.MethodPost, "/graphql", fmt.Sprintf(`{"query": %q}`, document), "Content-Type", jsonType)
			if strings.Contains(body, "Did you mean") || decodeReply(t, body).Data != nil {
				t.Errorf("%s answers %s", document, body)
			}
		}
	})
	t.Run("when off, there is no playground", func(t *testing.T) {
		t.Parallel()
		if response, _ := b.do(http.MethodGet, "/playground", ""); response.StatusCode != http.StatusNotFound {
			t.Errorf("it answers %d", response.StatusCode)
		}
	})
}

func TestServer_routes(t *testing.T) {
	t.Parallel()
	asked := make(chan error, 1)
	s := open(t, func(g *graph.Server) {
		g.Ready = func(context.Context) error { return <-asked }
		g.AllowedOrigins = shoptest.Must(origins.ParseAll([]string{"https://shop.example", "capacitor://localhost"}))(t)
		g.AllowedHeaders = []string{"X-Shop-Version"}
	})
	b := s.browser(t)
	t.Run("readyz tells whether this replica should get traffic", func(t *testing.T) {
		asked <- errors.New("the schema is old")
		if response, body := b.do(http.MethodGet, "/readyz", ""); response.StatusCode != 503 || strings.Contains(body, "schema") {
			t.Errorf("it answers %d %s", response.StatusCode, body)
		}
		asked <- nil
		if response, _ := b.do(http.MethodGet, "/readyz", ""); response.StatusCode != 200 {
			t.Errorf("it answers %d", response.StatusCode)
		}
		if response, _ := b.do(http.MethodGet, "/livez", ""); response.StatusCode != 200 {
			t.Errorf("it answers %d", response.StatusCode)
		}
	})
	t.Run("the schema is there to be read", func(t *testing.T) {
		t.Parallel()
		if _, body := b.do(http.MethodGet, "/schema.graphqls", ""); !strings.Contains(body, "type Mutation {") || strings.Contains(body, "__Type") {
			t.Errorf("it answers %.200s", body)
		}
	})
	t.Run("a good request id is taken over, another is not", func(t *testing.T) {
		t.Parallel()
		response, _ := b.do(http.MethodGet, "/livez", "", "X-Request-Id", "abc-123")
		if got := response.Header.Get("X-Request-Id"); got != "abc-123" {
			t.Errorf("it is %q", got)
		}
		response, _ = b.do(http.MethodGet, "/livez", "", "X-Request-Id", `"><script>`)
		if got := response.Header.Get("X-Request-Id"); len(got) != 26 {
			t.Errorf("it is %q", got)
		}
	})
	t.Run("a browser may ask whether an allowed origin's page may come", func(t *testing.T) {
		t.Parallel()
		response, _ := b.do(http.MethodOptions, "/graphql", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST")
		if response.StatusCode != 204 || response.Header.Get("Access-Control-Allow-Origin") != "https://shop.example" || response.Header.Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("it answers %d %v", response.StatusCode, response.Header)
		}
		response, _ = b.do(http.MethodOptions, "/graphql", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
		if response.StatusCode != 403 || response.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("another is answered %d %v", response.StatusCode, response.Header)
		}
	})
	t.Run("pages of an allowed app, too, and headers of usual clients pass", func(t *testing.T) {
		t.Parallel()
		response, _ := b.do(http.MethodOptions, "/graphql", "", "Origin", "capacitor://localhost", "Access-Control-Request-Method", "POST")
		if response.StatusCode != 204 || response.Header.Get("Access-Control-Allow-Origin") != "capacitor://localhost" {
			t.Errorf("an app is answered %d %v", response.StatusCode, response.Header)
		}
		allowed := map[string]bool{}
		for name := range strings.SplitSeq(response.Header.Get("Access-Control-Allow-Headers"), ",") {
			allowed[strings.ToLower(strings.TrimSpace(name))] = true
		}
		for _, client := range []string{
			"apollographql-client-name,apollographql-client-version,content-type", "baggage,content-type,sentry-trace",
			"content-type,traceparent,tracestate", "content-type,x-apollo-operation-name,apollo-require-preflight",
			"content-type,x-datadog-origin,x-datadog-parent-id,x-datadog-sampling-priority,x-datadog-trace-id",
			"content-type,newrelic,x-newrelic-id", "accept-language,authorization,content-type", "cache-control,last-event-id,pragma",
			"b3,x-b3-traceid,x-b3-spanid,x-b3-sampled", "content-type,x-request-id,x-requested-with", "x-shop-version",
		} {
			for name := range strings.SplitSeq(client, ",") {
				if !allowed[name] {
					t.Errorf("a client that sends %s may not send %s", client, name)
				}
			}
		}
		if response, _ = b.do(http.MethodOptions, "/graphql", "", "Origin", "capacitor://evil", "Access-Control-Request-Method", "POST"); response.StatusCode != 403 {
			t.Errorf("another app is answered %d", response.StatusCode)
		}
	})
	t.Run("the log tells the route and no address", func(t *testing.T) {
		t.Parallel()
		b.do(http.MethodGet, "/payments/att_secret/return/failed?pg_token=hush", "", "X-Request-Id", "walk-1")
		shoptest.Eventually(t, "it is logged", func() bool { return len(s.log.Lines(`"request answered"`, "walk-1")) == 1 })
		for _, line := range s.log.Lines("walk-1") {
			if strings.Contains(line, "hush") || strings.Contains(line, "127.0.0.1") {
				t.Errorf("the log says %s", line)
			}
		}
	})
}

func TestServer_gateways(t *testing.T) {
	t.Parallel()
	s := open(t)
	b := s.browser(t)
	t.Run("a return that leads nowhere gets a page in Korean with the request's id", func(t *testing.T) {
		t.Parallel()
		for path, status := range map[string]int{
			"/payments/att_00000000000000000000000000/return/approved?pg_token=x":  404,
			"/payments/att_00000000000000000000000000/return/elsewhere":            404,
			"/payments/att_00000000000000000000000000/return/approved?amount=1e3":  400,
			"/payments/att_00000000000000000000000000/return/approved?amount=-100": 400,
		} {
			response, body := b.do(http.MethodGet, path, "")
			if response.StatusCode != status || !strings.Contains(body, "결제") || !strings.Contains(body, response.Header.Get("X-Request-Id")) {
				t.Errorf("%s answers %d %s", path, response.StatusCode, body)
			}
		}
	})
	t.Run("only a GET acts", func(t *testing.T) {
		t.Parallel()
		for _, method := range []string{http.MethodHead, http.MethodPost, http.MethodPut} {
			if response, _ := b.do(method, "/payments/att_x/return/approved?pg_token=x", ""); response.StatusCode != 405 {
				t.Errorf("%s answers %d", method, response.StatusCode)
			}
		}
	})
	t.Run("a webhook that makes no sense is refused", func(t *testing.T) {
		t.Parallel()
		for body, status := range map[string]int{"": 400, "{": 400, `"` + strings.Repeat("x", 64<<10) + `"`: 413} {
			if response, _ := b.do(http.MethodPost, "/webhooks/toss", body, "Content-Type", jsonType); response.StatusCode != status {
				t.Errorf("%.20q answers %d, want %d", body, response.StatusCode, status)
			}
		}
	})
	t.Run("a webhook is answered once it is stored", func(t *testing.T) {
		t.Parallel()
		body := `{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-31T00:00:00.000000","data":{"paymentKey":"tgen_x","orderId":"att_00000000000000000000000000","status":"DONE"}}`
		response, answer := b.do(http.MethodPost, "/webhooks/toss", body, "Content-Type", jsonType, "tosspayments-webhook-transmission-id", "whtrans_1")
		if stored := s.inbox(t); response.StatusCode != 200 || stored != 1 {
			t.Errorf("it answers %d %q with %d stored", response.StatusCode, answer, stored)
		}
	})
}

func TestServer_webhookThatCannotBeStored(t *testing.T) {
	t.Parallel()
	s := open(t)
	if err := s.shop.DB.Close(); err != nil {
		t.Fatal(err)
	}
	body := `{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-31T00:00:00.000000","data":{"paymentKey":"tgen_x","orderId":"att_x","status":"DONE"}}`
	if response, _ := s.browser(t).do(http.MethodPost, "/webhooks/toss", body, "Content-Type", jsonType); response.StatusCode != 503 {
		t.Errorf("it answers %d", response.StatusCode)
	}
}

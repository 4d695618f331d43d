package graph_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"payment-system/command/people"
	"payment-system/graph"
	"payment-system/internal/mail"
	"payment-system/internal/roundtrip"
	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
	"payment-system/internal/views"
	"payment-system/pg"
	"payment-system/pg/kakao"
	"payment-system/pg/pgsim"
	"payment-system/pg/toss"
	"payment-system/query"
	"payment-system/shop"
)

// A site is a whole server on databases of its own, with simulated gateways and
// a mailbox; nothing in it is pretended but the gateways.
type site struct {
	*httptest.Server
	graph     *graph.Server
	shop      *shoptest.Shop
	mailbox   *mail.Mailbox
	log       *shoptest.Log
	simulator string // where the gateways are
}

// open starts a site; change may alter it before it serves.
func open(t *testing.T, change ...func(*graph.Server)) *site {
	t.Helper()
	s := &site{mailbox: shoptest.OpenMailbox(t), log: &shoptest.Log{}, Server: httptest.NewUnstartedServer(nil)}
	publicURL := "http://" + s.Listener.Addr().String()
	s.shop = shoptest.Open(t, shoptest.Options{
		Gateways: s.openGateways(t), PGTimeout: 5 * time.Second, Logger: s.log.Logger(), PublicURL: publicURL,
	})
	s.shop.Projector.Floors = &views.Floors{}
	s.graph = &graph.Server{
		Commands: s.shop.Commands,
		People:   s.shop.People(t, s.mailbox),
		Queries: &query.Reader{
			DB: s.shop.DB, Redis: s.shop.Redis, Logger: s.shop.Logger, Now: testclock.Now, Floors: s.shop.Projector.Floors,
			Backlog: s.shop.Projector.Backlog, Follow: s.shop.Projector.Follow,
			CacheTimeout: time.Minute, Trips: roundtrip.Group{Timeout: time.Minute},
		},
		Reconciler:  s.shop.Reconciler(),
		Republisher: s.shop.Projector,
		Sessions: &graph.Sessions{
			Redis: s.shop.Redis, Idle: 30 * time.Minute, Max: 12 * time.Hour, Now: testclock.Now, Random: shoptest.Random,
			PeekTimeout: time.Minute, Trips: roundtrip.Group{Timeout: time.Minute},
		},
		PublicURL: publicURL, Introspection: true, Playground: true, Logger: s.shop.Logger, Now: testclock.Now,
		Timeout: 5 * time.Minute, PreviewTimeout: 5 * time.Minute, // a busy machine may be slow
	}
	s.graph.People.Sessions = s.graph.Sessions
	for _, f := range change {
		f(s.graph)
	}
	s.Config.Handler = s.graph.Handler()
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(s.graph.EndStreams) // before Close, which waits for them
	return s
}

func (s *site) openGateways(t *testing.T) map[shop.PG]pg.Gateway {
	t.Helper()
	// It sends no webhooks: one could be looked up before the answer that a test waits for.
	sim := &pgsim.Server{Now: testclock.Now}
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	s.simulator = server.URL
	return map[shop.PG]pg.Gateway{
		shop.PGKakao: &kakao.Client{BaseURL: server.URL + "/kakao", SecretKey: "DEV1234567890", CID: "TC0ONETIME", Now: testclock.Now},
		shop.PGToss:  &toss.Client{BaseURL: server.URL + "/toss", SecretKey: "test_sk_simulator", Now: testclock.Now},
	}
}

// A browser is a client with cookies.
type browser struct {
	t    *testing.T
	site *site
	http *http.Client
}

func (s *site) browser(t *testing.T) *browser {
	t.Helper()
	return &browser{t: t, site: s, http: &http.Client{
		Jar:           shoptest.Must(cookiejar.New(nil))(t),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// A reply is what a GraphQL server answers.
type reply struct {
	Data   map[string]any `json:"data"`
	Errors []problem      `json:"errors"`
}

// A problem is one error of a reply.
type problem struct {
	Message    string `json:"message"`
	Path       []any  `json:"path"`
	Extensions struct {
		Code      shop.Code      `json:"code"`
		RequestID string         `json:"requestId"`
		Details   map[string]any `json:"details"`
	} `json:"extensions"`
}

// code returns the code of the reply's only error, or "".
func (r reply) code() shop.Code {
	if len(r.Errors) != 1 {
		return ""
	}
	return r.Errors[0].Extensions.Code
}

// ask posts an operation.
func (b *browser) ask(document string, variables map[string]any) reply {
	b.t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.post(string(body))
}

// post sends a body as it is.
func (b *browser) post(body string) reply {
	b.t.Helper()
	_, answer := b.do(http.MethodPost, "/graphql", body, "Content-Type", "application/json")
	return decodeReply(b.t, answer)
}

func decodeReply(t *testing.T, body string) reply {
	t.Helper()
	var out reply
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&out); err != nil {
		t.Fatalf("the answer %q is not GraphQL's: %v", body, err)
	}
	return out
}

// do sends a request with headers in pairs.
func (b *browser) do(method, path, body string, headers ...string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.site.URL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response, string(answer)
}

// must asks and returns the data, which must come without errors.
func (b *browser) must(document string, variables map[string]any) map[string]any {
	b.t.Helper()
	answer := b.ask(document, variables)
	if len(answer.Errors) > 0 {
		b.t.Fatalf("unexpected errors: %+v\n%s", answer.Errors, strings.Join(b.site.log.Lines("ERROR"), "\n"))
	}
	return answer.Data
}

// dig follows keys into data.
func dig(data any, keys ...string) any {
	for _, key := range keys {
		object, ok := data.(map[string]any)
		if !ok {
			return nil
		}
		data = object[key]
	}
	return data
}

const password = "correct horse battery staple"

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// signUp opens an account by the mailed code, and is signed in with it.
func (b *browser) signUp(email string) {
	b.t.Helper()
	data := b.must(`mutation($input: RequestEmailVerificationInput!) { requestEmailVerification(input: $input) { verificationId } }`,
		map[string]any{"input": map[string]any{"email": email}})
	id := dig(data, "requestEmailVerification", "verificationId")
	b.must(`mutation($input: ConfirmEmailVerificationInput!) { confirmEmailVerification(input: $input) { verificationId } }`,
		map[string]any{"input": map[string]any{"verificationId": id, "code": b.mailedCode(email)}})
	b.must(`mutation($input: SignUpInput!) { signUp(input: $input) { user { id } } }`,
		map[string]any{"input": map[string]any{"verificationId": id, "password": password}})
}

func (b *browser) mailedCode(email string) string {
	b.t.Helper()
	var code string
	shoptest.Eventually(b.t, "the mail comes", func() bool {
		for _, m := range b.site.mailbox.Mails(email) {
			code = sixDigits.FindString(m.Text)
		}
		return code != ""
	})
	return code
}

// operator is a browser of somebody who may do anything.
func (s *site) operator(t *testing.T) *browser {
	t.Helper()
	b := s.browser(t)
	b.signUp("operator@example.com")
	if _, err := s.graph.People.MakeOperator(t.Context(), people.MakeOperator{Email: "operator@example.com"}); err != nil {
		t.Fatal(err)
	}
	return b
}

// shopper is a browser of somebody with an account.
func (s *site) shopper(t *testing.T, email string) *browser {
	t.Helper()
	b := s.browser(t)
	b.signUp(email)
	return b
}

// product puts something on sale and returns its id.
func (b *browser) product(name string, price, stock int) string {
	b.t.Helper()
	data := b.must(`mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id } } }`,
		map[string]any{"input": map[string]any{"idempotencyKey": uuid.NewString(), "name": name, "price": price, "stock": stock}})
	return dig(data, "createProduct", "product", "id").(string)
}

// order orders one unit of a product and returns the order's id.
func (b *browser) order(product string) string {
	b.t.Helper()
	data := b.must(`mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id } } }`,
		map[string]any{"input": map[string]any{
			"idempotencyKey": uuid.NewString(), "lines": []any{map[string]any{"productId": product, "quantity": 1}},
		}})
	return dig(data, "placeOrder", "order", "id").(string)
}

// session returns the cookie's value, "" when there is none.
func (b *browser) session() string {
	b.t.Helper()
	u, err := url.Parse(b.site.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, cookie := range b.http.Jar.Cookies(u) {
		if cookie.Name == "session" {
			return cookie.Value
		}
	}
	return ""
}

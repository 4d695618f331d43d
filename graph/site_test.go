package graph_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"payment-system/command"
	"payment-system/command/people"
	"payment-system/command/reconciliation"
	"payment-system/graph"
	"payment-system/internal/mail"
	"payment-system/internal/mysqltest"
	"payment-system/internal/redistest"
	"payment-system/internal/testclock"
	"payment-system/internal/views"
	"payment-system/pg"
	"payment-system/pg/kakao"
	"payment-system/pg/pgsim"
	"payment-system/pg/toss"
	"payment-system/projections"
	"payment-system/projections/reconcile"
	"payment-system/query"
	"payment-system/shop"
)

// A site is a whole server on databases of its own, with simulated gateways and
// a mailbox; nothing in it is pretended but the gateways.
type site struct {
	*httptest.Server
	graph     *graph.Server
	db        *sql.DB
	redis     redis.UniversalClient
	projector *projections.Projector
	mailbox   *mail.Mailbox
	log       *journal
	simulator string // where the gateways are
}

// open starts a site; change may alter it before it serves.
func open(t *testing.T, change ...func(*graph.Server)) *site {
	t.Helper()
	s := &site{db: mysqltest.New(t), redis: redistest.New(t), log: &journal{}, Server: httptest.NewUnstartedServer(nil)}
	publicURL := "http://" + s.Listener.Addr().String()
	logger := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if s.mailbox, err = mail.OpenMailbox("127.0.0.1:0", testclock.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.mailbox.Close() })
	floors := &views.Floors{}
	s.projector = &projections.Projector{DB: s.db, Redis: s.redis, Logger: logger, Now: testclock.Now, Replica: "test", Floors: floors}
	t.Cleanup(s.projector.Close)
	commands := &command.Handler{
		DB: s.db, Locks: command.NoLocks{}, Gateways: s.openGateways(t), Projector: s.projector,
		Redis: s.redis, Now: testclock.Now, NewID: newID, Random: random, Logger: logger, PublicURL: publicURL,
		OrderHold: 15 * time.Minute, PGTimeout: 5 * time.Second, Replica: "test",
	}
	t.Cleanup(func() { _ = commands.Drain(context.WithoutCancel(t.Context())) })
	accounts := &people.Handler{
		DB: s.db, Projector: s.projector, Mailer: &mail.Mailer{Addr: s.mailbox.Addr(), From: "shop@example.com", Now: testclock.Now},
		Redis: s.redis, Now: testclock.Now, NewID: newID, Random: random, Logger: logger, PublicURL: publicURL,
	}
	t.Cleanup(func() { _ = accounts.Drain(context.WithoutCancel(t.Context())) })
	s.graph = &graph.Server{
		Commands: commands,
		People:   accounts,
		Queries: &query.Reader{
			DB: s.db, Redis: s.redis, Logger: logger, Now: testclock.Now, Floors: floors, Backlog: s.projector.Backlog,
		},
		Reconciler: &reconcile.Reconciler{
			DB: s.db, Money: commands, Logger: logger, Now: testclock.Now, AutoApplyCap: 1_000_000,
			Files: &reconciliation.Desk{DB: s.db, Projector: s.projector, Now: testclock.Now, NewID: newID, Logger: logger, Replica: "test"},
		},
		Republisher: s.projector,
		Sessions: &graph.Sessions{
			Redis: s.redis, Idle: 30 * time.Minute, Max: 12 * time.Hour, Now: testclock.Now, Random: random,
		},
		PublicURL: publicURL, Introspection: true, Playground: true, Logger: logger, Now: testclock.Now,
	}
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

func newID(prefix string) string { return shop.FormatID(prefix, uuid.Must(uuid.NewV7())) }

func random(p []byte) { _, _ = rand.Read(p) }

// A journal is a log that tests read.
type journal struct {
	mu  sync.Mutex
	out bytes.Buffer
}

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.Write(p)
}

// lines returns what was logged that holds every word.
func (j *journal) lines(words ...string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []string
next:
	for line := range strings.SplitSeq(strings.TrimSpace(j.out.String()), "\n") {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

// A browser is a client with cookies.
type browser struct {
	t    *testing.T
	site *site
	http *http.Client
}

func (s *site) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, site: s, http: &http.Client{
		Jar:           jar,
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
		b.t.Fatalf("unexpected errors: %+v\n%s", answer.Errors, strings.Join(b.site.log.lines("ERROR"), "\n"))
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
	eventually(b.t, "the mail comes", func() bool {
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

// eventually waits, a bounded time, until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

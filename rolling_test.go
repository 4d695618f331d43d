package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/shoptest"
)

// TestServe_saysNo proves: a replica that is told to stop answers whoever has not noticed yet.
func TestServe_saysNo(t *testing.T) {
	t.Parallel()
	replica := sharedDev(t).startReplica(t, "SHUTDOWN_DELAY=8s")
	client := newClient(t, replica.url)
	client.signIn(t, "shopper@example.com", "correct horse battery staple")
	ended := make(chan error, 1)
	began := time.Now()
	go func() { ended <- replica.stop() }()
	shoptest.Eventually(t, "it says that it is not ready", func() bool {
		return status(replica.url+"/readyz") == http.StatusServiceUnavailable
	})
	for time.Since(began) < 2*time.Second {
		if data, refused := client.try(t, `{ viewer { email } }`, nil); len(refused) > 0 || data.text("viewer", "email") == "" {
			t.Fatalf("it answers %v, %v", data, refused)
		}
		time.Sleep(50 * time.Millisecond)
	}
	response, _ := client.get(t, replica.url+"/livez")
	if response.StatusCode != http.StatusOK || !response.Close {
		t.Errorf("it answers %s, and asks to keep the connection", response.Status)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v:\n%s", err, replica.log)
	}
	if took := time.Since(began); took < 8*time.Second || took > time.Minute {
		t.Errorf("it ended after %s, want a little over 8 s", took)
	}
	if got := status(replica.url + "/livez"); got != 0 {
		t.Errorf("after the end it answers %d", got)
	}
}

// laterVersion is the schema's in a later version of the program.
const laterVersion = 99999

// grow does to every table what a later version's migration may do: it adds columns and an index.

func (d *dev) grow(t *testing.T) {
	t.Helper()
	db := shoptest.Must(mysqldb.Open(t.Context(), d.said["MYSQL_DSN"], mysqldb.Config{}))(t)
	defer db.Close()
	for _, table := range shoptest.Column(t, db, `SELECT table_name FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name <> 'goose_db_version'`) {
		shoptest.Exec(t, db, `ALTER TABLE `+table+`
ADD COLUMN later_maybe VARCHAR(40) NULL FIRST, ADD COLUMN later_zero BIGINT NOT NULL DEFAULT 0`)
		shoptest.Exec(t, db, `ALTER TABLE `+table+` ADD KEY ix_later (later_zero)`)
	}
	shoptest.Exec(t, db, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)`, laterVersion)
}

// TestServe_newerSchema proves: a replica that runs while a later version migrates the schema goes on, and is ready.
func TestServe_newerSchema(t *testing.T) {
	t.Parallel()
	d := ownDev(t)
	replica := d.startReplica(t)
	shopper := newClient(t, replica.url)
	shopper.signIn(t, "shopper@example.com", "correct horse battery staple")
	before := shopper.stock(t)
	order := shopper.placeOrder(t, before)
	payment := shopper.ready(t, order, "KAKAO")

	d.grow(t)
	if got := status(replica.url + "/readyz"); got != http.StatusOK {
		t.Errorf("after the migration /readyz answers %d", got)
	}
	shopper.payAtGateway(t, payment, walk{pg: "KAKAO", button: "pay_card"})
	shopper.wantPaid(t, order, before)
	again := shopper.ready(t, shopper.placeOrder(t, shopper.stock(t)), "TOSS")
	shopper.payAtGateway(t, again, walk{pg: "TOSS", button: "pay_card"})
	operator := newClient(t, replica.url)
	operator.signIn(t, "operator@example.com", "correct horse battery staple")
	operator.do(t, `mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id } } }`,
		object{"input": object{"idempotencyKey": unique(), "name": "later", "price": 1000, "stock": 1}})
	operator.settle(t, d, "KAKAO", "PAYMENT_STATE_CSV")
	out, code := runProgram(t, append(d.environment(), "SMTP_ADDR=127.0.0.1:1", "SMTP_FROM=shop@example.com"), "serve")
	if code != 1 || !strings.Contains(out, "deploy the newer program") {
		t.Errorf("one that starts on the newer schema: exit %d:\n%s", code, out)
	}
}

// A fleet is replicas behind a proxy that asks each whether it is ready, and sends it requests while it is.
type fleet struct {
	*httptest.Server
	replicas []*url.URL
	ready    []atomic.Bool
	next     atomic.Int64
}

const askReadyEvery = 200 * time.Millisecond

func openFleet(t *testing.T, urls []string) *fleet {
	t.Helper()
	f := &fleet{ready: make([]atomic.Bool, len(urls))}
	for _, address := range urls {
		f.replicas = append(f.replicas, shoptest.Must(url.Parse(address))(t))
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(f.pick()) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			t.Errorf("no answer from %s: %v", r.URL.Host, err)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	f.Server = httptest.NewServer(proxy)
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(f.Close)
	t.Cleanup(stop)
	for i := range f.replicas {
		go func() {
			for ctx.Err() == nil {
				f.ready[i].Store(status(urls[i]+"/readyz") == http.StatusOK)
				time.Sleep(askReadyEvery)
			}
		}()
	}
	return f
}

// pick returns the next replica that is ready.
func (f *fleet) pick() *url.URL {
	for range f.replicas {
		if i := int(f.next.Add(1)) % len(f.replicas); f.ready[i].Load() {
			return f.replicas[i]
		}
	}
	return f.replicas[0]
}

// A custom is requests to a fleet, so many a second, for as long as it lasts.
type custom struct {
	sent, failed atomic.Int64
	firsts       sync.Map // failures, the first of each kind
	working      sync.WaitGroup
	stop         context.CancelFunc
}

func (f *fleet) visit(t *testing.T, c *client, perSecond int, product string) *custom {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	visits := &custom{stop: stop}
	visits.working.Go(func() {
		ticker := time.NewTicker(time.Second / time.Duration(perSecond))
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			visits.working.Go(func() { visits.send(c, n, product) })
		}
	})
	return visits
}

// send reads, reads somebody's own, or orders.
func (v *custom) send(c *client, n int, product string) {
	document, variables := `{ products(first: 5) { nodes { id name stock } } }`, object{}
	switch n % 4 {
	case 1:
		document = `{ viewer { email orders(first: 5) { nodes { id status } } } }`
	case 2:
		document = `mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id } } }`
		variables = object{"input": object{"idempotencyKey": unique(), "lines": []object{{"productId": product, "quantity": 1}}}}
	}
	v.sent.Add(1)
	if err := v.ask(c, document, variables); err != nil {
		v.failed.Add(1)
		v.firsts.LoadOrStore(fmt.Sprintf("%.120s", err), n)
	}
}

func (v *custom) ask(c *client, document string, variables object) error {
	body, err := json.Marshal(object{"query": document, "variables": variables})
	if err != nil {
		return err
	}
	response, err := c.http.Post(c.url+"/graphql", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || bytes.Contains(answer, []byte(`"errors"`)) {
		return fmt.Errorf("%s %s %w", response.Status, answer, err)
	}
	return nil
}

// end stops the visits and tells what failed.
func (v *custom) end(t *testing.T) {
	t.Helper()
	v.stop()
	v.working.Wait()
	v.firsts.Range(func(what, _ any) bool {
		t.Errorf("failed: %s", what)
		return true
	})
	t.Logf("%d of %d requests failed", v.failed.Load(), v.sent.Load())
}

// nextVersion builds the program with one migration more.
func nextVersion(t *testing.T) (program string) {
	t.Helper()
	dir := t.TempDir()
	migration, overlay := filepath.Join(dir, "later.sql"), filepath.Join(dir, "overlay.json")
	root := shoptest.Must(filepath.Abs("."))(t)
	write(t, migration, `-- +goose Up
ALTER TABLE orders ADD COLUMN later_maybe VARCHAR(40) NULL, ADD KEY ix_orders_later (later_maybe);
ALTER TABLE payments ADD COLUMN later_zero BIGINT NOT NULL DEFAULT 0;
-- +goose Down
SELECT 1;
`)
	replace := shoptest.Must(json.Marshal(object{"Replace": object{
		filepath.Join(root, "sql", "migrations", fmt.Sprintf("%05d_later.sql", laterVersion)): migration,
	}}))(t)
	write(t, overlay, string(replace))
	program = filepath.Join(dir, "payment-system-next")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay="+overlay, "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the next version: %v\n%s", err, out)
	}
	return program
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestServe_rolling replaces three replicas, three times, while a hundred requests a second arrive:
// by the same version, by one that migrates the schema first, and by that again. Proves: no request fails.
func TestServe_rolling(t *testing.T) {
	next := nextVersion(t)
	d := ownDev(t)
	var ports, urls []string
	for range 3 {
		port := freePort(t)
		ports, urls = append(ports, port), append(urls, "http://localhost:"+port)
	}
	f := openFleet(t, urls)
	settings := append(d.environment(), "PUBLIC_URL="+f.URL, "SMTP_ADDR=127.0.0.1:1", "SMTP_FROM=shop@example.com",
		"SHUTDOWN_DELAY=1s", "LOG_LEVEL=warn")
	r := &rollout{t: t, fleet: f, ports: ports, urls: urls, settings: settings, stops: make([]func() error, 3)}
	defer r.stopAll()
	for i := range ports {
		r.replace(i, os.Args[0])
	}
	visitor := &client{url: f.URL, http: &http.Client{
		Timeout: 20 * time.Second, Jar: shoptest.Must(cookiejar.New(nil))(t),
		Transport: &http.Transport{MaxIdleConnsPerHost: 100},
	}}
	visitor.signIn(t, "shopper@example.com", "correct horse battery staple")
	operator := newClient(t, f.URL)
	operator.signIn(t, "operator@example.com", "correct horse battery staple")
	product := operator.do(t, `mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id } } }`,
		object{"input": object{"idempotencyKey": unique(), "name": "many", "price": 1000, "stock": 1_000_000}})
	visits := f.visit(t, visitor, 100, product.text("product", "id"))
	for _, round := range []string{os.Args[0], next, next} {
		if round == next {
			migrate := otherProgram(t.Context(), next, "tool", settings, "migrate")
			if out, err := migrate.CombinedOutput(); err != nil {
				t.Fatalf("migrate: %v\n%s", err, out)
			}
		}
		for i := range ports {
			r.replace(i, round)
		}
	}
	visits.end(t)
}

// A rollout replaces replicas one by one.
type rollout struct {
	t        *testing.T
	fleet    *fleet
	ports    []string
	urls     []string
	settings []string
	stops    []func() error
}

// replace stops a replica if there is one, starts another, and waits until the proxy has seen it.
func (r *rollout) replace(i int, path string) {
	r.t.Helper()
	if r.stops[i] != nil {
		if err := r.stops[i](); err != nil {
			r.t.Errorf("a replica ended with %v", err)
		}
	}
	settings := slices.Concat(r.settings, []string{"HTTP_ADDR=127.0.0.1:" + r.ports[i]})
	s, out, err := startOther(path, settings, "serve")
	if err != nil {
		r.t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	r.stops[i] = s.stop
	shoptest.Eventually(r.t, "a replica is ready", func() bool { return r.fleet.ready[i].Load() })
}

func (r *rollout) stopAll() {
	for _, stop := range r.stops {
		if stop != nil {
			stop()
		}
	}
}

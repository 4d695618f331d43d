package faulttest_test

import (
	"bytes"
	"context"
	cryptorand "crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/graph"
	"payment-system/internal/devservers"
	"payment-system/internal/mail"
	"payment-system/internal/mysqldb"
	"payment-system/internal/proof"
	"payment-system/shop"
)

const (
	// pgTimeout is the replicas' PG_TIMEOUT: outcomes become unknown fast.
	pgTimeout = time.Second
	// quietWithin is how long everything may take to be resolved once faults have ended.
	quietWithin = time.Minute
	password    = "correct horse battery staple"
)

// A plan says what house a test wants.
type plan struct {
	replicas int // how many serve the shop
	stock    int // units of the one product

	noLocks     bool          // the replicas' locks do nothing
	lockTTL     time.Duration // their locks expire that soon; 0 for the usual
	environment []string      // what else every replica is told, as NAME=value
	seed        uint64        // of the house's dice; 0 for one of its own

	// between, when set, is asked by which way a replica, counted from 0, reaches the servers: it
	// may put a proxy in between, which it closes with h.t.Cleanup. The servers run by then, and
	// the schema is there; the house itself goes straight.
	between func(h *house, replica int, to ways) ways
}

// ways are where a replica finds its servers.
type ways struct{ mysqlDSN, redisAddr string }

// A house is everything that one test breaks: servers, simulators and replicas of its own.
type house struct {
	t        *testing.T
	plan     plan
	opened   time.Time
	seed     uint64
	servers  *devservers.Servers
	sim      string // where the simulators are
	replicas []*replica
	db       *sql.DB
	redis    *redis.Client
	sessions *graph.Sessions
	shopper  account
	operator account
	product  product

	mu     sync.Mutex
	blames []string // answers that said it was the program's own fault

	secrets secrets
	// claimed are the keys of payments that a gateway once told too much of, taken and given back.
	claimed map[string]bool
}

// blame keeps an answer that said it was the program's own fault.
func (h *house) blame(answer string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.blames = append(h.blames, answer)
}

// An account may have any number of sessions.
type account struct {
	id    shop.UserID
	email string
}

// A product is what the shoppers buy.
type product struct {
	id    string
	stock int
}

// A replica is one serve, always at the same address.
type replica struct {
	url         string
	environment []string
	log         *os.File // all that its processes ever said

	mu      sync.Mutex
	process *process
}

// open opens the house that a test wants.
func open(t *testing.T, wanted plan) *house {
	t.Helper()
	h := &house{t: t, plan: wanted, opened: time.Now(), seed: wanted.seed, claimed: map[string]bool{}}
	if h.seed == 0 {
		h.seed = proof.Seed(t)
	}
	var err error
	if h.servers, err = devservers.Start(t.Context(), devservers.Config{InMemory: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.servers.Close() })
	h.migrate()
	h.openClients()
	mailbox := h.openMailbox()
	for range wanted.replicas {
		h.replicas = append(h.replicas, &replica{url: "http://" + freeAddr(t)})
	}
	h.startSimulators()
	for i, r := range h.replicas {
		r.environment = h.replicaEnvironment(i, mailbox.Addr())
		r.log = h.openLog(i)
		h.startReplica(r)
	}
	for what, secret := range map[string]string{"secret key of Kakao Pay": kakaoKey, "secret key of Toss Payments": tossKey, "password": password} {
		h.secrets.keep(what, secret)
	}
	h.furnish(mailbox)
	return h
}

func (h *house) migrate() {
	if said, code := run(h.t.Context(), h.t, []string{"MYSQL_DSN=" + h.servers.MySQLDSN}, "migrate"); code != 0 {
		h.t.Fatalf("migrate: exit %d\n%s", code, said)
	}
}

func (h *house) openClients() {
	var err error
	if h.db, err = mysqldb.Open(h.t.Context(), h.servers.MySQLDSN, mysqldb.Config{MaxConns: 4}); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { h.db.Close() })
	h.redis = redis.NewClient(&redis.Options{Addr: h.servers.RedisAddr, MaxRetries: -1, DialerRetries: 1, DialTimeout: 200 * time.Millisecond})
	h.t.Cleanup(func() { h.redis.Close() })
	h.sessions = &graph.Sessions{Redis: h.redis, Idle: time.Hour, Max: time.Hour, Now: time.Now, Random: randomly}
}

func (h *house) openMailbox() *mail.Mailbox {
	mailbox, err := mail.OpenMailbox("127.0.0.1:0", time.Now)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { mailbox.Close() })
	return mailbox
}

// dice are the dice of one thing that happens by chance.
func (h *house) dice(name string) *rand.Rand {
	var stream uint64
	for _, b := range []byte(name) {
		stream = stream*31 + uint64(b)
	}
	return rand.New(rand.NewPCG(h.seed, stream))
}

// randomly fills p: sessions are no part of what a seed repeats.
func randomly(p []byte) { cryptorand.Read(p) }

const (
	kakaoKey = "DEV0000000000000000000000000000000000000"
	tossKey  = "test_sk_00000000000000000000000000000000"
)

// replicaEnvironment is what a replica is told. The first gets the webhooks.
func (h *house) replicaEnvironment(i int, smtp string) []string {
	to := ways{h.servers.MySQLDSN, h.servers.RedisAddr}
	if h.plan.between != nil {
		to = h.plan.between(h, i, to)
	}
	told := append(h.environment(),
		"MYSQL_DSN="+to.mysqlDSN, "REDIS_ADDRS="+to.redisAddr,
		"HTTP_ADDR="+h.replicas[i].url[len("http://"):], "PUBLIC_URL="+h.replicas[0].url, "LOG_LEVEL=info", "LOG_FORMAT=json",
		"SMTP_ADDR="+smtp, "SMTP_FROM=shop@example.com", "ORDER_HOLD=30m", "SHUTDOWN_DELAY=0s")
	if h.plan.noLocks {
		told = append(told, "PAYMENT_LOCKS=none")
	}
	if h.plan.lockTTL > 0 {
		told = append(told, "PAYMENT_LOCK_TTL="+h.plan.lockTTL.String())
	}
	return append(told, h.plan.environment...)
}

// environment names the servers to any command, straight. The simulators are known once they run.
func (h *house) environment() []string {
	return []string{
		"MYSQL_DSN=" + h.servers.MySQLDSN, "REDIS_ADDRS=" + h.servers.RedisAddr, "PG_TIMEOUT=" + pgTimeout.String(),
		"KAKAO_BASE_URL=" + h.sim + "/kakao", "KAKAO_SECRET_KEY=" + kakaoKey,
		"TOSS_BASE_URL=" + h.sim + "/toss", "TOSS_SECRET_KEY=" + tossKey,
	}
}

// freeAddr returns an address that nobody listens at, and whose port no system gives to a client
// while a replica is away from it.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(20_000))
		if listener, err := net.Listen("tcp", addr); err == nil {
			listener.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

// startSimulators starts the gateways.
func (h *house) startSimulators() {
	addr := freeAddr(h.t)
	start(h.t, nil, []string{
		"PGSIM_ADDR=" + addr, "TOSS_WEBHOOK_URL=" + h.replicas[0].url + "/webhooks/toss",
		"KAKAO_SECRET_KEY=" + kakaoKey, "TOSS_SECRET_KEY=" + tossKey, "LOG_LEVEL=error",
	}, "pgsim")
	h.sim = "http://" + addr
	h.eventually("the simulators to answer", func() bool { return answers(h.sim + "/sim/clock") })
}

// startReplica starts a replica, told something besides, and returns when it is ready.
func (h *house) startReplica(r *replica, told ...string) {
	h.t.Helper()
	started := h.launchReplica(r, told...)
	h.eventually("a replica to be ready", func() bool {
		select {
		case <-started.ended:
			h.t.Errorf("a replica ended while it started:\n%s", started.said)
			return true
		default:
			return answers(r.url + "/readyz")
		}
	})
}

// launchReplica starts a replica, told something besides, and does not wait for it.
func (h *house) launchReplica(r *replica, told ...string) *process {
	h.t.Helper()
	started := start(h.t, r.log, slices.Concat(r.environment, told), "serve")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process = started
	return started
}

// running is the replica's process.
func (r *replica) running() *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process
}

var replicaLine = regexp.MustCompile(`"replica":"([^"]+)"`)

// name is what the replica is called in leases, as it says when it starts.
func (r *replica) name() string {
	if found := replicaLine.FindStringSubmatch(r.running().said.String()); found != nil {
		return found[1]
	}
	return ""
}

func answers(address string) bool {
	client := http.Client{Timeout: time.Second}
	response, err := client.Get(address)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// eventually polls until the condition holds; it is no failure of the rules, but of the machine,
// when that takes three minutes.
func (h *house) eventually(what string, holds func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !holds(); {
		if time.Now().After(deadline) {
			h.t.Errorf("waited in vain for %s; transactions that are open: %v", what, h.transactions())
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// transactions tells what MariaDB works on, for a test that has failed.
func (h *house) transactions() (open []string) {
	rows, err := h.db.QueryContext(context.Background(), `SELECT CONCAT_WS(' ', p.id, p.command, p.time, COALESCE(x.trx_state, ''), COALESCE(x.trx_rows_locked, ''), COALESCE(p.info, ''))
		FROM information_schema.processlist p LEFT JOIN information_schema.innodb_trx x ON x.trx_mysql_thread_id = p.id WHERE x.trx_id IS NOT NULL OR p.command <> 'Sleep'`)
	if err != nil {
		return []string{err.Error()}
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return append(open, err.Error())
		}
		open = append(open, text)
	}
	if err := rows.Err(); err != nil {
		return append(open, err.Error())
	}
	return open
}

// furnish opens two accounts as people would, and puts one product on the shelf.
func (h *house) furnish(mailbox http.Handler) {
	h.t.Helper()
	h.operator = h.signUp(mailbox, "operator@example.com")
	h.shopper = h.signUp(mailbox, "shopper@example.com")
	if said, code := run(h.t.Context(), h.t, h.environment(), "operator", h.operator.email); code != 0 {
		h.t.Fatalf("operator: exit %d\n%s", code, said)
	}
	var created struct {
		CreateProduct struct{ Product struct{ ID string } }
	}
	v := h.visitor(h.operator, "operator")
	v.must(`mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id } } }`,
		object{"idempotencyKey": "product", "name": "보성 세작 녹차 80g", "price": 27_000, "stock": h.plan.stock}, &created)
	h.product = product{created.CreateProduct.Product.ID, h.plan.stock}
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

func (h *house) signUp(mailbox http.Handler, email string) account {
	h.t.Helper()
	v := h.visitor(account{}, email)
	var asked struct {
		RequestEmailVerification struct{ VerificationID string }
	}
	v.must(`mutation($input: RequestEmailVerificationInput!) { requestEmailVerification(input: $input) { verificationId } }`, object{"email": email}, &asked)
	id := asked.RequestEmailVerification.VerificationID
	var code string
	h.eventually("the mailed code", func() bool {
		inbox := httptest.NewRecorder()
		mailbox.ServeHTTP(inbox, httptest.NewRequest(http.MethodGet, "/dev/mailbox?to="+email, nil))
		var mails []mail.Mail
		if json.Unmarshal(inbox.Body.Bytes(), &mails) == nil && len(mails) > 0 {
			code = sixDigits.FindString(mails[0].Text)
		}
		return code != ""
	})
	h.secrets.keep("e-mail address", email)
	h.secrets.keep("code of a mail", code)
	v.must(`mutation($input: ConfirmEmailVerificationInput!) { confirmEmailVerification(input: $input) { verificationId } }`,
		object{"verificationId": id, "code": code}, nil)
	var signed struct {
		SignUp struct{ User struct{ ID shop.UserID } }
	}
	v.must(`mutation($input: SignUpInput!) { signUp(input: $input) { user { id } } }`, object{"verificationId": id, "password": password}, &signed)
	return account{signed.SignUp.User.ID, email}
}

// A fault is a thing that goes wrong at the gateways, as PUT /sim/faults takes it.
type fault struct {
	PG          string  `json:"pg,omitempty"`
	Call        string  `json:"call"`
	Fault       string  `json:"fault"`
	Times       int     `json:"times,omitempty"`
	Probability float64 `json:"probability,omitempty"` // no money
	DelayMS     int     `json:"delayMs,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`
}

// setFaults makes the gateways fail so, and no other way.
func (h *house) setFaults(faults ...fault) {
	h.t.Helper()
	if faults == nil {
		faults = []fault{}
	}
	h.control(http.MethodPut, "/sim/faults", faults, nil)
}

// control speaks to the simulators' control, which always answers.
func (h *house) control(method, path string, body, out any) {
	h.t.Helper()
	if err := h.tryControl(method, path, body, out); err != nil {
		h.t.Errorf("%s %s: %v", method, path, err)
	}
}

func (h *house) tryControl(method, path string, body, out any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(context.Background(), method, h.sim+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s", response.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// An entry is one payment in the gateways' ledger.
type entry struct {
	PG              string
	OrderID         string
	PaymentKey      string
	Status          string
	Captured        int64
	Refunded        int64
	Calls           struct{ Ready, Approve, Cancel, Lookup int }
	Applied         struct{ Approve, Cancel int }
	IdempotencyKeys []string
}

// ledger is what the gateways hold: the oracle of money.
func (h *house) ledger() []entry {
	h.t.Helper()
	var entries []entry
	h.control(http.MethodGet, "/sim/ledger", nil, &entries)
	return entries
}

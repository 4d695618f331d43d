// Package pgsim simulates Kakao Pay and Toss Payments over HTTP: their payment
// APIs, the pages a shopper sees, webhooks, settlement files, and a ledger of
// every won they took and gave back.
//
// It shares no code with the clients in pg, wire types included, so that a
// mistake in one shows in the other. It knows only what a gateway knows. All of
// its state is in memory.
package pgsim

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Server is both gateways. Fill in its fields, then use Handler; the fields must
// not change afterwards. Only Now is required.
type Server struct {
	// Now is the clock. POST /sim/clock moves the simulator ahead of it.
	Now func() time.Time

	// After is what a slow or hanging call waits for. Nil means time.After.
	After func(time.Duration) <-chan time.Time

	// PublicURL is the base of the checkout addresses handed out, without a
	// trailing slash. Empty means http:// and the host of the request.
	PublicURL string

	// Logger hears of webhooks given up. Nil means silence.
	Logger *slog.Logger

	// MerchantName stands on the checkout pages.
	MerchantName string

	// KakaoSecretKey, KakaoCID, KakaoFileKey and TossSecretKey are the only
	// credentials accepted. An empty one accepts any of the right form.
	KakaoSecretKey string
	KakaoCID       string
	KakaoFileKey   string
	TossSecretKey  string

	// Keep is how many payments are remembered; the oldest are forgotten then, as if they had
	// never been. Zero remembers all.
	Keep int

	// KakaoExpiry is how long a prepared Kakao payment may be approved. Zero
	// means 15 minutes.
	KakaoExpiry time.Duration

	// TossWebhookURL receives PAYMENT_STATUS_CHANGED and DEPOSIT_CALLBACK.
	// Empty means no webhooks.
	TossWebhookURL string

	// WebhookBackoff stands for one minute of Toss' schedule of retries, 1, 4,
	// 16, 64, 256, 1024 and 4096 minutes. Zero means 10 milliseconds.
	WebhookBackoff time.Duration

	// WebhookTimeout is how long a merchant may take to answer. Zero means 10
	// seconds, as at Toss.
	WebhookTimeout time.Duration

	// TransactionsLag is how long a Toss transaction stays out of GET
	// /v1/transactions.
	TransactionsLag time.Duration

	once    sync.Once
	handler http.Handler
	client  *http.Client
	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	hooks   sync.WaitGroup
	faults  faultSet
	ids     sequence
	replays replayStore
	said    sayings

	mu          sync.Mutex // guards all below; never held while waiting
	advanced    time.Duration
	accounts    []*account
	kakao       map[string]*kakaoPayment // by tid
	kakaoPages  map[string]*kakaoPayment // by the hash in the page address
	toss        map[string]*tossPayment  // by payment key
	tossOrders  map[string]*tossPayment
	tossLegs    []tossLeg
	kakaoFiles  map[string]kakaoFileTicket
	heldHooks   []chan struct{}
	hooksClosed bool
}

// Handler serves /kakao/, /toss/ and /sim/.
func (s *Server) Handler() http.Handler {
	s.open()
	return s.handler
}

// Close ends every hanging answer and every webhook delivery, and waits for the
// deliveries to end.
func (s *Server) Close() {
	s.open()
	s.mu.Lock()
	s.hooksClosed = true
	s.mu.Unlock()
	s.stop()
	s.hooks.Wait()
	s.client.CloseIdleConnections()
}

// Shutdown is Close that waits no longer than ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Close()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) open() {
	s.once.Do(func() {
		s.ctx, s.stop = context.WithCancel(context.Background())
		s.client = webhookClient(s.WebhookTimeout)
		s.kakao = map[string]*kakaoPayment{}
		s.kakaoPages = map[string]*kakaoPayment{}
		s.toss = map[string]*tossPayment{}
		s.tossOrders = map[string]*tossPayment{}
		s.kakaoFiles = map[string]kakaoFileTicket{}
		s.handler = http.NewCrossOriginProtection().Handler(s.routes())
	})
}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	s.kakaoRoutes(mux)
	s.tossRoutes(mux)
	s.controlRoutes(mux)
	return mux
}

// now is the simulator's clock; clock is now for those who hold s.mu.
func (s *Server) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock()
}

func (s *Server) clock() time.Time { return s.Now().Add(s.advanced).In(korea) }

func (s *Server) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}

func (s *Server) merchant() string {
	if s.MerchantName == "" {
		return "모의 상점"
	}
	return s.MerchantName
}

// base is where the shopper's browser finds this server.
func (s *Server) base(r *http.Request) string {
	if s.PublicURL != "" {
		return strings.TrimSuffix(s.PublicURL, "/")
	}
	return "http://" + r.Host
}

// korea is the zone of both gateways.
var korea = time.FixedZone("KST", 9*60*60)

// sequence makes ids that look like the gateways'.
type sequence struct{}

func (sequence) hex(n int) string {
	b := make([]byte, (n+1)/2)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)[:n]
}

func (q sequence) letters(n int, alphabet string) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

const (
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	crockford    = "0123456789abcdefghjkmnpqrstvwxyz"
	digits       = "0123456789"
)

package people_test

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"payment-system/command/people"
	"payment-system/internal/mail"
	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/internal/redistest"
	"payment-system/internal/testclock"
	"payment-system/shop"
)

// An office is a handler on servers of its own, with a mailbox and a log that can be
// read.
type office struct {
	*people.Handler
	t     testing.TB
	dsn   string
	redis redis.UniversalClient
	box   *mail.Mailbox
	log   *safeBuffer
}

func openOffice(t testing.TB) *office {
	t.Helper()
	box, err := mail.OpenMailbox("127.0.0.1:0", testclock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	s := &office{t: t, dsn: mysqltest.DSN(t), redis: redistest.New(t), box: box, log: &safeBuffer{}}
	s.Handler = s.replica(s.dsn)
	return s
}

// replica returns another handler on the same servers, the database reached by the
// DSN given.
func (s *office) replica(dsn string) *people.Handler {
	s.t.Helper()
	db, err := mysqldb.Open(s.t.Context(), dsn, mysqldb.Config{})
	if err != nil {
		s.t.Fatal(err)
	}
	h := &people.Handler{
		DB:        db,
		Projector: projector{},
		Mailer:    &mail.Mailer{Addr: s.box.Addr(), From: "shop@example.com", Now: testclock.Now},
		Redis:     s.redis,
		Now:       testclock.Now,
		NewID:     makeID,
		Random:    func(p []byte) { _, _ = crand.Read(p) },
		Logger:    slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		PublicURL: "http://shop.example",
	}
	s.t.Cleanup(func() {
		if err := errors.Join(h.Drain(context.Background()), db.Close()); err != nil {
			s.t.Error(err)
		}
	})
	return h
}

func makeID(prefix string) string { return shop.FormatID(prefix, uuid.Must(uuid.NewV7())) }

// A projector has no read models: these tests read the books.
type projector struct{}

func (projector) Project(context.Context, ...string) {}

func (s *office) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *office) count(query string, args ...any) int {
	s.t.Helper()
	var n int
	s.must(s.DB.QueryRowContext(s.t.Context(), query, args...).Scan(&n))
	return n
}

// books returns a checksum of every table.
func (s *office) books() map[string]string {
	s.t.Helper()
	tables := s.column("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1")
	rows, err := s.DB.QueryContext(s.t.Context(), "CHECKSUM TABLE "+strings.Join(tables, ", "))
	s.must(err)
	defer rows.Close()
	sums := map[string]string{}
	for rows.Next() {
		var table, sum string
		s.must(rows.Scan(&table, &sum))
		sums[table] = sum
	}
	s.must(rows.Err())
	return sums
}

func (s *office) column(query string, args ...any) []string {
	s.t.Helper()
	rows, err := s.DB.QueryContext(s.t.Context(), query, args...)
	s.must(err)
	defer rows.Close()
	var values []string
	for rows.Next() {
		var value string
		s.must(rows.Scan(&value))
		values = append(values, value)
	}
	s.must(rows.Err())
	return values
}

// refuses runs do and checks that it is refused with the code given, naming the
// field given unless that is "", and that it changed nothing. Proves I15.
func (s *office) refuses(name string, code shop.Code, field string, do func(ctx context.Context) error) {
	s.t.Helper()
	before := s.books()
	err := do(s.t.Context())
	if shop.CodeOf(err) != code || field != "" && details(err)["field"] != field {
		s.t.Errorf("%s: error %v with details %v, want %s of field %q", name, err, details(err), code, field)
	}
	if diff := cmp.Diff(before, s.books()); diff != "" {
		s.t.Errorf("%s changed the books (-before +after):\n%s", name, diff)
	}
}

func details(err error) map[string]any {
	if e, ok := errors.AsType[*shop.Error](err); ok {
		return e.Details
	}
	return nil
}

// eventually polls until done says so.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("20 s passed and still not: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A safeBuffer can be written by many.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// tally counts outcomes of calls made at once.
func tally(n int, call func(i int) error) map[shop.Code]int {
	outcomes := make([]shop.Code, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { outcomes[i] = shop.CodeOf(call(i)) })
	}
	group.Wait()
	counts := map[shop.Code]int{}
	for _, code := range outcomes {
		counts[code]++
	}
	return counts
}

// latest returns an aggregate as its latest event left it.
func latest[T any](s *office, id string) T {
	s.t.Helper()
	var payload []byte
	s.must(s.DB.QueryRowContext(s.t.Context(),
		"SELECT payload FROM events WHERE aggregate_id = ? ORDER BY version DESC LIMIT 1", id).Scan(&payload))
	var aggregate T
	s.must(json.Unmarshal(payload, &aggregate))
	return aggregate
}

package command_test

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"golang.org/x/crypto/bcrypt"

	"payment-system/command"
	"payment-system/command/people"
	"payment-system/internal/mail"
	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/internal/redistest"
	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
	"payment-system/shop"
)

// A shopfloor is a handler on servers of its own, with a mailbox and a log that
// can be read.
type shopfloor struct {
	*command.Handler
	t        testing.TB
	dsn      string
	redis    redis.UniversalClient
	box      *mail.Mailbox
	log      *shoptest.Log
	operator shop.Caller
}

func openShopfloor(t testing.TB) *shopfloor {
	t.Helper()
	box, err := mail.OpenMailbox("127.0.0.1:0", testclock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	s := &shopfloor{
		t:        t,
		dsn:      mysqltest.DSN(t),
		redis:    redistest.New(t),
		box:      box,
		log:      &shoptest.Log{},
		operator: shop.Caller{UserID: shop.UserID(makeID(shop.PrefixUser)), Actor: shop.ActorOperator},
	}
	s.Handler = s.replica(s.dsn)
	return s
}

// replica returns another handler on the same servers, the database reached by
// the DSN given.
func (s *shopfloor) replica(dsn string) *command.Handler {
	s.t.Helper()
	db, err := mysqldb.Open(s.t.Context(), dsn, mysqldb.Config{})
	if err != nil {
		s.t.Fatal(err)
	}
	h := &command.Handler{
		DB:          db,
		Locks:       command.NoLocks{},
		Projector:   projector{},
		Redis:       s.redis,
		Now:         testclock.Now,
		NewID:       makeID,
		Random:      func(p []byte) { _, _ = crand.Read(p) },
		Logger:      slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		PublicURL:   "http://shop.example",
		OrderHold:   15 * time.Minute,
		PlaceWithin: time.Minute,
		Replica:     makeID("rep"),
	}
	s.t.Cleanup(func() {
		if err := errors.Join(h.Drain(context.Background()), db.Close()); err != nil {
			s.t.Error(err)
		}
	})
	return h
}

// people returns a handler of accounts on the servers of another handler.
func (s *shopfloor) people(h *command.Handler) *people.Handler {
	return &people.Handler{
		DB: h.DB, Projector: h.Projector, Mailer: &mail.Mailer{Addr: s.box.Addr(), From: "shop@example.com", Now: testclock.Now},
		Sessions: shoptest.NoSessions{}, Redis: h.Redis, Now: h.Now, NewID: h.NewID, Random: h.Random, Logger: h.Logger, PublicURL: h.PublicURL, PasswordCost: bcrypt.MinCost,
	}
}

func makeID(prefix string) string { return shop.FormatID(prefix, uuid.Must(uuid.NewV7())) }

// A projector has no read models: these tests read the books.
type projector struct{}

func (projector) Project(context.Context, ...string) {}

func (projector) Hand(shop.Committed) (shown func(context.Context)) { return func(context.Context) {} }

// A hookedProjector has something happen before, or after, it shows what was committed.
type hookedProjector struct {
	command.Projector
	before, after func() // nil for nothing
}

// Project implements command.Projector.
func (h hookedProjector) Project(ctx context.Context, ids ...string) {
	h.show(func() { h.Projector.Project(ctx, ids...) })
}

// Hand implements command.Projector.
func (h hookedProjector) Hand(committed shop.Committed) (shown func(context.Context)) {
	behind := h.Projector.Hand(committed)
	return func(ctx context.Context) {
		h.show(func() { behind(ctx) })
	}
}

func (h hookedProjector) show(show func()) {
	if h.before != nil {
		h.before()
	}
	show()
	if h.after != nil {
		h.after()
	}
}

func (s *shopfloor) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// sells puts units of a product on sale.
func (s *shopfloor) sells(price shop.Won, units int) shop.Product {
	s.t.Helper()
	created, err := s.CreateProduct(s.t.Context(), command.CreateProduct{By: s.operator, IdempotencyKey: makeID("key"), Name: "초코파이", Price: price, Stock: units})
	s.must(err)
	return created.Product
}

// product reads a product as its latest event tells it, and checks that the
// books say the same.
func (s *shopfloor) product(id shop.ProductID) shop.Product {
	s.t.Helper()
	p := latest[shop.Product](s, string(id))
	var available, reserved, sold, version int
	s.must(s.DB.QueryRowContext(s.t.Context(), "SELECT available, reserved, sold, version FROM stock WHERE product_id = ?", id).Scan(&available, &reserved, &sold, &version))
	if diff := cmp.Diff([]int{available, reserved, sold, version}, []int{p.Stock, p.Reserved, p.Sold, p.Version}); diff != "" {
		s.t.Errorf("stock and its latest event differ (-books +event):\n%s", diff)
	}
	return p
}

func (s *shopfloor) count(query string, args ...any) int {
	s.t.Helper()
	var n int
	s.must(s.DB.QueryRowContext(s.t.Context(), query, args...).Scan(&n))
	return n
}

// books returns a checksum of every table.
func (s *shopfloor) books() map[string]string {
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

func (s *shopfloor) column(query string, args ...any) []string {
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
func (s *shopfloor) refuses(name string, code shop.Code, field string, do func(ctx context.Context) error) {
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
	for deadline := time.Now().Add(time.Minute); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("a minute passed and still not: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A thief stands before the database and, as often as it is told to, lets a
// COMMIT through and keeps the answer; or, before that, the COMMIT itself.
type thief struct {
	early bool         // it takes the COMMIT
	says  uint16       // and refuses it with a number, unless that is 0
	spare atomic.Int32 // commits let by before
	steal atomic.Int32
	stole atomic.Int32
}

// before returns the DSN that leads to the thief's database through the thief.
func (f *thief) before(t testing.TB, dsn string) string {
	t.Helper()
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	network, addr := config.Net, config.Addr
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		conns.Wait()
	})
	go func() {
		for client, err := listener.Accept(); err == nil; client, err = listener.Accept() {
			server, err := net.Dial(network, addr)
			if err != nil {
				client.Close()
				continue
			}
			conns.Go(func() { f.stand(client, server) })
		}
	}()
	config.Net, config.Addr = "tcp", listener.Addr().String()
	return config.FormatDSN()
}

func (f *thief) stand(client, server net.Conn) {
	var deaf atomic.Bool
	var both sync.WaitGroup
	both.Go(func() {
		defer server.Close()
		buf := make([]byte, 64<<10)
		for n, err := client.Read(buf); err == nil; n, err = client.Read(buf) {
			if bytes.HasSuffix(buf[:n], []byte("\x03COMMIT")) && f.spare.Add(-1) < 0 && f.steal.Add(-1) >= 0 {
				if f.early {
					f.stole.Add(1)
					f.refuse(client)
					return
				}
				deaf.Store(true)
			}
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	both.Go(func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for n, err := server.Read(buf); err == nil; n, err = server.Read(buf) {
			if deaf.Load() { // The server has committed, and says so to nobody.
				f.stole.Add(1)
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, server)
	})
	both.Wait()
}

// refuse answers as a server does that is asked for something, and will not.
func (f *thief) refuse(client io.Writer) {
	if f.says == 0 {
		return
	}
	word := append(binary.LittleEndian.AppendUint16([]byte{0xff}, f.says), "#HY000said the server"...)
	_, _ = client.Write(append([]byte{byte(len(word)), 0, 0, 1}, word...))
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

func fieldsOf(lines any) []string {
	var out []string
	for _, line := range lines.([]map[string]any) {
		out = append(out, fmt.Sprintf("%v wants %v of %v", line["productId"], line["requested"], line["available"]))
	}
	slices.Sort(out)
	return out
}

// latest returns an aggregate as its latest event left it.
func latest[T any](s *shopfloor, id string) T {
	s.t.Helper()
	var payload []byte
	s.must(s.DB.QueryRowContext(s.t.Context(), "SELECT payload FROM events WHERE aggregate_id = ? ORDER BY version DESC LIMIT 1", id).Scan(&payload))
	var aggregate T
	s.must(json.Unmarshal(payload, &aggregate))
	return aggregate
}

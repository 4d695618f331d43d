package projections_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"payment-system/internal/mysqltest"
	"payment-system/internal/redistest"
	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
	"payment-system/internal/views"
	"payment-system/projections"
	"payment-system/shop"
)

// outboxMoment is when the events of these tests happen.
var outboxMoment = testclock.Now().Add(-time.Hour)

// outboxSalt keeps ids apart from those of other processes: they share the
// channels of Redis.
var outboxSalt = byte(os.Getpid())

// outboxID returns the n-th id with a prefix.
func outboxID(prefix string, n int) string {
	return shop.FormatID(prefix, [16]byte{1, outboxSalt, 14: byte(n >> 8), 15: byte(n)})
}

// A tester is a test, or a property being checked.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// An outbox is the outbox of one test, as far as projectors see them.
type outbox struct {
	db    *sql.DB
	redis redis.UniversalClient
	logs  *shoptest.Log
}

func newOutbox(t *testing.T) outbox {
	t.Helper()
	return outbox{db: mysqltest.New(t), redis: redistest.New(t), logs: &shoptest.Log{}}
}

// projector returns a replica that works on the books.
func (b outbox) projector(t *testing.T, replica string) *projections.Projector {
	t.Helper()
	p := &projections.Projector{
		DB: b.db, Redis: b.redis, Logger: slog.New(slog.NewTextHandler(b.logs, nil)), Now: testclock.Now,
		Replica: replica, Floors: &views.Floors{}, Poll: 10 * time.Millisecond, Wait: time.Minute,
	}
	t.Cleanup(p.Close)
	return p
}

// happen records an event that leaves the aggregate given.
func (b outbox) happen(t tester, aggregateID string, version int, kind, status string, aggregate any) {
	t.Helper()
	payload, err := json.Marshal(aggregate)
	if err != nil {
		t.Fatal(err)
	}
	b.happenRaw(t, aggregateID, version, kind, status, payload)
}

func (b outbox) happenRaw(t tester, aggregateID string, version int, kind, status string, payload []byte) {
	t.Helper()
	b.exec(t, "INSERT INTO events (aggregate_id, version, kind, status, payload, actor, at, hash, parts, shard) VALUES (?,?,?,?,?,?,?,'','',?)",
		aggregateID, version, kind, status, payload, "SHOPPER", outboxMoment.Add(time.Duration(version)*time.Second), shop.ShardOf(aggregateID))
}

func (b outbox) exec(t tester, query string, args ...any) {
	t.Helper()
	if _, err := b.db.ExecContext(context.Background(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func (b outbox) product(t tester, n, version int) shop.Product {
	t.Helper()
	p := shop.Product{
		ID: shop.ProductID(outboxID("prd", n)), Name: fmt.Sprintf("Ｔea %d", n), Price: shop.Won(1000 * version), Stock: version,
		CreatedAt: outboxMoment, UpdatedAt: outboxMoment, Version: version,
	}
	kind := shop.KindStockReserved
	if version == 1 {
		kind = shop.KindProductCreated
	}
	b.happen(t, string(p.ID), version, kind, "", p)
	return p
}

// count returns the number that a query answers with.
func (b outbox) count(t tester, query string, args ...any) int {
	t.Helper()
	var n int
	if err := b.db.QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (b outbox) pending(t tester) int {
	t.Helper()
	return b.count(t, "SELECT COUNT(*) FROM events WHERE published_at IS NULL")
}

// shown returns the version and document of a view.
func shown[T any](t tester, b outbox, table, id string) (version int, value T) {
	t.Helper()
	var document []byte
	if err := b.db.QueryRowContext(context.Background(), "SELECT version, document FROM "+table+" WHERE id = ?", id).Scan(&version, &document); err != nil {
		t.Fatalf("%s in %s: %v", id, table, err)
	}
	if err := json.Unmarshal(document, &value); err != nil {
		t.Fatal(err)
	}
	return version, value
}

// eventually waits for a condition that work in the background brings about.
func eventually(t tester, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come about that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestProjector_Project(t *testing.T) {
	t.Parallel()

	t.Run("the views show the latest event and the events are flagged", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		for v := 1; v <= 40; v++ {
			b.product(t, 1, v)
		}
		want := b.product(t, 1, 41)
		user := shop.User{ID: shop.UserID(outboxID("usr", 1)), Email: "a@example.com", Role: shop.RoleCustomer, CreatedAt: outboxMoment, Version: 1}
		b.happen(t, string(user.ID), 1, shop.KindUserSignedUp, "", user)
		b.projector(t, "a").Project(t.Context(), string(want.ID), string(user.ID))
		version, got := shown[shop.Product](t, b, "product_views", string(want.ID))
		if diff := cmp.Diff(want, got); diff != "" || version != 41 {
			t.Errorf("version %d, -want +got:\n%s", version, diff)
		}
		if _, got := shown[shop.User](t, b, "user_views", string(user.ID)); got != user {
			t.Errorf("got %+v, want %+v", got, user)
		}
		var name string
		if err := b.db.QueryRowContext(t.Context(), "SELECT name_key FROM product_views").Scan(&name); err != nil || name != "tea 1" {
			t.Errorf("name_key is %q, %v", name, err)
		}
		if n := b.count(t, "SELECT COUNT(*) FROM events WHERE published_at IS NOT NULL AND version >= 30"); n != 12 {
			t.Errorf("%d of the latest 12 product events are flagged", n)
		}
	})

	t.Run("a payment has its history and the gateway's record of its latest attempt", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		attempt := outboxID("att", 1)
		payment := shop.Payment{
			ID: shop.PaymentID(outboxID("pay", 1)), OrderID: shop.OrderID(outboxID("ord", 1)), UserID: shop.UserID(outboxID("usr", 1)), PG: shop.PGKakao,
			AttemptID: shop.AttemptID(attempt), Status: shop.PaymentStatusReady, Amount: 11000, CreatedAt: outboxMoment, UpdatedAt: outboxMoment, Version: 1,
		}
		b.happen(t, string(payment.ID), 1, shop.KindPaymentOpened, "READY", payment)
		payment.Status, payment.Version = shop.PaymentStatusApproving, 2
		b.happen(t, string(payment.ID), 2, shop.KindPaymentApproving, "APPROVING", payment)
		b.exec(t, `INSERT INTO kakao_payments (attempt_id, tid, cid, status, partner_order_id, partner_user_id, record, raw, fetched_at)
VALUES (?, 'T1', 'TC0ONETIME', 'SUCCESS_PAYMENT', 'o', 'u', '{"tid":"T1"}', '{}', ?)`, attempt, outboxMoment)
		b.projector(t, "a").Project(t.Context(), string(payment.ID))
		_, got := shown[shop.Payment](t, b, "payment_views", string(payment.ID))
		want := []shop.PaymentEvent{
			{Version: 1, Kind: shop.KindPaymentOpened, Status: "READY", Actor: "SHOPPER", At: outboxMoment.Add(time.Second)},
			{Version: 2, Kind: shop.KindPaymentApproving, Status: "APPROVING", Actor: "SHOPPER", At: outboxMoment.Add(2 * time.Second)},
		}
		if diff := cmp.Diff(want, got.History); diff != "" {
			t.Errorf("history, -want +got:\n%s", diff)
		}
		if n := b.count(t, `SELECT COUNT(*) FROM payment_views WHERE record = '{"tid":"T1"}' AND status = 'APPROVING' AND order_id = ?`, string(payment.OrderID)); n != 1 {
			t.Error("the row does not hold the record, status and order")
		}
	})

	t.Run("an older version never takes the place of a newer", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		old := b.product(t, 1, 1)
		b.exec(t, "INSERT INTO product_views (id, version, name_key, price, document) VALUES (?, 7, 'newer', 7, '{\"version\":7}')", string(old.ID))
		b.projector(t, "a").Project(t.Context(), string(old.ID))
		if version, got := shown[shop.Product](t, b, "product_views", string(old.ID)); version != 7 || got.Version != 7 {
			t.Errorf("the view went back to %d", version)
		}
		if n := b.count(t, "SELECT COUNT(*) FROM product_views WHERE name_key = 'newer' AND price = 7"); n != 1 {
			t.Error("columns were overwritten")
		}
	})

	t.Run("projecting again changes nothing", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.product(t, 1, 1)
		replica := b.projector(t, "a")
		replica.Project(t.Context(), string(p.ID))
		token := b.redis.Get(t.Context(), views.TokenKey(string(p.ID))).Val()
		replica.Project(t.Context(), string(p.ID), outboxID("prd", 2), "nonsense")
		if again := b.redis.Get(t.Context(), views.TokenKey(string(p.ID))).Val(); again != token || token == "" {
			t.Errorf("the token went from %q to %q", token, again)
		}
		if version, _ := shown[shop.Product](t, b, "product_views", string(p.ID)); version != 1 || b.pending(t) != 0 {
			t.Error("the view or the flags changed")
		}
	})

	t.Run("readers of this process see what another replica projected", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.product(t, 1, 3)
		late := b.projector(t, "late")
		b.projector(t, "fast").Project(t.Context(), string(p.ID))
		late.Project(t.Context(), string(p.ID))
		if got := late.Floors.Of(string(p.ID)); got != 3 {
			t.Errorf("the floor is %d", got)
		}
	})

	t.Run("a client that is gone does not stop it", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.product(t, 1, 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		b.projector(t, "a").Project(ctx, string(p.ID))
		eventually(t, "the event is flagged", func() bool { return b.pending(t) == 0 })
	})
}

// An outboxGate is a hook on a Redis client that holds announcements up.
type outboxGate struct {
	before, after func()
}

func (g outboxGate) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (g outboxGate) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (g outboxGate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		if commands[0].Name() != "eval" { // what a new connection says of itself
			return next(ctx, commands)
		}
		if g.before != nil {
			g.before()
		}
		err := next(ctx, commands)
		if g.after != nil {
			g.after()
		}
		return err
	}
}

// hooked returns a client of the same Redis database with a hook of its own.
func hooked(t *testing.T, client redis.UniversalClient, hook redis.Hook) redis.UniversalClient {
	t.Helper()
	options := client.(*redis.Client).Options()
	own := redis.NewClient(&redis.Options{Addr: options.Addr, DB: options.DB})
	own.AddHook(hook)
	t.Cleanup(func() { own.Close() })
	return own
}

func TestProjector_crash(t *testing.T) {
	t.Parallel()
	stages := map[string]func(stop func()) outboxGate{
		"between the views and the announcement": func(stop func()) outboxGate { return outboxGate{before: stop} },
		"between the announcement and the flags": func(stop func()) outboxGate { return outboxGate{after: stop} },
	}
	product := 900 // of its own: all tests hear the same channels
	for name, stage := range stages {
		product++
		n := product
		t.Run(name+" another replica finishes, and no harm is done", func(t *testing.T) {
			t.Parallel()
			b := newOutbox(t)
			want := b.product(t, n, 1)
			release, reached := make(chan struct{}), make(chan struct{})
			dead := b.projector(t, "dead")
			dead.Wait = time.Millisecond
			dead.Redis = hooked(t, b.redis, stage(func() { close(reached); <-release }))
			dead.Project(t.Context(), string(want.ID))
			<-reached
			if n := b.pending(t); n != 1 {
				t.Fatalf("%d events are pending after the crash", n)
			}
			heard := b.redis.Subscribe(t.Context(), views.Channel(string(want.ID)))
			defer heard.Close()
			if _, err := heard.Receive(t.Context()); err != nil {
				t.Fatal(err)
			}
			alive := b.projector(t, "alive")
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { alive.Run(ctx); close(done) }()
			eventually(t, "the event is flagged", func() bool { return b.pending(t) == 0 })
			if message, err := heard.ReceiveMessage(t.Context()); err != nil || message.Payload != "1" {
				t.Errorf("heard %v, %v", message, err)
			}
			close(release)
			cancel()
			<-done
			dead.Close()
			if version, got := shown[shop.Product](t, b, "product_views", string(want.ID)); version != 1 || !cmp.Equal(got, want) {
				t.Errorf("the view shows %+v", got)
			}
		})
	}
}

func TestProjector_batches(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	b.product(t, 0, 1)
	for n := 1; n <= 30; n++ {
		b.product(t, n, 1)
	}
	release := make(chan struct{})
	reached := sync.OnceFunc(func() { <-release })
	var mu sync.Mutex
	var batches []int
	p := b.projector(t, "a")
	p.Redis = hooked(t, b.redis, outboxGate{before: reached})
	p.Observe = func(done projections.Batch) {
		mu.Lock()
		defer mu.Unlock()
		batches = append(batches, done.Aggregates)
	}
	var projected sync.WaitGroup
	projected.Go(func() { p.Project(t.Context(), outboxID("prd", 0)) })
	eventually(t, "the first batch is written", func() bool { return b.count(t, "SELECT COUNT(*) FROM product_views") == 1 })
	var started sync.WaitGroup
	for n := 1; n <= 30; n++ {
		started.Add(1)
		projected.Go(func() {
			started.Done()
			p.Project(t.Context(), outboxID("prd", n))
		})
	}
	started.Wait()
	time.Sleep(50 * time.Millisecond) // let them join; the test holds when they do not
	close(release)
	projected.Wait()
	mu.Lock()
	defer mu.Unlock()
	sum := 0
	for _, n := range batches {
		sum += n
	}
	if sum != 31 || len(batches) > 20 || b.pending(t) != 0 {
		t.Errorf("31 aggregates were written in batches of %v", batches)
	}
}

func TestProjector_withoutRedis(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	want := b.product(t, 1, 1)
	var mu sync.Mutex
	down := true
	options := b.redis.(*redis.Client).Options()
	client := redis.NewClient(&redis.Options{
		Addr: options.Addr, DB: options.DB, MaxRetries: -1, DialerRetries: 1,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			if down {
				return nil, net.ErrClosed
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	})
	defer client.Close()
	p := b.projector(t, "a")
	p.Redis = client
	p.Project(t.Context(), string(want.ID))
	if version, _ := shown[shop.Product](t, b, "product_views", string(want.ID)); version != 1 || b.pending(t) != 0 || p.Floors.Of(string(want.ID)) != 1 {
		t.Fatal("without Redis the view, the flag or the floor is missing")
	}
	if n := b.redis.Exists(t.Context(), views.TokenKey(string(want.ID))).Val(); n != 0 {
		t.Fatal("Redis was told, and should not have been")
	}
	mu.Lock()
	down = false
	mu.Unlock()
	other := b.product(t, 2, 1)
	p.Project(t.Context(), string(other.ID))
	if n := b.redis.Exists(t.Context(), views.TokenKey(string(want.ID))).Val(); n != 1 {
		t.Error("Redis is back and was not told what it missed")
	}
}

// A refusingHook is a hook on a Redis client that refuses announcements while it is told to.
type refusingHook struct {
	outboxGate
	refuses *atomic.Bool
}

func (h refusingHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		if h.refuses.Load() {
			return net.ErrClosed
		}
		return next(ctx, commands)
	}
}

// Proves: what a Redis that died had not passed on to its replica is announced again.
func TestProjector_failover(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	first, second, third := b.product(t, 1, 1), b.product(t, 2, 1), b.product(t, 3, 1)
	refuses := &atomic.Bool{}
	p := b.projector(t, "a")
	p.Redis = hooked(t, b.redis, refusingHook{refuses: refuses})
	told := func(id shop.ProductID) bool {
		return b.redis.Exists(t.Context(), views.TokenKey(string(id))).Val() == 1
	}

	p.Project(t.Context(), string(first.ID))
	if !told(first.ID) {
		t.Fatal("Redis was not told")
	}
	b.redis.Del(t.Context(), views.TokenKey(string(first.ID))) // its replica never heard of it
	refuses.Store(true)
	p.Project(t.Context(), string(second.ID))
	refuses.Store(false)
	p.Project(t.Context(), string(third.ID))
	for _, product := range []shop.Product{first, second, third} {
		if !told(product.ID) {
			t.Errorf("%s is not announced at the Redis that took over", product.ID)
		}
	}
}

func TestProjector_parking(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	good := b.product(t, 1, 1)
	b.happenRaw(t, string(good.ID), 2, shop.KindStockReserved, "", []byte(`{"id":`))
	b.happenRaw(t, string(good.ID), 3, shop.KindStockReserved, "", []byte(`{"id":"prd_another"}`))
	long := shop.Order{ID: shop.OrderID(outboxID("ord", 1)), UserID: shop.UserID(strings.Repeat("x", 41)), Status: "PLACED", PlacedAt: outboxMoment}
	b.happen(t, string(long.ID), 1, shop.KindOrderPlaced, "PLACED", long)
	p := b.projector(t, "a")
	p.Tries = 3
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()

	eventually(t, "both aggregates are parked", func() bool { return len(b.logs.Lines("event parked")) == 2 })
	if version, _ := shown[shop.Product](t, b, "product_views", string(good.ID)); version != 1 {
		t.Errorf("the view shows version %d, not the last that can be read", version)
	}
	if n := b.pending(t); n != 3 {
		t.Errorf("%d events are pending, want the three that cannot be applied", n)
	}
	other := b.product(t, 2, 1)
	eventually(t, "an event behind them is applied", func() bool {
		return b.count(t, "SELECT COUNT(*) FROM product_views WHERE id = ?", string(other.ID)) == 1
	})

	healed := b.product(t, 1, 4)
	p.Project(t.Context(), string(healed.ID))
	if version, _ := shown[shop.Product](t, b, "product_views", string(good.ID)); version != 4 {
		t.Errorf("the view shows version %d, want 4", version)
	}
	if n := b.count(t, "SELECT COUNT(*) FROM events WHERE published_at IS NULL AND aggregate_id = ?", string(good.ID)); n != 0 {
		t.Errorf("%d events are pending that a later one includes", n)
	}
	if n := len(b.logs.Lines("event parked")); n != 2 {
		t.Errorf("the alarm went off %d times", n)
	}
}

// TestProjector_replicas lets replicas with different ideas of the time project
// at random and checks that the views follow and never go back.
func TestProjector_replicas(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	replicas := []*projections.Projector{b.projector(t, "a"), b.projector(t, "b")}
	versions := map[int]int{}
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 12).Draw(t, "steps")
		var work sync.WaitGroup
		for _, n := range steps {
			versions[n]++
			b.product(t, n, versions[n])
			replica := replicas[rapid.IntRange(0, 1).Draw(t, "replica")]
			if rapid.Bool().Draw(t, "concurrently") {
				work.Go(func() { replica.Project(context.Background(), outboxID("prd", n)) })
				continue
			}
			replica.Project(context.Background(), outboxID("prd", n))
			if version, got := shown[shop.Product](t, b, "product_views", outboxID("prd", n)); version != versions[n] || got.Stock != version {
				t.Fatalf("product %d shows version %d, stock %d after %d events", n, version, got.Stock, versions[n])
			}
		}
		work.Wait()
		for n, want := range versions {
			if version, _ := shown[shop.Product](t, b, "product_views", outboxID("prd", n)); version != want {
				t.Fatalf("product %d shows version %d, want %d", n, version, want)
			}
		}
		if n := b.pending(t); n != 0 {
			t.Fatalf("%d events are pending", n)
		}
	})
}

func TestProjector_Run(t *testing.T) {
	t.Parallel()

	t.Run("replicas share the outbox and take over what a dead one held", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		b.exec(t, "INSERT INTO leases (name, owner, lease_until, fence) VALUES ('outbox/03', 'dead', UTC_TIMESTAMP(6) + INTERVAL 1 SECOND, 9)")
		held := func(owner string) int {
			return b.count(t, "SELECT COUNT(*) FROM leases WHERE name LIKE 'outbox/%' AND owner = ? AND lease_until > UTC_TIMESTAMP(6)", owner)
		}
		first, stopFirst := runReplica(t, b, "first")
		eventually(t, "one replica holds all, the dead one's too", func() bool { return held("first") == shop.Shards })
		if fence := b.count(t, "SELECT fence FROM leases WHERE name = 'outbox/03'"); fence != 10 {
			t.Errorf("the fence is %d after the lease changed hands", fence)
		}
		second, stopSecond := runReplica(t, b, "second")
		eventually(t, "each holds half", func() bool { return held("first") == 8 && held("second") == 8 })
		for n := range 300 {
			b.product(t, n, 1)
		}
		eventually(t, "every event is applied", func() bool {
			return b.pending(t) == 0 && b.count(t, "SELECT COUNT(*) FROM product_views") == 300
		})
		stopFirst()
		eventually(t, "the other has all at once", func() bool { return held("second") == shop.Shards })
		stopSecond()
		_, _ = first, second
		if n := held("second"); n != 0 {
			t.Errorf("%d leases were not given back", n)
		}
	})

	t.Run("the backlog tells what is pending", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		b.product(t, 1, 1)
		b.product(t, 2, 2)
		got, err := b.projector(t, "a").Backlog(t.Context())
		want := []views.Backlog{{View: shop.ViewProducts, Pending: 2, Oldest: outboxMoment.Add(time.Second)}, {View: shop.ViewOrders}, {View: shop.ViewPayments}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v, -want +got:\n%s", err, diff)
		}
	})
}

// runReplica lets a replica work until stop is called.
func runReplica(t *testing.T, b outbox, replica string) (p *projections.Projector, stop func()) {
	t.Helper()
	p = b.projector(t, replica)
	p.Lease = 900 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return p, stop
}

func TestProjector_Republish(t *testing.T) {
	t.Parallel()

	t.Run("views are rebuilt whole from the books", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "a")
		var want []shop.Product
		for n := range 150 {
			b.product(t, n, 1)
			want = append(want, b.product(t, n, 2))
			p.Project(t.Context(), outboxID("prd", n))
		}
		b.exec(t, "UPDATE product_views SET document = '{\"name\":\"broken\"}', price = 1 WHERE id < ?", outboxID("prd", 50))
		b.exec(t, "DELETE FROM product_views WHERE id > ?", outboxID("prd", 140))
		b.exec(t, "INSERT INTO product_views (id, version, name_key, price, document) VALUES ('prd_stray', 1, '', 0, '{}')")
		token := b.redis.Get(t.Context(), views.TokenKey(outboxID("prd", 0))).Val()
		var percents []int
		err := p.RepublishNow(t.Context(), []shop.View{shop.ViewProducts}, func(name shop.View, percent int) {
			percents = append(percents, percent)
			if name != shop.ViewProducts {
				t.Errorf("progress of %s", name)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSorted(percents) || percents[0] != 0 || percents[len(percents)-1] != 100 || len(percents) < 3 {
			t.Errorf("progress went %v", percents)
		}
		for _, product := range want {
			if version, got := shown[shop.Product](t, b, "product_views", string(product.ID)); version != 2 || !cmp.Equal(got, product) {
				t.Fatalf("the view shows %+v, want %+v", got, product)
			}
		}
		if n := b.count(t, "SELECT COUNT(*) FROM product_views"); n != 150 {
			t.Errorf("there are %d rows", n)
		}
		if again := b.redis.Get(t.Context(), views.TokenKey(outboxID("prd", 0))).Val(); again == token {
			t.Error("the cache was not evicted")
		}
		if n := b.count(t, "SELECT COUNT(*) FROM projection_states WHERE view = 'PRODUCTS' AND republishing = 0 AND percent IS NULL AND last_applied_at IS NOT NULL"); n != 1 {
			t.Error("the state still shows a rebuild")
		}
	})

	t.Run("one rebuild at a time, and all views when none is named", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		user := shop.User{ID: shop.UserID(outboxID("usr", 1)), Email: "a@example.com", Role: shop.RoleCustomer, Version: 1}
		b.happen(t, string(user.ID), 1, shop.KindUserSignedUp, "", user)
		release, reached := make(chan struct{}), make(chan struct{})
		p := b.projector(t, "a")
		p.Redis = hooked(t, b.redis, outboxGate{before: func() { close(reached); <-release }})
		if err := p.Republish(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		<-reached
		if n := b.count(t, "SELECT COUNT(*) FROM projection_states WHERE republishing = 1"); n != 6 {
			t.Errorf("%d views show a rebuild", n)
		}
		if _, got := shown[shop.User](t, b, "user_views", string(user.ID)); got != user {
			t.Errorf("the view shows %+v", got)
		}
		other := b.projector(t, "b")
		if err := other.RepublishNow(t.Context(), []shop.View{shop.ViewOrders}, nil); shop.CodeOf(err) != shop.Conflict {
			t.Errorf("a second rebuild answered %v", err)
		}
		close(release)
		eventually(t, "the rebuild ends", func() bool {
			return b.count(t, "SELECT COUNT(*) FROM projection_states WHERE republishing = 1") == 0
		})
		if err := other.RepublishNow(t.Context(), []shop.View{shop.ViewOrders, "NONSENSE"}, nil); shop.CodeOf(err) != shop.Invalid {
			t.Errorf("an unknown view answered %v", err)
		}
		if err := other.RepublishNow(t.Context(), []shop.View{shop.ViewOrders, shop.ViewOrders}, nil); err != nil {
			t.Error(err)
		}
	})

	t.Run("a rebuild whose replica died is not shown for ever", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		b.exec(t, "INSERT INTO projection_states (view, republishing, percent) VALUES ('ORDERS', 1, 40)")
		b.exec(t, "INSERT INTO leases (name, owner, lease_until, fence) VALUES ('republish/ORDERS', 'dead', UTC_TIMESTAMP(6), 1)")
		runReplica(t, b, "a")
		eventually(t, "the state is cleared", func() bool {
			return b.count(t, "SELECT COUNT(*) FROM projection_states WHERE republishing = 1") == 0
		})
	})

	t.Run("events that come meanwhile are not lost", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "a")
		for n := range 100 {
			b.product(t, n, 1)
		}
		done := make(chan error, 1)
		go func() { done <- p.RepublishNow(context.Background(), nil, nil) }()
		other := b.projector(t, "b")
		for n := range 100 {
			b.product(t, n, 2)
			other.Project(t.Context(), outboxID("prd", n))
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if n := b.count(t, "SELECT COUNT(*) FROM product_views WHERE version = 2 AND price = 2000"); n != 100 {
			t.Errorf("%d of 100 views show the latest version", n)
		}
	})
}

package projections_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"payment-system/internal/views"
	"payment-system/projections"
	"payment-system/shop"
)

// TestProjector_Hand_budget holds what a batch that was handed over costs.
func TestProjector_Hand_budget(t *testing.T) {
	t.Parallel()
	b := newCountedOutbox(t)
	p := b.projector(t)
	told, release := make(chan struct{}, 8), make(chan struct{})
	p.Redis = hooked(t, b.redis, outboxGate{before: func() { told <- struct{}{}; <-release }})
	const record = `{"tid":"T1"}`
	b.counts(t)
	p.Hand(b.commit(t,
		stockMoved(t, 1, 1), stockMoved(t, 2, 1), orderPlaced(t, 1), paid(t, 1, 1, 1, shop.KindPaymentOpened, "")))
	<-told
	// While the first batch is announced these three become the second.
	second := []func(context.Context){
		p.Hand(b.commit(t, paid(t, 1, 2, 1, shop.KindPaymentReadied, ""))),
		p.Hand(b.commit(t, paid(t, 1, 3, 1, shop.KindPaymentApproved, record), stockMoved(t, 1, 2))),
		p.Hand(b.commit(t, orderPlaced(t, 2))),
	}
	words := map[string]int{"begin": 1, "select": 1, "insert": 5, "update": 2, "commit": 1}
	if got := b.counts(t); !cmp.Equal(got, words) {
		t.Errorf("the first batch costs %v, want %v: a table each, when they were written, and new products' words", got, words)
	}
	release <- struct{}{}
	<-told
	want := map[string]int{"begin": 1, "insert": 3, "update": 1, "commit": 1}
	if got := b.counts(t); !cmp.Equal(got, want) {
		t.Errorf("the second batch costs %v, want %v: a table each, and the first one's flags", got, want)
	}
	close(release)
	for _, shown := range second {
		shown(t.Context())
	}
	eventually(t, "the second batch is flagged alone", func() bool { return b.pending(t) == 0 })
	if got, want := b.counts(t), (map[string]int{"update": 1}); !cmp.Equal(got, want) {
		t.Errorf("without another batch it costs %v, want %v", got, want)
	}
	p.Hand(b.commit(t, paid(t, 1, 4, 1, shop.KindPaymentCanceling, "")))(t.Context())
	if got := b.counts(t); got["select"] != 0 {
		t.Errorf("what follows costs %v", got)
	}
	b.wantAsRepublished(t, b.outbox.projector(t, "other"))
}

func TestFlagQuery(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	for n := range 40 {
		for version := 1; version <= 5; version++ {
			b.product(t, n, version)
		}
	}
	for _, events := range []int{1, 2, 30} {
		args := []any{outboxMoment}
		for n := range events {
			args = append(args, outboxID("prd", n), 2+n%3)
		}
		plan := b.explain(t, projections.FlagQuery(events), args...)
		rows, err := strconv.Atoi(plan["rows"])
		if err != nil || plan["type"] != "range" || plan["key"] != "uq_events_version" || rows > events {
			t.Errorf("%d events are looked up so: %v", events, plan)
		}
		b.exec(t, projections.FlagQuery(events), args...)
		if flagged := 200 - b.pending(t); flagged != events {
			t.Errorf("%d of %d events are flagged", flagged, events)
		}
	}
	if got := b.versionsFlagged(t, outboxID("prd", 1)); !slices.Equal(got, []int{3}) {
		t.Errorf("versions %v are flagged, want 3", got)
	}
}

// Proves rule 8 for what is handed over: view, then cache and watchers, then flag.
func TestProjector_Hand_orderOfSteps(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	p := b.projector(t, "one")
	told := 0
	p.Redis = hooked(t, b.redis, outboxGate{before: func() {
		told++
		if version, _ := shown[shop.Product](t, b, "product_views", outboxID("prd", 960)); version != told {
			t.Errorf("the cache is evicted while the view shows version %d, want %d", version, told)
		}
		if flagged := b.versionsFlagged(t, outboxID("prd", 960)); len(flagged) != told-1 {
			t.Errorf("versions %v are flagged when version %d is announced", flagged, told)
		}
	}})
	for version := 1; version <= 3; version++ {
		p.Hand(b.commit(t, stockMoved(t, 960, version)))(t.Context())
		eventually(t, "the event is flagged", func() bool { return b.pending(t) == 0 })
	}
	if told != 3 {
		t.Errorf("the cache was told %d times", told)
	}
}

func TestProjector_Hand_crash(t *testing.T) {
	t.Parallel()
	stages := map[string]func(stop func()) outboxGate{
		"between the views and the announcement": func(stop func()) outboxGate { return outboxGate{before: stop} },
		"between the announcement and the flags": func(stop func()) outboxGate { return outboxGate{after: stop} },
	}
	product := 970
	for name, stage := range stages {
		product++
		n := product
		t.Run(name+" another replica finishes", func(t *testing.T) {
			t.Parallel()
			b := newOutbox(t)
			release, reached := make(chan struct{}), make(chan struct{})
			dead := b.projector(t, "dead")
			dead.Wait = time.Millisecond
			var once sync.Once
			dead.Redis = hooked(t, b.redis, stage(func() { once.Do(func() { close(reached) }); <-release }))
			dead.Hand(b.commit(t, stockMoved(t, n, 1)))
			<-reached
			dead.Hand(b.commit(t, stockMoved(t, n, 2)))(t.Context())
			if pending := b.pending(t); pending != 2 {
				t.Fatalf("%d events are pending after the crash", pending)
			}
			heard := b.redis.Subscribe(t.Context(), views.Channel(outboxID("prd", n)))
			defer heard.Close()
			if _, err := heard.Receive(t.Context()); err != nil {
				t.Fatal(err)
			}
			runReplica(t, b, "alive")
			eventually(t, "the events are flagged", func() bool { return b.pending(t) == 0 })
			if message, err := heard.ReceiveMessage(t.Context()); err != nil || message.Payload != "2" {
				t.Errorf("heard %v, %v", message, err)
			}
			close(release)
			dead.Close()
			if version, _ := shown[shop.Product](t, b, "product_views", outboxID("prd", n)); version != 2 {
				t.Errorf("the view shows version %d", version)
			}
		})
	}
}

func TestProjector_Hand_payments(t *testing.T) {
	t.Parallel()

	t.Run("what another replica did in between is read", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "one")
		opened, readied := paid(t, 1, 1, 1, shop.KindPaymentOpened, ""), paid(t, 1, 2, 1, shop.KindPaymentReadied, "")
		p.Hand(b.commit(t, opened, readied))(t.Context())
		b.commit(t, paid(t, 1, 3, 1, shop.KindPaymentApproved, `{"tid":"T3"}`)) // nobody hands it over here
		p.Hand(b.commit(t, paid(t, 1, 4, 1, shop.KindPaymentCanceling, "")))(t.Context())
		_, got := shown[shop.Payment](t, b, "payment_views", outboxID("pay", 1))
		if len(got.History) != 4 || got.History[2].Kind != shop.KindPaymentApproved {
			t.Errorf("the history is %v", got.History)
		}
		eventually(t, "what was handed over is flagged, and nothing else", func() bool {
			return slices.Equal(b.versionsFlagged(t, outboxID("pay", 1)), []int{1, 2, 4})
		})
		b.wantAsRepublished(t, p)
	})

	t.Run("another attempt has no record, and the first one's comes back with it", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "one")
		for _, d := range []deed{
			paid(t, 1, 1, 1, shop.KindPaymentOpened, `{"tid":"T1"}`), paid(t, 1, 2, 2, shop.KindPaymentOpened, ""),
			paid(t, 1, 3, 2, shop.KindPaymentReadied, ""), paid(t, 1, 4, 1, shop.KindPaymentLateMoney, ""),
		} {
			p.Hand(b.commit(t, d))(t.Context())
			b.wantAsRepublished(t, b.projector(t, "other"))
		}
	})

	t.Run("a record that is written without an event is not remembered wrongly", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "one")
		p.Hand(b.commit(t, paid(t, 1, 1, 1, shop.KindPaymentOpened, `{"tid":"T1"}`)))(t.Context())
		const later = `{"tid":"T1","fetchedAt":"later"}`
		b.exec(t, `UPDATE kakao_payments SET record = ?`, later)
		p.Hand(shop.Committed{Records: map[shop.AttemptID][]byte{shop.AttemptID(outboxID("att", 1)): []byte(later)}})
		p.Hand(b.commit(t, paid(t, 1, 2, 1, shop.KindPaymentApproving, "")))(t.Context())
		b.wantAsRepublished(t, p)
	})

	t.Run("the memory of payments is bounded", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "one")
		record := `{"tid":"` + strings.Repeat("T", 200<<10) + `"}`
		for n := range 60 {
			p.Hand(b.commit(t, paid(t, n, 1, n, shop.KindPaymentOpened, record)))(t.Context())
		}
		if payments, size := p.Remembered(); size > projections.RememberedSize || payments > 45 || payments < 20 {
			t.Errorf("%d payments are remembered, %d bytes of the newer half", payments, size)
		}
		p.Hand(b.commit(t, paid(t, 0, 2, 0, shop.KindPaymentApproving, "")))(t.Context())
		b.wantAsRepublished(t, p)
	})
}

func TestProjector_Hand_failures(t *testing.T) {
	t.Parallel()

	t.Run("what cannot be shown keeps nothing else from being shown, and is parked", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "a")
		p.Tries = 3
		long := orderPlaced(t, 1)
		long.payload = encoded(t, shop.Order{
			ID: shop.OrderID(long.id), UserID: shop.UserID(strings.Repeat("x", 41)), Status: "PLACED", PlacedAt: outboxMoment,
		})
		broken := stockMoved(t, 2, 2)
		broken.payload = []byte(`{"id":`)
		p.Hand(b.commit(t, stockMoved(t, 1, 1), stockMoved(t, 2, 1), broken, long, orderPlaced(t, 2)))(t.Context())
		for table, want := range map[string]int{"product_views": 2, "order_views": 1} {
			if n := b.count(t, "SELECT COUNT(*) FROM "+table); n != want {
				t.Errorf("%d rows in %s, want %d", n, table, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { p.Run(ctx); close(done) }()
		defer func() { cancel(); <-done }()
		eventually(t, "both are parked", func() bool { return len(b.logs.Lines("event parked")) == 2 })
		if n := b.pending(t); n != 2 {
			t.Errorf("%d events are pending, want the two that cannot be applied", n)
		}
	})

	t.Run("without Redis it is shown and flagged, and Redis is told later", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "a")
		up := p.Redis
		down := hooked(t, b.redis, outboxGate{})
		down.Close()
		p.Redis = down
		p.Hand(b.commit(t, stockMoved(t, 1, 1)))(t.Context())
		version, _ := shown[shop.Product](t, b, "product_views", outboxID("prd", 1))
		if floor := p.Floors.Of(outboxID("prd", 1)); version != 1 || floor != 1 {
			t.Errorf("the view shows version %d, the floor is %d", version, floor)
		}
		p.Close()
		if n := b.pending(t); n != 0 {
			t.Errorf("%d events are pending", n)
		}
		p.Redis = up
		p.Hand(b.commit(t, stockMoved(t, 2, 1)))(t.Context())
		if n := b.redis.Exists(t.Context(), views.TokenKey(outboxID("prd", 1))).Val(); n != 1 {
			t.Error("Redis is back and was not told what it missed")
		}
	})

	t.Run("Close shows and flags what was handed over", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "a")
		release := make(chan struct{})
		p.Redis = hooked(t, b.redis, outboxGate{before: func() { <-release }})
		for n := range 20 {
			p.Hand(b.commit(t, stockMoved(t, n, 1)))
		}
		time.AfterFunc(50*time.Millisecond, func() { close(release) }) // most wait for the first when it is closed
		p.Close()
		if n := b.count(t, "SELECT COUNT(*) FROM product_views"); n != 20 || b.pending(t) != 0 {
			t.Errorf("%d of 20 are shown, %d events are pending", n, b.pending(t))
		}
	})

	t.Run("what does not fit into memory is read", func(t *testing.T) {
		t.Parallel()
		b := newCountedOutbox(t)
		p := b.projector(t)
		b.counts(t)
		large := b.commit(t, stockMoved(t, 1, 1))
		large.Records["att_large"] = make([]byte, 33<<20)
		p.Hand(large)(t.Context())
		if version, _ := shown[shop.Product](t, b.outbox, "product_views", outboxID("prd", 1)); version != 1 {
			t.Errorf("the view shows version %d", version)
		}
		p.Close()
		if got := b.counts(t); got["select"] != 3 || b.pending(t) != 0 {
			t.Errorf("it costs %v, and %d events are pending", got, b.pending(t))
		}
	})

	t.Run("what another transaction did to what is touched is shown", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "a")
		b.commit(t, orderPlaced(t, 1))
		committed := b.commit(t, stockMoved(t, 1, 1))
		committed.Touched = []string{outboxID("ord", 1)}
		p.Hand(committed)(t.Context())
		if n := b.count(t, "SELECT COUNT(*) FROM order_views"); n != 1 {
			t.Error("the order is not shown")
		}
	})
}

func TestProjector_Hand_lists(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	p := b.projector(t, "a")
	token := func() string { return b.redis.Get(t.Context(), views.TokenKey(views.Products)).Val() }
	p.Hand(b.commit(t, stockMoved(t, 1, 1)))(t.Context())
	created := token()
	p.Hand(b.commit(t, stockMoved(t, 1, 2)))(t.Context())
	if created == "" || token() != created {
		t.Errorf("the list's token went from %q to %q when only stock moved", created, token())
	}
}

// TestProjector_Hand_leftAlone proves that the sweep does not do the work of a batch
// that is under way, and does it once the batch takes too long.
func TestProjector_Hand_leftAlone(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	p := b.projector(t, "a")
	var passed atomic.Int64
	p.Now = func() time.Time { return outboxMoment.Add(time.Duration(passed.Load())) }
	var told atomic.Int32
	release := make(chan struct{})
	p.Redis = hooked(t, b.redis, outboxGate{before: func() {
		if told.Add(1) == 1 {
			<-release
		}
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	defer close(release)
	p.Hand(b.commit(t, stockMoved(t, 980, 1)))
	eventually(t, "the batch is announced", func() bool { return told.Load() == 1 })
	time.Sleep(300 * time.Millisecond) // many looks
	if told.Load() != 1 {
		t.Fatal("the sweep did the work of a batch under way")
	}
	passed.Store(int64(1100 * time.Millisecond))
	eventually(t, "the sweep does it", func() bool { return b.pending(t) == 0 && told.Load() > 1 })
}

// TestProjector_Hand_replicas lets two replicas commit events of payments and
// products at random, hand them over late, twice and out of order, or not at all,
// and checks that the views are what they are when they are rebuilt.
func TestProjector_Hand_replicas(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	replicas := []*projections.Projector{b.projector(t, "a"), b.projector(t, "b")}
	versions, attempts := map[int]int{}, map[int]int{}
	rapid.Check(t, func(t *rapid.T) {
		late := [2][]shop.Committed{}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			n := rapid.IntRange(0, 3).Draw(t, "payment")
			who := rapid.IntRange(0, 1).Draw(t, "replica")
			versions[n]++
			kind, record := shop.KindPaymentRecordChanged, ""
			if versions[n] == 1 || rapid.IntRange(0, 5).Draw(t, "opens") == 0 {
				kind, attempts[n] = shop.KindPaymentOpened, attempts[n]+1
			}
			if rapid.Bool().Draw(t, "writes a record") {
				record = fmt.Sprintf(`{"tid":"%d-%d"}`, n, versions[n])
			}
			committed := b.commit(t, paid(t, n, versions[n], 100*n+attempts[n]%100, kind, record))
			committed.Passing = record == "" && rapid.Bool().Draw(t, "is passing")
			switch rapid.IntRange(0, 3).Draw(t, "then") {
			case 0:
				replicas[who].Hand(committed)(context.Background())
			case 1:
				replicas[who].Hand(committed)
			case 2:
				late[who] = append(late[who], committed)
			default: // it is lost
			}
		}
		for who, of := range late {
			rand.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
			for _, committed := range of {
				replicas[who].Hand(committed)
				replicas[who].Hand(committed)(context.Background())
			}
		}
		for n := range versions {
			replicas[0].Project(context.Background(), outboxID("pay", n))
		}
		for _, p := range replicas {
			p.Project(context.Background(), "nonsense") // after all that was handed over before
		}
		b.wantAsRepublished(t, replicas[0])
	})
}

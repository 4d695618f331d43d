package command_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/command"
	"payment-system/internal/proof"
	"payment-system/pg"
	"payment-system/pg/pgtest"
	"payment-system/shop"
)

// TestHandler_races lets what may happen to one order meet at random: approvals, cancelation,
// expiry, and by the dice a refund, the shopper's failure, a second attempt at the other gateway,
// webhooks and the resolver, while gateways lose answers. At rest the order is paid and the
// gateway holds its total, or what was not refunded of it; or it ended, and the gateways hold
// nothing. The stock is whole.
func TestHandler_races(t *testing.T) {
	t.Parallel()
	count, seed := proof.Count(t, "races"), proof.Seed(t)
	done := proof.Begin(t, "races", seed)
	var next, noLocks atomic.Int64
	var tally raceTally
	street := openStreet(t)
	var workers sync.WaitGroup
	for range min(4, count) {
		m := street.market(t, aMoment)
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(count); i = next.Add(1) - 1 {
				r := m.newRace(seed + uint64(i))
				r.run()
				tally.add(r.finish())
				if r.noLocks {
					noLocks.Add(1)
				}
			}
			m.close()
		})
	}
	workers.Wait()
	if tally.total() != count {
		t.Errorf("%d of %d races came to an end", tally.total(), count)
	}
	tally.check(t)
	done(proof.Figure{Times: tally.total(), NoLocks: int(noLocks.Load()), Note: tally.String()})
	t.Log(&tally)
}

// A raceTally counts how races ended.
type raceTally struct {
	mu   sync.Mutex
	ends map[shop.OrderStatus]int
	late int // races in which money came that no order waited for, and went back
}

func (c *raceTally) add(a account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends == nil {
		c.ends = map[shop.OrderStatus]int{}
	}
	c.ends[a.Order]++
	if a.Attempted > a.Captured {
		c.late++
	}
}

func (c *raceTally) total() (n int) {
	for _, ends := range c.ends {
		n += ends
	}
	return n
}

// check fails the test when so many races never ended one of the ways in which they may.
func (c *raceTally) check(t *testing.T) {
	t.Helper()
	for _, end := range []shop.OrderStatus{shop.OrderStatusPaid, shop.OrderStatusCanceled, shop.OrderStatusExpired} {
		if c.total() >= 100 && c.ends[end] == 0 {
			t.Errorf("of %d races none ended %s: %v", c.total(), end, c)
		}
	}
	if c.total() >= 300 && c.late == 0 {
		t.Errorf("in none of %d races money came too late: %v", c.total(), c)
	}
}

func (c *raceTally) String() string {
	return fmt.Sprintf("%d ended paid, %d canceled, %d expired; in %d money came too late and went back",
		c.ends[shop.OrderStatusPaid], c.ends[shop.OrderStatusCanceled], c.ends[shop.OrderStatusExpired], c.late)
}

// A race is one order and all that meets over it.
type race struct {
	*market
	name     string
	dice     *rand.Rand // for what is drawn before the start
	noLocks  bool
	late     bool // every approval is on its way until the order's time is over
	replicas []*command.Handler
	since    map[shop.PG]int
	units    int
	bought   int
	order    shop.Order
	payment  shop.Payment
}

func (m *market) newRace(seed uint64) *race {
	m.t.Helper()
	dice := rand.New(rand.NewPCG(seed, 7))
	r := &race{market: m, name: fmt.Sprintf("race FAULT_SEED=%d", seed), dice: dice, noLocks: seed%2 == 0, since: m.mark()}
	r.replicas = m.handlers(1+int(seed/2%2), r.noLocks)
	r.late = dice.IntN(6) == 0
	r.units, r.bought = 3+dice.IntN(3), 1+dice.IntN(3)
	product := m.product(r.name, r.replicas[0], shop.Won(2+dice.IntN(50))*500, r.units)
	placed, err := m.placeOrder(r.replicas[0], product.ID, r.bought)
	m.check(r.name, err)
	r.order = placed.Order
	r.payment = r.ready(r.company())
	return r
}

func (r *race) company() shop.PG { return []shop.PG{shop.PGKakao, shop.PGToss}[r.dice.IntN(2)] }

func (r *race) ready(company shop.PG) shop.Payment {
	r.t.Helper()
	readied, err := r.readyPayment(r.replicas[0], r.order.ID, company)
	r.check(r.name, err)
	return readied.Payment
}

// run lets all steps that the dice drew loose at once.
func (r *race) run() {
	r.breakGateways()
	steps := r.steps()
	r.dice.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	var running sync.WaitGroup
	for _, step := range steps {
		replica := r.replicas[r.dice.IntN(len(r.replicas))]
		wait := time.Duration(r.dice.IntN(6_000)) * time.Microsecond
		running.Go(func() {
			time.Sleep(wait)
			if err := step(replica); !raceMayAnswer(err) {
				r.t.Errorf("%s: answered %v", r.name, err)
			}
		})
	}
	running.Wait()
}

// raceMayAnswer reports whether an answer is one that a client knows what to do with.
func raceMayAnswer(err error) bool {
	return slices.Contains([]shop.Code{"", shop.Conflict, shop.InProgress, shop.Unavailable, shop.Declined, shop.Invalid}, shop.CodeOf(err))
}

type raceStep func(h *command.Handler) error

func (r *race) steps() []raceStep {
	approve := r.authenticated(r.payment)
	amount := r.order.Total / shop.Won(1+r.dice.IntN(3))
	ahead := []time.Duration{time.Minute, 14 * time.Minute, 15 * time.Minute, 20 * time.Minute}[r.dice.IntN(4)]
	must := []raceStep{
		func(h *command.Handler) error { return second(h.ApprovePayment(r.t.Context(), approve)) },
		func(h *command.Handler) error { return second(r.cancelOrder(h, r.order.ID)) },
		func(h *command.Handler) error {
			r.clock.Advance(ahead)
			return second(h.ExpireOrders(r.t.Context()))
		},
	}
	may := []raceStep{
		must[0],
		must[0],
		func(h *command.Handler) error {
			return second(r.cancelPayment(h, r.payment.ID, amount, newID("key")))
		},
		func(h *command.Handler) error {
			return second(h.FailPayment(r.t.Context(), command.FailPayment{By: r.shopper, PaymentID: r.payment.ID}))
		},
		r.tryElsewhere(),
		r.wake,
		r.wake,
		func(*command.Handler) error {
			if !r.late {
				r.post.deliver()
			}
			return nil
		},
	}
	r.dice.Shuffle(len(may), func(i, j int) { may[i], may[j] = may[j], may[i] })
	steps := append(must, may[:r.dice.IntN(len(may)+1)]...)
	if r.late || r.dice.IntN(4) == 0 { // nobody cancels
		steps = slices.Delete(steps, 1, 2)
	}
	return steps
}

func second[T any](_ T, err error) error { return err }

// tryElsewhere opens another attempt at the other gateway and approves that.
func (r *race) tryElsewhere() raceStep {
	other := shop.PGKakao
	if r.payment.PG == other {
		other = shop.PGToss
	}
	return func(h *command.Handler) error {
		readied, err := r.readyPayment(h, r.order.ID, other)
		if err != nil {
			return err
		}
		return second(h.ApprovePayment(r.t.Context(), r.authenticated(readied.Payment)))
	}
}

// wake is a webhook, or at Kakao Pay, that has none, a look-up out of turn, and then the resolver.
func (r *race) wake(h *command.Handler) error {
	if r.payment.PG == shop.PGToss {
		if err := r.webhook(h, r.payment); err != nil {
			return err
		}
		if _, err := h.HandleWebhooks(r.t.Context()); err != nil {
			return err
		}
	} else if err := h.WakeAttempt(r.t.Context(), r.payment.AttemptID); err != nil {
		return err
	}
	return second(h.ResolvePayments(r.t.Context()))
}

// breakGateways lets the dice say what goes wrong.
func (r *race) breakGateways() {
	r.post.delay(max(0, r.dice.IntN(4)-2))
	if r.late {
		r.post.delay(20)
	}
	for _, fake := range r.fakes {
		for range r.dice.IntN(4) {
			breakOnce(fake, r.dice)
		}
	}
}

// breakOnce lets one call go wrong.
func breakOnce(fake *pgtest.Fake, dice *rand.Rand) {
	call := []string{"approve", "approve", "cancel", "cancel", "lookup"}[dice.IntN(5)]
	switch dice.IntN(5) {
	case 0, 1:
		fake.Lose(call, 1)
	case 2, 3:
		fake.Fail(call, []pg.Outcome{pg.OutcomeUnknown, pg.OutcomeNotSent}[dice.IntN(2)], 1)
	default:
		fake.Misstate(call, func(p *pg.Payment) { p.Amount++ }, 1)
	}
}

// finish brings the race to rest and checks how it ended.
func (r *race) finish() account {
	r.t.Helper()
	if stays := r.late || r.dice.IntN(3) == 0; stays && r.isAwaited() { // what is on its way comes when the order's time is over
		ahead := time.Duration(2+r.dice.IntN(20)) * time.Minute
		if r.late {
			ahead = 20 * time.Minute
		}
		r.clock.Advance(ahead)
		r.check(r.name, second(r.replicas[0].ResolvePayments(r.t.Context())))
		r.check(r.name, second(r.replicas[0].ExpireOrders(r.t.Context())))
	}
	r.post.deliver()
	for _, replica := range r.replicas {
		r.check(r.name, replica.Drain(r.t.Context()))
	}
	r.rest(r.name, r.replicas[0])
	r.expire(r.name, r.replicas[0], r.order.ID)
	got, ledger := r.account(r.name, r.order.ID), r.ledger(r.since)
	if ledger.Captured != got.Attempted || ledger.Refunded != got.AttemptRefunded {
		r.t.Errorf("%s: the gateways took %d and gave back %d; the books say %v", r.name, ledger.Captured, ledger.Refunded, got)
	}
	if ledger.Captures > 1 {
		r.t.Errorf("%s: the gateways took money %d times; %v", r.name, ledger.Captures, got)
	}
	r.checkEnd(got, ledger.Captured-ledger.Refunded)
	return got
}

// isAwaited reports whether the books still wait for the gateway's word on an approval.
func (r *race) isAwaited() bool {
	r.t.Helper()
	var status shop.PaymentStatus
	r.check(r.name, r.db.QueryRowContext(r.t.Context(), `SELECT status FROM payments WHERE id = ?`, r.payment.ID).Scan(&status))
	return status == shop.PaymentStatusApproving || status == shop.PaymentStatusUnknown
}

// checkEnd holds the order's end against the money that the gateways kept, and the stock.
func (r *race) checkEnd(got account, kept shop.Won) {
	r.t.Helper()
	sold := 0
	switch got.Order {
	case shop.OrderStatusPaid:
		sold = r.bought
		if kept <= 0 || kept != got.Total-got.Refunded || got.Captured != got.Total {
			r.t.Errorf("%s: the gateways keep %d; %v", r.name, kept, got)
		}
	case shop.OrderStatusCanceled, shop.OrderStatusExpired:
		if kept != 0 {
			r.t.Errorf("%s: the gateways keep %d of an order that ended; %v", r.name, kept, got)
		}
	default:
		r.t.Errorf("%s: the order did not end; %v", r.name, got)
	}
	if got.Available != r.units-sold || got.Reserved != 0 || got.Sold != sold {
		r.t.Errorf("%s: the stock is not whole; %v", r.name, got)
	}
}

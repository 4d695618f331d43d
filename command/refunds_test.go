package command_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"payment-system/command"
	"payment-system/internal/proof"
	"payment-system/pg"
	"payment-system/shop"
)

// TestHandler_refunds asks 21 refunds of one payment at once, 20 of a tenth and one of all that is
// left, each three times under its key, over two replicas, while the gateway loses answers: what
// was given back is never more than was taken, in the books and in the gateway's ledger, and each
// key has one effect and one answer.
func TestHandler_refunds(t *testing.T) {
	t.Parallel()
	count, seed := proof.Count(t, "refunds"), proof.Seed(t)
	done := proof.Begin(t, "refunds", seed)
	var next, ended, noLocks, asked, made atomic.Int64
	street := openStreet(t)
	var workers sync.WaitGroup
	for range min(6, count) {
		m := street.market(t, aMoment)
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(count); i = next.Add(1) - 1 {
				r := m.newRefunds(seed + uint64(i))
				r.askAll()
				made.Add(int64(r.finish()))
				asked.Add(int64(len(r.wishes) * asksOfEach))
				ended.Add(1)
				if r.noLocks {
					noLocks.Add(1)
				}
			}
			m.close()
		})
	}
	workers.Wait()
	done(proof.Figure{
		Times: int(ended.Load()), NoLocks: int(noLocks.Load()),
		Note: fmt.Sprintf("%d requests under %d keys, %d refunds made", asked.Load(), asked.Load()/asksOfEach, made.Load()),
	})
}

// asksOfEach is how often each key is asked at once.
const asksOfEach = 3

// refunds are those of one payment.
type refunds struct {
	*market
	name     string
	dice     *rand.Rand
	noLocks  bool
	replicas []*command.Handler
	since    map[shop.PG]int
	payment  shop.Payment
	wishes   []*refundWish
}

// A refundWish is one key, and what was answered to it.
type refundWish struct {
	key    string
	amount shop.Won // 0 is all that is left

	mu      sync.Mutex
	answers []shop.Refund
}

func (m *market) newRefunds(seed uint64) *refunds {
	m.t.Helper()
	company, noLocks := []shop.PG{shop.PGKakao, shop.PGToss}[seed%2], seed/2%2 == 0
	r := &refunds{
		market: m, name: fmt.Sprintf("refunds at %s FAULT_SEED=%d", company, seed), dice: rand.New(rand.NewPCG(seed, 8)),
		noLocks: noLocks, replicas: m.handlers(2, noLocks), since: m.mark(),
	}
	product := m.product(r.name, r.replicas[0], 11_000, 1)
	placed, err := m.placeOrder(r.replicas[0], product.ID, 1)
	m.check(r.name, err)
	readied, err := m.readyPayment(r.replicas[0], placed.Order.ID, company)
	m.check(r.name, err)
	approved, err := r.replicas[0].ApprovePayment(m.t.Context(), m.authenticated(readied.Payment))
	m.check(r.name, err)
	r.payment = approved.Payment
	for i := range 21 {
		wish := &refundWish{key: newID("key"), amount: 1_100}
		if i == 20 {
			wish.amount = 0
		}
		r.wishes = append(r.wishes, wish)
	}
	return r
}

// askAll asks everything at once, in an order that the dice draw.
func (r *refunds) askAll() {
	for range 1 + r.dice.IntN(3) {
		r.breakCancel()
	}
	wishes := slices.Repeat(r.wishes, asksOfEach)
	r.dice.Shuffle(len(wishes), func(i, j int) { wishes[i], wishes[j] = wishes[j], wishes[i] })
	var asking sync.WaitGroup
	for i, wish := range wishes {
		asking.Go(func() { r.ask(r.replicas[i%2], wish) })
	}
	asking.Wait()
}

// breakCancel lets one of the first refunds go wrong.
func (r *refunds) breakCancel() {
	fake := r.fakes[r.payment.PG]
	switch r.dice.IntN(6) {
	case 0, 1:
		fake.Lose("cancel", 1)
	case 2:
		fake.Fail("cancel", pg.OutcomeUnknown, 1)
	case 3:
		fake.Fail("cancel", pg.OutcomeNotSent, 1)
	case 4:
		fake.Fail("cancel", pg.OutcomeRefused, 1)
	default:
		fake.Lose("lookup", 1)
	}
}

// ask asks for a refund and keeps the answer. It tells which error was answered.
func (r *refunds) ask(h *command.Handler, wish *refundWish) shop.Code {
	canceled, err := r.cancelPayment(h, r.payment.ID, wish.amount, wish.key)
	switch code := shop.CodeOf(err); code {
	case "":
		wish.mu.Lock()
		defer wish.mu.Unlock()
		canceled.Refund.PGKey = "" // no client sees it
		wish.answers = append(wish.answers, canceled.Refund)
	case shop.Invalid, shop.Conflict, shop.InProgress, shop.Declined:
	default:
		r.t.Errorf("%s: answered %v", r.name, err)
	}
	return shop.CodeOf(err)
}

// finish brings the payment to rest, asks every key again, and holds answers, books and ledger
// against each other. It returns how many refunds were made.
func (r *refunds) finish() (made int) {
	r.t.Helper()
	r.rest(r.name, r.replicas[0])
	r.checkMoney()
	for _, wish := range r.wishes {
		first := r.ask(r.replicas[0], wish)
		r.rest(r.name, r.replicas[0])
		if again := r.ask(r.replicas[1], wish); again != first {
			r.t.Errorf("%s: the key of %d won was answered %q and then %q", r.name, wish.amount, first, again)
		}
		made += r.checkKey(wish)
	}
	got := r.checkMoney()
	if got.Payment == shop.PaymentStatusCanceled && (got.Order != shop.OrderStatusCanceled || got.Available != 1 || got.Sold != 0) {
		r.t.Errorf("%s: all was given back; %v", r.name, got)
	}
	if ledger := r.ledger(r.since); ledger.Cancels != made {
		r.t.Errorf("%s: %d keys had an effect, and the gateway gave money back %d times", r.name, made, ledger.Cancels)
	}
	return made
}

// checkMoney holds the books against the ledger.
func (r *refunds) checkMoney() account {
	r.t.Helper()
	got, ledger := r.account(r.name, r.payment.OrderID), r.ledger(r.since)
	if ledger.Captured != 11_000 || ledger.Captures != 1 || ledger.Refunded > ledger.Captured {
		r.t.Errorf("%s: the gateway took %d in %d and gave back %d", r.name, ledger.Captured, ledger.Captures, ledger.Refunded)
	}
	if got.Captured != ledger.Captured || got.Refunded != ledger.Refunded {
		r.t.Errorf("%s: the gateway took %d and gave back %d; the books say %v", r.name, ledger.Captured, ledger.Refunded, got)
	}
	return got
}

// checkKey checks that a key has at most one refund, that all its answers tell of that one, and
// that it serves no other input. It returns how many refunds it made.
func (r *refunds) checkKey(wish *refundWish) (made int) {
	r.t.Helper()
	var keyed int
	err := r.db.QueryRowContext(r.t.Context(), `SELECT COUNT(*), COALESCE(SUM(r.status = 'DONE'), 0) FROM idempotency i JOIN refunds r ON r.id = i.subject
WHERE i.user_id = ? AND i.operation = 'cancelPayment' AND i.idem_key = ?`, r.shopper.UserID, wish.key).Scan(&keyed, &made)
	r.check(r.name, err)
	if keyed > 1 || (len(wish.answers) > 0) != (made == 1) {
		r.t.Errorf("%s: a key has %d refunds, of which %d were made; it was answered %d times", r.name, keyed, made, len(wish.answers))
	}
	for _, answer := range wish.answers {
		if diff := cmp.Diff(wish.answers[0], answer); diff != "" {
			r.t.Errorf("%s: a key has two answers (-first +other):\n%s", r.name, diff)
		}
	}
	if keyed == 1 {
		_, err := r.cancelPayment(r.replicas[0], r.payment.ID, wish.amount+1, wish.key)
		if shop.CodeOf(err) != shop.IdempotencyMismatch {
			r.t.Errorf("%s: a used key with another amount was answered %v", r.name, err)
		}
	}
	return made
}

package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"payment-system/pg"
	"payment-system/shop"
)

// A Harness is one gateway under test, with the hands of its shoppers, the
// means to break it and a look into its own ledger.
type Harness struct {
	Gateway pg.Gateway
	PG      shop.PG

	// Pay authenticates a payment and returns what approval must prove, "" where nothing.
	Pay func(paymentKey string) (pgToken string)
	// Quit lets the shopper walk away.
	Quit func(paymentKey string)
	// PayByVirtualAccount and Deposit are nil where there are no virtual accounts.
	PayByVirtualAccount func(paymentKey string)
	Deposit             func(paymentKey string)
	// Refund gives money back in the gateway's console.
	Refund func(paymentKey string, amount shop.Won)

	// SetFault lets calls (ready, approve, cancel, lookup) go wrong as the
	// simulators' faults of that name do, a number of times, 0 for always.
	SetFault func(call, fault string, times int)
	// Heal ends every fault.
	Heal func()
	// Break makes calls end before they leave this process.
	Break func()
	// Ledger is what the gateway itself counts of a payment.
	Ledger func(paymentKey string) Ledger
}

// toss tells gateways with idempotency keys, look-ups by attempt and answers
// that repeat the whole payment from those without.
func (h *Harness) toss() bool { return h.PG == shop.PGToss }

// TestGateway proves that a gateway keeps the promises of pg.Gateway. Open is
// called for every test, and returns a gateway that holds no payments.
func TestGateway(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	groups := map[string]map[string]func(*testing.T, *Harness){
		"ready": readyTests, "approve": approveTests, "cancel": cancelTests, "look up": lookUpTests,
		"wrong answers": mismatchTests, "nothing sent": notSentTests, "virtual account": virtualAccountTests,
	}
	for name, tests := range groups {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for sentence, test := range tests {
				t.Run(sentence, func(t *testing.T) {
					t.Parallel()
					h := open(t)
					test(t, &h)
				})
			}
		})
	}
	testLostAnswers(t, open)
}

// price is what everything in the suite costs; free is its tax-free part.
const (
	price shop.Won = 15_000
	free  shop.Won = 4_000
)

// newID makes an id that no other test has.
func newID(prefix string) string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	return shop.FormatID(prefix, u)
}

func newReady() pg.ReadyRequest {
	id := newID(shop.PrefixAttempt)
	return pg.ReadyRequest{
		IdempotencyKey: id + ":ready", AttemptID: shop.AttemptID(id), UserRef: "shopper-" + id,
		ItemName: "초코파이 외 2건", Quantity: 3, Amount: price, TaxFree: free, VAT: shop.VAT(price, free),
		ApprovedURL: "https://shop.example/payments/" + id + "/return/approved",
		CanceledURL: "https://shop.example/payments/" + id + "/return/canceled",
		FailedURL:   "https://shop.example/payments/" + id + "/return/failed",
	}
}

// opened is a payment in the middle of its life.
type opened struct {
	ready   pg.ReadyRequest
	key     pg.Key
	pgToken string
}

func (h *Harness) ready(t *testing.T) opened {
	t.Helper()
	req := newReady()
	r, err := h.Gateway.Ready(t.Context(), req)
	if err != nil {
		t.Fatalf("Ready: %v", err)
	}
	return opened{ready: req, key: pg.Key{PaymentKey: r.PaymentKey, AttemptID: req.AttemptID}}
}

func (h *Harness) authenticated(t *testing.T) opened {
	t.Helper()
	o := h.ready(t)
	o.pgToken = h.Pay(o.key.PaymentKey)
	return o
}

func (o opened) approval() pg.ApproveRequest {
	return pg.ApproveRequest{
		IdempotencyKey: string(o.key.AttemptID) + ":approve", Key: o.key,
		UserRef: o.ready.UserRef, PgToken: o.pgToken, Amount: o.ready.Amount,
	}
}

func (h *Harness) paid(t *testing.T) opened {
	t.Helper()
	o := h.authenticated(t)
	if _, err := h.Gateway.Approve(t.Context(), o.approval()); err != nil {
		t.Fatalf("Approve: %v", err)
	}
	return o
}

// cancellation asks for amount back of available.
func (o opened) cancellation(amount, taxFree, available shop.Won) pg.CancelRequest {
	id := newID(shop.PrefixRefund)
	return pg.CancelRequest{
		IdempotencyKey: id + ":cancel", Key: o.key, RefundID: shop.RefundID(id), Amount: amount, TaxFree: taxFree,
		Available: available, Whole: amount == available, Reason: "단순 변심",
	}
}

func (h *Harness) lookUp(t *testing.T, o opened) pg.Payment {
	t.Helper()
	p, err := h.Gateway.LookUp(t.Context(), o.key)
	if err != nil {
		t.Fatalf("LookUp: %v", err)
	}
	return p
}

// wantOutcome fails the test unless err is a *pg.Error with one of the outcomes.
func wantOutcome(t *testing.T, err error, outcomes ...pg.Outcome) {
	t.Helper()
	var e *pg.Error
	if !errors.As(err, &e) || !slices.Contains(outcomes, e.Outcome) {
		t.Fatalf("error = %v, want a *pg.Error with outcome %v", err, outcomes)
	}
}

// wantMismatch returns what the gateway has, and fails the test unless err shows it.
func wantMismatch(t *testing.T, err error) pg.Payment {
	t.Helper()
	var e *pg.Error
	if !errors.As(err, &e) || e.Outcome != pg.OutcomeMismatch || e.Payment == nil || e.Payment.Record == nil {
		t.Fatalf("error = %v, want a mismatch that shows a payment", err)
	}
	return *e.Payment
}

// wantMoney fails the test unless the gateway's own ledger says so.
func (h *Harness) wantMoney(t *testing.T, o opened, captured, refunded shop.Won) {
	t.Helper()
	got := h.Ledger(o.key.PaymentKey)
	if got.Captured != captured || got.Refunded != refunded {
		t.Fatalf("gateway captured %d and refunded %d, want %d and %d", got.Captured, got.Refunded, captured, refunded)
	}
}

// wantPayment fails the test unless p is o's payment in a state.
func wantPayment(t *testing.T, p pg.Payment, o opened, status pg.Status, captured, refunded shop.Won) {
	t.Helper()
	type state struct {
		Key                string
		AttemptID          string
		Status             pg.Status
		Currency           string
		Amount             shop.Won
		Captured, Refunded shop.Won
	}
	got := state{p.PaymentKey, p.AttemptID, p.Status, p.Currency, p.Amount, p.Captured, p.Refunded}
	want := state{o.key.PaymentKey, string(o.key.AttemptID), status, "KRW", o.ready.Amount, captured, refunded}
	if got != want {
		t.Fatalf("payment = %+v\nwant %+v", got, want)
	}
	if p.Record == nil || len(p.Raw) == 0 {
		t.Fatalf("payment has record %v and %d raw bytes, want both", p.Record, len(p.Raw))
	}
}

// eventually asks until done says so. A gateway needs a moment to notice that
// its caller hung up.
func eventually(t *testing.T, done func(context.Context) bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for !done(ctx) {
		select {
		case <-ctx.Done():
			t.Fatal("it did not happen in a minute")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Package pgtest proves gateways: TestGateway is the suite that every
// pg.Gateway passes, and Fake is a gateway in memory that passes it too.
package pgtest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"payment-system/internal/testclock"
	"payment-system/pg"
	"payment-system/shop"
)

// A Fake is a gateway in memory with the manners of Kakao Pay or Toss
// Payments: Toss repeats the answer to an idempotency key and issues virtual
// accounts, Kakao Pay does neither. Its knobs act for shoppers and make it
// fail. All methods are safe for concurrent use; those that name a payment key
// panic when there is no such payment.
type Fake struct {
	// Now is the gateway's clock. NewFake sets one that starts at nine in the
	// morning of FirstDay and moves a second with every look at it.
	Now func() time.Time

	pg       shop.PG
	mu       sync.Mutex
	ticks    int
	keys     []string // oldest first
	payments map[string]*fakePayment
	answers  map[string]answer // by call and idempotency key
	faults   []*fault
	struck   int // calls that a fault struck
	holds    map[string]*hold
}

// fakePayment is one payment at the fake. Its Payment's Cancels are only ever appended to.
type fakePayment struct {
	pg.Payment
	request  pg.ReadyRequest
	token    string
	virtual  bool // the shopper chose a virtual account
	declined bool // the card will be refused
	ledger   Ledger
}

// answer is what a call with an idempotency key came to.
type answer struct {
	payment pg.Payment
	err     error
}

// A Ledger is what a gateway itself counts of a payment.
type Ledger struct {
	Captured shop.Won
	Refunded shop.Won
	Captures int            // approvals and deposits that took money
	Cancels  int            // cancels that gave money back
	Calls    map[string]int // ready, approve, cancel and lookup, answered or not
}

// NewFake returns an empty gateway that acts like the company given.
func NewFake(company shop.PG) *Fake {
	f := &Fake{
		pg:       company,
		payments: map[string]*fakePayment{},
		answers:  map[string]answer{},
		holds:    map[string]*hold{},
	}
	f.Now = f.tick
	return f
}

func (f *Fake) tick() time.Time {
	f.ticks++
	return FirstDay().Add(9*time.Hour + time.Duration(f.ticks)*time.Second).UTC()
}

// FirstDay is the midnight, in Korea, with which a Fake's first day begins: thirty days ago.
func FirstDay() time.Time { return testclock.Day(30) }

// Ready implements pg.Gateway.
func (f *Fake) Ready(ctx context.Context, req pg.ReadyRequest) (pg.Ready, error) {
	p, err := f.call(ctx, "ready", req.IdempotencyKey, "", func() (pg.Payment, error) { return f.open(req) })
	page := "https://pay.example/" + p.PaymentKey
	return pg.Ready{PaymentKey: p.PaymentKey, Checkouts: shop.CheckoutURLs{Desktop: page, Mobile: page + "/m", App: page + "/a"}}, err
}

func (f *Fake) open(req pg.ReadyRequest) (pg.Payment, error) {
	switch {
	case req.Amount <= 0 || req.Amount > shop.MaxWon || req.TaxFree < 0 || req.TaxFree > req.Amount:
		return pg.Payment{}, f.refuse("ready", pg.OutcomeRefused, "-2", "INVALID_REQUEST")
	case f.toss() && f.find(pg.Key{AttemptID: req.AttemptID}) != nil:
		return pg.Payment{}, f.refuse("ready", pg.OutcomeRefused, "", "DUPLICATED_ORDER_ID")
	}
	n := len(f.keys) + 1
	p := &fakePayment{request: req, token: fmt.Sprintf("token%020d", n), ledger: Ledger{Calls: map[string]int{"ready": 1}}}
	p.Payment = pg.Payment{
		PG: f.pg, PaymentKey: fmt.Sprintf("T%019d", n), AttemptID: string(req.AttemptID), Status: pg.StatusOpen, Currency: "KRW",
		Amount: req.Amount, TaxFree: req.TaxFree, InstallmentMonths: req.InstallmentMonths, Method: string(cmp.Or(req.Method, shop.PaymentMethodCard)),
	}
	f.keys = append(f.keys, p.PaymentKey)
	f.payments[p.PaymentKey] = p
	return f.evidence(p, ""), nil
}

// Request is what a payment was opened with.
func (f *Fake) Request(paymentKey string) pg.ReadyRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.payments[paymentKey].request
}

// Approve implements pg.Gateway.
func (f *Fake) Approve(ctx context.Context, req pg.ApproveRequest) (pg.Payment, error) {
	return f.call(ctx, "approve", req.IdempotencyKey, req.PaymentKey, func() (pg.Payment, error) {
		p := f.payments[req.PaymentKey]
		if err := f.approvable(p, req); err != nil {
			return pg.Payment{}, err
		}
		if p.virtual {
			p.Status, p.Secret = pg.StatusWaitingForDeposit, "secret-"+p.PaymentKey
			return f.evidence(p, "wait-"+p.PaymentKey), nil
		}
		return f.evidence(p, f.capture(p)), nil
	})
}

func (f *Fake) approvable(p *fakePayment, req pg.ApproveRequest) error {
	switch {
	case p == nil:
		return f.refuse("approve", pg.OutcomeNotFound, "-721", "NOT_FOUND_PAYMENT")
	case p.Status == pg.StatusOpen || f.toss() && (p.Status == pg.StatusFailed || p.Status == pg.StatusExpired):
		return f.refuse("approve", pg.OutcomeRefused, "-701", "NOT_FOUND_PAYMENT_SESSION")
	case p.Status != pg.StatusAuthenticated:
		return f.refuse("approve", pg.OutcomeUnknown, "-702", "ALREADY_PROCESSED_PAYMENT")
	case p.AttemptID != string(req.AttemptID):
		return f.refuse("approve", pg.OutcomeRefused, "-706", "INVALID_REQUEST")
	case !f.toss() && p.request.UserRef != req.UserRef:
		return f.refuse("approve", pg.OutcomeRefused, "-707", "")
	case !f.toss() && p.token != req.PgToken:
		return f.refuse("approve", pg.OutcomeRefused, "-708", "")
	case p.Amount != req.Amount:
		return f.refuse("approve", pg.OutcomeRefused, "-725", "INVALID_REQUEST")
	case p.declined:
		p.Status = pg.StatusFailed
		p.Failure = &shop.PaymentFailure{Code: f.code("-780", "REJECT_CARD_PAYMENT"), Message: "the card was refused"}
		return f.refuse("approve", pg.OutcomeRefused, "-780", "REJECT_CARD_PAYMENT")
	}
	return nil
}

// capture takes the money and returns the name of the leg.
func (f *Fake) capture(p *fakePayment) string {
	now := f.Now()
	p.Status, p.Captured, p.ApprovedAt = pg.StatusPaid, p.Amount, &now
	p.ledger.Captured += p.Amount
	p.ledger.Captures++
	return fmt.Sprintf("capture-%s-%d", p.PaymentKey, p.ledger.Captures)
}

// Cancel implements pg.Gateway.
func (f *Fake) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	return f.call(ctx, "cancel", req.IdempotencyKey, req.PaymentKey, func() (pg.Payment, error) {
		p := f.payments[req.PaymentKey]
		if err := f.cancelable(p, req); err != nil {
			return pg.Payment{}, err
		}
		return f.evidence(p, f.giveBack(p, req.Amount, req.TaxFree, req.Reason, req.RefundID)), nil
	})
}

func (f *Fake) cancelable(p *fakePayment, req pg.CancelRequest) error {
	if p == nil {
		return f.refuse("cancel", pg.OutcomeNotFound, "-721", "NOT_FOUND_PAYMENT")
	}
	waiting := p.Status == pg.StatusWaitingForDeposit
	left := p.Captured - p.Refunded
	if waiting {
		left = p.Amount
	}
	switch {
	case f.toss() && p.Status == pg.StatusRefunded && len(p.Cancels) == 1:
		return f.refuse("cancel", pg.OutcomeUnknown, "", "ALREADY_CANCELED_PAYMENT")
	case !f.toss() && p.has(req.RefundID) && left != req.Available:
		return f.refuse("cancel", pg.OutcomeUnknown, "-722", "")
	case left == 0:
		return f.refuse("cancel", pg.OutcomeRefused, "-784", "NOT_CANCELABLE_PAYMENT")
	case req.Amount <= 0 || req.Amount > left || req.TaxFree > p.TaxFree || waiting && req.Amount != left:
		return f.refuse("cancel", pg.OutcomeRefused, "-710", "NOT_CANCELABLE_AMOUNT")
	case req.Available != left:
		return f.refuse("cancel", pg.OutcomeRefused, "-722", "NOT_MATCHES_REFUNDABLE_AMOUNT")
	case p.virtual && !waiting && req.Account == nil:
		return f.refuse("cancel", pg.OutcomeRefused, "", "INVALID_REFUND_ACCOUNT_INFO")
	}
	return nil
}

func (p *fakePayment) has(id shop.RefundID) bool {
	return slices.ContainsFunc(p.Cancels, func(c pg.Cancel) bool { return c.RefundID == id && id != "" })
}

// giveBack makes a cancel leg and returns its name.
func (f *Fake) giveBack(p *fakePayment, amount, taxFree shop.Won, reason string, id shop.RefundID) string {
	now := f.Now()
	leg := pg.Cancel{Key: fmt.Sprintf("cancel-%s-%d", p.PaymentKey, len(p.Cancels)+1), Amount: amount, Reason: reason, At: &now}
	if f.toss() {
		leg.TaxFree = taxFree
	} else {
		leg.RefundID, leg.Reason = id, ""
	}
	p.Cancels = append(p.Cancels, leg)
	if p.Captured > 0 {
		p.Refunded += amount
		p.ledger.Refunded += amount
		p.ledger.Cancels++
	}
	p.Status = pg.StatusPartiallyRefunded
	if p.Refunded == p.Captured {
		p.Status = pg.StatusRefunded
	}
	return leg.Key
}

// LookUp implements pg.Gateway.
func (f *Fake) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	return f.call(ctx, "lookup", "", key.PaymentKey, func() (pg.Payment, error) {
		p := f.find(key)
		if p == nil {
			return pg.Payment{}, f.refuse("lookup", pg.OutcomeNotFound, "-721", "NOT_FOUND_PAYMENT")
		}
		found := f.evidence(p, "")
		if key.AttemptID != "" && p.AttemptID != string(key.AttemptID) {
			return found, f.mismatch("lookup", found)
		}
		return found, nil
	})
}

func (f *Fake) find(key pg.Key) *fakePayment {
	if key.PaymentKey != "" || !f.toss() {
		return f.payments[key.PaymentKey]
	}
	for _, p := range f.payments {
		if p.AttemptID == string(key.AttemptID) {
			return p
		}
	}
	return nil
}

// call counts a call, lets what is held or faulty strike it, and answers a
// repeated idempotency key as the first time.
func (f *Fake) call(ctx context.Context, name, key, paymentKey string, work func() (pg.Payment, error)) (pg.Payment, error) {
	if err := ctx.Err(); err != nil {
		return pg.Payment{}, &pg.Error{PG: f.pg, Call: name, Outcome: pg.OutcomeNotSent, Err: err}
	}
	if err := f.wait(ctx, name); err != nil {
		return pg.Payment{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	fault := f.strike(name)
	if fault != nil && fault.outcome == pg.OutcomeNotSent && !fault.applied {
		return pg.Payment{}, f.fail(name, fault)
	}
	if p := f.payments[paymentKey]; p != nil {
		p.ledger.Calls[name]++
	}
	if fault == nil {
		return f.once(name, key, work)
	}
	if !fault.applied {
		return pg.Payment{}, f.fail(name, fault)
	}
	p, err := f.once(name, key, work)
	if err != nil {
		return p, err
	}
	return fault.spoil(f, name, p)
}

// once is work, or what it came to before under the same key.
func (f *Fake) once(name, key string, work func() (pg.Payment, error)) (pg.Payment, error) {
	if key == "" || !f.toss() {
		return work()
	}
	known, ok := f.answers[name+" "+key]
	if !ok {
		known.payment, known.err = work()
		f.answers[name+" "+key] = known
	}
	return known.payment, known.err
}

func (f *Fake) toss() bool { return f.pg == shop.PGToss }

func (f *Fake) code(kakao, toss string) string {
	if f.toss() {
		return toss
	}
	return kakao
}

func (f *Fake) refuse(call string, outcome pg.Outcome, kakao, toss string) error {
	return &pg.Error{PG: f.pg, Call: call, Outcome: outcome, Code: f.code(kakao, toss), Message: "refused by the fake", Status: 400}
}

func (f *Fake) mismatch(call string, p pg.Payment) error {
	return &pg.Error{PG: f.pg, Call: call, Outcome: pg.OutcomeMismatch, Status: 200, Payment: &p}
}

// evidence is the payment as an answer shows it.
func (f *Fake) evidence(p *fakePayment, leg string) pg.Payment {
	said := p.Payment
	said.LegKey = leg
	said.Cancels = slices.Clone(p.Cancels)
	said.Record = f.record(p)
	said.Raw = []byte(`{"paymentKey":` + strconv.Quote(p.PaymentKey) + `,"status":"` + string(p.Status) + `"}`)
	return said
}

func (f *Fake) record(p *fakePayment) shop.GatewayRecord {
	method, name := p.Method, p.request.ItemName
	if !f.toss() {
		return &shop.KakaoRecord{
			Tid: p.PaymentKey, Cid: "TC0ONETIME", Status: string(p.Status), PartnerOrderID: p.AttemptID, PartnerUserID: p.request.UserRef,
			PaymentMethodType: &method, ItemName: &name, Amount: &shop.KakaoAmount{Total: p.Amount, TaxFree: p.TaxFree},
			CanceledAmount: &shop.KakaoAmount{Total: p.Refunded}, Actions: []shop.KakaoAction{}, FetchedAt: f.Now(),
		}
	}
	balance := p.Amount - p.Refunded
	return &shop.TossRecord{
		PaymentKey: p.PaymentKey, OrderID: p.AttemptID, OrderName: &name, Method: &method, Status: string(p.Status),
		TotalAmount: p.Amount, BalanceAmount: &balance, Cancels: []shop.TossCancel{}, CashReceipts: []shop.TossCashReceipt{}, FetchedAt: f.Now(),
	}
}

// Ledger returns what the gateway counts of a payment.
func (f *Fake) Ledger(paymentKey string) Ledger {
	f.mu.Lock()
	defer f.mu.Unlock()
	ledger := f.must(paymentKey).ledger
	ledger.Calls = maps.Clone(ledger.Calls)
	return ledger
}

// PaymentKeys returns every payment the gateway holds, oldest first.
func (f *Fake) PaymentKeys() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.keys)
}

// KeyOf returns the latest payment key of an attempt, or "".
func (f *Fake) KeyOf(id shop.AttemptID) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range slices.Backward(f.keys) {
		if f.payments[key].AttemptID == string(id) {
			return key
		}
	}
	return ""
}

func (f *Fake) must(paymentKey string) *fakePayment {
	p := f.payments[paymentKey]
	if p == nil {
		panic("pgtest: no payment " + paymentKey)
	}
	return p
}

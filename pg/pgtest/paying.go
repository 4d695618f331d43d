package pgtest

import (
	"strings"
	"sync"
	"testing"

	"payment-system/pg"
	"payment-system/shop"
)

var readyTests = map[string]func(*testing.T, *Harness){
	"opens a payment and charges nothing": func(t *testing.T, h *Harness) {
		req := newReady()
		r, err := h.Gateway.Ready(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if r.PaymentKey == "" || !strings.HasPrefix(r.Checkouts.Desktop, "http") || !strings.HasPrefix(r.Checkouts.Mobile, "http") ||
			!strings.HasPrefix(r.Checkouts.App, "http") {
			t.Fatalf("Ready = %+v, want a key and an absolute address", r)
		}
		o := opened{ready: req, key: pg.Key{PaymentKey: r.PaymentKey, AttemptID: req.AttemptID}}
		p := h.lookUp(t, o)
		wantPayment(t, p, o, pg.StatusOpen, 0, 0)
		if p.TaxFree != free || p.ApprovedAt != nil || len(p.Cancels) != 0 {
			t.Fatalf("tax-free %d, approved at %v, cancels %v; want %d, never, none", p.TaxFree, p.ApprovedAt, p.Cancels, free)
		}
		h.wantMoney(t, o, 0, 0)
	},
	"the same key opens one payment where the gateway keeps keys": func(t *testing.T, h *Harness) {
		req := newReady()
		first, err := h.Gateway.Ready(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		again, err := h.Gateway.Ready(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if same := first.PaymentKey == again.PaymentKey; same != h.toss() {
			t.Fatalf("keys %s and %s: same is %v, want %v", first.PaymentKey, again.PaymentKey, same, h.toss())
		}
	},
	"a lost answer is unknown": func(t *testing.T, h *Harness) {
		for _, fault := range []string{"drop_before", "drop_after", "truncate", "garbage", "redirect", "http_error"} {
			h.SetFault("ready", fault, 0)
			_, err := h.Gateway.Ready(t.Context(), newReady())
			wantOutcome(t, err, pg.OutcomeUnknown)
			h.Heal()
		}
	},
	"an amount of nothing is refused": func(t *testing.T, h *Harness) {
		req := newReady()
		req.Amount, req.TaxFree, req.VAT = 0, 0, 0
		_, err := h.Gateway.Ready(t.Context(), req)
		wantOutcome(t, err, pg.OutcomeRefused)
	},
}

var approveTests = map[string]func(*testing.T, *Harness){
	"takes the money of an authenticated payment": func(t *testing.T, h *Harness) {
		o := h.authenticated(t)
		wantPayment(t, h.lookUp(t, o), o, pg.StatusAuthenticated, 0, 0)
		p, err := h.Gateway.Approve(t.Context(), o.approval())
		if err != nil {
			t.Fatal(err)
		}
		wantPayment(t, p, o, pg.StatusPaid, price, 0)
		if p.ApprovedAt == nil || p.LegKey == "" || p.TaxFree != free || p.Method == "" {
			t.Fatalf("approved at %v, leg %q, tax-free %d, method %q", p.ApprovedAt, p.LegKey, p.TaxFree, p.Method)
		}
		found := h.lookUp(t, o)
		wantPayment(t, found, o, pg.StatusPaid, price, 0)
		if found.ApprovedAt == nil || !found.ApprovedAt.Equal(*p.ApprovedAt) {
			t.Fatalf("looked up as approved at %v, want %v", found.ApprovedAt, p.ApprovedAt)
		}
		h.wantMoney(t, o, price, 0)
	},
	"twice takes the money once": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		_, err := h.Gateway.Approve(t.Context(), o.approval())
		if h.toss() != (err == nil) {
			t.Fatalf("second approval: %v", err)
		}
		if err != nil {
			wantOutcome(t, err, pg.OutcomeUnknown)
		}
		again := o.approval()
		again.IdempotencyKey += ":again"
		_, err = h.Gateway.Approve(t.Context(), again)
		wantOutcome(t, err, pg.OutcomeUnknown)
		h.wantMoney(t, o, price, 0)
		if n := h.Ledger(o.key.PaymentKey).Captures; n != 1 {
			t.Fatalf("%d captures, want 1", n)
		}
	},
	"eight times at once takes the money once": func(t *testing.T, h *Harness) {
		o := h.authenticated(t)
		var all sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			all.Go(func() { _, errs[i] = h.Gateway.Approve(t.Context(), o.approval()) })
		}
		all.Wait()
		approved := 0
		for _, err := range errs {
			if err == nil {
				approved++
				continue
			}
			wantOutcome(t, err, pg.OutcomeUnknown)
		}
		if n := h.Ledger(o.key.PaymentKey).Captures; n != 1 || approved < 1 {
			t.Fatalf("%d captures and %d approvals, want 1 and at least 1", n, approved)
		}
		wantPayment(t, h.lookUp(t, o), o, pg.StatusPaid, price, 0)
	},
	"before the shopper authenticated is refused": func(t *testing.T, h *Harness) {
		o := h.ready(t)
		_, err := h.Gateway.Approve(t.Context(), o.approval())
		wantOutcome(t, err, pg.OutcomeRefused)
		h.wantMoney(t, o, 0, 0)
	},
	"after the shopper quit takes nothing": func(t *testing.T, h *Harness) {
		o := h.ready(t)
		h.Quit(o.key.PaymentKey)
		_, err := h.Gateway.Approve(t.Context(), o.approval())
		wantOutcome(t, err, pg.OutcomeRefused, pg.OutcomeUnknown)
		p := h.lookUp(t, o)
		if p.Captured != 0 || p.Status == pg.StatusPaid {
			t.Fatalf("payment = %+v, want nothing captured", p)
		}
		h.wantMoney(t, o, 0, 0)
	},
	"another amount than was authenticated is refused": func(t *testing.T, h *Harness) {
		o := h.authenticated(t)
		req := o.approval()
		req.Amount--
		_, err := h.Gateway.Approve(t.Context(), req)
		wantOutcome(t, err, pg.OutcomeRefused)
		h.wantMoney(t, o, 0, 0)
	},
	"another attempt than was authenticated is refused": func(t *testing.T, h *Harness) {
		o := h.authenticated(t)
		req := o.approval()
		req.AttemptID = shop.AttemptID(newID(shop.PrefixAttempt))
		_, err := h.Gateway.Approve(t.Context(), req)
		wantOutcome(t, err, pg.OutcomeRefused)
		h.wantMoney(t, o, 0, 0)
	},
	"without the proof of authentication is refused where there is one": func(t *testing.T, h *Harness) {
		o := h.authenticated(t)
		if o.pgToken == "" {
			return
		}
		o.pgToken = "0123456789abcdef0123"
		_, err := h.Gateway.Approve(t.Context(), o.approval())
		wantOutcome(t, err, pg.OutcomeRefused)
		h.wantMoney(t, o, 0, 0)
	},
	"of no payment is not found": func(t *testing.T, h *Harness) {
		o := h.authenticated(t)
		req := o.approval()
		req.PaymentKey = "T0123456789abcdef012"
		req.IdempotencyKey += ":nowhere"
		_, err := h.Gateway.Approve(t.Context(), req)
		wantOutcome(t, err, pg.OutcomeNotFound)
		h.wantMoney(t, o, 0, 0)
	},
}

var virtualAccountTests = map[string]func(*testing.T, *Harness){
	"is issued by the approval and paid by the deposit": func(t *testing.T, h *Harness) {
		o, issued := h.waiting(t)
		if h.Deposit == nil {
			return
		}
		if issued.Secret == "" || issued.ApprovedAt != nil {
			t.Fatalf("secret %q, approved at %v; want a secret and never", issued.Secret, issued.ApprovedAt)
		}
		wantPayment(t, h.lookUp(t, o), o, pg.StatusWaitingForDeposit, 0, 0)
		h.Deposit(o.key.PaymentKey)
		p := h.lookUp(t, o)
		wantPayment(t, p, o, pg.StatusPaid, price, 0)
		if p.Secret != issued.Secret || p.ApprovedAt == nil {
			t.Fatalf("secret %q, approved at %v; want %q and a time", p.Secret, p.ApprovedAt, issued.Secret)
		}
		h.wantMoney(t, o, price, 0)
	},
	"closed unpaid captures and refunds nothing": func(t *testing.T, h *Harness) {
		o, _ := h.waiting(t)
		if h.Deposit == nil {
			return
		}
		p, err := h.Gateway.Cancel(t.Context(), o.cancellation(price, free, price))
		if err != nil {
			t.Fatal(err)
		}
		wantPayment(t, p, o, pg.StatusRefunded, 0, 0)
		wantPayment(t, h.lookUp(t, o), o, pg.StatusRefunded, 0, 0)
		h.wantMoney(t, o, 0, 0)
	},
	"in part is not closed unpaid": func(t *testing.T, h *Harness) {
		o, _ := h.waiting(t)
		if h.Deposit == nil {
			return
		}
		_, err := h.Gateway.Cancel(t.Context(), o.cancellation(1_000, 0, price))
		wantOutcome(t, err, pg.OutcomeRefused)
		wantPayment(t, h.lookUp(t, o), o, pg.StatusWaitingForDeposit, 0, 0)
	},
	"pays its refund out to an account": func(t *testing.T, h *Harness) {
		o, _ := h.waiting(t)
		if h.Deposit == nil {
			return
		}
		h.Deposit(o.key.PaymentKey)
		_, err := h.Gateway.Cancel(t.Context(), o.cancellation(price, free, price))
		wantOutcome(t, err, pg.OutcomeRefused)
		h.wantMoney(t, o, price, 0)
		req := o.cancellation(price, free, price)
		req.Account = &shop.RefundAccount{BankCode: "20", AccountNumber: "1002-123-456789", HolderName: "홍길동"}
		p, err := h.Gateway.Cancel(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		wantPayment(t, p, o, pg.StatusRefunded, price, price)
		h.wantMoney(t, o, price, price)
	},
}

// waiting is a payment whose virtual account is issued.
func (h *Harness) waiting(t *testing.T) (opened, pg.Payment) {
	t.Helper()
	o := h.ready(t)
	if h.Deposit == nil {
		return o, pg.Payment{}
	}
	h.PayByVirtualAccount(o.key.PaymentKey)
	p, err := h.Gateway.Approve(t.Context(), o.approval())
	if err != nil {
		t.Fatal(err)
	}
	wantPayment(t, p, o, pg.StatusWaitingForDeposit, 0, 0)
	h.wantMoney(t, o, 0, 0)
	return o, p
}

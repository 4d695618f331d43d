package pgtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"payment-system/pg"
	"payment-system/shop"
)

// lostBefore and lostAfter are the faults that lose an answer, before the call
// took effect and after.
var (
	lostBefore = []string{"drop_before", "hang_before", "redirect", "http_error"}
	lostAfter  = []string{"drop_after", "hang_after", "truncate", "garbage", "huge", "http_error_after"}
)

func testLostAnswers(t *testing.T, open func(*testing.T) Harness) {
	t.Helper()
	run := func(sentence string, faults []string, test func(*testing.T, *Harness, string)) {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			for _, fault := range faults {
				t.Run(fault, func(t *testing.T) {
					t.Parallel()
					h := open(t)
					test(t, &h, fault)
				})
			}
		})
	}
	run("an approval lost on the way is unknown and can be made good", lostBefore, approvalLostBefore)
	run("an approval whose answer is lost is unknown and taken once", lostAfter, approvalLostAfter)
	run("a cancel lost on the way is unknown and can be made good", lostBefore, cancelLostBefore)
	run("a cancel whose answer is lost is unknown and given once", lostAfter, cancelLostAfter)
}

func approvalLostBefore(t *testing.T, h *Harness, fault string) {
	o := h.authenticated(t)
	h.SetFault("approve", fault, 0)
	h.loseApproval(t, o, fault)
	h.Heal()
	wantPayment(t, h.lookUp(t, o), o, pg.StatusAuthenticated, 0, 0)
	eventually(t, func(ctx context.Context) bool {
		_, err := h.Gateway.Approve(ctx, o.approval())
		return err == nil
	})
	h.wantCaptures(t, o)
}

func approvalLostAfter(t *testing.T, h *Harness, fault string) {
	o := h.authenticated(t)
	h.SetFault("approve", fault, 0)
	h.loseApproval(t, o, fault)
	h.Heal()
	wantPayment(t, h.lookUp(t, o), o, pg.StatusPaid, price, 0)
	p, err := h.Gateway.Approve(t.Context(), o.approval())
	if h.toss() {
		wantPayment(t, p, o, pg.StatusPaid, price, 0)
	} else {
		wantOutcome(t, err, pg.OutcomeUnknown)
	}
	h.wantCaptures(t, o)
}

func (h *Harness) wantCaptures(t *testing.T, o opened) {
	t.Helper()
	h.wantMoney(t, o, price, 0)
	if n := h.Ledger(o.key.PaymentKey).Captures; n != 1 {
		t.Fatalf("%d captures, want 1", n)
	}
}

// lose makes a call while a fault loses its answers. A call that hangs runs into its deadline as soon
// as the gateway has it, and not before.
func (h *Harness) lose(t *testing.T, o opened, call, fault string, do func(context.Context) error) error {
	t.Helper()
	ctx := &deadline{Context: t.Context(), passed: make(chan struct{})}
	ended := make(chan error, 1)
	calls := h.Ledger(o.key.PaymentKey).Calls[call]
	go func() { ended <- do(ctx) }()
	if strings.HasPrefix(fault, "hang_") {
		eventually(t, func(context.Context) bool { return len(ended) > 0 || h.hangs(o, call, fault, calls+1) })
		close(ctx.passed)
	}
	return <-ended
}

func (h *Harness) loseApproval(t *testing.T, o opened, fault string) {
	t.Helper()
	wantOutcome(t, h.lose(t, o, "approve", fault, func(ctx context.Context) error {
		_, err := h.Gateway.Approve(ctx, o.approval())
		return err
	}), pg.OutcomeUnknown)
}

func (h *Harness) loseCancel(t *testing.T, o opened, fault string, req pg.CancelRequest) {
	t.Helper()
	wantOutcome(t, h.lose(t, o, "cancel", fault, func(ctx context.Context) error {
		_, err := h.Gateway.Cancel(ctx, req)
		return err
	}), pg.OutcomeUnknown)
}

// hangs reports whether the gateway has the n-th call of a name, and has carried it out if the fault
// keeps it after that.
func (h *Harness) hangs(o opened, call, fault string, n int) bool {
	ledger := h.Ledger(o.key.PaymentKey)
	return ledger.Calls[call] >= n && (fault == "hang_before" || ledger.Captured > 0 && (call == "approve" || ledger.Refunded > 0))
}

// A deadline is a context whose deadline passes when passed is closed.
type deadline struct {
	context.Context //nolint:containedctx // it is a context
	passed          chan struct{}
}

func (d *deadline) Deadline() (at time.Time, ok bool) { return time.Time{}, false }

func (d *deadline) Done() <-chan struct{} { return d.passed }

func (d *deadline) Err() error {
	select {
	case <-d.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

const part shop.Won = 6_000

func cancelLostBefore(t *testing.T, h *Harness, fault string) {
	o := h.paid(t)
	req := o.cancellation(part, 0, price)
	h.SetFault("cancel", fault, 0)
	h.loseCancel(t, o, fault, req)
	h.Heal()
	wantPayment(t, h.lookUp(t, o), o, pg.StatusPaid, price, 0)
	eventually(t, func(ctx context.Context) bool {
		_, err := h.Gateway.Cancel(ctx, req)
		return err == nil
	})
	h.wantMoney(t, o, price, part)
}

func cancelLostAfter(t *testing.T, h *Harness, fault string) {
	o := h.paid(t)
	req := o.cancellation(part, 0, price)
	h.SetFault("cancel", fault, 0)
	h.loseCancel(t, o, fault, req)
	h.Heal()
	found := h.lookUp(t, o)
	wantPayment(t, found, o, pg.StatusPartiallyRefunded, price, part)
	if len(found.Cancels) != 1 {
		t.Fatalf("%d cancels, want 1", len(found.Cancels))
	}
	wantLeg(t, h, found, found.Cancels[0].Key, req)
	again, err := h.Gateway.Cancel(t.Context(), req)
	if h.toss() {
		wantPayment(t, again, o, pg.StatusPartiallyRefunded, price, part)
		wantLeg(t, h, again, found.Cancels[0].Key, req)
	} else {
		wantOutcome(t, err, pg.OutcomeUnknown)
	}
	h.wantMoney(t, o, price, part)
}

var mismatchTests = map[string]func(*testing.T, *Harness){
	"an approval answered with another amount": func(t *testing.T, h *Harness) { h.wantApprovalMismatch(t, "wrong_amount") },
	"an approval answered with another order":  func(t *testing.T, h *Harness) { h.wantApprovalMismatch(t, "wrong_order") },
	"an approval answered in another currency": func(t *testing.T, h *Harness) {
		if h.toss() {
			h.wantApprovalMismatch(t, "wrong_currency")
		}
	},
	"a payment opened with another amount, order or currency": func(t *testing.T, h *Harness) {
		if !h.toss() {
			return // Kakao Pay's answer does not say
		}
		for _, fault := range []string{"wrong_amount", "wrong_order", "wrong_currency"} {
			h.SetFault("ready", fault, 0)
			_, err := h.Gateway.Ready(t.Context(), newReady())
			wantOutcome(t, err, pg.OutcomeMismatch)
			h.Heal()
		}
	},
	"a cancel answered with another amount": func(t *testing.T, h *Harness) { h.wantCancelMismatch(t, "wrong_amount") },
	"a cancel answered with another order":  func(t *testing.T, h *Harness) { h.wantCancelMismatch(t, "wrong_order") },
	"a look-up answered with another order": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		h.SetFault("lookup", "wrong_order", 0)
		_, err := h.Gateway.LookUp(t.Context(), o.key)
		if p := wantMismatch(t, err); p.AttemptID == string(o.key.AttemptID) {
			t.Fatalf("mismatch shows %+v, want another order", p)
		}
	},
}

func (h *Harness) wantApprovalMismatch(t *testing.T, fault string) {
	t.Helper()
	o := h.authenticated(t)
	h.SetFault("approve", fault, 0)
	_, err := h.Gateway.Approve(t.Context(), o.approval())
	if p := wantMismatch(t, err); p.Amount == price && p.AttemptID == string(o.key.AttemptID) && p.Currency == "KRW" {
		t.Fatalf("mismatch shows %+v, which is what was asked", p)
	}
	h.Heal()
	wantPayment(t, h.lookUp(t, o), o, pg.StatusPaid, price, 0)
	h.wantMoney(t, o, price, 0)
}

func (h *Harness) wantCancelMismatch(t *testing.T, fault string) {
	t.Helper()
	o := h.paid(t)
	h.SetFault("cancel", fault, 0)
	_, err := h.Gateway.Cancel(t.Context(), o.cancellation(part, 0, price))
	wantMismatch(t, err)
	h.Heal()
	wantPayment(t, h.lookUp(t, o), o, pg.StatusPartiallyRefunded, price, part)
	h.wantMoney(t, o, price, part)
}

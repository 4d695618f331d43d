package pgtest

import (
	"context"
	"slices"
	"testing"

	"payment-system/pg"
	"payment-system/shop"
)

var cancelTests = map[string]func(*testing.T, *Harness){
	"gives all of it back": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		req := o.cancellation(price, free, price)
		p, err := h.Gateway.Cancel(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		wantPayment(t, p, o, pg.StatusRefunded, price, price)
		wantLeg(t, h, p, p.LegKey, req)
		found := h.lookUp(t, o)
		wantPayment(t, found, o, pg.StatusRefunded, price, price)
		wantLeg(t, h, found, p.LegKey, req)
		h.wantMoney(t, o, price, price)
	},
	"gives it back in parts, the last of which ends it": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		parts := []pg.CancelRequest{
			o.cancellation(5_000, 1_000, price), o.cancellation(7_000, 3_000, 10_000), o.cancellation(3_000, 0, 3_000),
		}
		var refunded shop.Won
		legs := map[string]bool{}
		for _, req := range parts {
			p, err := h.Gateway.Cancel(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			refunded += req.Amount
			status := pg.StatusPartiallyRefunded
			if refunded == price {
				status = pg.StatusRefunded
			}
			wantPayment(t, p, o, status, price, refunded)
			wantLeg(t, h, p, p.LegKey, req)
			legs[p.LegKey] = true
		}
		found := h.lookUp(t, o)
		wantPayment(t, found, o, pg.StatusRefunded, price, price)
		if len(legs) != 3 || len(found.Cancels) != 3 || found.TaxFree != free {
			t.Fatalf("%d legs, %d cancels, tax-free %d; want 3, 3 and %d", len(legs), len(found.Cancels), found.TaxFree, free)
		}
		h.wantMoney(t, o, price, price)
	},
	"of more than is left is refused": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		_, err := h.Gateway.Cancel(t.Context(), o.cancellation(price+1, 0, price))
		wantOutcome(t, err, pg.OutcomeRefused)
		if _, err := h.Gateway.Cancel(t.Context(), o.cancellation(10_000, 0, price)); err != nil {
			t.Fatal(err)
		}
		_, err = h.Gateway.Cancel(t.Context(), o.cancellation(5_001, 0, 5_000))
		wantOutcome(t, err, pg.OutcomeRefused)
		h.wantMoney(t, o, price, 10_000)
	},
	"again after all of it went back gives nothing": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		if _, err := h.Gateway.Cancel(t.Context(), o.cancellation(price, free, price)); err != nil {
			t.Fatal(err)
		}
		_, err := h.Gateway.Cancel(t.Context(), o.cancellation(price, free, price))
		wantOutcome(t, err, pg.OutcomeUnknown, pg.OutcomeRefused)
		h.wantMoney(t, o, price, price)
	},
	"the same one twice gives back once": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		req := o.cancellation(6_000, 0, price)
		first, err := h.Gateway.Cancel(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		again, err := h.Gateway.Cancel(t.Context(), req)
		if h.toss() {
			if err != nil || again.LegKey != first.LegKey {
				t.Fatalf("again: leg %q, %v; want leg %q", again.LegKey, err, first.LegKey)
			}
		} else {
			wantOutcome(t, err, pg.OutcomeUnknown)
		}
		h.wantMoney(t, o, price, 6_000)
	},
	"two refunds of the same amount are two": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		if _, err := h.Gateway.Cancel(t.Context(), o.cancellation(5_000, 0, price)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Gateway.Cancel(t.Context(), o.cancellation(5_000, 0, 10_000)); err != nil {
			t.Fatal(err)
		}
		h.wantMoney(t, o, price, 10_000)
	},
	"of a payment not yet made is refused": func(t *testing.T, h *Harness) {
		o := h.authenticated(t)
		_, err := h.Gateway.Cancel(t.Context(), o.cancellation(price, free, price))
		wantOutcome(t, err, pg.OutcomeRefused)
		h.wantMoney(t, o, 0, 0)
	},
	"of no payment is not found": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		req := o.cancellation(price, free, price)
		req.PaymentKey = "T0123456789abcdef012"
		_, err := h.Gateway.Cancel(t.Context(), req)
		wantOutcome(t, err, pg.OutcomeNotFound)
		h.wantMoney(t, o, price, 0)
	},
}

// wantLeg fails the test unless p shows a refund by its gateway's name.
func wantLeg(t *testing.T, h *Harness, p pg.Payment, key string, req pg.CancelRequest) {
	t.Helper()
	i := slices.IndexFunc(p.Cancels, func(c pg.Cancel) bool { return c.Key == key && key != "" })
	if i < 0 {
		t.Fatalf("no leg %q in %+v", key, p.Cancels)
	}
	leg := p.Cancels[i]
	if leg.Amount != req.Amount || leg.At == nil {
		t.Fatalf("leg = %+v, want %d won and a time", leg, req.Amount)
	}
	if h.toss() && (leg.TaxFree != req.TaxFree || leg.Reason != req.Reason) {
		t.Fatalf("leg = %+v, want tax-free %d and reason %q", leg, req.TaxFree, req.Reason)
	}
	if !h.toss() && leg.RefundID != req.RefundID {
		t.Fatalf("leg names refund %q, want %q", leg.RefundID, req.RefundID)
	}
}

var lookUpTests = map[string]func(*testing.T, *Harness){
	"of no payment is not found": func(t *testing.T, h *Harness) {
		_, err := h.Gateway.LookUp(t.Context(), pg.Key{PaymentKey: "T0123456789abcdef012", AttemptID: "att_0"})
		wantOutcome(t, err, pg.OutcomeNotFound)
		_, err = h.Gateway.LookUp(t.Context(), pg.Key{AttemptID: shop.AttemptID(newID(shop.PrefixAttempt))})
		wantOutcome(t, err, pg.OutcomeNotFound)
	},
	"by the attempt alone finds it where the gateway can": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		p, err := h.Gateway.LookUp(t.Context(), pg.Key{AttemptID: o.key.AttemptID})
		if !h.toss() {
			wantOutcome(t, err, pg.OutcomeNotFound)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		wantPayment(t, p, o, pg.StatusPaid, price, 0)
	},
	"under another attempt is a mismatch": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		_, err := h.Gateway.LookUp(t.Context(), pg.Key{PaymentKey: o.key.PaymentKey, AttemptID: shop.AttemptID(newID(shop.PrefixAttempt))})
		if p := wantMismatch(t, err); p.AttemptID != string(o.key.AttemptID) {
			t.Fatalf("mismatch shows %+v, want the payment of %s", p, o.key.AttemptID)
		}
	},
	"finds what was refunded in the console": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		h.Refund(o.key.PaymentKey, 4_000)
		p := h.lookUp(t, o)
		wantPayment(t, p, o, pg.StatusPartiallyRefunded, price, 4_000)
		if len(p.Cancels) != 1 || p.Cancels[0].Amount != 4_000 || p.Cancels[0].RefundID != "" || p.Cancels[0].Key == "" {
			t.Fatalf("cancels = %+v, want one of 4000 that is not ours", p.Cancels)
		}
	},
	"that gets no whole answer is unknown": func(t *testing.T, h *Harness) {
		o := h.paid(t)
		for _, fault := range []string{"drop_before", "hang_before", "truncate", "garbage", "huge", "redirect", "http_error"} {
			h.SetFault("lookup", fault, 0)
			wantOutcome(t, h.lose(t, o, "lookup", fault, func(ctx context.Context) error {
				_, err := h.Gateway.LookUp(ctx, o.key)
				return err
			}), pg.OutcomeUnknown)
			h.Heal()
		}
		wantPayment(t, h.lookUp(t, o), o, pg.StatusPaid, price, 0)
	},
}

var notSentTests = map[string]func(*testing.T, *Harness){
	"while the way is broken": func(t *testing.T, h *Harness) {
		o, p := h.authenticated(t), h.paid(t)
		h.Break()
		before := h.Ledger(o.key.PaymentKey).Calls["approve"]
		_, err := h.Gateway.Approve(t.Context(), o.approval())
		wantOutcome(t, err, pg.OutcomeNotSent)
		_, err = h.Gateway.Cancel(t.Context(), p.cancellation(price, free, price))
		wantOutcome(t, err, pg.OutcomeNotSent)
		_, err = h.Gateway.LookUp(t.Context(), o.key)
		wantOutcome(t, err, pg.OutcomeNotSent)
		_, err = h.Gateway.Ready(t.Context(), newReady())
		wantOutcome(t, err, pg.OutcomeNotSent)
		if after := h.Ledger(o.key.PaymentKey).Calls["approve"]; after != before {
			t.Fatalf("the gateway saw %d approvals, want %d", after, before)
		}
		h.wantMoney(t, o, 0, 0)
		h.wantMoney(t, p, price, 0)
	},
	"when the caller has left already": func(t *testing.T, h *Harness) {
		o := h.authenticated(t)
		ctx, leave := context.WithCancel(t.Context())
		leave()
		_, err := h.Gateway.Approve(ctx, o.approval())
		wantOutcome(t, err, pg.OutcomeNotSent)
		h.wantMoney(t, o, 0, 0)
	},
}

package pgtest_test

import (
	"context"
	"errors"
	"testing"

	"payment-system/pg"
	"payment-system/pg/pgtest"
	"payment-system/shop"
)

func TestFake(t *testing.T) {
	t.Parallel()
	for _, company := range []shop.PG{shop.PGKakao, shop.PGToss} {
		t.Run(string(company), func(t *testing.T) {
			t.Parallel()
			pgtest.TestGateway(t, func(t *testing.T) pgtest.Harness { return harness(company) })
		})
	}
}

func harness(company shop.PG) pgtest.Harness {
	fake := pgtest.NewFake(company)
	h := pgtest.Harness{
		Gateway: fake, PG: company, Pay: fake.Pay, Quit: fake.Quit, Refund: fake.Refund, Ledger: fake.Ledger, Heal: fake.Heal,
		SetFault: func(call, fault string, times int) { setFault(fake, call, fault, times) },
		Break:    func() { fake.Fail("", pg.OutcomeNotSent, 0) },
	}
	if company == shop.PGToss {
		h.PayByVirtualAccount, h.Deposit = fake.PayByVirtualAccount, fake.Deposit
	}
	return h
}

// setFault says in the fake's words what the simulators' faults do.
func setFault(fake *pgtest.Fake, call, fault string, times int) {
	switch fault {
	case "drop_before", "hang_before", "redirect", "http_error":
		fake.Fail(call, pg.OutcomeUnknown, times)
	case "drop_after", "hang_after", "truncate", "garbage", "huge", "http_error_after":
		fake.Lose(call, times)
	case "wrong_amount":
		fake.Misstate(call, func(p *pg.Payment) { p.Amount += 10 }, times)
	case "wrong_order":
		fake.Misstate(call, func(p *pg.Payment) { p.AttemptID = "another-order" }, times)
	case "wrong_currency":
		fake.Misstate(call, func(p *pg.Payment) { p.Currency = "USD" }, times)
	default:
		panic("unknown fault " + fault)
	}
}

// open returns a Toss with one authenticated payment.
func open(t *testing.T) (*pgtest.Fake, pg.Ready) {
	t.Helper()
	fake := pgtest.NewFake(shop.PGToss)
	r, err := fake.Ready(t.Context(), pg.ReadyRequest{IdempotencyKey: "ready", AttemptID: "att_1", Amount: 1_000})
	if err != nil {
		t.Fatal(err)
	}
	fake.Pay(r.PaymentKey)
	return fake, r
}

func approve(r pg.Ready) pg.ApproveRequest {
	return pg.ApproveRequest{IdempotencyKey: "approve", Key: pg.Key{PaymentKey: r.PaymentKey, AttemptID: "att_1"}, Amount: 1_000}
}

func TestFake_knobs(t *testing.T) {
	t.Parallel()
	t.Run("a fault strikes as often as it was told", func(t *testing.T) {
		t.Parallel()
		fake, r := open(t)
		fake.Fail("approve", pg.OutcomeRefused, 2)
		for range 2 {
			var e *pg.Error
			if _, err := fake.Approve(t.Context(), approve(r)); !errors.As(err, &e) || e.Outcome != pg.OutcomeRefused {
				t.Fatalf("error = %v, want a refusal", err)
			}
		}
		if _, err := fake.Approve(t.Context(), approve(r)); err != nil {
			t.Fatal(err)
		}
		if n := fake.Ledger(r.PaymentKey).Calls["approve"]; n != 3 {
			t.Fatalf("%d calls, want 3", n)
		}
	})
	t.Run("a held call waits until it is released", func(t *testing.T) {
		t.Parallel()
		fake, r := open(t)
		arrived, release := fake.Hold("approve")
		done := make(chan error, 1)
		go func() {
			_, err := fake.Approve(t.Context(), approve(r))
			done <- err
		}()
		<-arrived
		if got := fake.Ledger(r.PaymentKey).Captured; got != 0 {
			t.Fatalf("captured %d while held", got)
		}
		release()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a caller that leaves a held call cannot know", func(t *testing.T) {
		t.Parallel()
		fake, r := open(t)
		arrived, release := fake.Hold("approve")
		defer release()
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			<-arrived
			leave()
		}()
		var e *pg.Error
		if _, err := fake.Approve(ctx, approve(r)); !errors.As(err, &e) || e.Outcome != pg.OutcomeUnknown {
			t.Fatalf("error = %v, want unknown", err)
		}
	})
	t.Run("a declined card ends the payment", func(t *testing.T) {
		t.Parallel()
		fake, r := open(t)
		fake.Decline(r.PaymentKey)
		var e *pg.Error
		if _, err := fake.Approve(t.Context(), approve(r)); !errors.As(err, &e) || e.Outcome != pg.OutcomeRefused {
			t.Fatalf("error = %v, want a refusal", err)
		}
		p, err := fake.LookUp(t.Context(), pg.Key{PaymentKey: r.PaymentKey})
		if err != nil || p.Status != pg.StatusFailed || p.Failure == nil {
			t.Fatalf("payment = %+v, %v; want it failed with a reason", p, err)
		}
	})
	t.Run("a payment expires and is known by its attempt", func(t *testing.T) {
		t.Parallel()
		fake, r := open(t)
		fake.Expire(r.PaymentKey)
		p, err := fake.LookUp(t.Context(), pg.Key{AttemptID: "att_1"})
		if err != nil || p.Status != pg.StatusExpired || fake.KeyOf("att_1") != p.PaymentKey || len(fake.PaymentKeys()) != 1 {
			t.Fatalf("payment = %+v, %v; want it expired under its key", p, err)
		}
	})
}

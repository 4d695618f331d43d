package command_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/command"
	"payment-system/shop"
)

func TestHandler_CancelPayment_expectedBalance(t *testing.T) {
	t.Parallel()
	won := func(amount shop.Won) *shop.Won { return &amount }
	refund := func(p shop.Payment, by shop.Caller, key string, amount, expected *shop.Won) command.CancelPayment {
		return command.CancelPayment{
			By: by, IdempotencyKey: key, PaymentID: p.ID, Amount: amount, Reason: "변심", ExpectedBalance: expected,
		}
	}
	operator := shop.Caller{UserID: "usr_00000000000000000000000002", Actor: shop.ActorOperator}

	t.Run("what a person saw is what can still be refunded, or nothing is", func(t *testing.T) {
		t.Parallel()
		s := openTill(t, 10)
		payment := s.pay(2, shop.PGKakao)
		first := refund(payment, operator, "first", won(5_000), won(22_000))
		done, err := s.CancelPayment(s.ctx, first)
		s.must(err)
		if done.Payment.Balance() != 17_000 {
			t.Fatalf("17,000 won should be left, and %s are", done.Payment.Balance())
		}
		_, err = s.CancelPayment(s.ctx, refund(payment, s.shopper, "late", won(5_000), won(22_000)))
		s.wantConflict(err, "PARTIALLY_CANCELED", 17_000)
		again, err := s.CancelPayment(s.ctx, first)
		s.must(err)
		if diff := cmp.Diff(done.Refund.ID, again.Refund.ID); diff != "" {
			t.Errorf("the same key made another refund:\n%s", diff)
		}
		first.ExpectedBalance = nil
		if _, err := s.CancelPayment(s.ctx, first); shop.CodeOf(err) != shop.IdempotencyMismatch {
			t.Errorf("the same key that expects nothing is answered %v", err)
		}
		// The refused key stands for nothing, and may be used.
		_, err = s.CancelPayment(s.ctx, refund(payment, s.shopper, "late", nil, won(17_000)))
		s.must(err)
		_, err = s.CancelPayment(s.ctx, refund(payment, operator, "over", nil, won(17_000)))
		s.wantConflict(err, "CANCELED", 0)
		_, err = s.CancelPayment(s.ctx, refund(payment, operator, "over", nil, won(0)))
		if shop.CodeOf(err) != shop.Conflict {
			t.Errorf("a refund of nothing is answered %v", err)
		}
	})

	t.Run("of many who saw the same at once, one refunds", func(t *testing.T) {
		t.Parallel()
		s := openTill(t, 10)
		s.PGTimeout = time.Minute // as long as they wait for each other
		payment := s.pay(1, shop.PGToss)
		var asking sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			asking.Go(func() {
				_, errs[i] = s.CancelPayment(s.ctx, refund(payment, operator, fmt.Sprint("key", i), won(1_000), won(11_000)))
			})
		}
		asking.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
				continue
			}
			s.wantConflict(err, "PARTIALLY_CANCELED", 10_000)
		}
		if made != 1 {
			t.Errorf("%d refunds were made, want 1", made)
		}
	})

	t.Run("requests that expect nothing have the hash that they always had", func(t *testing.T) {
		t.Parallel()
		s := openTill(t, 10)
		payment := s.pay(1, shop.PGToss)
		cmd := refund(payment, s.shopper, "old", won(1_000), nil)
		_, err := s.CancelPayment(s.ctx, cmd)
		s.must(err)
		body, err := json.Marshal([]any{cmd.PaymentID, cmd.Amount, nil, cmd.Reason, nil})
		s.must(err)
		var hash string
		s.must(s.db.QueryRowContext(s.ctx, `SELECT request_hash FROM idempotency WHERE idem_key = 'old'`).Scan(&hash))
		if want := shop.HashOf(string(body)); hash != want {
			t.Errorf("the hash is %s, want %s", hash, want)
		}
	})
}

// wantConflict wants a Conflict that tells the state and what can still be refunded.
func (s *till) wantConflict(err error, status string, balance int64) {
	s.t.Helper()
	var refused *shop.Error
	if !errors.As(err, &refused) || refused.Code != shop.Conflict {
		s.t.Errorf("the answer is %v, want a CONFLICT", err)
		return
	}
	want := map[string]any{"status": status, "balance": balance}
	if diff := cmp.Diff(want, refused.Details); diff != "" {
		s.t.Errorf("details differ (-want +got):\n%s", diff)
	}
}

package command_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"payment-system/command"
	"payment-system/shop"
)

// told is what of an answer a client may be told, and the books store.
func told(t *testing.T, answer shop.PaymentCanceled) string {
	t.Helper()
	body, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestHandler_storedAnswer asks for refunds under keys that were used before.
func TestHandler_storedAnswer(t *testing.T) {
	t.Parallel()
	part := func(key string, p shop.Payment) command.CancelPayment {
		amount := shop.Won(1_000)
		return command.CancelPayment{
			By: shop.Caller{UserID: p.UserID, Actor: shop.ActorShopper}, IdempotencyKey: key, PaymentID: p.ID, Amount: &amount,
			Reason: "변심",
		}
	}
	t.Run("a shopper who hangs up gets the answer that is stored, not one of today", func(t *testing.T) {
		t.Parallel()
		s := openTill(t, 1)
		p := s.pay(1, shop.PGToss)
		first, err := s.CancelPayment(s.ctx, part("one", p))
		s.must(err)
		_, err = s.CancelPayment(s.ctx, part("two", p))
		s.must(err)
		gone, hangUp := context.WithCancel(s.ctx)
		s.Projector = hookedProjector{Projector: s.Projector, before: hangUp} // once the books hold what it is about
		again, err := s.CancelPayment(gone, part("one", p))
		s.must(err)
		if diff := cmp.Diff(told(t, first), told(t, again)); diff != "" {
			t.Errorf("the same key has another answer (-first +again):\n%s", diff)
		}
	})
	t.Run("an answer that cannot be stored is no reason to refuse, nor to refund twice", func(t *testing.T) {
		t.Parallel()
		s := openTill(t, 1)
		p := s.pay(1, shop.PGToss)
		s.exec(`CREATE TRIGGER broken BEFORE UPDATE ON idempotency FOR EACH ROW SIGNAL SQLSTATE '45000'`)
		first, err := s.CancelPayment(s.ctx, part("one", p))
		s.must(err)
		s.exec(`DROP TRIGGER broken`)
		again, err := s.CancelPayment(s.ctx, part("one", p))
		s.must(err)
		if diff := cmp.Diff(told(t, first), told(t, again)); diff != "" {
			t.Errorf("the same key has another answer (-first +again):\n%s", diff)
		}
		s.wantLedger(p, 1, p.Amount-1_000)
	})
}

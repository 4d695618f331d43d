package command_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/command"
	"payment-system/pg"
	"payment-system/shop"
)

func (s *till) openCase(p shop.Payment, kind shop.DiscrepancyKind) shop.Discrepancy {
	s.t.Helper()
	opened, err := s.OpenCase(s.ctx, command.OpenCase{PG: p.PG, Kind: kind, PaymentID: &p.ID, AttemptID: &p.AttemptID, Amount: p.Amount, Expected: "this", Actual: "that", Note: "look"})
	s.must(err)
	return opened
}

func TestHandler_OpenCase(t *testing.T) {
	t.Parallel()
	t.Run("opens a case in the live reconciliation of the gateway's day", func(t *testing.T) {
		s := openTill(t, 2)
		p, q := s.pay(1, shop.PGKakao), s.pay(1, shop.PGToss)
		first, second := s.openCase(p, shop.DiscrepancyKindAmountDiffers), s.openCase(p, shop.DiscrepancyKindReversedAtGateway)
		other := s.openCase(q, shop.DiscrepancyKindAmountDiffers)
		if first.ReconciliationID != second.ReconciliationID || first.ReconciliationID == other.ReconciliationID {
			t.Errorf("the cases are in %s, %s and %s", first.ReconciliationID, second.ReconciliationID, other.ReconciliationID)
		}
		if first.Status != shop.DiscrepancyStatusOpen || first.Action != shop.CorrectiveActionOpenCase || *first.Note != "look" {
			t.Errorf("got %+v", first)
		}
		s.clock.Advance(24 * time.Hour)
		if next := s.openCase(q, shop.DiscrepancyKindTaxFreeDiffers); next.ReconciliationID == other.ReconciliationID {
			t.Error("two days share a reconciliation")
		}
	})
	t.Run("while it is open the same case is opened once, by however many", func(t *testing.T) {
		s := openTill(t, 1)
		p := s.pay(1, shop.PGToss)
		first := s.openCase(p, shop.DiscrepancyKindAmountDiffers)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if again := s.openCase(p, shop.DiscrepancyKindAmountDiffers); again.ID != first.ID {
					t.Errorf("case %s is open beside %s", again.ID, first.ID)
				}
			})
		}
		group.Wait()
		_, err := s.ResolveDiscrepancy(s.ctx, command.ResolveDiscrepancy{DiscrepancyID: first.ID, Action: shop.CorrectiveActionNone, Note: "seen"})
		s.must(err)
		if again := s.openCase(p, shop.DiscrepancyKindAmountDiffers); again.ID == first.ID {
			t.Error("a closed case was opened again")
		}
	})
	t.Run("a case needs no payment", func(t *testing.T) {
		s := openTill(t, 1)
		open := func(note string) shop.Discrepancy {
			d, err := s.OpenCase(s.ctx, command.OpenCase{PG: shop.PGToss, Kind: shop.DiscrepancyKindUnknownToUs, Amount: 1, Note: note})
			s.must(err)
			return d
		}
		if a, b := open("one"), open("one"); a.ID != b.ID {
			t.Error("the same case is open twice")
		}
		if a, b := open("one"), open("two"); a.ID == b.ID {
			t.Error("another case is the same")
		}
	})
}

func TestHandler_ResolveDiscrepancy(t *testing.T) {
	t.Parallel()
	operator := shop.Caller{UserID: "usr_operator", Actor: shop.ActorOperator}
	t.Run("what cannot be an id names nothing, and a note is text", func(t *testing.T) {
		s := openTill(t, 1)
		for _, id := range []string{"", "x", "한글", "dsc_한글"} {
			_, err := s.ResolveDiscrepancy(s.ctx, command.ResolveDiscrepancy{By: operator, DiscrepancyID: shop.DiscrepancyID(id), Action: shop.CorrectiveActionNone, Note: "seen"})
			if shop.CodeOf(err) != shop.NotFound {
				t.Errorf("discrepancy %q: %v", id, err)
			}
		}
		for _, note := range []string{"a\x00", "half a pair \ufffd"} {
			_, err := s.ResolveDiscrepancy(s.ctx, command.ResolveDiscrepancy{By: operator, DiscrepancyID: "dsc_x", Action: shop.CorrectiveActionNone, Note: note})
			if shop.CodeOf(err) != shop.Invalid {
				t.Errorf("note %q: %v", note, err)
			}
		}
	})
	resolve := func(s *till, d shop.Discrepancy, action shop.CorrectiveAction, note string) (shop.Discrepancy, error) {
		done, err := s.ResolveDiscrepancy(s.ctx, command.ResolveDiscrepancy{By: operator, DiscrepancyID: d.ID, Action: action, Note: note})
		return done.Discrepancy, err
	}
	t.Run("a decision is noted with whose it was, once", func(t *testing.T) {
		s := openTill(t, 1)
		d := s.openCase(s.pay(1, shop.PGToss), shop.DiscrepancyKindAmountDiffers)
		done, err := resolve(s, d, shop.CorrectiveActionNone, "the shop agreed by telephone")
		s.must(err)
		want := d
		note := "the shop agreed by telephone"
		want.Status, want.Action, want.Note, want.ResolvedBy, want.Version = shop.DiscrepancyStatusResolved, shop.CorrectiveActionNone, &note, &operator.UserID, 2
		want.ResolvedAt = done.ResolvedAt
		if diff := cmp.Diff(want, done); diff != "" || done.ResolvedAt == nil {
			t.Errorf("(-want +got):\n%s", diff)
		}
		_, err = resolve(s, d, shop.CorrectiveActionNone, "again")
		s.wantCode(err, shop.Conflict)
	})
	t.Run("a note and an action that can be carried out are needed", func(t *testing.T) {
		s := openTill(t, 1)
		d := s.openCase(s.pay(1, shop.PGToss), shop.DiscrepancyKindAmountDiffers)
		for _, note := range []string{"", " \n", strings.Repeat("가", 1001), "\xff"} {
			_, err := resolve(s, d, shop.CorrectiveActionNone, note)
			s.wantCode(err, shop.Invalid)
		}
		for _, action := range []shop.CorrectiveAction{"", "BURN", shop.CorrectiveActionOpenCase} {
			_, err := resolve(s, d, action, "why")
			s.wantCode(err, shop.Invalid)
		}
		_, err := resolve(s, shop.Discrepancy{ID: "dsc_none"}, shop.CorrectiveActionNone, "why")
		s.wantCode(err, shop.NotFound)
		stranger, err := s.OpenCase(s.ctx, command.OpenCase{PG: shop.PGToss, Kind: shop.DiscrepancyKindUnknownToUs, Note: "x"})
		s.must(err)
		_, err = resolve(s, stranger, shop.CorrectiveActionRefundAtGateway, "why")
		s.wantCode(err, shop.Invalid)
		_, err = resolve(s, d, shop.CorrectiveActionNone, strings.Repeat("가", 1000))
		s.must(err)
	})
	t.Run("a refund that a person decides is made once", func(t *testing.T) {
		eachGateway(t, func(t *testing.T, gateway shop.PG) {
			s := openTill(t, 1)
			p := s.pay(1, gateway)
			d := s.openCase(p, shop.DiscrepancyKindAmountDiffers)
			_, err := resolve(s, d, shop.CorrectiveActionRefundAtGateway, "all of it")
			s.must(err)
			s.wantLedger(p, 1, 0)
			_, err = resolve(s, d, shop.CorrectiveActionRefundAtGateway, "again")
			s.wantCode(err, shop.Conflict)
			s.wantLedger(p, 1, 0)
			s.want(p, state{shop.OrderStatusCanceled, shop.PaymentStatusCanceled, 1, 0, 0})
		})
	})
	t.Run("what the gateway will not do leaves the case open", func(t *testing.T) {
		s := openTill(t, 1)
		p := s.pay(1, shop.PGToss)
		d := s.openCase(p, shop.DiscrepancyKindAmountDiffers)
		s.fakes[shop.PGToss].Fail("cancel", pg.OutcomeRefused, 0)
		_, err := resolve(s, d, shop.CorrectiveActionRefundAtGateway, "try")
		s.wantCode(err, shop.Conflict)
		s.fakes[shop.PGToss].Heal()
		s.fakes[shop.PGToss].Fail("lookup", pg.OutcomeUnknown, 0)
		_, err = resolve(s, d, shop.CorrectiveActionRefundAtGateway, "try")
		s.wantCode(err, shop.Conflict)
		s.fakes[shop.PGToss].Heal()
		s.want(p, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
		s.wantLedger(p, 1, 11_000)
	})
	t.Run("the gateway's word is recorded, whatever the case is called", func(t *testing.T) {
		s := openTill(t, 1)
		p := s.pay(1, shop.PGKakao)
		d := s.openCase(p, shop.DiscrepancyKindRefundUnrecorded)
		_, err := resolve(s, d, shop.CorrectiveActionRecordRefund, "is it?")
		s.wantCode(err, shop.Conflict)
		s.fakes[shop.PGKakao].Refund(*p.PaymentKey, p.Amount)
		_, err = resolve(s, d, shop.CorrectiveActionRecordRefund, "it is")
		s.must(err)
		s.want(p, state{shop.OrderStatusCanceled, shop.PaymentStatusCanceled, 1, 0, 0})
	})
	t.Run("a decision that the gateway contradicts leaves the case open", func(t *testing.T) {
		s := openTill(t, 2)
		p := s.pay(1, shop.PGToss)
		d := s.openCase(p, shop.DiscrepancyKindAmountDiffers)
		s.Gateways[shop.PGToss] = generous{s.Gateways[shop.PGToss], 1_000}
		_, err := resolve(s, d, shop.CorrectiveActionRecordApproval, "it took more")
		s.wantCode(err, shop.Conflict)
		s.wantCases(p, 1, 1)
		s.Gateways[shop.PGToss] = s.fakes[shop.PGToss]
		_, err = resolve(s, d, shop.CorrectiveActionRecordApproval, "it took as much")
		s.must(err)
	})
	t.Run("no refund is recorded of what was never taken", func(t *testing.T) {
		s := openTill(t, 1)
		p := s.ready(s.order(1), shop.PGToss)
		_, err := resolve(s, s.openCase(p, shop.DiscrepancyKindRefundUnrecorded), shop.CorrectiveActionRecordRefund, "is it?")
		s.wantCode(err, shop.Conflict)
		s.wantCases(p, 1, 1)
	})
}

// A generous gateway says that it took more than it did.
type generous struct {
	pg.Gateway
	more shop.Won
}

func (g generous) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	p, err := g.Gateway.LookUp(ctx, key)
	p.Captured += g.more
	return p, err
}

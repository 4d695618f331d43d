package command_test

import (
	"testing"

	"payment-system/command"
	"payment-system/command/reconciliation"
	"payment-system/pg"
	"payment-system/shop"
)

// askedAgain pays, refunds a part, and leaves the books as a correction does that asked
// the gateway for that refund again and has no answer yet.
func (s *till) askedAgain(amount shop.Won) (p shop.Payment, leg string) {
	s.t.Helper()
	p = s.pay(1, shop.PGToss)
	canceled, err := s.cancel(p, amount)
	s.must(err)
	s.exec(`UPDATE refunds SET transaction_key = NULL, pg_key = CONCAT('dsc_1:', id)`)
	return p, *canceled.Refund.TransactionKey
}

// Proves: what the gateway lists names no refund that was asked for again by its amount alone: its
// reason does. Another refund of that amount, from the gateway's console say, is one of its own.
func TestHandler_askedAgain(t *testing.T) {
	t.Parallel()
	s := openTill(t, 1)
	p, _ := s.askedAgain(1_000)
	s.fakes[shop.PGToss].Refund(*p.PaymentKey, 1_000)
	s.must(s.WakeAttempt(s.ctx, p.AttemptID))
	s.settle()
	s.wantLedger(p, 1, p.Amount-2_000)
	var refunds, nameless int
	s.must(s.db.QueryRowContext(s.ctx,
		`SELECT COUNT(*), SUM(transaction_key IS NULL AND pg_key LIKE 'dsc%') FROM refunds WHERE status = 'DONE'`).
		Scan(&refunds, &nameless))
	if refunds != 2 || nameless != 1 {
		t.Errorf("the books hold %d refunds, %d of them still asked for again; want 2 and 1", refunds, nameless)
	}
}

// Proves: a settlement file, which keeps no reasons, books no refund a second time that was asked for
// again: while the gateway is silent, its row may be that refund by its amount.
func TestHandler_askedAgain_file(t *testing.T) {
	t.Parallel()
	s := openTill(t, 1)
	p, leg := s.askedAgain(1_000)
	desk := &reconciliation.Desk{
		DB: s.db, Projector: s.Projector, Now: s.clock.Now, NewID: newID, Logger: s.Logger, Replica: "one",
	}
	opened, err := desk.OpenReconciliation(s.ctx, reconciliation.OpenReconciliation{
		PG: shop.PGToss, Format: shop.SettlementFormatTossSettlementsJSON, Source: "a.json", FileHash: "hash",
	})
	s.must(err)
	hold, _, err := desk.HoldReconciliation(s.ctx, opened.ID)
	s.must(err)
	_, err = desk.StageRows(s.ctx, reconciliation.StageRows{Hold: hold, Rows: []shop.SettlementRow{{
		Line: 1, Raw: "{}", Kind: shop.SettlementRefund, PaymentKey: *p.PaymentKey, AttemptRef: string(p.AttemptID),
		LegKey: leg, Amount: 1_000,
	}}})
	s.must(err)
	line := 1
	s.must(desk.PlanFindings(s.ctx,
		reconciliation.PlanFindings{Hold: hold, PG: shop.PGToss, Findings: []reconciliation.Finding{{
			Key: "one", Kind: shop.DiscrepancyKindRefundUnrecorded, Action: shop.CorrectiveActionRecordRefund, PaymentID: &p.ID,
			AttemptID: &p.AttemptID,
			Line:      &line, Amount: 1_000, Expected: "1000", Actual: "1000",
		}}}))
	var id shop.DiscrepancyID
	s.must(s.db.QueryRowContext(s.ctx, `SELECT id FROM discrepancies WHERE reconciliation_id = ?`, opened.ID).Scan(&id))
	fake := s.fakes[shop.PGToss]
	fake.Fail("lookup", pg.OutcomeUnknown, 1)
	_, err = s.ResolveDiscrepancy(s.ctx, command.ResolveDiscrepancy{
		By: shop.Caller{UserID: "usr_operator", Actor: shop.ActorOperator}, DiscrepancyID: id,
		Action: shop.CorrectiveActionRecordRefund, Note: "as the file says",
	})
	s.wantCode(err, shop.Conflict)
	if fake.Struck() != 1 {
		t.Error("the gateway was not silent")
	}
	var refunds int
	s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM refunds`).Scan(&refunds))
	if refunds != 1 {
		t.Errorf("the books hold %d refunds, want 1", refunds)
	}
	_, err = s.cancel(p, 500) // an event that says of the refund what was changed behind the program's back
	s.must(err)
}

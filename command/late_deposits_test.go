package command_test

import (
	"strings"
	"sync"
	"testing"

	"payment-system/command"
	"payment-system/shop"
)

// late has a deposit arrive after its order was canceled, and be refused to go back for want of
// an account. It returns the payment and the case.
func (c *counter) late() (shop.Payment, shop.Discrepancy) {
	c.t.Helper()
	payment := c.issue()
	toss := c.sim(shop.PGToss)
	toss.SetFault("cancel", "drop_before", 0)
	_, err := c.CancelOrder(c.ctx, command.CancelOrder{By: c.shopper, IdempotencyKey: newID("key"), OrderID: payment.OrderID, Reason: "변심"})
	c.must(err)
	c.must(c.Drain(c.ctx))
	toss.Act(*payment.PaymentKey, "deposit")
	toss.Heal()
	c.renew()
	for range 10 {
		c.resolveLater()
		if len(c.casesOf(payment, "OPEN")) > 0 {
			break
		}
	}
	cases := c.casesOf(payment, "OPEN")
	if len(cases) != 1 || cases[0].Kind != shop.DiscrepancyKindPaidAfterEnd {
		c.t.Fatalf("the open cases are %+v", cases)
	}
	c.wantStatus(payment, shop.OrderStatusCanceled, shop.PaymentStatusCanceled)
	c.wantLedger(payment, 1, 11_000)
	return payment, cases[0]
}

// casesOf are the cases of a payment that have a status.
func (c *counter) casesOf(p shop.Payment, status string) (cases []shop.Discrepancy) {
	c.t.Helper()
	rows, err := c.db.QueryContext(c.ctx, `SELECT id, kind, COALESCE(note, '') FROM discrepancies WHERE payment_id = ? AND status = ?`, string(p.ID), status)
	c.must(err)
	defer rows.Close()
	for rows.Next() {
		var d shop.Discrepancy
		var note string
		c.must(rows.Scan(&d.ID, &d.Kind, &note))
		d.Note = &note
		cases = append(cases, d)
	}
	c.must(rows.Err())
	return cases
}

func TestHandler_lateDeposits(t *testing.T) {
	t.Parallel()
	account := &shop.RefundAccount{BankCode: "88", AccountNumber: "110123456789", HolderName: "김토스"}
	operator := shop.Caller{UserID: "usr_operator", Actor: shop.ActorOperator}
	ways := map[string]func(*counter, shop.Payment, shop.Discrepancy, string, *shop.RefundAccount) error{
		"the shopper's cancelPayment": func(c *counter, p shop.Payment, _ shop.Discrepancy, key string, to *shop.RefundAccount) error {
			_, err := c.CancelPayment(c.ctx, command.CancelPayment{By: c.shopper, IdempotencyKey: key, PaymentID: p.ID, Reason: "변심", RefundAccount: to})
			return err
		},
		"the shopper's cancelOrder": func(c *counter, p shop.Payment, _ shop.Discrepancy, key string, to *shop.RefundAccount) error {
			_, err := c.CancelOrder(c.ctx, command.CancelOrder{By: c.shopper, IdempotencyKey: key, OrderID: p.OrderID, RefundAccount: to})
			return err
		},
		"the operator's decision": func(c *counter, _ shop.Payment, d shop.Discrepancy, _ string, to *shop.RefundAccount) error {
			_, err := c.ResolveDiscrepancy(c.ctx, command.ResolveDiscrepancy{
				By: operator, DiscrepancyID: d.ID, Action: shop.CorrectiveActionRefundAtGateway, Note: "늦은 입금", RefundAccount: to,
			})
			return err
		},
	}
	for name, giveBack := range ways {
		t.Run("go back once, by "+name, func(t *testing.T) {
			t.Parallel()
			c := openCounter(t, 10)
			payment, late := c.late()
			if !strings.Contains(*late.Note, "refundAccount") {
				t.Errorf("the case does not say what is missing: %s", *late.Note)
			}
			if err := giveBack(c, payment, late, "without", nil); shop.CodeOf(err) != shop.Declined && shop.CodeOf(err) != shop.Conflict {
				t.Errorf("without an account: %v", err)
			}
			c.wantLedger(payment, 1, 11_000)
			wantField(t, giveBack(c, payment, late, "wrong", &shop.RefundAccount{BankCode: "88", AccountNumber: "110-123", HolderName: "김토스"}), "refundAccount.accountNumber")
			var all sync.WaitGroup
			errs := make([]error, 2)
			for i := range errs {
				all.Go(func() { errs[i] = giveBack(c, payment, late, string(rune(48+i)), account) })
			}
			all.Wait()
			if errs[0] != nil && errs[1] != nil {
				t.Errorf("neither of two at once gave it back: %v, %v", errs[0], errs[1])
			}
			c.resolveLater()
			c.wantLedger(payment, 1, 0)
			c.wantStatus(payment, shop.OrderStatusCanceled, shop.PaymentStatusCanceled)
			if open := c.casesOf(payment, "OPEN"); len(open) != 0 {
				t.Errorf("cases are open: %+v", open)
			}
			if err := giveBack(c, payment, late, "again", account); shop.CodeOf(err) != shop.Conflict {
				t.Errorf("once more: %v", err)
			}
			c.wantLedger(payment, 1, 0)
		})
	}
	t.Run("both at once give it back once", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 10)
		payment, late := c.late()
		var all sync.WaitGroup
		for name, giveBack := range ways {
			all.Go(func() { _ = giveBack(c, payment, late, name, account) })
		}
		all.Wait()
		c.resolveLater()
		c.wantLedger(payment, 1, 0)
	})
	t.Run("an account is for giving money back alone", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 10)
		_, late := c.late()
		_, err := c.ResolveDiscrepancy(c.ctx, command.ResolveDiscrepancy{
			By: operator, DiscrepancyID: late.ID, Action: shop.CorrectiveActionNone, Note: "됐음", RefundAccount: account,
		})
		wantField(t, err, "refundAccount")
	})
	t.Run("a paid order is canceled with the account of its deposit", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, 10)
		payment := c.issue()
		c.sim(shop.PGToss).Act(*payment.PaymentKey, "deposit")
		c.resolveLater()
		_, err := c.CancelOrder(c.ctx, command.CancelOrder{By: c.shopper, IdempotencyKey: "k", OrderID: payment.OrderID, RefundAccount: account})
		c.must(err)
		c.wantStatus(payment, shop.OrderStatusCanceled, shop.PaymentStatusCanceled)
		c.wantLedger(payment, 1, 0)
	})
}

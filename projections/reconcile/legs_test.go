package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payment-system/command"
	"payment-system/command/reconciliation"
	"payment-system/internal/shoptest"
	"payment-system/pg"
	"payment-system/shop"
)

// A hookedGateway answers no look-up while it is silent, and calls around before and
// after each of its calls.
type hookedGateway struct {
	pg.Gateway
	silent bool
	around func()
}

func (g *hookedGateway) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	if g.silent {
		return pg.Payment{}, &pg.Error{Call: "lookup", Outcome: pg.OutcomeUnknown, Err: errors.New("no answer came")}
	}
	g.hook()
	defer g.hook()
	return g.Gateway.LookUp(ctx, key)
}

func (g *hookedGateway) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	g.hook()
	defer g.hook()
	return g.Gateway.Cancel(ctx, req)
}

func (g *hookedGateway) hook() {
	if g.around != nil {
		g.around()
	}
}

// withHooks puts a hookedGateway before the counter's own.
func (c *counter) withHooks() *hookedGateway {
	g := &hookedGateway{Gateway: c.Commands.Gateways[c.pg]}
	c.Commands.Gateways[c.pg] = g
	return g
}

// console gives money back in the gateway's own console, and returns the leg's name.
func (c *counter) console(p shop.Payment, amount, available shop.Won) string {
	c.t.Helper()
	key := pg.Key{PaymentKey: *p.PaymentKey, AttemptID: p.AttemptID}
	return shoptest.Must(c.Commands.Gateways[c.pg].Cancel(c.t.Context(), pg.CancelRequest{
		IdempotencyKey: "console", Key: key, Amount: amount, Available: available, Reason: "console",
	}))(c.t).LegKey
}

// nextDay is Kakao's document of the day after with one refund.
func nextDay(p shop.Payment, leg string, amount shop.Won) string {
	day := counterDay().AddDate(0, 0, 1)
	return fmt.Sprintf(`{"type":"payments","target_date":%q,"statistics":{"payment":{"count":0,"amount":0},"cancel":{"count":1,"amount":%d}},"data":[`+
		`{"tid":%q,"aid":%q,"approved_at":"%sT10:00:00","partner_order_id":%q,"payment_action_type":"CANCEL","currency":"KRW","amount":%d}]}`,
		day.Format("20060102"), amount, *p.PaymentKey, leg, day.Format(time.DateOnly), p.AttemptID, amount)
}

// wantBooks fails the test unless the books gave back so much.
func (d *desk) wantBooks(p shop.Payment, refunded shop.Won) {
	d.t.Helper()
	if got := d.now(p).RefundedAmount; got != refunded {
		d.t.Errorf("the books gave back %s won, want %s won", got, refunded)
	}
}

// discrepancy names the only discrepancy of a payment in a file.
func (d *desk) discrepancy(rec shop.Reconciliation, p shop.Payment) (id shop.DiscrepancyID) {
	d.t.Helper()
	d.must(d.DB.QueryRowContext(d.t.Context(), `SELECT id FROM discrepancies WHERE reconciliation_id = ? AND payment_id = ?`, string(rec.ID), string(p.ID)).Scan(&id))
	return id
}

// settler carries out one discrepancy of a file, as often as it is called.
func (d *desk) settler(rec shop.Reconciliation, p shop.Payment) func() shop.Discrepancy {
	d.t.Helper()
	hold, _, err := d.reconciler.Files.HoldReconciliation(d.t.Context(), rec.ID)
	d.must(err)
	cmd := command.SettleDiscrepancy{Hold: hold, ID: d.discrepancy(rec, p)}
	return func() shop.Discrepancy {
		d.t.Helper()
		return shoptest.Must(d.Commands.SettleDiscrepancy(d.t.Context(), cmd))(d.t)
	}
}

func TestReconciler_legsOfDays(t *testing.T) {
	t.Parallel()
	const format = shop.SettlementFormatKakaoPaymentsJSON
	unrecorded := func(status shop.DiscrepancyStatus) found {
		return found{shop.DiscrepancyKindRefundUnrecorded, status, shop.CorrectiveActionRecordRefund, 2_000}
	}
	t.Run("a refund that yesterday's file names is not the one of the same sum in today's", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, shop.PGKakao)
		p := c.paid()
		c.refund(p, 2_000)
		c.want(c.imported(format, c.daysFile(format)))
		rec := c.imported(format, nextDay(p, c.console(p, 2_000, 58_000), 2_000))
		c.want(rec, unrecorded(statusPlanned))
		c.applied(rec)
		c.want(rec, unrecorded(statusApplied))
		c.wantBooks(p, 4_000)
		c.agree()
	})
	t.Run("a refund of a later day is recorded once while the gateway does not tell", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, shop.PGKakao)
		gateway := c.withHooks()
		p := c.paid()
		c.refund(p, 3_000)
		body := nextDay(p, c.console(p, 2_000, 57_000), 2_000)
		rec := c.imported(format, body)
		first := c.settler(rec, p) // at work while another version of the file comes
		again := c.imported(format, body+"\n")
		c.want(rec, unrecorded(statusPlanned))
		c.want(again, unrecorded(statusPlanned))
		gateway.silent = true
		for _, settle := range []func() shop.Discrepancy{first, c.settler(again, p)} {
			if d := settle(); d.Status != statusApplied {
				t.Errorf("the discrepancy is %s: %s", d.Status, *d.Note)
			}
			c.wantBooks(p, 5_000)
		}
		gateway.silent = false
		c.agree()
	})
	t.Run("a refund without a name in the books may be the one that the file names", func(t *testing.T) {
		t.Parallel()
		c := openCounter(t, shop.PGKakao)
		gateway := c.withHooks()
		p := c.paid()
		c.refund(p, 3_000)
		rec := c.imported(format, nextDay(p, c.console(p, 2_000, 57_000), 2_000))
		_, err := c.DB.ExecContext(t.Context(), `UPDATE refunds SET transaction_key = NULL, amount = 2000 WHERE payment_id = ?`, string(p.ID))
		c.must(err)
		gateway.silent = true
		if d := c.settler(rec, p)(); d.Status != statusOpen {
			t.Errorf("the discrepancy is %s: %s", d.Status, *d.Note)
		}
		c.wantBooks(p, 3_000)
	})
}

func TestReconciler_monthsOfLegs(t *testing.T) {
	t.Parallel()
	eachGateway(t, "installments that differ hide no refund of the console", func(t *testing.T, c *counter, _ *faultyCancels, format shop.SettlementFormat) {
		p := c.paid()
		c.sim.Refund(*p.PaymentKey, 10_000)
		rec := c.settlement(format, "installment")
		differs := found{shop.DiscrepancyKindInstallmentDiffers, statusOpen, shop.CorrectiveActionOpenCase, 0}
		c.want(rec, differs, found{shop.DiscrepancyKindRefundUnrecorded, statusPlanned, shop.CorrectiveActionRecordRefund, 10_000})
		c.applied(rec)
		c.want(rec, differs, found{shop.DiscrepancyKindRefundUnrecorded, statusApplied, shop.CorrectiveActionRecordRefund, 10_000})
		c.wantBooks(p, 10_000)
		c.agree()
	})
}

// Proves that what a gateway says of another payment is not recorded of this one.
func TestReconciler_otherPayment(t *testing.T) {
	t.Parallel()
	eachGateway(t, "a refund that the file tells is recorded, and no more", func(t *testing.T, c *counter, _ *faultyCancels, format shop.SettlementFormat) {
		other := c.paid()
		c.refund(other, 60_000)
		p := c.paid()
		c.sim.Refund(*p.PaymentKey, 2_000)
		rec := c.imported(format, c.daysFile(format))
		c.wantRefunded(c.pg, other, 60_000, 1) // the last that the gateway was asked about
		c.sim.SetFault("lookup", "other_payment", 0)
		c.applied(rec)
		c.sim.Heal()
		c.want(rec, found{shop.DiscrepancyKindRefundUnrecorded, statusApplied, shop.CorrectiveActionRecordRefund, 2_000})
		c.wantBooks(p, 2_000)
		c.agree()
	})
}

// Proves that two files that both show one missing refund have it made once, however their steps fall.
func TestReconciler_twoRepeats(t *testing.T) {
	t.Parallel()
	type rounds struct {
		*counter
		cancels *faultyCancels
		hooked  *hookedGateway
		format  shop.SettlementFormat
	}
	// missing is a payment whose refund of 1,000 won the gateway lacks, and what settles it by each of two files.
	missing := func(r rounds) (shop.Payment, []func() shop.Discrepancy) {
		p := r.paid()
		r.cancels.claims = true
		r.refund(p, 1_000)
		r.cancels.claims, r.cancels.claimed = false, 0
		body := r.daysFile(r.format)
		return p, []func() shop.Discrepancy{r.settler(r.imported(r.format, body), p), r.settler(r.imported(r.format, body+"\n"), p)}
	}
	// ended settles until nothing waits.
	ended := func(r rounds, p shop.Payment, settle []func() shop.Discrepancy) {
		for deadline := time.Now().Add(time.Minute); len(settle) > 0; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				r.t.Fatal("the gateway's answer is still awaited")
			}
			settle = slices.DeleteFunc(settle, func(settle func() shop.Discrepancy) bool {
				d := settle()
				if d.Status != statusPlanned && d.Status != statusApplied {
					r.t.Errorf("the discrepancy is %s: %s", d.Status, *d.Note)
				}
				return d.Status != statusPlanned
			})
		}
		r.wantRefunded(r.pg, p, 1_000, 1)
	}
	for gateway, format := range detailedFormats {
		t.Run(strings.ToLower(string(gateway)), func(t *testing.T) {
			t.Parallel()
			c := openCounter(t, gateway)
			c.Commands.PGTimeout = 500 * time.Millisecond
			r := rounds{counter: c, cancels: c.withFaultyCancels(gateway), format: format}
			r.hooked = c.withHooks()
			for turn, met := 1, true; met; turn++ {
				p, settle := missing(r)
				left := turn
				r.hooked.around = func() {
					if left--; left == 0 {
						settle[0]()
					}
				}
				settle[1]()
				r.hooked.around = nil
				met = left <= 0
				ended(r, p, settle)
			}
			for _, lose := range []string{"before", "after"} {
				p, settle := missing(r)
				r.cancels.lose = lose
				ended(r, p, settle)
			}
			c.agree()
		})
	}
}

// Proves that a refund which was found missing stays so, or becomes a case, when the gateway falls silent.
func TestReconciler_missingInSilence(t *testing.T) {
	t.Parallel()
	// apply carries the plan out as it is named by now.
	apply := func(c *counter, rec shop.Reconciliation) string {
		_, err := c.reconciler.ApplyReconciliation(c.t.Context(), reconciliation.ApplyReconciliation{ID: rec.ID, PlanHash: *rec.PlanHash})
		var moved *shop.Error
		if asShopError(err, &moved) && moved.Code == shop.Conflict {
			return moved.Details["planHash"].(string)
		}
		c.must(err)
		return ""
	}
	eachGateway(t, "silence while a plan is carried out", func(t *testing.T, c *counter, g *faultyCancels, format shop.SettlementFormat) {
		p, rec := c.missingRefunds(g, format)
		gateway := c.withHooks()
		gateway.silent = true
		if hash := apply(c, rec); hash != "" {
			rec.PlanHash = &hash
			apply(c, rec)
		}
		if got := c.found(rec); len(got) != 1 || (got[0].Status != statusPlanned && got[0].Status != statusOpen) {
			t.Errorf("the missing refunds are %v", got)
		}
		if open := c.openCases(p); open != 1 {
			t.Errorf("%d cases are open", open)
		}
	})
	eachGateway(t, "silence while a plan is made", func(t *testing.T, c *counter, g *faultyCancels, format shop.SettlementFormat) {
		p := c.paid()
		g.claims = true
		c.refund(p, 1_000)
		c.withHooks().silent = true
		c.want(c.imported(format, c.daysFile(format)), found{shop.DiscrepancyKindRefundMissing, statusOpen, shop.CorrectiveActionOpenCase, 1_000})
	})
	eachGateway(t, "silence about a refund near midnight, which another day's file may name", func(t *testing.T, c *counter, g *faultyCancels, format shop.SettlementFormat) {
		p := c.paid()
		g.claims = true
		c.refund(p, 1_000)
		body := c.daysFile(format)
		_, err := c.DB.ExecContext(t.Context(), `UPDATE refunds SET done_at = ? WHERE payment_id = ?`, counterDay().Add(23*time.Hour+55*time.Minute).UTC(), string(p.ID))
		c.must(err)
		gateway := c.withHooks()
		gateway.silent = true
		c.want(c.imported(format, body+"\n"))
		gateway.silent = false
		rec := c.imported(format, body)
		missing := found{shop.DiscrepancyKindRefundMissing, statusPlanned, shop.CorrectiveActionRefundAtGateway, 1_000}
		c.want(rec, missing)
		gateway.silent = true
		if hash := apply(c, rec); hash == "" {
			t.Error("the plan was carried out as if the gateway had spoken")
		}
		c.want(rec, missing)
	})
}

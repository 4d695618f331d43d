package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/command"
	"payment-system/command/reconciliation"
	"payment-system/internal/shoptest"
	"payment-system/pg"
	"payment-system/pg/pgtest"
	"payment-system/shop"
)

// A faultyCancels is a gateway that may claim refunds that it does not make, refuse
// them, and lose calls for them or its answers.
type faultyCancels struct {
	pg.Gateway
	claims  bool
	claimed shop.Won // what it claims to have given back, and did not
	lose    string   // before, after or ""; once
	refuse  string   // the code of a refusal, or ""
	asked   func(pg.CancelRequest)
}

func (g *faultyCancels) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	if g.asked != nil {
		g.asked(req)
	}
	switch lose := g.lose; {
	case g.refuse != "":
		return pg.Payment{}, &pg.Error{Call: "cancel", Outcome: pg.OutcomeRefused, Code: g.refuse, Status: http.StatusForbidden}
	case lose != "":
		g.lose = ""
		if lose == "after" {
			if _, err := g.Gateway.Cancel(ctx, req); err != nil {
				return pg.Payment{}, err
			}
		}
		return pg.Payment{}, &pg.Error{Call: "cancel", Outcome: pg.OutcomeUnknown, Err: errors.New("no answer came")}
	case !g.claims:
		req.Available += g.claimed
		return g.Gateway.Cancel(ctx, req)
	}
	g.claimed += req.Amount
	p, err := g.LookUp(ctx, req.Key)
	p.LegKey = "never " + string(req.RefundID)
	p.Refunded += g.claimed
	p.Status = pg.StatusPartiallyRefunded
	p.Cancels = append(p.Cancels, pg.Cancel{Key: p.LegKey, RefundID: req.RefundID, Amount: req.Amount, Reason: req.Reason})
	return p, err
}

// withFaultyCancels puts a faultyCancels between the shop and its own gateway.
func (d *desk) withFaultyCancels(gateway shop.PG) *faultyCancels {
	g := &faultyCancels{Gateway: d.Commands.Gateways[gateway]}
	d.Commands.Gateways[gateway] = g
	return g
}

// openCases counts the open cases of a payment, of every file and none.
func (d *desk) openCases(p shop.Payment) int {
	d.t.Helper()
	var open int
	d.must(d.DB.QueryRowContext(d.t.Context(), `SELECT COUNT(*) FROM discrepancies WHERE payment_id = ? AND status = 'OPEN'`, string(p.ID)).Scan(&open))
	return open
}

// status is how far a reconciliation has come by now.
func (d *desk) status(rec shop.Reconciliation) shop.ReconciliationStatus {
	d.t.Helper()
	var status shop.ReconciliationStatus
	d.must(d.DB.QueryRowContext(d.t.Context(), `SELECT status FROM reconciliations WHERE id = ?`, string(rec.ID)).Scan(&status))
	return status
}

// resumed goes on with what broke off until the reconciliation is applied.
func (d *desk) resumed(rec shop.Reconciliation) {
	d.t.Helper()
	for deadline := time.Now().Add(time.Minute); d.status(rec) != shop.ReconciliationStatusApplied; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("the file is still %s", d.status(rec))
		}
		d.must(d.reconciler.Resume(d.t.Context()))
	}
}

// wantRefunded fails the test unless the gateway gave back so much, in so many times.
func (d *desk) wantRefunded(gateway shop.PG, p shop.Payment, refunded shop.Won, legs int) {
	d.t.Helper()
	got := shoptest.Must(d.Commands.Gateways[gateway].LookUp(d.t.Context(), pg.Key{PaymentKey: *p.PaymentKey, AttemptID: p.AttemptID}))(d.t)
	if got.Refunded != refunded || len(got.Cancels) != legs {
		d.t.Errorf("the gateway gave back %s won in %d times, want %s won in %d", got.Refunded, len(got.Cancels), refunded, legs)
	}
}

// daysFile is the day's file as the simulator writes it now.
func (c *counter) daysFile(format shop.SettlementFormat) string {
	c.t.Helper()
	req := shoptest.Must(http.NewRequestWithContext(c.t.Context(), http.MethodGet, fmt.Sprintf("%s/sim/settlements?pg=%s&format=%s", c.sim.URL, c.pg, format), nil))(c.t)
	resp := shoptest.Must(http.DefaultClient.Do(req))(c.t)
	defer resp.Body.Close()
	return string(shoptest.Must(io.ReadAll(resp.Body))(c.t))
}

func (c *counter) imported(format shop.SettlementFormat, body string) shop.Reconciliation {
	c.t.Helper()
	return shoptest.Must(c.reconciler.ImportSettlement(c.t.Context(), reconciliation.ImportSettlement{
		PG: c.pg, Format: format, File: reconciliation.Upload{Name: "payments_" + counterDay().Format(time.DateOnly), Body: strings.NewReader(body)},
	}))(c.t).Reconciliation
}

// threeRefunds is a payment of 60,000 won: the books gave back 1,000, 5,000 and
// 1,000 won of it, and the gateway made the second alone. After the first,
// meanwhile happens.
func (c *counter) threeRefunds(g *faultyCancels, meanwhile func()) shop.Payment {
	c.t.Helper()
	p := c.paid()
	g.claims = true
	c.refund(p, 1_000)
	g.claims = false
	meanwhile()
	c.refund(p, 5_000)
	g.claims = true
	c.refund(p, 1_000)
	g.claims, g.claimed = false, 0
	c.wantRefunded(c.pg, p, 5_000, 1)
	return p
}

// missingRefunds are threeRefunds, with the day's file as it was written before
// the second.
func (c *counter) missingRefunds(g *faultyCancels, format shop.SettlementFormat) (shop.Payment, shop.Reconciliation) {
	c.t.Helper()
	var body string
	p := c.threeRefunds(g, func() { body = c.daysFile(format) })
	rec := c.imported(format, body)
	c.want(rec, found{shop.DiscrepancyKindRefundMissing, statusPlanned, shop.CorrectiveActionRefundAtGateway, 2_000})
	return p, rec
}

var detailedFormats = map[shop.PG]shop.SettlementFormat{
	shop.PGKakao: shop.SettlementFormatKakaoPaymentsJSON, shop.PGToss: shop.SettlementFormatTossSettlementsJSON,
}

func eachGateway(t *testing.T, sentence string, run func(t *testing.T, c *counter, g *faultyCancels, format shop.SettlementFormat)) {
	t.Helper()
	for gateway, format := range detailedFormats {
		t.Run(sentence+" at "+string(gateway), func(t *testing.T) {
			t.Parallel()
			c := openCounter(t, gateway)
			c.Commands.PGTimeout = 500 * time.Millisecond
			run(t, c, c.withFaultyCancels(gateway), format)
		})
	}
}

func TestReconciler_repeatedRefunds(t *testing.T) {
	t.Parallel()
	missing := func(status shop.DiscrepancyStatus) found {
		return found{shop.DiscrepancyKindRefundMissing, status, shop.CorrectiveActionRefundAtGateway, 2_000}
	}
	eachGateway(t, "of three refunds the two that the gateway lacks are made, and no more", func(t *testing.T, c *counter, g *faultyCancels, format shop.SettlementFormat) {
		p, rec := c.missingRefunds(g, format)
		c.applied(rec)
		c.want(rec, missing(statusApplied))
		c.wantRefunded(c.pg, p, 7_000, 3)
		c.agree()
	})
	eachGateway(t, "a refund that the file tells hides none that it lacks", func(t *testing.T, c *counter, g *faultyCancels, format shop.SettlementFormat) {
		p := c.threeRefunds(g, func() {})
		rec := c.imported(format, c.daysFile(format))
		c.want(rec, missing(statusPlanned))
		c.applied(rec)
		c.want(rec, missing(statusApplied))
		c.wantRefunded(c.pg, p, 7_000, 3)
		c.agree()
	})
	eachGateway(t, "each repeat is written down with its key before the gateway is asked", func(t *testing.T, c *counter, g *faultyCancels, format shop.SettlementFormat) {
		p, rec := c.missingRefunds(g, format)
		asked := 0
		g.asked = func(req pg.CancelRequest) {
			asked++
			var key string
			c.must(c.DB.QueryRowContext(t.Context(), `SELECT pg_key FROM refunds WHERE id = ?`, string(req.RefundID)).Scan(&key))
			if key != req.IdempotencyKey {
				t.Errorf("the gateway is asked under %q, the books have %q", req.IdempotencyKey, key)
			}
		}
		c.applied(rec)
		if asked != 2 {
			t.Errorf("the gateway was asked %d times", asked)
		}
		c.wantRefunded(c.pg, p, 7_000, 3)
	})
	for _, lose := range []string{"before", "after"} {
		eachGateway(t, "a repeat whose answer is lost "+lose+" it took effect is made once", func(t *testing.T, c *counter, g *faultyCancels, format shop.SettlementFormat) {
			p, rec := c.missingRefunds(g, format)
			g.lose = lose
			_, err := c.reconciler.ApplyReconciliation(t.Context(), reconciliation.ApplyReconciliation{ID: rec.ID, PlanHash: *rec.PlanHash})
			c.must(err)
			if got := c.status(rec); got != shop.ReconciliationStatusApplying {
				t.Errorf("while an answer is awaited the file is %s", got)
			}
			c.want(rec, missing(statusPlanned))
			c.resumed(rec)
			c.want(rec, missing(statusApplied))
			c.wantRefunded(c.pg, p, 7_000, 3)
			if open := c.openCases(p); open != 0 {
				t.Errorf("%d cases are open", open)
			}
			c.agree()
		})
	}
	eachGateway(t, "what a repeat may not move is left to a person", func(t *testing.T, c *counter, g *faultyCancels, format shop.SettlementFormat) {
		p, rec := c.missingRefunds(g, format)
		_, err := c.DB.ExecContext(t.Context(), `UPDATE discrepancies SET amount = 1999 WHERE reconciliation_id = ?`, string(rec.ID))
		c.must(err)
		c.applied(rec)
		if diff := cmp.Diff(statusOpen, c.found(rec)[0].Status); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		c.wantRefunded(c.pg, p, 6_000, 2)
	})
	eachGateway(t, "more given back at the gateway than in the books is a case", func(t *testing.T, c *counter, g *faultyCancels, format shop.SettlementFormat) {
		p, rec := c.missingRefunds(g, format)
		shoptest.Must(g.Gateway.Cancel(t.Context(), pg.CancelRequest{
			IdempotencyKey: "console", Key: pg.Key{PaymentKey: *p.PaymentKey, AttemptID: p.AttemptID}, Amount: 10_000, Available: 55_000, Reason: "console",
		}))(t)
		hold, _, err := c.reconciler.Files.HoldReconciliation(t.Context(), rec.ID)
		c.must(err)
		var id shop.DiscrepancyID
		c.must(c.DB.QueryRowContext(t.Context(), `SELECT id FROM discrepancies WHERE reconciliation_id = ?`, string(rec.ID)).Scan(&id))
		d := shoptest.Must(c.Commands.SettleDiscrepancy(t.Context(), command.SettleDiscrepancy{Hold: hold, ID: id}))(t)
		if d.Status != statusOpen {
			t.Errorf("the discrepancy is %s", d.Status)
		}
		c.wantRefunded(c.pg, p, 15_000, 2)
	})
	eachGateway(t, "a repeat that is refused is a case, and can be asked for again", func(t *testing.T, c *counter, g *faultyCancels, format shop.SettlementFormat) {
		p, rec := c.missingRefunds(g, format)
		g.refuse = "NOT_TODAY"
		c.applied(rec)
		c.want(rec, missing(statusOpen))
		g.refuse = ""
		var id shop.DiscrepancyID
		c.must(c.DB.QueryRowContext(t.Context(), `SELECT id FROM discrepancies WHERE reconciliation_id = ?`, string(rec.ID)).Scan(&id))
		decide := command.ResolveDiscrepancy{By: shop.Caller{Actor: shop.ActorOperator}, DiscrepancyID: id, Action: shop.CorrectiveActionRefundAtGateway, Note: "again"}
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			_, err := c.Commands.ResolveDiscrepancy(t.Context(), decide)
			if err == nil {
				break
			}
			if shop.CodeOf(err) != shop.Conflict || time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		c.wantRefunded(c.pg, p, 7_000, 3)
		c.agree()
	})
}

func TestReconciler_oneCase(t *testing.T) {
	t.Parallel()
	t.Run("an edited file of the same day opens no second case", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.paid()
		first := d.planned(stateLine(p, p.Amount, 1, 5_000, 0))
		edited := d.planned(stateLine(p, p.Amount, 1, 5_000, 0), row(d.paid(), 1))
		d.want(first, found{shop.DiscrepancyKindTaxFreeDiffers, statusOpen, shop.CorrectiveActionOpenCase, 5_000})
		d.want(edited, found{shop.DiscrepancyKindTaxFreeDiffers, statusIgnored, shop.CorrectiveActionNone, 5_000})
		d.applied(edited)
		d.applied(first)
		if open := d.openCases(p); open != 1 {
			t.Errorf("%d cases are open", open)
		}
	})
	t.Run("a case that was closed is opened again by a file that shows the difference anew", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.paid()
		d.planned(stateLine(p, p.Amount, 1, 5_000, 0))
		var id shop.DiscrepancyID
		d.must(d.DB.QueryRowContext(t.Context(), `SELECT id FROM discrepancies WHERE payment_id = ?`, string(p.ID)).Scan(&id))
		shoptest.Must(d.Commands.ResolveDiscrepancy(t.Context(), command.ResolveDiscrepancy{DiscrepancyID: id, Action: shop.CorrectiveActionNone, Note: "seen"}))(t)
		d.want(d.planned(stateLine(p, p.Amount, 1, 6_000, 0)), found{shop.DiscrepancyKindTaxFreeDiffers, statusOpen, shop.CorrectiveActionOpenCase, 6_000})
	})
	t.Run("a payment that only the gateway knows is one case, however many files tell of it", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		const strange = "order1,key1,1000,1,0,0\n"
		d.want(d.planned(strange), found{shop.DiscrepancyKindUnknownToUs, statusOpen, shop.CorrectiveActionOpenCase, 1_000})
		d.want(d.planned(strange, row(d.paid(), 1)), found{shop.DiscrepancyKindUnknownToUs, statusIgnored, shop.CorrectiveActionNone, 1_000})
	})
	t.Run("rows that cannot be read are a case each, whatever their line", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		malformed := found{shop.DiscrepancyKindMalformedRow, statusOpen, shop.CorrectiveActionOpenCase, 0}
		d.want(d.planned("x,y\n"), malformed)
		d.want(d.planned("z,y\n"), malformed)
	})
	t.Run("files read at the same time open one case", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.paid()
		done := make(chan error)
		const files = 4
		for i := range files {
			body := csvOf(stateLine(p, p.Amount, 1, 5_000, 0), fmt.Sprintf("order%d,key%d,1000,2,0,0\n", i, i))
			go func() {
				_, err := d.reconciler.ImportSettlement(t.Context(), d.file(fmt.Sprintf("toss%d.csv", i), body))
				done <- err
			}()
		}
		for range files {
			d.must(<-done)
		}
		if open := d.openCases(p); open != 1 {
			t.Errorf("%d cases are open", open)
		}
	})
	t.Run("a refund that the gateway refuses while a plan is carried out is one case", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.expired()
		rec := d.planned(row(p, 1))
		d.gateway.Fail("cancel", pg.OutcomeRefused, 0)
		d.applied(rec)
		d.want(rec, found{shop.DiscrepancyKindPaidAfterEnd, statusOpen, shop.CorrectiveActionRefundAtGateway, 50_000})
		if open := d.openCases(p); open != 1 {
			t.Errorf("%d cases are open", open)
		}
		d.agree()
	})
	t.Run("two plans for money that the gateway keeps leave one case", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.expired()
		recs := []shop.Reconciliation{d.planned(row(p, 1)), d.planned(row(p, 1), row(d.paid(), 1))}
		d.gateway.Fail("cancel", pg.OutcomeRefused, 0)
		d.applied(recs[0])
		_, err := d.reconciler.ApplyReconciliation(t.Context(), reconciliation.ApplyReconciliation{ID: recs[1].ID, PlanHash: *recs[1].PlanHash})
		var moved *shop.Error
		if !asShopError(err, &moved) || moved.Code != shop.Conflict {
			t.Fatalf("got %v, want CONFLICT", err)
		}
		hash := moved.Details["planHash"].(string)
		recs[1].PlanHash = &hash
		d.applied(recs[1])
		if open := d.openCases(p); open != 1 {
			t.Errorf("%d cases are open", open)
		}
		d.agree()
	})
	t.Run("a refund refused to the resolver while a plan waits is one case", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.expired()
		rec := d.planned(row(p, 1))
		d.gateway.Fail("cancel", pg.OutcomeRefused, 0)
		_, err := d.Commands.ResolveAttempt(t.Context(), command.ResolveAttempt{AttemptID: p.AttemptID, Actor: shop.ActorResolver})
		if shop.CodeOf(err) != shop.Declined {
			t.Fatalf("the refund ended in %v", err)
		}
		if open := d.openCases(p); open != 1 {
			t.Errorf("before the plan is carried out, %d cases are open", open)
		}
		_, err = d.reconciler.ApplyReconciliation(t.Context(), reconciliation.ApplyReconciliation{ID: rec.ID, PlanHash: *rec.PlanHash})
		var moved *shop.Error
		if !asShopError(err, &moved) || moved.Code != shop.Conflict {
			t.Fatalf("got %v, want CONFLICT", err)
		}
		hash := moved.Details["planHash"].(string)
		rec.PlanHash = &hash
		d.applied(rec)
		if open := d.openCases(p); open != 1 {
			t.Errorf("%d cases are open", open)
		}
		d.agree()
	})
}

func TestReconciler_unrecordedInstallments(t *testing.T) {
	t.Parallel()
	applied := found{shop.DiscrepancyKindApprovalUnrecorded, statusApplied, shop.CorrectiveActionRecordApproval, 50_000}
	differs := found{shop.DiscrepancyKindInstallmentDiffers, statusOpen, shop.CorrectiveActionOpenCase, 0}
	t.Run("installments that differ on an approval that is not recorded are a case", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.unknown()
		rec := d.applied(d.planned(stateLine(p, p.Amount, 1, 0, 3)))
		d.want(rec, applied, differs)
		d.wantStatus(p, shop.PaymentStatusApproved, 50_000)
		if open := d.openCases(p); open != 1 {
			t.Errorf("%d cases are open", open)
		}
		d.agree()
	})
	t.Run("and when the gateway does not tell", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.unknown()
		d.gateway.Fail("lookup", pg.OutcomeUnknown, 0)
		d.want(d.applied(d.planned(stateLine(p, p.Amount, 1, 0, 3))), applied, differs)
	})
	t.Run("installments that the shopper chose at the gateway are no case", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.unknown()
		d.Commands.Gateways[shop.PGToss] = &inMonths{Fake: d.gateway.Fake, months: 3}
		d.want(d.applied(d.planned(stateLine(p, p.Amount, 1, 0, 3))), applied)
	})
}

// inMonths is a gateway whose shoppers pay by installments.
type inMonths struct {
	*pgtest.Fake
	months int
}

func (g *inMonths) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	p, err := g.Fake.LookUp(ctx, key)
	p.InstallmentMonths = g.months
	return p, err
}

package reconcile_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/command"
	"payment-system/command/reconciliation"
	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
	"payment-system/pg"
	"payment-system/pg/kakao"
	"payment-system/pg/pgsim"
	"payment-system/pg/pgtest"
	"payment-system/pg/toss"
	"payment-system/shop"
)

// A counter is a shop in front of the simulator of one gateway, through the real
// client. It is noon in Korea.
type counter struct {
	*desk
	pg  shop.PG
	sim pgtest.Simulator
}

// counterDay is the business day that it is at the counter.
func counterDay() time.Time { return testclock.Day(0) }

func openCounter(t *testing.T, gateway shop.PG) *counter {
	t.Helper()
	clock := shoptest.ClockAt(counterDay().Add(12 * time.Hour))
	sim := &pgsim.Server{Now: clock.Now, KakaoSecretKey: "secret", TossSecretKey: "test_sk_D5GePWvyJnrK0W0k6q8gLzN97Eoq"}
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		sim.Close()
		server.Close()
	})
	logger := slog.New(slog.DiscardHandler)
	c := &counter{pg: gateway, sim: pgtest.Simulator{T: t, URL: server.URL, PG: gateway}}
	c.desk = newDesk(t, shoptest.Options{Clock: clock, PGTimeout: 2 * time.Second, Gateways: map[shop.PG]pg.Gateway{
		shop.PGKakao: &kakao.Client{
			BaseURL: server.URL + "/kakao", SecretKey: "secret", Timeout: time.Minute, Now: clock.Now, Logger: logger,
		},
		shop.PGToss: &toss.Client{
			BaseURL: server.URL + "/toss", SecretKey: sim.TossSecretKey, Timeout: time.Minute, Now: clock.Now, Logger: logger,
		},
	}})
	c.product = c.Sell(t, 60_000, 100)
	return c
}

func (c *counter) ready() shop.Payment {
	c.t.Helper()
	return c.Ready(c.t, c.order().ID, c.pg)
}

func (c *counter) approve(p shop.Payment) (shop.Payment, error) {
	token := c.sim.Pay(*p.PaymentKey)
	cmd := command.ApprovePayment{By: shoptest.Shopper, PaymentID: p.ID, PaymentKey: p.PaymentKey, Amount: &p.Amount}
	if c.pg == shop.PGKakao {
		cmd.PgToken = &token
	}
	approved, err := c.Commands.ApprovePayment(c.t.Context(), cmd)
	return approved.Payment, err
}

func (c *counter) paid() shop.Payment { return shoptest.Must(c.approve(c.ready()))(c.t) }

func (c *counter) refund(p shop.Payment, amount shop.Won) {
	c.t.Helper()
	shoptest.Must(c.Commands.CancelPayment(c.t.Context(), command.CancelPayment{By: shoptest.Shopper, IdempotencyKey: rand.Text(), PaymentID: p.ID, Amount: &amount, Reason: "변심"}))(c.t)
}

// ordinaryDay has payments of every kind, all of which both sides know.
func (c *counter) ordinaryDay() {
	c.t.Helper()
	c.paid()
	c.refund(c.paid(), 60_000)
	part := c.paid()
	c.refund(part, 20_000)
	parts := c.paid()
	c.refund(parts, 20_000)
	c.refund(parts, 40_000)
	c.paid()
	quit := c.ready()
	c.sim.Act(*quit.PaymentKey, "quit")
	shoptest.Must(c.Commands.FailPayment(c.t.Context(), command.FailPayment{By: shoptest.Shopper, PaymentID: quit.ID, Code: "QUIT", Message: "quit"}))(c.t)
}

// settlement imports the day's file as the gateway writes it.
func (c *counter) settlement(format shop.SettlementFormat, defects string) shop.Reconciliation {
	c.t.Helper()
	req := shoptest.Must(http.NewRequestWithContext(c.t.Context(), http.MethodGet, fmt.Sprintf("%s/sim/settlements?pg=%s&format=%s&defects=%s", c.sim.URL, c.pg, format, defects), nil))(c.t)
	resp := shoptest.Must(http.DefaultClient.Do(req))(c.t)
	defer resp.Body.Close()
	body := shoptest.Must(io.ReadAll(resp.Body))(c.t)
	if resp.StatusCode != http.StatusOK {
		c.t.Fatalf("the simulator says %s: %s", resp.Status, body)
	}
	return shoptest.Must(c.reconciler.ImportSettlement(c.t.Context(), reconciliation.ImportSettlement{
		PG: c.pg, Format: format, File: reconciliation.Upload{Name: "payments_" + counterDay().Format(time.DateOnly), Body: strings.NewReader(string(body))},
	}))(c.t).Reconciliation
}

var simulatedFormats = map[shop.PG][]shop.SettlementFormat{
	shop.PGKakao: {shop.SettlementFormatPaymentStateCSV, shop.SettlementFormatKakaoPaymentsJSON},
	shop.PGToss:  {shop.SettlementFormatPaymentStateCSV, shop.SettlementFormatTossSettlementsJSON},
}

func eachFormat(t *testing.T, run func(t *testing.T, c *counter, format shop.SettlementFormat)) {
	t.Helper()
	for gateway, formats := range simulatedFormats {
		for _, format := range formats {
			t.Run(string(gateway)+" "+string(format), func(t *testing.T) {
				t.Parallel()
				run(t, openCounter(t, gateway), format)
			})
		}
	}
}

func TestReconciler_simulator(t *testing.T) {
	t.Parallel()
	t.Run("the file of an ordinary day reconciles with no discrepancy", func(t *testing.T) {
		t.Parallel()
		eachFormat(t, func(t *testing.T, c *counter, format shop.SettlementFormat) {
			c.ordinaryDay()
			rec := c.settlement(format, "")
			c.want(rec)
			if rec.Rows == 0 || rec.Matched != rec.Rows {
				t.Errorf("%d of %d rows match", rec.Matched, rec.Rows)
			}
			c.applied(rec)
			c.agree()
		})
	})
	t.Run("planted defects are found by name", func(t *testing.T) {
		t.Parallel()
		eachFormat(t, func(t *testing.T, c *counter, format shop.SettlementFormat) {
			c.ordinaryDay()
			kinds := map[string]shop.DiscrepancyKind{
				"amount": shop.DiscrepancyKindAmountDiffers, "installment": shop.DiscrepancyKindInstallmentDiffers, "duplicate_row": shop.DiscrepancyKindDuplicateRow,
				"conflicting_rows": shop.DiscrepancyKindConflictingRows, "unknown_row": shop.DiscrepancyKindUnknownToUs, "malformed_row": shop.DiscrepancyKindMalformedRow,
				"bom": "", "crlf": "", "missing_row": "",
			}
			if format == shop.SettlementFormatPaymentStateCSV {
				kinds["tax_free"], kinds["state"], kinds["cp949"] = shop.DiscrepancyKindTaxFreeDiffers, shop.DiscrepancyKindReversedAtGateway, shop.DiscrepancyKindUnknownToUs
			}
			for defect, kind := range kinds {
				rec := c.settlement(format, defect)
				var got []shop.DiscrepancyKind
				for _, f := range c.found(rec) {
					got = append(got, f.Kind)
				}
				want := []shop.DiscrepancyKind{kind}
				if kind == "" { // the day's window is open: nothing is missing yet
					want = nil
				}
				if rec.Status != shop.ReconciliationStatusPlanned || !slices.Equal(got, want) {
					t.Errorf("%s: got %s with %v, want %v\n%s", defect, rec.Status, got, want, c.notes(rec))
				}
			}
			for _, defect := range []string{"truncated", "header"} {
				if rec := c.settlement(format, defect); rec.Status != shop.ReconciliationStatusRejected || !strings.HasPrefix(*rec.Rejection, "line ") {
					t.Errorf("%s: got %+v", defect, rec)
				}
			}
			c.agree()
		})
	})
	t.Run("applying makes books and gateway agree", func(t *testing.T) {
		t.Parallel()
		eachFormat(t, func(t *testing.T, c *counter, format shop.SettlementFormat) {
			c.ordinaryDay()
			c.sim.SetFault("approve", "drop_after", 0)
			if _, err := c.approve(c.ready()); shop.CodeOf(err) != shop.InProgress {
				t.Fatalf("the approval ended in %v", err)
			}
			c.sim.Heal()
			console := c.paid()
			c.sim.Refund(*console.PaymentKey, 60_000)
			want := []found{
				{shop.DiscrepancyKindApprovalUnrecorded, statusPlanned, shop.CorrectiveActionRecordApproval, 60_000},
				{shop.DiscrepancyKindRefundUnrecorded, statusPlanned, shop.CorrectiveActionRecordRefund, 60_000},
			}
			if format != shop.SettlementFormatPaymentStateCSV { // states do not tell of a part
				part := c.paid()
				c.sim.Refund(*part.PaymentKey, 10_000)
				want = append(want, found{shop.DiscrepancyKindRefundUnrecorded, statusPlanned, shop.CorrectiveActionRecordRefund, 10_000})
			}
			rec := c.settlement(format, "")
			got := c.found(rec)
			for _, all := range [][]found{got, want} {
				slices.SortFunc(all, func(a, b found) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s%s", diff, c.notes(rec))
			}
			c.applied(rec)
			for _, f := range c.found(rec) {
				if f.Status != statusApplied {
					t.Errorf("%+v is left\n%s", f, c.notes(rec))
				}
			}
			if again := c.settlement(format, "bom"); again.Matched != again.Rows { // other content, same rows
				t.Errorf("read again, %d of %d rows match\n%s", again.Matched, again.Rows, c.notes(again))
			}
			c.agree()
		})
	})
}

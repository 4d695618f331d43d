package reconcile_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/command"
	"payment-system/command/reconciliation"
	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
	"payment-system/pg"
	"payment-system/pg/pgtest"
	"payment-system/projections/reconcile"
	"payment-system/projections/verify"
	"payment-system/shop"
)

const stateHeader = "orderId,paymentKey,totalAmount,paymentState,taxFreeAmount,installMonth\n"

// A desk is where settlement files are held against the books of a small shop
// that sells at 50,000 won, of which nothing is tax-free, through Toss Payments.
type desk struct {
	*shoptest.Shop
	reconciler *reconcile.Reconciler
	t          *testing.T
	gateway    *claimsRefunds
	product    shop.Product
}

// A claimsRefunds is a gateway that, while it claims, says that it gave money back and
// does not.
type claimsRefunds struct {
	*pgtest.Fake
	claims bool
}

func (f *claimsRefunds) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	if !f.claims {
		return f.Fake.Cancel(ctx, req)
	}
	p, err := f.LookUp(ctx, req.Key)
	p.Refunded += req.Amount
	p.Status, p.LegKey = pg.StatusRefunded, "never"
	p.Cancels = append(slices.Clone(p.Cancels), pg.Cancel{Key: "never", RefundID: req.RefundID, Amount: req.Amount, Reason: req.Reason})
	return p, err
}

func openDesk(t *testing.T) *desk {
	t.Helper()
	gateway := &claimsRefunds{Fake: pgtest.NewFake(shop.PGToss)}
	d := newDesk(t, shoptest.Options{Gateways: map[shop.PG]pg.Gateway{shop.PGToss: gateway}})
	d.gateway, d.product = gateway, d.Sell(t, 50_000, 100)
	return d
}

// newDesk opens a shop with nothing to sell, and holds files against its books.
func newDesk(t *testing.T, o shoptest.Options) *desk {
	t.Helper()
	s := shoptest.Open(t, o)
	return &desk{t: t, Shop: s, reconciler: s.Reconciler()}
}

func (d *desk) order() shop.Order {
	d.t.Helper()
	return d.Order(d.t, d.product.ID, 1)
}

// ready opens an attempt and lets the shopper authenticate it.
func (d *desk) ready(order shop.Order) shop.Payment {
	d.t.Helper()
	p := d.Ready(d.t, order.ID, shop.PGToss)
	d.gateway.Pay(*p.PaymentKey)
	return p
}

func (d *desk) approve(p shop.Payment) (shop.Payment, error) {
	approved, err := d.Commands.ApprovePayment(d.t.Context(), command.ApprovePayment{By: shoptest.Shopper, PaymentID: p.ID, PaymentKey: p.PaymentKey, Amount: &p.Amount})
	return approved.Payment, err
}

// paid is a payment that both sides call approved.
func (d *desk) paid() shop.Payment {
	d.t.Helper()
	return shoptest.Must(d.approve(d.ready(d.order())))(d.t)
}

// unknown is a payment that the gateway approved and whose outcome the books lack.
func (d *desk) unknown() shop.Payment {
	d.t.Helper()
	p := d.ready(d.order())
	d.gateway.Lose("approve", 1)
	if _, err := d.approve(p); shop.CodeOf(err) != shop.InProgress {
		d.t.Fatalf("the approval ended in %v", err)
	}
	return d.now(p)
}

// captured has the gateway take the money without our asking.
func (d *desk) captured(p shop.Payment) shop.Payment {
	d.t.Helper()
	shoptest.Must(d.gateway.Approve(d.t.Context(), pg.ApproveRequest{
		IdempotencyKey: rand.Text(), Key: pg.Key{PaymentKey: *p.PaymentKey, AttemptID: p.AttemptID}, Amount: p.Amount,
	}))(d.t)
	return p
}

// expired is a payment that the gateway took money for after its order ended.
func (d *desk) expired() shop.Payment {
	d.t.Helper()
	p := d.ready(d.order())
	d.Clock.Advance(2 * time.Hour)
	shoptest.Must(d.Commands.ExpireOrders(d.t.Context()))(d.t)
	return d.captured(p)
}

func (d *desk) refunded(p shop.Payment) shop.Payment {
	d.t.Helper()
	return shoptest.Must(d.Commands.CancelPayment(d.t.Context(), command.CancelPayment{By: shoptest.Shopper, IdempotencyKey: rand.Text(), PaymentID: p.ID, Reason: "변심"}))(d.t).Payment
}

// now is the payment as the books have it.
func (d *desk) now(p shop.Payment) shop.Payment {
	d.t.Helper()
	d.must(d.DB.QueryRowContext(d.t.Context(), `SELECT status, captured_amount, refunded_amount, version FROM payments WHERE id = ?`, string(p.ID)).
		Scan(&p.Status, &p.CapturedAmount, &p.RefundedAmount, &p.Version))
	return p
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// row is a payment in a PAYMENT_STATE_CSV file.
func row(p shop.Payment, state int) string { return stateLine(p, p.Amount, state, p.TaxFreeAmount, 0) }

func stateLine(p shop.Payment, amount shop.Won, state int, taxFree shop.Won, months int) string {
	return fmt.Sprintf("%s,%s,%d,%d,%d,%d\n", p.AttemptID, *p.PaymentKey, amount, state, taxFree, months)
}

func csvOf(rows ...string) string { return stateHeader + strings.Join(rows, "") }

func (d *desk) file(name, body string) reconciliation.ImportSettlement {
	return reconciliation.ImportSettlement{PG: shop.PGToss, Format: shop.SettlementFormatPaymentStateCSV, File: reconciliation.Upload{Name: name, Body: strings.NewReader(body)}}
}

// planned imports rows and returns the reconciliation, which must be PLANNED.
func (d *desk) planned(rows ...string) shop.Reconciliation {
	d.t.Helper()
	rec := shoptest.Must(d.reconciler.ImportSettlement(d.t.Context(), d.file("toss.csv", csvOf(rows...))))(d.t).Reconciliation
	if rec.Status != shop.ReconciliationStatusPlanned || rec.PlanHash == nil {
		d.t.Fatalf("the file is %s: %v", rec.Status, rec.Rejection)
	}
	return rec
}

func (d *desk) applied(rec shop.Reconciliation) shop.Reconciliation {
	d.t.Helper()
	done := shoptest.Must(d.reconciler.ApplyReconciliation(d.t.Context(), reconciliation.ApplyReconciliation{ID: rec.ID, PlanHash: *rec.PlanHash}))(d.t).Reconciliation
	if done.Status != shop.ReconciliationStatusApplied || done.Percent != 100 || done.FinishedAt == nil {
		d.t.Fatalf("applied, the file is %+v", done)
	}
	return done
}

// A found is what matters of a discrepancy.
type found struct {
	Kind   shop.DiscrepancyKind
	Status shop.DiscrepancyStatus
	Action shop.CorrectiveAction
	Amount shop.Won
}

func (d *desk) found(rec shop.Reconciliation) []found {
	d.t.Helper()
	rows := shoptest.Must(d.DB.QueryContext(d.t.Context(), `SELECT kind, status, action, amount FROM discrepancies WHERE reconciliation_id = ? ORDER BY COALESCE(line, 0), id`, string(rec.ID)))(d.t)
	defer rows.Close()
	var all []found
	for rows.Next() {
		var f found
		d.must(rows.Scan(&f.Kind, &f.Status, &f.Action, &f.Amount))
		all = append(all, f)
	}
	d.must(rows.Err())
	return all
}

func (d *desk) want(rec shop.Reconciliation, want ...found) {
	d.t.Helper()
	if diff := cmp.Diff(want, d.found(rec)); diff != "" {
		d.t.Errorf("discrepancies (-want +got):\n%s%s", diff, d.notes(rec))
	}
}

func (d *desk) notes(rec shop.Reconciliation) string {
	rows := shoptest.Must(d.DB.QueryContext(d.t.Context(), `SELECT CONCAT_WS(' | ', line, kind, expected, actual, note) FROM discrepancies WHERE reconciliation_id = ? ORDER BY id`, string(rec.ID)))(d.t)
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var note string
		d.must(rows.Scan(&note))
		fmt.Fprintln(&b, note)
	}
	d.must(rows.Err())
	return b.String()
}

// agree fails the test where books and gateway differ, or an invariant is broken.
func (d *desk) agree() {
	d.t.Helper()
	if d.gateway != nil {
		d.gateway.Heal()
	}
	for _, violation := range d.Violations(d.t, d.Commands.Gateways) {
		d.t.Error(violation)
	}
}

// approvedAt moves the approval of a payment to a time of the gateway's first day.
func (d *desk) approvedAt(p shop.Payment, clock string) {
	d.t.Helper()
	_, err := d.DB.ExecContext(d.t.Context(), `UPDATE payments SET approved_at = ? WHERE id = ?`, moment(0, clock), string(p.ID))
	d.must(err)
}

// auto imports a file that is carried out at once.
func (d *desk) auto(name string, rows ...string) shop.Reconciliation {
	d.t.Helper()
	cmd := d.file(name, csvOf(rows...))
	cmd.AutoApply = true
	rec := shoptest.Must(d.reconciler.ImportSettlement(d.t.Context(), cmd))(d.t).Reconciliation
	if rec.Status != shop.ReconciliationStatusApplied {
		d.t.Fatalf("the file is %s: %v", rec.Status, rec.Rejection)
	}
	return rec
}

// missing are the payments that open cases call missing, one for each case.
func (d *desk) missing() []string {
	d.t.Helper()
	rows := shoptest.Must(d.DB.QueryContext(d.t.Context(), `SELECT payment_id FROM discrepancies WHERE kind = 'MISSING_AT_GATEWAY' AND status = 'OPEN' ORDER BY payment_id`))(d.t)
	defer rows.Close()
	ids := []string{}
	for rows.Next() {
		var id string
		d.must(rows.Scan(&id))
		ids = append(ids, id)
	}
	d.must(rows.Err())
	return ids
}

func (d *desk) sorted(payments ...shop.Payment) []string {
	ids := []string{}
	for _, p := range payments {
		ids = append(ids, string(p.ID))
	}
	slices.Sort(ids)
	return ids
}

func (d *desk) wantMissing(payments ...shop.Payment) {
	d.t.Helper()
	if diff := cmp.Diff(d.sorted(payments...), d.missing()); diff != "" {
		d.t.Errorf("missing payments (-want +got):\n%s", diff)
	}
}

// agreeBooks fails the test where an invariant of the books is broken.
func (d *desk) agreeBooks() {
	d.t.Helper()
	verifier := &verify.Verifier{DB: d.DB, Now: testclock.Now}
	d.must(verifier.Verify(d.t.Context(), func(v verify.Violation) { d.t.Errorf("%s: %s: %s", v.Invariant, v.ID, v.Detail) }))
}

func (d *desk) wantStatus(p shop.Payment, status shop.PaymentStatus, net shop.Won) {
	d.t.Helper()
	got := d.now(p)
	ledger := d.gateway.Ledger(*p.PaymentKey)
	if got.Status != status || ledger.Captured-ledger.Refunded != net {
		d.t.Errorf("the payment is %s and the gateway holds %d, want %s and %d", got.Status, ledger.Captured-ledger.Refunded, status, net)
	}
}

const (
	statusPlanned = shop.DiscrepancyStatusPlanned
	statusApplied = shop.DiscrepancyStatusApplied
	statusOpen    = shop.DiscrepancyStatusOpen
	statusIgnored = shop.DiscrepancyStatusIgnored
)

func TestReconciler_samples(t *testing.T) {
	t.Parallel()
	for _, gateway := range []shop.PG{shop.PGKakao, shop.PGToss} {
		t.Run("on empty books each row of "+string(gateway)+" is unknown, and three open a case", func(t *testing.T) {
			t.Parallel()
			d := openDesk(t)
			name := "payment_" + strings.ToLower(string(gateway)) + ".csv"
			cmd := d.file(name, string(shoptest.Must(os.ReadFile("../../pg/settlement/testdata/"+name))(t)))
			cmd.PG = gateway
			rec := shoptest.Must(d.reconciler.ImportSettlement(t.Context(), cmd))(t).Reconciliation
			d.want(rec,
				found{shop.DiscrepancyKindUnknownToUs, statusOpen, shop.CorrectiveActionOpenCase, 50_000},
				found{shop.DiscrepancyKindUnknownToUs, statusIgnored, shop.CorrectiveActionNone, 0},
				found{shop.DiscrepancyKindUnknownToUs, statusOpen, shop.CorrectiveActionOpenCase, 25_000},
				found{shop.DiscrepancyKindUnknownToUs, statusIgnored, shop.CorrectiveActionNone, 0},
				found{shop.DiscrepancyKindUnknownToUs, statusOpen, shop.CorrectiveActionOpenCase, 45_000},
			)
			if rec.Rows != 5 || rec.Matched != 0 || rec.Percent != 100 {
				t.Errorf("got %+v", rec)
			}
			want := []shop.DiscrepancyCount{{Kind: shop.DiscrepancyKindUnknownToUs, Count: 5, Amount: 120_000}}
			if diff := cmp.Diff(want, rec.Counts); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			d.applied(rec)
			d.agree()
		})
	}
}

func TestReconciler_classes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// rows sets the books up and tells what the file says.
		rows func(d *desk) (shop.Payment, []string)
		// planned and applied are what is found before and after applying.
		planned, applied []found
		status           shop.PaymentStatus // in the end
		net              shop.Won           // what the gateway holds in the end
		apart            bool               // books and gateway differ on purpose
	}{
		{
			name:   "approved on both sides agrees",
			rows:   func(d *desk) (shop.Payment, []string) { p := d.paid(); return p, []string{row(p, 1)} },
			status: shop.PaymentStatusApproved, net: 50_000,
		},
		{
			name:    "an approval that the books do not know is recorded",
			rows:    func(d *desk) (shop.Payment, []string) { p := d.unknown(); return p, []string{row(p, 1)} },
			planned: []found{{shop.DiscrepancyKindApprovalUnrecorded, statusPlanned, shop.CorrectiveActionRecordApproval, 50_000}},
			applied: []found{{shop.DiscrepancyKindApprovalUnrecorded, statusApplied, shop.CorrectiveActionRecordApproval, 50_000}},
			status:  shop.PaymentStatusApproved, net: 50_000,
		},
		{
			name: "an approval after a failed attempt is recorded while the order waits",
			rows: func(d *desk) (shop.Payment, []string) {
				p := d.ready(d.order())
				shoptest.Must(d.Commands.FailPayment(d.t.Context(), command.FailPayment{By: shoptest.Shopper, PaymentID: p.ID, Code: "X", Message: "x"}))(d.t)
				return p, []string{row(d.captured(p), 1)}
			},
			planned: []found{{shop.DiscrepancyKindApprovalUnrecorded, statusPlanned, shop.CorrectiveActionRecordApproval, 50_000}},
			applied: []found{{shop.DiscrepancyKindApprovalUnrecorded, statusApplied, shop.CorrectiveActionRecordApproval, 50_000}},
			status:  shop.PaymentStatusApproved, net: 50_000,
		},
		{
			name:    "money for an order that expired is given back",
			rows:    func(d *desk) (shop.Payment, []string) { p := d.expired(); return p, []string{row(p, 1)} },
			planned: []found{{shop.DiscrepancyKindPaidAfterEnd, statusPlanned, shop.CorrectiveActionRefundAtGateway, 50_000}},
			applied: []found{{shop.DiscrepancyKindPaidAfterEnd, statusApplied, shop.CorrectiveActionRefundAtGateway, 50_000}},
			status:  shop.PaymentStatusExpired, net: 0,
		},
		{
			name: "money for an order that was paid otherwise is given back",
			rows: func(d *desk) (shop.Payment, []string) {
				order := d.order()
				first := d.ready(order)
				shoptest.Must(d.approve(d.ready(order)))(d.t)
				return first, []string{row(d.captured(first), 1)}
			},
			planned: []found{{shop.DiscrepancyKindPaidAfterEnd, statusPlanned, shop.CorrectiveActionRefundAtGateway, 50_000}},
			applied: []found{{shop.DiscrepancyKindPaidAfterEnd, statusApplied, shop.CorrectiveActionRefundAtGateway, 50_000}},
			status:  shop.PaymentStatusApproved, net: 0,
		},
		{
			name: "a refund made at the gateway is recorded",
			rows: func(d *desk) (shop.Payment, []string) {
				p := d.paid()
				d.gateway.Refund(*p.PaymentKey, p.Amount)
				return p, []string{row(p, 3)}
			},
			planned: []found{{shop.DiscrepancyKindRefundUnrecorded, statusPlanned, shop.CorrectiveActionRecordRefund, 50_000}},
			applied: []found{{shop.DiscrepancyKindRefundUnrecorded, statusApplied, shop.CorrectiveActionRecordRefund, 50_000}},
			status:  shop.PaymentStatusCanceled, net: 0,
		},
		{
			name: "a capture given back before the books knew of it nets to nothing",
			rows: func(d *desk) (shop.Payment, []string) {
				p := d.unknown()
				d.gateway.Refund(*p.PaymentKey, p.Amount)
				return p, []string{row(p, 3)}
			},
			planned: []found{{shop.DiscrepancyKindRefundUnrecorded, statusPlanned, shop.CorrectiveActionRecordRefund, 50_000}},
			applied: []found{{shop.DiscrepancyKindRefundUnrecorded, statusApplied, shop.CorrectiveActionRecordRefund, 50_000}},
			status:  shop.PaymentStatusCanceled, net: 0,
		},
		{
			name:   "a refund that both sides know agrees",
			rows:   func(d *desk) (shop.Payment, []string) { p := d.refunded(d.paid()); return p, []string{row(p, 3)} },
			status: shop.PaymentStatusCanceled, net: 0,
		},
		{
			name: "a refund in part leaves the state approved and the total as it was",
			rows: func(d *desk) (shop.Payment, []string) {
				p := d.paid()
				part := shop.Won(10_000)
				shoptest.Must(d.Commands.CancelPayment(d.t.Context(), command.CancelPayment{By: shoptest.Shopper, IdempotencyKey: rand.Text(), PaymentID: p.ID, Amount: &part, Reason: "x"}))(d.t)
				return p, []string{row(p, 1)}
			},
			status: shop.PaymentStatusPartiallyCanceled, net: 40_000,
		},
		{
			name:   "a file written before the refund is right to say approved",
			rows:   func(d *desk) (shop.Payment, []string) { p := d.refunded(d.paid()); return p, []string{row(p, 1)} },
			status: shop.PaymentStatusCanceled, net: 0,
		},
		{
			name: "a refund that the gateway never made is made",
			rows: func(d *desk) (shop.Payment, []string) {
				p := d.paid()
				d.gateway.claims = true
				p = d.refunded(p)
				d.gateway.claims = false
				return p, []string{row(p, 1)}
			},
			planned: []found{{shop.DiscrepancyKindRefundMissing, statusPlanned, shop.CorrectiveActionRefundAtGateway, 50_000}},
			applied: []found{{shop.DiscrepancyKindRefundMissing, statusApplied, shop.CorrectiveActionRefundAtGateway, 50_000}},
			status:  shop.PaymentStatusCanceled, net: 0,
		},
		{
			name:    "a failure of what the books call approved is a case",
			rows:    func(d *desk) (shop.Payment, []string) { p := d.paid(); return p, []string{row(p, 2)} },
			planned: []found{{shop.DiscrepancyKindReversedAtGateway, statusOpen, shop.CorrectiveActionOpenCase, 50_000}},
			applied: []found{{shop.DiscrepancyKindReversedAtGateway, statusOpen, shop.CorrectiveActionOpenCase, 50_000}},
			status:  shop.PaymentStatusApproved, net: 50_000,
		},
		{
			name: "a failure ends what is in doubt, and is no discrepancy",
			rows: func(d *desk) (shop.Payment, []string) {
				p := shoptest.Must(d.Commands.ReadyPayment(d.t.Context(), command.ReadyPayment{By: shoptest.Shopper, IdempotencyKey: rand.Text(), OrderID: d.order().ID, PG: shop.PGToss}))(d.t).Payment
				d.gateway.Decline(*p.PaymentKey)
				d.gateway.Lose("approve", 1)
				_, _ = d.approve(p)
				return p, []string{row(p, 2)}
			},
			status: shop.PaymentStatusFailed, net: 0,
		},
		{
			name: "a failure of an attempt that failed agrees",
			rows: func(d *desk) (shop.Payment, []string) {
				p := d.ready(d.order())
				shoptest.Must(d.Commands.FailPayment(d.t.Context(), command.FailPayment{By: shoptest.Shopper, PaymentID: p.ID, Code: "X", Message: "x"}))(d.t)
				return p, []string{row(p, 2)}
			},
			status: shop.PaymentStatusFailed, net: 0,
		},
		{
			name: "another amount is a case and changes nothing",
			rows: func(d *desk) (shop.Payment, []string) {
				p := d.paid()
				return p, []string{stateLine(p, 49_000, 1, 0, 0)}
			},
			planned: []found{{shop.DiscrepancyKindAmountDiffers, statusOpen, shop.CorrectiveActionOpenCase, 1_000}},
			applied: []found{{shop.DiscrepancyKindAmountDiffers, statusOpen, shop.CorrectiveActionOpenCase, 1_000}},
			status:  shop.PaymentStatusApproved, net: 50_000,
		},
		{
			name: "another amount of an approval that is not recorded is a case and changes nothing",
			rows: func(d *desk) (shop.Payment, []string) {
				p := d.unknown()
				return p, []string{stateLine(p, 51_000, 1, 0, 0)}
			},
			planned: []found{{shop.DiscrepancyKindAmountDiffers, statusOpen, shop.CorrectiveActionOpenCase, 1_000}},
			applied: []found{{shop.DiscrepancyKindAmountDiffers, statusOpen, shop.CorrectiveActionOpenCase, 1_000}},
			status:  shop.PaymentStatusUnknown, net: 50_000, apart: true,
		},
		{
			name: "tax-free amount and installments that differ are cases",
			rows: func(d *desk) (shop.Payment, []string) {
				p := d.paid()
				return p, []string{stateLine(p, 50_000, 1, 5_000, 3)}
			},
			planned: []found{
				{shop.DiscrepancyKindTaxFreeDiffers, statusOpen, shop.CorrectiveActionOpenCase, 5_000},
				{shop.DiscrepancyKindInstallmentDiffers, statusOpen, shop.CorrectiveActionOpenCase, 0},
			},
			applied: []found{
				{shop.DiscrepancyKindTaxFreeDiffers, statusOpen, shop.CorrectiveActionOpenCase, 5_000},
				{shop.DiscrepancyKindInstallmentDiffers, statusOpen, shop.CorrectiveActionOpenCase, 0},
			},
			status: shop.PaymentStatusApproved, net: 50_000,
		},
		{
			name: "installments that differ hide no refund",
			rows: func(d *desk) (shop.Payment, []string) {
				p := d.paid()
				d.gateway.Refund(*p.PaymentKey, p.Amount)
				return p, []string{stateLine(p, 50_000, 3, 0, 3)}
			},
			planned: []found{
				{shop.DiscrepancyKindInstallmentDiffers, statusOpen, shop.CorrectiveActionOpenCase, 0},
				{shop.DiscrepancyKindRefundUnrecorded, statusPlanned, shop.CorrectiveActionRecordRefund, 50_000},
			},
			applied: []found{
				{shop.DiscrepancyKindInstallmentDiffers, statusOpen, shop.CorrectiveActionOpenCase, 0},
				{shop.DiscrepancyKindRefundUnrecorded, statusApplied, shop.CorrectiveActionRecordRefund, 50_000},
			},
			status: shop.PaymentStatusCanceled, net: 0,
		},
		{
			name: "our payment key under another order is a case",
			rows: func(d *desk) (shop.Payment, []string) {
				p, other := d.paid(), d.paid()
				strange := p
				strange.AttemptID = other.AttemptID
				return p, []string{row(strange, 1), row(other, 1)}
			},
			planned: []found{{shop.DiscrepancyKindOrderDiffers, statusOpen, shop.CorrectiveActionOpenCase, 50_000}},
			applied: []found{{shop.DiscrepancyKindOrderDiffers, statusOpen, shop.CorrectiveActionOpenCase, 50_000}},
			status:  shop.PaymentStatusApproved, net: 50_000,
		},
		{
			name:    "the same row again asks for nothing",
			rows:    func(d *desk) (shop.Payment, []string) { p := d.paid(); return p, []string{row(p, 1), row(p, 1)} },
			planned: []found{{shop.DiscrepancyKindDuplicateRow, statusIgnored, shop.CorrectiveActionNone, 0}},
			applied: []found{{shop.DiscrepancyKindDuplicateRow, statusIgnored, shop.CorrectiveActionNone, 0}},
			status:  shop.PaymentStatusApproved, net: 50_000,
		},
		{
			name:    "rows that contradict each other are one case and change nothing",
			rows:    func(d *desk) (shop.Payment, []string) { p := d.unknown(); return p, []string{row(p, 1), row(p, 3)} },
			planned: []found{{shop.DiscrepancyKindConflictingRows, statusOpen, shop.CorrectiveActionOpenCase, 50_000}},
			applied: []found{{shop.DiscrepancyKindConflictingRows, statusOpen, shop.CorrectiveActionOpenCase, 50_000}},
			status:  shop.PaymentStatusUnknown, net: 50_000, apart: true,
		},
		{
			name:    "a malformed row is a case, and the others go on",
			rows:    func(d *desk) (shop.Payment, []string) { p := d.unknown(); return p, []string{"x,y\n", row(p, 1)} },
			planned: []found{{shop.DiscrepancyKindMalformedRow, statusOpen, shop.CorrectiveActionOpenCase, 0}, {shop.DiscrepancyKindApprovalUnrecorded, statusPlanned, shop.CorrectiveActionRecordApproval, 50_000}},
			applied: []found{{shop.DiscrepancyKindMalformedRow, statusOpen, shop.CorrectiveActionOpenCase, 0}, {shop.DiscrepancyKindApprovalUnrecorded, statusApplied, shop.CorrectiveActionRecordApproval, 50_000}},
			status:  shop.PaymentStatusApproved, net: 50_000,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := openDesk(t)
			payment, rows := test.rows(d)
			versionWas := d.now(payment).Version
			rec := d.planned(rows...)
			d.want(rec, test.planned...)
			if len(test.planned) > 0 && d.now(payment).Version != versionWas {
				t.Error("planning changed the books")
			}
			d.applied(rec)
			d.want(rec, test.applied...)
			d.wantStatus(payment, test.status, test.net)
			if !test.apart {
				d.agree()
			}
		})
	}
}

// silenced is the gateway of the desk, which falls silent after its next look-up.
func (d *desk) silenced() *hookedGateway {
	gateway := &hookedGateway{Gateway: d.gateway}
	gateway.around = func() { gateway.silent = true }
	d.Commands.Gateways[shop.PGToss] = gateway
	return gateway
}

func TestReconciler_silentGateway(t *testing.T) {
	t.Parallel()
	for _, outcome := range []pg.Outcome{pg.OutcomeNotFound, pg.OutcomeUnknown} {
		t.Run("the file is evidence of an approval when the gateway says "+outcome.String(), func(t *testing.T) {
			t.Parallel()
			d := openDesk(t)
			p := d.unknown()
			d.gateway.Fail("lookup", outcome, 0)
			rec := d.applied(d.planned(row(p, 1)))
			d.want(rec, found{shop.DiscrepancyKindApprovalUnrecorded, statusApplied, shop.CorrectiveActionRecordApproval, 50_000})
			d.wantStatus(p, shop.PaymentStatusApproved, 50_000)
			d.agree()
		})
		t.Run("the file is evidence of a refund when the gateway says "+outcome.String(), func(t *testing.T) {
			t.Parallel()
			d := openDesk(t)
			p, q := d.paid(), d.unknown()
			d.gateway.Refund(*p.PaymentKey, p.Amount)
			d.gateway.Refund(*q.PaymentKey, q.Amount)
			d.gateway.Fail("lookup", outcome, 0)
			rec := d.applied(d.planned(row(p, 3), row(q, 3)))
			want := found{shop.DiscrepancyKindRefundUnrecorded, statusApplied, shop.CorrectiveActionRecordRefund, 50_000}
			d.want(rec, want, want)
			d.wantStatus(p, shop.PaymentStatusCanceled, 0)
			d.wantStatus(q, shop.PaymentStatusCanceled, 0)
			d.agree()
		})
		t.Run("no money is moved when the gateway says "+outcome.String(), func(t *testing.T) {
			t.Parallel()
			d := openDesk(t)
			p := d.expired()
			d.gateway.Fail("lookup", outcome, 0)
			rec := d.applied(d.planned(row(p, 1)))
			d.want(rec, found{shop.DiscrepancyKindPaidAfterEnd, statusOpen, shop.CorrectiveActionRefundAtGateway, 50_000})
			d.wantStatus(p, shop.PaymentStatusExpired, 50_000)
		})
	}
	t.Run("a failure in doubt ends by the file when the gateway knows nothing", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.ready(d.order())
		d.gateway.Fail("approve", pg.OutcomeUnknown, 1)
		_, _ = d.approve(p)
		d.gateway.Fail("lookup", pg.OutcomeUnknown, 0)
		rec := d.planned(row(p, 2))
		d.wantStatus(p, shop.PaymentStatusUnknown, 0)
		d.applied(rec)
		d.want(rec)
		d.wantStatus(p, shop.PaymentStatusFailed, 0)
	})
	t.Run("nothing is called given back that a gateway fallen silent may hold, and it is once it answers", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.expired()
		rec := d.planned(row(p, 1))
		gateway := d.silenced()
		_, err := d.reconciler.ApplyReconciliation(t.Context(), reconciliation.ApplyReconciliation{ID: rec.ID, PlanHash: *rec.PlanHash})
		d.must(err)
		d.want(rec, found{shop.DiscrepancyKindPaidAfterEnd, statusPlanned, shop.CorrectiveActionRefundAtGateway, 50_000})
		d.wantStatus(p, shop.PaymentStatusExpired, 50_000)
		gateway.around, gateway.silent = nil, false
		d.resumed(rec)
		d.want(rec, found{shop.DiscrepancyKindPaidAfterEnd, statusApplied, shop.CorrectiveActionRefundAtGateway, 50_000})
		d.wantStatus(p, shop.PaymentStatusExpired, 0)
		d.agree()
	})
	t.Run("who decides to give money back is told when the gateway falls silent", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.expired()
		rec := d.planned(row(p, 1))
		d.silenced()
		_, err := d.Commands.ResolveDiscrepancy(t.Context(), command.ResolveDiscrepancy{
			By: shop.Caller{Actor: shop.ActorOperator}, DiscrepancyID: d.discrepancy(rec, p), Action: shop.CorrectiveActionRefundAtGateway, Note: "back",
		})
		if shop.CodeOf(err) != shop.Conflict || !strings.Contains(err.Error(), "No money was moved") {
			t.Errorf("got %v, want CONFLICT that says that no money was moved", err)
		}
		d.wantStatus(p, shop.PaymentStatusExpired, 50_000)
	})
	t.Run("a refund that may be missing is a case when the gateway cannot be asked", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.refunded(d.paid())
		d.gateway.Fail("lookup", pg.OutcomeUnknown, 0)
		d.want(d.planned(row(p, 1)), found{shop.DiscrepancyKindRefundMissing, statusOpen, shop.CorrectiveActionOpenCase, 50_000})
	})
}

// fileOf names the file of the gateway's first day, or of the n-th after it.
func fileOf(n int) string {
	return "toss_" + pgtest.FirstDay().AddDate(0, 0, n).Format(time.DateOnly) + ".csv"
}

// moment is when clocks in Korea show a time on the gateway's first day, or on the n-th after it.
func moment(n int, clock string) time.Time {
	of, err := time.Parse(time.TimeOnly, clock)
	if err != nil {
		panic(err)
	}
	day := pgtest.FirstDay().AddDate(0, 0, n)
	return time.Date(day.Year(), day.Month(), day.Day(), of.Hour(), of.Minute(), of.Second(), 0, day.Location()).UTC()
}

func TestReconciler_missing(t *testing.T) {
	t.Parallel()
	// The fake gateway approves on its first day, at nine in the morning in Korea.
	name := fileOf(0)
	plan := func(t *testing.T, d *desk, name string, rows ...string) shop.Reconciliation {
		t.Helper()
		return shoptest.Must(d.reconciler.ImportSettlement(t.Context(), d.file(name, csvOf(rows...))))(t).Reconciliation
	}
	missing := found{shop.DiscrepancyKindMissingAtGateway, statusOpen, shop.CorrectiveActionOpenCase, 50_000}
	t.Run("an approval that the file of its day lacks is a case", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p, _ := d.paid(), d.paid()
		d.want(plan(t, d, name, row(p, 1)), missing)
	})
	t.Run("a file of another day, or of no day, lacks nothing", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		d.paid()
		d.want(plan(t, d, "toss_"+pgtest.FirstDay().AddDate(0, 0, 1).Format("20060102")+".csv"))
		d.want(plan(t, d, "toss.csv", "\n"))
	})
	t.Run("nothing is missing before the file's window has passed", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		d.paid()
		d.reconciler.Window = 1000 * 24 * time.Hour
		d.want(plan(t, d, name))
	})
	t.Run("a payment given back on its day may stand in neither leg", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.refunded(d.paid())
		_, err := d.DB.ExecContext(t.Context(), `UPDATE refunds SET done_at = ? WHERE payment_id = ?`, moment(0, "23:59:59"), string(p.ID))
		d.must(err)
		d.want(plan(t, d, name))
	})
	t.Run("a payment far from midnight needs its own day's file alone", func(t *testing.T) {
		t.Parallel()
		for _, at := range []string{"00:10:00", "23:49:59"} {
			d := openDesk(t)
			d.approvedAt(d.paid(), at)
			d.want(plan(t, d, name), missing)
		}
	})
	t.Run("a payment near midnight is missing once the files of both its days lack it, whichever came first", func(t *testing.T) {
		t.Parallel()
		before, after := fileOf(-1), fileOf(1)
		for _, order := range [][]string{
			{before, name, after},
			{before, after, name},
			{name, before, after},
			{name, after, before},
			{after, before, name},
			{after, name, before},
		} {
			d := openDesk(t)
			early, late, earlyTold, lateTold := d.paid(), d.paid(), d.paid(), d.paid()
			d.approvedAt(early, "00:05:00")
			d.approvedAt(earlyTold, "00:00:00")
			d.approvedAt(late, "23:55:00")
			d.approvedAt(lateTold, "23:59:59")
			rows := map[string][]string{before: {row(earlyTold, 1)}, name: {"\n"}, after: {row(lateTold, 1)}}
			for _, file := range order {
				d.auto(file, rows[file]...)
			}
			for range 2 {
				d.must(d.reconciler.Resume(t.Context()))
				d.Clock.Advance(30 * 24 * time.Hour)
			}
			if diff := cmp.Diff(d.sorted(early, late), d.missing()); diff != "" {
				t.Errorf("files in the order %v: missing payments (-want +got):\n%s", order, diff)
			}
		}
	})
	t.Run("a payment near midnight waits for the file of the other day, but not for ever", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		early, late := d.paid(), d.paid()
		d.approvedAt(early, "00:09:59")
		d.approvedAt(late, "23:50:00")
		d.auto(name)
		for range 8 {
			d.wantMissing()
			d.Clock.Advance(20 * time.Hour)
			d.must(d.reconciler.Resume(t.Context()))
		}
		d.Clock.Advance(20 * time.Hour)
		for range 2 {
			d.must(d.reconciler.Resume(t.Context()))
			d.wantMissing(early, late)
		}
	})
	t.Run("a payment approved and given back around midnight may stand in neither leg", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.refunded(d.paid())
		d.approvedAt(p, "23:58:00")
		_, err := d.DB.ExecContext(t.Context(), `UPDATE refunds SET done_at = ? WHERE payment_id = ?`, moment(1, "00:03:00"), string(p.ID))
		d.must(err)
		d.auto(name)
		d.Clock.Advance(30 * 24 * time.Hour)
		d.must(d.reconciler.Resume(t.Context()))
		d.wantMissing()
	})
	t.Run("a file that came before its window closed is asked again after it, once", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		told, p := d.paid(), d.paid()
		d.reconciler.Window = 1000 * 24 * time.Hour
		rec := d.auto(name, row(told, 1))
		d.must(d.reconciler.Resume(t.Context()))
		d.wantMissing()
		d.Clock.Advance(d.reconciler.Window)
		for range 2 { // another process
			window := d.reconciler.Window
			d.reconciler = d.Reconciler()
			d.reconciler.Window = window
			d.must(d.reconciler.Resume(t.Context()))
			d.must(d.reconciler.Poll(t.Context()))
			d.wantMissing(p)
		}
		again := d.auto(name, row(told, 1))
		want := []shop.DiscrepancyCount{{Kind: shop.DiscrepancyKindMissingAtGateway, Count: 1, Amount: 50_000}}
		if diff := cmp.Diff(want, again.Counts); diff != "" || again.ID != rec.ID || again.Status != shop.ReconciliationStatusApplied {
			t.Errorf("the file is %+v: counts (-want +got):\n%s", again, diff)
		}
		d.agreeBooks()
	})
	t.Run("a plan that waits for an operator is made again after the window", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.paid()
		d.reconciler.Window = 1000 * 24 * time.Hour
		rec := plan(t, d, name)
		d.Clock.Advance(d.reconciler.Window)
		d.must(d.reconciler.Resume(t.Context()))
		d.wantMissing(p)
		again := plan(t, d, name)
		if again.ID != rec.ID || again.Status != shop.ReconciliationStatusPlanned || *again.PlanHash == *rec.PlanHash {
			t.Errorf("the plan is %+v", again)
		}
		d.applied(again)
		d.must(d.reconciler.Resume(t.Context()))
		d.wantMissing(p)
	})
	t.Run("a payment that two files of its day lack is one case", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.paid()
		d.auto(name)
		d.auto(name, "\n")
		d.wantMissing(p)
	})
	t.Run("a payment told by the file of another day is not missing", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.paid()
		d.want(plan(t, d, fileOf(1), row(p, 1)))
		d.want(plan(t, d, name))
	})
}

func TestReconciler_ImportSettlement(t *testing.T) {
	t.Parallel()
	t.Run("the same content under another name has no new effect", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		body := csvOf(row(d.unknown(), 1))
		first := shoptest.Must(d.reconciler.ImportSettlement(t.Context(), d.file("toss.csv", body)))(t).Reconciliation
		again := shoptest.Must(d.reconciler.ImportSettlement(t.Context(), d.file("copy of toss.csv", body)))(t).Reconciliation
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
		done := d.applied(first)
		again = shoptest.Must(d.reconciler.ImportSettlement(t.Context(), d.file("toss.csv", body)))(t).Reconciliation
		if diff := cmp.Diff(done, again); diff != "" {
			t.Errorf("(-done +again):\n%s", diff)
		}
	})
	t.Run("the same name with other content is another file", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.unknown()
		first := d.planned(row(p, 1))
		edited := d.planned(row(p, 1), row(d.paid(), 1))
		if first.ID == edited.ID {
			t.Fatal("an edited file is merged into the one before")
		}
		d.applied(edited)
		d.wantStatus(p, shop.PaymentStatusApproved, 50_000)
		_, err := d.reconciler.ApplyReconciliation(t.Context(), reconciliation.ApplyReconciliation{ID: first.ID, PlanHash: *first.PlanHash})
		if shop.CodeOf(err) != shop.Conflict {
			t.Errorf("the plan of the first file ends in %v, want CONFLICT: its payment moved", err)
		}
		d.agree()
	})
	t.Run("a format that the gateway does not write is invalid", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		for field, change := range map[string]func(*reconciliation.ImportSettlement){
			"format": func(cmd *reconciliation.ImportSettlement) { cmd.Format = shop.SettlementFormatKakaoPaymentsJSON },
			"pg":     func(cmd *reconciliation.ImportSettlement) { cmd.PG = "NAVER" },
			"file":   func(cmd *reconciliation.ImportSettlement) { cmd.File.Body = nil },
		} {
			cmd := d.file("toss.csv", csvOf())
			change(&cmd)
			_, err := d.reconciler.ImportSettlement(t.Context(), cmd)
			var refused *shop.Error
			if !asShopError(err, &refused) || refused.Code != shop.Invalid || refused.Details["field"] != field {
				t.Errorf("got %v, want INVALID %s", err, field)
			}
		}
		d.reconciler.MaxSize = 10
		if _, err := d.reconciler.ImportSettlement(t.Context(), d.file("toss.csv", csvOf())); shop.CodeOf(err) != shop.Invalid {
			t.Errorf("a file over the limit ends in %v", err)
		}
	})
	t.Run("a file that cannot be believed is REJECTED with its line, and changes nothing", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		body := csvOf(row(d.unknown(), 1), "att_1,k")
		rec := shoptest.Must(d.reconciler.ImportSettlement(t.Context(), d.file("toss.csv", body)))(t).Reconciliation
		if rec.Status != shop.ReconciliationStatusRejected || rec.Rejection == nil || !strings.HasPrefix(*rec.Rejection, "line 3: ") || rec.FinishedAt == nil {
			t.Errorf("got %+v", rec)
		}
		d.want(rec)
		again := shoptest.Must(d.reconciler.ImportSettlement(t.Context(), d.file("renamed.csv", body)))(t).Reconciliation
		if diff := cmp.Diff(rec, again); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
	})
	t.Run("autoApply carries out at once what is within the cap", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.expired()
		cmd := d.file("toss.csv", csvOf(row(p, 1)))
		cmd.AutoApply = true
		d.reconciler.AutoApplyCap = 50_000
		if rec := shoptest.Must(d.reconciler.ImportSettlement(t.Context(), cmd))(t).Reconciliation; rec.Status != shop.ReconciliationStatusApplied {
			t.Errorf("the file is %s", rec.Status)
		}
		d.wantStatus(p, shop.PaymentStatusExpired, 0)
		d.agree()
	})
	t.Run("autoApply leaves to an operator what is over the cap", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.expired()
		cmd := d.file("toss.csv", csvOf(row(p, 1)))
		cmd.AutoApply = true
		d.reconciler.AutoApplyCap = 49_999
		rec := shoptest.Must(d.reconciler.ImportSettlement(t.Context(), cmd))(t).Reconciliation
		if rec.Status != shop.ReconciliationStatusPlanned {
			t.Errorf("the file is %s", rec.Status)
		}
		d.must(d.reconciler.Poll(t.Context()))
		d.wantStatus(p, shop.PaymentStatusExpired, 50_000)
		d.applied(rec)
		d.wantStatus(p, shop.PaymentStatusExpired, 0)
		d.agree()
	})
	t.Run("reading goes on where it broke off, with no row lost or doubled", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		var body bytes.Buffer
		body.WriteString(stateHeader)
		for i := range 2_500 {
			fmt.Fprintf(&body, "order%d,key%06d,%d,2,0,0\n", i, i, i)
		}
		ctx, stop := context.WithCancel(t.Context())
		d.reconciler.Chunk = 500
		d.reconciler.Progress = func(shop.Reconciliation) { stop() } // after the first chunk
		if _, err := d.reconciler.ImportSettlement(ctx, d.file("toss.csv", body.String())); err == nil {
			t.Fatal("the import was not broken off")
		}
		var staged int
		d.must(d.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM settlement_rows`).Scan(&staged))
		if staged == 0 || staged == 2_500 {
			t.Fatalf("%d rows were staged before the break", staged)
		}
		d.reconciler.Progress, d.reconciler.Chunk = nil, 333
		rec := shoptest.Must(d.reconciler.ImportSettlement(t.Context(), d.file("toss.csv", body.String())))(t).Reconciliation
		if rec.Status != shop.ReconciliationStatusPlanned || rec.Rows != 2_500 || len(d.found(rec)) != 2_500 {
			t.Errorf("got %+v with %d discrepancies", rec, len(d.found(rec)))
		}
		var sum int
		d.must(d.DB.QueryRowContext(t.Context(), `SELECT SUM(amount) FROM settlement_rows`).Scan(&sum))
		if want := 2_500 * 2_499 / 2; sum != want {
			t.Errorf("the rows sum to %d, want %d", sum, want)
		}
	})
	t.Run("a replica that died is replaced when its hold ends", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		body := csvOf(row(d.unknown(), 1))
		cmd := d.file("toss.csv", body)
		opened := shoptest.Must(d.reconciler.Files.OpenReconciliation(t.Context(), reconciliation.OpenReconciliation{
			PG: shop.PGToss, Format: cmd.Format, Source: "toss.csv", FileHash: fmt.Sprintf("%x", sha256Of(body)),
		}))(t)
		dead, _, err := d.reconciler.Files.HoldReconciliation(t.Context(), opened.ID)
		d.must(err)
		if rec := shoptest.Must(d.reconciler.ImportSettlement(t.Context(), cmd))(t).Reconciliation; rec.ID != opened.ID || rec.Status != shop.ReconciliationStatusReading {
			t.Errorf("while it is held the file is %+v", rec)
		}
		d.Clock.Advance(3 * time.Minute)
		rec := d.planned(row(shoptest.Must(firstPayment(d))(t), 1))
		if rec.ID != opened.ID {
			t.Errorf("the file has two reconciliations")
		}
		_, err = d.reconciler.Files.RejectReconciliation(t.Context(), reconciliation.RejectReconciliation{Hold: dead, Reason: "late"})
		if shop.CodeOf(err) != shop.InProgress {
			t.Errorf("the dead replica's write ends in %v, want IN_PROGRESS", err)
		}
	})
}

func TestReconciler_ApplyReconciliation(t *testing.T) {
	t.Parallel()
	apply := func(d *desk, rec shop.Reconciliation, hash string) error {
		_, err := d.reconciler.ApplyReconciliation(d.t.Context(), reconciliation.ApplyReconciliation{ID: rec.ID, PlanHash: hash})
		return err
	}
	t.Run("another plan hash, and no reconciliation, are refused", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		rec := d.planned(row(d.unknown(), 1))
		if err := apply(d, rec, strings.Repeat("0", 64)); shop.CodeOf(err) != shop.Conflict {
			t.Errorf("got %v, want CONFLICT", err)
		}
		if err := apply(d, shop.Reconciliation{ID: "rec_none"}, "x"); shop.CodeOf(err) != shop.NotFound {
			t.Errorf("got %v, want NOT_FOUND", err)
		}
	})
	t.Run("books that moved since make another plan, which can then be applied", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p, q := d.unknown(), d.unknown()
		rec := d.planned(row(p, 1), row(q, 1))
		shoptest.Must(d.Commands.ResolveAttempt(t.Context(), command.ResolveAttempt{AttemptID: p.AttemptID, Actor: shop.ActorResolver}))(t)
		err := apply(d, rec, *rec.PlanHash)
		var moved *shop.Error
		if !asShopError(err, &moved) || moved.Code != shop.Conflict {
			t.Fatalf("got %v, want CONFLICT", err)
		}
		hash := moved.Details["planHash"].(string)
		if hash == *rec.PlanHash {
			t.Fatal("the plan kept its name")
		}
		d.want(rec,
			found{shop.DiscrepancyKindApprovalUnrecorded, statusIgnored, shop.CorrectiveActionRecordApproval, 50_000},
			found{shop.DiscrepancyKindApprovalUnrecorded, statusPlanned, shop.CorrectiveActionRecordApproval, 50_000})
		rec.PlanHash = &hash
		done := d.applied(rec)
		if done.Matched != 1 {
			t.Errorf("%d rows match, want 1", done.Matched)
		}
		want := []shop.DiscrepancyCount{{Kind: shop.DiscrepancyKindApprovalUnrecorded, Count: 1, Amount: 50_000}}
		if diff := cmp.Diff(want, done.Counts); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		d.agree()
	})
	t.Run("applied twice, or by two at once, it does nothing twice", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		var rows []string
		var payments []shop.Payment
		for range 4 {
			p := d.expired()
			payments, rows = append(payments, p), append(rows, row(p, 1))
		}
		rec := d.planned(rows...)
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				if err := apply(d, rec, *rec.PlanHash); err != nil && shop.CodeOf(err) != shop.InProgress {
					t.Errorf("got %v", err)
				}
			})
		}
		group.Wait()
		d.applied(rec)
		for _, p := range payments {
			if ledger := d.gateway.Ledger(*p.PaymentKey); ledger.Cancels != 1 || ledger.Refunded != p.Amount {
				t.Errorf("the gateway gave back %d won in %d times", ledger.Refunded, ledger.Cancels)
			}
		}
		d.agree()
	})
	t.Run("what broke off goes on, and nothing is done twice", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		var rows []string
		var payments []shop.Payment
		for range 5 {
			p := d.expired()
			payments, rows = append(payments, p), append(rows, row(p, 1))
		}
		rec := d.planned(rows...)
		// A replica that dies: no hold is let go, and one refund is made but not noted.
		hold, _, err := d.reconciler.Files.HoldReconciliation(t.Context(), rec.ID)
		d.must(err)
		shoptest.Must(d.reconciler.Files.BeginApplying(t.Context(), reconciliation.BeginApplying{Hold: hold, PlanHash: *rec.PlanHash}))(t)
		var first shop.DiscrepancyID
		d.must(d.DB.QueryRowContext(t.Context(), `SELECT id FROM discrepancies ORDER BY id LIMIT 1`).Scan(&first))
		shoptest.Must(d.Commands.SettleDiscrepancy(t.Context(), command.SettleDiscrepancy{Hold: hold, ID: first}))(t)
		shoptest.Must(d.Commands.ResolveAttempt(t.Context(), command.ResolveAttempt{AttemptID: payments[1].AttemptID, Actor: shop.ActorReconciliation}))(t)
		if err := apply(d, rec, *rec.PlanHash); shop.CodeOf(err) != shop.InProgress {
			t.Errorf("while it is held, applying ends in %v", err)
		}
		d.Clock.Advance(3 * time.Minute)
		d.must(d.reconciler.Poll(t.Context()))
		d.applied(rec)
		for _, p := range payments {
			if ledger := d.gateway.Ledger(*p.PaymentKey); ledger.Cancels != 1 || ledger.Refunded != p.Amount {
				t.Errorf("the gateway gave back %d won in %d times", ledger.Refunded, ledger.Cancels)
			}
		}
		d.agree()
	})
	t.Run("a lost answer to a refund is left to the resolver", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.expired()
		rec := d.planned(row(p, 1))
		d.gateway.Lose("cancel", 1)
		d.applied(rec)
		d.want(rec, found{shop.DiscrepancyKindPaidAfterEnd, statusApplied, shop.CorrectiveActionRefundAtGateway, 50_000})
		d.Clock.Advance(time.Minute)
		shoptest.Must(d.Commands.ResolvePayments(t.Context()))(t)
		d.wantStatus(p, shop.PaymentStatusExpired, 0)
		d.agree()
	})
	t.Run("a refund that the gateway refuses is a case", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.expired()
		rec := d.planned(row(p, 1))
		d.gateway.Fail("cancel", pg.OutcomeRefused, 0)
		d.applied(rec)
		d.want(rec, found{shop.DiscrepancyKindPaidAfterEnd, statusOpen, shop.CorrectiveActionRefundAtGateway, 50_000})
		d.wantStatus(p, shop.PaymentStatusExpired, 50_000)
	})
}

func asShopError(err error, out **shop.Error) bool { return errors.As(err, out) }

func sha256Of(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// firstPayment is the oldest payment of the books.
func firstPayment(d *desk) (shop.Payment, error) {
	var p shop.Payment
	err := d.DB.QueryRowContext(d.t.Context(), `SELECT id, attempt_id, payment_key, amount, tax_free_amount FROM payments ORDER BY id LIMIT 1`).
		Scan(&p.ID, &p.AttemptID, &p.PaymentKey, &p.Amount, &p.TaxFreeAmount)
	return p, err
}

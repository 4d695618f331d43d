package reconcile_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/command"
	"payment-system/internal/shoptest"
	"payment-system/pg"
	"payment-system/shop"
)

// history is what a payment's read model tells of its past, "kind ACTOR" each, in order of versions.
func (d *desk) history(p shop.Payment) []string {
	d.t.Helper()
	var document []byte
	d.must(d.DB.QueryRowContext(d.t.Context(), `SELECT document FROM payment_views WHERE id = ?`, string(p.ID)).Scan(&document))
	var shown shop.Payment
	d.must(json.Unmarshal(document, &shown))
	lines := make([]string, len(shown.History))
	for i, e := range shown.History {
		lines[i] = fmt.Sprintf("%s %s", e.Kind, e.Actor)
		if e.Version != i+1 || e.At.IsZero() || e.Status == "" {
			d.t.Errorf("line %d of the history is version %d, of %v, %q", i+1, e.Version, e.At, e.Status)
		}
	}
	return lines
}

func (d *desk) refundBy(by shop.Caller, p shop.Payment, amount shop.Won) error {
	_, err := d.Commands.CancelPayment(d.t.Context(), command.CancelPayment{By: by, IdempotencyKey: rand.Text(), PaymentID: p.ID, Amount: &amount, Reason: "변심"})
	return err
}

// refundAtConsole gives all of a payment back behind our back.
func (d *desk) refundAtConsole(p shop.Payment) {
	d.t.Helper()
	shoptest.Must(d.gateway.Cancel(d.t.Context(), pg.CancelRequest{
		IdempotencyKey: "console", Key: pg.Key{PaymentKey: *p.PaymentKey, AttemptID: p.AttemptID}, Amount: p.Amount, Available: p.Amount, Whole: true, Reason: "console",
	}))(d.t)
}

// resolve runs the resolver, a minute later.
func (d *desk) resolve() {
	d.t.Helper()
	d.Clock.Advance(time.Minute)
	shoptest.Must(d.Commands.ResolvePayments(d.t.Context()))(d.t)
}

// Proves: a payment's history is whole, and tells of each step who took it.
func TestHistory_actors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		live func(d *desk) shop.Payment
		want []string
	}{
		"approved at once": {
			func(d *desk) shop.Payment { return d.paid() },
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.approved GATEWAY"},
		},
		"the answer lost, found by the resolver": {
			func(d *desk) shop.Payment { p := d.unknown(); d.resolve(); return p },
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.unknown GATEWAY", "payment.approved RESOLVER"},
		},
		"the call lost, repeated by the resolver": {
			func(d *desk) shop.Payment {
				p := d.ready(d.order())
				d.gateway.Fail("approve", pg.OutcomeUnknown, 1)
				_, err := d.approve(p)
				shoptest.WantCode(d.t, err, shop.InProgress)
				d.resolve()
				return p
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.unknown GATEWAY", "payment.record_changed RESOLVER", "payment.approved RESOLVER"},
		},
		"the call lost, and its time over": {
			func(d *desk) shop.Payment {
				p := d.ready(d.order())
				d.gateway.Fail("approve", pg.OutcomeUnknown, 1)
				_, err := d.approve(p)
				shoptest.WantCode(d.t, err, shop.InProgress)
				d.Clock.Advance(2 * time.Hour)
				d.resolve()
				shoptest.Must(d.Commands.ExpireOrders(d.t.Context()))(d.t)
				return p
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.unknown GATEWAY", "payment.record_changed RESOLVER", "payment.failed RESOLVER", "payment.expired SCHEDULER"},
		},
		"the answer lost, told by a webhook": {
			func(d *desk) shop.Payment {
				p := d.unknown()
				body := fmt.Sprintf(`{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-02T14:46:59.65327","data":{"paymentKey":%q,"orderId":%q,"status":"DONE"}}`, *p.PaymentKey, p.AttemptID)
				d.must(d.Commands.ReceiveWebhook(d.t.Context(), command.ReceiveWebhook{Body: []byte(body)}))
				d.must(d.Commands.Drain(d.t.Context())) // it is looked up in the background
				return p
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.unknown GATEWAY", "payment.approved RESOLVER"},
		},
		"the answer lost, told by a settlement file": {
			func(d *desk) shop.Payment {
				p := d.unknown()
				d.applied(d.planned(row(p, 1)))
				return p
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.unknown GATEWAY", "payment.approved RECONCILIATION"},
		},
		"refused by the gateway": {
			func(d *desk) shop.Payment {
				p := d.ready(d.order())
				d.gateway.Fail("approve", pg.OutcomeRefused, 1)
				_, err := d.approve(p)
				shoptest.WantCode(d.t, err, shop.Declined)
				return p
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.failed GATEWAY"},
		},
		"left by the shopper, tried again": {
			func(d *desk) shop.Payment {
				order := d.order()
				p := d.ready(order)
				shoptest.Must(d.Commands.FailPayment(d.t.Context(), command.FailPayment{By: shoptest.Shopper, PaymentID: p.ID, Code: "PAY_PROCESS_CANCELED", Message: "x"}))(d.t)
				return shoptest.Must(d.approve(d.ready(order)))(d.t)
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.failed SHOPPER", "payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.approved GATEWAY"},
		},
		"a part refunded by an operator, the rest by the shopper": {
			func(d *desk) shop.Payment {
				p := d.paid()
				d.must(d.refundBy(shoptest.Operator, p, 20_000))
				d.must(d.refundBy(shoptest.Shopper, p, 30_000))
				return p
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.approved GATEWAY", "payment.canceling OPERATOR", "payment.partially_canceled GATEWAY", "payment.canceling SHOPPER", "payment.canceled GATEWAY"},
		},
		"a refund's answer lost, found by the resolver": {
			func(d *desk) shop.Payment {
				p := d.paid()
				d.gateway.Lose("cancel", 1)
				shoptest.WantCode(d.t, d.refundBy(shoptest.Operator, p, 50_000), shop.InProgress)
				d.resolve()
				return p
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.approved GATEWAY", "payment.canceling OPERATOR", "payment.unknown GATEWAY", "payment.canceled RESOLVER"},
		},
		"a refund refused": {
			func(d *desk) shop.Payment {
				p := d.paid()
				d.gateway.Fail("cancel", pg.OutcomeRefused, 1)
				shoptest.WantCode(d.t, d.refundBy(shoptest.Operator, p, 50_000), shop.Declined)
				return p
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.approved GATEWAY", "payment.canceling OPERATOR", "payment.cancel_refused GATEWAY"},
		},
		"a refund made at the gateway, told by a settlement file": {
			func(d *desk) shop.Payment {
				p := d.paid()
				d.refundAtConsole(p)
				d.applied(d.planned(row(p, 3)))
				return p
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.approved GATEWAY", "payment.canceled RECONCILIATION"},
		},
		"a refund made at the gateway, recorded as an operator decided": {
			func(d *desk) shop.Payment {
				p := d.paid()
				d.refundAtConsole(p)
				opened := shoptest.Must(d.Commands.OpenCase(d.t.Context(), command.OpenCase{
					PG: shop.PGToss, Kind: shop.DiscrepancyKindRefundUnrecorded, PaymentID: &p.ID, AttemptID: &p.AttemptID, Amount: p.Amount,
				}))(d.t)
				shoptest.Must(d.Commands.ResolveDiscrepancy(d.t.Context(), command.ResolveDiscrepancy{
					By: shoptest.Operator, DiscrepancyID: opened.ID, Action: shop.CorrectiveActionRecordRefund, Note: "seen at the gateway",
				}))(d.t)
				return p
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.approving SHOPPER", "payment.approved GATEWAY", "payment.canceled OPERATOR"},
		},
		"expired, then paid, told by a settlement file": {
			func(d *desk) shop.Payment {
				p := d.expired()
				d.applied(d.planned(row(p, 1)))
				d.resolve()
				return p
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.expired SCHEDULER", "payment.late_money RECONCILIATION", "payment.late_money RECONCILIATION", "payment.late_money_returned GATEWAY"},
		},
		"canceled by the shopper before it was paid": {
			func(d *desk) shop.Payment {
				p := d.ready(d.order())
				shoptest.Must(d.Commands.CancelOrder(d.t.Context(), command.CancelOrder{By: shoptest.Shopper, IdempotencyKey: "c", OrderID: p.OrderID}))(d.t)
				return p
			},
			[]string{"payment.opened SHOPPER", "payment.readied GATEWAY", "payment.canceled SHOPPER"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openDesk(t)
			p := test.live(d)
			if diff := cmp.Diff(test.want, d.history(p)); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}
			d.agree()
		})
	}
}

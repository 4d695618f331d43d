package projections

import (
	"context"
	"fmt"
	"time"

	"payment-system/command"
	"payment-system/shop"
)

// windowAfter is how long after its day a file may still lack payments: Kakao
// Pay writes its own at about eight.
const windowAfter = 8 * time.Hour

// nearMidnight is how far the gateway's clock and ours may put one payment on
// different days.
const nearMidnight = 10 * time.Minute

// walkBooks looks the other way: for payments of the file's days that it lacks.
func (p *plan) walkBooks(ctx context.Context) error {
	days, err := p.days(ctx)
	if err != nil {
		return err
	}
	window := p.Window
	if window == 0 {
		window = windowAfter
	}
	for _, day := range days {
		from := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, korea).UTC()
		before := from.AddDate(0, 0, 1)
		if p.Now().Before(before.Add(window)) {
			continue
		}
		if err := p.walkDay(ctx, from, before); err != nil {
			return err
		}
	}
	return nil
}

// days are the business days that the file is surely whole for: the one it says,
// else those of its approvals.
func (p *plan) days(ctx context.Context) ([]time.Time, error) {
	if p.day != nil {
		return []time.Time{*p.day}, nil
	}
	var days []time.Time
	err := p.each(ctx, `SELECT DISTINCT business_day FROM settlement_rows WHERE reconciliation_id = ? AND kind = ? AND business_day IS NOT NULL ORDER BY business_day`,
		[]any{string(p.rec.ID), command.SettlementApproval}, func(scan scanner) error {
			var day time.Time
			err := scan(&day)
			days = append(days, day)
			return err
		})
	return days, err
}

// A bookedDay is a payment that was approved on a day.
type bookedDay struct {
	booked
	key        string
	approvedAt time.Time
}

// walkDay goes through the payments approved from one moment up to another.
func (p *plan) walkDay(ctx context.Context, from, before time.Time) error {
	at, id := from, ""
	for {
		page, err := p.readDay(ctx, at, id, before)
		if err != nil {
			return err
		}
		told, err := p.toldKeys(ctx, page)
		if err != nil {
			return err
		}
		for i := range page {
			if err := p.missing(ctx, &page[i], told, from, before); err != nil {
				return err
			}
			at, id = page[i].approvedAt, string(page[i].payment.id)
		}
		if len(page) < statementPage {
			return nil
		}
	}
}

func (p *plan) readDay(ctx context.Context, at time.Time, id string, before time.Time) ([]bookedDay, error) {
	var page []bookedDay
	err := p.each(ctx, `SELECT p.id, p.attempt_id, p.payment_key, p.status, p.amount, p.captured_amount, p.refunded_amount, p.approved_at, p.version, p.order_id, o.status,
		(SELECT COALESCE(MAX(r.done_at), p.approved_at) FROM refunds r WHERE r.attempt_id = p.attempt_id AND r.status = 'DONE')
		FROM payments p JOIN orders o ON o.id = p.order_id
		WHERE p.pg = ? AND p.approved_at >= ? AND p.approved_at < ? AND (p.approved_at > ? OR p.id > ?) AND p.captured_amount > 0 AND p.payment_key IS NOT NULL
		ORDER BY p.approved_at, p.id LIMIT ?`, []any{string(p.rec.PG), at, before, at, id, statementPage}, func(scan scanner) error {
		var b bookedDay
		var lastRefund time.Time
		err := scan(&b.payment.id, &b.attempt.id, &b.key, &b.payment.status, &b.payment.amount, &b.attempt.captured, &b.attempt.refunded, &b.approvedAt,
			&b.payment.version, &b.orderID, &b.order, &lastRefund)
		b.attempt.status = b.payment.status
		b.refunds = []bookedRefund{{status: shop.RefundStatusDone, amount: b.attempt.refunded, doneAt: &lastRefund}}
		page = append(page, b)
		return err
	})
	return page, err
}

// toldKeys are the payments of a page that a file of the gateway tells of: this
// one, or another that was not refused, of the day before or after, say.
func (p *plan) toldKeys(ctx context.Context, page []bookedDay) (map[string]bool, error) {
	told := map[string]bool{}
	if len(page) == 0 {
		return told, nil
	}
	args := []any{string(p.rec.PG), string(shop.ReconciliationStatusRejected)}
	for _, b := range page {
		args = append(args, b.key)
	}
	err := p.each(ctx, `SELECT DISTINCT s.payment_key FROM settlement_rows s JOIN reconciliations r ON r.id = s.reconciliation_id
		WHERE r.pg = ? AND r.status <> ? AND s.payment_key IN (`+places(len(page))+`)`, args, func(scan scanner) error {
		var key string
		err := scan(&key)
		told[key] = true
		return err
	})
	return told, err
}

// missing judges a payment that the file may lack. One that was approved and
// given back on the same day may stand in neither leg, and one near midnight
// belongs to either day.
func (p *plan) missing(ctx context.Context, b *bookedDay, told map[string]bool, from, before time.Time) error {
	netted := b.left() == 0 && dayOf(*b.refunds[0].doneAt) == dayOf(b.approvedAt)
	edge := b.approvedAt.Sub(from) < nearMidnight || before.Sub(b.approvedAt) <= nearMidnight
	if told[b.key] || netted || edge {
		return nil
	}
	v := verdict{plan: p, booked: &b.booked}
	return p.add(ctx, command.Finding{
		Key: findingKey(shop.DiscrepancyKindMissingAtGateway, string(b.payment.id)), Kind: shop.DiscrepancyKindMissingAtGateway,
		Action: shop.CorrectiveActionOpenCase, PaymentID: &b.payment.id, AttemptID: &b.attempt.id, Amount: b.left(),
		Expected: b.says(), Note: joined(fmt.Sprintf("Approved on %s; the file does not have it.", dayOf(b.approvedAt)), v.askedNote(ctx)),
	}, b.payment.version)
}

package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"payment-system/command/reconciliation"
	"payment-system/shop"
)

// windowAfter is how long after its day a file may still lack payments: Kakao
// Pay writes its own at about eight.
const windowAfter = 8 * time.Hour

// nearMidnight is how far the gateway's clock and ours may put one payment on
// different days.
const nearMidnight = 10 * time.Minute

// neighborAfter is how long the file of a neighboring day is waited for, once
// this one is here and that one could be. neighborEvery is how often it is
// looked for at least.
const (
	neighborAfter = 7 * 24 * time.Hour
	neighborEvery = time.Hour
)

// noDay is the notice on a file that no payment can be missing from.
const noDay = "Nothing can be missing from this file: neither its rows nor its name tell the day that it is whole for. " +
	"Give the day, and payments of it that the file lacks are looked for."

// walkBooks looks the other way: for payments of the file's days that it lacks.
// What cannot be told yet is looked for again at p.due. A file whose days nobody
// tells lacks nothing: it may be of some payments only.
func (p *plan) walkBooks(ctx context.Context) error {
	days, err := p.days(ctx)
	if err != nil {
		return err
	}
	if len(days) == 0 {
		p.notice = noDay
	}
	for _, day := range days {
		if open := p.closes(midnight(day)); p.job.reconciler.Now().Before(open) {
			p.await(open)
			continue
		}
		if err := p.walkDay(ctx, midnight(day)); err != nil {
			return err
		}
	}
	return nil
}

// closes is when the file of the day that begins at from lacks nothing any more.
func (p *plan) closes(from time.Time) time.Time {
	return from.AddDate(0, 0, 1).Add(cmp.Or(p.job.reconciler.Window, windowAfter))
}

// await has the books looked at again at a moment, if not before.
func (p *plan) await(at time.Time) {
	if p.due == nil || at.Before(*p.due) {
		p.due = &at
	}
}

// days are the business days that the file is surely whole for: the one it says,
// else those of its approvals.
func (p *plan) days(ctx context.Context) ([]time.Time, error) {
	if p.job.day != nil {
		return []time.Time{*p.job.day}, nil
	}
	var days []time.Time
	err := p.job.books.each(ctx, `SELECT DISTINCT business_day FROM settlement_rows WHERE reconciliation_id = ?
		AND kind = ? AND business_day IS NOT NULL ORDER BY business_day`,
		[]any{string(p.job.rec.ID), shop.SettlementApproval}, func(scan scanner) error {
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

// walkDay goes through the payments approved on the day that begins at from.
func (p *plan) walkDay(ctx context.Context, from time.Time) error {
	at, id, before := from, "", from.AddDate(0, 0, 1)
	for {
		page, err := p.readApprovedOn(ctx, at, id, before)
		if err != nil {
			return err
		}
		inFiles, err := p.keysInAnyFile(ctx, page)
		if err != nil {
			return err
		}
		if err := p.addJudged(ctx, page, inFiles); err != nil {
			return err
		}
		for i := range page {
			if err := p.judgeAbsent(ctx, &page[i], inFiles, from); err != nil {
				return err
			}
			at, id = page[i].approvedAt, string(page[i].payment.id)
		}
		if len(page) < statementPage {
			return nil
		}
	}
}

func (p *plan) readApprovedOn(ctx context.Context, at time.Time, id string, before time.Time) ([]bookedDay, error) {
	var page []bookedDay
	err := p.job.books.each(ctx, `SELECT p.id, p.attempt_id, p.payment_key, p.status, p.amount, p.captured_amount,
		p.refunded_amount, p.approved_at, p.version, p.order_id, o.status,
		(SELECT COALESCE(MAX(r.done_at), p.approved_at) FROM refunds r WHERE r.attempt_id = p.attempt_id
		AND r.status = 'DONE')
		FROM payments p JOIN orders o ON o.id = p.order_id
		WHERE p.pg = ? AND p.approved_at >= ? AND p.approved_at < ? AND (p.approved_at > ? OR p.id > ?)
		AND p.captured_amount > 0 AND p.payment_key IS NOT NULL
		ORDER BY p.approved_at, p.id
		LIMIT ?`, []any{string(p.job.rec.PG), at, before, at, id, statementPage}, func(scan scanner) error {
		var b bookedDay
		var lastRefund time.Time
		err := scan(&b.payment.id, &b.attempt.id, &b.key, &b.payment.status, &b.payment.amount, &b.attempt.captured,
			&b.attempt.refunded, &b.approvedAt,
			&b.payment.version, &b.orderID, &b.order, &lastRefund)
		b.attempt.status = b.payment.status
		b.refunds = []bookedRefund{{status: shop.RefundStatusDone, amount: b.attempt.refunded, doneAt: &lastRefund}}
		page = append(page, b)
		return err
	})
	return page, err
}

// keysInAnyFile are the payments of a page that a file of the gateway has: this
// one, or another that was not refused, of the day before or after, say.
func (p *plan) keysInAnyFile(ctx context.Context, page []bookedDay) (map[string]bool, error) {
	keys := map[string]bool{}
	if len(page) == 0 {
		return keys, nil
	}
	args := []any{string(p.job.rec.PG), string(shop.ReconciliationStatusRejected)}
	for _, b := range page {
		args = append(args, b.key)
	}
	err := p.job.books.each(ctx, `SELECT DISTINCT s.payment_key FROM settlement_rows s
		JOIN reconciliations r ON r.id = s.reconciliation_id
		WHERE r.pg = ? AND r.status <> ? AND r.replaced_by IS NULL AND s.payment_key IN (`+places(len(page))+`)`, args, func(scan scanner) error {
		var key string
		err := scan(&key)
		keys[key] = true
		return err
	})
	return keys, err
}

// judgeAbsent judges a payment of the day that begins at from, which the file may lack.
func (p *plan) judgeAbsent(ctx context.Context, b *bookedDay, inFiles map[string]bool, from time.Time) error {
	if inFiles[b.key] || b.netted() {
		return nil
	}
	absent, note, err := p.absent(ctx, b, from)
	if err != nil || !absent {
		return err
	}
	known, err := p.knownMissing(ctx, b)
	if err != nil || known {
		return err
	}
	return p.missing(ctx, b, joined(fmt.Sprintf("Approved on %s; the file does not have it.", dayOf(b.approvedAt)), note))
}

// netted reports whether the payment was approved and given back on one day, as
// the gateway may see it: then it may stand in neither leg.
func (b *bookedDay) netted() bool {
	if b.left() != 0 {
		return false
	}
	approved, back := b.approvedAt, *b.refunds[0].doneAt
	return dayOf(back.Add(-nearMidnight)) <= dayOf(approved.Add(nearMidnight)) &&
		dayOf(approved.Add(-nearMidnight)) <= dayOf(back.Add(nearMidnight))
}

// absent reports whether a payment that no file told of a moment ago is in none. One
// near midnight may be in the file of the neighboring day, which is waited for.
func (p *plan) absent(ctx context.Context, b *bookedDay, from time.Time) (absent bool, note string, err error) {
	var neighbor time.Time
	switch before := from.AddDate(0, 0, 1); {
	case b.approvedAt.Sub(from) < nearMidnight:
		neighbor = from.AddDate(0, 0, -1)
	case before.Sub(b.approvedAt) <= nearMidnight:
		neighbor = before
	default:
		return true, "", nil
	}
	if closes := p.closes(neighbor); p.job.reconciler.Now().Before(closes) {
		p.await(closes)
		return false, "", nil
	}
	came, err := p.came(ctx, neighbor)
	if err != nil {
		return false, "", err
	}
	if came { // it may have come since
		inFiles, err := p.keysInAnyFile(ctx, []bookedDay{*b})
		return !inFiles[b.key], "", err
	}
	if last := later(p.job.rec.StartedAt, p.closes(neighbor)).Add(neighborAfter); p.job.reconciler.Now().Before(last) {
		p.await(earlier(last, p.job.reconciler.Now().Add(neighborEvery)))
		return false, "", nil
	}
	return true, fmt.Sprintf("The file of %s, which may have it, did not come.", dayOf(neighbor)), nil
}

// came reports whether the gateway's file of the day that begins at from was read
// to its end: this one, or another.
func (p *plan) came(ctx context.Context, from time.Time) (bool, error) {
	if came, known := p.cameOn[from]; known {
		return came, nil
	}
	day, came := dayOf(from), false
	err := p.job.books.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM reconciliations r WHERE r.pg = ?
		AND r.format <> '' AND r.status <> ?
		AND (r.id = ? OR r.plan_hash IS NOT NULL) AND ((r.day_from <= ? AND r.day_to >= ?)
		OR (r.day_from IS NULL AND EXISTS (SELECT 1 FROM settlement_rows s WHERE s.reconciliation_id = r.id
		AND s.business_day = ? AND s.kind = ?))))`,
		string(p.job.rec.PG), string(shop.ReconciliationStatusRejected), string(p.job.rec.ID), day, day, day,
		shop.SettlementApproval).Scan(&came)
	if err != nil {
		return false, fmt.Errorf("look for the file of %s: %w", day, err)
	}
	if p.cameOn == nil {
		p.cameOn = map[time.Time]bool{}
	}
	p.cameOn[from] = came
	return came, nil
}

// knownMissing reports whether another file of the day found the payment missing
// before: one case is enough.
func (p *plan) knownMissing(ctx context.Context, b *bookedDay) (bool, error) {
	var known bool
	err := p.job.books.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM discrepancies WHERE payment_id = ?
		AND kind = ? AND reconciliation_id <> ?
		AND (resolved_by IS NOT NULL OR (status <> ? AND NOT EXISTS (SELECT 1 FROM reconciliations r
			WHERE r.id = discrepancies.reconciliation_id AND r.replaced_by IS NOT NULL))))`, string(b.payment.id), string(shop.DiscrepancyKindMissingAtGateway),
		string(p.job.rec.ID),
		string(shop.DiscrepancyStatusIgnored)).Scan(&known)
	if err != nil {
		return false, fmt.Errorf("look for a case of %s: %w", b.payment.id, err)
	}
	return known, nil
}

// missing notes a payment that no file has.
func (p *plan) missing(ctx context.Context, b *bookedDay, note string) error {
	p.lacks = true
	v := verdict{plan: p, booked: &b.booked}
	return p.add(ctx, reconciliation.Finding{
		Key:    findingKey(shop.DiscrepancyKindMissingAtGateway, string(b.payment.id)),
		Kind:   shop.DiscrepancyKindMissingAtGateway,
		Action: shop.CorrectiveActionOpenCase, PaymentID: &b.payment.id, AttemptID: &b.attempt.id, Amount: b.left(),
		Expected: b.says(), Note: joined(note, v.askedNote(ctx)),
	}, b.payment.version)
}

// tellDay says what day the file is whole for, and looks for payments of it that the
// file lacks.
func (j *job) tellDay(ctx context.Context, day time.Time) error {
	err := j.became(j.reconciler.Files.TellDay(ctx, reconciliation.TellDay{Hold: j.hold, Day: day}))
	if err != nil {
		return err
	}
	j.day = j.rec.Day
	if err := j.replaceFormer(ctx); err != nil {
		return err
	}
	others, err := j.dueOthers(ctx)
	if err != nil {
		return err
	}
	if err := j.walkLater(ctx); err != nil && shop.CodeOf(err) != shop.Conflict { // a conflict made another plan
		return err
	}
	return j.recheck(ctx, others)
}

// walkLater looks for missing payments once the books are due for the file, after
// it was planned. A plan that waits for somebody is made again if it has become
// another.
func (j *job) walkLater(ctx context.Context) error {
	due, err := j.booksDue(ctx)
	if err != nil || due == nil || due.After(j.reconciler.Now()) { // another replica may have walked them
		return err
	}
	if j.rec.ReplacedBy != nil {
		return j.endReplaced(ctx, due)
	}
	switch j.rec.Status {
	case shop.ReconciliationStatusPlanned:
		p, err := j.planAgain(ctx)
		if err != nil {
			return err // another plan is made, and says when the books are due
		}
		return j.became(j.reconciler.Files.NoteRecheck(ctx, reconciliation.NoteRecheck{Hold: j.hold, Was: p.was, Due: p.due}))
	case shop.ReconciliationStatusApplied:
		return j.walkApplied(ctx, due)
	default:
		return nil
	}
}

// booksDue is when the books are due for the file; nil for never.
func (j *job) booksDue(ctx context.Context) (due *time.Time, err error) {
	err = j.books.db.QueryRowContext(ctx, `SELECT books_due_at FROM reconciliations WHERE id = ?`,
		string(j.rec.ID)).Scan(&due)
	if err != nil {
		return nil, fmt.Errorf("read when the books are due for %s: %w", j.rec.ID, err)
	}
	return due, nil
}

// walkApplied adds what a file lacks to a plan that was carried out: cases alone.
func (j *job) walkApplied(ctx context.Context, was *time.Time) error {
	p := j.newPlan()
	p.was, p.found = was, map[string]bool{}
	if err := p.walkRemoved(ctx); err != nil {
		return err
	}
	if err := p.walkBooks(ctx); err != nil {
		return err
	}
	if err := p.flush(ctx); err != nil {
		return err
	}
	if err := p.drop(ctx, shop.DiscrepancyKindMissingAtGateway); err != nil {
		return err
	}
	return j.became(j.reconciler.Files.NoteRecheck(ctx, reconciliation.NoteRecheck{
		Hold: j.hold, Was: p.was, Due: p.due, Found: p.lacks,
	}))
}

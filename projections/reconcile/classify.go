package reconcile

import (
	"context"
	"fmt"
	"time"

	"payment-system/command"
	"payment-system/command/reconciliation"
	"payment-system/pg"
	"payment-system/shop"
)

// A verdict is what differs between what the file and the books say of a payment.
type verdict struct {
	plan     *plan
	entry    entry
	booked   *booked
	findings []reconciliation.Finding
}

// classify decides. No finding means that the two agree, or that no money is in
// question.
func (v *verdict) classify(ctx context.Context) {
	switch b := v.booked; {
	case b == nil:
		v.unknown()
	case !v.sameOrder():
		v.report(shop.DiscrepancyKindOrderDiffers, shop.CorrectiveActionOpenCase, v.entry.row.amount,
			fmt.Sprintf("The books have the payment key under order %s.", b.attempt.id))
	case v.entry.failed:
		v.failure(ctx)
	case b.attempt.captured == 0:
		v.unrecorded(ctx)
	case v.compare():
		// The rest is for a person.
	case v.entry.canceled:
		v.canceled()
	case v.lateMoney():
	default:
		v.refunds(ctx)
	}
}

// report adds a difference to the findings.
func (v *verdict) report(kind shop.DiscrepancyKind, action shop.CorrectiveAction, amount shop.Won, note string) {
	f := reconciliation.Finding{
		Key: findingKey(kind, v.entry.key), Kind: kind, Action: action, Line: &v.entry.line, Amount: amount,
		Actual: v.entry.row.says(), Note: note,
	}
	if v.booked != nil {
		f.PaymentID, f.AttemptID, f.Expected = &v.booked.payment.id, &v.booked.attempt.id, v.booked.says()
	}
	v.findings = append(v.findings, f)
}

// unknown judges a payment that the books do not have: a case if the gateway
// holds its money.
func (v *verdict) unknown() {
	held := v.entry.captured() - v.entry.refunded()
	if held > 0 {
		v.report(shop.DiscrepancyKindUnknownToUs, shop.CorrectiveActionOpenCase, held,
			"The gateway holds money that no order of ours asked for.")
		return
	}
	v.report(shop.DiscrepancyKindUnknownToUs, shop.CorrectiveActionNone, 0, "The gateway holds no money of it.")
}

// sameOrder reports whether the row's merchant order id and payment key are of one
// attempt. The order's own id is taken for its attempt's.
func (v *verdict) sameOrder() bool {
	b := v.booked
	ref := v.entry.ref == string(b.attempt.id) || v.entry.ref == string(b.orderID)
	return ref && (b.attempt.key == nil || *b.attempt.key == v.entry.key)
}

// failure judges a payment that the file calls failed.
func (v *verdict) failure(ctx context.Context) {
	b := v.booked
	if left := b.left(); left > 0 {
		v.report(shop.DiscrepancyKindReversedAtGateway, shop.CorrectiveActionOpenCase, left, v.askedNote(ctx))
		return
	}
	inDoubt := b.attempt.status == shop.PaymentStatusApproving || b.attempt.status == shop.PaymentStatusUnknown
	if inDoubt && b.attempt.captured == 0 && len(v.plan.doubts) < maxDoubts {
		v.plan.doubts = append(v.plan.doubts,
			command.ApplyEvidence{
				AttemptID: b.attempt.id, Actor: shop.ActorReconciliation, Note: "settlement",
				Evidence: pg.Payment{
					PG: v.plan.job.rec.PG, PaymentKey: v.entry.key, AttemptID: string(b.attempt.id), Status: pg.StatusFailed,
					Currency: "KRW", Amount: b.payment.amount,
				},
			})
	}
}

// askedNote is what the gateway says, asked now.
func (v *verdict) askedNote(ctx context.Context) string {
	answer, answered := v.plan.ask(ctx, v.booked)
	if !answered {
		return "The gateway, asked, did not tell."
	}
	return fmt.Sprintf("The gateway, asked, says %s: %s won taken, %s won given back.", answer.Status, answer.Captured,
		answer.Refunded)
}

// unrecorded judges money that the books do not know to have been taken.
func (v *verdict) unrecorded(ctx context.Context) {
	b, e := v.booked, v.entry
	amount, back := e.captured(), e.refunded()
	ended := b.attempt.status == shop.PaymentStatusCanceled || b.attempt.status == shop.PaymentStatusExpired
	switch {
	case e.canceled && ended:
		// Nothing was kept, on either side.
	case e.canceled:
		v.report(shop.DiscrepancyKindRefundUnrecorded, shop.CorrectiveActionRecordRefund, amount, "")
	case e.approval == nil:
		v.report(shop.DiscrepancyKindRefundUnrecorded, shop.CorrectiveActionRecordRefund, back, "")
	case back == amount:
		v.report(shop.DiscrepancyKindRefundUnrecorded, shop.CorrectiveActionRecordRefund, back, "")
	case back > amount:
		v.report(shop.DiscrepancyKindAmountDiffers, shop.CorrectiveActionOpenCase, back-amount,
			"More was given back than taken.")
	case !b.waits():
		v.report(shop.DiscrepancyKindPaidAfterEnd, shop.CorrectiveActionRefundAtGateway, amount-back, "")
	case amount != b.payment.amount:
		v.report(shop.DiscrepancyKindAmountDiffers, shop.CorrectiveActionOpenCase, gap(amount, b.payment.amount), "")
	case e.approval.taxFree != nil && *e.approval.taxFree != b.payment.taxFree:
		v.report(shop.DiscrepancyKindTaxFreeDiffers, shop.CorrectiveActionOpenCase,
			gap(*e.approval.taxFree, b.payment.taxFree), "")
	default:
		v.report(shop.DiscrepancyKindApprovalUnrecorded, shop.CorrectiveActionRecordApproval, amount, "")
		v.unrecordedMonths(ctx)
	}
}

// unrecordedMonths holds the installments of an approval that is not recorded
// against those that were asked for. The gateway, asked, may know of others that
// the shopper chose there: then they are recorded with the approval.
func (v *verdict) unrecordedMonths(ctx context.Context) {
	inFile, asked := v.entry.approval.months, v.booked.attempt.months
	if inFile == nil || sameMonths(*inFile, asked) {
		return
	}
	if answer, ok := v.plan.ask(ctx, v.booked); ok && answer.Captured > 0 &&
		sameMonths(*inFile, answer.InstallmentMonths) {
		return
	}
	v.report(shop.DiscrepancyKindInstallmentDiffers, shop.CorrectiveActionOpenCase, 0,
		fmt.Sprintf("The books have %d months, the file %s.", asked, monthsText(*inFile)))
}

// gap is how far two amounts are apart.
func gap(a, b shop.Won) shop.Won { return max(a-b, b-a) }

// compare holds the particulars of a recorded capture against the row. It reports
// whether the amount differs: then a person says first what was taken.
func (v *verdict) compare() bool {
	b, row := v.booked, v.entry.row
	if v.entry.approval == nil && !v.entry.canceled {
		return false // the approval stands in another day's file
	}
	differs := row.amount != b.attempt.captured
	if differs {
		v.report(shop.DiscrepancyKindAmountDiffers, shop.CorrectiveActionOpenCase, gap(row.amount, b.attempt.captured), "")
	}
	if row.taxFree != nil && b.pays() && *row.taxFree != b.payment.taxFree {
		v.report(shop.DiscrepancyKindTaxFreeDiffers, shop.CorrectiveActionOpenCase, gap(*row.taxFree, b.payment.taxFree),
			fmt.Sprintf("The books have %s won tax-free, the file %s won.", b.payment.taxFree, *row.taxFree))
	}
	if row.months != nil && !sameMonths(*row.months, b.attempt.months) {
		v.report(shop.DiscrepancyKindInstallmentDiffers, shop.CorrectiveActionOpenCase, 0,
			fmt.Sprintf("The books have %d months, the file %s.", b.attempt.months, monthsText(*row.months)))
	}
	return differs
}

// sameMonths compares installments. Some files only say that there are some, and
// one month is a lump sum.
func sameMonths(file, books int) bool {
	if file == shop.InstallmentsUntold {
		return books > 0
	}
	return file == books
}

func monthsText(months int) string {
	if months == shop.InstallmentsUntold {
		return "installments"
	}
	return fmt.Sprint(months)
}

// canceled judges a payment that the file calls given back in full.
func (v *verdict) canceled() {
	if left := v.booked.left(); left > 0 {
		v.report(shop.DiscrepancyKindRefundUnrecorded, shop.CorrectiveActionRecordRefund, left, "")
	}
}

// lateMoney judges money that the books know no order waited for. It reports
// whether it is still there.
func (v *verdict) lateMoney() bool {
	b := v.booked
	left := b.left() - v.unknownRefunds()
	if b.pays() || left <= 0 || b.refunding() {
		return false
	}
	v.report(shop.DiscrepancyKindPaidAfterEnd, shop.CorrectiveActionRefundAtGateway, left, "")
	return true
}

// unknownRefunds is what the file gives back and the books do not know. Refunds
// without a name in the books, and several that the file has as one, are
// matched by their sum.
func (v *verdict) unknownRefunds() shop.Won {
	strange, legs := v.strangeLegs()
	if strange > 0 && strange == v.unmatched(legs) {
		return 0
	}
	return strange
}

// strangeLegs is the sum of the file's legs that no refund in the books names, and
// the names of all its legs.
func (v *verdict) strangeLegs() (sum shop.Won, legs map[string]bool) {
	known := map[string]bool{}
	for _, refund := range v.booked.refunds {
		if refund.status == shop.RefundStatusDone && refund.leg != nil {
			known[*refund.leg] = true
		}
	}
	legs = map[string]bool{}
	for _, row := range v.entry.refunds {
		legs[row.leg] = true
		if row.leg == "" || !known[row.leg] {
			sum += row.amount
		}
	}
	return sum, legs
}

// isUnnamed reports whether a refund is done, and no leg has its name: none of this
// file, whose names are given, and none of another. It asks the files, where
// shop.Refund.IsNameless asks the books: a name that no leg has is as good as none.
func (r bookedRefund) isUnnamed(legs map[string]bool) bool {
	named := r.namedElsewhere || (r.leg != nil && legs[*r.leg])
	return r.status == shop.RefundStatusDone && r.doneAt != nil && !named
}

// unmatched is the sum of the refunds in the books that no leg of this file or of
// another names and that were made on a day of its legs, or the day before or after.
func (v *verdict) unmatched(legs map[string]bool) shop.Won {
	var sum shop.Won
	for _, refund := range v.booked.refunds {
		if refund.isUnnamed(legs) && v.nearLeg(*refund.doneAt) {
			sum += refund.amount
		}
	}
	return sum
}

func (v *verdict) nearLeg(at time.Time) bool {
	for _, row := range v.entry.refunds {
		if row.day == nil {
			return true
		}
		noon := time.Date(row.day.Year(), row.day.Month(), row.day.Day(), 12, 0, 0, 0, korea)
		if distance := at.Sub(noon).Abs(); distance <= 36*time.Hour {
			return true
		}
	}
	return false
}

// refunds judges what was given back of a capture that agrees.
func (v *verdict) refunds(ctx context.Context) {
	unknown := v.unknownRefunds()
	switch {
	case unknown > v.booked.left():
		v.report(shop.DiscrepancyKindAmountDiffers, shop.CorrectiveActionOpenCase, unknown-v.booked.left(),
			"More was given back than was left.")
	case unknown > 0:
		v.report(shop.DiscrepancyKindRefundUnrecorded, shop.CorrectiveActionRecordRefund, unknown, "")
	default:
		if lacking, surely := v.refundsNotInFile(); lacking > 0 {
			v.missingRefund(ctx, surely)
		}
	}
}

// refundsNotInFile is what the books gave back and the file should have but does
// not, and how much of it surely: a leg near midnight may stand in another day's
// file. A state of approved stands until all is given back; a leg stands on its
// day, and one that has no name in the books is one of the refunds that it lacks.
func (v *verdict) refundsNotInFile() (lacking, surely shop.Won) {
	b, approval := v.booked, v.entry.approval
	if approval == nil {
		return 0, 0
	}
	if v.plan.job.rec.Format == shop.SettlementFormatPaymentStateCSV {
		if b.left() > 0 || v.refundedLater() {
			return 0, 0
		}
		return b.attempt.refunded, b.attempt.refunded
	}
	if approval.day == nil {
		return 0, 0
	}
	strange, legs := v.strangeLegs()
	for _, refund := range b.refunds {
		if !refund.isUnnamed(legs) || dayOf(*refund.doneAt) != approval.day.Format(time.DateOnly) {
			continue
		}
		lacking += refund.amount
		if !isNearMidnight(*refund.doneAt) {
			surely += refund.amount
		}
	}
	return max(0, lacking-strange), max(0, surely-strange)
}

// isNearMidnight reports whether the gateway's clock may put a moment on another day.
func isNearMidnight(at time.Time) bool {
	return dayOf(at.Add(-nearMidnight)) != dayOf(at.Add(nearMidnight))
}

// refundedLater reports whether the last refund was made on a later day than the
// file is about: then the file is right to say approved.
func (v *verdict) refundedLater() bool {
	if v.plan.job.day == nil {
		return false
	}
	for _, refund := range v.booked.refunds {
		if refund.status == shop.RefundStatusDone && refund.doneAt != nil &&
			dayOf(*refund.doneAt) > v.plan.job.day.Format(time.DateOnly) {
			return true
		}
	}
	return false
}

// missingRefund asks the gateway whether it made the refunds that the books call
// done. What the file should surely have is a case when the gateway does not
// answer; what was found missing before stays so.
func (v *verdict) missingRefund(ctx context.Context, surely shop.Won) {
	refunded := v.booked.attempt.refunded
	answer, answered := v.plan.ask(ctx, v.booked)
	switch {
	case answered && answer.Refunded < refunded:
		v.report(shop.DiscrepancyKindRefundMissing, shop.CorrectiveActionRefundAtGateway, refunded-answer.Refunded,
			fmt.Sprintf("The gateway, asked, has given back %s won of %s won.", answer.Refunded, refunded))
	case !answered && surely > 0:
		v.report(shop.DiscrepancyKindRefundMissing, shop.CorrectiveActionOpenCase, surely,
			"The gateway, asked, did not tell.")
	case !answered:
		v.plan.retain(findingKey(shop.DiscrepancyKindRefundMissing, v.entry.key))
	}
}

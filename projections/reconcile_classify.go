package projections

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
	*plan
	told     told
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
		v.found(shop.DiscrepancyKindOrderDiffers, shop.CorrectiveActionOpenCase, v.told.row.amount,
			fmt.Sprintf("The books have the payment key under order %s.", b.attempt.id))
	case v.told.failed:
		v.failure(ctx)
	case b.attempt.captured == 0:
		v.unrecorded(ctx)
	case v.compare():
		// The rest is for a person.
	case v.told.canceled:
		v.canceled()
	case v.lateMoney():
	default:
		v.refunds(ctx)
	}
}

// found notes a difference.
func (v *verdict) found(kind shop.DiscrepancyKind, action shop.CorrectiveAction, amount shop.Won, note string) {
	f := reconciliation.Finding{
		Key: findingKey(kind, v.told.key), Kind: kind, Action: action, Line: &v.told.line, Amount: amount,
		Actual: v.told.row.says(), Note: note,
	}
	if v.booked != nil {
		f.PaymentID, f.AttemptID, f.Expected = &v.booked.payment.id, &v.booked.attempt.id, v.booked.says()
	}
	v.findings = append(v.findings, f)
}

// unknown judges a payment that the books do not have: a case if the gateway
// holds its money.
func (v *verdict) unknown() {
	held := v.told.captured() - v.told.refunded()
	if held > 0 {
		v.found(shop.DiscrepancyKindUnknownToUs, shop.CorrectiveActionOpenCase, held, "The gateway holds money that no order of ours asked for.")
		return
	}
	v.found(shop.DiscrepancyKindUnknownToUs, shop.CorrectiveActionNone, 0, "The gateway holds no money of it.")
}

// sameOrder tells whether the row's merchant order id and payment key are of one
// attempt. The order's own id is taken for its attempt's.
func (v *verdict) sameOrder() bool {
	b := v.booked
	ref := v.told.ref == string(b.attempt.id) || v.told.ref == string(b.orderID)
	return ref && (b.attempt.key == nil || *b.attempt.key == v.told.key)
}

// failure judges a payment that the file calls failed.
func (v *verdict) failure(ctx context.Context) {
	b := v.booked
	if left := b.left(); left > 0 {
		v.found(shop.DiscrepancyKindReversedAtGateway, shop.CorrectiveActionOpenCase, left, v.askedNote(ctx))
		return
	}
	inDoubt := b.attempt.status == shop.PaymentStatusApproving || b.attempt.status == shop.PaymentStatusUnknown
	if inDoubt && b.attempt.captured == 0 && len(v.doubts) < maxDoubts {
		v.doubts = append(v.doubts, command.ApplyEvidence{AttemptID: b.attempt.id, Actor: shop.ActorReconciliation, Note: "settlement", Evidence: pg.Payment{
			PG: v.rec.PG, PaymentKey: v.told.key, AttemptID: string(b.attempt.id), Status: pg.StatusFailed, Currency: "KRW", Amount: b.payment.amount,
		}})
	}
}

// askedNote is what the gateway says, asked now.
func (v *verdict) askedNote(ctx context.Context) string {
	answer, told := v.ask(ctx, v.booked)
	if !told {
		return "The gateway, asked, did not tell."
	}
	return fmt.Sprintf("The gateway, asked, says %s: %s won taken, %s won given back.", answer.Status, answer.Captured, answer.Refunded)
}

// unrecorded judges money that the books do not know to have been taken.
func (v *verdict) unrecorded(ctx context.Context) {
	b, t := v.booked, v.told
	amount, back := t.captured(), t.refunded()
	ended := b.attempt.status == shop.PaymentStatusCanceled || b.attempt.status == shop.PaymentStatusExpired
	switch {
	case t.canceled && ended:
		// Nothing was kept, on either side.
	case t.canceled:
		v.found(shop.DiscrepancyKindRefundUnrecorded, shop.CorrectiveActionRecordRefund, amount, "")
	case t.approval == nil:
		v.found(shop.DiscrepancyKindRefundUnrecorded, shop.CorrectiveActionRecordRefund, back, "")
	case back == amount:
		v.found(shop.DiscrepancyKindRefundUnrecorded, shop.CorrectiveActionRecordRefund, back, "")
	case back > amount:
		v.found(shop.DiscrepancyKindAmountDiffers, shop.CorrectiveActionOpenCase, back-amount, "More was given back than taken.")
	case !b.waits():
		v.found(shop.DiscrepancyKindPaidAfterEnd, shop.CorrectiveActionRefundAtGateway, amount-back, "")
	case amount != b.payment.amount:
		v.found(shop.DiscrepancyKindAmountDiffers, shop.CorrectiveActionOpenCase, differ(amount, b.payment.amount), "")
	case t.approval.taxFree != nil && *t.approval.taxFree != b.payment.taxFree:
		v.found(shop.DiscrepancyKindTaxFreeDiffers, shop.CorrectiveActionOpenCase, differ(*t.approval.taxFree, b.payment.taxFree), "")
	default:
		v.found(shop.DiscrepancyKindApprovalUnrecorded, shop.CorrectiveActionRecordApproval, amount, "")
		v.unrecordedMonths(ctx)
	}
}

// unrecordedMonths holds the installments of an approval that is not recorded
// against those that were asked for. The gateway, asked, may tell of others that
// the shopper chose there: then they are recorded with the approval.
func (v *verdict) unrecordedMonths(ctx context.Context) {
	told, asked := v.told.approval.months, v.booked.attempt.months
	if told == nil || sameMonths(*told, asked) {
		return
	}
	if answer, ok := v.ask(ctx, v.booked); ok && answer.Captured > 0 && sameMonths(*told, answer.InstallmentMonths) {
		return
	}
	v.found(shop.DiscrepancyKindInstallmentDiffers, shop.CorrectiveActionOpenCase, 0,
		fmt.Sprintf("The books have %d months, the file %s.", asked, monthsText(*told)))
}

func differ(a, b shop.Won) shop.Won { return max(a-b, b-a) }

// compare holds the particulars of a recorded capture against the row, and tells
// whether the amount differs: then a person says first what was taken.
func (v *verdict) compare() bool {
	b, row := v.booked, v.told.row
	if v.told.approval == nil && !v.told.canceled {
		return false // the approval stands in another day's file
	}
	differs := row.amount != b.attempt.captured
	if differs {
		v.found(shop.DiscrepancyKindAmountDiffers, shop.CorrectiveActionOpenCase, differ(row.amount, b.attempt.captured), "")
	}
	if row.taxFree != nil && b.pays() && *row.taxFree != b.payment.taxFree {
		v.found(shop.DiscrepancyKindTaxFreeDiffers, shop.CorrectiveActionOpenCase, differ(*row.taxFree, b.payment.taxFree),
			fmt.Sprintf("The books have %s won tax-free, the file %s won.", b.payment.taxFree, *row.taxFree))
	}
	if row.months != nil && !sameMonths(*row.months, b.attempt.months) {
		v.found(shop.DiscrepancyKindInstallmentDiffers, shop.CorrectiveActionOpenCase, 0,
			fmt.Sprintf("The books have %d months, the file %s.", b.attempt.months, monthsText(*row.months)))
	}
	return differs
}

// sameMonths compares installments. Some files only tell that there are some, and
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
		v.found(shop.DiscrepancyKindRefundUnrecorded, shop.CorrectiveActionRecordRefund, left, "")
	}
}

// lateMoney judges money that the books know no order waited for, and tells
// whether it is still there.
func (v *verdict) lateMoney() bool {
	b := v.booked
	left := b.left() - v.unknownRefunds()
	if b.pays() || left <= 0 || b.refunding() {
		return false
	}
	v.found(shop.DiscrepancyKindPaidAfterEnd, shop.CorrectiveActionRefundAtGateway, left, "")
	return true
}

// unknownRefunds is what the file gives back and the books do not know. Refunds
// without a name in the books, and several that the file tells as one, are
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
	for _, row := range v.told.refunds {
		legs[row.leg] = true
		if row.leg == "" || !known[row.leg] {
			sum += row.amount
		}
	}
	return sum, legs
}

// isUnnamed tells whether a refund is done, and neither a leg of this file, by
// their names, nor one of another is it.
func (r bookedRefund) isUnnamed(legs map[string]bool) bool {
	named := r.told || (r.leg != nil && legs[*r.leg])
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
	for _, row := range v.told.refunds {
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
		v.found(shop.DiscrepancyKindAmountDiffers, shop.CorrectiveActionOpenCase, unknown-v.booked.left(), "More was given back than was left.")
	case unknown > 0:
		v.found(shop.DiscrepancyKindRefundUnrecorded, shop.CorrectiveActionRecordRefund, unknown, "")
	default:
		if untold, surely := v.untoldRefunds(); untold > 0 {
			v.missingRefund(ctx, surely)
		}
	}
}

// untoldRefunds is what the books gave back and the file should tell of but does
// not, and how much of it surely: a leg near midnight may stand in another day's
// file. A state of approved stands until all is given back; a leg is told on its
// day, and one that has no name in the books is one of the refunds that it lacks.
func (v *verdict) untoldRefunds() (untold, surely shop.Won) {
	b, approval := v.booked, v.told.approval
	if approval == nil {
		return 0, 0
	}
	if v.rec.Format == shop.SettlementFormatPaymentStateCSV {
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
		untold += refund.amount
		if !isNearMidnight(*refund.doneAt) {
			surely += refund.amount
		}
	}
	return max(0, untold-strange), max(0, surely-strange)
}

// isNearMidnight tells whether the gateway's clock may put a moment on another day.
func isNearMidnight(at time.Time) bool {
	return dayOf(at.Add(-nearMidnight)) != dayOf(at.Add(nearMidnight))
}

// refundedLater tells whether the last refund was made on a later day than the
// file is about: then the file is right to say approved.
func (v *verdict) refundedLater() bool {
	if v.day == nil {
		return false
	}
	for _, refund := range v.booked.refunds {
		if refund.status == shop.RefundStatusDone && refund.doneAt != nil && dayOf(*refund.doneAt) > v.day.Format(time.DateOnly) {
			return true
		}
	}
	return false
}

// missingRefund asks the gateway whether it made the refunds that the books call
// done. What the file should surely tell of is a case when the gateway does not
// tell; what was found missing before stays so.
func (v *verdict) missingRefund(ctx context.Context, surely shop.Won) {
	refunded := v.booked.attempt.refunded
	answer, told := v.ask(ctx, v.booked)
	switch {
	case told && answer.Refunded < refunded:
		v.found(shop.DiscrepancyKindRefundMissing, shop.CorrectiveActionRefundAtGateway, refunded-answer.Refunded,
			fmt.Sprintf("The gateway, asked, has given back %s won of %s won.", answer.Refunded, refunded))
	case !told && surely > 0:
		v.found(shop.DiscrepancyKindRefundMissing, shop.CorrectiveActionOpenCase, surely, "The gateway, asked, did not tell.")
	case !told:
		v.keep(findingKey(shop.DiscrepancyKindRefundMissing, v.told.key))
	}
}

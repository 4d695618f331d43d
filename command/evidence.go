package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"payment-system/pg"
	"payment-system/shop"
)

// ApplyEvidence makes the books say what a gateway says of one attempt: by its
// answer, a look-up, or a settlement file.
type ApplyEvidence struct {
	AttemptID shop.AttemptID
	Evidence  pg.Payment
	Actor     shop.Actor
	Note      string
}

// ApplyEvidence records an approval when the order still waits, refunds the
// books do not know, and attempts that ended. Money that no order waits for, or
// that is not what was asked, is marked and given back once. The same evidence
// again changes nothing. It returns NotFound for an attempt that is not ours.
func (h *Handler) ApplyEvidence(ctx context.Context, cmd ApplyEvidence) (shop.Payment, error) {
	payment, _, err := h.applyEvidence(ctx, cmd)
	return payment, err
}

// applyEvidence is ApplyEvidence, and returns which version of the payment the
// evidence was held against.
func (h *Handler) applyEvidence(ctx context.Context, cmd ApplyEvidence) (payment shop.Payment, version int, err error) {
	id, err := h.paymentIDOf(ctx, cmd.AttemptID)
	if err != nil {
		return shop.Payment{}, 0, err
	}
	payment, err = h.changePayment(ctx, id, cmd.Actor, func(c *change) error {
		version, c.heardOf = c.payment.Version, cmd.AttemptID
		e := evidence{books: c, h: h, attempt: c.payment.Attempt(cmd.AttemptID), says: cmd.Evidence, note: cmd.Note}
		if err := e.apply(ctx); err != nil {
			return err
		}
		if e.wrong != "" {
			c.needCase(evidenceCase(c.payment, cmd, e.wrong))
		}
		return nil
	})
	if err != nil {
		return shop.Payment{}, 0, err
	}
	return payment, version, nil
}

// paymentFromRow names the payment of an attempt.
func (h *Handler) paymentIDOf(ctx context.Context, id shop.AttemptID) (shop.PaymentID, error) {
	if !isASCII(string(id)) {
		return "", shop.NoSuch("attempt")
	}
	var found shop.PaymentID
	err := h.DB.QueryRowContext(ctx, `SELECT payment_id FROM attempts WHERE id = ?`, id).Scan(&found)
	if isNoRows(err) {
		return "", shop.NoSuch("attempt")
	}
	if err != nil {
		return "", fmt.Errorf("read attempt %s: %w", id, err)
	}
	return found, nil
}

// evidenceCase asks for a person where the gateway's evidence cannot be right.
func evidenceCase(payment shop.Payment, cmd ApplyEvidence, wrong string) OpenCase {
	kind := shop.DiscrepancyKindAmountDiffers
	switch {
	case cmd.Evidence.AttemptID != string(cmd.AttemptID):
		kind = shop.DiscrepancyKindOrderDiffers
	case cmd.Evidence.Captured == 0:
		kind = shop.DiscrepancyKindReversedAtGateway
	}
	return OpenCase{
		PG: attemptPG(payment, cmd.AttemptID), Kind: kind, PaymentID: &payment.ID, AttemptID: &cmd.AttemptID, Amount: cmd.Evidence.Captured,
		Expected: payment.Amount.String(), Actual: cmd.Evidence.Amount.String(), Note: wrong,
	}
}

// evidence is a gateway's word on an attempt, held against the books.
type evidence struct {
	books   *change
	says    pg.Payment
	h       *Handler
	attempt *shop.PaymentAttempt
	note    string
	wrong   string // what a person must look at; "" for nothing

	impossible bool // our open refund was ended, for less is left than it asks for
}

func (e *evidence) apply(ctx context.Context) error {
	if e.attempt == nil {
		return shop.NoSuch("attempt")
	}
	versionWas := e.books.payment.Version
	changed, err := e.saveRecord(ctx)
	if err != nil {
		return err
	}
	if err := e.applyStatus(ctx); err != nil {
		return err
	}
	if changed && e.books.payment.Version == versionWas {
		return e.books.note(shop.KindPaymentRecordChanged, e.note)
	}
	return nil
}

func (e *evidence) applyStatus(ctx context.Context) error {
	if e.says.Secret != "" {
		e.attempt.Secret = e.says.Secret
	}
	switch e.says.Status {
	case pg.StatusPaid, pg.StatusPartiallyRefunded, pg.StatusRefunded:
		return e.applyMoney(ctx)
	case pg.StatusWaitingForDeposit:
		return e.applyWaiting()
	case pg.StatusFailed, pg.StatusExpired:
		return e.applyEnd()
	default: // open or authenticated: nothing was taken
		return nil
	}
}

// isLatest reports whether the attempt is the payment's latest.
func (e *evidence) isLatest() bool { return e.books.payment.AttemptID == e.attempt.ID }

// isPaying reports whether the attempt is the one that paid the order.
func (e *evidence) isPaying() bool { return e.isLatest() && e.books.payment.CapturedAmount > 0 }

// isAsked reports whether the gateway's payment is the one we asked for.
func (e *evidence) isAsked() bool {
	return e.says.AttemptID == string(e.attempt.ID) && e.says.Amount == e.books.payment.Amount && (e.says.Currency == "KRW" || e.says.Currency == "")
}

func (e *evidence) applyMoney(ctx context.Context) error {
	if e.says.Captured == 0 {
		return e.applyEnd() // a virtual account was closed unpaid
	}
	if e.attempt.CapturedAmount == 0 {
		if err := e.applyCapture(ctx); err != nil {
			return err
		}
	}
	if err := e.correctClaim(); err != nil {
		return err
	}
	if err := e.applyRefunds(ctx); err != nil {
		return err
	}
	return e.returnRest()
}

// applyCapture records money that the books do not know of: for the order if it
// still waits for exactly this, else as late money.
func (e *evidence) applyCapture(ctx context.Context) error {
	_, mayPay := shop.PaymentMove(e.books.payment.Status, shop.KindPaymentApproved, 0)
	if !mayPay || e.books.order.Status != shop.OrderStatusPlaced || e.books.payment.CapturedAmount > 0 || !e.isAsked() {
		return e.markLate()
	}
	at := e.books.now
	if e.says.ApprovedAt != nil {
		at = e.says.ApprovedAt.UTC()
	}
	if err := e.books.payment.Approve(e.attempt.ID, e.says.Captured, at); err != nil {
		return err
	}
	e.books.payment.UpdatedAt = e.books.now
	e.attempt = e.books.payment.Attempt(e.attempt.ID)
	e.books.lookUpAt(e.attempt.ID, time.Time{})
	if err := e.books.paymentEvent(shop.KindPaymentApproved, e.note); err != nil {
		return err
	}
	return e.books.payOrder(ctx)
}

// markLate notes money that no order waits for. If the payment was waiting for
// this very attempt, the attempt has failed: it took something else.
func (e *evidence) markLate() error {
	note := "The gateway took money after the order ended or was paid otherwise."
	if !e.isAsked() {
		note = fmt.Sprintf("The gateway took %s won for %q; asked were %s won for %q.", e.says.Captured, e.says.AttemptID, e.books.payment.Amount, e.attempt.ID)
		e.wrong = note
		if err := e.fail(shop.PaymentFailure{Code: "WRONG_ANSWER", Message: note}); err != nil {
			return err
		}
	}
	e.attempt.CapturedAmount = e.says.Captured
	e.attempt.Status = shop.PaymentStatusApproved
	e.books.lookUpAt(e.attempt.ID, e.books.now)
	return e.books.note(shop.KindPaymentLateMoney, note)
}

// correctClaim makes the books say what a gateway took and gave back that claimed
// something else before, and tells by now what it was asked for.
func (e *evidence) correctClaim() error {
	if e.isPaying() || !e.isAsked() {
		return nil
	}
	if err := e.correctRefunds(); err != nil {
		return err
	}
	if e.attempt.CapturedAmount == e.says.Captured || e.attempt.RefundedAmount > e.says.Captured {
		return nil
	}
	note := fmt.Sprintf("The gateway claimed to have taken %s won, and says %s won by now.", e.attempt.CapturedAmount, e.says.Captured)
	e.attempt.CapturedAmount = e.says.Captured
	return e.books.note(shop.KindPaymentLateMoney, note)
}

// correctRefunds takes back refunds that the gateway claimed and never named, as
// far as they and those it names by now are more than it says to have given back.
// A person is told of one that was ours. Only the gateway's own word does that.
func (e *evidence) correctRefunds() error {
	if e.says.Record == nil {
		return nil
	}
	e.nameRefunds()
	excess := e.attempt.RefundedAmount - e.says.Refunded
	for _, leg := range e.says.Cancels {
		if leg.Key != "" && !e.knows(leg) {
			excess += leg.Amount
		}
	}
	for i := range e.books.payment.Refunds {
		refund := &e.books.payment.Refunds[i]
		if !e.isNameless(*refund) || refund.Amount > excess {
			continue
		}
		excess -= refund.Amount
		refund.Status, refund.DoneAt = shop.RefundStatusFailed, nil
		e.attempt.RefundedAmount -= refund.Amount
		e.attempt.Status = shop.PaymentStatusApproved
		note := fmt.Sprintf("The gateway claimed to have given %s won back, and shows no such refund by now.", refund.Amount)
		if refund.Cause != shop.RefundCauseGateway {
			e.wrong = note
		}
		if err := e.books.note(shop.KindPaymentLateMoney, note); err != nil {
			return err
		}
	}
	return nil
}

// isNameless reports whether a refund of the attempt is done, and the gateway's name
// of it was never learnt. One that was asked for again is named by its reason.
func (e *evidence) isNameless(refund shop.Refund) bool {
	return refund.AttemptID == e.attempt.ID && refund.Status == shop.RefundStatusDone && refund.TransactionKey == nil && !isRepeating(refund)
}

// applyRefunds records the refunds that the gateway made and the books do not
// know as done, ours first, and no more of others than are missing in all: a leg
// without a known name may be part of one that was recorded from a settlement row.
func (e *evidence) applyRefunds(ctx context.Context) error {
	if e.says.Refunded > e.attempt.RefundedAmount {
		e.nameRefunds()
	}
	for _, ours := range []bool{true, false} {
		for _, leg := range e.says.Cancels {
			if e.says.Refunded <= e.attempt.RefundedAmount {
				return nil
			}
			if e.knows(leg) || (e.ourRefund(leg) != nil) != ours {
				continue
			}
			if err := e.applyRefund(ctx, leg); err != nil {
				return err
			}
		}
	}
	if missing := e.says.Refunded - e.attempt.RefundedAmount; missing > 0 {
		return e.applyRefund(ctx, pg.Cancel{Amount: missing})
	}
	return nil
}

// nameRefunds gives refunds that are done, and of which the gateway's name was
// never learnt, the names of legs of their amounts that the books do not know: of
// such as may be a refund under way only when no other is left.
func (e *evidence) nameRefunds() {
	for _, ours := range []bool{false, true} {
		for _, leg := range e.says.Cancels {
			if leg.Key == "" || e.knows(leg) || (e.ourRefund(leg) != nil) != ours {
				continue
			}
			nameless := slices.IndexFunc(e.books.payment.Refunds, func(refund shop.Refund) bool {
				return e.isNameless(refund) && refund.Amount == leg.Amount && (leg.RefundID == "" || leg.RefundID == refund.ID)
			})
			if nameless >= 0 {
				e.books.payment.Refunds[nameless].TransactionKey = &leg.Key
			}
		}
	}
}

func (e *evidence) knows(leg pg.Cancel) bool {
	for _, refund := range e.books.payment.Refunds {
		if refund.AttemptID == e.attempt.ID && refund.Status == shop.RefundStatusDone &&
			refund.TransactionKey != nil && *refund.TransactionKey == leg.Key {
			return true
		}
	}
	return false
}

// ourRefund finds which of our refunds the gateway's leg is, an open one or one that
// was believed to be refused; nil for none.
func (e *evidence) ourRefund(leg pg.Cancel) *shop.Refund {
	if named := e.books.payment.Refund(leg.RefundID); named != nil && named.AttemptID == e.attempt.ID &&
		named.Status == shop.RefundStatusFailed && named.Amount == leg.Amount {
		return named
	}
	open := e.books.payment.OpenRefund(e.attempt.ID)
	if open != nil && (open.ID == leg.RefundID || (leg.RefundID == "" && open.Amount == leg.Amount && (leg.Reason == open.Reason || leg.Reason == ""))) {
		return open
	}
	return nil
}

// refundFor is the refund that the gateway's leg gave an amount back by: one of
// ours, or a new one, for it was made in the gateway's own console.
func (e *evidence) refundFor(leg pg.Cancel, amount shop.Won) *shop.Refund {
	taxFreeLeft := e.books.payment.TaxFreeAmount - e.books.payment.RefundedTaxFree
	if ours := e.ourRefund(leg); ours != nil {
		if ours.Status == shop.RefundStatusFailed {
			ours.TaxFreeAmount = max(0, min(ours.TaxFreeAmount, taxFreeLeft))
		}
		if ours.Amount != amount {
			e.wrong = fmt.Sprintf("The gateway gave %s won back where %s were asked for, by its totals.", amount, ours.Amount)
			ours.Amount, ours.TaxFreeAmount = amount, min(ours.TaxFreeAmount, amount)
		}
		return ours
	}
	taxFree := min(leg.TaxFree, taxFreeLeft)
	if e.isPaying() {
		taxFree = max(taxFree, amount-(e.books.payment.Balance()-taxFreeLeft))
	}
	e.books.payment.Refunds = append(e.books.payment.Refunds, shop.Refund{
		ID: shop.RefundID(e.h.NewID(shop.PrefixRefund)), AttemptID: e.attempt.ID, Amount: amount,
		TaxFreeAmount: max(0, min(taxFree, amount)), Reason: "refunded at the gateway", Cause: shop.RefundCauseGateway,
		Status: shop.RefundStatusRequested, RequestedAt: e.books.now,
	})
	return &e.books.payment.Refunds[len(e.books.payment.Refunds)-1]
}

// endImpossible ends our open refund when another, just found at the gateway,
// leaves less than it asks for: it was not made, and cannot be any more.
func (e *evidence) endImpossible(found shop.RefundID, amount shop.Won) {
	left := e.attempt.CapturedAmount - e.attempt.RefundedAmount - amount
	if open := e.books.payment.OpenRefund(e.attempt.ID); open != nil && open.ID != found && open.Amount > left {
		open.Status, e.impossible = shop.RefundStatusFailed, true
	}
}

func (e *evidence) applyRefund(ctx context.Context, leg pg.Cancel) error {
	amount, left := leg.Amount, e.attempt.CapturedAmount-e.attempt.RefundedAmount
	if e.ourRefund(leg) == nil || amount > left {
		amount = min(amount, e.says.Refunded-e.attempt.RefundedAmount)
	}
	if amount <= 0 || amount > left {
		e.wrong = fmt.Sprintf("The gateway says it gave %s won back, more than the %s won that were left.", leg.Amount, left)
		return nil
	}
	refund := e.refundFor(leg, amount)
	e.endImpossible(refund.ID, amount)
	if !e.isPaying() {
		if err := e.books.payment.ReturnLateMoney(refund.ID, leg.Key, e.books.now); err != nil {
			return err
		}
		e.attempt = e.books.payment.Attempt(e.attempt.ID)
		return e.books.paymentEvent(shop.KindPaymentLateMoneyReturned, e.note)
	}
	if err := e.books.payment.FinishRefund(refund.ID, leg.Key, e.books.now); err != nil {
		return err
	}
	e.attempt = e.books.payment.Attempt(e.attempt.ID)
	kind := shop.KindPaymentPartiallyCanceled
	if e.books.payment.Status == shop.PaymentStatusCanceled {
		kind = shop.KindPaymentCanceled
	}
	if err := e.books.paymentEvent(kind, refund.Reason); err != nil {
		return err
	}
	if e.impossible {
		e.books.lookUpAt(e.attempt.ID, e.h.muchLater())
	} else if e.books.payment.OpenRefund(e.attempt.ID) == nil {
		e.books.lookUpAt(e.attempt.ID, time.Time{})
	}
	if e.books.payment.Balance() == 0 && e.books.order.Status == shop.OrderStatusPaid {
		return e.books.cancelOrder(ctx, refund.Reason)
	}
	return nil
}

// returnRest has money that does not pay the order given back: once, by a refund
// that the resolver carries out.
func (e *evidence) returnRest() error {
	rest := e.attempt.CapturedAmount - e.attempt.RefundedAmount
	if e.isPaying() || rest == 0 || e.books.payment.OpenRefund(e.attempt.ID) != nil || e.refusedBefore() {
		return nil
	}
	cause := shop.RefundCauseLateMoney
	if !e.isAsked() {
		cause = shop.RefundCauseWrongAnswer
	}
	e.books.lookUpAt(e.attempt.ID, e.books.now)
	return e.requestReturn(cause, "이 주문에 쓰이지 않은 결제를 돌려드립니다.", rest)
}

// refusedBefore reports whether the gateway would not give the rest back: then a
// person decides, and no program tries again. A refund of more than the rest
// did not fail for that, nor did one that only the gateway told of.
func (e *evidence) refusedBefore() bool {
	rest := e.attempt.CapturedAmount - e.attempt.RefundedAmount
	for _, refund := range e.books.payment.Refunds {
		if refund.AttemptID == e.attempt.ID && refund.Status == shop.RefundStatusFailed && refund.Cause != shop.RefundCauseGateway && refund.Amount <= rest {
			return true
		}
	}
	return false
}

func (e *evidence) requestReturn(cause shop.RefundCause, reason string, amount shop.Won) error {
	id := shop.RefundID(e.h.NewID(shop.PrefixRefund))
	e.books.payment.Refunds = append(e.books.payment.Refunds, shop.Refund{
		ID: id, AttemptID: e.attempt.ID, Amount: amount, TaxFreeAmount: min(amount, e.taxFreeLeft()), Reason: reason,
		Cause: cause, Status: shop.RefundStatusRequested, RequestedAt: e.books.now, PGKey: refundKey(id),
	})
	return e.books.note(shop.KindPaymentLateMoney, reason)
}

// taxFreeLeft is what the attempt still holds of the tax-free part.
func (e *evidence) taxFreeLeft() shop.Won {
	left := e.books.payment.TaxFreeAmount
	for _, refund := range e.books.payment.Refunds {
		if refund.AttemptID == e.attempt.ID && refund.Status == shop.RefundStatusDone {
			left -= refund.TaxFreeAmount
		}
	}
	return max(0, left)
}

// refundKey is the gateway's idempotency key of a refund.
func refundKey(id shop.RefundID) string { return string(id) + ":cancel" }

func (e *evidence) applyWaiting() error {
	if e.attempt.CapturedAmount > 0 {
		if record, ok := e.says.Record.(*shop.TossRecord); !ok || record.FetchedAt.After(e.books.payment.UpdatedAt) { // else it was overtaken
			e.wrong = "The books hold this payment's money, and the gateway still waits for it."
		}
		return nil
	}
	if !e.isLatest() || (e.books.payment.Status != shop.PaymentStatusApproving && e.books.payment.Status != shop.PaymentStatusUnknown) {
		return nil
	}
	if err := e.books.payment.Apply(shop.KindPaymentWaiting, e.books.now); err != nil {
		return err
	}
	e.books.lookUpAt(e.attempt.ID, e.books.now.Add(depositCheck))
	if err := e.books.paymentEvent(shop.KindPaymentWaiting, e.note); err != nil {
		return err
	}
	return e.books.extendHold(e.depositDue())
}

// depositCheck is how often a virtual account is looked up, should its webhook
// never come.
const depositCheck = 5 * time.Minute

// maxDepositHold bounds how long an order holds stock for a virtual account.
const maxDepositHold = 7 * 24 * time.Hour

// depositDue is when the virtual account closes, and a little: a transfer of the
// last minute is told a moment later.
func (e *evidence) depositDue() time.Time {
	due := e.books.now.Add(24 * time.Hour)
	if record, ok := e.says.Record.(*shop.TossRecord); ok && record.VirtualAccount != nil && record.VirtualAccount.DueDate != nil {
		if at, err := time.Parse(time.RFC3339, *record.VirtualAccount.DueDate); err == nil {
			due = at.UTC()
		}
	}
	if limit := e.books.now.Add(maxDepositHold); due.After(limit) {
		due = limit
	}
	return due.Add(10 * time.Minute)
}

// extendHold makes the order hold its stock until the moment given.
func (c *change) extendHold(until time.Time) error {
	extended, err := c.order.Extend(until)
	if err == nil && extended {
		c.orderEvent(shop.KindOrderExtended, "")
	}
	return err
}

// applyEnd records that an attempt ended without money.
func (e *evidence) applyEnd() error {
	if e.attempt.CapturedAmount > e.attempt.RefundedAmount {
		e.wrong = "The books hold this payment's money, and the gateway says it was never taken."
		return nil
	}
	failure := shop.PaymentFailure{Code: string(e.says.Status), Message: "The gateway ended the payment."}
	if e.says.Failure != nil {
		failure = *e.says.Failure
	}
	waited := e.attempt.Status == shop.PaymentStatusWaitingForDeposit
	if err := e.fail(failure); err != nil || !waited {
		return err
	}
	return e.shortenHold()
}

// shortenHold makes the order hold its stock no longer than one that is placed
// now, when the virtual account that it held it for is closed, and it does not
// wait for another.
func (e *evidence) shortenHold() error {
	if e.books.order.Status != shop.OrderStatusPlaced || e.books.payment.Status == shop.PaymentStatusWaitingForDeposit {
		return nil
	}
	shortened, err := e.books.order.Shorten(e.books.now.Add(e.h.OrderHold))
	if err == nil && shortened {
		e.books.orderEvent(shop.KindOrderShortened, "")
	}
	return err
}

// fail ends the attempt. When it is the latest of a payment that waits for it,
// the payment has failed.
func (e *evidence) fail(failure shop.PaymentFailure) error {
	e.books.lookUpAt(e.attempt.ID, time.Time{})
	if e.isLatest() && e.books.payment.Status != shop.PaymentStatusFailed {
		if _, ok := shop.PaymentMove(e.books.payment.Status, shop.KindPaymentFailed, 0); ok {
			if err := e.books.payment.Fail(failure, e.books.now); err != nil {
				return err
			}
			e.attempt = e.books.payment.Attempt(e.attempt.ID)
			return e.books.paymentEvent(shop.KindPaymentFailed, failure.Code)
		}
	}
	if e.isLatest() || e.attempt.Failure != nil {
		return nil
	}
	e.attempt.Status, e.attempt.Failure = shop.PaymentStatusFailed, &failure
	return e.books.note(shop.KindPaymentAttemptEnded, failure.Code)
}

// gatewayError reads err as a gateway's.
func gatewayError(err error) *pg.Error {
	if e, ok := errors.AsType[*pg.Error](err); ok {
		return e
	}
	return nil
}

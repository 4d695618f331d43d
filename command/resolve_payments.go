package command

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"payment-system/internal/failpoint"
	"payment-system/internal/mysqldb"
	"payment-system/pg"
	"payment-system/shop"
)

// resolveSchedule is how long the resolver waits before it asks a gateway again;
// the last step repeats.
var resolveSchedule = [...]time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute}

// resolveWorkers is how many answers of a gateway the resolver waits for at once.
const resolveWorkers = 8

// ResolvePayments looks up every attempt whose outcome is due to be asked for,
// carries on with what it finds and says when to ask next; a person is told of
// what has been open for 15 minutes, and a refund under way that nobody would ask
// for is asked for again. It returns how many attempts it claimed.
// Gateways do not wait for each other, and no attempt is claimed once a call to a
// gateway could have ended: so a run ends soon, however slow a gateway is.
// Replicas share the work: an attempt is claimed by a lease with a fence, and
// what is written is gated by the payment's version, so a holder that slept past
// its lease can write nothing.
func (h *Handler) ResolvePayments(ctx context.Context) (int, error) {
	ctx = failpoint.In(ctx, "resolve")
	gateways := []shop.PG{shop.PGKakao, shop.PGToss}
	claimed, errs := make([]int, len(gateways)), make([]error, len(gateways))
	var group sync.WaitGroup
	for i, gateway := range gateways {
		group.Go(func() { claimed[i], errs[i] = h.resolveAt(ctx, gateway) })
	}
	group.Wait()
	return claimed[0] + claimed[1], errors.Join(errors.Join(errs...), h.tellOverdue(ctx), h.wakeForgotten(ctx))
}

func (h *Handler) resolveAt(ctx context.Context, gateway shop.PG) (claimed int, err error) {
	due, err := h.dueAttempts(ctx, gateway)
	if err == nil && len(due) == 0 && h.health.mayScout(gateway, h.now()) {
		due, err = h.nextAttempt(ctx, gateway)
	}
	if err != nil {
		return 0, err
	}
	return h.resolveEach(ctx, due)
}

// resolveEach claims and resolves the attempts given, some at once, until a call
// to a gateway could have ended. It returns how many it claimed.
func (h *Handler) resolveEach(ctx context.Context, due []dueAttempt) (claimed int, err error) {
	var group sync.WaitGroup
	defer group.Wait()
	places := make(chan struct{}, resolveWorkers)
	until := h.now().Add(h.PGTimeout)
	for _, attempt := range due {
		places <- struct{}{}
		if ctx.Err() != nil || h.now().After(until) {
			break
		}
		mine, err := h.claim(ctx, attempt)
		if err != nil {
			return claimed, err
		}
		if !mine {
			<-places
			continue
		}
		claimed++
		group.Go(func() {
			defer func() { <-places }()
			h.resolveDue(ctx, attempt)
		})
	}
	return claimed, nil
}

// A dueAttempt is an attempt that waits for the resolver.
type dueAttempt struct {
	id      shop.AttemptID
	checkAt time.Time
	checks  int
	fence   int64
}

func (h *Handler) dueAttempts(ctx context.Context, gateway shop.PG) ([]dueAttempt, error) {
	now := h.now()
	return h.readAttempts(ctx, `check_at <= ? AND pg = ? AND (lease_until IS NULL OR lease_until < ?) ORDER BY check_at LIMIT 64`, now, string(gateway), now)
}

// nextAttempt is the attempt whose outcome will be asked for next, after it was
// asked for in vain.
func (h *Handler) nextAttempt(ctx context.Context, gateway shop.PG) ([]dueAttempt, error) {
	now := h.now()
	return h.readAttempts(ctx, `check_at > ? AND pg = ? AND checks > 0 AND unresolved_since IS NOT NULL AND (lease_until IS NULL OR lease_until < ?) ORDER BY check_at LIMIT 1`,
		now, string(gateway), now)
}

func (h *Handler) readAttempts(ctx context.Context, where string, args ...any) ([]dueAttempt, error) {
	due, err := mysqldb.Collect(ctx, h.DB, func(rows *sql.Rows) (a dueAttempt, err error) {
		err = rows.Scan(&a.id, &a.checkAt, &a.checks, &a.fence)
		return a, err
	}, `SELECT id, check_at, checks, fence FROM attempts WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read the attempts to resolve: %w", err)
	}
	return due, nil
}

// claim leases an attempt to this replica for as long as its look-up may take.
func (h *Handler) claim(ctx context.Context, a dueAttempt) (bool, error) {
	now := h.now()
	err := mysqldb.ExecOne(ctx, mysqldb.Alone(h.DB), `UPDATE attempts SET lease_owner = ?, lease_until = ?, fence = fence + 1 WHERE id = ? AND fence = ?`,
		h.Replica, now.Add(4*h.PGTimeout), a.id, a.fence)
	if errors.Is(err, mysqldb.ErrStale) {
		return false, nil
	}
	return err == nil, err
}

// resolveDue resolves one claimed attempt and, unless nothing is left to find
// out, says when to ask next.
func (h *Handler) resolveDue(ctx context.Context, a dueAttempt) {
	payment, err := h.ResolveAttempt(ctx, ResolveAttempt{AttemptID: a.id, Actor: shop.ActorResolver})
	failed := err != nil && shop.CodeOf(err) != shop.InProgress && shop.CodeOf(err) != shop.Declined
	if failed {
		h.Logger.WarnContext(ctx, "look-up failed", "attempt_id", string(a.id), "error", err)
	}
	if payment.ID == "" {
		payment = h.paymentAsItIs(ctx, a.id)
	}
	if err := h.release(ctx, a, payment, failed); err != nil {
		h.Logger.ErrorContext(ctx, "lease not released", "attempt_id", string(a.id), "error", err)
	}
}

// paymentAsItIs reads the payment of an attempt that could not be resolved. It is
// zero when it cannot be read either.
func (h *Handler) paymentAsItIs(ctx context.Context, attempt shop.AttemptID) shop.Payment {
	id, err := h.paymentIDOf(ctx, attempt)
	if err != nil {
		return shop.Payment{}
	}
	payment, err := loadPayment(ctx, h.DB, id)
	if err != nil {
		return shop.Payment{}
	}
	return payment
}

// unresolved reports whether the gateway's word on an attempt is still awaited.
func unresolved(payment shop.Payment, id shop.AttemptID) bool {
	return awaited(payment, id) != ""
}

// waits reports whether an attempt is to be looked up again, though nothing about
// it is unclear: a deposit may come, or a virtual account is to be closed.
func waits(payment shop.Payment, id shop.AttemptID) bool {
	attempt := payment.Attempt(id)
	return attempt != nil && attempt.Status == shop.PaymentStatusWaitingForDeposit
}

// mayYetBeDone reports whether the books say that a gateway took nothing, or would
// not give money back. A call that was lost may reach the gateway yet: a look-up
// that somebody asked for early does not stand for the one that comes later.
func mayYetBeDone(payment shop.Payment, id shop.AttemptID) bool {
	return endedUnpaid(payment, id) || slices.ContainsFunc(payment.Refunds, func(refund shop.Refund) bool {
		return refund.AttemptID == id && refund.Status == shop.RefundStatusFailed
	})
}

// endedUnpaid reports whether an attempt has failed, or its order ended, before the
// gateway took anything.
func endedUnpaid(payment shop.Payment, id shop.AttemptID) bool {
	attempt := payment.Attempt(id)
	if attempt == nil || attempt.CapturedAmount > 0 {
		return false
	}
	status := attempt.Status
	if payment.AttemptID == id {
		status = payment.Status
	}
	return status == shop.PaymentStatusFailed || status == shop.PaymentStatusExpired || status == shop.PaymentStatusCanceled
}

// release gives the lease back and, unless nothing is left to find out, sets the
// next look-up: later from time to time, and never at the same moment for all. A
// look-up that failed, in whatever way, is made again, and what it should have told
// is open from then on. One that was asked for meanwhile, by a webhook or the
// outcome, stays, and is none that was made in vain.
func (h *Handler) release(ctx context.Context, a dueAttempt, payment shop.Payment, failed bool) error {
	var next any
	now, vain := h.now(), false
	switch step := min(a.checks, len(resolveSchedule)-1); {
	case failed, payment.ID == "", unresolved(payment, a.id):
		next, vain = now.Add(h.jitter(resolveSchedule[step])), true
	case waits(payment, a.id):
		next = now.Add(h.jitter(depositCheck))
	default:
		last := payment.UpdatedAt.Add(resolveSchedule[len(resolveSchedule)-1])
		if mayYetBeDone(payment, a.id) && now.Before(last) {
			next = last
		}
	}
	_, err := mysqldb.Alone(h.DB).ExecContext(ctx, `UPDATE attempts SET lease_until = NULL, checks = IF(check_at <=> ?, IF(?, checks + 1, 0), checks),
		unresolved_since = IF(check_at <=> ?, IF(?, COALESCE(unresolved_since, ?), NULL), unresolved_since), check_at = IF(check_at = ?, ?, check_at) WHERE id = ? AND fence = ?`,
		a.checkAt, vain, a.checkAt, vain, now, a.checkAt, next, a.id, a.fence+1)
	return err
}

// jitter spreads a wait by up to a fifth.
func (h *Handler) jitter(wait time.Duration) time.Duration {
	var b [1]byte
	h.Random(b[:])
	return wait + wait/5*time.Duration(b[0])/256
}

// ResolveAttempt asks a gateway what became of an attempt, and carries on.
type ResolveAttempt struct {
	AttemptID shop.AttemptID
	Actor     shop.Actor
	Note      string
}

// ResolveAttempt looks the attempt up and makes the books say what the gateway
// says; then it carries on what the look-up left to do: an approval that the
// gateway has not begun, a refund that it has not made, a virtual account that
// nobody waits for. It returns Unavailable when the gateway cannot be asked, or
// says of money that the books hold what cannot be, an *pg.Error of
// OutcomeNotFound when it knows nothing of a payment that the books hold money
// of, InProgress while the gateway wants to be left alone about a call, and
// otherwise as ApplyEvidence does.
func (h *Handler) ResolveAttempt(ctx context.Context, cmd ResolveAttempt) (shop.Payment, error) {
	ctx = context.WithoutCancel(ctx)
	id, err := h.paymentIDOf(ctx, cmd.AttemptID)
	if err != nil {
		return shop.Payment{}, err
	}
	was, err := loadPayment(ctx, h.DB, id)
	if err != nil {
		return was, err
	}
	attempt := was.Attempt(cmd.AttemptID)
	gateway := h.gateway(attempt.PG)
	if gateway == nil {
		return was, gatewayAway(errors.New("no such gateway is configured"))
	}
	answer, err := lookUp(ctx, gateway, keyOf(*attempt), was.Amount)
	if err != nil {
		return h.lookUpFailed(ctx, was, *attempt, err)
	}
	if attempt.CapturedAmount == 0 && answer.Captured == 0 && isEnd(answer.Status) {
		if alone, err := h.isLeftAlone(ctx, was, cmd.AttemptID); err != nil || alone {
			return was, cmp.Or(err, error(errAsking)) // the bank may take the money yet
		}
	}
	if err := disbelief(was, *attempt, answer); err != nil {
		return was, gatewayAway(err)
	}
	payment, version, err := h.applyEvidence(ctx, ApplyEvidence{AttemptID: cmd.AttemptID, Evidence: answer, Actor: cmd.Actor, Note: cmd.Note})
	if err != nil || version != was.Version || h.inFlight(was, payment, cmd.AttemptID) {
		// What changed since the gateway was asked makes the answer too old to
		// repeat anything on: the next look-up tells.
		return payment, err
	}
	return h.carryOn(ctx, gateway, payment, cmd.AttemptID, answer.Status)
}

// isEnd reports whether a payment in this state has ended, with or without money.
func isEnd(status pg.Status) bool {
	return status == pg.StatusFailed || status == pg.StatusExpired || status == pg.StatusRefunded
}

// lookUp asks the gateway, and once more when it answers with something else
// than was asked for: one odd answer ends nothing, and gives no money back.
func lookUp(ctx context.Context, gateway pg.Gateway, key pg.Key, amount shop.Won) (pg.Payment, error) {
	answer, err := gateway.LookUp(ctx, key)
	first := gatewayError(err)
	if (err == nil && answer.Amount != amount) || (first != nil && first.Outcome == pg.OutcomeMismatch) {
		return gateway.LookUp(ctx, key)
	}
	return answer, err
}

// disbelief is why an answer cannot be about the attempt as the books have it: it
// is about another payment, says that the gateway took what it did not, or does
// not list what it gave back while a refund is under way, which might be asked for
// again. It is nil for any other.
func disbelief(payment shop.Payment, attempt shop.PaymentAttempt, answer pg.Payment) error {
	switch {
	case attempt.PaymentKey != nil && answer.PaymentKey != *attempt.PaymentKey:
		return fmt.Errorf("the gateway was asked about %s, and answers about %s", *attempt.PaymentKey, answer.PaymentKey)
	case attempt.CapturedAmount == payment.Amount && answer.Amount != payment.Amount:
		return fmt.Errorf("the gateway took %s won, and says %s", payment.Amount, answer.Amount)
	case payment.OpenRefund(attempt.ID) != nil && listed(answer) != answer.Refunded:
		return fmt.Errorf("the gateway gave %s won back, and lists %s: it cannot tell of the refund under way", answer.Refunded, listed(answer))
	}
	return nil
}

// listed is what a gateway gave back by the refunds that it lists.
func listed(answer pg.Payment) (sum shop.Won) {
	for _, leg := range answer.Cancels {
		sum += leg.Amount
	}
	return sum
}

// lookUpFailed ends an attempt whose payment the gateway has for another order
// or currency, or does not find, though it has named it itself, for 15 minutes;
// silence, and an answer about another payment altogether, leave everything as it is.
func (h *Handler) lookUpFailed(ctx context.Context, payment shop.Payment, attempt shop.PaymentAttempt, cause error) (shop.Payment, error) {
	refusal := gatewayError(cause)
	switch {
	case refusal != nil && refusal.Payment != nil && attempt.PaymentKey != nil && refusal.Payment.PaymentKey != *attempt.PaymentKey:
		return payment, gatewayAway(cause)
	case refusal != nil && refusal.Outcome == pg.OutcomeMismatch && refusal.Payment != nil:
		return h.ApplyEvidence(ctx, ApplyEvidence{AttemptID: attempt.ID, Evidence: *refusal.Payment, Actor: shop.ActorResolver})
	case refusal != nil && refusal.Outcome == pg.OutcomeNotFound && attempt.CapturedAmount == 0:
		return h.notFound(ctx, payment, attempt.ID, cause, refusal.Code)
	case refusal != nil && refusal.Outcome == pg.OutcomeNotFound:
		return payment, cause
	}
	return payment, gatewayAway(cause)
}

// notFound ends an attempt that the gateway does not find: not before it was
// asked about for 15 minutes, and it is asked about once more after that.
func (h *Handler) notFound(ctx context.Context, payment shop.Payment, id shop.AttemptID, cause error, code string) (shop.Payment, error) {
	if unresolved(payment, id) {
		alone, err := h.isLeftAlone(ctx, payment, id)
		if err != nil || alone {
			return payment, cmp.Or(err, error(errAsking))
		}
		var long bool
		err = h.DB.QueryRowContext(ctx, `SELECT COALESCE(unresolved_since <= ?, TRUE) FROM attempts WHERE id = ?`, h.now().Add(-overdue), id).Scan(&long)
		if err != nil {
			return payment, fmt.Errorf("read since when attempt %s is open: %w", id, err)
		}
		if !long {
			return payment, gatewayAway(cause)
		}
	}
	failure := shop.PaymentFailure{Code: code, Message: "The gateway knows nothing of this payment."}
	if _, err := h.failApproval(ctx, payment, id, shop.ActorResolver, failure, h.muchLater()); err != nil {
		return payment, err
	}
	return loadPayment(ctx, h.DB, payment.ID)
}

// muchLater is when an attempt that failed, or an approval that was withdrawn, is
// looked up once more, for a call that was lost may reach the gateway yet.
func (h *Handler) muchLater() time.Time {
	return h.now().Add(resolveSchedule[len(resolveSchedule)-1])
}

// inFlight reports whether the call that an intent stands for may still be under
// way: then nobody else makes it. It counts from the intent, which may have been
// there before the look-up.
func (h *Handler) inFlight(was, payment shop.Payment, id shop.AttemptID) bool {
	began := payment.UpdatedAt
	if was.Status == shop.PaymentStatusApproving {
		began = was.UpdatedAt
	}
	if refund := payment.OpenRefund(id); refund != nil {
		if refund.Status == shop.RefundStatusUnknown || refund.Cause != shop.RefundCauseRequested {
			return false
		}
		began = refund.RequestedAt
	} else if payment.Status != shop.PaymentStatusApproving {
		return false
	}
	return h.now().Before(began.Add(h.PGTimeout + time.Second))
}

// carryOn does what the look-up left to do.
func (h *Handler) carryOn(ctx context.Context, gateway pg.Gateway, payment shop.Payment, id shop.AttemptID, status pg.Status) (shop.Payment, error) {
	switch alone, err := h.isLeftAlone(ctx, payment, id); {
	case err != nil:
		return payment, err
	case alone:
		return payment, errAsking
	}
	if refund := payment.OpenRefund(id); refund != nil {
		return h.carryOutRefund(ctx, payment.ID, refund.ID, payment.Version)
	}
	latest := payment.AttemptID == id
	asked := payment.Status == shop.PaymentStatusApproving || payment.Status == shop.PaymentStatusUnknown
	switch {
	case status == pg.StatusAuthenticated && latest && asked:
		return h.approveAgain(ctx, gateway, payment, id)
	case status == pg.StatusOpen && latest && asked:
		_, err := h.withdrawApproval(ctx, payment, id, shop.ActorResolver, "the gateway still waits for the shopper", h.muchLater())
		return payment, err
	case (status == pg.StatusAuthenticated || status == pg.StatusOpen) && overtaken(payment, id):
		_, err := h.failApproval(ctx, payment, id, shop.ActorResolver, shop.PaymentFailure{Code: "OVERTAKEN", Message: "Another attempt paid the order."}, h.muchLater())
		return payment, err
	case status == pg.StatusWaitingForDeposit && payment.Attempt(id).CapturedAmount == 0:
		return h.closeOrWait(ctx, gateway, payment, id)
	}
	return payment, nil
}

// approveAgain repeats an approval that the gateway has not carried out, with
// the same idempotency key, while the order still holds its stock; else the
// attempt has failed, and nothing was charged.
func (h *Handler) approveAgain(ctx context.Context, gateway pg.Gateway, payment shop.Payment, id shop.AttemptID) (shop.Payment, error) {
	order, err := loadOrder(ctx, h.DB, payment.OrderID)
	if err != nil {
		return payment, err
	}
	now, mine, err := h.intendAgain(ctx, payment)
	if err != nil || !mine {
		return now, err // somebody went on since the look-up
	}
	if order.Status != shop.OrderStatusPlaced || !h.now().Before(order.ExpiresAt) {
		failure := shop.PaymentFailure{Code: "HOLD_OVER", Message: "The order's time was over before the gateway took the money."}
		_, err = h.failApproval(ctx, now, id, shop.ActorResolver, failure, h.muchLater())
	} else {
		var answer pg.Payment
		answer, err = gateway.Approve(ctx, approveRequest(now, id))
		err = h.approvedAgain(ctx, now, id, answer, err)
	}
	if err != nil {
		return now, err
	}
	return loadPayment(ctx, h.DB, payment.ID)
}

// intendAgain commits that an approval is about to be asked for again: from now
// on the word on the call before is about that call alone. It reports whether
// nobody went on since the payment was read.
func (h *Handler) intendAgain(ctx context.Context, was shop.Payment) (now shop.Payment, mine bool, err error) {
	now, err = h.changePayment(ctx, was.ID, shop.ActorResolver, func(c *change) error {
		mine = c.payment.Version == was.Version
		if !mine || c.payment.Status != shop.PaymentStatusApproving {
			return nil
		}
		if err := c.payment.Apply(shop.KindPaymentUnknown, c.now); err != nil {
			return err
		}
		return c.paymentEvent(shop.KindPaymentUnknown, "asked again")
	})
	return now, mine, err
}

// approvedAgain commits what the gateway answered to a repeat. Silence leaves
// the payment unknown: the next look-up tells.
func (h *Handler) approvedAgain(ctx context.Context, payment shop.Payment, id shop.AttemptID, answer pg.Payment, cause error) error {
	if cause == nil {
		_, err := h.ApplyEvidence(ctx, ApplyEvidence{AttemptID: id, Evidence: answer, Actor: shop.ActorResolver})
		return err
	}
	if isRefusal(cause) {
		refusal := gatewayError(cause)
		_, err := h.failApproval(ctx, payment, id, shop.ActorResolver, shop.PaymentFailure{Code: refusal.Code, Message: refusal.Message}, h.muchLater())
		return err
	}
	if err := h.renewKey(ctx, "attempts", "approve_key", string(id), cause); err != nil {
		return err
	}
	_, err := h.changePayment(ctx, payment.ID, shop.ActorResolver, func(c *change) error {
		if wait := patience(cause); wait > 0 && unresolved(c.payment, id) {
			c.lookUpAt(id, c.now.Add(wait))
		}
		c.lookAgain(id, c.now.Add(resolveSchedule[0]))
		return nil
	})
	if err != nil {
		return err
	}
	return gatewayAway(cause)
}

// isLeftAlone reports whether a call whose outcome is open may not be repeated yet,
// whoever looked it up: the gateway asked for patience, and the next look-up is far.
func (h *Handler) isLeftAlone(ctx context.Context, payment shop.Payment, id shop.AttemptID) (alone bool, err error) {
	if !unresolved(payment, id) {
		return false, nil
	}
	err = h.DB.QueryRowContext(ctx, `SELECT check_at IS NOT NULL AND check_at > ? AND checks = 0 FROM attempts WHERE id = ?`,
		h.now().Add(h.PGTimeout+resolveSchedule[0]), id).Scan(&alone)
	if err != nil {
		return false, fmt.Errorf("read when attempt %s is looked up: %w", id, err)
	}
	return alone, nil
}

// patience is how long a gateway asked to be left alone about a call that it will
// know the outcome of only then; 0 when the schedule is slow enough.
func patience(cause error) time.Duration {
	e := gatewayError(cause)
	if e == nil || e.Outcome != pg.OutcomeUnknown || e.RetryAfter <= resolveSchedule[len(resolveSchedule)-1] {
		return 0
	}
	return e.RetryAfter
}

// closeOrWait closes a virtual account unless its order still waits for it. The
// order that has waited long enough ends: the deposit has not come.
func (h *Handler) closeOrWait(ctx context.Context, gateway pg.Gateway, payment shop.Payment, id shop.AttemptID) (shop.Payment, error) {
	if payment.AttemptID == id && payment.Status == shop.PaymentStatusWaitingForDeposit {
		expired, err := h.expireOrder(ctx, payment.OrderID)
		if err != nil || !expired {
			return payment, err
		}
	}
	return h.closeAccount(ctx, gateway, payment, id)
}

// closeAccount closes a virtual account that nobody waits for any more, so that
// no money comes late. Should money come all the same, it is returned. Each try
// has a key of its own: an account closes once, whoever asks.
func (h *Handler) closeAccount(ctx context.Context, gateway pg.Gateway, payment shop.Payment, id shop.AttemptID) (shop.Payment, error) {
	attempt := payment.Attempt(id)
	answer, err := gateway.Cancel(ctx, pg.CancelRequest{
		IdempotencyKey: string(id) + ":close:" + h.now().Format(keyTime), Key: keyOf(*attempt), Amount: payment.Amount, TaxFree: payment.TaxFreeAmount,
		Available: payment.Amount, Whole: true, Reason: "주문이 끝나 입금을 받지 않습니다.",
	})
	if err != nil {
		return payment, gatewayAway(err)
	}
	payment, err = h.ApplyEvidence(ctx, ApplyEvidence{AttemptID: id, Evidence: answer, Actor: shop.ActorResolver})
	if err != nil {
		return payment, err
	}
	return h.endAttempt(ctx, payment.ID, id)
}

// endAttempt notes that the gateway has closed an attempt of a payment that
// ended before it.
func (h *Handler) endAttempt(ctx context.Context, id shop.PaymentID, attempt shop.AttemptID) (shop.Payment, error) {
	return h.changePayment(ctx, id, shop.ActorResolver, func(c *change) error {
		closed := c.payment.Attempt(attempt)
		c.lookUpAt(attempt, time.Time{})
		if closed.Status != shop.PaymentStatusWaitingForDeposit {
			return nil
		}
		closed.Status = shop.PaymentStatusCanceled
		if err := c.payment.Apply(shop.KindPaymentAttemptEnded, c.now); err != nil {
			return err
		}
		return c.paymentEvent(shop.KindPaymentAttemptEnded, "virtual account closed")
	})
}

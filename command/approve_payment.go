package command

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"payment-system/command/books"
	"payment-system/internal/failpoint"
	"payment-system/pg"
	"payment-system/shop"
)

// ApprovePayment takes the money. PaymentKey and Amount are what a browser
// carried; they are compared and never used.
type ApprovePayment struct {
	By         shop.Caller
	PaymentID  shop.PaymentID
	PgToken    *string
	PaymentKey *string
	Amount     *shop.Won
}

// ApprovePayment asks the gateway, once, to take the money of the latest
// attempt. Asked again it answers with what came of it. It returns Declined when
// the gateway refused, InProgress while its answer is not known, Unavailable
// when it surely did nothing, Conflict when the order or payment does not allow
// it and Invalid when the browser carried something else than the books hold.
func (h *Handler) ApprovePayment(ctx context.Context, cmd ApprovePayment) (shop.PaymentApproved, error) {
	payment, attempt, err := h.approve(ctx, cmd, "")
	if err != nil {
		return shop.PaymentApproved{}, err
	}
	return approvalOf(payment, attempt)
}

// approve carries the intent, the call and the outcome out, one after the other, and
// returns the payment as the books hold it then, and which attempt is its latest. Given
// an attempt, it does so only if that is the latest: a browser has brought the gateway's
// token for it, and that is the proof. Its errors are those of who asks, and of gateways
// that surely did nothing; whatever else became of it, the payment tells.
func (h *Handler) approve(ctx context.Context, cmd ApprovePayment, only shop.AttemptID) (shop.Payment, shop.AttemptID,
	error,
) {
	ctx = failpoint.In(ctx, "approve")
	intent, mine, err := h.intendApproval(ctx, cmd, only)
	if err != nil {
		return shop.Payment{}, "", err
	}
	attempt := intent.AttemptID
	if !mine && only != "" && only != attempt {
		return intent, attempt, nil
	}
	if !mine {
		payment, err := h.approvalElsewhere(ctx, intent, attempt)
		return payment, attempt, err
	}
	// From here on the money may move: a shopper who hangs up must not stop us
	// recording it.
	ctx = context.WithoutCancel(ctx)
	failpoint.At(ctx, failpoint.AfterIntent)
	answer, lost := h.gateway(intent.PG).Approve(ctx, approveRequest(intent, attempt))
	if lost == nil {
		payment, err := h.ApplyEvidence(ctx, ApplyEvidence{AttemptID: attempt, Evidence: answer, Actor: shop.ActorGateway, approves: true})
		return payment, attempt, err
	}
	if err := h.approvalLost(ctx, intent, attempt, lost); err != nil {
		return shop.Payment{}, "", err
	}
	payment, err := h.approvalElsewhere(ctx, intent, attempt) // the resolver may have found out by now
	return payment, attempt, err
}

// intendApproval commits that the gateway is about to be asked. It reports whether
// it is this call that asks.
func (h *Handler) intendApproval(ctx context.Context, cmd ApprovePayment, only shop.AttemptID) (shop.Payment, bool,
	error,
) {
	var mine bool
	d := &decision{actor: cmd.By.Actor, by: cmd.By.OperatorID(), passing: true}
	d.do = func(c *change) error {
		mine = false
		if only == "" && !cmd.By.MayActOn(c.payment.UserID) {
			return shop.NoSuch("payment")
		}
		if c.payment.Status != shop.PaymentStatusReady || (only != "" && c.payment.AttemptID != only) {
			return nil
		}
		if h.gateway(c.payment.PG) == nil {
			return gatewayAway(errors.New("no such gateway is configured"))
		}
		latest := c.payment.Attempt(c.payment.AttemptID)
		if err := checkApproval(cmd, c.payment, *latest); err != nil {
			return err
		}
		if c.order.Status != shop.OrderStatusPlaced || !c.now.Before(c.order.ExpiresAt) {
			return conflictOf(c.order.Status, "The order's time is over; nothing was charged.")
		}
		mine = true
		if cmd.PgToken != nil {
			latest.PgToken = *cmd.PgToken
		}
		if err := c.payment.Apply(shop.KindPaymentApproving, c.now); err != nil {
			return err
		}
		c.lookUpAt(latest.ID, c.now.Add(h.PGTimeout+2*time.Second))
		if err := c.paymentEvent(shop.KindPaymentApproving, ""); err != nil {
			return err
		}
		return c.extendHold(c.now.Add(2*h.PGTimeout + time.Minute))
	}
	c, err := h.stepOf(ctx, cmd.PaymentID, d)
	if err != nil {
		return shop.Payment{}, false, err
	}
	return c.payment, mine, nil
}

// checkApproval compares what a browser carried with the books.
func checkApproval(cmd ApprovePayment, payment shop.Payment, attempt shop.PaymentAttempt) error {
	if attempt.PaymentKey == nil {
		return conflictOf(payment.Status, "The gateway has not opened this payment yet.")
	}
	if cmd.PaymentKey != nil && *cmd.PaymentKey != *attempt.PaymentKey {
		return shop.InvalidField("paymentKey", "The payment key is not this payment's.")
	}
	if cmd.Amount != nil && *cmd.Amount != payment.Amount {
		return shop.InvalidField("amount", "The amount is not this payment's.")
	}
	if attempt.PG == shop.PGKakao {
		return checkToken(cmd.PgToken)
	}
	if cmd.PaymentKey == nil {
		return shop.InvalidField("paymentKey", "Toss Payments needs the payment key that the redirect carried.")
	}
	if cmd.Amount == nil {
		return shop.InvalidField("amount", "Toss Payments needs the amount that the redirect carried.")
	}
	return nil
}

func checkToken(token *string) error {
	if token == nil || *token == "" || len(*token) > 200 ||
		strings.ContainsFunc(*token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return shop.InvalidField("pgToken", "Kakao Pay needs the pg_token that the redirect carried.")
	}
	return nil
}

func approveRequest(payment shop.Payment, id shop.AttemptID) pg.ApproveRequest {
	attempt := payment.Attempt(id)
	return pg.ApproveRequest{
		IdempotencyKey: attempt.ApproveKey, Key: keyOf(*attempt), UserRef: string(payment.UserID),
		PgToken: attempt.PgToken, Amount: payment.Amount,
	}
}

func keyOf(attempt shop.PaymentAttempt) pg.Key {
	key := pg.Key{AttemptID: attempt.ID}
	if attempt.PaymentKey != nil {
		key.PaymentKey = *attempt.PaymentKey
	}
	return key
}

// approvalLost commits what the gateway answered in place of a payment. A nil error says
// that the books hold it; silence is unknown and is resolved afterwards.
func (h *Handler) approvalLost(ctx context.Context, payment shop.Payment, attempt shop.AttemptID, cause error) error {
	refusal := gatewayError(cause)
	again := never
	if payment.Attempt(attempt).ApproveKey != approveKey(attempt) {
		again = at(h.muchLater()) // that this call did nothing tells nothing of an earlier one
	}
	switch {
	case refusal == nil, refusal.Outcome == pg.OutcomeUnknown, refusal.Outcome == pg.OutcomeMismatch:
		return h.approvalUnknown(ctx, payment.ID, attempt, cause)
	case refusal.Outcome == pg.OutcomeNotSent, refusal.Outcome == pg.OutcomeMisconfigured:
		h.Logger.ErrorContext(ctx, "gateway did not take a payment", "pg", string(payment.PG), "attempt_id", string(attempt),
			"error", cause)
		withdrawn, err := h.withdrawApproval(ctx, payment, attempt, shop.ActorGateway, refusal.Outcome.String(), again)
		if err != nil {
			return err
		}
		if withdrawn {
			return gatewayAway(cause)
		}
	default:
		failed, err := h.failApproval(ctx, payment, attempt, shop.ActorGateway,
			shop.PaymentFailure{Code: refusal.Code, Message: refusal.Message}, again)
		if err != nil || failed {
			return err
		}
	}
	// It was asked for again meanwhile: that this call did nothing tells nothing of the other.
	return h.approvalUnknown(ctx, payment.ID, attempt, cause)
}

// approvalUnknown records the silence, then asks at once when the gateway did
// say something: that the payment was made before, say. When the books have gone
// on since, a look-up reports whether they were right to.
func (h *Handler) approvalUnknown(ctx context.Context, id shop.PaymentID, attempt shop.AttemptID, cause error) error {
	wait := resolveSchedule[0]
	refusal := gatewayError(cause)
	if refusal != nil && refusal.RetryAfter > 0 {
		wait = refusal.RetryAfter
	}
	var silent bool
	_, err := h.changePayment(ctx, id, shop.ActorGateway, func(c *change) error {
		silent = c.payment.AttemptID == attempt && c.payment.Status == shop.PaymentStatusApproving
		if !silent {
			c.lookAgain(attempt, c.now.Add(wait))
			return nil
		}
		if err := c.payment.Apply(shop.KindPaymentUnknown, c.now); err != nil {
			return err
		}
		c.lookUpAt(attempt, c.now.Add(wait))
		return c.paymentEvent(shop.KindPaymentUnknown, noteOf(cause))
	})
	if err != nil || !silent {
		return err
	}
	if key := newKeyAfter(cause, string(attempt), h.now()); key != "" {
		if err := books.RenewApproveKey(ctx, h.DB, attempt, key); err != nil {
			return err
		}
	}
	h.Logger.WarnContext(ctx, "approval unknown", "attempt_id", string(attempt), "error", cause)
	if refusal != nil && refusal.Status != 0 && refusal.Status < 500 && refusal.RetryAfter == 0 {
		if _, err := h.ResolveAttempt(ctx, ResolveAttempt{AttemptID: attempt, Actor: shop.ActorGateway}); err != nil {
			h.Logger.WarnContext(ctx, "look-up after an unclear answer", "attempt_id", string(attempt), "error", err)
		}
	}
	return nil
}

// keyTime makes an idempotency key of a call that is made anew.
const keyTime = "20060102T150405.000000"

// newKeyAfter returns the idempotency key of the next call when the last, whose key
// is for id, was answered: Toss would repeat that answer under the old key for ever.
// What the answer left open, a look-up tells before the next call. It returns "" for
// a call that may still be running, or was never answered: that keeps its key.
func newKeyAfter(cause error, id string, now time.Time) string {
	e := gatewayError(cause)
	if e == nil || e.Outcome != pg.OutcomeUnknown || !isSettledRefusal(e.Status) {
		return ""
	}
	return id + ":" + now.Format(keyTime)
}

// isSettledRefusal reports whether an HTTP status is an answer that a gateway would
// repeat under the same idempotency key.
func isSettledRefusal(status int) bool {
	return status >= 400 && status < 500 && status != http.StatusConflict && status != http.StatusTooManyRequests
}

// noteOf is what the history says of a gateway's error: its code, never a body.
func noteOf(cause error) string {
	if e := gatewayError(cause); e != nil {
		return strings.TrimSpace(e.Outcome.String() + " " + e.Code)
	}
	return "unknown"
}

// approveKey is the gateway's idempotency key of the first approval of an attempt.
func approveKey(attempt shop.AttemptID) string { return string(attempt) + ":approve" }

// withdrawApproval records that the gateway did nothing: the same attempt may be
// approved again, under another key. again is when the gateway
// is asked once more: never, when it surely does nothing later either. If the payment
// has left the given state, it changes nothing and returns false.
func (h *Handler) withdrawApproval(ctx context.Context, was shop.Payment, attempt shop.AttemptID, by shop.Actor,
	note string, again lookUpTime,
) (withdrawn bool, err error) {
	_, err = h.changePayment(ctx, was.ID, by, func(c *change) error {
		if withdrawn = c.isUndecided(attempt, was.Status); !withdrawn {
			return nil
		}
		latest := c.payment.Attempt(attempt)
		latest.ApproveKey = approveKey(attempt) + ":" + c.now.Format(keyTime)
		c.payment.CheckoutURL = latest.CheckoutURL
		if err := c.payment.Apply(shop.KindPaymentApprovalWithdrawn, c.now); err != nil {
			return err
		}
		c.lookUp(attempt, again)
		return c.paymentEvent(shop.KindPaymentApprovalWithdrawn, note)
	})
	return withdrawn, err
}

// failApproval records the gateway's refusal, which an actor told or found out.
// again is when the gateway is asked once more. If the payment has left the given
// state, it changes nothing and returns false.
func (h *Handler) failApproval(ctx context.Context, was shop.Payment, attempt shop.AttemptID, by shop.Actor,
	failure shop.PaymentFailure, again lookUpTime,
) (failed bool, err error) {
	_, err = h.changePayment(ctx, was.ID, by, func(c *change) error {
		c.heardOf = attempt
		if failed = overtaken(c.payment, attempt); failed {
			return c.endOvertaken(attempt, failure, again)
		}
		if failed = c.isUndecided(attempt, was.Status); !failed {
			return nil
		}
		if err := c.payment.Fail(failure, c.now); err != nil {
			return err
		}
		c.lookUp(attempt, again)
		return c.paymentEvent(shop.KindPaymentFailed, failure.Code)
	})
	return failed, err
}

// approvalOf answers with what came of an approval.
func approvalOf(payment shop.Payment, attempt shop.AttemptID) (shop.PaymentApproved, error) {
	switch payment.Status {
	case shop.PaymentStatusApproved, shop.PaymentStatusWaitingForDeposit:
		return shop.PaymentApproved{Payment: payment}, nil
	case shop.PaymentStatusApproving, shop.PaymentStatusUnknown:
		return shop.PaymentApproved{}, errAsking
	case shop.PaymentStatusReady:
		return shop.PaymentApproved{}, gatewayAway(errors.New("the approval was withdrawn"))
	case shop.PaymentStatusFailed:
		if failed := payment.Attempt(attempt); failed != nil && failed.Failure != nil {
			return shop.PaymentApproved{}, declined(failed.PG, *failed.Failure)
		}
	default: // it ended, or is being refunded
	}
	return shop.PaymentApproved{},
		conflictOf(payment.Status, "The payment is "+string(payment.Status)+"; it cannot be approved.")
}

// approvalElsewhere waits a little for an approval that another call asked for. Who is
// answered finds it in the read models, though the other call may not be that far yet.
func (h *Handler) approvalElsewhere(ctx context.Context, payment shop.Payment, attempt shop.AttemptID) (shop.Payment,
	error,
) {
	payment, err := h.await(ctx, payment.ID,
		func(p shop.Payment) bool { return p.Status != shop.PaymentStatusApproving })
	if err != nil {
		return payment, err
	}
	if _, err := approvalOf(payment, attempt); err == nil {
		h.Projector.Project(ctx, string(payment.OrderID), string(payment.ID))
	}
	return payment, nil
}

// await reads the payment until done says so, or for as long as a gateway may
// take. It returns the payment as it was last read.
func (h *Handler) await(ctx context.Context, id shop.PaymentID, done func(shop.Payment) bool) (shop.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, h.PGTimeout+2*time.Second)
	defer cancel()
	pause := 20 * time.Millisecond
	for {
		payment, err := books.LoadPayment(context.WithoutCancel(ctx), h.DB, id)
		if err != nil || done(payment) {
			return payment, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return payment, nil
		case <-timer.C:
		}
		pause = min(2*pause, 500*time.Millisecond)
	}
}

// endOvertaken ends an attempt that was overtaken, and that took nothing so far.
func (c *change) endOvertaken(id shop.AttemptID, failure shop.PaymentFailure, again lookUpTime) error {
	attempt := c.payment.Attempt(id)
	attempt.Status, attempt.Failure = shop.PaymentStatusFailed, &failure
	c.lookUp(id, again)
	if err := c.payment.Apply(shop.KindPaymentAttemptEnded, c.now); err != nil {
		return err
	}
	return c.paymentEvent(shop.KindPaymentAttemptEnded, failure.Code)
}

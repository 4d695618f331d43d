package command

import (
	"context"
	"errors"
	"sync"
	"time"

	"payment-system/command/books"
	"payment-system/internal/failpoint"
	"payment-system/shop"
)

// resolveSchedule is how long the resolver waits before it asks a gateway again;
// the last step repeats.
var resolveSchedule = [...]time.Duration{
	2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute,
	5 * time.Minute,
}

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
	due, err := books.DueAttempts(ctx, h.DB, gateway, h.now())
	if err == nil && len(due) == 0 && h.health.mayScout(gateway, h.now()) {
		due, err = books.NextAttempt(ctx, h.DB, gateway, h.now())
	}
	if err != nil {
		return 0, err
	}
	return h.resolveEach(ctx, due)
}

// resolveEach claims and resolves the attempts given, some at once, until a call
// to a gateway could have ended. It returns how many it claimed.
func (h *Handler) resolveEach(ctx context.Context, due []books.DueAttempt) (claimed int, err error) {
	var group sync.WaitGroup
	defer group.Wait()
	places := make(chan struct{}, resolveWorkers)
	until := h.now().Add(h.PGTimeout)
	for _, attempt := range due {
		places <- struct{}{}
		if ctx.Err() != nil || h.now().After(until) {
			break
		}
		mine, err := books.ClaimAttempt(ctx, h.DB, attempt, h.Replica,
			h.now().Add(4*h.PGTimeout)) // as long as its look-up may take
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

// resolveDue resolves one claimed attempt and, unless nothing is left to find
// out, says when to ask next.
func (h *Handler) resolveDue(ctx context.Context, a books.DueAttempt) {
	payment, err := h.ResolveAttempt(ctx, ResolveAttempt{AttemptID: a.ID, Actor: shop.ActorResolver})
	failed := err != nil && shop.CodeOf(err) != shop.InProgress && shop.CodeOf(err) != shop.Declined
	if failed {
		h.Logger.WarnContext(ctx, "look-up failed", "attempt_id", string(a.ID), "error", err)
	}
	if payment.ID == "" {
		payment = h.paymentAsItIs(ctx, a.ID)
	}
	if err := h.release(ctx, a, payment, failed); err != nil {
		h.Logger.ErrorContext(ctx, "lease not released", "attempt_id", string(a.ID), "error", err)
	}
}

// paymentAsItIs reads the payment of an attempt that could not be resolved. It is
// zero when it cannot be read either.
func (h *Handler) paymentAsItIs(ctx context.Context, attempt shop.AttemptID) shop.Payment {
	id, err := books.PaymentIDOf(ctx, h.DB, attempt)
	if err != nil {
		return shop.Payment{}
	}
	payment, err := books.LoadPayment(ctx, h.DB, id)
	if err != nil {
		return shop.Payment{}
	}
	return payment
}

// release gives the lease back and, unless nothing is left to find out, schedules
// the next look-up, each wait longer than the last and jittered. A look-up that
// failed, in whatever way, is made again, and what it should have told is open from
// then on. One that a webhook or the outcome asked for meanwhile is kept, and does
// not count as a failed one.
func (h *Handler) release(ctx context.Context, a books.DueAttempt, payment shop.Payment, failed bool) error {
	r := books.Release{Now: h.now()}
	switch step := min(a.Checks, len(resolveSchedule)-1); {
	case failed, payment.ID == "", unresolved(payment, a.ID):
		next := r.Now.Add(h.jitter(resolveSchedule[step]))
		r.Next, r.Failed = &next, true
	case waits(payment, a.ID):
		next := r.Now.Add(h.jitter(depositCheck))
		r.Next = &next
	default:
		last := payment.UpdatedAt.Add(resolveSchedule[len(resolveSchedule)-1])
		if mayYetBeDone(payment, a.ID) && r.Now.Before(last) {
			r.Next = &last
		}
	}
	return books.ReleaseAttempt(ctx, h.DB, a, r)
}

// jitter spreads a wait by up to a fifth.
func (h *Handler) jitter(wait time.Duration) time.Duration {
	var b [1]byte
	h.Random(b[:])
	return wait + wait/5*time.Duration(b[0])/256
}

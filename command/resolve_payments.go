package command

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"payment-system/internal/failpoint"
	"payment-system/internal/mysqldb"
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

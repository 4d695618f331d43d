package verify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"payment-system/pg"
	"payment-system/shop"
)

const (
	// askAtOnce is how many attempts are looked up side by side.
	askAtOnce = 8
	// askAgain is how often a difference is looked at again, askPause apart,
	// before it is believed: the books may be about to follow.
	askAgain = 3
	askPause = time.Second
)

// A heldAttempt is what the books say of an attempt's money.
type heldAttempt struct {
	id                 shop.AttemptID
	paymentID          shop.PaymentID
	pg                 shop.PG
	paymentKey         *string
	captured, refunded shop.Won
	moving             bool // an outcome is open: the gateway may know better
}

const attemptQuery = `SELECT a.id, a.payment_id, a.pg, a.payment_key, a.captured_amount, a.refunded_amount,
a.status IN ` + unresolved + ` OR EXISTS (SELECT 1 FROM refunds r WHERE r.open_attempt_id = a.id)
FROM attempts a `

func scanHeld(row interface{ Scan(...any) error }) (heldAttempt, error) {
	var a heldAttempt
	err := row.Scan(&a.id, &a.paymentID, &a.pg, &a.paymentKey, &a.captured, &a.refunded, &a.moving)
	return a, err
}

// verifyGateways asks the gateways about every attempt. No transaction is open meanwhile.
func (v *Verifier) verifyGateways(ctx context.Context, report func(Violation)) error {
	var total, done int
	if err := v.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM attempts`).Scan(&total); err != nil {
		return fmt.Errorf("count the attempts: %w", err)
	}
	for after := ""; ; {
		attempts, err := v.attempts(ctx, after)
		if err != nil || len(attempts) == 0 {
			return err
		}
		if err := v.askAll(ctx, attempts, report); err != nil {
			return err
		}
		after = string(attempts[len(attempts)-1].id)
		done += len(attempts)
		if v.Progress != nil {
			v.Progress(done, max(done, total))
		}
	}
}

func (v *Verifier) attempts(ctx context.Context, after string) ([]heldAttempt, error) {
	rows, err := v.DB.QueryContext(ctx, attemptQuery+`WHERE a.id > ? ORDER BY a.id LIMIT 200`, after)
	if err != nil {
		return nil, fmt.Errorf("read the attempts: %w", err)
	}
	defer rows.Close()
	var attempts []heldAttempt
	for rows.Next() {
		attempt, err := scanHeld(rows)
		if err != nil {
			return nil, fmt.Errorf("read an attempt: %w", err)
		}
		attempts = append(attempts, attempt)
	}
	return attempts, rows.Err()
}

// askAll asks about each attempt, some side by side, and reports one at a time.
func (v *Verifier) askAll(ctx context.Context, attempts []heldAttempt, report func(Violation)) error {
	var asking sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	slots := make(chan struct{}, askAtOnce)
	for _, attempt := range attempts {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			detail, err := v.ask(ctx, attempt)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			}
			if detail != "" {
				report(Violation{"gateway", string(attempt.id), detail})
			}
		})
	}
	asking.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// ask tells how the gateway and the books differ over an attempt, "" when they agree.
func (v *Verifier) ask(ctx context.Context, attempt heldAttempt) (detail string, err error) {
	for try := 0; ; try++ {
		if attempt.moving {
			return "", nil
		}
		detail, err = v.compareWithGateway(ctx, attempt)
		if err != nil {
			return "", err
		}
		if detail == "" || try == askAgain {
			return detail, nil
		}
		restFor(ctx, askPause)
		attempt, err = scanHeld(v.DB.QueryRowContext(ctx, attemptQuery+`WHERE a.id = ?`, attempt.id))
		if err != nil {
			return "", fmt.Errorf("read an attempt again: %w", err)
		}
	}
}

// restFor waits, and no longer than ctx.
func restFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// compareWithGateway tells how the two differ, "" when they agree or a case stands for it.
func (v *Verifier) compareWithGateway(ctx context.Context, attempt heldAttempt) (string, error) {
	gateway := v.Gateways[attempt.pg]
	if gateway == nil {
		return fmt.Sprintf("no gateway %s is configured", attempt.pg), nil
	}
	key := pg.Key{AttemptID: attempt.id}
	if attempt.paymentKey != nil {
		key.PaymentKey = *attempt.paymentKey
	}
	evidence, err := gateway.LookUp(ctx, key)
	var refused *pg.Error
	switch {
	case errors.As(err, &refused) && refused.Outcome == pg.OutcomeNotFound:
		evidence = pg.Payment{} // It never heard of the attempt: nothing was taken.
	case errors.As(err, &refused) && refused.Payment != nil:
		return v.excuse(ctx, difference{
			attempt: attempt, other: true,
			detail: fmt.Sprintf("the gateway has it as order %s, %d %s",
				refused.Payment.AttemptID, refused.Payment.Amount, refused.Payment.Currency),
		})
	case err != nil:
		return fmt.Sprintf("the gateway could not be asked: %v", err), nil
	}
	if evidence.Captured == attempt.captured && evidence.Refunded == attempt.refunded {
		return "", nil
	}
	return v.excuse(ctx, difference{
		attempt: attempt, taken: evidence.Captured - attempt.captured, returned: evidence.Refunded - attempt.refunded,
		detail: fmt.Sprintf("gateway captured %d, refunded %d; books captured %d, refunded %d",
			evidence.Captured, evidence.Refunded, attempt.captured, attempt.refunded),
	})
}

// A difference is what the gateway says otherwise than the books.
type difference struct {
	attempt         heldAttempt
	taken, returned shop.Won // what the gateway took, and gave back, more than the books know
	other           bool     // the gateway has another payment altogether
	detail          string
}

// excuse returns "" when exactly one case that can explain the difference stands for it, or a plan.
func (v *Verifier) excuse(ctx context.Context, d difference) (string, error) {
	rows, err := v.DB.QueryContext(ctx, `SELECT kind, status, line, expected FROM discrepancies
WHERE payment_id = ? AND (attempt_id IS NULL OR attempt_id = ?)
AND status IN ('OPEN', 'PLANNED')`, d.attempt.paymentID, d.attempt.id)
	if err != nil {
		return "", fmt.Errorf("read the cases of %s: %w", d.attempt.id, err)
	}
	defer rows.Close()
	cases := map[shop.DiscrepancyStatus]int{}
	for rows.Next() {
		var found shop.Discrepancy
		if err := rows.Scan(&found.Kind, &found.Status, &found.Line, &found.Expected); err != nil {
			return "", fmt.Errorf("read a case of %s: %w", d.attempt.id, err)
		}
		if !found.IsOverdue() && d.explainedBy(found.Kind) {
			cases[found.Status]++
		}
	}
	switch open := cases[shop.DiscrepancyStatusOpen]; {
	case open > 1:
		return fmt.Sprintf("%s; %d open cases stand for it", d.detail, open), rows.Err()
	case open == 1, cases[shop.DiscrepancyStatusPlanned] > 0:
		return "", rows.Err()
	}
	return d.detail + "; no open case stands for it", rows.Err()
}

// explainedBy reports whether a case of the kind can stand for the difference.
func (d difference) explainedBy(kind shop.DiscrepancyKind) bool {
	switch kind {
	case shop.DiscrepancyKindAmountDiffers, shop.DiscrepancyKindOrderDiffers, shop.DiscrepancyKindConflictingRows:
		return true
	case shop.DiscrepancyKindApprovalUnrecorded, shop.DiscrepancyKindPaidAfterEnd:
		return !d.other && d.taken > 0
	case shop.DiscrepancyKindRefundUnrecorded:
		return !d.other && d.returned > 0
	case shop.DiscrepancyKindRefundMissing:
		return !d.other && d.returned < 0
	case shop.DiscrepancyKindMissingAtGateway:
		return !d.other && d.taken < 0
	case shop.DiscrepancyKindReversedAtGateway:
		return !d.other && d.taken < d.returned
	default: // the others are not about how much there is
		return false
	}
}

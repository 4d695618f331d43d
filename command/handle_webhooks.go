package command

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"payment-system/internal/failpoint"
	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// An inboxEntry is a webhook that waits to be acted on.
type inboxEntry struct {
	id                                        int64
	tries                                     int
	eventType, attemptRef, paymentKey, secret string
}

// HandleWebhooks acts on the webhooks of the inbox: those that name an attempt of
// ours, by its payment key or with its secret, make the resolver look it up at
// once. It returns how many it handled. What fails is tried again, later from
// time to time. Now and then it forgets those that were handled long ago.
func (h *Handler) HandleWebhooks(ctx context.Context) (int, error) {
	handled, _, err := h.emptyInbox(ctx)
	if err == nil && h.inbox.mayForget(h.now()) {
		err = h.forgetWebhooks(ctx)
	}
	return handled, err
}

const (
	// keepWebhooks is how long a webhook that was handled tells its repeats. Toss
	// Payments sends one again for less than four days.
	keepWebhooks = 14 * 24 * time.Hour
	// forgetEvery is how often each replica looks for webhooks to forget, and
	// forgetAtOnce how many it forgets then at most: more than may come meanwhile.
	forgetEvery  = 10 * time.Second
	forgetAtOnce = 1000
)

// forgetWebhooks deletes the oldest of the webhooks that were handled long ago.
// It looks at them in the order in which they came, which is nearly the order in
// which they were handled, so that it reads no more than it may delete.
func (h *Handler) forgetWebhooks(ctx context.Context) error {
	var last sql.NullInt64
	before := h.now().Add(-keepWebhooks)
	err := h.DB.QueryRowContext(ctx, `SELECT MAX(id) FROM (SELECT id, handled_at FROM webhook_inbox WHERE handled_at IS NOT NULL ORDER BY id LIMIT ?) oldest WHERE handled_at < ?`,
		forgetAtOnce, before).Scan(&last)
	if err != nil {
		return fmt.Errorf("look for webhooks to forget: %w", err)
	}
	if !last.Valid {
		return nil
	}
	if _, err := mysqldb.Alone(h.DB).ExecContext(ctx, `DELETE FROM webhook_inbox WHERE id <= ? AND handled_at < ? ORDER BY id LIMIT ?`, last.Int64, before, forgetAtOnce); err != nil {
		return fmt.Errorf("forget webhooks: %w", err)
	}
	return nil
}

// emptyInbox is HandleWebhooks, and tells which attempts are to be looked up.
func (h *Handler) emptyInbox(ctx context.Context) (handled int, woken []shop.AttemptID, err error) {
	entries, err := h.dueWebhooks(ctx)
	if err != nil {
		return 0, nil, err
	}
	for _, entry := range entries {
		mine, err := h.claimWebhook(ctx, entry)
		if err != nil {
			return handled, woken, err
		}
		if !mine {
			continue
		}
		attempt, verdict, err := h.handleWebhook(ctx, entry)
		if err != nil {
			h.Logger.WarnContext(ctx, "webhook not handled", "inbox_id", entry.id, "tries", entry.tries+1, "error", err)
			continue
		}
		if attempt != "" && !slices.Contains(woken, attempt) {
			woken = append(woken, attempt)
		}
		if err := h.webhookHandled(ctx, entry, verdict); err != nil {
			return handled, woken, err
		}
		handled++
	}
	return handled, woken, nil
}

// handleWebhook wakes the resolver for the attempt that the webhook names. It
// returns why nothing was done, "" when something was.
func (h *Handler) handleWebhook(ctx context.Context, e inboxEntry) (id shop.AttemptID, verdict string, err error) {
	if !isASCII(e.paymentKey + e.attemptRef) {
		return "", "no attempt of ours", nil
	}
	query, named := `SELECT id, secret FROM attempts WHERE pg = ? AND payment_key = ?`, e.paymentKey
	if e.paymentKey == "" {
		query, named = `SELECT id, secret FROM attempts WHERE pg = ? AND id = ?`, e.attemptRef
	}
	var secret string
	err = h.DB.QueryRowContext(ctx, query, string(shop.PGToss), named).Scan(&id, &secret)
	if isNoRows(err) {
		return "", "no attempt of ours", nil
	}
	if err != nil {
		return "", "", err
	}
	if e.paymentKey == "" && (secret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(e.secret)) != 1) {
		return "", "the secret is not the attempt's", nil
	}
	return id, "", h.WakeAttempt(ctx, id)
}

// inboxPause is how long the inbox is left alone after each pass: however many
// webhooks name an attempt, its gateway is asked about it no more often for them.
const inboxPause = 250 * time.Millisecond

// inboxRuns bounds a pass over the inbox.
const inboxRuns = 16

// An inboxWorker is the one goroutine of a process that acts on webhooks when they
// come. The zero value does not run.
type inboxWorker struct {
	mu             sync.Mutex
	running, again bool
	forgot         time.Time // when old webhooks were last looked for
}

// mayForget reports whether old webhooks are to be looked for, and takes note.
func (w *inboxWorker) mayForget(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.forgot) < forgetEvery {
		return false
	}
	w.forgot = now
	return true
}

// wake reports whether the worker must be started; one that runs goes on once more.
func (w *inboxWorker) wake() (start bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	start = !w.running
	w.running, w.again = true, !start
	return start
}

// goOn reports whether the worker was woken since it last asked; else it has
// stopped from now on.
func (w *inboxWorker) goOn() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running, w.again = w.again, false
	return w.running
}

// wakeInbox has the inbox attended to in the background, whether or not this
// replica runs scheduled jobs.
func (h *Handler) wakeInbox(ctx context.Context) {
	if !h.inbox.wake() {
		return
	}
	ctx = failpoint.In(context.WithoutCancel(ctx), "resolve")
	h.background.start(func() {
		for again := true; again; again = h.inbox.goOn() {
			if err := h.attendInbox(ctx); err != nil {
				h.Logger.WarnContext(ctx, "webhook inbox left to the schedule", "error", err)
			}
			time.Sleep(inboxPause)
		}
	})
}

// attendInbox acts on the webhooks that wait, and resolves what they name.
func (h *Handler) attendInbox(ctx context.Context) error {
	var woken []shop.AttemptID
	var err error
	for handled, run := 1, 0; handled > 0 && err == nil && run < inboxRuns; run++ {
		var more []shop.AttemptID
		handled, more, err = h.emptyInbox(ctx)
		woken = append(woken, more...)
	}
	slices.Sort(woken)
	for ids := range slices.Chunk(slices.Compact(woken), 64) {
		due, err := h.dueOf(ctx, ids)
		if err == nil {
			_, err = h.resolveEach(ctx, due)
		}
		if err != nil {
			return err
		}
	}
	return err
}

// dueOf reads those of the attempts given that nobody looks up already.
func (h *Handler) dueOf(ctx context.Context, ids []shop.AttemptID) ([]dueAttempt, error) {
	now := h.now()
	return h.readAttempts(ctx, `check_at <= ? AND (lease_until IS NULL OR lease_until < ?) AND id IN (`+marks(len(ids))+`)`, append([]any{now, now}, anys(ids)...)...)
}

func (h *Handler) dueWebhooks(ctx context.Context) ([]inboxEntry, error) {
	rows, err := h.DB.QueryContext(ctx, `SELECT id, tries, event_type, attempt_ref, payment_key, secret FROM webhook_inbox WHERE next_try_at <= ? ORDER BY next_try_at LIMIT 64`, h.now())
	if err != nil {
		return nil, fmt.Errorf("read the webhook inbox: %w", err)
	}
	defer rows.Close()
	var entries []inboxEntry
	for rows.Next() {
		var e inboxEntry
		if err := rows.Scan(&e.id, &e.tries, &e.eventType, &e.attemptRef, &e.paymentKey, &e.secret); err != nil {
			return nil, fmt.Errorf("read a webhook: %w", err)
		}
		entries = append(entries, e)
	}
	return entries, rows.Err()
}

// claimWebhook takes a webhook for this replica, and sets when it is tried again
// should this try fail.
func (h *Handler) claimWebhook(ctx context.Context, e inboxEntry) (bool, error) {
	wait := min(time.Second<<min(e.tries, 12), time.Hour)
	err := mysqldb.ExecOne(ctx, mysqldb.Alone(h.DB), `UPDATE webhook_inbox SET tries = tries + 1, next_try_at = ? WHERE id = ? AND tries = ? AND next_try_at IS NOT NULL`,
		h.now().Add(h.PGTimeout+h.jitter(wait)), e.id, e.tries)
	if errors.Is(err, mysqldb.ErrStale) {
		return false, nil
	}
	return err == nil, err
}

// webhookHandled keeps what tells a repeat; the body, which may name a person,
// has done its service.
func (h *Handler) webhookHandled(ctx context.Context, e inboxEntry, verdict string) error {
	_, err := mysqldb.Alone(h.DB).ExecContext(ctx, `UPDATE webhook_inbox SET handled_at = ?, next_try_at = NULL, error = ?, body = '' WHERE id = ?`, h.now(), nullIfEmpty(verdict), e.id)
	return err
}

// WakeAttempt has the resolver look an attempt up at once.
func (h *Handler) WakeAttempt(ctx context.Context, id shop.AttemptID) error {
	_, err := mysqldb.Alone(h.DB).ExecContext(ctx, `UPDATE attempts SET check_at = ? WHERE id = ?`, h.now(), id)
	return err
}

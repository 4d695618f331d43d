package command

import (
	"context"
	"crypto/subtle"
	"slices"
	"sync"
	"time"

	"payment-system/command/books"
	"payment-system/internal/failpoint"
	"payment-system/shop"
)

// HandleWebhooks acts on the webhooks of the inbox: those that name an attempt of
// ours, by its payment key or with its secret, make the resolver look it up at
// once. It returns how many it handled. What fails is tried again, each
// wait longer than the last. Now and then it forgets those that were handled long ago.
func (h *Handler) HandleWebhooks(ctx context.Context) (int, error) {
	handled, _, err := h.emptyInbox(ctx)
	if err == nil && h.inbox.mayForget(h.now()) {
		err = books.ForgetWebhooks(ctx, h.DB, h.now().Add(-keepWebhooks), forgetAtOnce)
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

// emptyInbox is HandleWebhooks, and returns which attempts are to be looked up.
func (h *Handler) emptyInbox(ctx context.Context) (handled int, woken []shop.AttemptID, err error) {
	entries, err := books.DueWebhooks(ctx, h.DB, h.now())
	if err != nil {
		return 0, nil, err
	}
	for _, entry := range entries {
		mine, err := books.ClaimWebhook(ctx, h.DB, entry, h.now().Add(h.PGTimeout+h.jitter(webhookPause(entry.Tries))))
		if err != nil {
			return handled, woken, err
		}
		if !mine {
			continue
		}
		attempt, verdict, err := h.handleWebhook(ctx, entry)
		if err != nil {
			h.Logger.WarnContext(ctx, "webhook not handled", "inbox_id", entry.ID, "tries", entry.Tries+1, "error", err)
			continue
		}
		if attempt != "" && !slices.Contains(woken, attempt) {
			woken = append(woken, attempt)
		}
		if err := books.WebhookHandled(ctx, h.DB, entry, verdict, h.now()); err != nil {
			return handled, woken, err
		}
		handled++
	}
	return handled, woken, nil
}

// handleWebhook wakes the resolver for the attempt that the webhook names. It
// returns why nothing was done, "" when something was.
func (h *Handler) handleWebhook(ctx context.Context, e books.InboxEntry) (id shop.AttemptID, verdict string,
	err error,
) {
	id, secret, err := books.AttemptOfWebhook(ctx, h.DB, e.PaymentKey, e.AttemptRef)
	switch {
	case err != nil:
		return "", "", err
	case id == "":
		return "", "no attempt of ours", nil
	case e.PaymentKey == "" && (secret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(e.Secret)) != 1):
		return "", "the secret is not the attempt's", nil
	}
	return id, "", h.WakeAttempt(ctx, id)
}

// webhookPause is how long a webhook that could not be handled is left alone: each
// pause longer than the last, up to an hour.
func webhookPause(tries int) time.Duration { return min(time.Second<<min(tries, 12), time.Hour) }

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
	h.background.Start(func() {
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
		due, err := books.DueAmong(ctx, h.DB, ids, h.now())
		if err == nil {
			_, err = h.resolveEach(ctx, due)
		}
		if err != nil {
			return err
		}
	}
	return err
}

// WakeAttempt has the resolver look an attempt up at once.
func (h *Handler) WakeAttempt(ctx context.Context, id shop.AttemptID) error {
	return books.LookUpNow(ctx, h.DB, id, h.now())
}

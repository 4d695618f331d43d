package books

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// A Webhook is what Toss Payments told us unasked, and that waits to be acted on.
type Webhook struct {
	DedupKey                                  string // tells a repeat
	EventType, AttemptRef, PaymentKey, Secret string
	Body                                      []byte
	ReceivedAt                                time.Time
}

// StoreWebhook puts a webhook into the inbox, due at once, and reports whether it
// was not there already.
func StoreWebhook(ctx context.Context, db *sql.DB, w Webhook) (stored bool, err error) {
	_, err = mysqldb.Alone(db).ExecContext(ctx,
		`INSERT INTO webhook_inbox (pg, dedup_key, event_type, attempt_ref, payment_key, secret, body, received_at,
			next_try_at) VALUES (?,?,?,?,?,?,?,?,?)`,
		string(shop.PGToss), w.DedupKey, w.EventType, w.AttemptRef, w.PaymentKey, w.Secret, w.Body, w.ReceivedAt,
		w.ReceivedAt)
	if mysqldb.IsDuplicate(err, "uq_webhook_inbox_dedup") {
		return false, nil
	}
	return err == nil, err
}

// An InboxEntry is a webhook that waits to be acted on.
type InboxEntry struct {
	ID                                        int64
	Tries                                     int
	EventType, AttemptRef, PaymentKey, Secret string
}

// DueWebhooks reads up to 64 webhooks that are due to be acted on.
func DueWebhooks(ctx context.Context, db *sql.DB, now time.Time) ([]InboxEntry, error) {
	entries, err := mysqldb.Collect(ctx, db, func(rows *sql.Rows) (e InboxEntry, err error) {
		err = rows.Scan(&e.ID, &e.Tries, &e.EventType, &e.AttemptRef, &e.PaymentKey, &e.Secret)
		return e, err
	}, `SELECT id, tries, event_type, attempt_ref, payment_key, secret FROM webhook_inbox WHERE next_try_at <= ?
		ORDER BY next_try_at LIMIT 64`, now)
	if err != nil {
		return nil, fmt.Errorf("read the webhook inbox: %w", err)
	}
	return entries, nil
}

// ClaimWebhook takes a webhook for one caller, and sets when it is tried again
// should this try fail. It reports whether nobody else was faster.
func ClaimWebhook(ctx context.Context, db *sql.DB, e InboxEntry, again time.Time) (bool, error) {
	err := mysqldb.ExecOne(ctx, mysqldb.Alone(db),
		`UPDATE webhook_inbox SET tries = tries + 1, next_try_at = ? WHERE id = ? AND tries = ? AND next_try_at IS NOT NULL`,
		again, e.ID, e.Tries)
	if errors.Is(err, mysqldb.ErrStale) {
		return false, nil
	}
	return err == nil, err
}

// WebhookHandled keeps what tells a repeat, and why nothing was done, "" when
// something was. The body, which may name a person, has done its service.
func WebhookHandled(ctx context.Context, db *sql.DB, e InboxEntry, verdict string, now time.Time) error {
	_, err := mysqldb.Alone(db).ExecContext(ctx,
		`UPDATE webhook_inbox SET handled_at = ?, next_try_at = NULL, error = ?, body = '' WHERE id = ?`, now,
		nullIfEmpty(verdict), e.ID)
	return err
}

// ForgetWebhooks deletes the oldest of the webhooks that were handled before a
// moment, most of them at once at most. It looks at them in the order in which they
// came, which is nearly the order in which they were handled, so that it reads no
// more than it may delete.
func ForgetWebhooks(ctx context.Context, db *sql.DB, before time.Time, most int) error {
	var last sql.NullInt64
	err := db.QueryRowContext(ctx,
		`SELECT MAX(id) FROM (SELECT id, handled_at FROM webhook_inbox WHERE handled_at IS NOT NULL ORDER BY id
			LIMIT ?) oldest WHERE handled_at < ?`,
		most, before).Scan(&last)
	if err != nil {
		return fmt.Errorf("look for webhooks to forget: %w", err)
	}
	if !last.Valid {
		return nil
	}
	if _, err := mysqldb.Alone(db).ExecContext(ctx,
		`DELETE FROM webhook_inbox WHERE id <= ? AND handled_at < ? ORDER BY id LIMIT ?`, last.Int64, before,
		most); err != nil {
		return fmt.Errorf("forget webhooks: %w", err)
	}
	return nil
}

package command

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// errInFlight says that a request of the same key is being carried out.
var errInFlight = &shop.Error{Code: shop.InProgress, Message: "The same request is being carried out. Ask again in a moment."}

// A request is a command that carries an idempotency key: the same key and input
// always have the same answer, and one effect.
type request struct {
	userID    shop.UserID
	operation string
	key       string
	hash      string // of the input
}

// newRequest checks the key and hashes the input.
func newRequest(userID shop.UserID, operation, key string, input ...any) (request, error) {
	// The database takes keys that differ only in spaces at their end for one.
	if key == "" || utf8.RuneCountInString(key) > 100 || strings.ContainsFunc(key, unprintable) || strings.HasSuffix(key, " ") {
		return request{}, shop.InvalidField("idempotencyKey", "The idempotency key must have 1 to 100 printable characters, the last of them no space.")
	}
	body, err := json.Marshal(input)
	if err != nil {
		return request{}, fmt.Errorf("encode the input of %s: %w", operation, err)
	}
	return request{userID: userID, operation: operation, key: key, hash: hashOf(string(body))}, nil
}

// A receipt is what is stored under a key.
type receipt struct {
	subject  string
	response []byte // nil while the request is being carried out
}

// begin stores the key, naming what the request works on, in the transaction of
// its first effect. When the key exists it changes nothing and returns the
// receipt; it returns IDEMPOTENCY_MISMATCH when the key was used for another
// input.
func (r request) begin(ctx context.Context, tx *sql.Tx, subject string, now time.Time) (*receipt, error) {
	_, err := tx.ExecContext(ctx, `INSERT INTO idempotency (user_id, operation, idem_key, request_hash, subject, created_at) VALUES (?,?,?,?,?,?)`,
		r.userID, r.operation, r.key, r.hash, subject, now)
	if mysqldb.IsDuplicate(err, "PRIMARY") {
		return r.find(ctx, tx)
	}
	return nil, err
}

// A querier reads. *sql.DB and *sql.Tx are some.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// find returns the receipt of the key, or nil when there is none.
func (r request) find(ctx context.Context, db querier) (*receipt, error) {
	var hash string
	var found receipt
	err := db.QueryRowContext(ctx, `SELECT request_hash, subject, response FROM idempotency WHERE user_id = ? AND operation = ? AND idem_key = ?`,
		r.userID, r.operation, r.key).Scan(&hash, &found.subject, &found.response)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the idempotency key: %w", err)
	case hash != r.hash:
		return nil, &shop.Error{Code: shop.IdempotencyMismatch, Message: "This idempotency key was used for another input."}
	}
	return &found, nil
}

// finish stores the answer, in the transaction of the last effect.
func (r request) finish(ctx context.Context, tx *sql.Tx, response any) error {
	body, err := json.Marshal(response)
	if err != nil {
		return fmt.Errorf("encode the answer of %s: %w", r.operation, err)
	}
	return mysqldb.ExecOne(ctx, tx, `UPDATE idempotency SET response = ? WHERE user_id = ? AND operation = ? AND idem_key = ?`,
		body, r.userID, r.operation, r.key)
}

// answer decodes a stored answer into out. It returns IN_PROGRESS when there is
// none yet.
func (r *receipt) answer(out any) error {
	if r.response == nil {
		return errInFlight
	}
	if err := json.Unmarshal(r.response, out); err != nil {
		return fmt.Errorf("decode a stored answer: %w", err)
	}
	return nil
}

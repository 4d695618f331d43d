package books

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
	"payment-system/internal/text"
	"payment-system/shop"
)

// ErrInFlight says that a request of the same key is being carried out.
var ErrInFlight = &shop.Error{
	Code:    shop.InProgress,
	Message: "The same request is being carried out. Ask again in a moment.",
}

// A Request is a command that carries an idempotency key: the same key and input
// always have the same answer, and one effect.
type Request struct {
	UserID    shop.UserID
	Operation string
	Key       string
	Hash      string // of the input
}

// Begin stores the key, naming what the request works on, in the transaction of
// its first effect. When the key exists it changes nothing and returns the
// receipt; it returns IDEMPOTENCY_MISMATCH when the key was used for another
// input.
func (r Request) Begin(ctx context.Context, tx *sql.Tx, subject string, now time.Time) (*Receipt, error) {
	_, err := tx.ExecContext(ctx,
		`INSERT INTO idempotency (user_id, operation, idem_key, request_hash, subject, created_at) VALUES (?,?,?,?,?,?)`,
		r.UserID, r.Operation, r.Key, r.Hash, subject, now)
	if mysqldb.IsDuplicate(err, "PRIMARY") {
		return r.Find(ctx, tx)
	}
	return nil, err
}

// Find returns the receipt of the key, or nil when there is none.
func (r Request) Find(ctx context.Context, db Reader) (*Receipt, error) {
	var found Receipt
	err := db.QueryRowContext(ctx,
		`SELECT request_hash, subject, response FROM idempotency WHERE user_id = ? AND operation = ? AND idem_key = ?`,
		r.UserID, r.Operation, r.Key).Scan(&found.Hash, &found.Subject, &found.Response)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the idempotency key: %w", err)
	case found.Hash != r.Hash:
		return nil, Mismatch()
	}
	return &found, nil
}

// Finish stores the answer, in the transaction of the last effect.
func (r Request) Finish(ctx context.Context, tx *sql.Tx, response any) error {
	body, err := json.Marshal(response)
	if err != nil {
		return fmt.Errorf("encode the answer of %s: %w", r.Operation, err)
	}
	return mysqldb.ExecOne(ctx, tx,
		`UPDATE idempotency SET response = ? WHERE user_id = ? AND operation = ? AND idem_key = ?`,
		body, r.UserID, r.Operation, r.Key)
}

// Name tells the request apart from all others.
func (r Request) Name() KeyName { return KeyName{userID: r.UserID, operation: r.Operation, key: r.Key} }

// FinishOnce stores the answer unless one is stored already.
func (r Request) FinishOnce(ctx context.Context, tx *sql.Tx, response any) error {
	earlier, err := r.Find(ctx, tx)
	if err != nil || earlier == nil || earlier.Response != nil {
		return err
	}
	return r.Finish(ctx, tx, response)
}

// NewRequest checks the key and hashes the input.
func NewRequest(userID shop.UserID, operation, key string, input ...any) (Request, error) {
	// The database takes keys that differ only in spaces at their end for one.
	if key == "" || utf8.RuneCountInString(key) > 100 || strings.ContainsFunc(key, text.IsUnprintable) ||
		strings.HasSuffix(key, " ") {
		return Request{}, shop.InvalidField("idempotencyKey",
			"The idempotency key must have 1 to 100 printable characters, the last of them no space.")
	}
	body, err := json.Marshal(input)
	if err != nil {
		return Request{}, fmt.Errorf("encode the input of %s: %w", operation, err)
	}
	return Request{UserID: userID, Operation: operation, Key: key, Hash: shop.HashOf(string(body))}, nil
}

// A Receipt is what is stored under a key.
type Receipt struct {
	Hash     string // of the input that it was stored for
	Subject  string
	Response []byte // nil while the request is being carried out
}

// DecodeInto decodes a stored answer into out. It returns IN_PROGRESS when there is
// none yet.
func (r *Receipt) DecodeInto(out any) error {
	if r.Response == nil {
		return ErrInFlight
	}
	if err := json.Unmarshal(r.Response, out); err != nil {
		return fmt.Errorf("decode a stored answer: %w", err)
	}
	return nil
}

// A Reader reads. *sql.DB and *sql.Tx are some.
type Reader interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// A KeyName tells requests apart.
type KeyName struct {
	userID         shop.UserID
	operation, key string
}

// Mismatch is the IDEMPOTENCY_MISMATCH that says that a key was used for another input.
func Mismatch() error {
	return &shop.Error{Code: shop.IdempotencyMismatch, Message: "This idempotency key was used for another input."}
}

// findReceipts reads the receipts of those of the requests whose keys are stored.
func findReceipts(requests []Request, into map[KeyName]Receipt) []mysqldb.Question {
	if len(requests) == 0 {
		return nil
	}
	args := make([]any, 0, 3*len(requests))
	for _, r := range requests {
		args = append(args, string(r.UserID), r.Operation, r.Key)
	}
	return []mysqldb.Question{{
		// Each is one look-up in the primary key.
		Query: `SELECT user_id, operation, idem_key, request_hash, subject, response
			FROM idempotency WHERE ` + mysqldb.AnyOf(len(requests), "user_id", "operation", "idem_key"),
		Args: args,
		Scan: func(rows *sql.Rows) error {
			var name KeyName
			var known Receipt
			err := rows.Scan(&name.userID, &name.operation, &name.key, &known.Hash, &known.Subject, &known.Response)
			into[name] = known
			return err
		},
	}}
}

// A KeyWrite is a key to be stored, or an answer to be stored under a key that is.
type KeyWrite struct {
	Request  Request
	Subject  string // what the request works on
	Response []byte // JSON; nil while the request is being carried out
}

// InsertKeys stores keys, with the answers that are known. It returns
// mysqldb.ErrStale when one of them was stored meanwhile.
func InsertKeys(ctx context.Context, w *mysqldb.Packet, keys []KeyWrite, at time.Time) error {
	if len(keys) == 0 {
		return nil
	}
	args := make([]any, 0, 7*len(keys))
	for _, k := range keys {
		r := k.Request
		args = append(args, string(r.UserID), r.Operation, r.Key, r.Hash, k.Subject, textOrNil(k.Response), at)
	}
	_, err := w.ExecContext(ctx,
		`INSERT INTO idempotency (user_id, operation, idem_key, request_hash, subject, response, created_at)
			VALUES `+mysqldb.Tuples(len(keys), 7), args...)
	if mysqldb.IsDuplicate(err, "PRIMARY") {
		return mysqldb.ErrStale
	}
	if err != nil {
		return fmt.Errorf("store the idempotency keys: %w", err)
	}
	return nil
}

// FinishKeys stores answers under keys that have none yet. It returns
// mysqldb.ErrStale when one of them has one by now.
func FinishKeys(ctx context.Context, w *mysqldb.Packet, keys []KeyWrite) error {
	rows := make([]rowUpdate, len(keys))
	for i, k := range keys {
		r := k.Request
		rows[i] = rowUpdate{key: []any{r.Key, r.Operation, string(r.UserID)}, now: []any{textOrNil(k.Response)}}
	}
	return wrapped("store the answers of requests", updatedKeys.write(ctx, w, rows))
}

var updatedKeys = updated{
	table: "idempotency", key: []string{"idem_key", "operation", "user_id"}, columns: []string{"response"},
	also: " AND response IS NULL",
}

func textOrNil(body []byte) any {
	if body == nil {
		return nil
	}
	return string(body)
}

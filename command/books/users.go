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

// FindUser returns the account of an address and its password's hash, or
// NotFound.
func FindUser(ctx context.Context, q Reader, email string) (user shop.User, hash string, err error) {
	return scanUser(q.QueryRowContext(ctx,
		`SELECT id, email, role, created_at, version, password_hash FROM users WHERE email = ?`, email))
}

// LoadUser returns an account and its password's hash, or NotFound.
func LoadUser(ctx context.Context, q Reader, id shop.UserID) (user shop.User, hash string, err error) {
	return scanUser(q.QueryRowContext(ctx,
		`SELECT id, email, role, created_at, version, password_hash FROM users WHERE id = ?`, string(id)))
}

// LockUser is FindUser, and keeps the row until the transaction ends.
func LockUser(ctx context.Context, tx *sql.Tx, email string) (user shop.User, hash string, err error) {
	return scanUser(tx.QueryRowContext(ctx,
		`SELECT id, email, role, created_at, version, password_hash FROM users WHERE email = ? FOR UPDATE`, email))
}

func scanUser(row *sql.Row) (user shop.User, hash string, err error) {
	err = row.Scan(&user.ID, &user.Email, &user.Role, &user.CreatedAt, &user.Version, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return user, "", shop.NoSuch("account")
	}
	if err != nil {
		return user, "", fmt.Errorf("read an account: %w", err)
	}
	return user, hash, nil
}

// InsertUser writes an account and its password's hash. It returns a duplicate of
// PRIMARY when the account is there already, of uq_users_email when another has the
// address.
func InsertUser(ctx context.Context, tx *sql.Tx, user shop.User, hash string) error {
	_, err := tx.ExecContext(ctx,
		`INSERT INTO users (id, email, password_hash, role, created_at, version) VALUES (?,?,?,?,?,?)`,
		string(user.ID), user.Email, hash, string(user.Role), user.CreatedAt, user.Version)
	if err != nil {
		return fmt.Errorf("insert account %s: %w", user.ID, err)
	}
	return nil
}

// SaveRole writes the role of an account, if its version is still the one before. It
// returns mysqldb.ErrStale when it is not.
func SaveRole(ctx context.Context, tx *sql.Tx, user shop.User) error {
	err := mysqldb.ExecOne(ctx, tx, `UPDATE users SET role = ?, version = ? WHERE id = ? AND version = ?`,
		string(user.Role), user.Version, string(user.ID), user.Version-1)
	if err != nil {
		return fmt.Errorf("save account %s: %w", user.ID, err)
	}
	return nil
}

// SavePassword writes the hash of an account's password, if its version is still the one before.
// It returns mysqldb.ErrStale when it is not.
func SavePassword(ctx context.Context, tx *sql.Tx, user shop.User, hash string) error {
	err := mysqldb.ExecOne(ctx, tx, `UPDATE users SET password_hash = ?, version = ? WHERE id = ? AND version = ?`,
		hash, user.Version, string(user.ID), user.Version-1)
	if err != nil {
		return fmt.Errorf("save account %s: %w", user.ID, err)
	}
	return nil
}

// UserEvent is an event of an account, as it left it.
func UserEvent(user shop.User, kind string, actor shop.Actor, at time.Time) Event {
	return Event{
		AggregateID: string(user.ID),
		Version:     user.Version,
		Kind:        kind,
		Status:      string(user.Role),
		Actor:       actor,
		Aggregate:   user,
		At:          at,
	}
}

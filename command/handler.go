// Package command is the only writer of the books. Each command is an
// imperative value with a file of its own; what it answers is the event.
package command

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/mail"
	"payment-system/pg"
	"payment-system/shop"
)

// A Handler carries commands out. Its fields are the world: main fills them.
// All are needed unless they say otherwise.
type Handler struct {
	DB       *sql.DB // the primary, opened by mysqldb
	Locks    Locker
	Gateways map[shop.PG]pg.Gateway
	// Projector makes read models follow before a command answers.
	Projector Projector
	Mailer    Mailer
	Redis     redis.UniversalClient // mailed codes and rate limits
	Now       func() time.Time
	NewID     func(prefix string) string // unique, sortable by time
	Random    func(p []byte)             // fills p with secure randomness
	Logger    *slog.Logger
	// PublicURL is where gateways send shoppers back to; without a final slash.
	PublicURL string
	// ReturnOrigins are the origins, besides PublicURL's, that returnUrl may name.
	ReturnOrigins []string
	// OrderHold is how long an unpaid order holds stock.
	OrderHold time.Duration
	// PGTimeout bounds a call to a gateway; Gateways keep it, commands plan by it.
	PGTimeout time.Duration
	// Replica names this process in leases.
	Replica string

	orders     orderQueue // orders waiting to be committed together
	letters    letterBox  // mails waiting to be sent
	hashing    hashGate   // bounds how many passwords are hashed at once
	background background // what outlives the calls that started it
	hearing    hearing    // which gateways were silent
	inbox      attendant  // acts on webhooks when they come
}

// A Locker takes turns among replicas. Locks are a courtesy that spares the
// database needless retries: everything stays correct when Lock does nothing.
type Locker interface {
	// Lock waits, a little, for all keys, and returns what gives them back. It
	// never fails: without Redis it returns at once.
	Lock(ctx context.Context, keys ...string) (unlock func())
}

// NoLocks is a Locker that does nothing. Every guarantee holds with it.
type NoLocks struct{}

// Lock returns at once.
func (NoLocks) Lock(context.Context, ...string) (unlock func()) { return func() {} }

// A Projector shows in the read models what was committed. *projections.Projector is one.
type Projector interface {
	// Project applies the unpublished events of the aggregates named. It waits a
	// bounded time and never fails: what it misses is applied in the background.
	Project(ctx context.Context, aggregateIDs ...string)
}

// A Mailer sends mail. *mail.Mailer is one.
type Mailer interface {
	Send(ctx context.Context, message Message) error
}

// A Message is a mail with a text and an HTML part that say the same.
type Message = mail.Message

// A Caller is who sends a command: from the session, never from the client. The
// zero Caller is nobody.
type Caller struct {
	UserID shop.UserID
	Actor  shop.Actor
}

// mayActOn reports whether the caller may touch what the user named owns: a
// shopper only their own, nobody nothing, everybody else all.
func (c Caller) mayActOn(owner shop.UserID) bool {
	switch c.Actor {
	case "":
		return false
	case shop.ActorShopper:
		return c.UserID == owner && owner != ""
	default:
		return true
	}
}

// lockKey names the lock of an aggregate.
func lockKey(id string) string { return "lock:" + id }

// hashOf returns the SHA-256, in hex, of parts, each told apart from the next.
func hashOf(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

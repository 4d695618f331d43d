// Package people carries out the commands about accounts: addresses are verified,
// accounts opened, signed in to and given roles.
package people

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/command/books"
	"payment-system/internal/background"
	"payment-system/internal/limits"
	"payment-system/internal/mail"
	"payment-system/shop"
)

// A Handler carries out the commands about accounts. Its fields are the world: main
// fills them. All are needed.
type Handler struct {
	DB *sql.DB // the primary, opened by mysqldb
	// Projector makes read models follow before a command answers.
	Projector Projector
	Mailer    Mailer
	Sessions  Sessions
	Redis     redis.UniversalClient // mailed codes and rate limits
	Now       func() time.Time
	NewID     func(prefix string) string // unique, sortable by time
	Random    func(p []byte)             // fills p with secure randomness
	Logger    *slog.Logger
	// PublicURL is where letters send people; without a final slash.
	PublicURL string
	// PasswordCost is bcrypt's, of which every step takes twice as long; 12 when zero.
	PasswordCost int

	letters    letterBox        // mails waiting to be sent
	hashing    hashGate         // bounds how many passwords are hashed at once
	background background.Group // the carriers of letters
}

// A Projector shows in the read models what was committed. *projections.Projector is one.
type Projector interface {
	// Project applies the unpublished events of the aggregates named. It waits a
	// bounded time and never fails: what it misses is applied in the background.
	Project(ctx context.Context, aggregateIDs ...string)
}

// Sessions are who is signed in. *graph.Sessions is some.
type Sessions interface {
	// EndOthers ends the sessions of a user but the one that a token names; "" spares none. It
	// returns Unavailable when it cannot; then some may go on.
	EndOthers(ctx context.Context, user shop.UserID, token string) error
}

// A Mailer sends mail. *mail.Mailer is one.
type Mailer interface {
	Send(ctx context.Context, message Message) error
}

// A Message is a mail with a text and an HTML part that say the same.
type Message = mail.Message

// Drain waits until the mails that were promised are sent, or given up. Call it after
// the last command; it returns an error when ctx ends first.
func (h *Handler) Drain(ctx context.Context) error { return h.background.Wait(ctx) }

// now is the time as the books keep it.
func (h *Handler) now() time.Time { return books.Moment(h.Now()) }

func (h *Handler) limiter() limits.Limiter { return limits.Limiter{Redis: h.Redis} }

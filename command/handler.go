// Package command carries out what is asked of money and stock. Each command is an
// imperative value with a file of its own; what it answers is the event. Who sends them:
//
//   - shoppers: PlaceOrder, CancelOrder, ReadyPayment, ApprovePayment, FailPayment,
//     CancelPayment; and, coming back from a gateway, ReturnFromGateway
//   - operators: CreateProduct, UpdateProduct, AdjustStock, CancelOrder, CancelPayment,
//     RefreshGatewayRecord, ResolveDiscrepancy
//   - gateways: ReceiveWebhook
//   - the clock: ExpireOrders, ResolvePayments, HandleWebhooks
//   - reconciliation: AskGateway, ApplyEvidence, ResolveAttempt, SettleDiscrepancy
//   - each other: ApplyEvidence, ResolveAttempt, ReturnMoney, OpenCase, WakeAttempt
//
// Accounts are in command/people, what a settlement file does to its own tables in
// command/reconciliation, and every statement that writes in command/books.
package command

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/command/books"
	"payment-system/internal/background"
	"payment-system/internal/origins"
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
	Redis     redis.UniversalClient // rate limits
	Now       func() time.Time
	NewID     func(prefix string) string // unique, sortable by time
	Random    func(p []byte)             // fills p with secure randomness
	Logger    *slog.Logger
	// PublicURL is where gateways send shoppers back to; without a final slash.
	PublicURL string
	// Returns are where, besides PublicURL, returnUrl may lead.
	Returns origins.List
	// ImageOrigin is where images of products are, without a final slash; anywhere when empty.
	ImageOrigin string
	// OrderHold is how long an unpaid order holds stock.
	OrderHold time.Duration
	// PlaceWithin is how long an order may wait to be begun, for whoever is told later would have given up; 5 s when zero.
	PlaceWithin time.Duration
	// PGTimeout bounds a call to a gateway; Gateways keep it, commands plan by it.
	PGTimeout time.Duration
	// Replica names this process in leases.
	Replica string

	commits    committer        // the one way into the books of orders, payments and stock
	memory     memory           // of what never changes
	background background.Group // what outlives the calls that started it
	health     gatewayHealth    // which gateways were silent
	inbox      inboxWorker      // acts on webhooks when they come
}

// A Locker takes turns among replicas. Locks are a courtesy that spares the
// database needless retries: everything stays correct when Lock does nothing.
type Locker interface {
	// Lock waits, for a moment, for all keys, and returns what gives them back. It
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
	// Hand hands over what was just committed, and returns what waits, as Project does, until the
	// read models show it.
	Hand(committed shop.Committed) (shown func(ctx context.Context))
}

// lockStripes is how many locks there are: a group asks for each of them once at most.
const lockStripes = 8

// lockKey names the lock of an aggregate, which it shares with others.
func lockKey(id string) string {
	hash := fnv.New32a()
	hash.Write([]byte(id))
	return fmt.Sprintf("lock:stripe/%d", hash.Sum32()%lockStripes)
}

// lockKeys names the locks of what a group is about, in order.
func lockKeys(members []*decision) []string {
	keys := map[string]bool{}
	for _, d := range members {
		for _, id := range d.rows() {
			keys[lockKey(id)] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// now is the time as the books keep it.
func (h *Handler) now() time.Time { return books.Moment(h.Now()) }

// Drain waits until the orders that were accepted are answered, and the webhooks that
// came are acted on. Call it after the last command; it returns an error when ctx ends
// first.
func (h *Handler) Drain(ctx context.Context) error { return h.background.Wait(ctx) }

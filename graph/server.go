// Package graph translates: GraphQL into commands and reads, HTTP into
// GraphQL, and errors into what a client may see. It decides nothing about
// orders or money.
package graph

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"payment-system/command"
	"payment-system/command/people"
	"payment-system/command/reconciliation"
	"payment-system/internal/admission"
	"payment-system/internal/origins"
	"payment-system/query"
	"payment-system/shop"
	"payment-system/web"
)

// A Reconciler holds settlement files against the books. *reconcile.Reconciler is one.
type Reconciler interface {
	ImportSettlement(ctx context.Context, cmd reconciliation.ImportSettlement) (shop.SettlementImported, error)
	ApplyReconciliation(ctx context.Context, cmd reconciliation.ApplyReconciliation) (shop.ReconciliationApplied, error)
}

// A Server is everything that speaks HTTP. Its fields are the world: main fills
// them. All are needed unless they say otherwise.
type Server struct {
	Commands    *command.Handler
	People      *people.Handler
	Queries     *query.Reader
	Reconciler  Reconciler
	Republisher Republisher
	Sessions    *Sessions
	// ShopName and ShopNotices, a line each, are what a storefront shows of the shop.
	ShopName    string
	ShopNotices []string
	// PublicURL is where browsers find us, without a final slash. It decides
	// about the cookie, and is an allowed origin.
	PublicURL string
	// AllowedOrigins are the other sites and apps whose pages may call us with the
	// shopper's cookie.
	AllowedOrigins origins.List
	// AllowedHeaders are request headers that pages of allowed origins may send besides
	// those of usual clients.
	AllowedHeaders []string
	// Introspection lets clients ask for the schema in GraphQL, and be told what
	// they may have meant.
	Introspection bool
	// Playground serves GraphiQL, and tells the pages that they are shown to developers.
	Playground bool
	// Accounts are there from the start, for developers to try; nil for none.
	Accounts []web.Account
	// Ready says why this replica should get no traffic; nil when it should.
	Ready func(ctx context.Context) error
	// Metrics answers GET /metrics; nil for none.
	Metrics http.Handler
	// Registry takes our own metrics; nil for none.
	Registry prometheus.Registerer
	// OpsElsewhere keeps /livez, /readyz and /metrics off Handler: OpsHandler
	// serves them on an address of its own.
	OpsElsewhere bool
	// Mount adds routes, a mailbox say; nil for none.
	Mount func(mux *http.ServeMux)
	// RemoteIP tells where a request comes from; nil takes the peer's address.
	// Behind a proxy it must read what that proxy, and nobody else, wrote.
	RemoteIP func(r *http.Request) string
	// PreviewTimeout is how long a page may wait for what a preview would show of it; 0 is two seconds.
	PreviewTimeout time.Duration
	// Timeout bounds a request; 0 is a minute. A settlement file may take ten times as long.
	Timeout time.Duration
	// Sockets bounds WebSockets; the zero value has defaults.
	Sockets Sockets
	Logger  *slog.Logger // nil for none
	// Now is the wall clock: deadlines of connections are set by it.
	Now func() time.Time

	counted   onceGauges
	streams   streams
	admission admission.Gate
	bodies    atomic.Int64 // bytes of bodies that are held
}

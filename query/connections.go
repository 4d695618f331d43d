package query

import (
	"context"
	"time"

	"payment-system/shop"
)

// A Page asks for First edges After a cursor, or for the Last ones Before one.
// Without either number it is the first 20.
type Page struct {
	First  *int
	After  *string
	Last   *int
	Before *string
	// By is who asks: they see what they wrote, read replica or not. Empty for nobody.
	By shop.UserID `json:"-"`
}

// PageInfo tells what lies on either side of a page. The cursors are nil when
// the page is empty.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// Counted is how many entries a list has, whatever the page: it is asked for when
// somebody wants to know.
type Counted struct {
	count func(ctx context.Context) (*int, error)
}

// TotalCount returns the number, exact up to 10,000, and nil when there are more.
func (c Counted) TotalCount(ctx context.Context) (*int, error) { return c.count(ctx) }

// A Node is anything with a global id.
type Node interface{ IsNode() }

// The pages of each list. Nodes repeats the nodes of Edges.
type (
	// ProductEdge is a product and where it stands.
	ProductEdge struct {
		Cursor string
		Node   *shop.Product
	}
	// ProductConnection is a page of products.
	ProductConnection struct {
		Counted

		Edges    []ProductEdge
		Nodes    []*shop.Product
		PageInfo PageInfo
	}
	// OrderEdge is an order and where it stands.
	OrderEdge struct {
		Cursor string
		Node   *shop.Order
	}
	// OrderConnection is a page of orders.
	OrderConnection struct {
		Counted

		Edges    []OrderEdge
		Nodes    []*shop.Order
		PageInfo PageInfo
	}
	// PaymentEdge is a payment and where it stands.
	PaymentEdge struct {
		Cursor string
		Node   *shop.Payment
	}
	// PaymentConnection is a page of payments.
	PaymentConnection struct {
		Counted

		Edges    []PaymentEdge
		Nodes    []*shop.Payment
		PageInfo PageInfo
	}
	// ReconciliationEdge is a reconciliation and where it stands.
	ReconciliationEdge struct {
		Cursor string
		Node   *shop.Reconciliation
	}
	// ReconciliationConnection is a page of reconciliations.
	ReconciliationConnection struct {
		Counted

		Edges    []ReconciliationEdge
		Nodes    []*shop.Reconciliation
		PageInfo PageInfo
	}
	// DiscrepancyEdge is a discrepancy and where it stands.
	DiscrepancyEdge struct {
		Cursor string
		Node   *shop.Discrepancy
	}
	// DiscrepancyConnection is a page of discrepancies.
	DiscrepancyConnection struct {
		Counted

		Edges    []DiscrepancyEdge
		Nodes    []*shop.Discrepancy
		PageInfo PageInfo
	}
)

// A ProductOrder is how the product list is sorted.
type ProductOrder string

// The orders of the product list.
const (
	ProductOrderNewest    ProductOrder = "NEWEST"
	ProductOrderPriceAsc  ProductOrder = "PRICE_ASC"
	ProductOrderPriceDesc ProductOrder = "PRICE_DESC"
	ProductOrderName      ProductOrder = "NAME"
)

// A ProductFilter narrows the list of products. What is nil does not filter.
type ProductFilter struct {
	Category   *string // empty for those without one
	Listed     *bool
	StockBelow *int
}

// An OrderFilter narrows the list of orders. What is nil or empty does not filter.
type OrderFilter struct {
	Status       []shop.OrderStatus
	PlacedFrom   *time.Time // inclusive
	PlacedBefore *time.Time // exclusive
	UserID       *shop.UserID
}

// A PaymentFilter narrows the list of payments. What is nil or empty does not filter.
type PaymentFilter struct {
	Status        []shop.PaymentStatus
	PG            *shop.PG
	UpdatedFrom   *time.Time // inclusive
	UpdatedBefore *time.Time // exclusive
	PaymentKey    *string
	UserID        *shop.UserID // for those who know whose they are; no client says so
}

// A DiscrepancyFilter narrows the list of discrepancies. What is nil or empty does not filter.
type DiscrepancyFilter struct {
	Kind   []shop.DiscrepancyKind
	Status []shop.DiscrepancyStatus
	PG     *shop.PG
}

// A Projection tells how far a read model is behind the books.
type Projection struct {
	View          shop.View
	Pending       int
	LagMs         int // the age of the oldest event not yet applied
	LastAppliedAt *time.Time
	Republishing  bool
	Percent       *int // 0 to 100, while republishing
}

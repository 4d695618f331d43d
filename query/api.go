package query

import (
	"context"
	"errors"

	"payment-system/shop"
)

type (
	documentCache struct{}
	hub           struct{}
)

// Product returns the product named, or NotFound.
func (r *Reader) Product(ctx context.Context, id shop.ProductID) (*shop.Product, error) {
	return nil, errors.ErrUnsupported
}

// ProductsByID returns a product, or NotFound, for each id.
func (r *Reader) ProductsByID(ctx context.Context, ids []shop.ProductID) ([]*shop.Product, []error) {
	return nil, []error{errors.ErrUnsupported}
}

// Products returns a page of the products whose names begin with search.
func (r *Reader) Products(ctx context.Context, page Page, search *string, by ProductOrder) (*ProductConnection, error) {
	return nil, errors.ErrUnsupported
}

// User returns the user named, or NotFound.
func (r *Reader) User(ctx context.Context, id shop.UserID) (*shop.User, error) {
	return nil, errors.ErrUnsupported
}

// Order returns the order named, or NotFound when it is missing or not the viewer's to see.
func (r *Reader) Order(ctx context.Context, viewer Viewer, id shop.OrderID) (*shop.Order, error) {
	return nil, errors.ErrUnsupported
}

// OrdersByID returns an order, or NotFound, for each id.
func (r *Reader) OrdersByID(ctx context.Context, ids []shop.OrderID) ([]*shop.Order, []error) {
	return nil, []error{errors.ErrUnsupported}
}

// Orders returns a page of orders, newest first.
func (r *Reader) Orders(ctx context.Context, page Page, filter OrderFilter) (*OrderConnection, error) {
	return nil, errors.ErrUnsupported
}

// Payment returns the payment named, or NotFound when it is missing or not the viewer's to see.
func (r *Reader) Payment(ctx context.Context, viewer Viewer, id shop.PaymentID) (*shop.Payment, error) {
	return nil, errors.ErrUnsupported
}

// PaymentsOfOrders returns the payment, or nil, of each order.
func (r *Reader) PaymentsOfOrders(ctx context.Context, ids []shop.OrderID) ([]*shop.Payment, []error) {
	return nil, []error{errors.ErrUnsupported}
}

// Payments returns a page of payments.
func (r *Reader) Payments(ctx context.Context, page Page, filter PaymentFilter) (*PaymentConnection, error) {
	return nil, errors.ErrUnsupported
}

// GatewayRecord returns the gateway's record of a payment as last seen, nil when there is none.
func (r *Reader) GatewayRecord(ctx context.Context, viewer Viewer, id shop.PaymentID) (shop.GatewayRecord, error) {
	return nil, errors.ErrUnsupported
}

// Reconciliation returns the reconciliation named, or NotFound.
func (r *Reader) Reconciliation(ctx context.Context, id shop.ReconciliationID) (*shop.Reconciliation, error) {
	return nil, errors.ErrUnsupported
}

// Reconciliations returns a page of reconciliations, newest first.
func (r *Reader) Reconciliations(ctx context.Context, page Page) (*ReconciliationConnection, error) {
	return nil, errors.ErrUnsupported
}

// Discrepancy returns the discrepancy named, or NotFound.
func (r *Reader) Discrepancy(ctx context.Context, id shop.DiscrepancyID) (*shop.Discrepancy, error) {
	return nil, errors.ErrUnsupported
}

// Discrepancies returns a page of discrepancies, newest first.
func (r *Reader) Discrepancies(ctx context.Context, page Page, of *shop.ReconciliationID, filter DiscrepancyFilter) (*DiscrepancyConnection, error) {
	return nil, errors.ErrUnsupported
}

// Node returns what the id names, nil when it is missing or not the viewer's to see.
func (r *Reader) Node(ctx context.Context, viewer Viewer, id string) (Node, error) {
	return nil, errors.ErrUnsupported
}

// Projections tells how far each read model is behind the books.
func (r *Reader) Projections(ctx context.Context) ([]Projection, error) {
	return nil, errors.ErrUnsupported
}

// WatchPayment sends the payment as it is, then each newer version.
func (r *Reader) WatchPayment(ctx context.Context, viewer Viewer, id shop.PaymentID) (<-chan *shop.Payment, error) {
	return nil, errors.ErrUnsupported
}

// WatchOrder sends the order as it is, then each newer version.
func (r *Reader) WatchOrder(ctx context.Context, viewer Viewer, id shop.OrderID) (<-chan *shop.Order, error) {
	return nil, errors.ErrUnsupported
}

// WatchReconciliation sends the reconciliation as it is, then each newer version.
func (r *Reader) WatchReconciliation(ctx context.Context, id shop.ReconciliationID) (<-chan *shop.Reconciliation, error) {
	return nil, errors.ErrUnsupported
}

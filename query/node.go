package query

import (
	"context"

	"payment-system/shop"
)

// User returns the user named, or NotFound.
func (r *Reader) User(ctx context.Context, id shop.UserID) (*shop.User, error) {
	return one[shop.User](ctx, r, users, id)
}

// UsersByID returns, for each id, the user or NotFound. Who may see them is the
// caller's to know.
func (r *Reader) UsersByID(ctx context.Context, ids []shop.UserID) ([]*shop.User, []error) {
	return each[shop.User](ctx, r, users, ids)
}

// Node returns what an id names, nil when it is missing or not the viewer's to see.
func (r *Reader) Node(ctx context.Context, viewer Viewer, id string) (Node, error) {
	found, err := r.node(ctx, viewer, id)
	if shop.CodeOf(err) == shop.NotFound {
		return nil, nil
	}
	return found, err
}

func (r *Reader) node(ctx context.Context, viewer Viewer, id string) (Node, error) {
	switch prefix := shop.IDPrefix(id); {
	case prefix == shop.PrefixProduct:
		return asNode(r.Product(ctx, shop.ProductID(id)))
	case prefix == shop.PrefixOrder:
		return asNode(r.Order(ctx, viewer, shop.OrderID(id)))
	case prefix == shop.PrefixPayment:
		return asNode(r.Payment(ctx, viewer, shop.PaymentID(id)))
	case prefix == shop.PrefixUser && viewer.maySee(shop.UserID(id)):
		return asNode(r.User(ctx, shop.UserID(id)))
	case prefix == shop.PrefixReconciliation && viewer.isOperator():
		return asNode(r.Reconciliation(ctx, shop.ReconciliationID(id)))
	case prefix == shop.PrefixDiscrepancy && viewer.isOperator():
		return asNode(r.Discrepancy(ctx, shop.DiscrepancyID(id)))
	default:
		return nil, nil
	}
}

// asNode keeps a nil pointer from becoming a node that is not nil.
func asNode[T Node](node T, err error) (Node, error) {
	if err != nil {
		return nil, err
	}
	return node, nil
}

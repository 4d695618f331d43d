package query

import (
	"context"

	"payment-system/shop"
)

// Reconciliation returns the reconciliation named, or NotFound.
func (r *Reader) Reconciliation(ctx context.Context, id shop.ReconciliationID) (*shop.Reconciliation, error) {
	return one[shop.Reconciliation](ctx, r, reconciliations, id)
}

// Discrepancy returns the discrepancy named, or NotFound.
func (r *Reader) Discrepancy(ctx context.Context, id shop.DiscrepancyID) (*shop.Discrepancy, error) {
	return one[shop.Discrepancy](ctx, r, discrepancies, id)
}

// The lists of reconciliations and discrepancies: newest first.
var (
	reconciliationList = &list{tag: 9, table: "reconciliation_views", prefix: shop.PrefixReconciliation, columns: []column{{name: "id", desc: true}}}
	discrepancyList    = &list{tag: 10, table: "discrepancy_views", prefix: shop.PrefixDiscrepancy, columns: []column{{name: "id", desc: true}}}
)

// Reconciliations returns a page of reconciliations, newest first.
func (r *Reader) Reconciliations(ctx context.Context, page Page) (*ReconciliationConnection, error) {
	edges, nodes, info, err := connect(ctx, r, reconciliationList, []filter{{}}, page, func(cursor string, node *shop.Reconciliation) ReconciliationEdge {
		return ReconciliationEdge{Cursor: cursor, Node: node}
	})
	if err != nil {
		return nil, err
	}
	return &ReconciliationConnection{Counted: r.counted(reconciliationList, []filter{{}}, page), Edges: edges, Nodes: nodes, PageInfo: info}, nil
}

// Discrepancies returns a page of discrepancies, newest first: those of one
// reconciliation, or all when of is nil.
func (r *Reader) Discrepancies(ctx context.Context, page Page, of *shop.ReconciliationID, filter DiscrepancyFilter) (*DiscrepancyConnection, error) {
	parts := filter.parts(of)
	edges, nodes, info, err := connect(ctx, r, discrepancyList, parts, page, func(cursor string, node *shop.Discrepancy) DiscrepancyEdge {
		return DiscrepancyEdge{Cursor: cursor, Node: node}
	})
	if err != nil {
		return nil, err
	}
	return &DiscrepancyConnection{Counted: r.counted(discrepancyList, parts, page), Edges: edges, Nodes: nodes, PageInfo: info}, nil
}

func (f DiscrepancyFilter) parts(of *shop.ReconciliationID) []filter {
	part := among(filter{}, "kind", f.Kind)
	if f.PG != nil {
		part = part.and("pg = ?", string(*f.PG))
	}
	if of != nil {
		part.index = "ix_discrepancy_views_reconciliation"
		return []filter{among(part.and("reconciliation_id = ?", string(*of)), "status", f.Status)}
	}
	if len(f.Status) > 0 {
		part.index = "ix_discrepancy_views_status"
	}
	return split(part, "status", f.Status)
}

package graph

import (
	"context"

	"payment-system/query"
	"payment-system/shop"
)

// RepublishProjections asks for read models to be rebuilt; all of them when
// Views is empty.
type RepublishProjections struct{ Views []shop.View }

// ProjectionsRepublished says how far the rebuilding is.
type ProjectionsRepublished struct{ Projections []query.Projection }

// A Republisher rebuilds read models from the books while they stay readable.
// *projections.Projector is one.
type Republisher interface {
	// Republish starts the work and returns. No views means all.
	Republish(ctx context.Context, views []shop.View) error
}

func (s *Server) republish(ctx context.Context, input RepublishProjections) (*ProjectionsRepublished, error) {
	if err := s.Republisher.Republish(ctx, input.Views); err != nil {
		return nil, err
	}
	projections, err := s.Queries.Projections(ctx)
	if err != nil {
		return nil, err
	}
	return &ProjectionsRepublished{Projections: projections}, nil
}

package graph

import (
	"context"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"payment-system/internal/views"
	"payment-system/query"
	"payment-system/shop"
)

// rememberTime bounds the note that somebody wrote.
const rememberTime = 200 * time.Millisecond

// noteWrites remembers who sent a mutation before it is answered, so that their next lists show what they wrote.
// The owners of what changed are remembered by whoever shows it; operators change what is others'.
func (s *Server) noteWrites(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if s.Sessions == nil || s.Queries.Replica == nil || !isMutation(ctx) {
		return response
	}
	viewer, err := visitFrom(ctx).viewer(ctx)
	if err != nil || viewer.UserID == "" {
		return response
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rememberTime)
	defer cancel()
	if err := views.Wrote(ctx, s.Sessions.Redis, viewer.UserID); err != nil {
		s.logger().WarnContext(ctx, "nobody remembers who wrote", "error", err)
	}
	return response
}

func isMutation(ctx context.Context) bool {
	if !graphql.HasOperationContext(ctx) {
		return false
	}
	operation := graphql.GetOperationContext(ctx).Operation
	return operation != nil && operation.Operation == ast.Mutation
}

// page is the page that somebody asks for.
func page(ctx context.Context, first *int, after *string, last *int, before *string) query.Page {
	return query.Page{First: first, After: after, Last: last, Before: before, By: identityFrom(ctx).UserID}
}

// pageOf is a page of what is a user's, who asks for it if nobody else does.
func pageOf(user *shop.User, asked query.Page) query.Page {
	if asked.By == "" {
		asked.By = user.ID
	}
	return asked
}

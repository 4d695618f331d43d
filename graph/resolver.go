package graph

import (
	"context"
	"errors"
	"slices"
	"time"

	"payment-system/command"
	"payment-system/command/people"
	"payment-system/query"
	"payment-system/shop"
)

// Resolver answers the schema's fields: identity, then delegate.
type Resolver struct{ *Server }

// answer points at a fact, unless there is none.
func answer[T any](fact T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return &fact, nil
}

// history returns what happened to an order up to the version that the client is shown.
func (s *Server) history(ctx context.Context, order *shop.Order) ([]shop.OrderEvent, error) {
	events, err := loadersFrom(ctx).changes.Load(ctx, order.ID)
	if err != nil {
		return nil, err
	}
	isLater := func(e shop.OrderEvent) bool { return e.Version > order.Version }
	return slices.DeleteFunc(slices.Clone(events), isLater), nil
}

// doer returns the operator who did something, to operators: shoppers are not told who works here.
func (s *Server) doer(ctx context.Context, id *shop.UserID) (*shop.User, error) {
	viewer, err := visitFrom(ctx).viewer(ctx)
	if err != nil || viewer.Role != shop.RoleOperator {
		return nil, err
	}
	return maybe(ctx, id, loadersFrom(ctx).users.Load)
}

// or returns what p points at, or otherwise.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// given points at what a thing has, nil where it is empty.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// maybe reads what an id names, or nothing when there is no id.
func maybe[ID, T any](ctx context.Context, id *ID, read func(context.Context, ID) (*T, error)) (*T, error) {
	if id == nil {
		return nil, nil
	}
	return read(ctx, *id)
}

func (s *Server) signUp(ctx context.Context, input people.SignUp) (*shop.UserSignedUp, error) {
	fact, err := s.People.SignUp(ctx, input)
	if err != nil {
		return nil, err
	}
	return answer(fact, visitFrom(ctx).signIn(ctx, fact.User))
}

func (s *Server) signIn(ctx context.Context, input people.SignIn) (*shop.UserSignedIn, error) {
	fact, err := s.People.SignIn(ctx, input)
	if err != nil {
		return nil, err
	}
	if err := visitFrom(ctx).signIn(ctx, fact.User); err != nil {
		return nil, err
	}
	return answer(fact, s.endUnlessCurrent(ctx, fact.User))
}

// endUnlessCurrent ends the session that has just begun when the account has changed since its
// password was compared: it may be another by now.
func (s *Server) endUnlessCurrent(ctx context.Context, user shop.User) error {
	current, err := s.People.IsCurrent(ctx, user)
	if err == nil && current {
		return nil
	}
	if err == nil {
		err = shop.NotNow("The account has changed a moment ago. Please sign in again.", nil)
	}
	return errors.Join(err, visitFrom(ctx).signOut(ctx))
}

// resetPassword forgets who is signed in: it may have been the account's owner.
func (s *Server) resetPassword(ctx context.Context, input people.ResetPassword) (*shop.PasswordReset, error) {
	fact, err := s.People.ResetPassword(ctx, input)
	visitFrom(ctx).forget()
	return answer(fact, err)
}

func (s *Server) payment(ctx context.Context, id shop.PaymentID) (*shop.Payment, error) {
	return seen(ctx, s.Queries.Payment, id)
}

func (s *Server) storefront() *shop.Storefront {
	return &shop.Storefront{
		Name: s.ShopName, Notices: s.ShopNotices, Gateways: s.Commands.OfferedGateways(),
		OrderHoldSeconds: int(s.Commands.OrderHold / time.Second),
	}
}

// products lists what whoever asks may see. While it cannot be told who asks, that is what anybody may.
func (s *Server) products(
	ctx context.Context, page query.Page, asked query.ProductSearch,
) (*query.ProductConnection, error) {
	viewer, err := visitFrom(ctx).viewer(ctx)
	if err != nil && shop.CodeOf(err) != shop.Unavailable {
		return nil, err
	}
	return s.Queries.Products(ctx, viewer, page, asked)
}

// gatewayRecord answers from the read model, or asks the gateway.
func (s *Server) gatewayRecord(ctx context.Context, id shop.PaymentID, refresh bool) (shop.GatewayRecord, error) {
	if !refresh {
		return seen(ctx, s.Queries.GatewayRecord, id)
	}
	return seen(ctx, func(ctx context.Context, viewer query.Viewer, id shop.PaymentID) (shop.GatewayRecord, error) {
		return s.Commands.RefreshGatewayRecord(ctx, command.RefreshGatewayRecord{By: caller(viewer), PaymentID: id})
	}, id)
}

// fromRecord reads something from the gateway's record of a payment, as last seen. One that is
// listed is read with the others.
func fromRecord[T any](ctx context.Context, payment *shop.Payment, read func(shop.GatewayRecord) T) (T, error) {
	record, err := loadersFrom(ctx).records.Load(ctx, payment.ID)
	if err != nil {
		var none T
		return none, err
	}
	return read(record), nil
}

// nodes answers for each id what it names, null where there is nothing to see.
func (s *Server) nodes(ctx context.Context, ids []string) ([]query.Node, error) {
	if len(ids) > maxPage {
		return nil, shop.InvalidField("ids", "At most 100 ids at once.")
	}
	nodes := make([]query.Node, len(ids))
	for i, id := range ids {
		node, err := seen(ctx, s.Queries.Node, id)
		if err != nil {
			return nil, err
		}
		nodes[i] = node
	}
	return nodes, nil
}

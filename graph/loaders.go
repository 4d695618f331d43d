package graph

import (
	"context"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vikstrous/dataloadgen"

	"payment-system/query"
	"payment-system/shop"
)

// loaders gather the reads of one answer, so that a page of orders asks for its
// payments once. They remember nothing: a mutation further down the document
// must show.
type loaders struct {
	products *dataloadgen.Loader[shop.ProductID, *shop.Product]
	orders   *dataloadgen.Loader[shop.OrderID, *shop.Order]
	payments *dataloadgen.Loader[shop.OrderID, *shop.Payment]
	changes  *dataloadgen.Loader[shop.OrderID, []shop.OrderEvent]
	records  *dataloadgen.Loader[shop.PaymentID, shop.GatewayRecord]
	users    *dataloadgen.Loader[shop.UserID, *shop.User]
}

type loadersKey struct{}

func newLoaders(reader *query.Reader) *loaders {
	options := []dataloadgen.Option{
		dataloadgen.WithWait(time.Millisecond), dataloadgen.WithBatchCapacity(maxPage), dataloadgen.WithoutCache(),
	}
	return &loaders{
		products: dataloadgen.NewLoader(reader.ProductsByID, options...),
		orders:   dataloadgen.NewLoader(reader.OrdersByID, options...),
		payments: dataloadgen.NewLoader(reader.PaymentsOfOrders, options...),
		changes:  dataloadgen.NewLoader(reader.OrderHistories, options...),
		records:  dataloadgen.NewLoader(reader.GatewayRecords, options...),
		users:    dataloadgen.NewLoader(reader.UsersByID, options...),
	}
}

// withLoaders gives every answer, each event of a subscription too, loaders of its own.
func (s *Server) withLoaders(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	return next(context.WithValue(ctx, loadersKey{}, newLoaders(s.Queries)))
}

func loadersFrom(ctx context.Context) *loaders {
	return ctx.Value(loadersKey{}).(*loaders)
}

package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"payment-system/shop"
)

// selectProducts reads the stock first, so that its rows' locks come first too.
const selectProducts = `SELECT p.id, p.name, p.description, p.price, p.tax_free, s.available, s.reserved, s.sold, p.created_at, p.updated_at, s.version
	FROM stock s STRAIGHT_JOIN products p ON p.id = s.product_id WHERE s.product_id IN (`

// loadProducts reads products with their stock. Those that do not exist are
// missing from the answer.
func loadProducts(ctx context.Context, q querier, ids []shop.ProductID) (map[shop.ProductID]shop.Product, error) {
	return readProducts(ctx, q, selectProducts+marks(len(ids))+`)`, ids)
}

// lockProducts is loadProducts that keeps everybody else from changing the
// products until the transaction ends.
func lockProducts(ctx context.Context, q querier, ids []shop.ProductID) (map[shop.ProductID]shop.Product, error) {
	return readProducts(ctx, q, selectProducts+marks(len(ids))+`) ORDER BY s.product_id FOR UPDATE`, ids)
}

func readProducts(ctx context.Context, q querier, query string, ids []shop.ProductID) (map[shop.ProductID]shop.Product, error) {
	products := make(map[shop.ProductID]shop.Product, len(ids))
	if len(ids) == 0 {
		return products, nil
	}
	rows, err := q.QueryContext(ctx, query, anys(ids)...)
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p shop.Product
		if err := rows.Scan(&p.ID, &p.Name, &p.Description, &p.Price, &p.TaxFree, &p.Stock, &p.Reserved, &p.Sold, &p.CreatedAt, &p.UpdatedAt, &p.Version); err != nil {
			return nil, fmt.Errorf("read a product: %w", err)
		}
		products[p.ID] = p
	}
	return products, rows.Err()
}

// lockProduct is lockProducts for one. It returns NotFound when there is none.
func lockProduct(ctx context.Context, q querier, id shop.ProductID) (shop.Product, error) {
	if shop.IDPrefix(string(id)) != shop.PrefixProduct {
		return shop.Product{}, shop.NoSuch("product")
	}
	products, err := lockProducts(ctx, q, []shop.ProductID{id})
	if err != nil {
		return shop.Product{}, err
	}
	product, ok := products[id]
	if !ok {
		return shop.Product{}, shop.NoSuch("product")
	}
	return product, nil
}

// productFact is an event of a product or its stock, as it left them.
func productFact(product shop.Product, kind string, actor shop.Actor, note string, at time.Time) fact {
	return fact{
		aggregateID: string(product.ID),
		version:     product.Version,
		kind:        kind,
		actor:       actor,
		note:        note,
		aggregate:   product,
		at:          at,
	}
}

// marks returns n question marks for an IN list.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// tuples returns n parenthesized lists of width question marks for a VALUES list.
func tuples(n, width int) string {
	return strings.TrimSuffix(strings.Repeat("("+marks(width)+"),", n), ",")
}

// anys returns strings as arguments of a statement.
func anys[S ~string](values []S) []any {
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = string(value)
	}
	return args
}

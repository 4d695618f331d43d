package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"payment-system/shop"
)

// loadProducts reads products with their stock. Those that do not exist are
// missing from the answer.
func loadProducts(ctx context.Context, q querier, ids []shop.ProductID) (map[shop.ProductID]shop.Product, error) {
	products := make(map[shop.ProductID]shop.Product, len(ids))
	if len(ids) == 0 {
		return products, nil
	}
	rows, err := q.QueryContext(ctx, `SELECT p.id, p.name, p.description, p.price, p.tax_free, s.available, s.reserved, s.sold, p.created_at, p.updated_at, s.version
		FROM stock s JOIN products p ON p.id = s.product_id WHERE s.product_id IN (`+marks(len(ids))+`)`, anys(ids)...)
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	defer rows.Close() //nolint:errcheck // Err tells.
	for rows.Next() {
		var p shop.Product
		if err := rows.Scan(&p.ID, &p.Name, &p.Description, &p.Price, &p.TaxFree, &p.Stock, &p.Reserved, &p.Sold, &p.CreatedAt, &p.UpdatedAt, &p.Version); err != nil {
			return nil, fmt.Errorf("read a product: %w", err)
		}
		products[p.ID] = p
	}
	return products, rows.Err()
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

// anys returns strings as arguments of a statement.
func anys[S ~string](values []S) []any {
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = string(value)
	}
	return args
}

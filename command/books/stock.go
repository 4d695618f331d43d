package books

import (
	"context"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// A StockChange is a product's stock as it was read and as it is now.
type StockChange struct{ Was, Now shop.Product }

var updatedStock = updated{
	table: "stock", key: []string{"product_id"}, guards: []string{"version"},
	columns: []string{"available", "reserved", "sold", "version"},
}

func stockValues(p shop.Product) []any { return []any{p.Stock, p.Reserved, p.Sold, p.Version} }

// SaveStock writes the units on hand, reserved and sold of products whose rows the
// transaction has locked, each if its version still is the one that was read. It returns
// mysqldb.ErrStale when one's is not.
func SaveStock(ctx context.Context, w *mysqldb.Packet, changes []StockChange) error {
	rows := make([]rowUpdate, len(changes))
	for i, c := range changes {
		rows[i] = rowUpdate{
			key: []any{string(c.Now.ID)}, guards: []any{c.Was.Version}, now: changedValues(stockValues(c.Was), stockValues(c.Now)),
		}
	}
	return wrapped("save stock", updatedStock.write(ctx, w, rows))
}

package books

import (
	"context"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// A StockChange is a product's stock as it was read and as it is now.
type StockChange struct{ Was, Now shop.Product }

var stockUpdate = guarded{
	table: "stock", key: "product_id", guards: []string{"version"},
	sets: []string{"available", "reserved", "sold", "version"},
}

// SaveStock writes the units on hand, reserved and sold of products whose rows the
// transaction has locked, each if its version still is the one that was read. It returns
// mysqldb.ErrStale when one's is not.
func SaveStock(ctx context.Context, w *mysqldb.Packet, changes []StockChange) error {
	rows := make([][]any, len(changes))
	for i, c := range changes {
		rows[i] = []any{string(c.Now.ID), c.Was.Version, c.Now.Stock, c.Now.Reserved, c.Now.Sold, c.Now.Version}
	}
	return wrapped("save stock", stockUpdate.update(ctx, w, rows))
}

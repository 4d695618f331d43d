package books

import (
	"context"
	"database/sql"
	"slices"

	"payment-system/shop"
)

// A StockChange is a product's stock as it was read and as it is now.
type StockChange struct{ Was, Now shop.Product }

// SaveStock writes the units on hand, reserved and sold of products whose rows the
// transaction has locked, each if its version still is the one that was read. It returns
// mysqldb.ErrStale when one's is not.
func SaveStock(ctx context.Context, tx *sql.Tx, changes []StockChange) error {
	rows := make([][]any, len(changes))
	for i, c := range changes {
		rows[i] = []any{string(c.Now.ID), c.Was.Version, c.Now.Stock, c.Now.Reserved, c.Now.Sold, c.Now.Version}
	}
	slices.SortFunc(rows, byID)
	return wrapped("save stock", updateRows(ctx, tx, "UPDATE "+derived(rows)+` v
		STRAIGHT_JOIN stock t ON t.product_id = CONVERT(v.c0 USING ascii)
		SET t.available = v.c2, t.reserved = v.c3, t.sold = v.c4, t.version = v.c5 WHERE t.version = v.c1`, rows))
}

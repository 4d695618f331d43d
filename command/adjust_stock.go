package command

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"payment-system/command/books"
	"payment-system/shop"
)

// AdjustStock adds to, or takes from, the stock on hand.
type AdjustStock struct {
	By             shop.Caller
	IdempotencyKey string
	ProductID      shop.ProductID
	Quantity       int
	Reason         string
}

// maxHandled is the most units of a product that may be on hand, reserved and
// sold together: what the books can count.
const maxHandled = 2_000_000_000

// AdjustStock changes the units on hand. It returns Invalid when that would
// take more than there are or leave more than may be, NotFound when there is
// no such product, and IdempotencyMismatch when the key named something else.
func (h *Handler) AdjustStock(ctx context.Context, cmd AdjustStock) (shop.StockAdjusted, error) {
	if err := cmd.check(); err != nil {
		return shop.StockAdjusted{}, err
	}
	req, err := books.NewRequest(cmd.By.UserID, "adjustStock", cmd.IdempotencyKey, cmd.ProductID, cmd.Quantity, cmd.Reason)
	if err != nil {
		return shop.StockAdjusted{}, err
	}
	defer h.Locks.Lock(ctx, lockKey(string(cmd.ProductID)))()
	var adjusted shop.StockAdjusted
	err = books.KeyedTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) error {
		found, err := req.Begin(ctx, tx, string(cmd.ProductID), h.now())
		if err != nil {
			return err
		}
		if found != nil {
			return found.DecodeInto(&adjusted)
		}
		if adjusted.Product, err = h.adjust(ctx, tx, cmd); err != nil {
			return err
		}
		return req.Finish(ctx, tx, adjusted)
	})
	if err != nil {
		return shop.StockAdjusted{}, err
	}
	h.Projector.Project(ctx, string(adjusted.Product.ID))
	return adjusted, nil
}

func (c *AdjustStock) check() error {
	if shop.IDPrefix(string(c.ProductID)) != shop.PrefixProduct {
		return shop.NoSuch("product")
	}
	if c.Quantity == 0 || c.Quantity < -shop.MaxStock || c.Quantity > shop.MaxStock {
		return shop.InvalidField("quantity", "The quantity must not be 0, nor more than 1,000,000,000 units.")
	}
	c.Reason = norm.NFC.String(strings.TrimSpace(c.Reason))
	if !isLine(c.Reason, 1, maxReasonLength) {
		return shop.InvalidField("reason", "The reason must have 1 to 200 characters, in one line.")
	}
	return nil
}

func (h *Handler) adjust(ctx context.Context, tx *sql.Tx, cmd AdjustStock) (shop.Product, error) {
	product, err := books.LockProduct(ctx, tx, cmd.ProductID)
	if err != nil {
		return product, err
	}
	onHand := product.Stock + cmd.Quantity
	if onHand < 0 || onHand > shop.MaxStock || onHand+product.Reserved+product.Sold > maxHandled {
		return product, shop.InvalidField("quantity",
			fmt.Sprintf("Only %d units are on hand, and at most %d may be.", product.Stock, shop.MaxStock))
	}
	product.Stock = onHand
	product.Version++
	product.UpdatedAt = h.now()
	if err := books.InsertAdjustment(ctx, tx, product.ID, cmd.Quantity, cmd.Reason, cmd.By.UserID,
		product.UpdatedAt); err != nil {
		return product, err
	}
	return product, books.SaveProduct(ctx, tx, product, shop.KindStockAdjusted, cmd.By.Operator(), cmd.Reason)
}

package command

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"payment-system/command/books"
	"payment-system/internal/failpoint"
	"payment-system/shop"
)

// PlaceOrder holds stock and opens an order for it.
type PlaceOrder struct {
	By             shop.Caller
	IdempotencyKey string // the same key always names the same order
	Lines          []PlaceOrderLine
}

// PlaceOrderLine asks for units of one product.
type PlaceOrderLine struct {
	ProductID shop.ProductID
	Quantity  int
}

// PlaceOrder opens an order at the prices of this moment and holds stock for
// all of its lines until the order expires. It returns SoldOut when a line asks
// for more than is on hand, NotFound when a product does not exist, Invalid
// when the input or the total is out of its domain or a product is not listed, and IdempotencyMismatch
// when the key named another order. Orders that arrive while a commit is in
// flight are committed together; each still succeeds or fails alone. When ctx
// ends first the order may stand: the same key tells.
func (h *Handler) PlaceOrder(ctx context.Context, cmd PlaceOrder) (shop.OrderPlaced, error) {
	if err := cmd.check(); err != nil {
		return shop.OrderPlaced{}, err
	}
	req, err := books.NewRequest(cmd.By.UserID, "placeOrder", cmd.IdempotencyKey, cmd.Lines)
	if err != nil {
		return shop.OrderPlaced{}, err
	}
	d := &decision{
		ctx:  failpoint.In(ctx, "order"),
		keys: []books.Request{req},
		place: &placement{
			cmd: cmd, req: req, id: shop.OrderID(h.NewID(shop.PrefixOrder)), within: cmp.Or(h.PlaceWithin, 5*time.Second),
		},
		ready: make(chan struct{}),
	}
	if err := h.commits.join(d, h.startLane); err != nil {
		return shop.OrderPlaced{}, err
	}
	select {
	case <-d.ready:
		if d.err != nil {
			return shop.OrderPlaced{}, d.err
		}
		d.shown(context.WithoutCancel(ctx))
		return d.place.placed, nil
	case <-ctx.Done():
		return shop.OrderPlaced{},
			&shop.Error{
				Code: shop.InProgress, Message: "The order is being placed. Ask again with the same key.",
				Err: ctx.Err(),
			}
	}
}

// A placement is an order to be placed, and what came of it.
type placement struct {
	cmd      PlaceOrder
	within   time.Duration // it is begun, or refused
	req      books.Request
	id       shop.OrderID
	known    *books.Receipt // nil when its key is not stored
	isNew    bool           // it is decided about now
	placed   shop.OrderPlaced
	response []byte // placed, as it is stored
}

// products are the products that it asks for, a line each.
func (p *placement) products() []shop.ProductID {
	ids := make([]shop.ProductID, len(p.cmd.Lines))
	for i, line := range p.cmd.Lines {
		ids[i] = line.ProductID
	}
	return ids
}

// answerKnown answers it, when its key is stored already.
func (p *placement) answerKnown(d *decision) {
	p.isNew = p.known == nil
	switch {
	case p.isNew:
	case p.known.Hash != p.req.Hash:
		d.err = books.Mismatch()
	default:
		d.err = p.known.DecodeInto(&p.placed)
	}
}

// price makes the order at the prices of this moment, and takes its units when there are
// enough of each.
func (p *placement) price(stock *stockOnHand, now time.Time, hold time.Duration) error {
	order := shop.Order{
		ID: p.id, UserID: p.cmd.By.UserID, Status: shop.OrderStatusPlaced, Version: 1,
		PlacedAt: now, ExpiresAt: now.Add(hold),
	}
	for i, line := range p.cmd.Lines {
		product := stock.products[line.ProductID]
		if !product.Listed() {
			return notForSale(i)
		}
		order.Lines = append(order.Lines, shop.OrderLine{
			ProductID: product.ID, Name: product.Name, UnitPrice: product.Price, Quantity: line.Quantity,
			TaxFree: product.TaxFree,
		})
	}
	if err := order.Sum(); err != nil {
		return err
	}
	if short := stock.short(order); short != nil {
		return &shop.Error{
			Code: shop.SoldOut, Message: "There is not enough stock.",
			Details: map[string]any{"lines": short},
		}
	}
	p.placed = shop.OrderPlaced{Order: order}
	var err error
	if p.response, err = json.Marshal(p.placed); err != nil {
		return fmt.Errorf("encode the answer to order %s: %w", p.id, err)
	}
	return stock.move(order, shop.KindStockReserved, shop.ActorShopper)
}

func (c PlaceOrder) check() error {
	if len(c.Lines) == 0 || len(c.Lines) > shop.MaxOrderLines {
		return shop.InvalidField("lines", "An order has 1 to 100 lines.")
	}
	seen := make(map[shop.ProductID]bool, len(c.Lines))
	for i, line := range c.Lines {
		if line.Quantity < 1 || line.Quantity > shop.MaxQuantity {
			return shop.InvalidField(fmt.Sprintf("lines.%d.quantity", i), "The quantity must be from 1 to 1,000,000.")
		}
		if shop.IDPrefix(string(line.ProductID)) != shop.PrefixProduct {
			return noSuchProduct(i)
		}
		if seen[line.ProductID] {
			return shop.InvalidField(fmt.Sprintf("lines.%d.productId", i), "The product is in an earlier line already.")
		}
		seen[line.ProductID] = true
	}
	return nil
}

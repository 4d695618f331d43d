// Package seed fills shops: with generated data that is the same every time, and with
// a catalogue and two accounts to try things with.
package seed

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"payment-system/command"
	"payment-system/internal/progress"
	"payment-system/shop"
)

// key makes the generated data the same every time.
const key = 20260101

// Time is when all generated data began.
var Time = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// IDs makes ids that are the same every time: each is the number of its prefix, where a
// UUIDv7 has chance.
type IDs struct {
	mu     sync.Mutex
	counts map[string]uint64
	orders chan struct{} // hears of each order's id
}

// NewIDs begins to count.
func NewIDs() *IDs { return &IDs{counts: map[string]uint64{}, orders: make(chan struct{})} }

// New returns the next id with a prefix. An order's waits until Fill hears of it.
func (c *IDs) New(prefix string) string {
	id := shop.FormatID(prefix, c.count(prefix))
	if prefix == shop.PrefixOrder {
		c.orders <- struct{}{}
	}
	return id
}

func (c *IDs) count(prefix string) (id [16]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[prefix]++
	binary.BigEndian.PutUint64(id[:8], uint64(Time.UnixMilli())<<16|0x7000)
	binary.BigEndian.PutUint64(id[8:], 1<<63|c.counts[prefix])
	return id
}

// A Generator fills a shop with generated data. All fields are needed.
type Generator struct {
	// Commands take Time for now, and their ids from IDs.
	Commands *command.Handler
	IDs      *IDs
	Out      io.Writer // is shown how far it is
}

// Fill creates products, then places orders for them.
func (g *Generator) Fill(ctx context.Context, products, orders int) error {
	chance := rand.New(rand.NewPCG(key, key)) //nolint:gosec // It is to be foreseen.
	created, err := g.createProducts(ctx, chance, products)
	if err != nil {
		return err
	}
	return g.placeOrders(ctx, chance, created, orders)
}

func (g *Generator) createProducts(ctx context.Context, chance *rand.Rand, n int) ([]shop.Product, error) {
	bar := progress.New(g.Out, "products")
	defer bar.End()
	created := make([]shop.Product, 0, n)
	for i := range n {
		like := catalogue[i%len(catalogue)]
		product, err := g.Commands.CreateProduct(ctx, command.CreateProduct{
			IdempotencyKey: fmt.Sprintf("seed-product-%d", i),
			Name:           fmt.Sprintf("%s %03d", like.Name, i/len(catalogue)+1),
			Description:    like.Description,
			Price:          like.Price + shop.Won(chance.IntN(100)*100),
			TaxFree:        like.TaxFree,
			Stock:          1_000_000,
		})
		if err != nil {
			return nil, fmt.Errorf("create product %d: %w", i+1, err)
		}
		created = append(created, product.Product)
		bar.To(i+1, n)
	}
	return created, nil
}

const (
	// shoppers is how many people the generated orders belong to.
	shoppers = 100
	// atOnce is how many orders are placed at once: they are committed in groups.
	atOnce = 128
)

// placeOrders places orders side by side. Each gets its id before the next begins, so that ids and
// contents are the same every time.
func (g *Generator) placeOrders(ctx context.Context, chance *rand.Rand, products []shop.Product, n int) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	bar := progress.New(g.Out, "orders")
	defer bar.End()
	var placing sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i := range n {
		order := orderOf(chance, products, i)
		places <- struct{}{}
		done := make(chan struct{})
		placing.Go(func() {
			defer func() { close(done); <-places }()
			if _, err := g.Commands.PlaceOrder(ctx, order); err != nil {
				stop(fmt.Errorf("place order %d: %w", i+1, err))
			}
		})
		select {
		case <-g.IDs.orders:
		case <-done: // It was refused before it got an id.
		}
		bar.To(i+1, n)
	}
	placing.Wait()
	return context.Cause(ctx)
}

func orderOf(chance *rand.Rand, products []shop.Product, i int) command.PlaceOrder {
	lines := make([]command.PlaceOrderLine, 0, 3)
	for range min(len(products), 1+chance.IntN(3)) {
		id := products[chance.IntN(len(products))].ID
		if !slices.ContainsFunc(lines, func(line command.PlaceOrderLine) bool { return line.ProductID == id }) {
			lines = append(lines, command.PlaceOrderLine{ProductID: id, Quantity: 1 + chance.IntN(3)})
		}
	}
	return command.PlaceOrder{
		By:             shop.Caller{UserID: shopper(i % shoppers), Actor: shop.ActorShopper},
		IdempotencyKey: fmt.Sprintf("seed-order-%d", i), Lines: lines,
	}
}

func shopper(n int) shop.UserID {
	var id [16]byte
	binary.BigEndian.PutUint64(id[8:], 1<<63|uint64(n))
	return shop.UserID(shop.FormatID(shop.PrefixUser, id))
}

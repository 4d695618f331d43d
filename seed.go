package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"time"

	"payment-system/command"
	"payment-system/command/people"
	"payment-system/shop"
)

type seedCommand struct {
	databaseSettings
	redisSettings
	logSettings
	Products int `name:"products" env:"SEED_PRODUCTS" default:"1000" placeholder:"N" help:"How many products (${default})."`
	Orders   int `name:"orders" env:"SEED_ORDERS" default:"1000" placeholder:"N" help:"How many orders (${default})."`
}

// seedKey makes the generated data the same every time.
const seedKey = 20260101

// Run fills the database with products and orders that wait to be paid. The same numbers give the
// same data, ids included; more of them add to what is there.
func (c *seedCommand) Run(ctx context.Context, w *world) error {
	if c.Products < 0 || c.Orders < 0 || (c.Orders > 0 && c.Products == 0) {
		return errors.New("set --products and --orders to numbers from 0; orders need products")
	}
	fixed := *w
	fixed.now = func() time.Time { return seedTime }
	ids := &counter{counts: map[string]uint64{}, next: make(chan struct{})}
	fixed.newID = ids.newID
	s := &settings{databaseSettings: c.databaseSettings, redisSettings: c.redisSettings, logSettings: c.logSettings}
	// What was placed at the clock of the seed waits to be paid for years.
	s.OrderHold = 100 * 365 * 24 * time.Hour
	a, err := openTools(ctx, s, &fixed)
	if err != nil {
		return err
	}
	return errors.Join(a.seed(ctx, ids, c.Products, c.Orders), a.close())
}

// seedTime is when all generated data began.
var seedTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A counter makes ids that are the same every time: each is the number of its prefix, where a
// UUIDv7 has chance.
type counter struct {
	mu     sync.Mutex
	counts map[string]uint64
	next   chan struct{} // hears of each order's id
}

func (c *counter) newID(prefix string) string {
	id := shop.FormatID(prefix, c.count(prefix))
	if prefix == shop.PrefixOrder {
		c.next <- struct{}{}
	}
	return id
}

func (c *counter) count(prefix string) (id [16]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[prefix]++
	binary.BigEndian.PutUint64(id[:8], uint64(seedTime.UnixMilli())<<16|0x7000)
	binary.BigEndian.PutUint64(id[8:], 1<<63|c.counts[prefix])
	return id
}

// seed creates products, then places orders for them.
func (a *app) seed(ctx context.Context, ids *counter, products, orders int) error {
	chance := rand.New(rand.NewPCG(seedKey, seedKey)) //nolint:gosec // It is to be foreseen.
	created, err := a.seedProducts(ctx, chance, products)
	if err != nil {
		return err
	}
	return a.seedOrders(ctx, chance, ids, created, orders)
}

func (a *app) seedProducts(ctx context.Context, chance *rand.Rand, n int) ([]shop.Product, error) {
	bar := newProgress(a.world.err, "products")
	defer bar.end()
	created := make([]shop.Product, 0, n)
	for i := range n {
		like := catalogue[i%len(catalogue)]
		product, err := a.commands.CreateProduct(ctx, command.CreateProduct{
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
		bar.to(i+1, n)
	}
	return created, nil
}

const (
	// seedShoppers is how many people the generated orders belong to.
	seedShoppers = 100
	// seedAtOnce is how many orders are placed at once: they are committed in groups.
	seedAtOnce = 128
)

// seedOrders places orders side by side. Each gets its id before the next begins, so that ids and
// contents are the same every time.
func (a *app) seedOrders(ctx context.Context, chance *rand.Rand, ids *counter, products []shop.Product, n int) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	bar := newProgress(a.world.err, "orders")
	defer bar.end()
	var placing sync.WaitGroup
	places := make(chan struct{}, seedAtOnce)
	for i := range n {
		order := seedOrder(chance, products, i)
		places <- struct{}{}
		done := make(chan struct{})
		placing.Go(func() {
			defer func() { close(done); <-places }()
			if _, err := a.commands.PlaceOrder(ctx, order); err != nil {
				stop(fmt.Errorf("place order %d: %w", i+1, err))
			}
		})
		select {
		case <-ids.next:
		case <-done: // It was refused before it got an id.
		}
		bar.to(i+1, n)
	}
	placing.Wait()
	return context.Cause(ctx)
}

func seedOrder(chance *rand.Rand, products []shop.Product, i int) command.PlaceOrder {
	lines := make([]command.PlaceOrderLine, 0, 3)
	for range min(len(products), 1+chance.IntN(3)) {
		id := products[chance.IntN(len(products))].ID
		if !slices.ContainsFunc(lines, func(line command.PlaceOrderLine) bool { return line.ProductID == id }) {
			lines = append(lines, command.PlaceOrderLine{ProductID: id, Quantity: 1 + chance.IntN(3)})
		}
	}
	return command.PlaceOrder{
		By:             shop.Caller{UserID: seedShopper(i % seedShoppers), Actor: shop.ActorShopper},
		IdempotencyKey: fmt.Sprintf("seed-order-%d", i), Lines: lines,
	}
}

func seedShopper(n int) shop.UserID {
	var id [16]byte
	binary.BigEndian.PutUint64(id[8:], 1<<63|uint64(n))
	return shop.UserID(shop.FormatID(shop.PrefixUser, id))
}

// The accounts of dev.
const (
	shopperEmail  = "shopper@example.com"
	operatorEmail = "operator@example.com"
	devPassword   = "correct horse battery staple"
)

// seedDev makes the catalogue and the two accounts, unless they are there.
func (a *app) seedDev(ctx context.Context) error {
	var work sync.WaitGroup
	errs := make([]error, 3)
	work.Go(func() { errs[0] = a.seedCatalogue(ctx) })
	work.Go(func() { errs[1] = a.seedAccount(ctx, shopperEmail) })
	work.Go(func() {
		if errs[2] = a.seedAccount(ctx, operatorEmail); errs[2] == nil {
			_, errs[2] = a.people.MakeOperator(ctx, people.MakeOperator{Email: operatorEmail})
		}
	})
	work.Wait()
	return errors.Join(errs...)
}

func (a *app) seedCatalogue(ctx context.Context) error {
	for i, product := range catalogue {
		product.IdempotencyKey = fmt.Sprintf("dev-catalogue-%d", i)
		if _, err := a.commands.CreateProduct(ctx, product); err != nil {
			return fmt.Errorf("create %s: %w", product.Name, err)
		}
	}
	return nil
}

// seedAccount signs up as a person would: by a code that is mailed, here to ourselves.
func (a *app) seedAccount(ctx context.Context, email string) error {
	var known int
	if err := a.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM users WHERE email = ?`, email).Scan(&known); err != nil || known > 0 {
		return err
	}
	inbox := make(letters, 1)
	accounts := a.newPeople()
	accounts.Mailer = inbox
	requested, err := accounts.RequestEmailVerification(ctx, people.RequestEmailVerification{Email: email, RemoteIP: "127.0.0.1"})
	if err != nil {
		return fmt.Errorf("verify %s: %w", email, err)
	}
	code, err := inbox.code(ctx)
	if err != nil {
		return err
	}
	_, err = accounts.ConfirmEmailVerification(ctx, people.ConfirmEmailVerification{VerificationID: requested.VerificationID, Code: code})
	if err != nil {
		return fmt.Errorf("confirm %s: %w", email, err)
	}
	if _, err := accounts.SignUp(ctx, people.SignUp{VerificationID: requested.VerificationID, Password: devPassword}); err != nil {
		return fmt.Errorf("sign %s up: %w", email, err)
	}
	return nil
}

// letters is a mailer to oneself.
type letters chan string

// Send keeps the mail's text.
func (l letters) Send(_ context.Context, message people.Message) error {
	l <- message.Text
	return nil
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// code waits for a mail and returns the code in it.
func (l letters) code(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case text := <-l:
		return sixDigits.FindString(text), nil
	case <-ctx.Done():
		return "", fmt.Errorf("wait for the code: %w", ctx.Err())
	}
}

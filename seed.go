package main

import (
	"context"
	"errors"
	"time"

	"payment-system/internal/seed"
)

type seedCommand struct {
	databaseSettings
	redisSettings
	logSettings
	Products int `name:"products" env:"SEED_PRODUCTS" default:"1000" placeholder:"N" help:"How many products (${default})."`
	Orders   int `name:"orders" env:"SEED_ORDERS" default:"1000" placeholder:"N" help:"How many orders (${default})."`
}

// Run fills the database with products and orders that wait to be paid. The same numbers give the
// same data, ids included; more of them add to what is there.
func (c *seedCommand) Run(ctx context.Context, w *world) error {
	if c.Products < 0 || c.Orders < 0 || (c.Orders > 0 && c.Products == 0) {
		return errors.New("set --products and --orders to numbers from 0; orders need products")
	}
	fixed := *w
	fixed.now = func() time.Time { return seed.Time }
	ids := seed.NewIDs()
	fixed.newID = ids.New
	s := &settings{databaseSettings: c.databaseSettings, redisSettings: c.redisSettings, logSettings: c.logSettings}
	// What was placed at the clock of the seed waits to be paid for years.
	s.OrderHold = 100 * 365 * 24 * time.Hour
	a, err := openTools(ctx, s, &fixed)
	if err != nil {
		return err
	}
	generator := &seed.Generator{Commands: a.commands, IDs: ids, Out: w.err}
	return errors.Join(generator.Fill(ctx, c.Products, c.Orders), a.close())
}

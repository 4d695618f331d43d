package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"payment-system/internal/progress"
	"payment-system/shop"
)

type republishCommand struct {
	databaseSettings
	redisSettings
	logSettings
	Views []string `arg:"" optional:"" help:"PRODUCTS, ORDERS or PAYMENTS; all read models when none is named."`
}

// Run rebuilds read models and shows how far it is.
func (c *republishCommand) Run(ctx context.Context, w *world) error {
	views := make([]shop.View, len(c.Views))
	for i, name := range c.Views {
		switch view := shop.View(strings.ToUpper(name)); view {
		case shop.ViewProducts, shop.ViewOrders, shop.ViewPayments:
			views[i] = view
		default:
			return fmt.Errorf("there is no read model %q: name PRODUCTS, ORDERS or PAYMENTS", name)
		}
	}
	a, err := openTools(ctx, &settings{databaseSettings: c.databaseSettings, redisSettings: c.redisSettings, logSettings: c.logSettings}, w)
	if err != nil {
		return err
	}
	bars := map[shop.View]*progress.Bar{}
	err = a.projector.RepublishNow(ctx, views, func(view shop.View, percent int) {
		if bars[view] == nil {
			for _, bar := range bars {
				bar.End()
			}
			bars[view] = progress.New(w.err, strings.ToLower(string(view)))
		}
		bars[view].Percent(percent)
	})
	for _, bar := range bars {
		bar.End()
	}
	return errors.Join(err, a.close())
}

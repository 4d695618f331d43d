package main

import (
	"context"
	"fmt"

	"payment-system/command/people"
)

type operatorCommand struct {
	databaseSettings
	redisSettings
	logSettings
	Email string `arg:"" help:"The account's address."`
}

// Run makes the account an operator.
func (c *operatorCommand) Run(ctx context.Context, w *world) error {
	a, err := openTools(ctx, &settings{databaseSettings: c.databaseSettings, redisSettings: c.redisSettings, logSettings: c.logSettings}, w)
	if err != nil {
		return err
	}
	defer a.close()
	changed, err := a.people.MakeOperator(ctx, people.MakeOperator{Email: c.Email})
	if err != nil {
		return err
	}
	fmt.Fprintf(w.out, "%s is an operator\n", changed.User.Email)
	return nil
}

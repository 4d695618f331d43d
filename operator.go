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
	Remove bool   `name:"remove" env:"OPERATOR_REMOVE" help:"Take the role away, and end the sessions of the account."`
	Email  string `arg:"" help:"The account's address."`
}

// Run makes the account an operator, or a customer again.
func (c *operatorCommand) Run(ctx context.Context, w *world) error {
	a, err := openTools(ctx, &settings{databaseSettings: c.databaseSettings, redisSettings: c.redisSettings, logSettings: c.logSettings}, w)
	if err != nil {
		return err
	}
	defer a.close()
	if c.Remove {
		return c.remove(ctx, a, w)
	}
	changed, err := a.people.MakeOperator(ctx, people.MakeOperator{Email: c.Email})
	if err != nil {
		return err
	}
	fmt.Fprintf(w.out, "%s is an operator\n", changed.User.Email)
	return nil
}

// remove takes the role away first: a session that begins meanwhile is a customer's.
func (c *operatorCommand) remove(ctx context.Context, a *app, w *world) error {
	changed, err := a.people.RemoveOperator(ctx, people.RemoveOperator{Email: c.Email})
	if err != nil {
		return err
	}
	ended, err := a.newSessions().EndAll(ctx, changed.User.ID)
	if err != nil {
		return fmt.Errorf("%s is an operator no more, but its sessions may go on: run this again: %w", changed.User.Email, err)
	}
	fmt.Fprintf(w.out, "%s is an operator no more; sessions ended: %d\n", changed.User.Email, ended)
	return nil
}

package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/progress"
	"payment-system/projections/verify"
)

type verifyCommand struct {
	databaseSettings
	gatewaySettings
	logSettings
	Gateway bool `name:"gateway" env:"VERIFY_GATEWAY" help:"Ask the gateways about every attempt too."`
}

// found is the exit code that says that invariants are broken.
const found exit = 2

// Run prints what is wrong with the live books.
func (c *verifyCommand) Run(ctx context.Context, w *world) error {
	checkGateways := c.checkGateways
	if c.Gateway {
		checkGateways = c.requireGateways
	}
	faults := append(c.checkDatabase(), checkGateways()...)
	if err := faults.err(); err != nil {
		return err
	}
	// Sums over large books take their time.
	db, err := c.openDatabase(ctx, mysqldb.Config{MaxConns: 10, IOTimeout: 30 * time.Minute})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := checkSchema(ctx, db); err != nil {
		return err
	}
	verifier := &verify.Verifier{DB: db, Now: w.now}
	bar := progress.New(w.err, "asking the gateways")
	if c.Gateway {
		verifier.Gateways = gateways(c.gatewaySettings, w, c.logger(w.err, "text"), nil)
		verifier.Progress = bar.To
	}
	violations, err := printViolations(ctx, w, verifier)
	bar.End()
	if err != nil {
		return err
	}
	if violations > 0 {
		fmt.Fprintf(w.err, "%d violations\n", violations)
		return found
	}
	fmt.Fprintln(w.out, "every invariant holds")
	return nil
}

func printViolations(ctx context.Context, w *world, verifier *verify.Verifier) (int, error) {
	count := 0
	table := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	err := verifier.Verify(ctx, func(v verify.Violation) {
		if count == 0 {
			fmt.Fprintln(table, "INVARIANT\tROW\tWHAT DIFFERS")
		}
		count++
		fmt.Fprintf(table, "%s\t%s\t%s\n", v.Invariant, v.ID, v.Detail)
		if count%100 == 0 {
			table.Flush()
		}
	})
	if flushed := table.Flush(); err == nil {
		err = flushed
	}
	return count, err
}

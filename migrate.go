package main

import (
	"context"
	"database/sql"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/pressly/goose/v3"

	"payment-system/internal/mysqldb"
	migrations "payment-system/sql"
)

type migrateCommand struct {
	databaseSettings
	Status bool `name:"status" env:"MIGRATE_STATUS" help:"Tell which migrations were made, and make none."`
}

// Run brings the schema up to date, or tells how far it is.
func (c *migrateCommand) Run(ctx context.Context, w *world) error {
	if err := c.checkDatabase().err(); err != nil {
		return err
	}
	db, err := c.openDatabase(ctx, mysqldb.Config{MaxConns: 4, IOTimeout: 10 * time.Minute})
	if err != nil {
		return err
	}
	defer db.Close()
	if c.Status {
		return printMigrations(ctx, w, db)
	}
	if err := mysqldb.CheckMigratable(ctx, db); err != nil {
		return err
	}
	before, newest, err := mysqldb.SchemaVersions(ctx, db, migrations.Migrations())
	if err != nil {
		return err
	}
	if err := migrate(ctx, w, db); err != nil {
		return err
	}
	if before == newest {
		fmt.Fprintf(w.out, "the schema is up to date, at version %d\n", newest)
	} else {
		fmt.Fprintf(w.out, "the schema went from version %d to %d\n", before, newest)
	}
	return nil
}

// migrate brings the schema up to date, and makes room for a full disk. Where there is none the
// schema is as good without.
func migrate(ctx context.Context, w *world, db *sql.DB) error {
	if err := mysqldb.Migrate(ctx, db, migrations.Migrations()); err != nil {
		return err
	}
	if err := mysqldb.MakeRoom(ctx, db, migrations.Lengthened()); err != nil {
		fmt.Fprintf(w.err, "a full disk is less safe than it could be: %v\n", err)
	}
	return nil
}

func printMigrations(ctx context.Context, w *world, db *sql.DB) error {
	provider, err := goose.NewProvider(goose.DialectMySQL, db, migrations.Migrations())
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	statuses, err := provider.Status(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	table := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VERSION\tMIGRATION\tSTATE\tAT")
	for _, status := range statuses {
		at := ""
		if !status.AppliedAt.IsZero() {
			at = status.AppliedAt.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\n", status.Source.Version, status.Source.Path, status.State, at)
	}
	return table.Flush()
}

// checkSchema refuses to start on a database whose schema is not the one this program was built for.
func checkSchema(ctx context.Context, db *sql.DB) error { return compareSchema(ctx, db, refuseNewer) }

// checkServed refuses to go on with a database whose schema is older than the one this program was
// built for. One that is newer is fine: whoever runs when it is migrated goes on until it is
// replaced.
func checkServed(ctx context.Context, db *sql.DB) error { return compareSchema(ctx, db, takeNewer) }

// A newerSchema says what to do with one.
type newerSchema int

const (
	refuseNewer newerSchema = iota
	takeNewer
)

func compareSchema(ctx context.Context, db *sql.DB, newer newerSchema) error {
	current, newest, err := mysqldb.SchemaVersions(ctx, db, migrations.Migrations())
	switch {
	case err != nil:
		return err
	case current < newest:
		return fmt.Errorf("the database has schema version %d and this program needs %d: run payment-system migrate", current, newest)
	case current > newest && newer == refuseNewer:
		return fmt.Errorf("the database has schema version %d and this program knows %d: deploy the newer program", current, newest)
	}
	return nil
}

package main

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"payment-system/internal/mysqldb"
	migrations "payment-system/sql"
)

// checkReplica refuses a server that queries cannot read at: one with another schema, whose sessions do not
// keep UTC, or whose account may not read what is shown.
func checkReplica(ctx context.Context, db *sql.DB) error {
	return errors.Join(mysqldb.CheckReader(ctx, db), checkSchema(ctx, db), checkReadable(ctx, db))
}

// checkReadable wants the account to be allowed to read all read models.
func checkReadable(ctx context.Context, db *sql.DB) error {
	var missing []string
	for _, table := range migrations.Tables() {
		if !strings.HasSuffix(table, "_views") {
			continue
		}
		denied, err := mysqldb.Denied(ctx, db, table, "", "SELECT")
		if err != nil {
			return err
		}
		if len(denied.Denied) > 0 {
			missing = append(missing, denied.String())
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return errors.New("grant its account " + strings.Join(missing, "; "))
}

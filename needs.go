package main

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// A need is something without which a replica must get no traffic, under the name of what to set.
type need struct {
	name  string
	check func(ctx context.Context) error
}

// needs are what /readyz asks for, and doctor too. A Redis that is away is none: nobody can sign in then,
// but payments that were begun must still be confirmed. A replica that runs takes a schema that was
// migrated since, for migrations add before they take away; one that starts does not.
func (a *app) needs(schema func(context.Context, *sql.DB) error) []need {
	return []need{
		{"MYSQL_DSN", func(ctx context.Context) error { return mysqldb.Check(ctx, a.db) }},
		{"clock", func(ctx context.Context) error { return mysqldb.CheckClock(ctx, a.db, a.world.now) }},
		{"schema", func(ctx context.Context) error { return schema(ctx, a.db) }},
	}
}

// refuse returns, a line each, why this replica cannot serve.
func (a *app) refuse(ctx context.Context) error {
	var errs []error
	for _, n := range a.needs(checkSchema) {
		errs = append(errs, n.check(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return mysqldb.CheckConstraints(ctx, a.db, "stock")
}

// ready says why this replica should get no traffic: an Error that names what it lacks.
func (a *app) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return lacking(ctx, a.needs(checkServed))
}

// lacking returns an error that names the needs which are not met, and holds why.
func lacking(ctx context.Context, needs []need) error {
	var names []string
	var why faults
	for _, n := range needs {
		if err := n.check(ctx); err != nil {
			names = append(names, n.name)
			why.add("%s: %w", n.name, err)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &shop.Error{Code: shop.Unavailable, Message: strings.Join(names, ", "), Err: why.err()}
}

package main

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"slices"

	"payment-system/bench/measure"
	"payment-system/internal/mysqldb"
)

const (
	logged = 20         // how many operations the database's log is kept of
	seldom = logged / 2 // what comes less often is not listed
	width  = 110        // characters of a statement that are printed
)

// printStatements prints what the replica asks the database for a purchase by one client: each statement's shape, and
// how often it comes, most frequent first. Nothing is measured meanwhile, for the log costs more than the work.
func (r *rig) printStatements(ctx context.Context, out io.Writer) error {
	shapes, err := r.log(ctx, r.purchase)
	if err != nil {
		return fmt.Errorf("log statements: %w", err)
	}
	byCount := slices.SortedFunc(maps.Keys(shapes), func(a, b string) int {
		return cmp.Or(cmp.Compare(shapes[b], shapes[a]), cmp.Compare(a, b))
	})
	fmt.Fprintf(out, "\nstatements of a purchase, by one client, of %d purchases:\n", logged)
	rest := 0
	for _, shape := range byCount {
		if shapes[shape] < seldom {
			rest += shapes[shape]
			continue
		}
		fmt.Fprintf(out, "%6.2f  %s\n", float64(shapes[shape])/logged, shorten(shape))
	}
	fmt.Fprintf(out, "%6.2f  others, each in less than half of the purchases: what a replica asks by itself\n",
		float64(rest)/logged)
	return nil
}

func shorten(text string) string {
	if letters := []rune(text); len(letters) > width {
		return string(letters[:width]) + "…"
	}
	return text
}

// log counts the shapes of the statements of some operations.
func (r *rig) log(ctx context.Context, operate operation) (map[string]int, error) {
	for _, statement := range []string{
		"SET GLOBAL log_output = 'TABLE'", "TRUNCATE TABLE mysql.general_log", "SET GLOBAL general_log = ON",
	} {
		if _, err := r.db.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	_, err := crew{clients: 1, time: batchWithin, limit: logged}.do(ctx, operate)
	if err == nil {
		err = r.settle(ctx)
	}
	if _, off := r.db.ExecContext(context.WithoutCancel(ctx), "SET GLOBAL general_log = OFF"); err == nil {
		err = off
	}
	if err != nil {
		return nil, err
	}
	statements, err := mysqldb.Collect(ctx, r.db, func(rows *sql.Rows) (text string, err error) {
		return text, rows.Scan(&text)
	}, "SELECT argument FROM mysql.general_log WHERE command_type = 'Query' AND argument NOT LIKE 'SET GLOBAL%'")
	if err != nil {
		return nil, err
	}
	shapes, shaper := map[string]int{}, measure.NewShaper()
	for _, statement := range statements {
		shapes[shaper.Shape(statement)]++
	}
	return shapes, nil
}

// Package sql carries the schema of the books and of the read models. Packages
// write and read below it are generated from that schema by go-jet.
package sql

import (
	"embed"
	"io/fs"
	"regexp"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations holds the goose migrations at its root, in order of their numbers.
func Migrations() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return files
}

// created matches a statement that makes a table.
var created = regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`)

// Lengthened names the tables whose rows every purchase makes longer after they were committed.
func Lengthened() []string {
	return []string{"orders", "payments", "attempts", "refunds", "idempotency", "events", "order_views", "payment_views"}
}

// Tables returns the names of all tables that the migrations make, in their order.
func Tables() (names []string) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is above
	}
	for _, file := range files {
		text, err := migrations.ReadFile(file)
		if err != nil {
			panic(err) // the folder is embedded above
		}
		for _, match := range created.FindAllSubmatch(text, -1) {
			names = append(names, string(match[1]))
		}
	}
	return names
}

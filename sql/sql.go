// Package sql carries the schema of the books and of the read models. Packages
// write and read below it are generated from that schema by go-jet.
package sql

import (
	"embed"
	"io/fs"
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

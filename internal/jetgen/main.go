// Command jetgen generates the packages below sql/write and sql/read from the migrations, with a
// MariaDB of its own. Run it at the root of the repository:
//
//	go run ./internal/jetgen
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-jet/jet/v2/generator/metadata"
	jet "github.com/go-jet/jet/v2/generator/mysql"
	"github.com/go-jet/jet/v2/generator/template"
	"github.com/go-jet/jet/v2/mysql"

	"payment-system/internal/devservers"
	"payment-system/internal/mysqldb"
	"payment-system/sql"
)

// databaseName is the one devservers makes. No generated file keeps it.
const databaseName = "payment_system"

// gooseTable is goose's own, of no interest to anybody else.
const gooseTable = "goose_db_version"

// isRead reports whether table is a read model. All others are the books.
func isRead(table string) bool {
	return strings.HasSuffix(table, "_views") || table == "projection_states"
}

func isWrite(table string) bool { return !isRead(table) && table != gooseTable }

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "jetgen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	servers, err := devservers.Start(ctx, devservers.Config{Progress: os.Stderr, SkipRedis: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Close()) }()
	db, err := mysqldb.Open(ctx, servers.MySQLDSN, mysqldb.Config{})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := mysqldb.Migrate(ctx, db, sql.Migrations()); err != nil {
		return err
	}
	return errors.Join(generate(servers.MySQLDSN, "sql/write", isWrite), generate(servers.MySQLDSN, "sql/read", isRead))
}

// generate replaces the folder dest by packages model and table for the tables that want takes.
func generate(dsn, dest string, want func(table string) bool) error {
	if err := os.RemoveAll(dest); err != nil {
		return err
	}
	// go-jet appends the database's name to the folder, which must not show.
	schema := func(found metadata.Schema) template.Schema {
		return template.DefaultSchema(found).UsePath("").
			UseModel(template.DefaultModel().UseTable(func(table metadata.Table) template.TableModel {
				model := template.DefaultTableModel(table)
				model.Skip = !want(table.Name)
				return model
			})).
			UseSQLBuilder(template.DefaultSQLBuilder().UseTable(func(table metadata.Table) template.TableSQLBuilder {
				builder := template.DefaultTableSQLBuilder(table)
				builder.Skip = !want(table.Name)
				return builder
			}))
	}
	if err := jet.GenerateDSN(dsn, dest, template.Default(mysql.Dialect).UseSchema(schema)); err != nil {
		return err
	}
	return filepath.WalkDir(dest, forgetDatabase)
}

// forgetDatabase takes the database's name out of a generated file, so that statements speak to
// whichever database a connection has chosen.
func forgetDatabase(path string, entry fs.DirEntry, err error) error {
	if err != nil || entry.IsDir() {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes.ReplaceAll(data, []byte(`"`+databaseName+`"`), []byte(`""`)), 0o644)
}

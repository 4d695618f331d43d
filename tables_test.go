package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A use says which folders have statements about a table.
type use struct{ written, read []string }

// tables says who writes and who reads which table by SQL of their own; docs/design.md says why. What
// go-jet's packages write and read is held by mayImport.
var tables = map[string]use{
	// The books.
	"users":             {[]string{"command/books"}, []string{"command/books", "internal/seed", "projections/verify"}},
	"products":          {[]string{"command/books"}, []string{"projections/verify"}},
	"stock":             {[]string{"command/books"}, []string{"command/books", "projections/verify"}},
	"stock_adjustments": {[]string{"command/books"}, []string{"projections/verify"}},
	"orders":            {[]string{"command/books"}, []string{"command/books", "projections/reconcile", "projections/schedule", "projections/verify"}},
	"order_lines":       {[]string{"command/books"}, []string{"command/books", "projections/verify"}},
	"payments":          {nil, []string{"command/books", "projections/reconcile", "projections/schedule", "projections/verify"}},
	"attempts":          {[]string{"command/books"}, []string{"command/books", "projections/reconcile", "projections/schedule", "projections/verify"}},
	"refunds":           {[]string{"command/books"}, []string{"command/books", "projections/reconcile", "projections/schedule", "projections/verify"}},
	"kakao_payments":    {nil, []string{"command/books", "projections", "projections/reconcile", "projections/verify"}},
	"toss_payments":     {nil, []string{"command/books", "projections", "projections/reconcile", "projections/verify"}},
	"events":            {[]string{"command/books", "projections"}, []string{"command/books", "projections", "projections/verify", "query"}},
	"idempotency":       {[]string{"command/books"}, []string{"command/books", "projections/verify"}},
	"webhook_inbox":     {[]string{"command/books"}, []string{"command/books", "projections/schedule", "projections/verify"}},
	"reconciliations":   {[]string{"command/books"}, []string{"command/books", "projections/reconcile", "projections/schedule", "projections/verify"}},
	"settlement_rows":   {[]string{"command/books"}, []string{"command/books", "projections/reconcile"}},
	"discrepancies":     {[]string{"command/books"}, []string{"command/books", "projections/reconcile", "projections/verify"}},
	// What products are found by.
	"product_grams": {[]string{"projections"}, []string{"projections", "projections/verify", "query"}},
	// What is shared out among replicas.
	"job_runs": {[]string{"internal/jobs"}, []string{"internal/jobs"}},
	"leases":   {[]string{"projections"}, []string{"projections"}},
}

func TestTables(t *testing.T) {
	t.Parallel()
	t.Run("statements about a table are where the list says", func(t *testing.T) {
		t.Parallel()
		found := statements(t)
		for table, want := range tables {
			got := found[table]
			if !slices.Equal(got.written, want.written) {
				t.Errorf("%s is written in %s, and the list says %s", table, got.written, want.written)
			}
			if !slices.Equal(got.read, want.read) {
				t.Errorf("%s is read in %s, and the list says %s", table, got.read, want.read)
			}
		}
	})
	t.Run("every table but the read models' is on the list", func(t *testing.T) {
		t.Parallel()
		files, err := filepath.Glob("sql/migrations/*.sql")
		if err != nil || len(files) == 0 {
			t.Fatalf("%d migrations, %v", len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range created.FindAllStringSubmatch(string(text), -1) {
				isView := strings.HasSuffix(match[1], "_views") || match[1] == "projection_states"
				if _, ok := tables[match[1]]; !ok && !isView {
					t.Errorf("the table %s is not on the list", match[1])
				}
			}
		}
	})
	t.Run("statements are found", func(t *testing.T) {
		t.Parallel()
		got := map[string]use{}
		note(got, "x", "INSERT INTO orders (id) SELECT id FROM old JOIN older USING (id)")
		note(got, "y", "UPDATE orders SET n = 1 WHERE id IN (SELECT id FROM orders)")
		note(got, "y", "DELETE FROM old WHERE id = ? ON DUPLICATE KEY UPDATE n = 1")
		for table, want := range map[string]use{
			"orders": {[]string{"x", "y"}, []string{"y"}},
			"old":    {[]string{"y"}, []string{"x", "y"}},
			"older":  {nil, []string{"x"}},
		} {
			if g := got[table]; !slices.Equal(g.written, want.written) || !slices.Equal(g.read, want.read) {
				t.Errorf("%s: got %v, want %v", table, g, want)
			}
		}
	})
}

var (
	created = regexp.MustCompile(`CREATE TABLE (\w+)`)
	writes  = regexp.MustCompile(`\b(?:INSERT INTO|INSERT IGNORE INTO|REPLACE INTO|UPDATE|DELETE FROM)\s+` + "`?" + `(\w+)`)
	reads   = regexp.MustCompile(`\b(?:FROM|JOIN)\s+` + "`?" + `(\w+)`)
)

// statements finds the SQL in the string literals of every folder but the bench's, whose floors are
// tables of the same names in a database of their own.
func statements(t *testing.T) map[string]use {
	t.Helper()
	found := map[string]use{}
	for _, file := range sources(t) {
		folder := filepath.ToSlash(filepath.Dir(file))
		if strings.HasPrefix(folder, "bench") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				note(found, folder, text)
			}
			return true
		})
	}
	for _, table := range slices.Collect(maps.Keys(found)) {
		of := found[table]
		slices.Sort(of.written)
		slices.Sort(of.read)
		found[table] = use{slices.Compact(of.written), slices.Compact(of.read)}
	}
	return found
}

// note adds what a text in a folder says about tables, if it is SQL.
func note(found map[string]use, folder, text string) {
	add := func(folders []string) []string {
		if slices.Contains(folders, folder) {
			return folders
		}
		return append(folders, folder)
	}
	for _, match := range writes.FindAllStringSubmatch(text, -1) {
		of := found[match[1]]
		of.written = add(of.written)
		found[match[1]] = of
	}
	for _, match := range reads.FindAllStringSubmatch(text, -1) {
		of := found[match[1]]
		of.read = add(of.read)
		found[match[1]] = of
	}
}

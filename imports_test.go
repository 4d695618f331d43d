package main_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "payment-system"

// mayImport says which packages of this module a folder's packages may import. The longest folder
// counts; "x" is the package x alone, "x/..." it and all below it. Tests may import what they like.
var mayImport = map[string][]string{
	".":                      {"..."}, // the only importer of pg/kakao, pg/toss and pg/pgsim
	"graph":                  {"command", "command/people", "command/reconciliation", "query", "shop", "internal/...", "web"},
	"web":                    {}, // files only
	"projections":            {"internal/...", "shop"},
	"projections/reconcile":  {"command", "command/reconciliation", "pg", "pg/settlement", "internal/...", "shop"},
	"projections/verify":     {"pg", "internal/...", "shop"},
	"projections/schedule":   {"internal/jobs"},
	"command":                {"command/books", "pg", "internal/...", "shop"},
	"command/books":          {"sql/write/...", "internal/...", "shop"}, // the only writer of the books
	"command/reconciliation": {"command/books", "internal/...", "shop"},
	"command/people":         {"command/books", "internal/...", "shop"},
	"query":                  {"sql/read/...", "internal/...", "shop"},
	"pg":                     {"shop"},
	"pg/pghttp":              {"pg", "shop"},
	"pg/kakao":               {"pg", "pg/pghttp", "shop"},
	"pg/toss":                {"pg", "pg/pghttp", "shop"},
	"pg/pgtest":              {"internal/testclock", "pg", "shop"},
	"pg/settlement":          {"shop"},
	"pg/pgsim":               {}, // it shares no code with the clients
	"shop":                   {}, // the standard library only; see TestImports_shop
	"sql":                    {},
	"bench":                  {"bench/...", "internal/devservers", "internal/mail", "internal/mysqldb"}, // HTTP and SQL only
	"internal":               {"internal/...", "sql", "shop"},
	"internal/mysqldb":       {"internal/failpoint"},
	"internal/redisdb":       {},
	"internal/redistest":     {"internal/devservers"},
	"internal/progress":      {},
	"internal/seed":          {"command", "command/people", "internal/progress", "shop"},
	"internal/shoptest":      {"..."}, // imported by tests only; see TestImports_shoptest
	"faulttest":              {},      // tests only
}

func TestImports(t *testing.T) {
	t.Parallel()
	for folder, imports := range packages(t) {
		row, ok := rowOf(folder)
		if !ok {
			t.Errorf("folder %s has no row in mayImport", folder)
			continue
		}
		for _, imported := range imports {
			if inModule, ok := within(imported); ok && !allows(mayImport[row], inModule) {
				t.Errorf("%s imports %s, which the row %q of mayImport does not allow", folder, imported, row)
			}
		}
	}
}

func TestImports_shop(t *testing.T) {
	t.Parallel()
	for folder, imports := range packages(t) {
		if folder != "shop" && !strings.HasPrefix(folder, "shop/") {
			continue
		}
		for _, imported := range imports {
			first, _, _ := strings.Cut(imported, "/")
			if first == module || strings.Contains(first, ".") {
				t.Errorf("%s imports %s, which is not in the standard library", folder, imported)
			}
		}
	}
}

func TestImports_shoptest(t *testing.T) {
	t.Parallel()
	for folder, imports := range packages(t) {
		if slices.Contains(imports, module+"/internal/shoptest") {
			t.Errorf("%s imports internal/shoptest, which only tests may", folder)
		}
	}
}

func TestMayImport(t *testing.T) {
	t.Parallel()
	found := packages(t)
	t.Run("every row is about a folder there is", func(t *testing.T) {
		t.Parallel()
		for row := range mayImport {
			covers := func(folder string) bool { return folder == row || strings.HasPrefix(folder, row+"/") }
			if !slices.ContainsFunc(slices.Collect(maps.Keys(found)), covers) {
				t.Errorf("mayImport has a row for %s, where no package is", row)
			}
		}
	})
	t.Run("patterns mean what they say", func(t *testing.T) {
		t.Parallel()
		tests := []struct {
			pattern, folder string
			want            bool
		}{
			{"pg", "pg", true},
			{"pg", "pg/kakao", false},
			{"sql/read/...", "sql/read/table", true},
			{"sql/read/...", "sql/readers", false},
			{"...", "pg/kakao", true},
		}
		for _, test := range tests {
			if got := allows([]string{test.pattern}, test.folder); got != test.want {
				t.Errorf("pattern %q allows %q: %v, want %v", test.pattern, test.folder, got, test.want)
			}
		}
	})
}

// packages returns the imports of every package's files that are no tests, by folder.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, file := range sources(t) {
		folder := path.Dir(filepath.ToSlash(file))
		found[folder] = append(found[folder], importsOf(t, file)...)
	}
	return found
}

// sources returns the Go files of this module that are no tests.
func sources(t *testing.T) (files []string) {
	t.Helper()
	skipped := []string{"testdata", "node_modules", "bin"}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		isHidden := strings.HasPrefix(entry.Name(), ".")
		if entry.IsDir() && file != "." && (isHidden || isModule(file) || slices.Contains(skipped, entry.Name())) {
			return fs.SkipDir
		}
		if !entry.IsDir() && strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") {
			files = append(files, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// isModule reports whether folder holds a module of its own, such as tools.
func isModule(folder string) bool {
	matches, err := filepath.Glob(filepath.Join(folder, "go.mod"))
	return err == nil && len(matches) > 0
}

func importsOf(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		imports = append(imports, imported)
	}
	return imports
}

// rowOf returns the longest row that covers folder.
func rowOf(folder string) (row string, ok bool) {
	for row = folder; ; row = path.Dir(row) {
		if _, ok := mayImport[row]; ok {
			// The root's row is for main alone.
			return row, row != "." || folder == "."
		}
		if row == "." {
			return "", false
		}
	}
}

// within returns the folder of a package of this module.
func within(imported string) (folder string, ok bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

func allows(patterns []string, folder string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if pattern == "..." {
			return true
		}
		if root, ok := strings.CutSuffix(pattern, "/..."); ok {
			return folder == root || strings.HasPrefix(folder, root+"/")
		}
		return folder == pattern
	})
}

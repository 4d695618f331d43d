// Command figures measures how the code is cut, room by room, and fails when a wall has moved:
//
//	go -C tools run ./figures ..
//
// It counts what people wrote: no generated code, no tests, no simulators.
package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

const (
	mostMethods  = 115 // on command.Handler
	mostLines    = 450 // of a file
	longFunction = 50  // lines of a body
	usual        = 23  // lines of a body in nine functions of ten, all rooms together
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: figures ROOT")
	}
	rooms, err := read(args[0])
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "room\tfiles\tfunctions\tp90\tmax\tlongest file\tmethods of the largest type\tundocumented")
	var faults []string
	var all []int
	for _, name := range sorted(rooms) {
		r := rooms[name]
		all = append(all, r.functions...)
		largest, methods := r.largest()
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d %s\t%d %s\t%d\n", name, r.files, len(r.functions), quantile(r.functions, 0.9), quantile(r.functions, 1),
			r.longest, r.longestFile, methods, largest, len(r.undocumented))
		faults = append(faults, r.faults(name)...)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if n := quantile(all, 0.9); n > usual {
		faults = append(faults, fmt.Sprintf("one function in ten is longer than %d lines, and may be longer than %d", n, usual))
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "\n"))
	}
	return nil
}

// A room is a folder's package.
type room struct {
	files        int
	functions    []int // lines of each body
	longest      int   // lines of the longest file
	longestFile  string
	methods      map[string]int
	structs      map[string]*ast.StructType
	undocumented []string
	tooLong      []string
}

func read(root string) (map[string]*room, error) {
	rooms := map[string]*room{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		folder, _ := filepath.Rel(root, path)
		if entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") ||
			slices.Contains([]string{"testdata", "node_modules", "bin", "tools"}, entry.Name()) || folder == "pg/pgsim") {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		name := filepath.ToSlash(filepath.Dir(folder))
		if rooms[name] == nil {
			rooms[name] = &room{methods: map[string]int{}, structs: map[string]*ast.StructType{}}
		}
		return rooms[name].read(path)
	})
	return rooms, err
}

func (r *room) read(path string) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
	if err != nil || ast.IsGenerated(file) || strings.HasSuffix(path, ".resolvers.go") { // gqlgen lays the latter out
		return err
	}
	r.files++
	if lines := set.File(file.Pos()).LineCount(); lines > r.longest {
		r.longest, r.longestFile = lines, filepath.Base(path)
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			r.function(set, d, file.Name.Name)
		case *ast.GenDecl:
			r.general(d, file.Name.Name)
		}
	}
	return nil
}

func (r *room) function(set *token.FileSet, d *ast.FuncDecl, pkg string) {
	if d.Body != nil {
		lines := max(0, set.Position(d.Body.Rbrace).Line-set.Position(d.Body.Lbrace).Line-1)
		if r.functions = append(r.functions, lines); lines > longFunction {
			r.tooLong = append(r.tooLong, fmt.Sprintf("%s has %d lines", d.Name.Name, lines))
		}
	}
	receiver := receiverOf(d)
	if receiver != "" {
		r.methods[receiver]++
	}
	isPublic := ast.IsExported(d.Name.Name) && (receiver == "" || ast.IsExported(receiver))
	if isPublic && d.Doc == nil && pkg != "main" {
		r.undocumented = append(r.undocumented, d.Name.Name)
	}
}

func (r *room) general(d *ast.GenDecl, pkg string) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if body, ok := s.Type.(*ast.StructType); ok {
				r.structs[s.Name.Name] = body
			}
			if ast.IsExported(s.Name.Name) && d.Doc == nil && s.Doc == nil && pkg != "main" {
				r.undocumented = append(r.undocumented, s.Name.Name)
			}
		case *ast.ValueSpec:
			isGrouped := d.Lparen.IsValid() && d.Doc != nil // the group says it
			for _, name := range s.Names {
				if ast.IsExported(name.Name) && d.Doc == nil && s.Doc == nil && s.Comment == nil && !isGrouped && pkg != "main" {
					r.undocumented = append(r.undocumented, name.Name)
				}
			}
		}
	}
}

func receiverOf(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	return typeName(d.Recv.List[0].Type)
}

// typeName is the name of a type, or of what it points to; "" of what has no name of its own.
func typeName(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// faults are the walls of a room that have moved.
func (r *room) faults(name string) (faults []string) {
	say := func(format string, args ...any) { faults = append(faults, name+": "+fmt.Sprintf(format, args...)) }
	if n := r.methods["Handler"]; name == "command" && n > mostMethods {
		say("Handler has %d methods, and may have %d", n, mostMethods)
	}
	if r.longest > mostLines {
		say("%s has %d lines, and may have %d", r.longestFile, r.longest, mostLines)
	}
	for _, long := range r.tooLong {
		say("%s, and may have %d", long, longFunction)
	}
	if len(r.undocumented) > 0 {
		say("no comment says what %s is", strings.Join(r.undocumented, ", "))
	}
	for _, outer := range sorted(r.structs) {
		for _, shadowed := range r.shadowed(outer) {
			say("%s", shadowed)
		}
	}
	return faults
}

// shadowed are the members of a struct that hide those of one that it embeds, in the same package.
func (r *room) shadowed(outer string) (found []string) {
	own, embedded := fieldsOf(r.structs[outer])
	for _, inner := range embedded {
		body := r.structs[inner]
		if body == nil {
			continue
		}
		names, _ := fieldsOf(body)
		for _, name := range names {
			if slices.Contains(own, name) {
				found = append(found, fmt.Sprintf("%s embeds %s, and both have a field %s", outer, inner, name))
			}
		}
	}
	return found
}

func fieldsOf(s *ast.StructType) (names, embedded []string) {
	for _, field := range s.Fields.List {
		if len(field.Names) == 0 {
			embedded = append(embedded, typeName(field.Type))
		}
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names, embedded
}

func (r *room) largest() (name string, methods int) {
	for _, of := range sorted(r.methods) {
		if r.methods[of] > methods {
			name, methods = of, r.methods[of]
		}
	}
	return name, methods
}

// quantile is how long a function is that is longer than a share q of all.
func quantile(functions []int, q float64) int {
	if len(functions) == 0 {
		return 0
	}
	lines := slices.Sorted(slices.Values(functions))
	return lines[int(q*float64(len(lines)-1))]
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

package webtest_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// A document is what a source of the app says in GraphQL, with the fragments that it names.
type document struct {
	name, text string
	fragments  []string // the constants that hold them
}

var (
	documentPattern  = regexp.MustCompile("(?s)const (\\w+) = graphql\\(\\s*`([^`]*)`\\s*(?:,\\s*\\[([^\\]]*)\\])?")
	documentsPattern = regexp.MustCompile(`\bgraphql\(`)
)

// documents are all of the app's, by the constants that hold them.
func documents(t *testing.T) map[string]document {
	t.Helper()
	found := map[string]document{}
	err := filepath.WalkDir("../app/src", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(filepath.Ext(path), ".ts") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		matches := documentPattern.FindAllStringSubmatch(string(source), -1)
		if calls := len(documentsPattern.FindAll(source, -1)); calls != len(matches) {
			t.Errorf("%s has %d documents, of which %d are understood", path, calls, len(matches))
		}
		for _, match := range matches {
			if _, twice := found[match[1]]; twice {
				t.Errorf("%s is a second document of that name", match[1])
			}
			found[match[1]] = document{name: match[1], text: match[2], fragments: strings.FieldsFunc(match[3], func(r rune) bool {
				return r == ',' || r == ' ' || r == '\n'
			})}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// whole is a document with the fragments that it needs, each once.
func whole(all map[string]document, name string, seen map[string]bool) string {
	if seen[name] {
		return ""
	}
	seen[name] = true
	text := all[name].text
	for _, fragment := range all[name].fragments {
		text += whole(all, fragment, seen)
	}
	return text
}

// TestWeb_Documents sends every document of the app as it would be sent when it asks for most.
func TestWeb_Documents(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	d := sharedDev(t)
	asker := d.shopper(t)
	all := documents(t)
	operations := 0
	for name, one := range all {
		if strings.HasPrefix(strings.TrimSpace(one.text), "fragment") {
			continue // it is proved with what uses it
		}
		t.Run(name, func(t *testing.T) {
			text := whole(all, name, map[string]bool{})
			parsed, err := gqlparser.LoadQueryWithRules(schema, text, rules.NewDefaultRules())
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			for _, operation := range parsed.Operations {
				operations++
				if operation.Operation == ast.Subscription {
					continue // which the gate lets pass one field
				}
				_, errs := asker.try(text, largest(schema, operation))
				for _, code := range []string{"TOO_COMPLEX", "GRAPHQL_INVALID", "INTERNAL"} {
					if strings.Contains(errs, code) {
						t.Errorf("%s is answered %s", operation.Name, errs)
					}
				}
			}
		})
	}
	if operations == 0 {
		t.Error("the app asks for nothing")
	}
}

func loadSchema(t *testing.T) *ast.Schema {
	t.Helper()
	text, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// largest are variables that an operation takes: pages as large as the app's largest, ids of nothing.
func largest(schema *ast.Schema, operation *ast.OperationDefinition) object {
	variables := object{}
	for _, variable := range operation.VariableDefinitions {
		if variable.Type.NonNull || variable.Variable == "first" {
			variables[variable.Variable] = valueFor(schema, variable.Variable, variable.Type)
		}
	}
	return variables
}

func valueFor(schema *ast.Schema, name string, kind *ast.Type) any {
	if kind.Elem != nil {
		return []any{valueFor(schema, name, kind.Elem)}
	}
	switch definition := schema.Types[kind.NamedType]; {
	case definition.Kind == ast.Enum:
		return definition.EnumValues[0].Name
	case definition.Kind == ast.InputObject:
		fields := object{}
		for _, field := range definition.Fields {
			if field.Type.NonNull {
				fields[field.Name] = valueFor(schema, field.Name, field.Type)
			}
		}
		return fields
	case name == "first":
		return 100
	}
	switch kind.NamedType {
	case "Int", "Won":
		return json.Number("1")
	case "Boolean":
		return true
	case "ID":
		return "ord_00000000000000000000000000"
	default:
		return uuid.NewString()
	}
}

package graph_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

func TestSchema(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: string(body)})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("no client can say who he is or where he comes from", func(t *testing.T) {
		t.Parallel()
		seen := 0
		for _, mutation := range schema.Mutation.Fields {
			for _, argument := range mutation.Arguments {
				seen += checkFields(t, schema, schema.Types[argument.Type.Name()])
			}
		}
		if seen < 50 {
			t.Errorf("only %d input fields were looked at", seen)
		}
	})
	t.Run("every mutation takes one argument named input, or none", func(t *testing.T) {
		t.Parallel()
		for _, mutation := range schema.Mutation.Fields {
			if n := len(mutation.Arguments); n > 1 || n == 1 && mutation.Arguments[0].Name != "input" {
				t.Errorf("%s does not", mutation.Name)
			}
		}
	})
	t.Run("no models are generated", func(t *testing.T) {
		t.Parallel()
		if _, err := os.Stat("models_gen.go"); !errors.Is(err, fs.ErrNotExist) {
			t.Error("models_gen.go was written: bind the new type in gqlgen.yml")
		}
	})
}

func checkFields(t *testing.T, schema *ast.Schema, input *ast.Definition) (seen int) {
	t.Helper()
	for _, field := range input.Fields {
		seen++
		switch strings.ToLower(field.Name) {
		case "by", "userid", "remoteip", "actor":
			t.Errorf("%s.%s is for the session to say", input.Name, field.Name)
		}
		if inner := schema.Types[field.Type.Name()]; inner.Kind == ast.InputObject {
			seen += checkFields(t, schema, inner)
		}
	}
	return seen
}

package graph

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"payment-system/shop"
)

// checkVariables refuses values that the validator lets through though they are
// of another type: numbers for strings, strings for numbers, enum values in
// other letters, integers that Int cannot hold.
func (g *gate) checkVariables(op *graphql.OperationContext) *gqlerror.Error {
	for _, definition := range op.Operation.VariableDefinitions {
		value, ok := op.Variables[definition.Variable]
		if !ok || value == nil {
			continue
		}
		path := ast.Path{ast.PathName("variable"), ast.PathName(definition.Variable)}
		if err := g.check(definition.Type, value, path); err != nil {
			return err
		}
	}
	return nil
}

func (g *gate) check(t *ast.Type, value any, path ast.Path) *gqlerror.Error {
	if value == nil {
		return nil
	}
	if t.Elem != nil {
		return g.checkList(t.Elem, value, path)
	}
	definition := g.schema.Types[t.NamedType]
	if definition.Kind == ast.InputObject {
		return g.checkObject(definition, value, path)
	}
	if definition.Name == "Int" {
		return checkInt(value, path)
	}
	if !fits(definition, value) {
		return refusal(&shop.Error{Code: shop.GraphQLInvalid, Message: "This is not a " + definition.Name + "."}, path)
	}
	return nil
}

func (g *gate) checkList(elem *ast.Type, value any, path ast.Path) *gqlerror.Error {
	list := reflect.ValueOf(value)
	if list.Kind() != reflect.Slice {
		return g.check(elem, value, path)
	}
	for i := range list.Len() {
		if err := g.check(elem, list.Index(i).Interface(), under(path, ast.PathIndex(i))); err != nil {
			return err
		}
	}
	return nil
}

func (g *gate) checkObject(definition *ast.Definition, value any, path ast.Path) *gqlerror.Error {
	object, ok := value.(map[string]any)
	if !ok {
		return refusal(&shop.Error{Code: shop.GraphQLInvalid, Message: "This is not a " + definition.Name + "."}, path)
	}
	for _, field := range definition.Fields {
		if err := g.check(field.Type, object[field.Name], under(path, ast.PathName(field.Name))); err != nil {
			return err
		}
	}
	return nil
}

// under returns a path of its own, one element longer.
func under(path ast.Path, element ast.PathElement) ast.Path {
	return append(append(make(ast.Path, 0, len(path)+1), path...), element)
}

func checkInt(value any, path ast.Path) *gqlerror.Error {
	number, ok := value.(json.Number)
	if _, isInt := integer(value); !ok && !isInt {
		return refusal(&shop.Error{Code: shop.GraphQLInvalid, Message: "This is not an Int."}, path)
	}
	if n, isInt := integer(value); isInt && n >= math.MinInt32 && n <= math.MaxInt32 {
		return nil
	}
	if !isDigits(string(number)) && ok {
		return refusal(&shop.Error{Code: shop.GraphQLInvalid, Message: "This is not an Int."}, path)
	}
	return refusal(&shop.Error{Code: shop.Invalid, Message: "This must be an integer of 32 bits."}, path)
}

// isDigits reports whether a JSON number is an integer, of any length.
func isDigits(s string) bool {
	for i, c := range s {
		if (c < '0' || c > '9') && (i > 0 || c != '-') {
			return false
		}
	}
	return s != ""
}

// fits reports whether a value is of a scalar's or an enum's own kind. Our own
// scalars check themselves.
func fits(definition *ast.Definition, value any) bool {
	switch definition.Name {
	case "String":
		_, ok := value.(string)
		return ok
	case "Boolean":
		_, ok := value.(bool)
		return ok
	case "ID":
		number, ok := value.(json.Number)
		return !ok || isDigits(string(number))
	}
	if definition.Kind != ast.Enum {
		return true
	}
	name, ok := value.(string)
	return ok && definition.EnumValues.ForName(name) != nil
}

// checkArguments refuses literals that do not fit where they stand, at which
// the libraries below would panic.
func checkArguments(field *ast.Field) *gqlerror.Error {
	for _, argument := range field.Arguments {
		if err := checkLiteral(argument.Value, ast.Path{ast.PathName("variable"), ast.PathName(argument.Name)}); err != nil {
			return err
		}
	}
	return nil
}

func checkLiteral(value *ast.Value, path ast.Path) *gqlerror.Error {
	switch value.Kind {
	case ast.IntValue:
		bits := 64
		if value.Definition != nil && value.Definition.Name == "Int" {
			bits = 32
		}
		if _, err := strconv.ParseInt(value.Raw, 10, bits); err != nil {
			return refusal(&shop.Error{Code: shop.Invalid, Message: "The number is too large."}, path)
		}
	case ast.FloatValue:
		return refusal(&shop.Error{Code: shop.Invalid, Message: "Only whole numbers, written with digits alone."}, path)
	case ast.ListValue:
		for i, child := range value.Children {
			if err := checkLiteral(child.Value, under(path, ast.PathIndex(i))); err != nil {
				return err
			}
		}
	case ast.ObjectValue:
		for _, child := range value.Children {
			if err := checkLiteral(child.Value, under(path, ast.PathName(child.Name))); err != nil {
				return err
			}
		}
	default: // no number is in it
	}
	return nil
}

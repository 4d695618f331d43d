package graph

import (
	"context"
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"payment-system/shop"
)

// What a document may ask for.
const (
	maxDocument = 32 << 10 // bytes
	maxTokens   = 1000
	maxDepth    = 12
	maxAliases  = 30
	maxCost     = 20_000 // fields, with every page full
	lookUpCost  = 1_000  // what asking a gateway counts for
	countCost   = 500    // what counting a list counts for
	maxPage     = 100
	defaultPage = 20
)

// A gate refuses documents before they run: those that would cost too much, and
// those that the libraries below would misread.
type gate struct {
	schema        *ast.Schema
	introspection bool
}

// ExtensionName implements graphql.HandlerExtension.
func (g *gate) ExtensionName() string { return "Gate" }

// Validate implements graphql.HandlerExtension.
func (g *gate) Validate(schema graphql.ExecutableSchema) error {
	g.schema = schema.Schema()
	return nil
}

// MutateOperationParameters refuses a document that is too long to be read.
func (g *gate) MutateOperationParameters(_ context.Context, request *graphql.RawParams) *gqlerror.Error {
	if len(request.Query) > maxDocument {
		return refusal(tooComplex("The document has more than %d bytes.", maxDocument), nil)
	}
	return nil
}

// MutateOperationContext refuses a document that was read.
func (g *gate) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	op.DisableIntrospection = !g.introspection
	if err := g.checkVariables(op); err != nil {
		return err
	}
	size, err := g.measure(op)
	switch {
	case err != nil:
		return err
	case size.depth > maxDepth:
		return refusal(tooComplex("The document is %d fields deep; %d is the limit.", size.depth, maxDepth), nil)
	case size.aliases > maxAliases:
		return refusal(tooComplex("The document has %d aliases; %d is the limit.", size.aliases, maxAliases), nil)
	case size.cost > maxCost:
		return refusal(tooComplex("The document may cost %d fields; %d is the limit. Ask for smaller pages.", size.cost, maxCost), nil)
	}
	return nil
}

func tooComplex(format string, args ...any) *shop.Error {
	return &shop.Error{Code: shop.TooComplex, Message: fmt.Sprintf(format, args...)}
}

func refusal(err *shop.Error, path ast.Path) *gqlerror.Error {
	return &gqlerror.Error{Err: err, Message: err.Message, Path: path}
}

// A size is what a selection asks for. Sums stop just over the limits.
// Counts are of the list that the selection is of.
type size struct{ depth, aliases, cost, counts int }

func (s *size) beside(other size) {
	s.depth = max(s.depth, other.depth)
	s.aliases = min(s.aliases+other.aliases, maxAliases+1)
	s.cost = min(s.cost+other.cost, maxCost+1)
	s.counts = min(s.counts+other.counts, maxCost+1)
}

// A measurer sizes one operation. Fragments are sized once, so that fragments
// of fragments cannot keep it busy.
type measurer struct {
	*gate
	variables map[string]any
	fragments map[string]size
}

func (g *gate) measure(op *graphql.OperationContext) (size, *gqlerror.Error) {
	m := measurer{gate: g, variables: op.Variables, fragments: map[string]size{}}
	if err := m.directives(op.Operation.Directives); err != nil {
		return size{}, err
	}
	return m.selections(op.Operation.SelectionSet)
}

func (m *measurer) selections(set ast.SelectionSet) (size, *gqlerror.Error) {
	var total size
	for _, selection := range set {
		one, err := m.selection(selection)
		if err != nil {
			return size{}, err
		}
		total.beside(one)
	}
	return total, nil
}

func (m *measurer) selection(selection ast.Selection) (size, *gqlerror.Error) {
	switch selection := selection.(type) {
	case *ast.Field:
		return m.field(selection)
	case *ast.InlineFragment:
		if err := m.directives(selection.Directives); err != nil {
			return size{}, err
		}
		return m.selections(selection.SelectionSet)
	case *ast.FragmentSpread:
		if err := m.directives(selection.Directives); err != nil {
			return size{}, err
		}
		return m.fragment(selection)
	}
	return size{}, nil
}

func (m *measurer) fragment(spread *ast.FragmentSpread) (size, *gqlerror.Error) {
	if known, ok := m.fragments[spread.Name]; ok {
		return known, nil
	}
	found, err := m.selections(spread.Definition.SelectionSet)
	m.fragments[spread.Name] = found
	return found, err
}

func (m *measurer) field(field *ast.Field) (size, *gqlerror.Error) {
	if err := m.directives(field.Directives); err != nil {
		return size{}, err
	}
	if field.Name == "__schema" || field.Name == "__type" {
		return m.introspect()
	}
	if err := checkArguments(field); err != nil {
		return size{}, err
	}
	inner, err := m.selections(field.SelectionSet)
	if err != nil {
		return size{}, err
	}
	inner.depth++
	if field.Alias != field.Name {
		inner.aliases++
	}
	if m.looksUp(field) {
		inner.cost += lookUpCost
	}
	// A list is counted once, however many entries are on its page.
	inner.cost = min((inner.cost+1)*m.times(field)+inner.counts*countCost, maxCost+1)
	inner.counts = 0
	if field.Name == "totalCount" {
		inner.counts = 1
	}
	return inner, nil
}

// looksUp reports whether a field is answered by a gateway.
func (m *measurer) looksUp(field *ast.Field) bool {
	refresh, _ := m.argument(field, "refresh").(bool)
	return field.Name == "gatewayRecord" && refresh
}

func (m *measurer) introspect() (size, *gqlerror.Error) {
	if !m.introspection {
		return size{}, refusal(&shop.Error{Code: shop.GraphQLInvalid, Message: "Introspection is off. GET /schema.graphqls has the schema."}, nil)
	}
	return size{cost: 1}, nil
}

// times is how often a field's selection may be answered: once, or for every
// node of a full page.
func (m *measurer) times(field *ast.Field) int {
	if field.Definition == nil {
		return 1
	}
	if field.Name == "nodes" && field.Arguments.ForName("ids") != nil {
		ids, _ := m.argument(field, "ids").([]any)
		return max(1, len(ids))
	}
	if !strings.HasSuffix(field.Definition.Type.Name(), "Connection") {
		return 1
	}
	for _, name := range []string{"first", "last"} {
		if n, ok := integer(m.argument(field, name)); ok {
			return int(max(1, min(n, maxPage)))
		}
	}
	return defaultPage
}

// argument returns an argument's value, or nil. Literals were checked before.
func (m *measurer) argument(field *ast.Field, name string) any {
	argument := field.Arguments.ForName(name)
	if argument == nil {
		return nil
	}
	value, err := argument.Value.Value(m.variables)
	if err != nil {
		return nil
	}
	return value
}

// directives refuses @defer, which would answer null where null cannot be.
func (m *measurer) directives(list ast.DirectiveList) *gqlerror.Error {
	for _, directive := range list {
		if directive.Name == "defer" || directive.Name == "stream" {
			return refusal(&shop.Error{Code: shop.GraphQLInvalid, Message: "@" + directive.Name + " is not supported."}, nil)
		}
	}
	return nil
}

package main_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"payment-system/internal/shoptest"
)

// promised is the schema, whose words are promises: each holds for every operation that it speaks
// of, those of tomorrow included.
func promised(t *testing.T) *ast.Schema {
	t.Helper()
	text := shoptest.Must(os.ReadFile("schema.graphqls"))(t)
	return shoptest.Must(gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)}))(t)
}

// fieldsOf are a type's own fields.
func fieldsOf(schema *ast.Schema, name string) (fields []*ast.FieldDefinition) {
	for _, field := range schema.Types[name].Fields {
		if !strings.HasPrefix(field.Name, "__") {
			fields = append(fields, field)
		}
	}
	return fields
}

// someValue is a value of a type, written as in a document, that has nothing wrong with it.
func someValue(schema *ast.Schema, kind *ast.Type) string {
	if kind.Elem != nil {
		return "[" + someValue(schema, kind.Elem) + "]"
	}
	definition := schema.Types[kind.NamedType]
	switch {
	case definition.Kind == ast.Enum:
		return definition.EnumValues[0].Name
	case kind.NamedType == "ID":
		return `"rec_01m82141xweh4rjjmp0dpxcs8v"`
	case kind.NamedType == "Date":
		return `"2026-11-30"`
	case kind.NamedType == "Int" || kind.NamedType == "Won":
		return "1"
	default:
		return `"x"`
	}
}

// asking is a document that asks one field of a root type, with what it must be given.
func asking(schema *ast.Schema, operation string, field *ast.FieldDefinition) string {
	var given []string
	for _, argument := range field.Arguments {
		if argument.Type.NonNull && argument.DefaultValue == nil {
			given = append(given, argument.Name+": "+someValue(schema, argument.Type))
		}
	}
	arguments := ""
	if given != nil {
		arguments = "(" + strings.Join(given, ", ") + ")"
	}
	selected := ""
	if schema.Types[field.Type.Name()].IsCompositeType() {
		selected = " { __typename }"
	}
	return fmt.Sprintf("%s { %s%s%s }", operation, field.Name, arguments, selected)
}

// TestPromises_whoMayAsk asks everything that has a guard as nobody and as a shopper.
func TestPromises_whoMayAsk(t *testing.T) {
	t.Parallel()
	c, schema := newCounter(t), promised(t)
	nobody, sound := newClient(t, c.url), c.sound()
	before := c.books(t)
	guarded := 0
	for _, operation := range []string{"Query", "Mutation", "Subscription"} {
		for _, field := range fieldsOf(schema, operation) {
			forOperators := field.Directives.ForName("hasRole") != nil
			if !forOperators && field.Directives.ForName("signedIn") == nil {
				continue
			}
			guarded++
			ask := func(who *client) []refusal {
				if input, ok := sound[field.Name]; ok {
					_, refused := who.mutate(t, field.Name, input)
					return refused
				}
				_, refused := who.try(t, asking(schema, strings.ToLower(operation), field), nil)
				return refused
			}
			if operation == "Subscription" || field.Name == "importSettlement" { // sockets and forms have tests of their own
				continue
			}
			if got := refusedAs(ask(nobody)); got != "UNAUTHENTICATED " {
				t.Errorf("%s by nobody was answered %q", field.Name, got)
			}
			if !forOperators {
				continue
			}
			if got := refusedAs(ask(c.shopper)); got != "FORBIDDEN " {
				t.Errorf("%s by a shopper was answered %q", field.Name, got)
			}
		}
	}
	if guarded < 20 {
		t.Errorf("%d fields have a guard", guarded)
	}
	c.unchanged(t, before)
}

// TestPromises_everyInput wants a sound input of every mutation here, for whoever adds one.
func TestPromises_everyInput(t *testing.T) {
	t.Parallel()
	sound := (&counter{goods: aisle{ids: []string{"a", "b"}}, waiting: object{}, ready: object{}, captured: object{}}).sound()
	for _, field := range fieldsOf(promised(t), "Mutation") {
		if _, ok := sound[field.Name]; !ok && len(field.Arguments) > 0 {
			t.Errorf("mutation %s is not tried with bad input: give it a sound one", field.Name)
		}
	}
}

// TestPromises_keys sends every mutation that takes an idempotency key twice, with another input, by
// another person, and under a key of another mutation.
func TestPromises_keys(t *testing.T) {
	t.Parallel()
	c, schema := newCounter(t), promised(t)
	other := map[string]object{ // what makes it another request
		"placeOrder":    {"lines": []object{{"productId": c.goods.ids[0], "quantity": 2}}},
		"cancelOrder":   {"reason": "another"},
		"readyPayment":  {"returnUrl": "/elsewhere"},
		"cancelPayment": {"amount": 101},
		"createProduct": {"price": 2},
		"adjustStock":   {"quantity": 2},
	}
	sound := c.sound()
	sound["cancelOrder"]["orderId"] = c.shopper.placeOrder(t, c.shopper.stock(t)).text("order", "id")
	for _, field := range fieldsOf(schema, "Mutation") {
		if len(field.Arguments) == 0 || schema.Types[field.Arguments[0].Type.Name()].Fields.ForName("idempotencyKey") == nil {
			continue
		}
		changed, ok := other[field.Name]
		if !ok {
			t.Errorf("mutation %s takes a key: say what makes another request of it", field.Name)
			continue
		}
		t.Run(field.Name, func(t *testing.T) {
			who, document := c.operator, fmt.Sprintf("mutation($input: %s) { %s(input: $input) { %s } }",
				field.Arguments[0].Type, field.Name, identity(schema, field.Type.Name()))
			if shoppers[field.Name] {
				who = c.shopper
			}
			input := maps.Clone(sound[field.Name])
			input["idempotencyKey"] = "the same key for all" // of mutations, each has its own
			once := fmt.Sprint(who.do(t, document, object{"input": input}))
			before := c.books(t)
			if again := fmt.Sprint(who.do(t, document, object{"input": input})); again != once {
				t.Errorf("the first time it answered %s, then %s", once, again)
			}
			maps.Copy(input, changed)
			if _, refused := who.try(t, document, object{"input": input}); refusedAs(refused) != "IDEMPOTENCY_MISMATCH " {
				t.Errorf("another input under the same key was answered %v", refused)
			}
			c.unchanged(t, before)
		})
	}
	t.Run("somebody else's key is another", func(t *testing.T) {
		input := maps.Clone(sound["placeOrder"])
		input["idempotencyKey"] = "the same key for all"
		const document = `mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id } } }`
		mine, theirs := c.shopper.do(t, document, object{"input": input}), c.stranger.do(t, document, object{"input": input})
		if mine.text("order", "id") == theirs.text("order", "id") {
			t.Errorf("both have order %v", mine)
		}
	})
}

// identity asks what tells the things of an answer apart.
func identity(schema *ast.Schema, payload string) string {
	var asked []string
	for _, field := range fieldsOf(schema, payload) {
		definition := schema.Types[field.Type.Name()]
		switch {
		case !definition.IsCompositeType():
			asked = append(asked, field.Name)
		case definition.Fields.ForName("id") != nil:
			asked = append(asked, field.Name+" { id }")
		default:
			asked = append(asked, field.Name+" { __typename }")
		}
	}
	return strings.Join(asked, " ")
}

// TestPromises_pages turns the pages of every list: at most 100 a page, 20 unless something is said,
// forwards or backwards.
func TestPromises_pages(t *testing.T) {
	t.Parallel()
	c, schema := newCounter(t), promised(t)
	within := map[string]string{ // how a list that is no field of Query is come by
		"User.orders":                  `{ viewer { LIST } }`,
		"User.payments":                `{ viewer { LIST } }`,
		"Reconciliation.discrepancies": "", // there is none here; its tests are with reconciliation's
	}
	for _, definition := range schema.Types {
		for _, field := range definition.Fields {
			if field.Arguments.ForName("first") == nil || field.Arguments.ForName("last") == nil {
				continue
			}
			name, document := definition.Name+"."+field.Name, `{ LIST }`
			if definition.Name != "Query" {
				if document = within[name]; document == "" {
					if _, known := within[name]; !known {
						t.Errorf("say how to come by the list %s", name)
					}
					continue
				}
			}
			ask := func(arguments string) (object, []refusal) {
				list := field.Name + arguments + " { nodes { __typename } edges { cursor } pageInfo { hasNextPage } }"
				return c.operator.try(t, strings.Replace(document, "LIST", list, 1), nil)
			}
			for arguments, want := range map[string]string{
				"(first: 101)": "INVALID first", "(first: -1)": "INVALID first", "(last: 101)": "INVALID last", "(last: -1)": "INVALID last",
				"(first: 2147483647)": "INVALID first", `(first: 1, after: "x")`: "INVALID after", `(last: 1, before: "x")`: "INVALID before",
				"(first: 1, last: 1)": "INVALID last",
			} {
				if _, refused := ask(arguments); refusedAs(refused) != want {
					t.Errorf("%s%s was answered %v, want %s", name, arguments, refused, want)
				}
			}
			for arguments, most := range map[string]int{"": 20, "(first: 100)": 100, "(last: 1)": 1, "(first: 0)": 0} {
				data, refused := ask(arguments)
				page := first(data)
				if definition.Name != "Query" {
					page = first(page)
				}
				nodes, ok := page["nodes"].([]any)
				if !ok || len(nodes) > most {
					t.Errorf("%s%s was answered %d of %d, %v", name, arguments, len(nodes), most, refused)
				}
			}
		}
	}
}

// TestPromises_conflicts asks for what the state of an order or a payment does not allow, in every
// state and of every mutation.
func TestPromises_conflicts(t *testing.T) {
	t.Parallel()
	c, schema := newCounter(t), promised(t)
	var states []string
	for _, name := range []string{"OrderStatus", "PaymentStatus"} {
		for _, value := range schema.Types[name].EnumValues {
			states = append(states, value.Name)
		}
	}
	ended := c.shopper.placeOrder(t, c.shopper.stock(t))
	opened := c.shopper.ready(t, ended, "TOSS")
	input := func(more object) object {
		all := object{"idempotencyKey": unique()}
		maps.Copy(all, more)
		return all
	}
	c.shopper.do(t, `mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { order { id } } }`,
		object{"input": input(object{"orderId": ended.text("order", "id"), "reason": "x"})})
	paid, canceled := c.paid.text("order", "id"), ended.text("order", "id")
	took, gone, begun := c.captured.text("payment", "id"), opened.text("payment", "id"), c.ready.text("payment", "id")
	before := c.books(t)
	for _, refusal := range []struct {
		mutation string
		input    object
	}{
		{"cancelOrder", input(object{"orderId": canceled, "reason": "x"})},
		{"readyPayment", input(object{"orderId": canceled, "pg": "KAKAO"})},
		{"readyPayment", input(object{"orderId": paid, "pg": "TOSS"})},
		{"approvePayment", object{"paymentId": gone, "paymentKey": opened.text("payment", "paymentKey"), "amount": opened.number(t, "payment", "amount")}},
		{"failPayment", object{"paymentId": took}},
		{"failPayment", object{"paymentId": gone}},
		{"cancelPayment", input(object{"paymentId": gone, "reason": "x"})},
		{"cancelPayment", input(object{"paymentId": begun, "reason": "x"})},
	} {
		_, refused := c.shopper.mutate(t, refusal.mutation, refusal.input)
		if len(refused) != 1 || refused[0].Extensions.Code != "CONFLICT" || !slices.Contains(states, fmt.Sprint(refused[0].Extensions.Details["status"])) {
			t.Errorf("%s %v was answered %v", refusal.mutation, refusal.input, refused)
		}
	}
	c.unchanged(t, before)
}

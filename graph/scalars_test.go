package graph_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"payment-system/graph"
	"payment-system/shop"
)

func TestWon(t *testing.T) {
	t.Parallel()
	t.Run("the largest amount survives a round trip", func(t *testing.T) {
		t.Parallel()
		for _, want := range []shop.Won{0, 1, 1000, shop.MaxWon} {
			var out strings.Builder
			graph.MarshalWon(want).MarshalGQL(&out)
			got, err := graph.UnmarshalWon(json.Number(out.String()))
			if err != nil || got != want {
				t.Errorf("%d came back as %d, %v", want, got, err)
			}
		}
	})
	t.Run("whatever is not a whole amount within the limit is refused", func(t *testing.T) {
		t.Parallel()
		for _, v := range []any{
			json.Number("-1"), json.Number("1e3"), json.Number("1E3"), json.Number("1.0"), json.Number("-0"), json.Number("9007199254740992"),
			json.Number("99999999999999999999"), json.Number("0.1"), int64(-1), int64(9007199254740992), "1000", 1000.0, true, nil,
			[]any{json.Number("1")},
			map[string]any{},
		} {
			if got, err := graph.UnmarshalWon(v); shop.CodeOf(err) != shop.Invalid {
				t.Errorf("%T %v was read as %d, %v", v, v, got, err)
			}
		}
	})
}

func TestInt(t *testing.T) {
	t.Parallel()
	t.Run("32 bits are the limit", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			in   any
			want int
			code shop.Code
		}{
			{json.Number("2147483647"), 2147483647, ""},
			{json.Number("-2147483648"), -2147483648, ""},
			{int64(7), 7, ""},
			{json.Number("2147483648"), 0, shop.Invalid},
			{int64(-2147483649), 0, shop.Invalid},
			{"7", 0, shop.Invalid},
			{json.Number("7.0"), 0, shop.Invalid},
		} {
			if got, err := graph.UnmarshalInt(c.in); got != c.want || shop.CodeOf(err) != c.code {
				t.Errorf("%v was read as %d, %v", c.in, got, err)
			}
		}
	})
}

func TestTime(t *testing.T) {
	t.Parallel()
	t.Run("microseconds survive a round trip", func(t *testing.T) {
		t.Parallel()
		want := time.Date(2026, 1, 31, 23, 59, 59, 123456000, time.FixedZone("KST", 9*60*60))
		var out strings.Builder
		graph.MarshalTime(want).MarshalGQL(&out)
		if out.String() != `"2026-01-31T14:59:59.123456Z"` {
			t.Errorf("it is written %s", out.String())
		}
		if got, err := graph.UnmarshalTime(strings.Trim(out.String(), `"`)); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("it came back as %v, %v", got, err)
		}
	})
	t.Run("what the books cannot hold is refused", func(t *testing.T) {
		t.Parallel()
		for _, v := range []string{"0000-01-01T00:00:00Z", "0999-12-31T23:59:59Z", "1000-01-01T00:00:00+09:00", "9999-12-31T23:59:59.999999-14:00"} {
			if got, err := graph.UnmarshalTime(v); shop.CodeOf(err) != shop.Invalid {
				t.Errorf("%s was read as %v, %v", v, got, err)
			}
		}
		for _, v := range []string{"1000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"} {
			if _, err := graph.UnmarshalTime(v); err != nil {
				t.Errorf("%s: %v", v, err)
			}
		}
	})
	t.Run("what is not RFC 3339 to the letter is refused", func(t *testing.T) {
		t.Parallel()
		for _, v := range []any{
			"", "now", "2026-01-31", "2026-01-31T09:00:00", "2026-01-31 09:00:00Z", "2026-01-31T9:00:00Z", "2026-01-31T09:00:00,5Z",
			"2026-02-30T09:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T09:00:00.1234567Z", "2026-01-31T09:00:00z", json.Number("1767225600"), nil,
		} {
			if got, err := graph.UnmarshalTime(v); shop.CodeOf(err) != shop.Invalid {
				t.Errorf("%v was read as %v, %v", v, got, err)
			}
		}
	})
}

// The amounts that clients get wrong, as they are spelled in JSON.
var wrongAmounts = []string{"-1", "1e3", "1.0", `"1000"`, "9007199254740992", "99999999999999999999", "true"}

func TestServer_arguments(t *testing.T) {
	t.Parallel()
	b := open(t).browser(t)
	t.Run("a wrong amount in a variable is INVALID and named", func(t *testing.T) {
		t.Parallel()
		for _, amount := range wrongAmounts {
			body := fmt.Sprintf(`{"query": "mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id } } }",
				"variables": {"input": {"idempotencyKey": "k", "name": "n", "stock": 1, "price": %s}}}`, amount)
			expectField(t, amount, b.post(body), shop.Invalid, "price")
		}
	})
	t.Run("a wrong amount that is a variable itself is INVALID and named", func(t *testing.T) {
		t.Parallel()
		body := `{"query": "mutation($p: Won!) { createProduct(input: {idempotencyKey: \"k\", name: \"n\", stock: 1, price: $p}) { product { id } } }", "variables": {"p": -1}}`
		expectField(t, "-1", b.post(body), shop.Invalid, "price")
	})
	t.Run("a wrong amount in the document is INVALID and named", func(t *testing.T) {
		t.Parallel()
		for _, amount := range []string{"-1", "1e3", "1.0", `\"1000\"`, "9007199254740992"} {
			body := fmt.Sprintf(`{"query": "mutation { createProduct(input: {idempotencyKey: \"k\", name: \"n\", stock: 1, price: %s}) { product { id } } }"}`, amount)
			expectField(t, amount, b.post(body), shop.Invalid, "price")
		}
	})
	t.Run("a right amount passes on to whoever may set it", func(t *testing.T) {
		t.Parallel()
		got := b.post(`{"query": "mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id } } }",
			"variables": {"input": {"idempotencyKey": "k", "name": "n", "stock": 1, "price": 9007199254740991}}}`)
		if got.code() != shop.Unauthenticated {
			t.Errorf("it answers %+v", got.Errors)
		}
	})
	t.Run("an integer of more than 32 bits is INVALID and named", func(t *testing.T) {
		t.Parallel()
		body := `{"query": "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id } } }",
			"variables": {"input": {"idempotencyKey": "k", "lines": [{"productId": "prd_x", "quantity": 4294967297}]}}}`
		expectField(t, "variable", b.post(body), shop.Invalid, "lines.0.quantity")
		body = `{"query": "mutation { placeOrder(input: {idempotencyKey: \"k\", lines: [{productId: \"prd_x\", quantity: 4294967297}]}) { order { id } } }"}`
		expectField(t, "literal", b.post(body), shop.Invalid, "lines.0.quantity")
	})
	t.Run("a value of another type is GRAPHQL_INVALID and named", func(t *testing.T) {
		t.Parallel()
		for value, field := range map[string]string{
			`{"idempotencyKey": 1, "orderId": "o", "pg": "KAKAO"}`:                             "idempotencyKey",
			`{"idempotencyKey": "k", "orderId": "o", "pg": "kakao"}`:                           "pg",
			`{"idempotencyKey": "k", "orderId": "o", "pg": "PAYPAL"}`:                          "pg",
			`{"idempotencyKey": "k", "orderId": "o", "pg": "TOSS", "installmentMonths": "3"}`:  "installmentMonths",
			`{"idempotencyKey": "k", "orderId": "o", "pg": "TOSS", "installmentMonths": null}`: "installmentMonths",
			`{"idempotencyKey": "k", "orderId": 1.5, "pg": "TOSS"}`:                            "orderId",
			`{"idempotencyKey": "k", "pg": "TOSS"}`:                                            "orderId",
			`{"idempotencyKey": "k", "orderId": "o", "pg": "TOSS", "by": "somebody"}`:          "by",
			`{"idempotencyKey": "k", "orderId": "o", "pg": "TOSS", "method": "CASH"}`:          "method",
		} {
			body := `{"query": "mutation($input: ReadyPaymentInput!) { readyPayment(input: $input) { checkoutUrl } }", "variables": {"input": ` + value + `}}`
			expectField(t, value, b.post(body), shop.GraphQLInvalid, field)
		}
	})
}

func expectField(t *testing.T, what string, got reply, code shop.Code, field string) {
	t.Helper()
	if got.code() != code || got.Errors[0].Extensions.Details["field"] != field {
		t.Errorf("%s answers %+v, want %s of %s", what, got.Errors, code, field)
	}
}

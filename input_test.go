package main_test

import (
	"database/sql"
	"fmt"
	"maps"
	"strings"
	"testing"

	"payment-system/internal/mysqldb"
	"payment-system/internal/shoptest"
)

// A counter is a shop of its own with an operator, a shopper and what the shopper bought.
type counter struct {
	*dev
	shopper, operator, stranger *client
	goods                       aisle
	waiting, paid               object // orders
	ready, captured             object // and their payments
	verification                string
	db                          *sql.DB
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	d := ownDev(t)
	var err error
	c := &counter{dev: d, shopper: newClient(t, d.url), operator: newClient(t, d.url), stranger: newClient(t, d.url)}
	c.shopper.signIn(t, "shopper@example.com", "correct horse battery staple")
	c.operator.signIn(t, "operator@example.com", "correct horse battery staple")
	c.stranger.signUp(t, "stranger@example.com", "the stranger's own password")
	c.goods = c.shopper.stock(t)
	c.paid = c.shopper.placeOrder(t, c.goods)
	c.captured = c.shopper.ready(t, c.paid, "KAKAO")
	c.shopper.payAtGateway(t, c.captured, walk{pg: "KAKAO", button: "pay_card"})
	c.shopper.wantPaid(t, c.paid, c.goods)
	c.goods = c.shopper.stock(t)
	c.waiting = c.shopper.placeOrder(t, c.goods)
	c.ready = c.shopper.ready(t, c.waiting, "KAKAO")
	c.verification = c.shopper.do(t, `mutation { requestEmailVerification(input: {email: "new@example.com"}) { verificationId } }`, nil).text("verificationId")
	if c.db, err = mysqldb.Open(t.Context(), d.said["MYSQL_DSN"], mysqldb.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.db.Close() })
	return c
}

// books is a checksum of every write table that a refused request could have touched.
func (c *counter) books(t *testing.T) map[string]string {
	t.Helper()
	shoptest.Eventually(t, "the events are published", func() bool {
		var pending int
		err := c.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM events WHERE published_at IS NULL`).Scan(&pending)
		return err == nil && pending == 0
	})
	return shoptest.Checksums(t, c.db,
		"users", "products", "stock", "stock_adjustments", "orders", "order_lines", "payments", "attempts", "refunds", "events",
		"idempotency", "reconciliations", "settlement_rows", "discrepancies", "kakao_payments", "order_views", "payment_views",
		"product_views")
}

// sound is an input of each mutation that has nothing wrong with it by itself.
func (c *counter) sound() map[string]object {
	waiting, ready := c.waiting.text("order", "id"), c.ready.text("payment", "id")
	return map[string]object{
		"requestEmailVerification": {"email": "someone@example.com"},
		"confirmEmailVerification": {"verificationId": c.verification, "code": "000000"},
		"signUp":                   {"verificationId": c.verification, "password": "long enough to pass"},
		"signIn":                   {"email": "shopper@example.com", "password": "wrong, but well-formed"},
		"requestPasswordReset":     {"email": "someone.else@example.com"},
		"resetPassword":            {"verificationId": c.verification, "code": "000000", "password": "long enough to pass"},
		"changePassword":           {"current": "correct horse battery staple", "password": "long enough to pass"},
		"placeOrder":               {"idempotencyKey": "bad", "lines": []object{{"productId": c.goods.ids[0], "quantity": 1}}},
		"cancelOrder":              {"idempotencyKey": "bad", "orderId": waiting, "reason": "x"},
		"readyPayment":             {"idempotencyKey": "bad", "orderId": waiting, "pg": "KAKAO"},
		"approvePayment":           {"paymentId": ready, "pgToken": "0"},
		"failPayment":              {"paymentId": ready},
		"cancelPayment":            {"idempotencyKey": "bad", "paymentId": c.captured.text("payment", "id"), "reason": "x", "amount": 100},
		"createProduct":            {"idempotencyKey": "bad", "name": "x", "price": 1, "stock": 1},
		"updateProduct":            {"productId": c.goods.ids[0], "name": "x"},
		"adjustStock":              {"idempotencyKey": "bad", "productId": c.goods.ids[0], "quantity": 1, "reason": "x"},
		"importSettlement":         {"pg": "KAKAO", "file": nil},
		"applyReconciliation":      {"id": "rec_01m82141xweh4rjjmp0dpxcs8v", "planHash": strings.Repeat("0", 64)},
		"resolveDiscrepancy":       {"discrepancyId": "dsc_01m82141xweh4rjjmp0dpxcs8v", "action": "NONE", "note": "x"},
		"republishProjections":     {},
	}
}

// mutate sends a mutation and asks for nothing but its type.
func (c *client) mutate(t *testing.T, mutation string, input object) (object, []refusal) {
	t.Helper()
	document := fmt.Sprintf("mutation($input: %sInput!) { %s(input: $input) { __typename } }", strings.ToUpper(mutation[:1])+mutation[1:], mutation)
	return c.try(t, document, object{"input": input})
}

// shoppers send these; operators the others.
var shoppers = map[string]bool{
	"requestEmailVerification": true, "confirmEmailVerification": true, "signUp": true, "signIn": true, "placeOrder": true, "cancelOrder": true,
	"requestPasswordReset": true, "resetPassword": true, "changePassword": true,
	"readyPayment": true, "approvePayment": true, "failPayment": true, "cancelPayment": true,
}

func TestMutations_badInput(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	line := func(id string, quantity any) object { return object{"productId": id, "quantity": quantity} }
	tea := c.goods.ids[0]
	const nobodys = "_01m82141xweh4rjjmp0dpxcs8v"
	before := c.books(t)
	for _, wrong := range []struct {
		mutation, argument string
		value              any
		refused            string // the code and the field that the refusal names; INVALID and the argument when empty
	}{
		{"requestEmailVerification", "email", "", ""},
		{"requestEmailVerification", "email", "nobody", ""},
		{"requestEmailVerification", "email", "a@b@c", ""},
		{"requestEmailVerification", "email", "a\r\nBcc: x@example.com", ""},
		{"requestEmailVerification", "email", long(300) + "@example.com", ""},
		{"requestEmailVerification", "email", nil, "GRAPHQL_INVALID email"},
		{"confirmEmailVerification", "verificationId", "nothing", ""},
		{"confirmEmailVerification", "code", "12345", ""},
		{"confirmEmailVerification", "code", "abcdef", ""},
		{"signUp", "verificationId", "", ""},
		{"signUp", "verificationId", "ver" + nobodys, ""},
		{"signUp", "password", "short", ""},
		{"signUp", "password", long(2000), ""},
		{"signIn", "email", "", ""},
		{"signIn", "password", "", ""},
		{"signIn", "password", long(5000), ""},
		{"requestPasswordReset", "email", "nobody", ""},
		{"requestPasswordReset", "email", long(300) + "@example.com", ""},
		{"resetPassword", "verificationId", "nothing", ""},
		{"resetPassword", "code", "000000", "INVALID verificationId"}, // a code for sign-up is none for this
		{"resetPassword", "password", "short", ""},
		{"changePassword", "current", "", ""},
		{"changePassword", "current", "wrong, but well-formed", ""},
		{"changePassword", "password", "short", ""},
		{"changePassword", "password", long(2000), ""},
		{"placeOrder", "idempotencyKey", "", ""},
		{"placeOrder", "idempotencyKey", long(101), ""},
		{"placeOrder", "idempotencyKey", "a\nb", ""},
		{"placeOrder", "lines", []object{}, ""},
		{"placeOrder", "lines", []object{line(tea, 0)}, "INVALID lines.0.quantity"},
		{"placeOrder", "lines", []object{line(tea, -1)}, "INVALID lines.0.quantity"},
		{"placeOrder", "lines", []object{line(tea, 1_000_001)}, "INVALID lines.0.quantity"},
		{"placeOrder", "lines", []object{line(tea, 1), line(tea, 1)}, "INVALID lines.1.productId"},
		{"placeOrder", "lines", []object{line("x", 1)}, "NOT_FOUND lines.0.productId"},
		{"placeOrder", "lines", []object{line("prd"+nobodys, 1)}, "NOT_FOUND lines.0.productId"},
		{"placeOrder", "lines", []object{line(tea, 1_000_000)}, "SOLD_OUT"},
		{"cancelOrder", "idempotencyKey", "", ""},
		{"cancelOrder", "orderId", "x", "NOT_FOUND"},
		{"cancelOrder", "orderId", "ord" + nobodys, "NOT_FOUND"},
		{"cancelOrder", "reason", long(201), ""},
		{"readyPayment", "idempotencyKey", "", ""},
		{"readyPayment", "orderId", "x", "NOT_FOUND"},
		{"readyPayment", "pg", "PAYPAL", "GRAPHQL_INVALID pg"},
		{"readyPayment", "installmentMonths", 1, ""},
		{"readyPayment", "installmentMonths", 13, ""},
		{"readyPayment", "installmentMonths", -1, ""},
		{"readyPayment", "returnUrl", "https://evil.example.com/", ""},
		{"readyPayment", "returnUrl", "//evil.example.com", ""},
		{"readyPayment", "returnUrl", "javascript:alert(1)", ""},
		{"readyPayment", "returnUrl", "/" + long(3000), ""},
		{"approvePayment", "paymentId", "x", "NOT_FOUND"},
		{"approvePayment", "pgToken", "", ""},
		{"approvePayment", "pgToken", long(300), ""},
		{"approvePayment", "paymentKey", "T0", ""},
		{"approvePayment", "amount", 1, ""},
		{"approvePayment", "amount", -1, ""},
		{"failPayment", "paymentId", "x", "NOT_FOUND"},
		{"failPayment", "code", long(101), ""},
		{"failPayment", "message", long(501), ""},
		{"cancelPayment", "idempotencyKey", "", ""},
		{"cancelPayment", "paymentId", "x", "NOT_FOUND"},
		{"cancelPayment", "amount", 0, ""},
		{"cancelPayment", "amount", -1, ""},
		{"cancelPayment", "amount", 9007199254740991, ""},
		{"cancelPayment", "taxFreeAmount", 9007199254740991, ""},
		{"cancelPayment", "expectedBalance", 1, "CONFLICT"},
		{"cancelPayment", "expectedBalance", -1, ""},
		{"cancelPayment", "reason", "", ""},
		{"cancelPayment", "reason", long(201), ""},
		{"cancelPayment", "refundAccount", object{"bankCode": "", "accountNumber": "1", "holderName": "x"}, "INVALID refundAccount.bankCode"},
		{"cancelPayment", "refundAccount", object{"bankCode": "20", "accountNumber": "one", "holderName": "x"}, "INVALID refundAccount.accountNumber"},
		{"cancelPayment", "refundAccount", object{"bankCode": "20", "accountNumber": "1002123456", "holderName": ""}, "INVALID refundAccount.holderName"},
		{"createProduct", "idempotencyKey", "", ""},
		{"createProduct", "name", "", ""},
		{"createProduct", "name", long(201), ""},
		{"createProduct", "description", long(100_000), ""},
		{"createProduct", "price", -1, ""},
		{"createProduct", "taxFree", "yes", "GRAPHQL_INVALID taxFree"},
		{"createProduct", "stock", -1, ""},
		{"createProduct", "stock", 1_000_000_001, ""},
		{"updateProduct", "productId", "x", "NOT_FOUND"},
		{"updateProduct", "name", "", ""},
		{"updateProduct", "name", long(201), ""},
		{"updateProduct", "description", long(100_000), ""},
		{"updateProduct", "price", -1, ""},
		{"updateProduct", "taxFree", 1, "GRAPHQL_INVALID taxFree"},
		{"adjustStock", "idempotencyKey", "", ""},
		{"adjustStock", "productId", "x", "NOT_FOUND"},
		{"adjustStock", "quantity", 0, ""},
		{"adjustStock", "quantity", -1_000_000, ""},
		{"adjustStock", "quantity", 2_000_000_000, ""},
		{"adjustStock", "reason", "", ""},
		{"adjustStock", "reason", long(201), ""},
		{"importSettlement", "pg", "PAYPAL", "GRAPHQL_INVALID pg"},
		{"importSettlement", "format", "XLS", "GRAPHQL_INVALID format"},
		{"importSettlement", "file", "not a file", ""},
		{"applyReconciliation", "id", "x", "NOT_FOUND"},
		{"resolveDiscrepancy", "discrepancyId", "x", "NOT_FOUND"},
		{"resolveDiscrepancy", "action", "SHRUG", "GRAPHQL_INVALID action"},
		{"resolveDiscrepancy", "note", "", ""},
		{"resolveDiscrepancy", "note", long(1001), ""},
		{"republishProjections", "views", []string{"USERS"}, "GRAPHQL_INVALID views.0"},
	} {
		input := maps.Clone(c.sound()[wrong.mutation])
		input[wrong.argument] = wrong.value
		who := c.operator
		if shoppers[wrong.mutation] {
			who = c.shopper
		}
		data, refused := who.mutate(t, wrong.mutation, input)
		want := wrong.refused
		if want == "" {
			want = "INVALID " + wrong.argument
		}
		if got := refusedAs(refused); data[wrong.mutation] != nil || (got != want && got != want+" ") {
			t.Errorf("%s with %s %.60q was answered %q, %v; want %q", wrong.mutation, wrong.argument, fmt.Sprint(wrong.value), got, refused, want)
		}
	}
	c.unchanged(t, before)
}

func long(n int) string { return strings.Repeat("가", n) }

// refusedAs tells the code and the field of the only refusal.
func refusedAs(refused []refusal) string {
	if len(refused) != 1 {
		return fmt.Sprintf("%d refusals", len(refused))
	}
	field, _ := refused[0].Extensions.Details["field"].(string)
	return refused[0].Extensions.Code + " " + field
}

func (c *counter) unchanged(t *testing.T, before map[string]string) {
	t.Helper()
	for table, sum := range c.books(t) {
		if sum != before[table] {
			t.Errorf("a refused request changed %s", table)
		}
	}
}

func TestMutations_otherPeople(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	nobody := newClient(t, c.url)
	order, payment := c.waiting.text("order", "id"), c.ready.text("payment", "id")
	before := c.books(t)

	t.Run("what belongs to others does not exist", func(t *testing.T) {
		for _, mutation := range []string{"cancelOrder", "readyPayment", "approvePayment", "failPayment", "cancelPayment"} {
			theirs := c.sound()[mutation]
			_, refused := c.stranger.mutate(t, mutation, theirs)
			missing := maps.Clone(theirs)
			for _, id := range []string{"orderId", "paymentId"} {
				if old, ok := missing[id].(string); ok {
					missing[id] = old[:4] + "01m82141xweh4rjjmp0dpxcs8v"
				}
			}
			_, absent := c.stranger.mutate(t, mutation, missing)
			if got := refusedAs(refused); got != "NOT_FOUND " || refused[0].Message != absent[0].Message {
				t.Errorf("%s of somebody else's: %v; of nobody's: %v", mutation, refused, absent)
			}
		}
		for _, document := range []string{
			`query($order: ID!, $payment: ID!) { order(id: $order) { id } payment(id: $payment) { id } }`,
			`query($order: ID!, $payment: ID!) { node(id: $order) { id } nodes(ids: [$order, $payment]) { id } }`,
		} {
			data, refused := c.stranger.try(t, document, object{"order": order, "payment": payment})
			if text := fmt.Sprint(data); strings.Contains(text, "ord_") || strings.Contains(text, "pay_") {
				t.Errorf("%s showed a stranger %v, %v", document, data, refused)
			}
		}
		seen := c.stranger.subscribe(t, `subscription($id: ID!) { paymentUpdated(paymentId: $id) { status version } }`, object{"id": payment})
		c.shopper.do(t, `query($id: ID!) { payment(id: $id) { status } }`, object{"id": payment})
		if _, ok := seen.next(t); ok {
			t.Error("a stranger watches the payment")
		}
	})

	t.Run("operators' mutations are forbidden to shoppers, and unknown to nobody", func(t *testing.T) {
		for mutation, input := range c.sound() {
			if shoppers[mutation] || mutation == "importSettlement" {
				continue
			}
			if _, refused := c.shopper.mutate(t, mutation, input); refusedAs(refused) != "FORBIDDEN " {
				t.Errorf("%s by a shopper: %v", mutation, refused)
			}
			if _, refused := nobody.mutate(t, mutation, input); refusedAs(refused) != "UNAUTHENTICATED " {
				t.Errorf("%s by nobody: %v", mutation, refused)
			}
		}
		for _, mutation := range []string{
			"changePassword", "placeOrder", "cancelOrder", "readyPayment", "approvePayment", "failPayment", "cancelPayment",
		} {
			if _, refused := nobody.mutate(t, mutation, c.sound()[mutation]); refusedAs(refused) != "UNAUTHENTICATED " {
				t.Errorf("%s by nobody: %v", mutation, refused)
			}
		}
	})
	c.unchanged(t, before)
}

func TestWon(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	operator := newClient(t, d.url)
	operator.signIn(t, "operator@example.com", "correct horse battery staple")
	const create = `mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id price } } }`

	t.Run("2^53 - 1 survives a round trip, and an order of two such is refused, not wrapped", func(t *testing.T) {
		made := operator.do(t, create, object{"input": object{"idempotencyKey": unique(), "name": "가장 비싼 물건", "price": 9007199254740991, "stock": 10}})
		again := operator.do(t, `query($id: ID!) { product(id: $id) { price } }`, object{"id": made.text("product", "id")})
		if again.text("price") != "9007199254740991" {
			t.Errorf("the price is %s", again.text("price"))
		}
		for quantity, want := range map[int]string{2: "INVALID lines", 1_000_000: "INVALID lines"} {
			_, refused := operator.mutate(t, "placeOrder", object{"idempotencyKey": unique(), "lines": []object{{"productId": made.text("product", "id"), "quantity": quantity}}})
			if got := refusedAs(refused); got != want {
				t.Errorf("%d of them: %v", quantity, refused)
			}
		}
	})

	for _, price := range []string{"9007199254740992", "-1", "1e3", "1.0", `"1000"`, "true", "null", "92233720368547758080"} {
		t.Run(price+" is no amount, neither as a variable nor in the document", func(t *testing.T) {
			variable := `{"query": "` + strings.ReplaceAll(create, `"`, `\"`) + `", "variables": {"input": {"idempotencyKey": "w", "name": "w", "stock": 1, "price": ` + price + `}}}`
			literal := fmt.Sprintf(`mutation { createProduct(input: {idempotencyKey: "w", name: "w", stock: 1, price: %s}) { product { id } } }`, price)
			data, refused := operator.send(t, []byte(variable), "application/json")
			if len(refused) == 0 {
				t.Errorf("as a variable: %v", data)
			}
			if data, refused = operator.try(t, literal, nil); len(refused) == 0 {
				t.Errorf("in the document: %v", data)
			}
			for _, r := range refused {
				if r.Extensions.Code != "INVALID" && r.Extensions.Code != "GRAPHQL_INVALID" {
					t.Errorf("refused as %v", r)
				}
			}
		})
	}
}

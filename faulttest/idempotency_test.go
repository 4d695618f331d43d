package faulttest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"sync"
	"testing"
)

// A keyed mutation is one that carries an idempotency key.
type keyed struct {
	document string
	by       func(h *house) account
	input    func(h *house, p *purchase) object // p is paid for unless the mutation wants it otherwise
	other    object                             // what another input differs in
	effects  string                             // counts what the key made, given the key
}

func byShopper(h *house) account  { return h.shopper }
func byOperator(h *house) account { return h.operator }

// keyedMutations are the mutations with a key. TestIdempotency wants each that the schema has.
var keyedMutations = map[string]keyed{
	"createProduct": {
		`mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id name price stock } } }`, byOperator,
		func(*house, *purchase) object { return object{"name": "제주 감귤", "price": 12_000, "stock": 7} },
		object{"price": 12_001},
		`SELECT COUNT(*) FROM products WHERE name = '제주 감귤'`,
	},
	"adjustStock": {
		`mutation($input: AdjustStockInput!) { adjustStock(input: $input) { product { id stock } } }`, byOperator,
		func(h *house, _ *purchase) object {
			return object{"productId": h.product.id, "quantity": 13, "reason": "재고 조사"}
		},
		object{"quantity": 14},
		`SELECT COUNT(*) FROM stock_adjustments WHERE quantity IN (13, 14)`,
	},
	"placeOrder": {
		`mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id total expiresAt } } }`, byShopper,
		func(h *house, _ *purchase) object {
			return object{"lines": []object{{"productId": h.product.id, "quantity": 17}}}
		},
		object{"lines": []object{}},
		`SELECT COUNT(*) FROM order_lines WHERE quantity = 17`,
	},
	"cancelOrder": {
		`mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { order { id status } } }`, byShopper,
		func(_ *house, p *purchase) object { return object{"orderId": p.orderID, "reason": "안 살래요"} },
		object{"reason": "살래요"},
		`SELECT COUNT(*) FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE p.order_id = '%s'`,
	},
	"readyPayment": {
		readyDocument, byShopper,
		func(_ *house, p *purchase) object { return object{"orderId": p.orderID, "pg": "TOSS"} },
		object{"pg": "KAKAO"},
		`SELECT COUNT(*) FROM attempts a JOIN payments p ON p.id = a.payment_id WHERE p.order_id = '%s'`,
	},
	"cancelPayment": {
		refundDocument, byShopper,
		func(_ *house, p *purchase) object {
			return object{"paymentId": p.paymentID, "amount": 1_000, "reason": "하나가 깨져서 왔어요"}
		},
		object{"amount": 2_000},
		`SELECT COUNT(*) FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE p.order_id = '%s'`,
	},
}

// TestIdempotency asks each mutation with a key many times at once, and again after every process
// but the database has died.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	schema, err := os.ReadFile("../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	var wanted []string
	for _, found := range regexp.MustCompile(`input ([A-Z]\w+)Input \{\s*idempotencyKey`).FindAllStringSubmatch(string(schema), -1) {
		wanted = append(wanted, string(found[1][0]|0x20)+found[1][1:])
	}
	slices.Sort(wanted)
	if tested := slices.Sorted(maps.Keys(keyedMutations)); !slices.Equal(tested, wanted) {
		t.Fatalf("the schema has keys for %v, tested are %v", wanted, tested)
	}

	h := open(t, plan{replicas: 2, stock: 1_000})
	var asked []*askedTwice
	for name, mutation := range keyedMutations {
		asked = append(asked, h.askTogether(name, mutation))
	}
	if err := h.redis.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for _, r := range h.replicas {
		r.running().kill()
		h.startReplica(r)
	}
	for _, a := range asked {
		t.Run(a.name+" answers a key as it did before a crash, and has one effect", func(t *testing.T) { a.askAgain(t) })
	}
	h.product.stock += 13 // adjustStock's, once
	h.calm(nil)
	h.checkBlames()
}

// askedTwice is a mutation that was asked for, and what it answered.
type askedTwice struct {
	keyed
	name   string
	by     *visitor
	input  object
	order  string
	answer any
}

// askTogether asks for a mutation eight times at once, over all replicas, and wants one answer.
func (h *house) askTogether(name string, mutation keyed) *askedTwice {
	h.t.Helper()
	p := h.visitor(h.shopper, name).newPurchase(0, 1)
	switch name {
	case "readyPayment":
		p.place()
	case "cancelOrder", "cancelPayment":
		p.buy("KAKAO")
	}
	a := &askedTwice{keyed: mutation, name: name, by: h.visitor(mutation.by(h), name+"-asker"), order: p.orderID}
	a.input = mutation.input(h, p)
	a.input["idempotencyKey"] = name + "-key"
	answers := make([]any, 8)
	var asking sync.WaitGroup
	for i := range answers {
		v := h.visitor(mutation.by(h), fmt.Sprintf("%s-%d", name, i))
		asking.Go(func() {
			if err := v.insist(mutation.document, a.input, &answers[i]); err != nil {
				h.t.Errorf("%s: %v", name, err)
			}
		})
	}
	asking.Wait()
	a.answer = answers[0]
	for _, answer := range answers {
		a.wantSame(h.t, answer)
	}
	return a
}

func (a *askedTwice) wantSame(t *testing.T, answer any) {
	t.Helper()
	first, err := json.Marshal(a.answer)
	if err != nil {
		t.Fatal(err)
	}
	now, err := json.Marshal(answer)
	if err != nil || string(now) != string(first) || len(now) < 20 {
		t.Errorf("%s answers the same key with %s, and with %s: %v", a.name, first, now, err)
	}
}

// askAgain asks as before and otherwise, and counts what came of it.
func (a *askedTwice) askAgain(t *testing.T) {
	var answer any
	if err := a.by.insist(a.document, a.input, &answer); err != nil {
		t.Errorf("%s: %v", a.name, err)
	}
	a.wantSame(t, answer)
	other := maps.Clone(a.input)
	maps.Copy(other, a.other)
	if a.name == "placeOrder" {
		other["lines"] = []object{{"productId": a.by.house.product.id, "quantity": 18}}
	}
	if err := a.by.insist(a.document, other, nil); codeOf(err) != "IDEMPOTENCY_MISMATCH" {
		t.Errorf("%s: another input with the same key: %v", a.name, err)
	}
	query := a.effects
	if a.order != "" {
		query = fmt.Sprintf(query, a.order)
	}
	var effects int
	if err := a.by.house.db.QueryRowContext(context.Background(), query).Scan(&effects); err != nil || effects != 1 {
		t.Errorf("%s: one key had %d effects, %v", a.name, effects, err)
	}
}

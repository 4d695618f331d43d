package graph_test

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"payment-system/graph"
)

var orderNumber = regexp.MustCompile(`^[0-9]{6}-[0-9A-HJKMNP-TV-Z]{6}$`)

func TestServer_storefront(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) {
		g.ShopName, g.ShopNotices = "차 가게", []string{"대표 김차", "전화 02-000-0000"}
	})
	operator, shopper := s.operator(t), s.shopper(t, "shopper@example.com")
	product := operator.product("차", 1000, 10)
	order := shopper.order(product)

	t.Run("strangers are told what the shop is, and how to pay", func(t *testing.T) {
		data := s.browser(t).must(`{ shop { name notices orderHoldSeconds gateways { pg methods available } } }`, nil)
		want := map[string]any{
			"name": "차 가게", "notices": []any{"대표 김차", "전화 02-000-0000"}, "orderHoldSeconds": json.Number("3600"),
			"gateways": []any{
				map[string]any{"pg": "KAKAO", "methods": []any{"MONEY", "CARD"}, "available": true},
				map[string]any{
					"pg": "TOSS", "methods": []any{"CARD", "TRANSFER", "VIRTUAL_ACCOUNT", "MOBILE_PHONE"}, "available": true,
				},
			},
		}
		if diff := cmp.Diff(any(want), data["shop"]); diff != "" {
			t.Errorf("the shop differs (-want +got):\n%s", diff)
		}
	})
	t.Run("an order has a number, and says who ordered to whoever may see it", func(t *testing.T) {
		const document = `query($id: ID!) { order(id: $id) { number user { email } lines { productId product { id } } } }`
		for name, b := range map[string]*browser{"the shopper": shopper, "an operator": operator} {
			found := b.must(document, map[string]any{"id": order})["order"]
			number, _ := dig(found, "number").(string)
			if !orderNumber.MatchString(number) {
				t.Errorf("%s sees the number %q", name, number)
			}
			if email := dig(found, "user", "email"); email != "shopper@example.com" {
				t.Errorf("%s is told that %v ordered", name, email)
			}
			lines, _ := dig(found, "lines").([]any)
			if len(lines) != 1 || dig(lines[0], "productId") != product || dig(lines[0], "product", "id") != product {
				t.Errorf("%s sees the lines %v, want one of %s", name, lines, product)
			}
		}
		if code := s.shopper(t, "other@example.com").ask(document, map[string]any{"id": order}).code(); code != "NOT_FOUND" {
			t.Errorf("somebody else is answered %q", code)
		}
	})
	t.Run("an order's history names the operator, to operators", func(t *testing.T) {
		const cancel = `mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { order { history { version kind status actor note by { email } } } } }`
		const document = `query($id: ID!) { order(id: $id) { history { version kind status actor note by { email } } } }`
		id := shopper.order(product)
		placed := map[string]any{
			"version": json.Number("1"), "kind": "order.placed", "status": "PLACED", "actor": "SHOPPER", "note": nil, "by": nil,
		}
		canceled := map[string]any{
			"version": json.Number("2"), "kind": "order.canceled", "status": "CANCELED", "actor": "OPERATOR", "note": "품절", "by": nil,
		}
		if diff := cmp.Diff([]any{placed}, dig(shopper.must(document, map[string]any{"id": id}), "order", "history")); diff != "" {
			t.Errorf("the history of a new order differs (-want +got):\n%s", diff)
		}
		operator.must(cancel, map[string]any{"input": map[string]any{"idempotencyKey": "c", "orderId": id, "reason": "품절"}})
		if diff := cmp.Diff([]any{placed, canceled}, dig(shopper.must(document, map[string]any{"id": id}), "order", "history")); diff != "" {
			t.Errorf("the shopper sees another history (-want +got):\n%s", diff)
		}
		canceled["by"] = map[string]any{"email": "operator@example.com"}
		again := operator.must(cancel, map[string]any{"input": map[string]any{"idempotencyKey": "c", "orderId": id, "reason": "품절"}})
		if diff := cmp.Diff([]any{placed, canceled}, dig(again, "cancelOrder", "order", "history")); diff != "" {
			t.Errorf("an operator sees another history (-want +got):\n%s", diff)
		}
		own := shopper.order(product)
		data := shopper.must(cancel, map[string]any{"input": map[string]any{"idempotencyKey": "own", "orderId": own}})
		history, _ := dig(data, "cancelOrder", "order", "history").([]any)
		if len(history) != 2 || dig(history[1], "actor") != "SHOPPER" || dig(history[1], "by") != nil || dig(history[1], "note") != nil {
			t.Errorf("who cancels an order of their own sees the history %v", history)
		}
		if violations := s.shop.Violations(t, nil); len(violations) > 0 {
			t.Errorf("verify says %q", violations)
		}
	})
	t.Run("a page of orders reads who ordered at once", func(t *testing.T) {
		for range 8 {
			shopper.order(product)
		}
		data := operator.must(`{ orders(first: 10) { nodes { id user { id email } } } }`, nil)
		nodes, _ := dig(data, "orders", "nodes").([]any)
		if len(nodes) != 10 {
			t.Fatalf("%d orders are listed, want 10", len(nodes))
		}
		for _, node := range nodes {
			if dig(node, "user", "email") != "shopper@example.com" {
				t.Errorf("the order %v is of %v", dig(node, "id"), dig(node, "user"))
			}
		}
	})
}

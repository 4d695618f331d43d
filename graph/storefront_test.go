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
	t.Run("a page of orders reads who ordered at once", func(t *testing.T) {
		for range 9 {
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

package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"payment-system/graph"
	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
	"payment-system/pg/pgtest"
	"payment-system/shop"
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
	t.Run("an attempt tells when another took its place", func(t *testing.T) {
		order := shopper.order(product)
		const document = `mutation($input: ReadyPaymentInput!) { readyPayment(input: $input) { payment { attempts { pg supersededAt } } } }`
		var attempts []any
		for _, pg := range []string{"KAKAO", "TOSS"} {
			data := shopper.must(document, map[string]any{"input": map[string]any{"idempotencyKey": pg, "orderId": order, "pg": pg}})
			attempts, _ = dig(data, "readyPayment", "payment", "attempts").([]any)
		}
		if len(attempts) != 2 || dig(attempts[0], "supersededAt") == nil || dig(attempts[1], "supersededAt") != nil {
			t.Errorf("the attempts are %v", attempts)
		}
	})
	t.Run("a page of orders reads who ordered at once", func(t *testing.T) {
		for range 7 {
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

func TestServer_means(t *testing.T) {
	t.Parallel()
	s := open(t)
	operator, shopper := s.operator(t), s.shopper(t, "shopper@example.com")
	product := operator.product("차", 11_000, 10)
	const fields = `status method receiptUrl refundBlock refundNeedsAccount virtualAccount { bankCode bankName accountNumber holderName dueAt depositedAt }`
	pay := func(pg, act string) (payment, key string) {
		t.Helper()
		data := shopper.must(`mutation($input: ReadyPaymentInput!) { readyPayment(input: $input) { payment { id paymentKey `+fields+` } } }`,
			map[string]any{"input": map[string]any{"idempotencyKey": uuid.NewString(), "orderId": shopper.order(product), "pg": pg}})
		readied := dig(data, "readyPayment", "payment")
		if dig(readied, "method") != nil || dig(readied, "virtualAccount") != nil || dig(readied, "refundNeedsAccount") != false ||
			dig(readied, "refundBlock") != "The payment holds no money." {
			t.Errorf("before the shopper has chosen, a payment at %s says %v", pg, readied)
		}
		key = dig(readied, "paymentKey").(string)
		back := pgtest.Simulator{T: t, URL: s.simulator, PG: shop.PG(pg)}.Act(key, act)
		if response, _ := shopper.do(http.MethodGet, strings.TrimPrefix(back, s.URL), ""); response.StatusCode != http.StatusSeeOther {
			t.Fatalf("coming back from %s answers %s", pg, response.Status)
		}
		return dig(readied, "id").(string), key
	}
	seen := func(id string) any {
		t.Helper()
		return shopper.must(`query($id: ID!) { payment(id: $id) { `+fields+` } }`, map[string]any{"id": id})["payment"]
	}
	account, key := pay("TOSS", "pay_virtual_account")
	waiting := seen(account)
	due, err := time.Parse(time.RFC3339Nano, fmt.Sprint(dig(waiting, "virtualAccount", "dueAt")))
	number, _ := dig(waiting, "virtualAccount", "accountNumber").(string)
	if err != nil || !due.After(testclock.Now()) || len(number) < 10 || dig(waiting, "status") != "WAITING_FOR_DEPOSIT" ||
		dig(waiting, "method") != "VIRTUAL_ACCOUNT" || dig(waiting, "virtualAccount", "bankName") != "우리은행" ||
		dig(waiting, "virtualAccount", "bankCode") != "20" || dig(waiting, "virtualAccount", "depositedAt") != nil ||
		dig(waiting, "refundNeedsAccount") != false || dig(waiting, "refundBlock") != "The payment holds no money." {
		t.Errorf("while a deposit is awaited, the payment says %v", waiting)
	}
	s.toss(t).Act(key, "deposit")
	s.browser(t).do(http.MethodPost, "/webhooks/toss", webhook(key, "", 1), "Content-Type", jsonType)
	shoptest.Eventually(t, "the deposit is in the books", func() bool { return dig(seen(account), "status") == "APPROVED" })
	if paid := seen(account); dig(paid, "virtualAccount", "depositedAt") == nil || dig(paid, "refundNeedsAccount") != true ||
		dig(paid, "refundBlock") != nil || !strings.HasPrefix(fmt.Sprint(dig(paid, "receiptUrl")), "https://dashboard.tosspayments.com/") {
		t.Errorf("when the deposit came, the payment says %v", paid)
	}
	pay("TOSS", "pay_card")
	pay("KAKAO", "pay_money")
	data := shopper.must(`{ viewer { orders(first: 10) { nodes { payment { pg method } } } } }`, nil)
	want := []any{
		map[string]any{"payment": map[string]any{"pg": "KAKAO", "method": "MONEY"}},
		map[string]any{"payment": map[string]any{"pg": "TOSS", "method": "CARD"}},
		map[string]any{"payment": map[string]any{"pg": "TOSS", "method": "VIRTUAL_ACCOUNT"}},
	}
	if diff := cmp.Diff(any(want), dig(data, "viewer", "orders", "nodes")); diff != "" {
		t.Errorf("a list of orders differs (-want +got):\n%s", diff)
	}
	const refund = `mutation($input: CancelPaymentInput!) { cancelPayment(input: $input) { payment { balance ` + fields + ` } } }`
	input := map[string]any{
		"idempotencyKey": "r", "paymentId": account, "reason": "변심", "expectedBalance": 10_999,
		"refundAccount": map[string]any{"bankCode": "20", "accountNumber": "1002123456789", "holderName": "김차"},
	}
	if answer := shopper.ask(refund, map[string]any{"input": input}); answer.code() != shop.Conflict ||
		fmt.Sprint(answer.Errors[0].Extensions.Details["balance"]) != "11000" {
		t.Errorf("who saw another balance is answered %+v", answer.Errors)
	}
	input["expectedBalance"] = 11_000
	canceled := dig(shopper.must(refund, map[string]any{"input": input}), "cancelPayment", "payment")
	if dig(canceled, "refundBlock") != "All of it was refunded." || dig(canceled, "refundNeedsAccount") != false ||
		dig(canceled, "method") != "VIRTUAL_ACCOUNT" {
		t.Errorf("when all is refunded, the payment says %v", canceled)
	}
}

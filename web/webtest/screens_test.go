package webtest_test

import (
	"net/url"
	"testing"
)

// A screen is one that somebody sees, in one of its states.
type screen struct {
	name, path, says string
	// prepare makes the state; nil for none.
	prepare func(p *page)
}

// gallery returns a page of a shopper whose orders are in every state, and the screens to look at.
func gallery(t *testing.T) (p *page, screens []screen) {
	t.Helper()
	d := sharedDev(t)
	b := d.begin(t, 60_000, 20)
	unpaid, paid, waiting, refunded := b.open("TOSS", "CARD"), b.open("TOSS", "CARD"), b.open("TOSS", "VIRTUAL_ACCOUNT"), b.open("KAKAO", "CARD")
	paid.act("pay_card")()
	refunded.act("pay_card")()
	waiting.act("pay_virtual_account")()
	refunded.refund(20_000)()
	canceled := b.shopper.order(b.product, 1)
	b.shopper.do(`mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { order { id } } }`,
		object{"input": object{"idempotencyKey": "cancel-" + canceled, "orderId": canceled}})
	of := func(b *till) string { return "/orders/" + b.placed }
	return b.page, []screen{
		{name: "catalogue", path: "/", says: "모든 상품"},
		{name: "catalogue, nothing found", path: "/products?q=" + url.QueryEscape("없는 상품"), says: "상품이 없어요"},
		{name: "product", path: "/products/" + b.product, says: b.name},
		{name: "product gone", path: "/products/prd_00000000000000000000000000", says: "이 상품은 이제 없어요"},
		{name: "cart empty", path: "/cart", says: "장바구니가 비어 있어요"},
		{name: "cart", path: "/products/" + b.product, says: b.name, prepare: func(p *page) {
			p.click("button", "담기")
			p.sees("장바구니에 담았어요.")
			p.visit("/cart")
			p.find("button", "60,000원 주문하기")
		}},
		{name: "checkout", path: "/checkout", says: "동의해요"},
		{name: "checkout, not agreed", path: "/checkout", says: "동의해요", prepare: func(p *page) {
			p.click("button", "60,000원 결제하기")
			p.sees("동의해 주세요.")
		}},
		{name: "paid", path: of(paid) + "/paid", says: "결제가 끝났어요"},
		{name: "not paid", path: of(unpaid) + "/paid", says: "아직 결제하지 않았어요"},
		{name: "deposit", path: of(waiting) + "/paid", says: "까지 입금해 주세요."},
		{name: "orders", path: "/orders", says: "취소됨"},
		{name: "order unpaid", path: of(unpaid), says: "아직 결제하지 않았어요"},
		{name: "order paid", path: of(paid), says: "결제가 끝났어요"},
		{name: "order waiting", path: of(waiting), says: "입금해 주세요"},
		{name: "order refunded", path: of(refunded), says: "20,000원을 환불했어요"},
		{name: "order canceled", path: "/orders/" + canceled, says: "취소"},
		{name: "order, canceling", path: of(paid), says: "결제가 끝났어요", prepare: func(p *page) {
			p.click("button", "주문 취소")
			p.find("dialog", "주문을 취소할까요?")
		}},
		{name: "order missing", path: "/orders/ord_00000000000000000000000000", says: "찾을 수 없어요"},
		{name: "receipt", path: of(paid) + "/receipt", says: "부가세"},
		{name: "account", path: "/account", says: b.shopper.email},
		{name: "reset", path: "/reset", says: "비밀번호"},
		{name: "sign up", path: "/sign-up", says: "인증 번호", prepare: func(p *page) {
			if p.has("button", "로그아웃") {
				p.click("button", "로그아웃")
			}
		}},
	}
}

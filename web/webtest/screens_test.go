package webtest_test

import (
	"net/url"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// A screen is one that somebody sees, in one of its states.
type screen struct {
	name string
	path string // to be turned to; empty when prepare does that
	says string
	// prepare makes the state, and leave ends it; nil for none.
	prepare, leave func(p *page)
}

// An exhibition is a shopper whose orders are in every state, and a page to look at them.
type exhibition struct {
	*purchase

	unpaid, paid, waiting, refunded, deposited, quit *till
	canceled                                         string // an order's id
}

func (p *program) exhibit(t *testing.T) *exhibition {
	t.Helper()
	b := p.begin(t, 60_000, 20)
	e := &exhibition{
		purchase: b,
		unpaid:   b.open("TOSS", "CARD"), paid: b.open("TOSS", "CARD"), waiting: b.open("TOSS", "VIRTUAL_ACCOUNT"),
		refunded: b.open("KAKAO", "CARD"), deposited: b.open("TOSS", "VIRTUAL_ACCOUNT"), quit: b.open("KAKAO", "CARD"),
	}
	e.paid.act("pay_card")()
	e.refunded.act("pay_card")()
	e.refunded.refund(20_000)()
	e.waiting.act("pay_virtual_account")()
	e.deposited.act("pay_virtual_account")()
	p.simulate(t, "POST", "/sim/shopper", object{"pg": "TOSS", "paymentKey": e.deposited.key, "act": "deposit"})
	e.quit.act("quit")()
	e.canceled = b.shopper.order(b.product, 1)
	b.shopper.do(`mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { order { id } } }`,
		object{"input": object{"idempotencyKey": "cancel-" + e.canceled, "orderId": e.canceled}})
	return e
}

func of(b *till) string { return "/orders/" + b.placed }

// screens are what everybody sees in the course of buying something.
func (e *exhibition) screens() []screen {
	return []screen{
		{name: "catalogue", path: "/", says: "모든 상품"},
		{name: "catalogue, nothing found", path: "/products?q=" + url.QueryEscape("없는 상품"), says: "상품이 없어요"},
		{name: "product", path: "/products/" + e.product, says: e.name},
		{name: "product gone", path: "/products/prd_00000000000000000000000000", says: "이 상품은 이제 없어요"},
		{name: "cart empty", path: "/cart", says: "장바구니가 비어 있어요"},
		{name: "cart", path: "/products/" + e.product, says: e.name, prepare: func(p *page) {
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
		{name: "paid", path: of(e.paid) + "/paid", says: "결제가 끝났어요"},
		{name: "not paid", path: of(e.unpaid) + "/paid", says: "아직 결제하지 않았어요"},
		{name: "deposit", path: of(e.waiting) + "/paid", says: "까지 입금해 주세요."},
		{name: "deposit, over", path: of(e.waiting), says: "까지 입금해 주세요.", prepare: func(p *page) {
			p.eval("window.here = Date.now; Date.now = () => here() + 8 * 86_400_000")
			p.sees("입금 기한이 지났어요")
		}, leave: func(p *page) { p.eval("Date.now = here") }},
		{name: "orders", path: "/orders", says: "취소됨"},
		{name: "order unpaid", path: of(e.unpaid), says: "아직 결제하지 않았어요"},
		{name: "order paid", path: of(e.paid), says: "결제가 끝났어요"},
		{name: "order waiting", path: of(e.waiting), says: "입금해 주세요"},
		{name: "order refused", path: of(e.quit), says: "결제하지 못했어요"},
		{name: "order refunded", path: of(e.refunded), says: "20,000원을 환불했어요"},
		{name: "order canceled", path: "/orders/" + e.canceled, says: "취소"},
		{name: "order, canceling", path: of(e.paid), says: "결제가 끝났어요", prepare: func(p *page) {
			p.click("button", "주문 취소")
			p.find("dialog", "주문을 취소할까요?")
		}},
		{name: "order missing", path: "/orders/ord_00000000000000000000000000", says: "찾을 수 없어요"},
		{name: "receipt", path: of(e.paid) + "/receipt", says: "부가세"},
		{name: "account", path: "/account", says: e.shopper.email},
		{name: "reset", path: "/reset", says: "비밀번호"},
		{name: "sign up", path: "/sign-up", says: "인증 번호", prepare: func(p *page) {
			if p.has("button", "로그아웃") {
				p.click("button", "로그아웃")
			}
		}},
	}
}

// corners are what few see: refused forms, dialogs, and what stands where something could not be shown. In the end the
// viewer is signed out.
func (e *exhibition) corners() []screen {
	inCart := screen{name: "product, in the cart", path: "/products/" + e.product, says: e.name, prepare: func(p *page) {
		p.click("button", "담기")
		p.sees("장바구니에 담았어요.")
	}}
	return append(append([]screen{inCart}, e.lost()...),
		screen{name: "receipt on a roll", path: of(e.refunded) + "/receipt?paper=roll", says: "최종 금액"},
		screen{name: "no receipt", path: of(e.unpaid) + "/receipt", says: "아직 영수증이 없어요"},
		screen{name: "order, account refused", path: of(e.deposited), says: "결제가 끝났어요", prepare: func(p *page) {
			p.click("button", "주문 취소")
			p.click("button", "60,000원 환불하고 취소")
			p.sees("은행을 골라 주세요.")
		}},
		screen{name: "account, refused", path: "/account", says: "비밀번호 바꾸기", prepare: func(p *page) {
			p.click("button", "비밀번호 바꾸기")
			p.sees("비밀번호를 넣어 주세요.")
		}},
		screen{name: "offline", path: "/cart", says: "60,000원", prepare: func(p *page) {
			p.offline(true)
			p.sees(cutOff)
		}, leave: func(p *page) { p.offline(false) }},
		screen{name: "checkout, sold out", path: "/checkout", says: "동의해요", prepare: e.sellOut},
		screen{name: "cart, sold out", path: "/cart", says: "품절이라 이번 주문에서 빠져요."},
		screen{name: "sign-in dialog", path: "/orders", says: "취소됨", prepare: func(p *page) {
			p.signOutElsewhere()
			p.click("link", "결제 완료")
			p.find("dialog", "로그인이 필요해요")
		}},
		screen{name: "orders, signed out", prepare: func(p *page) {
			p.visit("/orders")
			p.sees("로그인하면 보던 것을 이어서 볼 수 있어요.")
		}},
		screen{name: "sign in, refused", path: "/sign-in", says: "시험용 계정", prepare: func(p *page) {
			p.click("button", "로그인")
			p.sees("이메일 주소를 넣어 주세요.")
		}},
		screen{name: "sign up, code refused", path: "/sign-up", says: "인증 번호", prepare: func(p *page) {
			p.fill("textbox", "이메일", newEmail())
			p.click("button", "인증 번호 받기")
			p.click("button", "확인")
			p.sees("숫자 여섯 자리를 넣어 주세요.")
		}},
		screen{name: "unknown path", prepare: func(p *page) {
			p.visit("/unknown")
			p.sees("찾을 수 없어요")
		}},
	)
}

// lost are screens whose data does not arrive.
func (e *exhibition) lost() (screens []screen) {
	for _, one := range []struct{ name, path string }{
		{"catalogue", "/"},
		{"product", "/products/" + e.product},
		{"cart", "/cart"},
		{"checkout", "/checkout"},
		{"orders", "/orders"},
		{"order", of(e.paid)},
		{"result", of(e.paid) + "/paid"},
		{"receipt", of(e.paid) + "/receipt"},
		{"account", "/account"},
	} {
		screens = append(screens, screen{name: one.name + ", not shown", prepare: func(p *page) {
			p.deaf(true)
			p.visit(one.path)
			p.sees("이 부분을 보여 드리지 못했어요.")
		}, leave: func(p *page) {
			p.deaf(false)
			p.do(chromedp.Navigate("about:blank")) // the frame, too, has not heard who is signed in
		}})
	}
	return screens
}

// sellOut has somebody else order all that is left of the product in the cart, before the viewer does.
func (e *exhibition) sellOut(p *page) {
	p.t.Helper()
	p.choose("카카오페이 카드")
	p.click("checkbox", "동의해요")
	e.page.program.shopper(p.t).order(e.product, 14)
	p.click("button", "60,000원 결제하기")
	p.sees("품절됐어요.")
}

// deaf has the page hear nothing of what it asks the API, or hear it again.
func (p *page) deaf(is bool) {
	p.t.Helper()
	p.forgive("ERR_BLOCKED_BY_CLIENT", "failed: inspector")
	var blocked network.SetBlockedURLsParams
	if is {
		blocked.URLPatterns = []*network.BlockPattern{{URLPattern: p.program.url + "/graphql", Block: true}}
	}
	send(p, network.SetBlockedURLs, blocked)
}

// TestWeb_Screens wants everything on every screen to fit into the window, and into what it stands in, with larger text
// and with wider spacing too. Pictures go into the folder that SCREENS names, for a person to look at.
func TestWeb_Screens(t *testing.T) {
	t.Parallel()
	for _, r := range slices.Backward(tours) {
		for _, misfit := range r.goAround(t).misfits {
			t.Error(misfit)
		}
	}
}

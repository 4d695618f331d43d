package webtest_test

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestShop_OddQuantities types what is no number of pieces, and a number as an input method for Korean may write it.
func TestShop_OddQuantities(t *testing.T) {
	t.Parallel()
	b := sharedDev(t).begin(t, 1_000, 30)
	b.page.visit("/products/" + b.product)
	for typed, want := range map[string]string{
		"0": "1개부터 살 수 있어요.", "-1": "숫자로 적어 주세요.", "abc": "숫자로 적어 주세요.", "": "숫자로 적어 주세요.",
		"31": "30개까지 살 수 있어요.", "1000001": "30개까지 살 수 있어요.", "99999999999999999999": "숫자로 적어 주세요.",
	} {
		b.page.fill("textbox", "수량", "1")
		b.page.gone("alert", "")
		b.page.fill("textbox", "수량", typed)
		if typed == "" {
			b.page.eval("document.execCommand('delete')")
		}
		b.page.sees(want)
		b.page.click("button", "담기")
		b.page.cartHolds(0)
	}
	b.page.fill("textbox", "수량", "１２")
	b.page.sees("합계 12,000원")
	b.page.click("button", "담기")
	b.page.cartHolds(12)
}

// TestShop_OddCards pays by cards that the simulated gateways answer for badly. The one that is refused is seen elsewhere.
func TestShop_OddCards(t *testing.T) {
	t.Parallel()
	for _, odd := range []struct {
		name, way, card string
	}{
		{"the answer never comes", "토스페이먼츠 카드", "4000000000000119"},
		{"another amount is answered", "카카오페이 카드", "4000000000000341"},
	} {
		t.Run(odd.name, func(t *testing.T) {
			t.Parallel()
			b := sharedDev(t).begin(t, 21_000, 10)
			b.order(odd.way)
			b.payAtGateway(odd.card, "카드로 결제")
			b.paid() // the gateway was asked again
		})
	}
}

// TestShop_SignOutElsewhere signs in as the shopper of dev by one press, and out in another tab.
func TestShop_SignOutElsewhere(t *testing.T) {
	t.Parallel()
	p := sharedDev(t).open(t)
	p.visit("/sign-in?next=/account")
	p.click("button", "구매자로 채우기")
	p.click("button", "로그인")
	p.arrives("/account")
	p.sees("shopper@example.com")
	other := p.another()
	other.visit("/orders")
	other.find("link", "내 계정")
	p.click("button", "로그아웃")
	p.find("link", "로그인")
	other.find("link", "로그인")
	other.sees("로그인하면 보던 것을 이어서 볼 수 있어요.")
}

// TestShop_WithoutScripts opens the shop in a browser that runs no scripts.
func TestShop_WithoutScripts(t *testing.T) {
	t.Parallel()
	p := sharedDev(t).open(t)
	send(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	p.visit("/")
	p.sees("자바스크립트를 켜고 새로 고쳐 주세요.", "This shop needs JavaScript.")
	p.find("link", "개발 서버")
}

// TestShop_SilentGateway chooses a gateway that then stops answering: nobody is sent another way, and it comes back by
// itself.
func TestShop_SilentGateway(t *testing.T) {
	t.Parallel()
	d := ownDev(t)
	b := d.begin(t, 11_000, 10)
	b.fill(1)
	b.toCheckout("카카오페이 카드")
	other := b.open("KAKAO", "CARD")
	heal := d.strike(t, other.key, object{"pg": "KAKAO", "call": "approve", "fault": "drop_before"},
		object{"pg": "KAKAO", "call": "lookup", "fault": "drop_before"})
	other.act("pay_card")()
	b.page.visit("/checkout")
	b.page.sees("지금은 답이 없어 쓸 수 없어요.", "고른 방법을 지금은 쓸 수 없어요.")
	b.page.click("button", "11,000원 결제하기")
	if got := len(b.shopper.orders()); got != 1 {
		t.Errorf("%d orders were placed, want the other one alone", got)
	}
	heal()
	b.page.until("it answers again", func() bool { return !b.page.says("지금은 답이 없어 쓸 수 없어요.") })
	b.page.click("button", "11,000원 결제하기")
	b.atGateway()
	b.page.find("button", "카드로 결제")
}

// TestShop_AgreesAnew comes back to the checkout: with the cart that was agreed to, and then with another one.
func TestShop_AgreesAnew(t *testing.T) {
	t.Parallel()
	b := sharedDev(t).begin(t, 9_000, 10)
	isChecked := func(role, name string) bool {
		return string(b.page.on(b.page.find(role, name), `function() { return this.checked }`)) == "true"
	}
	b.fill(1)
	b.toCheckout("카카오페이 카드")
	b.page.do(chromedp.Reload())
	b.page.find("button", "9,000원 결제하기")
	if !isChecked("checkbox", "동의해요") {
		t.Error("who has agreed is asked again after a reload")
	}
	b.fill(3)
	b.page.click("link", "장바구니")
	b.page.click("button", "36,000원 주문하기")
	b.page.find("button", "36,000원 결제하기")
	if isChecked("checkbox", "동의해요") {
		t.Error("who has agreed to 9,000 won has agreed to 36,000")
	}
	if !isChecked("radio", "카카오페이 카드") {
		t.Error("the way to pay is forgotten")
	}
}

// TestShop_BackAndReload goes through the shop by its links, reloads every screen, and goes back all the way.
func TestShop_BackAndReload(t *testing.T) {
	t.Parallel()
	b := sharedDev(t).begin(t, 1_000, 30)
	p := b.page
	p.visit("/")
	p.find("heading", "모든 상품")
	way := []struct{ link, path, heading string }{
		{"", "/", "모든 상품"}, {"주문 내역", "/orders", "주문 내역"}, {"내 계정", "/account", "내 계정"}, {"장바구니", "/cart", "장바구니"},
	}
	for _, step := range way[1:] {
		p.click("link", step.link)
		p.arrives(step.path)
		p.find("heading", step.heading)
		p.do(chromedp.Reload())
		p.find("heading", step.heading)
	}
	for i := len(way) - 2; i >= 0; i-- {
		p.eval("history.back()")
		p.until("the tab is back at "+way[i].path, func() bool { return p.path() == way[i].path })
		p.find("heading", way[i].heading)
	}
}

package webtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestNasty_DoubleClick presses the button that orders and pays twice, as fast as one can, in a browser
// that is slow to react, and holds Enter.
func TestNasty_DoubleClick(t *testing.T) {
	t.Parallel()
	t.Run("by mouse", func(t *testing.T) {
		t.Parallel()
		b := sharedDev(t).begin(t, 10_000, 10)
		b.fill(1)
		b.toCheckout("카카오페이 카드")
		at := b.page.place("button", "10,000원 결제하기")
		send(b.page, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: 20})
		b.page.clickAt(at, 1)
		b.page.clickAt(at, 2)
		send(b.page, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: 1})
		b.atGateway()
		b.payAtGateway(goodCard, "카드로 결제")
		b.paid()
	})
	t.Run("by Enter, held", func(t *testing.T) {
		t.Parallel()
		b := sharedDev(t).begin(t, 10_000, 10)
		b.fill(1)
		b.toCheckout("토스페이먼츠 카드")
		b.page.focus("button", "10,000원 결제하기")
		b.page.press(kb.Enter, kb.Enter, kb.Enter)
		b.atGateway()
		b.payAtGateway(goodCard, "카드로 결제")
		b.paid()
	})
}

// TestNasty_TwoTabs orders the same cart in two tabs, and then another one.
func TestNasty_TwoTabs(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	b := d.begin(t, 9_000, 10)
	b.fill(1)
	b.toCheckout("카카오페이 카드")
	other := &purchase{page: b.page.another(), shopper: b.shopper, product: b.product, name: b.name, price: b.price, pieces: 1}
	other.page.visit("/cart")
	other.toCheckout("카카오페이 카드")
	first, second := b.page.place("button", "9,000원 결제하기"), other.page.place("button", "9,000원 결제하기")
	b.page.clickAt(first, 1)
	other.page.clickAt(second, 1)
	b.page.until("both tabs are at the order or at the gateway", func() bool {
		return b.page.path() != "/checkout" && other.page.path() != "/checkout"
	})
	shoppingEnds(b.page, "one order", func() bool { return len(b.shopper.orders()) == 1 })
	order := b.shopper.orders()[0].text("id")

	t.Log("a cart that the second tab fills anew is an order of its own")
	other.page.until("the second tab turns back from the gateway, which it may be on its way to", func() bool {
		return chromedp.Do(other.page.ctx, chromedp.Navigate(d.url)) == nil
	})
	other.fill(3)
	other.toCheckout("카카오페이 카드")
	other.page.click("button", "27,000원 결제하기")
	other.atGateway()
	orders := b.shopper.orders()
	if len(orders) != 2 || orders[1].text("id") != order || orders[0].text("total") != "27000" {
		t.Errorf("the orders are %v", orders)
	}
	if got := b.shopper.stock(b.product); got != "6" {
		t.Errorf("%s are left, want 6", got)
	}
}

// shoppingEnds wants something to hold, and to go on holding for a while.
func shoppingEnds(p *page, what string, holds func() bool) {
	p.t.Helper()
	p.until(what, holds)
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if !holds() {
			p.t.Fatalf("it does not last: %s", what)
		}
	}
}

// TestNasty_SoldOut loses pieces to somebody else, in the cart and at the press.
func TestNasty_SoldOut(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	b := d.begin(t, 8_000, 5)
	quick := d.shopper(t)
	b.fill(5)
	quick.order(b.product, 1)
	b.page.click("link", "장바구니")
	b.page.sees("지금 4개 남아서 5개를 4개로 줄였어요.")
	b.pieces = 4
	b.toCheckout("카카오페이 카드")
	quick.order(b.product, 2)
	b.page.click("button", "32,000원 결제하기")
	b.page.sees(b.name + ": 4개를 고르셨는데 지금 2개 남았어요.")
	if got := len(b.shopper.orders()); got != 0 {
		t.Errorf("%d orders were placed", got)
	}
	if got := b.shopper.stock(b.product); got != "2" {
		t.Errorf("%s are left, want 2", got)
	}
	b.page.click("button", "수량 맞추기")
	b.pieces = 2
	b.page.click("button", "16,000원 결제하기")
	b.atGateway()
	b.payAtGateway(goodCard, "카드로 결제")
	b.paid()
}

const updateProduct = `mutation($input: UpdateProductInput!) { updateProduct(input: $input) { product { id } } }`

// TestNasty_CartGrowsOld leaves a cart until prices have moved and a product is no longer sold, and until just before the
// press.
func TestNasty_CartGrowsOld(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	operator := d.operator(t)
	b := d.begin(t, 8_000, 5)
	short := &purchase{page: b.page, shopper: b.shopper, name: b.name + " 둘", price: 3_000, pieces: 1}
	short.product = operator.product(short.name, short.price, 5)
	short.fill(1)
	b.fill(1)

	t.Log("in the cart")
	operator.do(updateProduct, object{"input": object{"productId": b.product, "price": 9_000}})
	b.page.visit("/cart")
	b.page.sees("담을 때 8,000원", "담은 뒤에 가격이 올랐어요.")
	b.price = 12_000 // both of them
	b.toCheckout("카카오페이 카드")

	t.Log("a product at the press")
	operator.do(updateProduct, object{"input": object{"productId": short.product, "listed": false}})
	b.page.click("button", "12,000원 결제하기")
	b.page.sees("판매가 끝난 상품이 있어서 주문하지 않았어요.", "주문하지 못한 상품은 장바구니에 남아 있어요.")
	if got := len(b.shopper.orders()); got != 0 {
		t.Errorf("%d orders were placed", got)
	}

	t.Log("the price at the press")
	b.page.find("button", "9,000원 결제하기")
	operator.do(updateProduct, object{"input": object{"productId": b.product, "price": 9_500}})
	b.page.click("button", "9,000원 결제하기")
	b.page.arrives("/orders/")
	b.page.sees("주문 금액이 9,000원에서 9,500원으로 달라졌어요.")
	if sum := b.shopper.captured(0); sum != 0 {
		t.Errorf("%d won were taken", sum)
	}
	b.page.choose("카카오페이 카드")
	b.page.click("button", "9,500원 결제하기")
	b.atGateway()
	b.payAtGateway(goodCard, "카드로 결제")
	b.page.sees("결제가 끝났어요", "9,500원")
	if sum := b.shopper.captured(1); sum != 9_500 {
		t.Errorf("%d won were taken", sum)
	}
	b.page.visit("/cart")
	b.page.sees("판매가 끝난 상품", "판매가 끝난 상품이라 주문할 수 없어요.")
}

// TestNasty_BackAfterPaying goes back from the paid order to the gateway's page and further.
func TestNasty_BackAfterPaying(t *testing.T) {
	t.Parallel()
	b := sharedDev(t).begin(t, 12_000, 10)
	b.page.atStart(`addEventListener('pageshow', e => { window.wasKept = e.persisted })`)
	b.order("카카오페이 카드")
	b.payAtGateway(goodCard, "카드로 결제")
	b.paid()
	b.page.forgive("Page entered Back-Forward Cache") // the browser closes the socket of a page that it keeps
	seen, kept := 0, 0
	for range 4 {
		was := b.page.path()
		b.page.eval("history.back()") // a page that was kept is not loaded again
		b.page.until("the tab is back from "+was, func() bool { return b.page.path() != was })
		if !strings.HasPrefix(b.page.path(), "/") {
			continue // the gateway's own page
		}
		seen++
		if eval[bool](b.page, "window.wasKept === true") {
			kept++
		}
		b.page.cartHolds(0)
		b.page.gone("button", "12,000원 결제하기")
	}
	if seen < 2 {
		t.Errorf("%d of the shop's own pages were seen, want 2 at least", seen)
	}
	if kept == 0 {
		t.Error("the browser kept none of the pages, so that what it keeps was not seen")
	}
	b.page.visit("/orders/" + b.shopper.orders()[0].text("id"))
	b.paid()
}

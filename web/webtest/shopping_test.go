package webtest_test

import (
	"strconv"
	"strings"
	"testing"
)

// A purchase is one product that a shopper buys.
type purchase struct {
	page    *page
	shopper *person
	product string // its id
	name    string
	price   int
	pieces  int
}

// begin opens a page for a new shopper, and puts a new product on sale.
func (p *program) begin(t *testing.T, price, stock int) *purchase {
	t.Helper()
	shopper := p.shopper(t)
	name := "시험 상품 " + shopper.email[8:17]
	b := &purchase{page: p.open(t).as(shopper), shopper: shopper, name: name, price: price, pieces: 1}
	b.product = p.operator(t).product(name, price, stock)
	return b
}

// amount is what is to be paid, as the shop writes it.
func (b *purchase) amount() string { return won(b.price * b.pieces) }

// won writes an amount as the shop does.
func won(amount int) string {
	digits := strconv.Itoa(amount)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + "원"
}

// fill puts pieces of the product into the cart.
func (b *purchase) fill(pieces int) {
	b.page.t.Helper()
	b.pieces = pieces
	b.page.visit("/products/" + b.product)
	b.page.fill("textbox", "수량", strconv.Itoa(pieces))
	b.page.click("button", "담기")
	b.page.sees("장바구니에 담았어요.")
}

// toCheckout goes from the cart to the checkout, and makes it ready to be pressed.
func (b *purchase) toCheckout(way string) {
	b.page.t.Helper()
	b.page.click("link", "장바구니")
	b.page.click("button", b.amount()+" 주문하기")
	b.page.arrives("/checkout")
	b.page.choose(way)
	b.page.click("checkbox", "동의해요")
}

// choose chooses a way to pay. Another test's gateway may be silent for a moment, and its ways out of reach.
func (p *page) choose(way string) {
	p.t.Helper()
	p.until("one can choose "+way, func() bool {
		for _, e := range p.elements("radio", way) {
			if at := p.spot(e); at.OK && !e.isDisabled {
				p.clickAt(at, 1)
				return string(p.on(e, `function() { return this.checked }`)) == "true"
			}
		}
		return false
	})
}

// order does all that leads to the gateway's page.
func (b *purchase) order(way string) {
	b.page.t.Helper()
	b.fill(b.pieces)
	b.toCheckout(way)
	b.page.click("button", b.amount()+" 결제하기")
	b.atGateway()
}

// atGateway waits for a gateway's page.
func (b *purchase) atGateway() {
	b.page.t.Helper()
	b.page.arrives(b.page.program.sim())
	b.page.find("form", "결제 수단")
}

// payAtGateway types a card's number there and presses a button.
func (b *purchase) payAtGateway(number, button string) {
	b.page.t.Helper()
	if number != "" {
		b.page.fill("textbox", "카드 번호", number)
	}
	b.page.click("button", button)
}

const goodCard = "4111111111111111"

// cartHolds wants so many pieces to be in the cart, as the link to it is named.
func (p *page) cartHolds(pieces int) {
	p.t.Helper()
	p.until("the cart holds "+strconv.Itoa(pieces), func() bool {
		for _, link := range p.elements("link", "장바구니") {
			if pieces == 0 && link.name == "장바구니" || pieces > 0 && strings.Contains(link.name, strconv.Itoa(pieces)) {
				return true
			}
		}
		return false
	})
}

// paid wants the shop to say that all is paid, and the gateways to have taken it once.
func (b *purchase) paid() {
	b.page.t.Helper()
	b.page.arrives("/orders/")
	b.page.sees("결제가 끝났어요", b.amount())
	b.page.cartHolds(0)
	if sum := b.shopper.captured(1); sum != int64(b.price*b.pieces) {
		b.page.t.Errorf("%d won were taken, want %s", sum, b.amount())
	}
	orders := b.shopper.orders()
	if len(orders) != 1 || orders[0].text("status") != "PAID" || len(orders[0].list("payment", "attempts")) != 1 {
		b.page.t.Errorf("the orders are %v", orders)
	}
}

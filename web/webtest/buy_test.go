package webtest_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestShop_BuyWithKakao buys by card at Kakao Pay, while another tab watches.
func TestShop_BuyWithKakao(t *testing.T) {
	t.Parallel()
	b := sharedDev(t).begin(t, 27_000, 10)
	b.pieces = 2
	b.order("카카오페이 카드")
	order := b.shopper.orders()[0].text("id")
	watching := b.page.another()
	watching.visit("/orders/" + order)
	watching.sees("아직 결제하지 않았어요")
	stays := watching.marked()
	b.payAtGateway(goodCard, "카드로 결제")
	b.paid()
	watching.sees("결제가 끝났어요")
	stays()
	if got := b.shopper.stock(b.product); got != "8" {
		t.Errorf("%s are left, want 8", got)
	}
	b.receipt()
}

// TestShop_BuyWithTossCard pays in instalments by card at Toss Payments, from a phone.
func TestShop_BuyWithTossCard(t *testing.T) {
	t.Parallel()
	b := sharedDev(t).begin(t, 60_000, 10)
	b.page.resize(360, 740)
	b.fill(1)
	b.toCheckout("토스페이먼츠 카드")
	b.page.pick("할부", "3개월")
	b.page.click("button", "60,000원 결제하기")
	b.atGateway()
	b.payAtGateway(goodCard, "카드로 결제")
	b.paid()
	b.receipt()
	b.page.sees("토스페이먼츠 · 카드 · 3개월 할부")
}

// TestShop_BuyByVirtualAccount leaves with an account's number, and sees the deposit come in.
func TestShop_BuyByVirtualAccount(t *testing.T) {
	t.Parallel()
	b := sharedDev(t).begin(t, 15_000, 10)
	b.order("토스페이먼츠 가상계좌")
	b.payAtGateway("", "가상계좌로 입금")
	b.page.arrives("/orders/")
	b.page.sees("입금을 기다리고 있어요", "까지 입금해 주세요.", "우리", "15,000원")
	b.page.lacks("결제하기")
	stays := b.page.marked()
	placed := b.shopper.orders()[0]
	due, err := time.Parse(time.RFC3339, placed.text("payment", "virtualAccount", "dueAt"))
	if err != nil {
		t.Fatal(err)
	}
	b.page.sees(deadline(due))
	b.page.copies("계좌번호 복사", placed.text("payment", "virtualAccount", "accountNumber"))
	key := placed.text("payment", "paymentKey")
	b.page.program.simulate(t, "POST", "/sim/shopper", object{"pg": "TOSS", "paymentKey": key, "act": "deposit"})
	b.paid()
	stays()
}

// deadline is a time as the shop writes it: Seoul's, wherever the browser is.
func deadline(at time.Time) string {
	at = at.In(time.FixedZone("KST", 9*60*60))
	half, hour := "오전", at.Hour()
	if hour >= 12 {
		half = "오후"
	}
	day := []rune("일월화수목금토")[at.Weekday()]
	return fmt.Sprintf("%d월 %d일 (%c) %s %d:%02d까지", at.Month(), at.Day(), day, half, (hour+11)%12+1, at.Minute())
}

// copies presses a button, and wants a text on the clipboard.
func (p *page) copies(button, want string) {
	p.t.Helper()
	send(p, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
		Permission: &cdpbrowser.PermissionDescriptor{Name: "clipboard-read"}, Setting: cdpbrowser.PermissionSettingGranted,
		Origin: p.program.url, BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
	})
	p.click("button", button)
	p.sees("복사했어요.")
	if got := promised[string](p, "navigator.clipboard.readText()"); got != want {
		p.t.Errorf("%q is copied, want %q", got, want)
	}
}

// marked leaves a mark in the document, and returns what wants it to be there still.
func (p *page) marked() (stays func()) {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void]("window.marked = true"))
	return func() {
		p.t.Helper()
		if !eval[bool](p, "window.marked === true") {
			p.t.Error("the page was loaded anew")
		}
	}
}

// amounts are those on a receipt, in Korean.
var amounts = regexp.MustCompile(`[\d,]+원`)

// receipt opens the receipt, and wants the numbers on paper, and nothing of the frame.
func (b *purchase) receipt() {
	p := b.page
	p.t.Helper()
	p.click("link", "영수증")
	p.until("the receipt opens", func() bool { return strings.HasSuffix(p.path(), "/receipt") })
	p.sees(b.name, b.amount(), "부가세")
	send(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	for _, want := range []string{b.name, b.amount(), "가게 고양이 상점"} {
		if !p.says(want) {
			p.t.Errorf("%s is not on paper", want)
		}
	}
	p.lacks("장바구니", "인쇄하기", "로그인")
	printed := p.print()
	if pages := printed.pages(); pages != 1 {
		p.t.Errorf("it takes %d pages", pages)
	}
	written := printed.text(p.t)
	for _, want := range append(amounts.FindAllString(p.text(), -1), b.name, b.shopper.orders()[0].text("number")) {
		if !strings.Contains(written, unspaced(want)) {
			p.t.Errorf("%s is not printed, but %q", want, written)
		}
	}
	send(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
}

package webtest_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/network"

	"payment-system/internal/shoptest"
)

// offline cuts the tab off, or lets it be connected again.
func (p *page) offline(is bool) {
	p.t.Helper()
	p.forgive("ERR_INTERNET_DISCONNECTED", "WebSocket")
	send(p, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: is, DownloadThroughput: -1, UploadThroughput: -1})
	send(p, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Offline: is, DownloadThroughput: -1, UploadThroughput: -1}},
	})
}

const cutOff = "인터넷 연결이 끊겼어요. 연결되면 이어서 보여 드릴게요."

// TestWeb_Offline loses the network while typing, paying and watching.
func TestWeb_Offline(t *testing.T) {
	t.Parallel()
	t.Run("while typing and paying", func(t *testing.T) {
		t.Parallel()
		b := sharedDev(t).begin(t, 14_000, 10)
		b.fill(1)
		b.toCheckout("카카오페이 카드")
		b.page.offline(true)
		b.page.sees(cutOff)
		b.page.click("button", "14,000원 결제하기")
		shoppingEnds(b.page, "nothing is ordered", func() bool { return len(b.shopper.orders()) == 0 })
		b.page.offline(false)
		b.page.until("it is connected again", func() bool { return !b.page.says(cutOff) })
		b.page.click("button", "14,000원 결제하기")
		b.atGateway()
		b.payAtGateway(goodCard, "카드로 결제")
		b.paid()
	})
	t.Run("while watching", func(t *testing.T) {
		t.Parallel()
		b := sharedDev(t).ready(t, "TOSS", "CARD")
		stays := b.page.marked()
		b.page.offline(true)
		b.page.sees(cutOff)
		b.act("pay_card")()
		b.page.lacks("결제가 끝났어요")
		b.page.offline(false)
		b.page.sees("결제가 끝났어요")
		b.page.lacks(cutOff)
		stays()
	})
}

// TestNasty_SessionEnds loses the session between the cart and the gateway, and at the gateway.
func TestNasty_SessionEnds(t *testing.T) {
	t.Parallel()
	b := sharedDev(t).begin(t, 16_000, 10)
	b.fill(1)
	b.toCheckout("카카오페이 카드")
	b.shopper.do(`mutation { signOut { ok } }`, nil)
	b.page.click("button", "16,000원 결제하기")
	b.page.find("dialog", "로그인이 필요해요")
	b.page.signInOver(b.shopper)
	b.page.click("button", "16,000원 결제하기")
	b.atGateway()

	t.Log("and while at the gateway")
	b.page.signOutElsewhere()
	b.payAtGateway(goodCard, "카드로 결제")
	b.page.arrives("/orders/")
	b.page.click("button", "로그인")
	b.page.signInOver(b.shopper)
	b.shopper.signIn(b.shopper.email)
	b.paid()
}

// signInOver signs in by the dialog that stands over the page.
func (p *page) signInOver(s *person) {
	p.t.Helper()
	p.fill("textbox", "이메일", s.email)
	p.fill("textbox", "비밀번호", password)
	p.click("button", "로그인")
	p.gone("dialog", "로그인이 필요해요")
}

// signOutElsewhere ends the session that the tab has, without the tab knowing.
func (p *page) signOutElsewhere() {
	p.t.Helper()
	cookies := send(p, network.GetCookies, network.GetCookiesParams{URLs: []string{p.program.url}})
	s := p.program.stranger(p.t)
	request := shoptest.Must(http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.program.url, nil))(p.t)
	for _, cookie := range cookies.Cookies {
		request.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	s.http.Jar.SetCookies(request.URL, request.Cookies())
	s.do(`mutation { signOut { ok } }`, nil)
}

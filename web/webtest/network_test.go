package webtest_test

import (
	"io"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

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

// TestWeb_LiveCodeLost watches a payment though the code of the live connection did not arrive: its server was being
// replaced, say. The page asks by itself then.
func TestWeb_LiveCodeLost(t *testing.T) {
	t.Parallel()
	b := sharedDev(t).begin(t, 11_000, 10).open("TOSS", "CARD")
	b.page.forgive("ERR_INTERNET_DISCONNECTED", "dynamically imported module")
	away := func(is bool) {
		send(b.page, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{URLPattern: "*://*:*/assets/socket-*", Offline: is, DownloadThroughput: -1, UploadThroughput: -1}},
		})
	}
	away(true)
	b.page.visit("/orders/" + b.placed)
	b.page.sees("아직 결제하지 않았어요")
	stays := b.page.marked()
	b.act("pay_card")()
	b.page.sees("결제가 끝났어요")
	away(false)
	b.refund(1_000)()
	b.page.sees("1,000원을 환불했어요")
	stays()
}

// states remembers what a page says of a payment, in order.
const states = `(() => {
	window.states = [];
	const look = () => {
		const said = document.querySelector('main h2[aria-live]')?.textContent;
		if (said && said !== states.at(-1)) states.push(said);
	};
	new MutationObserver(look).observe(document, {subtree: true, childList: true, characterData: true});
})()`

// TestWeb_Reconnect watches a payment while the server is replaced, Redis is restarted, and the session ends. What the
// page shows never goes back.
func TestWeb_Reconnect(t *testing.T) {
	t.Parallel()
	d := ownDev(t)
	port := freePort(t)
	first := d.replica(t, port)
	shopper := d.shopper(t)
	shopper.program = first
	bought := &purchase{page: first.open(t).as(shopper), shopper: shopper, pieces: 1}
	bought.product = d.operator(t).product("시험 상품", 11_000, 10)
	b := bought.open("TOSS", "CARD")
	b.page.forgive("WebSocket", "ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "answer 503")
	b.page.atStart(states)
	b.page.visit("/orders/" + b.placed)
	b.page.sees("아직 결제하지 않았어요")
	stays := b.page.marked()

	t.Log("the server is replaced")
	if err := first.ended(); err != nil {
		t.Error(err)
	}
	second := d.replica(t, port)
	b.page.program, b.shopper.program = second, second
	b.act("pay_card")()
	b.page.sees("결제가 끝났어요")

	t.Log("Redis is restarted, and remembers who is signed in")
	client := redis.NewClient(&redis.Options{Addr: d.said["REDIS_ADDRS"]})
	defer client.Close()
	for _, kind := range []string{"pubsub", "normal"} {
		if err := client.Do(t.Context(), "CLIENT", "KILL", "TYPE", kind).Err(); err != nil {
			t.Fatal(err)
		}
	}
	b.refund(1_000)()
	b.page.sees("1,000원을 환불했어요")

	t.Log("Redis is restarted, and has forgotten everybody")
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	b.page.find("dialog", "로그인이 필요해요")
	b.shopper.signIn(b.shopper.email)
	b.refund(2_000)()
	b.page.sees("1,000원을 환불했어요") // the last that it was told, behind the dialog
	b.page.signInOver(b.shopper)
	b.page.sees("3,000원을 환불했어요")
	stays()
	want := []string{"아직 결제하지 않았어요", "결제가 끝났어요", "1,000원을 환불했어요", "3,000원을 환불했어요"}
	between := []string{"결제를 승인하고 있어요", "환불하고 있어요"}
	said := eval[[]string](b.page, "states")
	said = slices.DeleteFunc(said, func(state string) bool { return slices.Contains(between, state) })
	if diff := cmp.Diff(want, slices.Compact(said)); diff != "" {
		t.Errorf("what the page showed (-want +got):\n%s", diff)
	}
}

// replica starts serve beside dev, on a port of its own, and waits until it is ready. It is a dev for those that use
// it.
func (p *program) replica(t *testing.T, port string) *program {
	t.Helper()
	at := "http://localhost:" + port
	replica, out, err := start(append(p.environment(), "HTTP_ADDR=127.0.0.1:"+port, "PUBLIC_URL="+at,
		"SHUTDOWN_DELAY=0s", "LOG_LEVEL=warn", "SMTP_ADDR=127.0.0.1:1", "SMTP_FROM=shop@example.com"), "serve")
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	t.Cleanup(func() {
		if err := replica.ended(); err != nil {
			t.Errorf("a replica ended with %v:\n%s", err, replica.log)
		}
	})
	replica.url, replica.mailbox, replica.said = at, p.mailbox, p.said
	shoptest.Eventually(t, "the replica is ready", func() bool {
		response, err := http.Get(at + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return replica
}

// freePort is a port that nobody listens on at the moment.
func freePort(t *testing.T) string {
	t.Helper()
	listener := shoptest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestWeb_WithoutSocket buys where nothing lets a socket through: the page says so, asks, and sees the payment.
func TestWeb_WithoutSocket(t *testing.T) {
	t.Parallel()
	b := sharedDev(t).begin(t, 11_000, 10).open("KAKAO", "CARD")
	b.page.forgive("WebSocket")
	b.page.atStart(`window.WebSocket = class extends WebSocket {
		constructor(url, protocols) { super(url + '/nowhere', protocols) }
	}`)
	b.page.visit("/orders/" + b.placed)
	b.page.sees("아직 결제하지 않았어요", "실시간 연결이 끊겨 5초마다 확인하고 있어요.")
	stays := b.page.marked()
	b.act("pay_card")()
	b.page.sees("결제가 끝났어요")
	stays()
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

// TestWeb_FrameAsksAgain opens a page while the server refuses, though there is a network: what stands around the
// screen has no button to try again.
func TestWeb_FrameAsksAgain(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	p := d.open(t).as(d.shopper(t))
	p.deaf(true)
	p.visit("/cart")
	p.find("link", "로그인")
	p.lacks("내 계정")
	stays := p.marked()
	p.deaf(false)
	p.find("link", "내 계정")
	stays()
}

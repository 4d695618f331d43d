package webtest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"testing"
	"time"

	"payment-system/internal/shoptest"
)

// TestShop_TimePasses lets the time of orders pass that nobody pays. They are placed before any parallel test begins, so
// that most of their time passes while this test has no turn.
func TestShop_TimePasses(t *testing.T) {
	sim := "127.0.0.1:" + freePort(t)
	d := ownDev(t, "ORDER_HOLD=45s", "PG_TIMEOUT=5s", "PGSIM_ADDR="+sim, "TOSS_BASE_URL="+hurried(t, "http://"+sim))
	t.Run("nobody pays", func(t *testing.T) { nobodyPays(t, d) })
	t.Run("the deposit never comes", func(t *testing.T) { depositNeverComes(t, d) })
	t.Parallel() // both of them wait for their time to pass
}

// nobodyPays looks at an order until its time is over.
func nobodyPays(t *testing.T, d *program) {
	b := d.ready(t, "TOSS", "CARD")
	stays := b.page.marked()
	t.Parallel()
	b.page.sees("시간이 지나 주문이 취소됐어요", "결제된 금액은 없어요.")
	if b.offersToPay() {
		t.Error("what is over can be paid")
	}
	stays()
	b.page.click("button", "다시 담기")
	b.page.cartHolds(1)
}

// depositNeverComes lets the time of a virtual account pass: the page says so by itself, the order ends and gives back
// what it held, and what was in it can be ordered anew.
func depositNeverComes(t *testing.T, d *program) {
	b := d.begin(t, 15_000, 10)
	b.page.atStart(`{ const now = Date.now; window.behind = 3_600_000; Date.now = () => now() - behind }`)
	b.order("토스페이먼츠 가상계좌")
	b.payAtGateway("", "가상계좌로 입금")
	b.page.arrives("/orders/")
	b.page.sees("입금을 기다리고 있어요", "까지 입금해 주세요.")
	b.page.find("button", "계좌번호 복사")
	stays := b.page.marked()
	t.Parallel()

	b.page.eval("window.behind = 0")
	b.page.sees("입금 기한이 지났어요", "이제 입금하지 마세요.")
	b.page.gone("button", "계좌번호 복사")
	waiting := b.shopper.orders()[0]
	key, held := waiting.text("payment", "paymentKey"), shoptest.Must(time.Parse(time.RFC3339, waiting.text("expiresAt")))(t)
	time.Sleep(time.Until(held))
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	b.page.until("the order ends", func() bool {
		d.hint(t, key, (<-ticks.C).String())
		return b.page.says("시간이 지나 주문이 취소됐어요")
	})
	b.page.sees("결제된 금액은 없어요.")
	stays()
	order := b.shopper.orders()[0]
	if got := order.text("status") + " " + order.text("payment", "status"); got != "EXPIRED EXPIRED" {
		t.Errorf("the order and its payment are %s", got)
	}
	if got := b.shopper.stock(b.product); got != "10" {
		t.Errorf("%s are left, want 10", got)
	}
	b.shopper.captured(0)
	shoptest.Eventually(t, "the gateway closes the account", func() bool { return b.shopper.ledger()[0].Status == "CANCELED" })

	b.page.click("button", "다시 담기")
	b.page.click("button", "15,000원 주문하기")
	b.page.choose("카카오페이 카드")
	b.page.click("checkbox", "동의해요")
	b.page.click("button", "15,000원 결제하기")
	b.atGateway()
	b.payAtGateway(goodCard, "카드로 결제")
	b.page.sees("결제가 끝났어요", "15,000원")
	if sum := b.shopper.captured(1); sum != 15_000 {
		t.Errorf("%d won were taken", sum)
	}
}

// depositGrace is how long after it closes an order waits for word of a transfer to its account.
const depositGrace = 10 * time.Minute

var dueDate = regexp.MustCompile(`"dueDate":"[^"]*"`)

// hurried is a Toss Payments whose virtual accounts closed a while ago, so that no order waits longer for them than for
// another payment: dev's simulator, but for that.
func hurried(t *testing.T, sim string) (address string) {
	t.Helper()
	closed := time.Now().Add(-depositGrace)
	due := []byte(`"dueDate":"` + closed.Format(time.RFC3339) + `"`)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(shoptest.Must(url.Parse(sim))(t)) },
		ModifyResponse: func(response *http.Response) error {
			body, err := io.ReadAll(response.Body)
			if err != nil {
				return err
			}
			body = dueDate.ReplaceAll(body, due)
			response.Body = io.NopCloser(bytes.NewReader(body))
			response.ContentLength = int64(len(body))
			response.Header.Set("Content-Length", strconv.Itoa(len(body)))
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL + "/toss"
}

// hint says to the shop, as Toss Payments does, that something has become of a payment.
func (p *program) hint(t *testing.T, key, about string) {
	t.Helper()
	body := `{"eventType": "PAYMENT_STATUS_CHANGED", "data": {"paymentKey": ` + quoted(key) + `, "transactionKey": ` + quoted(about) + `}}`
	response := shoptest.Must(http.Post(p.url+"/webhooks/toss", "application/json", bytes.NewBufferString(body)))(t)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("a webhook is answered %s", response.Status)
	}
}

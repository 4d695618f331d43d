package main_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"payment-system/internal/shoptest"
)

// fromOrigin sends every request as a page of an origin does.
type fromOrigin struct{ origin string }

func (f fromOrigin) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Origin", f.origin)
	return http.DefaultTransport.RoundTrip(r)
}

// TestDev_apps has pages of apps buy: one on a phone that knows the shop by a scheme of its own, one
// in a web view, one behind a universal link. Proves: each calls, pays on the page for apps, and has
// its shopper back at an address of its own; no other app is answered, or sent anybody.
func TestDev_apps(t *testing.T) {
	t.Parallel()
	d := shoptest.Must(startDev("ALLOWED_ORIGINS=capacitor://localhost,ionic://localhost,myshop://pay/done,https://app.shop.example"))(t)
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Errorf("dev ended with %v", err)
		}
	})
	for _, app := range []struct{ origin, returns, button string }{
		{"capacitor://localhost", "myshop://pay/done", "pay_card"},
		{"ionic://localhost", "myshop://pay/done?cart=7", "pay_money"},
		{"https://app.shop.example", "https://app.shop.example/paid#thanks", "pay_card"},
		{"capacitor://localhost", "capacitor://localhost/paid", "pay_money"},
	} {
		t.Run(app.origin+" "+app.returns, func(t *testing.T) { buyInApp(t, d, app.origin, app.returns, app.button) })
	}
	c := newClient(t, d.url)
	c.signIn(t, "shopper@example.com", "correct horse battery staple")
	goods := c.stock(t)
	order := c.placeOrder(t, goods).text("order", "id")
	for _, target := range []string{
		"othershop://pay/done", "myshop://pay/undone", "myshop://other/done", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd",
		"https://app.shop.example.evil.example/", "https://app.shop.example@evil.example/", "http://app.shop.example/",
	} {
		_, refused := c.try(t, `mutation($input: ReadyPaymentInput!) { readyPayment(input: $input) { checkoutUrl } }`,
			object{"input": object{"idempotencyKey": unique(), "orderId": order, "pg": "KAKAO", "returnUrl": target, "device": "APP"}})
		if len(refused) != 1 || refused[0].Extensions.Code != "INVALID" || refused[0].Extensions.Details["field"] != "returnUrl" {
			t.Errorf("a return to %s was answered %v", target, refused)
		}
	}
	for _, origin := range []string{"capacitor://evil", "othershop://pay", "null", "https://evil.example", "http://app.shop.example"} {
		if allowed := preflight(t, d, origin); allowed.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("origin %s is answered %v", origin, allowed)
		}
	}
}

// preflight asks what a page of an origin may send.
func preflight(t *testing.T, d *dev, origin string) http.Header {
	t.Helper()
	request := shoptest.Must(http.NewRequestWithContext(t.Context(), http.MethodOptions, d.url+"/graphql", nil))(t)
	request.Header.Set("Origin", origin)
	request.Header.Set("Access-Control-Request-Method", "POST")
	request.Header.Set("Access-Control-Request-Headers", "content-type,graphql-preflight")
	response := shoptest.Must(http.DefaultClient.Do(request))(t)
	defer response.Body.Close()
	return response.Header
}

// buyInApp buys by Kakao Pay as a page of an origin, and comes back to an address.
func buyInApp(t *testing.T, d *dev, origin, returns, button string) {
	t.Helper()
	allowed := preflight(t, d, origin)
	if allowed.Get("Access-Control-Allow-Origin") != origin || allowed.Get("Access-Control-Allow-Credentials") != "true" {
		t.Fatalf("the app may not call: %v", allowed)
	}
	c := newClient(t, d.url)
	c.http.Transport = fromOrigin{origin}
	c.signIn(t, "shopper@example.com", "correct horse battery staple")
	goods := c.stock(t)
	order := c.placeOrder(t, goods)
	ready := c.do(t, `mutation($input: ReadyPaymentInput!) { readyPayment(input: $input) {
		checkoutUrl checkoutUrls { device url } payment { id paymentKey } } }`,
		object{"input": object{"idempotencyKey": unique(), "orderId": order.text("order", "id"), "pg": "KAKAO", "returnUrl": returns, "device": "APP"}})
	var devices []string
	pages, _ := ready.at("checkoutUrls").([]any)
	for i := range pages {
		devices = append(devices, ready.text("checkoutUrls", i, "device"))
		if isApp := devices[i] == "APP"; isApp != (ready.text("checkoutUrls", i, "url") == ready.text("checkoutUrl")) {
			t.Errorf("an app is sent to %s of %v", ready.text("checkoutUrl"), pages)
		}
	}
	if slices.Sort(devices); !slices.Equal(devices, []string{"APP", "DESKTOP", "MOBILE"}) {
		t.Errorf("there are pages for %v", devices)
	}
	browser := newClient(t, d.url) // the gateway's page opens beside the app, without its session
	back, _ := browser.get(t, browser.checkOut(t, ready.text("checkoutUrl"), button))
	home := shoptest.Must(url.Parse(back.Header.Get("Location")))(t)
	want := shoptest.Must(url.Parse(returns))(t)
	if back.StatusCode != http.StatusSeeOther || home.Scheme != want.Scheme || home.Host != want.Host || home.Path != want.Path ||
		home.Fragment != want.Fragment || home.Query().Get("paymentId") != ready.text("payment", "id") ||
		!strings.HasPrefix(home.RawQuery, want.RawQuery) {
		t.Errorf("the shopper came back to %s (%s), wanted at %s", home, back.Status, want)
	}
	c.wantPaid(t, order, goods)
}

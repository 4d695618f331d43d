package origins_test

import (
	"net/url"
	"strings"
	"testing"

	"payment-system/internal/origins"
)

func TestList(t *testing.T) {
	t.Parallel()
	list, err := origins.ParseAll([]string{
		"https://shop.example", " https://Admin.Shop.example:443/ ", "http://localhost:5173", "https://가게.example", "http://[::1]:3000",
		"capacitor://localhost", "ionic://localhost", "myshop://pay/done", "com.example.shop:/paid", "teashop://",
	})
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"https://shop.example": true, "https://SHOP.example:443": true, "https://admin.shop.example": true,
		"http://localhost:5173": true, "https://xn--o39akk.example": true, "http://[::1]:3000": true,
		"capacitor://localhost": true, "ionic://localhost": true, "teashop://anything": true,
		"http://shop.example": false, "https://shop.example:8443": false, "https://evil.example": false,
		"https://shop.example.evil.example": false, "https://evil.example/https://shop.example": false,
		"https://shop.example/": false, "http://localhost": false, "capacitor://evil": false, "null": false, "": false,
		"file://": false, "javascript:alert(1)": false,
	} {
		if got := list.AllowsOrigin(origin); got != want {
			t.Errorf("origin %q is allowed: %v, want %v", origin, got, want)
		}
	}
	for address, want := range map[string]bool{
		"https://shop.example/orders?tab=1#paid": true, "https://shop.example": true, "HTTPS://SHOP.example:443/x": true,
		"https://가게.example/주문": true, "https://xn--o39akk.example/": true, "myshop://pay/done": true, "myshop://pay/done/?a=b": true,
		"myshop://pay/done/1": true, "com.example.shop:/paid": true, "teashop://order/7": true, "capacitor://localhost/paid": true,
		"myshop://pay": false, "myshop://pay/donut": false, "myshop://other/done": false, "com.example.shop:/other": false,
		"https://user@shop.example/": false, "https://shop.example@evil.example/": false, "https://evil.example/": false,
		"//evil.example/": false, "javascript:alert(1)": false, "javascript://shop.example/%0aalert(1)": false,
		"data:text/html,hi": false, "file:///etc/passwd": false, "com.example.shop:paid": false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := list.AllowsReturn(u); got != want {
			t.Errorf("a return to %q is allowed: %v, want %v", address, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{
		"", "*", "null", "shop.example", "https://", "https://shop.example/path", "https://shop.example?x=1", "https://user@shop.example",
		"https://shop.example#a", "javascript:alert(1)", "JavaScript://x", "data:text/html,x", "file:///", "blob:https://shop.example/1",
		"about:blank", "mailto:kim@example.com", "//shop.example", "http://%zz",
	} {
		if _, err := origins.Parse(wrong); err == nil || !strings.Contains(err.Error(), `"`+wrong+`"`) {
			t.Errorf("%q was taken, or is not named: %v", wrong, err)
		}
	}
}

func TestSite(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		"https://Images.Example.com:443/ ": "https://images.example.com", "http://localhost:9000": "http://localhost:9000",
		"https://그림.example": "https://xn--2i0b46t.example", "http://[::1]:3000": "http://[::1]:3000",
	} {
		if got, err := origins.Site(entry); got != want || err != nil {
			t.Errorf("the site %q is %q, %v; want %q", entry, got, err, want)
		}
	}
	for _, wrong := range []string{
		"", "*", "'self'", "images.example.com", "https://images.example.com/tea", "https://a.example;script-src", "https://*.example",
		"https://a.example,b", "capacitor://localhost", "data:image/png;base64,", "https://a_b.example", "https://a b.example",
	} {
		if got, err := origins.Site(wrong); err == nil || !strings.Contains(err.Error(), `"`+wrong+`"`) {
			t.Errorf("%q was taken for %q, or is not named: %v", wrong, got, err)
		}
	}
}

package webtest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// policy is what the storefront's pages may do, byte for byte.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// TestWeb_Policy does what the policy forbids, and wants it to fail and to be noticed.
func TestWeb_Policy(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	t.Run("it is sent", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/", "/products", "/cart", "/orders/ord_00000000000000000000000000/paid", "/products/prd_x"} {
			response, err := http.Get(d.url + path)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if got := response.Header.Get("Content-Security-Policy"); got != policy {
				t.Errorf("%s has %s", path, got)
			}
		}
	})
	t.Run("what is planted does nothing, and is reported", func(t *testing.T) {
		t.Parallel()
		p := d.open(t)
		p.visit("/")
		p.find("heading", "모든 상품")
		plant(p, "markup", `document.body.innerHTML = '<b>planted</b>'`, "policy: require-trusted-types-for")
		plant(p, "script", `const s = document.createElement('script'); s.textContent = 'window.planted = 1'; document.body.append(s)`,
			"policy: require-trusted-types-for")
		plant(p, "code", `new Function('window.planted = 1')()`, "policy: ")
		plant(p, "style", `document.querySelector('h1').setAttribute('style', 'color: rgb(1, 2, 3)')`, "policy: style-src")
		plant(p, "policy", `trustedTypes.createPolicy('planted', {createHTML: x => x})`, "policy: trusted-types")
		plant(p, "image", `new Image().src = 'https://images.example.com/x.png'`, "policy: img-src")
		plant(p, "call", `fetch('https://elsewhere.example.com/').catch(() => {})`, "policy: connect-src")
		planted := eval[bool](p, `window.planted !== undefined || document.body.innerText === 'planted' ||
			getComputedStyle(document.querySelector('h1')).color === 'rgb(1, 2, 3)'`)
		if planted {
			t.Error("something that was planted works")
		}
		p.forgive("") // all of it was ours
	})
	t.Run("nobody frames a page", func(t *testing.T) {
		t.Parallel()
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(`<!doctype html><title>framing</title><link rel="icon" href="data:,"><iframe src="` + d.url + `/"></iframe>`))
		}))
		defer other.Close()
		p := d.open(t)
		p.do(chromedp.Navigate(other.URL))
		p.until("the frame is refused", func() bool {
			return strings.Contains(strings.Join(p.found(), "\n"), "frame")
		})
		p.forgive("")
	})
	t.Run("what is not there says so", func(t *testing.T) {
		t.Parallel()
		p := d.open(t)
		p.forgive("/unknown")
		p.visit("/unknown")
		p.sees("페이지를 찾을 수 없어요")
		p.click("link", "처음으로")
		p.find("heading", "모든 상품")
	})
}

// plant runs code as a hole in a page would let somebody, and wants it to be reported.
func plant(p *page, what, code, report string) {
	p.t.Helper()
	before := len(p.found())
	byThePolicy := func(params *runtime.EvaluateParams) { params.AllowUnsafeEvalBlockedByCSP = new(false) }
	p.do(chromedp.Evaluate[chromedp.Void](`(() => { try { `+code+` } catch {} })()`, byThePolicy))
	p.until("planted "+what+" is reported", func() bool {
		return strings.Contains(strings.Join(p.found()[before:], "\n"), report)
	})
}

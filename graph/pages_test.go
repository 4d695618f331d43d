package graph_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"payment-system/graph"
	"payment-system/internal/shoptest"
	"payment-system/web"
)

// shopPolicy is the policy of the storefront, byte for byte; %s is where images may come from besides.
const shopPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:%s; font-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

func TestServer_pages(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) {
		g.ShopName = "차 & 가게"
		g.Accounts = []web.Account{{Who: "shopper", Email: "shopper@example.com", Password: "correct horse"}}
		g.Mount = func(mux *http.ServeMux) { mux.HandleFunc("GET /dev/mailbox/", http.NotFound) }
	})
	b := s.browser(t)
	const order = "/orders/ord_00000000000000000000000001"
	t.Run("the storefront's paths show the storefront", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{
			"/", "/products", "/cart", "/checkout", "/account", "/sign-in", "/sign-up", "/reset", "/orders",
			order, order + "/paid", order + "/receipt", "/?lang=en", "/products?search=%EB%85%B9%EC%B0%A8", order + "/paid?status=PAID",
		} {
			response, body := b.do(http.MethodGet, path, "")
			if response.StatusCode != 200 || !strings.Contains(body, `<div id="app">`) {
				t.Errorf("%s answers %d %.100s", path, response.StatusCode, body)
			}
		}
	})
	t.Run("every other path is a page that says so", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{
			"/unknown", "/cart/", "/cart/x", "/orders/x/y", order + "/", order + "/elsewhere", "/assets/", "/assets/unknown.js",
			"/shop.html", "/built/shop.html", "/SOURCES.sum", "/.git/config", "/wp-login.php", "/%00", "/index.html",
		} {
			response, body := b.do(http.MethodGet, path, "")
			if response.StatusCode != 404 || strings.Contains(body, `<div id="app">`) || !strings.Contains(body, "페이지를 찾을 수 없어요") {
				t.Errorf("%s answers %d %.100s", path, response.StatusCode, body)
			}
		}
	})
	t.Run("what names nothing is the storefront's to say, as not found", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/orders/x", "/orders/prd_00000000000000000000000001", "/products/x", "/products/prd_00000000000000000000000001"} {
			response, body := b.do(http.MethodGet, path, "")
			if response.StatusCode != 404 || !strings.Contains(body, `<div id="app">`) {
				t.Errorf("%s answers %d %.100s", path, response.StatusCode, body)
			}
		}
	})
	t.Run("what is there says how it can be asked", func(t *testing.T) {
		t.Parallel()
		for path, allow := range map[string]string{"/cart": "GET, HEAD", "/webhooks/toss": "POST", "/graphql": "GET, HEAD, OPTIONS, POST"} {
			response, _ := b.do(http.MethodDelete, path, "")
			if got := response.Header.Get("Allow"); response.StatusCode != 405 || got != allow {
				t.Errorf("%s answers %d, allowing %s", path, response.StatusCode, got)
			}
		}
		if response, _ := b.do(http.MethodPost, "/unknown", ""); response.StatusCode != 404 {
			t.Errorf("what is not there answers %d", response.StatusCode)
		}
	})
	t.Run("the policy is kept to the byte", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/", order, "/products/x"} {
			response, _ := b.do(http.MethodGet, path, "")
			for name, want := range map[string]string{
				"Content-Security-Policy":    fmt.Sprintf(shopPolicy, ""),
				"Permissions-Policy":         "camera=(), microphone=(), geolocation=(), payment=()",
				"X-Content-Type-Options":     "nosniff",
				"X-Frame-Options":            "DENY",
				"Referrer-Policy":            "no-referrer",
				"Cross-Origin-Opener-Policy": "same-origin",
			} {
				if got := response.Header.Get(name); got != want {
					t.Errorf("%s has %s %q, want %q", path, name, got, want)
				}
			}
		}
	})
	t.Run("plain pages load nothing from elsewhere", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/dev/", "/operator", "/playground", "/unknown"} {
			response, body := b.do(http.MethodGet, path, "")
			policy := response.Header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "http") {
				t.Errorf("%s answers with %s", path, policy)
			}
			for _, tag := range []string{`src="http`, `src="//`, `href="http`, `href="//`} {
				if strings.Contains(body, tag) {
					t.Errorf("%s holds %s", path, tag)
				}
			}
		}
	})
	t.Run("developers find what they need", func(t *testing.T) {
		t.Parallel()
		_, body := b.do(http.MethodGet, "/dev/", "")
		for _, words := range []string{`"/playground"`, `"/dev/mailbox/"`, `"/schema.graphqls"`, `"/operator"`, `"/"`, "shopper@example.com", "correct horse"} {
			if !strings.Contains(body, words) {
				t.Errorf("%s is missing", words)
			}
		}
		_, body = b.do(http.MethodGet, "/", "")
		const told = `content="{&#34;accounts&#34;:[{&#34;who&#34;:&#34;shopper&#34;,&#34;email&#34;:&#34;shopper@example.com&#34;,&#34;password&#34;:&#34;correct horse&#34;}],&#34;mailbox&#34;:true}"`
		if !strings.Contains(body, `name="developers" `+told) || !strings.Contains(body, `<a href="/dev/">`) {
			t.Errorf("the storefront is %s", body)
		}
	})
}

func TestServer_pagesForNoDeveloper(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) {
		g.Playground, g.ShopName, g.Commands.ImageOrigin = false, "차 가게", "https://images.example.com"
	})
	b := s.browser(t)
	response, body := b.do(http.MethodGet, "/", "")
	if strings.Contains(body, "developers") || strings.Contains(body, "/dev/") || !strings.Contains(body, "<title>차 가게</title>") {
		t.Errorf("the storefront is %s", body)
	}
	want := fmt.Sprintf(shopPolicy, " https://images.example.com")
	if got := response.Header.Get("Content-Security-Policy"); got != want {
		t.Errorf("the policy is %s, want %s", got, want)
	}
	for _, path := range []string{"/dev/", "/playground", "/playground/playground.js"} {
		if response, _ := b.do(http.MethodGet, path, ""); response.StatusCode != 404 {
			t.Errorf("%s answers %d", path, response.StatusCode)
		}
	}
}

func TestServer_productPages(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) { g.ShopName = "차 가게" })
	operator := s.operator(t)
	const create = `mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id } } }`
	data := operator.must(create, map[string]any{"input": map[string]any{
		"idempotencyKey": "preview", "name": `보성 "세작" <녹차>`, "price": 1234567, "stock": 3,
		"description": "첫물 찻잎을\n덖었어요. </title><script>alert(1)</script>", "imageUrl": "https://images.example.com/a.jpg?x=1&y=2",
	}})
	path := "/products/" + dig(data, "createProduct", "product", "id").(string)
	t.Run("a chat can show what a link is to", func(t *testing.T) {
		response, body := s.browser(t).do(http.MethodGet, path, "")
		if response.StatusCode != 200 {
			t.Fatalf("it answers %d", response.StatusCode)
		}
		for _, want := range []string{
			`<title>보성 &#34;세작&#34; &lt;녹차&gt; · 차 가게</title>`,
			`<meta property="og:title" content="보성 &#34;세작&#34; &lt;녹차&gt;" />`,
			`<meta property="og:description" content="1,234,567원 · 첫물 찻잎을 덖었어요. &lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;" />`,
			`<meta property="og:site_name" content="차 가게" />`,
			`<meta property="og:type" content="product" />`,
			`<meta property="og:url" content="` + s.graph.PublicURL + path + `" />`,
			`<meta property="og:image" content="https://images.example.com/a.jpg?x=1&amp;y=2" />`,
			`<meta property="product:price:amount" content="1234567" />`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("it lacks %s\n%s", want, body)
			}
		}
		if n := strings.Count(body, "<script"); n != 1 {
			t.Errorf("it has %d scripts:\n%s", n, body)
		}
	})
	t.Run("whoever only looks at the link gets the same without the page", func(t *testing.T) {
		response, body := s.browser(t).do(http.MethodHead, path, "")
		if response.StatusCode != 200 || body != "" || response.Header.Get("ETag") == "" {
			t.Errorf("it answers %d %q", response.StatusCode, body)
		}
	})
	t.Run("what is off the shelves is not found", func(t *testing.T) {
		operator.must(`mutation($input: UpdateProductInput!) { updateProduct(input: $input) { product { id } } }`,
			map[string]any{"input": map[string]any{"productId": strings.TrimPrefix(path, "/products/"), "listed": false}})
		response, body := s.browser(t).do(http.MethodGet, path, "")
		if response.StatusCode != 404 || strings.Contains(body, "세작") {
			t.Errorf("it answers %d %s", response.StatusCode, body)
		}
	})
	t.Run("without a database the storefront is shown all the same", func(t *testing.T) {
		if err := s.shop.DB.Close(); err != nil {
			t.Fatal(err)
		}
		s.shop.Redis.Close()
		response, body := s.browser(t).do(http.MethodGet, "/products/prd_00000000000000000000000009", "")
		if response.StatusCode != 200 || !strings.Contains(body, `<div id="app">`) {
			t.Errorf("it answers %d %s", response.StatusCode, body)
		}
	})
}

func TestServer_caching(t *testing.T) {
	t.Parallel()
	s := open(t)
	b := s.browser(t)
	_, page := b.do(http.MethodGet, "/", "")
	assets := regexp.MustCompile(`"(/assets/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(assets) < 2 {
		t.Fatalf("the storefront loads nothing: %s", page)
	}
	for path, caching := range map[string]string{
		"/": "no-cache", "/cart": "no-cache", "/operator": "no-cache", "/page.css": "no-cache", "/playground": "no-cache",
		assets[0][1]: "public, max-age=31536000, immutable", assets[1][1]: "public, max-age=31536000, immutable",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			plain, body := b.do(http.MethodGet, path, "", "Accept-Encoding", "identity")
			if got := plain.Header.Get("Cache-Control"); got != caching {
				t.Errorf("it may be kept %q, want %q", got, caching)
			}
			if encoding, vary := plain.Header.Get("Content-Encoding"), plain.Header.Get("Vary"); encoding != "" || vary != "Accept-Encoding" {
				t.Errorf("it is encoded as %q, varying by %q", encoding, vary)
			}
			packed, zipped := b.do(http.MethodGet, path, "", "Accept-Encoding", "br, gzip")
			if packed.Header.Get("Content-Encoding") != "gzip" || unzip(t, zipped) != body {
				t.Errorf("compressed it is something else")
			}
			if got, _ := b.do(http.MethodGet, path, "", "Accept-Encoding", "gzip;q=0, identity"); got.Header.Get("Content-Encoding") != "" {
				t.Error("it is compressed for who cannot read that")
			}
			tag := plain.Header.Get("ETag")
			if tag == "" || tag != packed.Header.Get("ETag") {
				t.Errorf("its tags are %s and %s", tag, packed.Header.Get("ETag"))
			}
			for known, status := range map[string]int{tag: 304, strings.TrimPrefix(tag, "W/"): 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200} {
				if got, body := b.do(http.MethodGet, path, "", "If-None-Match", known); got.StatusCode != status || (status == 304) != (body == "") {
					t.Errorf("who has %s is answered %d", known, got.StatusCode)
				}
			}
			if got, body := b.do(http.MethodHead, path, "", "Accept-Encoding", "identity"); got.StatusCode != 200 || body != "" || got.ContentLength != plain.ContentLength {
				t.Errorf("HEAD answers %d, %d bytes", got.StatusCode, got.ContentLength)
			}
		})
	}
	t.Run("scripts and style sheets say what they are", func(t *testing.T) {
		t.Parallel()
		for _, found := range assets {
			response, _ := b.do(http.MethodGet, found[1], "")
			want := map[bool]string{true: "text/javascript; charset=utf-8", false: "text/css; charset=utf-8"}[strings.HasSuffix(found[1], ".js")]
			if got := response.Header.Get("Content-Type"); got != want {
				t.Errorf("%s is %s", found[1], got)
			}
		}
	})
}

func unzip(t *testing.T, packed string) string {
	t.Helper()
	reader := shoptest.Must(gzip.NewReader(strings.NewReader(packed)))(t)
	return string(shoptest.Must(io.ReadAll(reader))(t))
}

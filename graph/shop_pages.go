package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"payment-system/internal/admission"
	"payment-system/internal/text"
	"payment-system/shop"
	"payment-system/web"
)

// shopPaths are the storefront's own. All answer the same document, which shows what the path says.
var shopPaths = []string{
	"/{$}", "/products", "/cart", "/checkout", "/orders", "/account", "/sign-in", "/sign-up", "/reset",
}

// orderPaths are those of one order, whose id is in the path.
var orderPaths = []string{"/orders/{id}", "/orders/{id}/paid", "/orders/{id}/receipt"}

// A shopWindow serves the storefront's document.
type shopWindow struct {
	server *Server
	head   web.Head
	policy string
}

func (s *Server) mountShop(mux *http.ServeMux, site web.Site) {
	window := &shopWindow{server: s, policy: shopPolicy(s.Commands.ImageOrigin), head: web.Head{
		Title: s.ShopName, ShopName: s.ShopName, Developers: developers(site),
		Card: &web.Card{Type: "website", Title: s.ShopName, Description: s.ShopName, URL: s.PublicURL + "/"},
	}}
	for _, path := range shopPaths {
		mux.HandleFunc("GET "+path, window.answer)
	}
	for _, path := range orderPaths {
		mux.HandleFunc("GET "+path, window.answerOrder)
	}
	mux.HandleFunc("GET /products/{id}", window.answerProduct)
}

// shopPolicy lets a page do nothing but what the storefront does. Images may come from one place besides
// here, if it is named.
func shopPolicy(imageOrigin string) string {
	images := "'self' data:"
	if imageOrigin != "" {
		images += " " + imageOrigin
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src " + images + "; font-src 'self'; " +
		"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"
}

// developers is what a development server tells the app; nothing is told by others.
func developers(site web.Site) string {
	if !site.Playground {
		return ""
	}
	told, err := json.Marshal(map[string]any{"mailbox": site.Mailbox, "accounts": site.Accounts})
	if err != nil {
		panic(err) // there is nothing in it but text
	}
	return string(told)
}

// answer shows the shop.
func (w *shopWindow) answer(rw http.ResponseWriter, r *http.Request) {
	w.show(rw, r, http.StatusOK, w.head)
}

// answerOrder shows an order, or says that no order is called so. Whose it is, the app asks.
func (w *shopWindow) answerOrder(rw http.ResponseWriter, r *http.Request) {
	head := w.head
	head.Card = nil // it is nobody's to see in a chat
	status := http.StatusOK
	if shop.IDPrefix(r.PathValue("id")) != shop.PrefixOrder {
		status = http.StatusNotFound
	}
	w.show(rw, r, status, head)
}

// answerProduct shows a product, and tells chats that show a preview of the link what it is.
func (w *shopWindow) answerProduct(rw http.ResponseWriter, r *http.Request) {
	head, status := w.head, http.StatusOK
	product, err := w.product(r.Context(), shop.ProductID(r.PathValue("id")))
	switch {
	case err == nil && product.Listed():
		head.Title = product.Name + " · " + w.server.ShopName
		head.Card = w.card(product)
	case err == nil, shop.CodeOf(err) == shop.NotFound:
		status, head.Card = http.StatusNotFound, nil
	default: // The app says what cannot be done now, and tries again.
		head.Card = nil
	}
	w.show(rw, r, status, head)
}

func (w *shopWindow) product(ctx context.Context, id shop.ProductID) (*shop.Product, error) {
	if shop.IDPrefix(string(id)) != shop.PrefixProduct {
		return nil, shop.NoSuch("product")
	}
	ctx, cancel := context.WithTimeout(ctx, either(w.server.PreviewTimeout, 2*time.Second))
	defer cancel()
	ctx, leave, no := w.server.enter(ctx, admission.Reads)
	if no != nil {
		return nil, no.err
	}
	defer leave()
	return w.server.Queries.Product(ctx, id)
}

// maxPreview is how much of a description a preview shows, in bytes.
const maxPreview = 300

func (w *shopWindow) card(product *shop.Product) *web.Card {
	description := won(product.Price) + "원"
	if about := strings.Join(strings.Fields(product.Description), " "); about != "" {
		description += " · " + text.Clip(about, maxPreview)
	}
	return &web.Card{
		Type: "product", Title: product.Name, Description: description, Price: int64(product.Price),
		URL: fmt.Sprintf("%s/products/%s", w.server.PublicURL, product.ID), ImageURL: product.ImageURL,
	}
}

// won writes an amount as people do: 12,345.
func won(amount shop.Won) string {
	digits := strconv.FormatInt(int64(amount), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func (w *shopWindow) show(rw http.ResponseWriter, r *http.Request, status int, head web.Head) {
	var body bytes.Buffer
	// A buffer takes everything.
	_ = web.Shop.Execute(&body, head)
	answerPage(rw, r, status, w.policy, body.Bytes())
}

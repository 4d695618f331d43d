package graph

import (
	"bytes"
	"compress/gzip"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"payment-system/shop"
	"payment-system/web"
)

// The policies of our pages: nothing from elsewhere. GraphiQL's editor sets
// styles on elements.
const (
	pagePolicy       = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	playgroundPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func (s *Server) mountPages(mux *http.ServeMux) {
	site := web.Site{PublicURL: s.PublicURL, Playground: s.Playground, Mailbox: serves(mux, "/dev/mailbox/")}
	mux.HandleFunc("GET /{$}", servePage(web.Front, site))
	mux.HandleFunc("GET /operator", servePage(web.Operator, site))
	mux.Handle("GET /page.css", &asset{mediaType: "text/css; charset=utf-8", body: web.Style})
	if s.Playground {
		mountPlayground(mux)
	}
}

// serves reports whether a path has been mounted.
func serves(mux *http.ServeMux, path string) bool {
	_, pattern := mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
	return pattern != ""
}

func servePage(page *template.Template, site web.Site) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		shown := site
		if id := r.URL.Query().Get("paymentId"); shop.IDPrefix(id) == shop.PrefixPayment {
			shown.PaymentID = id
		}
		w.Header().Set("Content-Security-Policy", pagePolicy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// A browser that is gone does not need the page.
		_ = page.Execute(w, shown)
	}
}

// mountPlayground serves each file of the playground under its name, and its
// page under /playground.
func mountPlayground(mux *http.ServeMux) {
	files := web.Playground()
	names, err := fs.Glob(files, "*")
	if err != nil {
		panic(err) // the pattern is right
	}
	for _, name := range names {
		file := &asset{mediaType: mime.TypeByExtension(path.Ext(name)), body: sync.OnceValue(func() []byte {
			body, err := fs.ReadFile(files, name)
			if err != nil {
				panic(err) // the file is embedded
			}
			return body
		})}
		mux.Handle("GET /playground/"+name, file)
		if name == "playground.html" {
			mux.Handle("GET /playground", file)
		}
	}
}

// An asset is an embedded file, compressed when first asked for.
type asset struct {
	mediaType string
	body      func() []byte
	once      sync.Once
	packed    []byte
}

// ServeHTTP implements http.Handler.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", a.mediaType)
	header.Set("Content-Security-Policy", playgroundPolicy)
	header.Set("Cache-Control", "no-cache")
	header.Set("Vary", "Accept-Encoding")
	body := a.body()
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		body = a.gzip()
	}
	// A browser that is gone does not need the file.
	_, _ = w.Write(body)
}

func (a *asset) gzip() []byte {
	a.once.Do(func() {
		var out bytes.Buffer
		packer := gzip.NewWriter(&out)
		// A buffer takes everything.
		_, _ = packer.Write(a.body())
		_ = packer.Close()
		a.packed = out.Bytes()
	})
	return a.packed
}

// serveSchema answers with the SDL.
func (s *Server) serveSchema(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, source := range sources {
		if !source.BuiltIn {
			_, _ = w.Write([]byte(source.Input))
		}
	}
}

package graph

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"payment-system/web"
)

// The policies of our pages: nothing from elsewhere. GraphiQL's editor sets
// styles on elements.
const (
	pagePolicy       = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	playgroundPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// How long browsers may keep what they got: an asset's name changes with what is in it.
const (
	askAgain = "no-cache"
	forEver  = "public, max-age=31536000, immutable"
)

func (s *Server) mountPages(mux *http.ServeMux) {
	site := web.Site{
		PublicURL: s.PublicURL, Playground: s.Playground, Mailbox: serves(mux, "/dev/mailbox/"), Accounts: s.Accounts,
	}
	s.mountShop(mux, site)
	mux.HandleFunc("GET /operator", servePage(web.Operator, site))
	mux.Handle("GET /page.css", &asset{mediaType: "text/css; charset=utf-8", policy: pagePolicy, caching: askAgain, body: web.Style})
	mountFiles(mux, web.Assets(), "/assets/", "", forEver)
	if s.Playground {
		mux.HandleFunc("GET /dev/{$}", servePage(web.Dev, site))
		mountFiles(mux, web.Playground(), "/playground/", playgroundPolicy, askAgain)
		mux.Handle("GET /playground", fileOf(web.Playground(), "playground.html", playgroundPolicy, askAgain))
	}
	mux.HandleFunc("/", serveMissing(mux))
}

// serves reports whether a path has been mounted.
func serves(mux *http.ServeMux, path string) bool { return patternOf(mux, http.MethodGet, path) != "" }

// patternOf returns the pattern that answers a method at a path, "" for none.
func patternOf(mux *http.ServeMux, method, path string) string {
	_, pattern := mux.Handler(&http.Request{Method: method, URL: &url.URL{Path: path}})
	return pattern
}

// elsewhere is the pattern of what nothing else answers.
const elsewhere = "/"

// serveMissing answers what nothing else does: a path that there is says what it can be asked for,
// and any other is a page that says so.
func serveMissing(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost} {
			if patternOf(mux, method, r.URL.Path) != elsewhere {
				allowed = append(allowed, method)
			}
		}
		switch {
		case allowed != nil:
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			say(w, http.StatusMethodNotAllowed, http.StatusText(http.StatusMethodNotAllowed))
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			var body bytes.Buffer
			// A buffer takes everything.
			_ = web.Missing.Execute(&body, nil)
			answerPage(w, r, http.StatusNotFound, pagePolicy, body.Bytes())
		default:
			say(w, http.StatusNotFound, http.StatusText(http.StatusNotFound))
		}
	}
}

func servePage(page *template.Template, site web.Site) http.HandlerFunc {
	var body bytes.Buffer
	if err := page.Execute(&body, site); err != nil {
		panic(err) // the page is embedded
	}
	return func(w http.ResponseWriter, r *http.Request) {
		answerPage(w, r, http.StatusOK, pagePolicy, body.Bytes())
	}
}

// answerPage answers with a page, unless the browser has it already.
func answerPage(w http.ResponseWriter, r *http.Request, status int, policy string, body []byte) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", askAgain)
	header.Set("Vary", "Accept-Encoding")
	tag := tagOf(body)
	header.Set("ETag", tag)
	if status == http.StatusOK && hasTag(r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if takesGzip(r) {
		header.Set("Content-Encoding", "gzip")
		body = packed(body)
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A browser that is gone does not need the page.
	_, _ = w.Write(body)
}

// tagOf is the weak entity tag of a body, the same for each encoding of it.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
}

// hasTag reports whether the browser has what the tag is of.
func hasTag(r *http.Request, tag string) bool {
	for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		known = strings.TrimSpace(known)
		if known == "*" || strings.TrimPrefix(known, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// takesGzip reports whether an answer may be compressed.
func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		if strings.EqualFold(name, "gzip") || name == "*" {
			return !slices.Contains([]string{"q=0", "q=0.0", "q=0.00", "q=0.000"}, weight)
		}
	}
	return false
}

func packed(body []byte) []byte {
	var out bytes.Buffer
	packer := gzip.NewWriter(&out)
	// A buffer takes everything.
	_, _ = packer.Write(body)
	_ = packer.Close()
	return out.Bytes()
}

// mountFiles serves each file of a folder under its name.
func mountFiles(mux *http.ServeMux, files fs.FS, prefix, policy, caching string) {
	names, err := fs.Glob(files, "*")
	if err != nil {
		panic(err) // the pattern is right
	}
	for _, name := range names {
		mux.Handle("GET "+prefix+name, fileOf(files, name, policy, caching))
	}
}

// mediaTypes are those of the files that we have, whatever the machine thinks of them.
var mediaTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".md":   "text/markdown; charset=utf-8",
	".svg":  "image/svg+xml",
	".webp": "image/webp",
}

func fileOf(files fs.FS, name, policy, caching string) *asset {
	return &asset{
		mediaType: either(mediaTypes[path.Ext(name)], "application/octet-stream"), policy: policy, caching: caching,
		body: sync.OnceValue(func() []byte {
			body, err := fs.ReadFile(files, name)
			if err != nil {
				panic(err) // the file is embedded
			}
			return body
		}),
	}
}

// An asset is an embedded file, compressed when first asked for.
type asset struct {
	mediaType, policy, caching string // policy may be empty

	body   func() []byte
	once   sync.Once
	tag    string
	packed []byte
}

// ServeHTTP implements http.Handler.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.once.Do(func() { a.tag, a.packed = tagOf(a.body()), packed(a.body()) })
	header := w.Header()
	header.Set("Content-Type", a.mediaType)
	if a.policy != "" {
		header.Set("Content-Security-Policy", a.policy)
	}
	header.Set("Cache-Control", a.caching)
	header.Set("Vary", "Accept-Encoding")
	header.Set("ETag", a.tag)
	if hasTag(r, a.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.body()
	if takesGzip(r) {
		header.Set("Content-Encoding", "gzip")
		body = a.packed
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	// A browser that is gone does not need the file.
	_, _ = w.Write(body)
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

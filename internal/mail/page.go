package mail

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
)

//go:embed mailbox.html
var pageSource string

var page = template.Must(template.New("mailbox").Parse(pageSource))

// ServeHTTP answers GET /dev/mailbox?to=ADDRESS with the mails as JSON, newest
// first, and GET /dev/mailbox/ with a page of them; /dev/mailbox/ID shows one.
func (b *Mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Only GET is answered here.", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	id, isPage := strings.CutPrefix(r.URL.Path, "/dev/mailbox/")
	if !isPage {
		b.serveJSON(w, r)
		return
	}
	b.servePage(w, r, id)
}

func (b *Mailbox) serveJSON(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(b.Mails(r.URL.Query().Get("to")))
	if err != nil {
		http.Error(w, "The mails cannot be written as JSON.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // Who left does not read.
}

// servePage shows the list and, when id names one, a mail. What a mail brings
// along may not run, load or leave its frame.
func (b *Mailbox) servePage(w http.ResponseWriter, r *http.Request, id string) {
	data := struct {
		Mails []Mail
		Open  *Mail
		To    string
	}{Mails: b.Mails(r.URL.Query().Get("to")), To: r.URL.Query().Get("to")}
	if id != "" {
		m, ok := b.mail(id)
		if !ok {
			http.NotFound(w, r)
			return
		}
		data.Open = &m
	}
	var out bytes.Buffer
	if err := page.Execute(&out, data); err != nil {
		http.Error(w, "The page cannot be drawn.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self' about:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	_, _ = w.Write(out.Bytes()) // Who left does not read.
}

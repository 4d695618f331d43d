// Package web holds what browsers see: the storefront as it was built, plain pages and the
// playground, all embedded. Nothing in it is loaded from anywhere else.
package web

import (
	"embed"
	"html/template"
	"io/fs"
	"regexp"
)

//go:embed pages playground built
var files embed.FS

// The plain pages. Dev and Operator take a Site; Sorry takes Title, Text and RequestID; Missing takes
// nothing.
var (
	Dev      = page("dev.html")
	Operator = page("operator.html")
	Sorry    = page("sorry.html")
	Missing  = page("missing.html")
)

// Shop is the storefront's document; it takes a Head.
var Shop = document("shop.html")

// A Site is what the plain pages say about the server they are on.
type Site struct {
	PublicURL  string
	Playground bool
	Mailbox    bool
	Accounts   []Account
}

// An Account is one that a development server has from the start.
type Account struct {
	Who      string `json:"who"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

// A Head is what the server puts into the document of an app.
type Head struct {
	Title    string
	ShopName string
	// Developers is what a development server tells the app, as JSON; empty elsewhere.
	Developers string
	// Card is how a chat shows a link to the page; nil leaves that to the chat.
	Card *Card
}

// A Card is a preview of a page, in the words of the Open Graph protocol.
type Card struct {
	Type        string // "website" or "product"
	Title       string
	Description string
	URL         string
	ImageURL    string // empty for none
	Price       int64  // in won; 0 for none
}

func page(name string) *template.Template {
	return template.Must(template.ParseFS(files, "pages/"+name))
}

var (
	builtTitle = regexp.MustCompile(`<title>[^<]*</title>`)
	noScript   = regexp.MustCompile(`</noscript>`)
)

// document makes a template of an app's page as it was built: what the server knows goes where the
// title was, and at the end of what is shown without scripts.
func document(name string) *template.Template {
	text := read("built/" + name)
	if len(builtTitle.FindAll(text, 2)) != 1 || len(noScript.FindAll(text, 2)) != 1 {
		panic("built/" + name + " does not have one <title> and one <noscript>")
	}
	text = builtTitle.ReplaceAll(text, []byte(`{{template "head" .}}`))
	text = noScript.ReplaceAll(text, []byte(`{{template "links" .}}</noscript>`))
	return template.Must(page("head.html").New(name).Parse(string(text)))
}

// Style returns the style sheet of the plain pages.
func Style() []byte { return read("pages/page.css") }

// Assets returns the scripts and style sheets of the apps, whose names hold a hash of what is in them.
func Assets() fs.FS { return sub("built/assets") }

// Playground returns the files of the playground; playground.html is its page.
func Playground() fs.FS { return sub("playground") }

func sub(folder string) fs.FS {
	found, err := fs.Sub(files, folder)
	if err != nil {
		panic(err) // the folder is embedded
	}
	return found
}

func read(name string) []byte {
	body, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the file is embedded
	}
	return body
}

// Package web holds what browsers see: the pages and the playground, embedded.
// Nothing in it is loaded from anywhere else.
package web

import (
	"embed"
	"html/template"
	"io/fs"
)

//go:embed pages playground
var files embed.FS

// The pages. Front and Operator take a Site; Sorry takes Title, Text and RequestID.
var (
	Front    = page("front.html")
	Operator = page("operator.html")
	Sorry    = page("sorry.html")
)

// A Site is what the pages say about the server they are on.
type Site struct {
	PublicURL  string
	Playground bool
	Mailbox    bool
	// PaymentID is the payment that a shopper comes back from, if any.
	PaymentID string
}

func page(name string) *template.Template {
	return template.Must(template.ParseFS(files, "pages/"+name))
}

// Style returns the style sheet of the pages.
func Style() []byte { return read("pages/page.css") }

// Playground returns the files of the playground; playground.html is its page.
func Playground() fs.FS {
	sub, err := fs.Sub(files, "playground")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return sub
}

func read(name string) []byte {
	body, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the file is embedded
	}
	return body
}

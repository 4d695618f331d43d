package graph

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"payment-system/command/reconciliation"
	"payment-system/shop"
)

// uploadTransport takes one file by the GraphQL multipart request
// specification. The file is not kept: the command reads it off the wire.
type uploadTransport struct{ transport }

// Supports implements graphql.Transport.
func (t uploadTransport) Supports(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), typeFormData)
}

// uploadTimeouts is how many times longer a file may take than other requests.
const uploadTimeouts = 10

// Do implements graphql.Transport.
func (t uploadTransport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	timeout := uploadTimeouts * t.timeout()
	// Not every connection has deadlines; those that have must wait for the file.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(after(timeout))
	_ = control.SetWriteDeadline(after(timeout + time.Minute))
	params, no := readUpload(w, r)
	if no != nil {
		t.refuse(w, r, no)
		return
	}
	t.execute(w, r, exec, params, timeout)
}

// readUpload reads up to the first byte of the file.
func readUpload(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *rejection) {
	if !asksFirst(r) {
		return nil, reject(http.StatusBadRequest, "A file needs the header GraphQL-Preflight: 1, so that no other site's form can send it.")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, reject(http.StatusBadRequest, "The multipart request cannot be read.")
	}
	operations, no := readPart(parts, "operations", maxBody)
	if no != nil {
		return nil, no
	}
	params, no := decodeParams(operations)
	if no != nil {
		return nil, no
	}
	places, no := readPart(parts, "map", maxBody)
	if no != nil {
		return nil, no
	}
	return params, placeFile(params, places, parts)
}

// asksFirst reports whether a header is there that makes browsers ask first.
func asksFirst(r *http.Request) bool {
	for _, name := range []string{"GraphQL-Preflight", "X-Requested-With", "Apollo-Require-Preflight"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

func readPart(parts *multipart.Reader, name string, limit int64) ([]byte, *rejection) {
	part, err := parts.NextPart()
	if err != nil || part.FormName() != name {
		return nil, reject(http.StatusBadRequest, "The parts must be operations, map and the file, in this order.")
	}
	body, err := io.ReadAll(io.LimitReader(part, limit+1))
	if err != nil || int64(len(body)) > limit {
		return nil, reject(http.StatusBadRequest, "The part "+name+" cannot be read.")
	}
	return body, nil
}

// placeFile puts the file where the map says: at one variable.
func placeFile(params *graphql.RawParams, places []byte, parts *multipart.Reader) *rejection {
	var paths map[string][]string
	if decode(places, &paths) != nil || len(paths) != 1 {
		return reject(http.StatusBadRequest, "The map must name one file.")
	}
	part, err := parts.NextPart()
	if err != nil {
		return reject(http.StatusBadRequest, "The file is missing.")
	}
	path := paths[part.FormName()]
	if len(path) != 1 || !place(params.Variables, strings.Split(path[0], "."), reconciliation.Upload{Name: part.FileName(), Body: &file{part}}) {
		return reject(http.StatusBadRequest, `The map must name one null variable, like {"0": ["variables.input.file"]}.`)
	}
	return nil
}

// place puts a file where path leads, which must hold null.
func place(variables map[string]any, path []string, upload reconciliation.Upload) bool {
	if len(path) < 2 || path[0] != "variables" {
		return false
	}
	at := variables
	for _, name := range path[1 : len(path)-1] {
		next, ok := at[name].(map[string]any)
		if !ok {
			return false
		}
		at = next
	}
	last := path[len(path)-1]
	if value, ok := at[last]; !ok || value != nil {
		return false
	}
	at[last] = upload
	return true
}

// A file reads an upload and says what is wrong with one that is cut or too large.
type file struct{ part io.Reader }

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return n, shop.InvalidField("file", "The file is larger than 64 MiB.")
	}
	return n, &shop.Error{Code: shop.Invalid, Message: "The file did not arrive whole.", Details: map[string]any{"field": "file"}, Err: err}
}

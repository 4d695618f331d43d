package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"payment-system/shop"
)

const (
	maxBody   = 1 << 20
	maxUpload = 64 << 20
)

// A transport is what every way to carry GraphQL shares.
type transport struct{ *Server }

// write sends a response. One without data comes from a request that was
// refused before anything ran.
func write(w http.ResponseWriter, mediaType string, status int, response *graphql.Response) {
	body := encode(response)
	tellWhen(w, response.Errors)
	w.Header().Set("Content-Type", mediaType+"; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// encode writes a response as JSON: data is JSON already, and absent when
// nothing ran.
func encode(response *graphql.Response) []byte {
	var out bytes.Buffer
	out.Grow(len(response.Data) + 16)
	out.WriteByte('{')
	if len(response.Errors) > 0 {
		errors, err := json.Marshal(response.Errors)
		if err != nil {
			panic(err) // strings, numbers and maps of them always encode
		}
		out.WriteString(`"errors":`)
		out.Write(errors)
	}
	if len(response.Data) > 0 {
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		out.WriteString(`"data":`)
		out.Write(response.Data)
	}
	out.WriteByte('}')
	return out.Bytes()
}

// refuse answers a request that never became an operation.
func (t transport) refuse(w http.ResponseWriter, r *http.Request, no *rejection) {
	mediaType, ok := negotiate(r.Header.Get("Accept"))
	if !ok {
		mediaType = typeJSON
	}
	presented := t.present(r.Context(), no.err)
	write(w, mediaType, no.status, &graphql.Response{Errors: gqlerror.List{presented}})
}

// execute runs an operation and answers it.
func (t transport) execute(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, params *graphql.RawParams, timeout time.Duration) {
	mediaType, ok := negotiate(r.Header.Get("Accept"))
	if !ok {
		t.refuse(w, r, reject(http.StatusNotAcceptable, "We answer in "+typeGraphQL+" or "+typeJSON+"."))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	now := graphql.Now()
	params.Headers, params.ReadTime = r.Header, graphql.TraceTiming{Start: now, End: now}
	op, errs := exec.CreateOperationContext(ctx, params)
	if errs != nil {
		write(w, mediaType, refusedStatus(mediaType), exec.DispatchError(graphql.WithOperationContext(ctx, op), errs))
		return
	}
	if no := allowed(r.Method, op.Operation.Operation); no != nil {
		w.Header().Set("Allow", http.MethodPost)
		t.refuse(w, r, no)
		return
	}
	ctx, leave, no := t.enter(ctx, classOf(op.Operation))
	if no != nil {
		t.refuse(w, r, no)
		return
	}
	defer leave()
	responses, ctx := exec.DispatchOperation(ctx, op)
	response := responses(ctx)
	if response == nil {
		t.refuse(w, r, &rejection{status: http.StatusServiceUnavailable, err: shop.NotNow("This took too long.", nil)})
		return
	}
	if err := t.endedMeanwhile(ctx, graphql.Now().Sub(now)); err != nil {
		response = &graphql.Response{Errors: gqlerror.List{t.present(ctx, err)}}
	}
	write(w, mediaType, http.StatusOK, response)
}

// refusedStatus is the status of a document that was not run: clients of plain
// JSON take whatever is not 200 for a broken server.
func refusedStatus(mediaType string) int {
	if mediaType == typeGraphQL {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// allowed refuses mutations by GET, which any link could make, and
// subscriptions where no stream was asked for.
func allowed(method string, operation ast.Operation) *rejection {
	if operation == ast.Subscription {
		return reject(http.StatusBadRequest, "Subscribe by WebSocket, or with Accept: "+typeEvents+".")
	}
	if method != http.MethodPost && operation != ast.Query {
		return reject(http.StatusMethodNotAllowed, "GET is for queries only.")
	}
	return nil
}

// getTransport answers GET: queries only.
type getTransport struct{ transport }

// Supports implements graphql.Transport.
func (t getTransport) Supports(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

// Do implements graphql.Transport.
func (t getTransport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	params, no := paramsOfURL(r.URL.RawQuery)
	if no != nil {
		t.refuse(w, r, no)
		return
	}
	t.execute(w, r, exec, params, t.timeout())
}

// postTransport answers POST with a JSON body. The content type makes browsers
// ask first before another site's page may send one.
type postTransport struct{ transport }

// Supports implements graphql.Transport.
func (t postTransport) Supports(r *http.Request) bool { return r.Method == http.MethodPost }

// Do implements graphql.Transport.
func (t postTransport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	params, no := t.readPost(w, r)
	if no != nil {
		t.refuse(w, r, no)
		return
	}
	t.execute(w, r, exec, params, t.timeout())
}

func (t transport) readPost(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *rejection) {
	if !hasType(r, typeJSON) || r.Header.Get("Content-Encoding") != "" {
		return nil, reject(http.StatusUnsupportedMediaType, "The request must be "+typeJSON+" in UTF-8.")
	}
	body, no := t.readBody(w, r, maxBody)
	if no != nil {
		return nil, no
	}
	return decodeParams(body)
}

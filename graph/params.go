package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"payment-system/shop"
)

// A rejection is a request that never became an operation. Its words are our
// own: what the client sent may be a password, and is not repeated.
type rejection struct {
	status int
	err    *shop.Error
}

func reject(status int, message string) *rejection {
	return &rejection{status: status, err: &shop.Error{Code: shop.GraphQLInvalid, Message: message}}
}

// decodeParams reads a GraphQL request as GraphQL over HTTP spells it.
func decodeParams(body []byte) (*graphql.RawParams, *rejection) {
	if !utf8.Valid(body) {
		return nil, reject(http.StatusBadRequest, "The request is not UTF-8.")
	}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		return nil, reject(http.StatusBadRequest, "One operation at a time: batches are not supported.")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, reject(http.StatusBadRequest, "The request is not a JSON object.")
	}
	return paramsFrom(fields)
}

func paramsFrom(fields map[string]json.RawMessage) (*graphql.RawParams, *rejection) {
	params := &graphql.RawParams{}
	for _, field := range []struct {
		name string
		into any
		kind string
	}{
		{"query", &params.Query, "a string"},
		{"operationName", &params.OperationName, "a string"},
		{"variables", &params.Variables, "an object"},
		{"extensions", &params.Extensions, "an object"},
	} {
		if raw, ok := fields[field.name]; ok && decode(raw, field.into) != nil {
			return nil, reject(http.StatusBadRequest, "The parameter "+field.name+" must be "+field.kind+".")
		}
	}
	if params.Query == "" {
		return nil, reject(http.StatusBadRequest, "The parameter query is missing.")
	}
	return params, nil
}

// decode reads one JSON value, numbers as they were written.
func decode(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// paramsOfURL reads a GraphQL request from a URL's query.
func paramsOfURL(rawQuery string) (*graphql.RawParams, *rejection) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, reject(http.StatusBadRequest, "The URL's query cannot be read.")
	}
	fields := map[string]json.RawMessage{}
	for _, name := range []string{"query", "operationName"} {
		if values.Has(name) {
			fields[name], _ = json.Marshal(values.Get(name))
		}
	}
	for _, name := range []string{"variables", "extensions"} {
		if value := values.Get(name); value != "" {
			fields[name] = json.RawMessage(value)
		}
	}
	return paramsFrom(fields)
}

// readBody reads a body of at most limit bytes, in the time a request has.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *rejection) {
	// Not every connection has deadlines.
	_ = http.NewResponseController(w).SetReadDeadline(after(s.timeout()))
	body, err := io.ReadAll(metered{http.MaxBytesReader(w, r.Body, limit), &s.bodies, &visitFrom(r.Context()).held})
	if errors.Is(err, errBodies) {
		return nil, &rejection{http.StatusServiceUnavailable, shop.NotNow("There are too many large requests at once. Try again in a moment.", nil)}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, reject(http.StatusRequestEntityTooLarge, "The request is larger than "+strconv.FormatInt(limit, 10)+" bytes.")
	}
	if err != nil {
		return nil, reject(http.StatusBadRequest, "The request could not be read.")
	}
	return body, nil
}

const (
	typeJSON     = "application/json"
	typeGraphQL  = "application/graphql-response+json"
	typeEvents   = "text/event-stream"
	typeFormData = "multipart/form-data"
)

// negotiate picks the media type of the answer: the one the client likes best,
// application/json when it does not mind. ok is false when it takes neither.
func negotiate(accept string) (mediaType string, ok bool) {
	if strings.TrimSpace(accept) == "" {
		return typeJSON, true
	}
	best := 0
	for part := range strings.SplitSeq(accept, ",") {
		name, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		offer := map[string]string{typeJSON: typeJSON, typeGraphQL: typeGraphQL, "application/*": typeJSON, "*/*": typeJSON}[name]
		if q := quality(parameters); offer != "" && q > best && isUTF8(parameters) {
			mediaType, best = offer, q
		}
	}
	return mediaType, best > 0
}

// quality reads a weight like 0.8, in thousandths.
func quality(parameters map[string]string) int {
	whole, part, _ := strings.Cut(parameters["q"], ".")
	n, err := strconv.Atoi(whole + (part + "000")[:3])
	if whole == "" || len(part) > 3 || err != nil {
		return 1000
	}
	return n
}

func isUTF8(parameters map[string]string) bool {
	charset := parameters["charset"]
	return charset == "" || strings.EqualFold(charset, "utf-8")
}

// hasType reports whether a request's body is of a media type, in UTF-8.
func hasType(r *http.Request, mediaType string) bool {
	name, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && name == mediaType && isUTF8(parameters)
}

// wants reports whether a media type is named among those a client accepts.
func wants(r *http.Request, mediaType string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if name, _, err := mime.ParseMediaType(part); err == nil && name == mediaType {
			return true
		}
	}
	return false
}

// after is the deadline of a connection that has so much time left. The operating system counts it by
// the machine's clock, whatever clock the shop goes by.
func after(d time.Duration) time.Time {
	return time.Now().Add(d) //nolint:forbidigo // It is compared with no time of the shop's.
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// object is a JSON object that we send.
type object map[string]any

// A site is where the server under test answers, and how we ask it.
type site struct {
	url  string
	http *http.Client
}

func newSite(url string) site {
	transport := &http.Transport{MaxIdleConnsPerHost: 2_048, DisableCompression: true}
	return site{url, &http.Client{
		Timeout: time.Minute, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// A refusal is an error that the server answered with.
type refusal struct {
	Message    string
	Extensions struct{ Code string }
}

// Error implements error.
func (r *refusal) Error() string { return r.Extensions.Code + ": " + r.Message }

// isRefused reports whether err is a refusal with this code.
func isRefused(err error, code string) bool {
	refused, ok := errors.AsType[*refusal](err)
	return ok && refused.Extensions.Code == code
}

// A visitor is somebody's browser; session is the cookie of who signed in, or "".
type visitor struct {
	site    site
	session string
}

// ask sends a document with variables and decodes data into out, unless that is nil.
func (v visitor) ask(ctx context.Context, document string, variables object, out any) error {
	body, err := json.Marshal(object{"query": document, "variables": variables})
	if err != nil {
		return err
	}
	response, err := v.post(ctx, "application/json", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	return decodeAnswer(response, out)
}

// post sends a body to the GraphQL endpoint. The caller closes the response's body.
func (v visitor) post(ctx context.Context, contentType, accept string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, v.site.url+"/graphql", body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Accept", accept)
	request.Header.Set("GraphQL-Preflight", "1") // No page of another site sends it.
	if v.session != "" {
		request.AddCookie(&http.Cookie{Name: "session", Value: v.session})
	}
	return v.site.http.Do(request)
}

func decodeAnswer(response *http.Response, out any) error {
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage
		Errors []*refusal
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%s: %w: %.200s", response.Status, err, text)
	}
	if len(answer.Errors) > 0 {
		return answer.Errors[0]
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, out)
}

// signIn asks as ask does, and returns a visitor who has the session that the answer brought.
func (v visitor) signIn(ctx context.Context, document string, variables object) (visitor, error) {
	body, err := json.Marshal(object{"query": document, "variables": variables})
	if err != nil {
		return v, err
	}
	response, err := v.post(ctx, "application/json", "application/json", bytes.NewReader(body))
	if err != nil {
		return v, err
	}
	for _, cookie := range response.Cookies() {
		if strings.HasSuffix(cookie.Name, "session") {
			v.session = cookie.Value
		}
	}
	if err := decodeAnswer(response, nil); err != nil {
		return v, err
	}
	if v.session == "" {
		return v, errors.New("nobody was signed in")
	}
	return v, nil
}

// get reports whether an address is answered with this status, and returns where it leads to.
func (s site) get(ctx context.Context, address string, status int) (location string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil { // The connection is used again.
		return "", err
	}
	if response.StatusCode != status {
		return "", fmt.Errorf("%s was answered with %s", request.URL.Path, response.Status)
	}
	return response.Header.Get("Location"), nil
}

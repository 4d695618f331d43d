package graph_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// events are a stream as a client reads it.
type events struct {
	t     *testing.T
	lines *bufio.Scanner
}

// stream posts an operation and asks for events.
func (b *browser) stream(body string) *events {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.site.URL+"/graphql", strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", jsonType)
	r.Header.Set("Accept", "text/event-stream")
	response, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = response.Body.Close() })
	if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != "text/event-stream" {
		b.t.Fatalf("the stream is %d %s", response.StatusCode, got)
	}
	return &events{t: b.t, lines: bufio.NewScanner(response.Body)}
}

// next returns the next event and its data, "" at the end of the stream.
func (e *events) next() string {
	e.t.Helper()
	var kind string
	for e.lines.Scan() {
		name, value, _ := strings.Cut(e.lines.Text(), ":")
		switch name {
		case "event":
			kind = strings.TrimSpace(value)
		case "data":
			return kind + " " + strings.TrimSpace(value)
		}
	}
	return ""
}

package pgtest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
)

// A Script is a server that answers every request with what it was last told
// to say, and remembers what it was asked.
type Script struct {
	URL string

	mu     sync.Mutex
	status int
	header http.Header
	body   []byte
	asked  []Asked
}

// Asked is a request that a Script was sent.
type Asked struct {
	Method string
	Path   string // as it was escaped
	Header http.Header
	Body   []byte
}

// NewScript starts a Script that says 200 {} and ends with the test.
func NewScript(t testing.TB) *Script {
	s := &Script{status: http.StatusOK, body: []byte("{}")}
	server := httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Say sets the answer to all that is asked from now on. Header holds pairs of
// names and values.
func (s *Script) Say(status int, body []byte, header ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body, s.header = status, body, http.Header{}
	for pair := range slices.Chunk(header, 2) {
		s.header.Set(pair[0], pair[1])
	}
}

// Asked returns what was asked so far, oldest first.
func (s *Script) Asked() []Asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *Script) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a cut body is compared as it is
	s.mu.Lock()
	s.asked = append(s.asked, Asked{Method: r.Method, Path: r.URL.EscapedPath(), Header: r.Header, Body: body})
	status, header, said := s.status, s.header, s.body
	s.mu.Unlock()
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	_, _ = w.Write(said)
}

// Sample reads a file of testdata.
func Sample(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Leaves flattens JSON into its leaves, each under the path of its keys with []
// for any element of a list: "amount.total", "cancels[].cancelAmount". Leaves
// of one path are in the order of the list; nulls and empty lists are none.
func Leaves(t testing.TB, body []byte) map[string][]any {
	t.Helper()
	var doc any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	leaves := map[string][]any{}
	flatten(leaves, "", doc)
	return leaves
}

func flatten(leaves map[string][]any, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			name := key
			if path != "" {
				name = path + "." + key
			}
			flatten(leaves, name, value)
		}
	case []any:
		for _, value := range v {
			flatten(leaves, path+"[]", value)
		}
	case nil:
	default:
		leaves[path] = append(leaves[path], v)
	}
}

package graph_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the answers of the walks in testdata anew")

// TestServer_walks replays each archive of testdata against a site of its own.
// An archive is a list of steps; a step is files of one name:
//
//	10.shopper.graphql    what shopper asks
//	10.shopper.variables  the variables, if any
//	10.shopper.file       a file to upload as input.file, if any
//	10.shopper.answer     what must come back
//	20.shopper.pay        {"pg", "paymentKey", "act"} at the gateway's page, and back
//
// Names are people: each has a browser. Ids and keys are written as they appear
// first, ord_1 and KEY_1; times and what else differs is written in capitals.
// {{code}} is the code mailed last to NAME@example.com.
func TestServer_walks(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no walks: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			w := &walk{t: t, site: open(t), archive: archive, people: map[string]*browser{}, written: map[string]string{}, real: map[string]string{}, counts: map[string]int{}}
			w.replay()
			if *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A walk is an archive being replayed.
type walk struct {
	t       *testing.T
	site    *site
	archive *txtar.Archive
	people  map[string]*browser
	// written names what is real, and the other way round.
	written, real map[string]string
	counts        map[string]int
}

func (w *walk) replay() {
	for i := 0; i < len(w.archive.Files); i++ {
		file := w.archive.Files[i]
		step, kind := strings.TrimSuffix(file.Name, filepath.Ext(file.Name)), filepath.Ext(file.Name)
		_, person, _ := strings.Cut(step, ".")
		switch kind {
		case ".graphql":
			w.ask(step, w.person(person), string(file.Data))
		case ".pay":
			w.pay(w.person(person), w.fill(person, string(file.Data)))
		}
	}
}

// person returns somebody's browser. An operator has an account at once.
func (w *walk) person(name string) *browser {
	if w.people[name] == nil {
		if name == "operator" {
			w.people[name] = w.site.operator(w.t)
		} else {
			w.people[name] = w.site.browser(w.t)
		}
	}
	return w.people[name]
}

// find returns the index of a step's file, or -1.
func (w *walk) find(name string) int {
	for i, file := range w.archive.Files {
		if file.Name == name {
			return i
		}
	}
	return -1
}

func (w *walk) text(name string) string {
	if i := w.find(name); i >= 0 {
		return string(w.archive.Files[i].Data)
	}
	return ""
}

func (w *walk) ask(step string, b *browser, document string) {
	w.t.Helper()
	_, person, _ := strings.Cut(step, ".")
	variables := w.fill(person, w.text(step+".variables"))
	if variables == "" {
		variables = "{}"
	}
	body := fmt.Sprintf(`{"query": %s, "variables": %s}`, quoted(document), variables)
	headers := []string{"Content-Type", jsonType}
	if file := w.text(step + ".file"); file != "" {
		var contentType string
		body, contentType = form(w.t, "operations", body, "map", importMap, "0", file)
		headers = []string{"Content-Type", contentType, "GraphQL-Preflight", "1"}
	}
	_, answer := b.do(http.MethodPost, "/graphql", body, headers...)
	got := w.normal(answer)
	i := w.find(step + ".answer")
	switch {
	case *update && i >= 0:
		w.archive.Files[i].Data = []byte(got)
	case *update:
		w.insert(step, got)
	case i < 0:
		w.t.Fatalf("step %s has no answer: run go test ./graph -update", step)
	default:
		if diff := cmp.Diff(string(w.archive.Files[i].Data), got); diff != "" {
			w.t.Errorf("step %s answers otherwise (-want +got):\n%s", step, diff)
		}
	}
}

// insert puts an answer behind the last file of its step.
func (w *walk) insert(step, answer string) {
	last := 0
	for i, file := range w.archive.Files {
		if strings.HasPrefix(file.Name, step+".") {
			last = i
		}
	}
	rest := append([]txtar.File{{Name: step + ".answer", Data: []byte(answer)}}, w.archive.Files[last+1:]...)
	w.archive.Files = append(w.archive.Files[:last+1:last+1], rest...)
}

func quoted(s string) string {
	body, _ := json.Marshal(s)
	return string(body)
}

// pay is the shopper at the gateway's page, whose browser then comes back.
func (w *walk) pay(b *browser, body string) {
	w.t.Helper()
	response, err := http.Post(w.site.simulator+"/sim/shopper", jsonType, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var sent struct{ RedirectURL string }
	if err := json.Unmarshal(answer, &sent); err != nil || sent.RedirectURL == "" {
		w.t.Fatalf("the gateway's page answers %s", answer)
	}
	path, ok := strings.CutPrefix(sent.RedirectURL, w.site.URL)
	if !ok {
		w.t.Fatalf("the gateway sends the shopper to %s", sent.RedirectURL)
	}
	if back, page := b.do(http.MethodGet, path, ""); back.StatusCode != http.StatusSeeOther {
		w.t.Fatalf("coming back answers %d %s", back.StatusCode, page)
	}
}

var (
	idPattern    = regexp.MustCompile(`\b(usr|prd|ord|pay|att|rfd|ver|rec|dsc)_[0-9a-hjkmnp-tv-z]{26}\b`)
	tokenPattern = regexp.MustCompile(`\b(usr|prd|ord|pay|att|rfd|ver|rec|dsc|KEY)_[0-9]+\b`)
	timePattern  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`)
	keyFields    = map[string]bool{
		"paymentKey": true, "tid": true, "aid": true, "transactionKey": true, "lastTransactionKey": true, "planHash": true, "fileHash": true,
		"approveNo": true, "approvalNumber": true, "cursor": true, "startCursor": true, "endCursor": true,
	}
	wildFields = map[string]string{"requestId": "REQUEST", "checkoutUrl": "CHECKOUT", "lagMs": "LAG", "pending": "PENDING", "lastAppliedAt": "TIME"}
)

// fill puts in what was named before.
func (w *walk) fill(person, text string) string {
	if strings.Contains(text, "{{code}}") {
		text = strings.ReplaceAll(text, "{{code}}", w.person(person).mailedCode(person+"@example.com"))
	}
	return tokenPattern.ReplaceAllStringFunc(text, func(token string) string {
		if real := w.real[token]; real != "" {
			return real
		}
		return token
	})
}

// name writes something real in a way that is the same each time.
func (w *walk) name(kind, real string) string {
	if w.written[real] == "" {
		w.counts[kind]++
		token := fmt.Sprintf("%s_%d", kind, w.counts[kind])
		w.written[real], w.real[token] = token, real
	}
	return w.written[real]
}

// normal writes an answer so that it is the same each time.
func (w *walk) normal(answer string) string {
	w.t.Helper()
	decoder := json.NewDecoder(strings.NewReader(answer))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		w.t.Fatalf("the answer %q is not JSON: %v", answer, err)
	}
	if object, ok := tree.(map[string]any); ok {
		// Fields of a query run at once: their errors come in any order.
		if errors, ok := object["errors"].([]any); ok {
			slices.SortFunc(errors, func(a, b any) int { return strings.Compare(fmt.Sprint(dig(a, "path")), fmt.Sprint(dig(b, "path"))) })
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(w.tame("", tree)); err != nil {
		w.t.Fatal(err)
	}
	return out.String()
}

func (w *walk) tame(field string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			if inner != nil && wildFields[key] != "" {
				value[key] = wildFields[key]
			}
		}
		// Names are given in an order that does not change: that of the keys.
		for _, key := range slices.Sorted(maps.Keys(value)) {
			value[key] = w.tame(key, value[key])
		}
		return value
	case []any:
		for i := range value {
			value[i] = w.tame(field, value[i])
		}
		return value
	case string:
		if keyFields[field] {
			return w.name("KEY", value)
		}
		value = idPattern.ReplaceAllStringFunc(value, func(id string) string { return w.name(id[:3], id) })
		return timePattern.ReplaceAllString(value, "TIME")
	}
	return value
}

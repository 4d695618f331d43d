package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// A client is a browser: it speaks HTTP, keeps cookies and follows no redirects by itself.
type client struct {
	url  string
	http *http.Client
}

func newClient(t *testing.T, address string) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client{url: address, http: &http.Client{
		Jar: jar, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// at is the same browser, at another replica. Cookies do not tell ports apart.
func (c *client) at(address string) *client { return &client{url: address, http: c.http} }

// A refusal is an error of a GraphQL answer.
type refusal struct {
	Message    string `json:"message"`
	Path       []any  `json:"path"`
	Extensions struct {
		Code      string         `json:"code"`
		RequestID string         `json:"requestId"`
		Details   map[string]any `json:"details"`
	} `json:"extensions"`
}

// String tells the code, the details and the message.
func (r refusal) String() string {
	return fmt.Sprintf("%s %v %s", r.Extensions.Code, r.Extensions.Details, r.Message)
}

// an object is what a GraphQL query asked for.
type object map[string]any

// try sends an operation and returns its data and its errors.
func (c *client) try(t *testing.T, document string, variables object) (object, []refusal) {
	t.Helper()
	body, err := json.Marshal(object{"query": document, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return c.send(t, body, "application/json")
}

func (c *client) send(t *testing.T, body []byte, contentType string) (object, []refusal) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("GraphQL-Preflight", "1")
	response, err := c.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.Header.Get("X-Request-Id") == "" {
		t.Error("a response without X-Request-Id")
	}
	var answer struct {
		Data   object    `json:"data"`
		Errors []refusal `json:"errors"`
	}
	decoder := json.NewDecoder(response.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		t.Fatalf("%s answered %s: %v", c.url, response.Status, err)
	}
	return answer.Data, answer.Errors
}

// do sends an operation that must succeed, and returns its first field.
func (c *client) do(t *testing.T, document string, variables object) object {
	t.Helper()
	data, refused := c.try(t, document, variables)
	if len(refused) > 0 {
		t.Fatalf("%s\n%v\nwas refused: %s", document, variables, refused)
	}
	return first(data)
}

// first returns the value of an object's only field.
func first(data object) object {
	for _, value := range data {
		found, _ := value.(map[string]any)
		return found
	}
	return nil
}

// at returns what a path of field names and indexes leads to.
func (o object) at(path ...any) any {
	var value any = map[string]any(o)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			fields, _ := value.(map[string]any)
			value = fields[step]
		case int:
			items, _ := value.([]any)
			if step >= len(items) {
				return nil
			}
			value = items[step]
		}
	}
	return value
}

// text is at, as text.
func (o object) text(path ...any) string { return fmt.Sprint(o.at(path...)) }

// number is at, as a whole number.
func (o object) number(t *testing.T, path ...any) int64 {
	t.Helper()
	digits, ok := o.at(path...).(json.Number)
	if !ok {
		t.Fatalf("%v is no number in %v", path, o)
	}
	n, err := digits.Int64()
	if err != nil {
		t.Fatalf("%v: %v", path, err)
	}
	return n
}

// upload sends a file with an operation whose variable file takes it.
func (c *client) upload(t *testing.T, document string, variables object, name string, file []byte) object {
	t.Helper()
	operations, err := json.Marshal(object{"query": document, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for field, value := range map[string]string{"operations": string(operations)} {
		if err := form.WriteField(field, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.WriteField("map", `{"0": ["variables.input.file"]}`); err != nil {
		t.Fatal(err)
	}
	part, err := form.CreateFormFile("0", name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	data, refused := c.send(t, body.Bytes(), form.FormDataContentType())
	if len(refused) > 0 {
		t.Fatalf("%s of %s was refused: %s", document, name, refused)
	}
	return first(data)
}

// get fetches a page.
func (c *client) get(t *testing.T, address string) (*http.Response, string) {
	t.Helper()
	response, err := c.http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	return response, readAll(t, response)
}

// post sends a form, as a page of the server named by address would.
func (c *client) post(t *testing.T, address string, form url.Values) *http.Response {
	t.Helper()
	response, err := c.http.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, response)
	return response
}

func readAll(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// control sends JSON to the simulators' control, and returns the answer.
func (c *client) control(t *testing.T, address string, body object) object {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.http.Post(address, "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	answer := readAll(t, response)
	var fields object
	if err := json.Unmarshal([]byte(answer), &fields); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %s: %s", address, response.Status, answer)
	}
	return fields
}

var formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)

// checkOut opens a gateway's page, presses the button named, and returns where the gateway sends
// the browser.
func (c *client) checkOut(t *testing.T, page, button string) string {
	t.Helper()
	response, body := c.get(t, page)
	action := formAction.FindStringSubmatch(body)
	if response.StatusCode != http.StatusOK || action == nil || !strings.Contains(body, `value="`+button+`"`) {
		t.Fatalf("the checkout page %s answered %s without the button %s:\n%s", page, response.Status, button, body)
	}
	at, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	to, err := at.Parse(action[1])
	if err != nil {
		t.Fatal(err)
	}
	left := c.post(t, to.String(), url.Values{"act": {button}, "cardNumber": {"4111111111111111"}})
	if left.StatusCode != http.StatusSeeOther {
		t.Fatalf("pressing %s answered %s", button, left.Status)
	}
	return left.Header.Get("Location")
}

// A subscription hears of every version, over graphql-transport-ws.
type subscription struct{ seen chan object }

// subscribe opens a WebSocket, subscribes, and closes it when the test ends.
func (c *client) subscribe(t *testing.T, document string, variables object) *subscription {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	address, err := url.Parse(c.url)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Origin": {c.url}}
	for _, cookie := range c.http.Jar.Cookies(address) {
		header.Add("Cookie", cookie.Name+"="+cookie.Value)
	}
	conn, _, err := websocket.Dial(ctx, strings.Replace(c.url, "http", "ws", 1)+"/graphql", &websocket.DialOptions{
		Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: header,
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		conn.CloseNow()
	})
	for _, message := range []object{
		{"type": "connection_init"},
		{"type": "subscribe", "id": "1", "payload": object{"query": document, "variables": variables}},
	} {
		if err := wsjson.Write(ctx, conn, message); err != nil {
			t.Fatal(err)
		}
	}
	s := &subscription{seen: make(chan object, 100)}
	go s.read(ctx, conn)
	return s
}

func (s *subscription) read(ctx context.Context, conn *websocket.Conn) {
	defer close(s.seen)
	for {
		_, body, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var message struct {
			Type    string
			Payload json.RawMessage
		}
		switch err := json.Unmarshal(body, &message); {
		case message.Type == "error", message.Type == "complete":
			return
		case err == nil && message.Type == "next":
			s.seen <- first(dataOf(message.Payload))
		}
	}
}

// dataOf is the data of an answer, nil when it has none.
func dataOf(payload []byte) object {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var answer struct{ Data object }
	if decoder.Decode(&answer) != nil {
		return nil
	}
	return answer.Data
}

// next returns what the subscription sees next; it reports false when it is ended instead.
func (s *subscription) next(t *testing.T) (object, bool) {
	t.Helper()
	select {
	case seen, ok := <-s.seen:
		return seen, ok
	case <-time.After(time.Minute):
		t.Fatal("the subscription neither saw anything nor ended")
		return nil, false
	}
}

// until returns what the subscription saw, up to the status named, in rising versions.
func (s *subscription) until(t *testing.T, status string) (statuses []string) {
	t.Helper()
	last := int64(0)
	timeout := time.After(time.Minute)
	for {
		select {
		case seen, ok := <-s.seen:
			if !ok {
				t.Fatalf("the subscription ended after %s", statuses)
			}
			if version := seen.number(t, "version"); version <= last {
				t.Errorf("version %d after %d", version, last)
			} else {
				last = version
			}
			statuses = append(statuses, seen.text("status"))
			if statuses[len(statuses)-1] == status {
				return statuses
			}
		case <-timeout:
			t.Fatalf("%s did not come; there came %s", status, statuses)
		}
	}
}

// endsWithin wants nothing more to be seen, and the end soon.
func (s *subscription) endsWithin(t *testing.T, limit time.Duration) {
	t.Helper()
	select {
	case seen, ok := <-s.seen:
		if ok {
			t.Errorf("the subscription still shows %v", seen)
		}
	case <-time.After(limit):
		t.Errorf("the subscription goes on after %s", limit)
	}
}

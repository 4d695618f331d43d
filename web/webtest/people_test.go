package webtest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/google/uuid"

	"payment-system/internal/shoptest"
)

const password = "correct horse battery staple"

// A person has an account, and speaks to the API where a test needs no page.
type person struct {
	t       *testing.T
	program *program
	http    *http.Client
	email   string
}

// An object is what a GraphQL operation asked for.
type object map[string]any

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

// list is at, as a list of objects.
func (o object) list(path ...any) (list []object) {
	items, _ := o.at(path...).([]any)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		list = append(list, fields)
	}
	return list
}

// stranger is somebody without an account.
func (p *program) stranger(t *testing.T) *person {
	t.Helper()
	return &person{t: t, program: p, http: &http.Client{Jar: shoptest.Must(cookiejar.New(nil))(t), Timeout: time.Minute}}
}

// A session is one that several tests share: to compare a password takes the server long.
type session struct {
	sync.Mutex

	cookies http.CookieJar // nil before somebody has signed in
}

// operator is the operator of dev, signed in.
func (p *program) operator(t *testing.T) *person {
	t.Helper()
	p.operators.Lock()
	defer p.operators.Unlock()
	o := p.stranger(t)
	if p.operators.cookies == nil {
		o.signIn("operator@example.com")
		p.operators.cookies = o.http.Jar
	}
	o.http.Jar = p.operators.cookies
	return o
}

// newEmail is an address that nobody has.
func newEmail() string { return "someone-" + uuid.NewString()[:13] + "@example.com" }

const askForCode = `mutation($input: RequestEmailVerificationInput!) {
	requestEmailVerification(input: $input) { verificationId }
}`

// shopper is a new customer, signed in.
func (p *program) shopper(t *testing.T) *person {
	t.Helper()
	s := p.stranger(t)
	s.email = newEmail()
	asked := s.do(askForCode, object{"input": object{"email": s.email}})
	id := asked.text("requestEmailVerification", "verificationId")
	s.do(`mutation($input: ConfirmEmailVerificationInput!) { confirmEmailVerification(input: $input) { verificationId } }`,
		object{"input": object{"verificationId": id, "code": s.program.mailedCode(t, s.email, 1)}})
	s.do(`mutation($input: SignUpInput!) { signUp(input: $input) { user { id } } }`,
		object{"input": object{"verificationId": id, "password": password}})
	return s
}

func (s *person) signIn(email string) {
	s.t.Helper()
	s.email = email
	s.do(`mutation($input: SignInInput!) { signIn(input: $input) { user { id } } }`,
		object{"input": object{"email": email, "password": password}})
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// mailedCode waits until an address has got so many mails, and returns the code in the last.
func (p *program) mailedCode(t *testing.T, email string, mails int) (code string) {
	t.Helper()
	shoptest.Eventually(t, "the mail to "+email+" comes", func() bool {
		var got []struct{ Text string }
		fetch(t, p.mailbox+"?to="+url.QueryEscape(email), &got)
		if len(got) >= mails {
			code = sixDigits.FindString(got[0].Text)
		}
		return code != ""
	})
	return code
}

// fetch gets JSON.
func fetch(t *testing.T, address string, into any) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatalf("%s: %v", address, err)
	}
}

// do sends an operation that must succeed, and returns its data.
func (s *person) do(document string, variables object) object {
	s.t.Helper()
	data, errs := s.try(document, variables)
	if errs != "" {
		s.t.Fatalf("%s\nis refused: %s", document, errs)
	}
	return data
}

// try sends an operation, and returns its data and its errors.
func (s *person) try(document string, variables object) (object, string) {
	s.t.Helper()
	body := shoptest.Must(json.Marshal(object{"query": document, "variables": variables}))(s.t)
	request := shoptest.Must(http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.program.url+"/graphql", bytes.NewReader(body)))(s.t)
	request.Header.Set("Content-Type", "application/json")
	response, err := s.http.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Data   object
		Errors json.RawMessage
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		s.t.Fatal(err)
	}
	return answer.Data, string(answer.Errors)
}

// product puts something on sale, and returns its id.
func (s *person) product(name string, price, stock int, more ...object) string {
	s.t.Helper()
	input := object{"idempotencyKey": uuid.NewString(), "name": name, "price": price, "stock": stock}
	for _, fields := range more {
		maps.Copy(input, fields)
	}
	made := s.do(`mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id } } }`, object{"input": input})
	return made.text("createProduct", "product", "id")
}

// order orders pieces of one product, and returns the order's id.
func (s *person) order(product string, quantity int) string {
	s.t.Helper()
	placed := s.do(`mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id } } }`, object{"input": object{
		"idempotencyKey": uuid.NewString(), "lines": []object{{"productId": product, "quantity": quantity}},
	}})
	return placed.text("placeOrder", "order", "id")
}

// orders are all of the person's, newest first.
func (s *person) orders() []object {
	s.t.Helper()
	data := s.do(`{ viewer { orders(first: 50) { nodes {
		id number status total expiresAt lines { name quantity product { id } }
		payment { id status amount refundedAmount balance paymentKey attempts { id status } virtualAccount { accountNumber dueAt } refunds { id amount status } }
	} } } }`, nil)
	return data.list("viewer", "orders", "nodes")
}

// stock is how many pieces of a product can be ordered.
func (s *person) stock(product string) string {
	s.t.Helper()
	return s.do(`query($id: ID!) { product(id: $id) { stock } }`, object{"id": product}).text("product", "stock")
}

// A held payment is one that the gateways hold.
type held struct {
	PG, OrderID, PaymentKey, Status string
	Captured, Refunded              int64
	Calls                           map[string]int
}

// ledger returns what the gateways hold of the person's attempts to pay, in order.
func (s *person) ledger() (entries []held) {
	s.t.Helper()
	var all []held
	fetch(s.t, s.program.sim()+"/sim/ledger", &all)
	var attempts []string
	for _, order := range s.orders() {
		for _, attempt := range order.list("payment", "attempts") {
			attempts = append(attempts, attempt.text("id"))
		}
	}
	for _, entry := range all {
		if slices.Contains(attempts, entry.OrderID) {
			entries = append(entries, entry)
		}
	}
	return entries
}

// captured wants the gateways to have taken money for the person so many times, and sums it up.
func (s *person) captured(times int) (sum int64) {
	s.t.Helper()
	n := 0
	for _, entry := range s.ledger() {
		if entry.Captured > 0 {
			n++
			sum += entry.Captured - entry.Refunded
		}
	}
	if n != times {
		s.t.Errorf("money was taken %d times, want %d: %+v", n, times, s.ledger())
	}
	return sum
}

// simulate sends JSON to the control of the simulators, and returns the answer.
func (p *program) simulate(t *testing.T, method, path string, body any) object {
	t.Helper()
	text := shoptest.Must(json.Marshal(body))(t)
	request := shoptest.Must(http.NewRequestWithContext(t.Context(), method, p.sim()+path, bytes.NewReader(text)))(t)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer := shoptest.Must(io.ReadAll(response.Body))(t)
	if response.StatusCode >= 300 {
		t.Fatalf("%s answers %s: %s", path, response.Status, answer)
	}
	var fields object
	_ = json.Unmarshal(answer, &fields) // a list, or nothing, where no test looks at it
	return fields
}

// as signs the page in as a person, without a form.
func (p *page) as(s *person) *page {
	p.t.Helper()
	at := shoptest.Must(url.Parse(s.program.url))(p.t)
	for _, cookie := range s.http.Jar.Cookies(at) {
		send(p, network.SetCookie, network.SetCookieParams{
			Name: cookie.Name, Value: cookie.Value, URL: s.program.url, HTTPOnly: new(true), SameSite: network.CookieSameSiteLax,
		})
	}
	return p
}

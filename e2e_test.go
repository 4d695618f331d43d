package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
)

// TestShop walks through the shop as a client would, by HTTP alone: from a sign-up mail to a
// reconciled settlement file.
func TestShop(t *testing.T) {
	t.Parallel()
	d := ownDev(t)
	shopper, operator := newClient(t, d.url), newClient(t, d.url)
	operator.signIn(t, "operator@example.com", "correct horse battery staple")

	if !t.Run("a mailed code opens an account", func(t *testing.T) {
		shopper.signUp(t, fmt.Sprintf("walk-%d@example.com", time.Now().UnixNano()), "붉은 말 정확한 배터리 스테이플")
	}) {
		return
	}
	t.Run("products come in pages", shopper.pageProducts)
	t.Run("kakao pay by card, refunded in two steps", func(t *testing.T) {
		shopper.walk(t, walk{pg: "KAKAO", button: "pay_card", statuses: []string{"READY", "APPROVED"}})
	})
	t.Run("kakao pay by money", func(t *testing.T) {
		shopper.walk(t, walk{pg: "KAKAO", button: "pay_money", statuses: []string{"READY", "APPROVED"}})
	})
	t.Run("toss payments by card, refunded in two steps", func(t *testing.T) {
		shopper.walk(t, walk{pg: "TOSS", button: "pay_card", statuses: []string{"READY", "APPROVED"}})
	})
	t.Run("toss payments by easy pay", func(t *testing.T) {
		shopper.walk(t, walk{pg: "TOSS", button: "pay_money", statuses: []string{"READY", "APPROVED"}})
	})
	t.Run("toss payments by virtual account, deposited later", func(t *testing.T) {
		shopper.walk(t, walk{
			pg: "TOSS", button: "pay_virtual_account", statuses: []string{"READY", "WAITING_FOR_DEPOSIT", "APPROVED"}, deposit: d.sim(),
			account: object{"bankCode": "20", "accountNumber": "1002123456789", "holderName": "홍길동"},
		})
	})
	t.Run("a shopper who quits may pay otherwise", func(t *testing.T) { shopper.quitAndPay(t) })
	t.Run("verify finds nothing, the gateways' word included", func(t *testing.T) { d.verify(t) })
	for _, file := range []struct{ pg, format string }{
		{"KAKAO", "PAYMENT_STATE_CSV"}, {"KAKAO", "KAKAO_PAYMENTS_JSON"}, {"TOSS", "PAYMENT_STATE_CSV"}, {"TOSS", "TOSS_SETTLEMENTS_JSON"},
	} {
		t.Run(fmt.Sprintf("the %s of %s agrees with the books", file.format, file.pg), func(t *testing.T) {
			operator.settle(t, d, file.pg, file.format)
		})
	}
	t.Run("a planted difference is found, by mutation and by command line", func(t *testing.T) { operator.settleDefects(t, d) })
	t.Run("read models can be rebuilt", func(t *testing.T) {
		if out, code := runProgram(t, d.environment(), "republish"); code != 0 || !strings.Contains(out, "payments: 100%") {
			t.Errorf("exit %d:\n%s", code, out)
		}
		d.verify(t)
	})
}

// signUp opens an account with the code that the shop mails.
func (c *client) signUp(t *testing.T, email, password string) {
	t.Helper()
	asked := c.do(t, `mutation($input: RequestEmailVerificationInput!) { requestEmailVerification(input: $input) { verificationId expiresAt } }`,
		object{"input": object{"email": email}})
	code := c.mailedCode(t, email)
	id := asked.text("verificationId")
	c.do(t, `mutation($input: ConfirmEmailVerificationInput!) { confirmEmailVerification(input: $input) { verificationId } }`,
		object{"input": object{"verificationId": id, "code": code}})
	user := c.do(t, `mutation($input: SignUpInput!) { signUp(input: $input) { user { id email role } } }`,
		object{"input": object{"verificationId": id, "password": password}})
	if user.text("user", "email") != email || user.text("user", "role") != "CUSTOMER" {
		t.Errorf("signed up as %v", user)
	}
	c.do(t, `mutation { signOut { ok } }`, nil)
	c.signIn(t, email, password)
	if viewer := c.do(t, `{ viewer { email } }`, nil); viewer.text("email") != email {
		t.Errorf("signed in as %v", viewer)
	}
}

// mailedCode waits for a mail in Korean whose two parts hold the same code.
func (c *client) mailedCode(t *testing.T, email string) string {
	t.Helper()
	var mails []struct{ To, Subject, Text, HTML string }
	shoptest.Eventually(t, "the mail to "+email+" comes", func() bool {
		_, body := c.get(t, c.url+"/dev/mailbox?to="+url.QueryEscape(email))
		if err := json.Unmarshal([]byte(body), &mails); err != nil {
			t.Fatalf("the mailbox answered %s", body)
		}
		return len(mails) > 0
	})
	code := regexp.MustCompile(`\b\d{6}\b`).FindString(mails[0].Text)
	if code == "" || !strings.Contains(mails[0].HTML, code) || !regexp.MustCompile(`\p{Hangul}`).MatchString(mails[0].Subject+mails[0].Text) {
		t.Fatalf("the mail is %+v", mails[0])
	}
	return code
}

func (c *client) signIn(t *testing.T, email, password string) {
	t.Helper()
	c.do(t, `mutation($input: SignInInput!) { signIn(input: $input) { user { id } } }`, object{"input": object{"email": email, "password": password}})
}

// pageProducts pages forwards to the end and back, and meets every product once each way.
func (c *client) pageProducts(t *testing.T) {
	const forwards = `query($after: String) { products(first: 7, after: $after, orderBy: PRICE_ASC) { nodes { id price } pageInfo { hasNextPage endCursor } } }`
	const backwards = `query($before: String) { products(last: 7, before: $before, orderBy: PRICE_ASC) { nodes { id price } pageInfo { hasPreviousPage startCursor } } }`
	there := c.pages(t, forwards, "after", "hasNextPage", "endCursor")
	back := c.pages(t, backwards, "before", "hasPreviousPage", "startCursor")
	slices.Sort(there)
	slices.Sort(back)
	if len(there) < 24 || len(slices.Compact(slices.Clone(there))) != len(there) || !slices.Equal(there, back) {
		t.Errorf("%d products forwards, %d backwards", len(there), len(back))
	}
}

func (c *client) pages(t *testing.T, document, argument, more, cursor string) (ids []string) {
	t.Helper()
	variables := object{}
	for {
		page := c.do(t, document, variables)
		nodes, _ := page.at("nodes").([]any)
		for i := range nodes {
			ids = append(ids, page.text("nodes", i, "id"))
		}
		if page.at("pageInfo", more) != true {
			return ids
		}
		variables[argument] = page.text("pageInfo", cursor)
	}
}

// A walk is one way to pay.
type walk struct {
	pg, button string
	statuses   []string // the first and last of which a subscription sees
	deposit    string   // where the simulators are, when the money comes later
	account    object   // where a refund goes, when there is no card
}

// walk orders, pays, watches and refunds.
func (c *client) walk(t *testing.T, w walk) {
	before := c.stock(t)
	order := c.placeOrder(t, before)
	payment := c.ready(t, order, w.pg)
	watched := c.subscribe(t, `subscription($id: ID!) { paymentUpdated(paymentId: $id) { status version refundedAmount } }`, object{"id": payment.text("payment", "id")})
	if seen := watched.until(t, "READY"); len(seen) != 1 {
		t.Errorf("the subscription began with %s", seen)
	}
	c.payAtGateway(t, payment, w)
	if seen := watched.until(t, "APPROVED"); w.deposit != "" && !slices.Contains(seen, "WAITING_FOR_DEPOSIT") {
		t.Errorf("the subscription saw %s", seen)
	}
	c.wantPaid(t, order, before)
	c.refund(t, payment.text("payment", "id"), order, before, w)
	watched.until(t, "CANCELED")
}

// An aisle is the products that the walk buys, cheap and dear, taxed and tax-free, and their stock.
type aisle struct {
	ids   []string
	stock map[string]int64
}

func (c *client) stock(t *testing.T) aisle {
	t.Helper()
	products := c.do(t, `{ products(first: 100, orderBy: NAME) { nodes { id name stock taxFree price } } }`, nil)
	a := aisle{stock: map[string]int64{}}
	nodes, _ := products.at("nodes").([]any)
	for i := range nodes {
		id := products.text("nodes", i, "id")
		a.stock[id] = products.number(t, "nodes", i, "stock")
		if name := products.text("nodes", i, "name"); name == "보성 세작 녹차 80g" || name == "소설 『겨울 정거장』" {
			a.ids = append(a.ids, id)
		}
	}
	if len(a.ids) != 2 {
		t.Fatalf("the catalogue is %v", products)
	}
	return a
}

// placeOrder orders two of one product and one of the other.
func (c *client) placeOrder(t *testing.T, a aisle) object {
	t.Helper()
	order := c.do(t, `mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id status total taxFreeTotal expiresAt lines { name amount taxFree } } } }`,
		object{"input": object{"idempotencyKey": unique(), "lines": []object{{"productId": a.ids[0], "quantity": 2}, {"productId": a.ids[1], "quantity": 1}}}})
	if order.text("order", "status") != "PLACED" || order.number(t, "order", "total") <= order.number(t, "order", "taxFreeTotal") {
		t.Errorf("the order is %v", order)
	}
	now := c.stock(t)
	if now.stock[a.ids[0]] != a.stock[a.ids[0]]-2 || now.stock[a.ids[1]] != a.stock[a.ids[1]]-1 {
		t.Errorf("stock went from %v to %v", a.stock, now.stock)
	}
	return order
}

func (c *client) ready(t *testing.T, order object, gateway string) object {
	t.Helper()
	ready := c.do(t, `mutation($input: ReadyPaymentInput!) { readyPayment(input: $input) { checkoutUrl payment { id status amount paymentKey version } } }`,
		object{"input": object{"idempotencyKey": unique(), "orderId": order.text("order", "id"), "pg": gateway, "returnUrl": "/orders"}})
	if ready.text("payment", "status") != "READY" || ready.text("payment", "amount") != order.text("order", "total") {
		t.Fatalf("the payment is %v", ready)
	}
	return ready
}

// payAtGateway pays on the gateway's page and comes back as the browser would, twice.
func (c *client) payAtGateway(t *testing.T, payment object, w walk) {
	t.Helper()
	back := c.checkOut(t, payment.text("checkoutUrl"), w.button)
	if !strings.HasPrefix(back, c.url+"/payments/") {
		t.Fatalf("the gateway sent the browser to %s", back)
	}
	for range 2 { // a browser may reload
		response, body := c.get(t, back)
		home, err := url.Parse(response.Header.Get("Location"))
		if err != nil || response.StatusCode != http.StatusSeeOther || home.Path != "/orders" || home.Query().Get("paymentId") != payment.text("payment", "id") {
			t.Fatalf("the return answered %s to %q:\n%s", response.Status, response.Header.Get("Location"), body)
		}
	}
	if w.deposit != "" {
		c.control(t, w.deposit+"/sim/shopper", object{"pg": w.pg, "paymentKey": payment.text("payment", "paymentKey"), "act": "deposit"})
	}
}

// wantPaid wants the order to be paid and its units to be gone.
func (c *client) wantPaid(t *testing.T, order object, before aisle) {
	t.Helper()
	const document = `query($id: ID!) { order(id: $id) { status paidAt payment { status balance vat gatewayRecord { __typename } history { kind status version } } } }`
	var paid object
	shoptest.Eventually(t, "the order is paid", func() bool {
		paid = c.do(t, document, object{"id": order.text("order", "id")})
		return paid.text("status") == "PAID"
	})
	if paid.at("paidAt") == nil || paid.text("payment", "status") != "APPROVED" || paid.text("payment", "balance") != order.text("order", "total") || paid.at("payment", "gatewayRecord") == nil {
		t.Errorf("the paid order is %v", paid)
	}
	if now := c.stock(t); now.stock[before.ids[0]] != before.stock[before.ids[0]]-2 {
		t.Errorf("stock is %v, was %v", now.stock, before.stock)
	}
}

// refund gives a third back, then the rest: the order is canceled and its units are back.
func (c *client) refund(t *testing.T, id string, order object, before aisle, w walk) {
	t.Helper()
	const document = `mutation($input: CancelPaymentInput!) { cancelPayment(input: $input) { payment { status refundedAmount balance } refund { status amount } } }`
	total := order.number(t, "order", "total")
	input := object{"idempotencyKey": unique(), "paymentId": id, "amount": total / 3, "reason": "하나가 깨져서 왔어요"}
	if w.account != nil {
		input["refundAccount"] = w.account
	}
	part := c.do(t, document, object{"input": input})
	if part.text("payment", "status") != "PARTIALLY_CANCELED" || part.text("refund", "status") != "DONE" || part.number(t, "payment", "refundedAmount") != total/3 {
		t.Errorf("a third refunded: %v", part)
	}
	again := c.do(t, document, object{"input": input})
	if again.number(t, "payment", "refundedAmount") != total/3 {
		t.Errorf("the same key refunded again: %v", again)
	}
	delete(input, "amount")
	input["idempotencyKey"] = unique()
	rest := c.do(t, document, object{"input": input})
	if rest.text("payment", "status") != "CANCELED" || rest.number(t, "payment", "balance") != 0 || rest.number(t, "refund", "amount") != total-total/3 {
		t.Errorf("the rest refunded: %v", rest)
	}
	ended := c.do(t, `query($id: ID!) { order(id: $id) { status } }`, object{"id": order.text("order", "id")})
	now := c.stock(t)
	if ended.text("status") != "CANCELED" || now.stock[before.ids[0]] != before.stock[before.ids[0]] {
		t.Errorf("the order is %v, stock %v, was %v", ended, now.stock, before.stock)
	}
}

// quitAndPay leaves Kakao Pay's page without paying, comes back and pays at Toss Payments.
func (c *client) quitAndPay(t *testing.T) {
	before := c.stock(t)
	order := c.placeOrder(t, before)
	quit := c.ready(t, order, "KAKAO")
	response, _ := c.get(t, c.checkOut(t, quit.text("checkoutUrl"), "quit"))
	if home := response.Header.Get("Location"); !strings.Contains(home, "status=FAILED") {
		t.Errorf("the browser came home to %s", home)
	}
	c.payAtGateway(t, c.ready(t, order, "TOSS"), walk{pg: "TOSS", button: "pay_card"})
	c.wantPaid(t, order, before)
}

// verify wants every invariant to hold.
func (d *dev) verify(t *testing.T) {
	t.Helper()
	if out, code := runProgram(t, d.environment(), "verify", "--gateway"); code != 0 || !strings.Contains(out, "every invariant holds") {
		t.Errorf("verify: exit %d\n%s", code, out)
	}
}

const importDocument = `mutation($input: ImportSettlementInput!) { importSettlement(input: $input) { reconciliation {
  id status rejection rows matched planHash counts { kind count amount } discrepancies(first: 50) { nodes { kind status action line expected actual note } } } } }`

// settlementFile is what the simulator writes for a day.
func (d *dev) settlementFile(t *testing.T, c *client, gateway, format, day, defects string) []byte {
	t.Helper()
	response, body := c.get(t, d.sim()+"/sim/settlements?pg="+gateway+"&format="+format+"&date="+day+"&defects="+defects)
	if response.StatusCode != http.StatusOK || body == "" {
		t.Fatalf("the simulator answered %s: %s", response.Status, body)
	}
	return []byte(body)
}

// settle imports a day's file, which must agree with the books, and applies what there is to apply.
func (c *client) settle(t *testing.T, d *dev, gateway, format string) {
	day := c.lastDay(t, gateway)
	file := d.settlementFile(t, c, gateway, format, day, "")
	name := strings.ToLower(gateway) + "-" + day + map[bool]string{true: ".csv", false: ".json"}[format == "PAYMENT_STATE_CSV"]
	imported := c.upload(t, importDocument, object{"input": object{"pg": gateway, "format": format, "file": nil}}, name, file)
	if rows := imported.number(t, "reconciliation", "rows"); rows == 0 || imported.text("reconciliation", "counts") != "[]" {
		t.Errorf("%s reconciled as %v\n%s", name, imported, file)
	}
	again := c.upload(t, importDocument, object{"input": object{"pg": gateway, "format": format, "file": nil}}, "copy-of-"+name, file)
	if again.text("reconciliation", "id") != imported.text("reconciliation", "id") {
		t.Errorf("the same file has two reconciliations: %v, %v", imported, again)
	}
}

// settleDefects plants a wrong amount in a file: it must be found as that, and nothing must move.
func (c *client) settleDefects(t *testing.T, d *dev) {
	day := c.lastDay(t, "TOSS")
	file := d.settlementFile(t, c, "TOSS", "PAYMENT_STATE_CSV", day, "amount")
	imported := c.upload(t, importDocument, object{"input": object{"pg": "TOSS", "file": nil}}, "planted-"+day+".csv", file)
	if kind := imported.text("reconciliation", "counts", 0, "kind"); kind != "AMOUNT_DIFFERS" {
		t.Errorf("the planted amount was found as %v", imported)
	}
	out, code := runProgram(t, d.environment(), "reconcile", "--pg=toss", d.sim()+"/sim/settlements?pg=TOSS&date="+day+"&defects=amount")
	if code != 3 || !strings.Contains(out, "AMOUNT_DIFFERS") {
		t.Errorf("reconcile: exit %d\n%s", code, out)
	}
	out, code = runProgram(t, d.environment(), "reconcile", "--pg=kakao", d.sim()+"/sim/settlements?pg=KAKAO&date="+c.lastDay(t, "KAKAO"))
	if code != 0 {
		t.Errorf("reconcile of a file that agrees: exit %d\n%s", code, out)
	}
}

// lastDay is the business day of the last approval at a gateway: midnight may have passed since.
func (c *client) lastDay(t *testing.T, gateway string) string {
	t.Helper()
	payments := c.do(t, `query($pg: PG!) { payments(first: 100, filter: { pg: $pg }) { nodes { approvedAt } } }`, object{"pg": gateway})
	var last time.Time
	nodes, _ := payments.at("nodes").([]any)
	for i := range nodes {
		if approved, err := time.Parse(time.RFC3339, payments.text("nodes", i, "approvedAt")); err == nil && approved.After(last) {
			last = approved
		}
	}
	return last.In(testclock.Korea).Format(time.DateOnly)
}

// unique returns a new idempotency key.
func unique() string { return fmt.Sprintf("key-%d", time.Now().UnixNano()) }

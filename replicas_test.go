package main_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"payment-system/internal/mail"
	"payment-system/internal/proof"
	"payment-system/internal/shoptest"
)

// TestServe_replicas spreads one purchase over two replicas on one MySQL and one Redis.
func TestServe_replicas(t *testing.T) {
	t.Parallel()
	d := ownDev(t)
	one, two := d.startReplica(t), d.startReplica(t, "JOBS=false")

	shopper := newClient(t, one.url)
	shopper.signIn(t, "shopper@example.com", "correct horse battery staple")
	elsewhere := shopper.at(two.url)
	before := elsewhere.stock(t)
	order := elsewhere.placeOrder(t, before)
	payment := elsewhere.ready(t, order, "KAKAO")

	t.Run("each replica shows at once what the other wrote", func(t *testing.T) {
		seen := shopper.do(t, `query($id: ID!) { order(id: $id) { status payment { id status } } }`, object{"id": order.text("order", "id")})
		if seen.text("status") != "PLACED" || seen.text("payment", "id") != payment.text("payment", "id") {
			t.Errorf("the first replica shows %v", seen)
		}
	})

	t.Run("a subscription on one hears what was paid through the other", func(t *testing.T) {
		watched := shopper.subscribe(t, `subscription($id: ID!) { paymentUpdated(paymentId: $id) { status version } }`, object{"id": payment.text("payment", "id")})
		watched.until(t, "READY")
		elsewhere.payAtGateway(t, payment, walk{pg: "KAKAO", button: "pay_card"})
		if seen := watched.until(t, "APPROVED"); slices.Contains(seen, "FAILED") {
			t.Errorf("the subscription saw %s", seen)
		}
		shopper.wantPaid(t, order, before)
	})

	t.Run("who is no operator any more is one nowhere, and signed out", func(t *testing.T) {
		operator := newClient(t, one.url)
		operator.signIn(t, "operator@example.com", "correct horse battery staple")
		watched := operator.at(two.url).subscribe(t, `subscription($id: ID!) { paymentUpdated(paymentId: $id) { status version } }`,
			object{"id": payment.text("payment", "id")})
		watched.until(t, "APPROVED")
		out, code := runProgram(t, d.environment(), "operator", "--remove", "operator@example.com")
		if code != 0 || !strings.Contains(out, "operator@example.com is an operator no more; sessions ended: ") {
			t.Errorf("exit %d:\n%s", code, out)
		}
		watched.endsWithin(t, proof.Within(2*time.Second))
		if data, refused := operator.try(t, `{ viewer { id } }`, nil); len(refused) > 0 || data["viewer"] != nil {
			t.Errorf("after it the viewer is %v, %v", data, refused)
		}
		operator.signIn(t, "operator@example.com", "correct horse battery staple")
		if _, refused := operator.try(t, `{ projections { view } }`, nil); len(refused) != 1 {
			t.Errorf("after it an operator's query answers %v", refused)
		}
		if out, code := runProgram(t, d.environment(), "operator", "operator@example.com"); code != 0 {
			t.Errorf("exit %d:\n%s", code, out)
		}
	})

	t.Run("who signs out of one is signed out of both", func(t *testing.T) {
		shopper.do(t, `mutation { signOut { ok } }`, nil)
		data, refused := elsewhere.try(t, `{ viewer { id } }`, nil)
		if len(refused) > 0 || data["viewer"] != nil {
			t.Errorf("the other replica shows %v, %v", data, refused)
		}
	})
}

// TestServe_stop runs alone: it slows the simulators down.
func TestServe_stop(t *testing.T) {
	d := sharedDev(t)
	port := freePort(t)
	replica := d.startReplica(t, "METRICS_ADDR=127.0.0.1:"+port)

	t.Run("metrics have an address of their own", func(t *testing.T) {
		response, body := newClient(t, "").get(t, "http://127.0.0.1:"+port+"/metrics")
		if response.StatusCode != http.StatusOK || !strings.Contains(body, "go_sql_open_connections") || !strings.Contains(body, "\npayment_system_redis_up 1\n") {
			t.Errorf("METRICS_ADDR answers %s:\n%.500s", response.Status, body)
		}
		if got := status(replica.url + "/metrics"); got != http.StatusNotFound {
			t.Errorf("HTTP_ADDR answers /metrics with %d", got)
		}
	})

	t.Run("a replica that is told to stop finishes the payment it is asked to confirm", func(t *testing.T) {
		shopper := newClient(t, replica.url)
		shopper.signIn(t, "shopper@example.com", "correct horse battery staple")
		before := shopper.stock(t)
		order := shopper.placeOrder(t, before)
		payment := shopper.ready(t, order, "KAKAO")
		watched := shopper.subscribe(t, `subscription($id: ID!) { paymentUpdated(paymentId: $id) { status version } }`, object{"id": payment.text("payment", "id")})
		watched.until(t, "READY")
		back := shopper.checkOut(t, payment.text("checkoutUrl"), "pay_card")
		d.slowApproval(t)
		answered := make(chan string, 1)
		go func() {
			response, err := shopper.http.Get(back)
			if err != nil {
				answered <- err.Error()
				return
			}
			response.Body.Close()
			answered <- response.Status
		}()
		shoptest.Eventually(t, "the gateway is asked", func() bool {
			_, ledger := shopper.get(t, d.sim()+"/sim/ledger?paymentKey="+payment.text("payment", "paymentKey"))
			return strings.Contains(ledger, `"approve":1`)
		})
		began := time.Now()
		if err := replica.stop(); err != nil {
			t.Errorf("the replica ended with %v:\n%s", err, replica.log)
		}
		if took := time.Since(began); took > 18*time.Second {
			t.Errorf("stopping took %s with a subscription open", took)
		}
		if got := <-answered; got != "303 See Other" {
			t.Errorf("the shopper was answered %s", got)
		}
		shopper.at(d.url).wantPaid(t, order, before)
	})
}

// TestServe_stopWithMail stops a replica that has promised a letter, and whose mail server is slow.
func TestServe_stopWithMail(t *testing.T) {
	t.Parallel()
	mailbox, err := mail.OpenMailbox("127.0.0.1:0", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mailbox.Close() })
	replica := sharedDev(t).startReplica(t, "SMTP_ADDR="+slowServer(t, mailbox.Addr(), time.Second))
	email := fmt.Sprintf("late-%d@example.com", time.Now().UnixNano())
	newClient(t, replica.url).do(t, `mutation($input: RequestEmailVerificationInput!) { requestEmailVerification(input: $input) { verificationId } }`,
		object{"input": object{"email": email}})
	if err := replica.stop(); err != nil {
		t.Errorf("the replica ended with %v:\n%s", err, replica.log)
	}
	if mails := mailbox.Mails(email); len(mails) != 1 {
		t.Errorf("%d letters came, want the one that was promised", len(mails))
	}
}

// slowServer is the address of a server that lets whoever comes wait before it hands them on.
func slowServer(t *testing.T, to string, wait time.Duration) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer from.Close()
				time.Sleep(wait) // This makes the server slow; nothing waits for it to end.
				server, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer server.Close()
				go io.Copy(server, from)
				io.Copy(from, server)
			}()
		}
	}()
	return listener.Addr().String()
}

// slowApproval makes Kakao Pay take a second and a half over the next approval.
func (d *dev) slowApproval(t *testing.T) {
	t.Helper()
	const fault = `[{"pg": "KAKAO", "call": "approve", "fault": "slow", "times": 1, "delayMs": 1500}]`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, d.sim()+"/sim/faults", strings.NewReader(fault))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if body := readAll(t, response); response.StatusCode != http.StatusOK {
		t.Fatalf("the simulator answered %s: %s", response.Status, body)
	}
}

// A wrongHost tells servers that it reached them under another name.
type wrongHost struct{}

// RoundTrip sends the request with names that are not the server's.
func (wrongHost) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = "evil.example"
	for name, value := range map[string]string{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example", "X-Original-URL": "https://evil.example/"} {
		r.Header.Set(name, value)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestServe_hostHeader orders under another host's name: the gateway sends the shopper to PUBLIC_URL.
func TestServe_hostHeader(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	honest := newClient(t, d.url)
	honest.signIn(t, "shopper@example.com", "correct horse battery staple")
	shopper := &client{url: d.url, http: &http.Client{Jar: honest.http.Jar, Transport: wrongHost{}, CheckRedirect: honest.http.CheckRedirect}}
	order := shopper.placeOrder(t, shopper.stock(t))
	payment := shopper.ready(t, order, "TOSS")
	if address := payment.text("checkoutUrl"); strings.Contains(address, "evil") {
		t.Errorf("the checkout is at %s", address)
	}
	back := honest.checkOut(t, payment.text("checkoutUrl"), "pay_card")
	if !strings.HasPrefix(back, d.url+"/payments/") {
		t.Errorf("the gateway sends the browser to %s", back)
	}
	response, _ := shopper.get(t, back)
	if home := response.Header.Get("Location"); !strings.HasPrefix(home, d.url+"/orders") && !strings.HasPrefix(home, "/orders") {
		t.Errorf("the browser came home to %s", home)
	}
}

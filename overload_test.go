package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/internal/proof"
	"payment-system/internal/shoptest"
)

const (
	overloadFor    = 30 * time.Second
	overloadMemory = 200 << 20
	overloadTimes  = 3
	promptly       = 2 * time.Second
)

// A flood is purchases that begin so many a second, whether or not those before have ended.
type flood struct {
	sim, product string
	client       *client

	began, bought, shed, wrong atomic.Int64

	mu      sync.Mutex
	begun   []time.Duration // how long each step of a payment that was begun took
	ordered []time.Duration
	firsts  map[string]bool
}

var errShed = errors.New("shed")

// buy orders, and pays who was let in.
func (f *flood) buy(key string) {
	f.began.Add(1)
	ctx := context.Background()
	began := time.Now()
	order, err := f.mutate(ctx, `mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id } } }`,
		object{"idempotencyKey": key, "lines": []object{{"productId": f.product, "quantity": 1}}})
	if errors.Is(err, errShed) {
		f.shed.Add(1)
		return
	}
	if err != nil {
		f.fail(err)
		return
	}
	f.note(&f.ordered, began)
	began = time.Now()
	payment, err := f.mutate(ctx, `mutation($input: ReadyPaymentInput!) { readyPayment(input: $input) { payment { paymentKey } } }`,
		object{"idempotencyKey": key, "orderId": order.text("order", "id"), "pg": "KAKAO", "returnUrl": "/orders"})
	f.note(&f.begun, began)
	if err != nil {
		f.fail(fmt.Errorf("readyPayment: %w", err))
		return
	}
	back, err := f.agree(payment.text("payment", "paymentKey"))
	if err != nil {
		f.fail(err)
		return
	}
	began = time.Now()
	response, err := f.client.http.Get(back)
	f.note(&f.begun, began)
	if err != nil {
		f.fail(err)
		return
	}
	defer response.Body.Close()
	if location := response.Header.Get("Location"); !strings.Contains(location, "status=APPROVED") {
		f.fail(fmt.Errorf("return: %s to %q", response.Status, location))
		return
	}
	f.bought.Add(1)
}

func (f *flood) note(of *[]time.Duration, began time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*of = append(*of, time.Since(began))
}

func (f *flood) fail(err error) {
	f.wrong.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.firsts[fmt.Sprintf("%.200s", err)] = true
}

// mutate returns errShed for who is told when to come again.
func (f *flood) mutate(ctx context.Context, document string, input object) (object, error) {
	body, err := json.Marshal(object{"query": document, "variables": object{"input": input}})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.client.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := f.client.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.Header.Get("Retry-After") != "" && bytes.Contains(text, []byte(`"UNAVAILABLE"`)) {
		return nil, errShed
	}
	var answer struct {
		Data   object
		Errors []refusal
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Errors) > 0 {
		return nil, fmt.Errorf("%s %s %w", response.Status, text, err)
	}
	return first(answer.Data), nil
}

// agree has the shopper agree at the gateway, and returns where that sends the browser.
func (f *flood) agree(paymentKey string) (back string, err error) {
	body, err := json.Marshal(object{"pg": "KAKAO", "paymentKey": paymentKey, "act": "pay_card"})
	if err != nil {
		return "", err
	}
	response, err := f.client.http.Post(f.sim+"/sim/shopper", "application/json", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	var answer struct{ RedirectURL string }
	if err := json.Unmarshal(text, &answer); err != nil || answer.RedirectURL == "" {
		return "", fmt.Errorf("the simulator answered %s %s %w", response.Status, text, err)
	}
	return answer.RedirectURL, nil
}

// TestServe_overload measures what a replica buys with 64 shoppers at once, and then has three times as many come each
// second for half a minute. Proves: payments that were begun are answered within two seconds, the rest is told when to come
// again, memory is bounded, and five seconds later all is as ever. It needs the machine for itself.
func TestServe_overload(t *testing.T) {
	if !proof.Torture() {
		t.Skip("set TORTURE=1, on a machine that does nothing else")
	}
	d := ownDev(t)
	replica := d.startReplica(t)
	operator := newClient(t, replica.url)
	operator.signIn(t, "operator@example.com", "correct horse battery staple")
	f := &flood{sim: d.sim(), firsts: map[string]bool{}, client: &client{url: replica.url, http: &http.Client{
		Timeout: time.Minute, Jar: shoptest.Must(cookiejar.New(nil))(t), Transport: &http.Transport{MaxIdleConnsPerHost: 1000},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}}
	f.product = operator.do(t, `mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id } } }`,
		object{"input": object{"idempotencyKey": unique(), "name": "wanted", "price": 1000, "stock": 10_000_000}}).text("product", "id")
	f.client.signIn(t, "shopper@example.com", "correct horse battery staple")

	full := f.atOnce(64, 8*time.Second)
	t.Logf("full load: %d purchases a second, %d MiB", full, peakMemory(t, replica)>>20)
	f.begun, f.ordered = nil, nil
	f.began.Store(0)
	f.bought.Store(0)
	f.eachSecond(overloadTimes*full, overloadFor)
	peak := peakMemory(t, replica)
	t.Logf("%d times that for %s: %d came, %d shed, %d bought, %d wrong; begun payments %s at p99 of %d, orders %s; %d MiB", overloadTimes,
		overloadFor, f.began.Load(), f.shed.Load(), f.bought.Load(), f.wrong.Load(), p99(f.begun), len(f.begun), p99(f.ordered), peak>>20)
	if took := p99(f.begun); took > promptly {
		t.Errorf("payments that were begun were answered in %s at p99", took)
	}
	for what := range f.firsts {
		t.Errorf("went wrong: %s", what)
	}
	if f.shed.Load() == 0 {
		t.Error("nobody was told to come again: there was no overload")
	}
	if peak > overloadMemory {
		t.Errorf("memory rose to %d MiB", peak>>20)
	}
	time.Sleep(5 * time.Second)
	f.begun, f.ordered = nil, nil
	shed := f.shed.Load()
	for i := range 20 {
		f.buy(fmt.Sprint("after-", i))
	}
	if took := p99(slices.Concat(f.begun, f.ordered)); took > 500*time.Millisecond || f.shed.Load() > shed {
		t.Errorf("five seconds later a step takes %s, and %d are shed", took, f.shed.Load()-shed)
	}
}

// atOnce has so many shoppers buy, each again and again, and returns how many they bought a second.
func (f *flood) atOnce(shoppers int, d time.Duration) (perSecond int) {
	deadline := time.Now().Add(d)
	var shopping sync.WaitGroup
	for i := range shoppers {
		shopping.Go(func() {
			for n := 0; time.Now().Before(deadline); n++ {
				f.buy(fmt.Sprintf("full-%d-%d", i, n))
			}
		})
	}
	shopping.Wait()
	return int(f.bought.Load() / int64(d/time.Second))
}

// eachSecond has so many purchases begin each second.
func (f *flood) eachSecond(purchases int, d time.Duration) {
	const ticks = 50
	ticker := time.NewTicker(time.Second / ticks)
	defer ticker.Stop()
	var buying sync.WaitGroup
	began := time.Now()
	for n := 0; time.Since(began) < d; {
		<-ticker.C
		for due := int(time.Since(began) * time.Duration(purchases) / time.Second); n < due; n++ {
			key := fmt.Sprint("flood-", n)
			buying.Go(func() { f.buy(key) })
		}
	}
	buying.Wait()
}

func p99(took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	took = slices.Sorted(slices.Values(took))
	return took[len(took)*99/100].Round(time.Millisecond)
}

// peakMemory is the most memory that a service has had.
func peakMemory(t *testing.T, s *service) int {
	t.Helper()
	text := shoptest.Must(os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid)))(t)
	kib := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if kib == nil {
		t.Fatal("the system does not tell of memory")
	}
	return shoptest.Must(strconv.Atoi(string(kib[1])))(t) << 10
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"payment-system/bench/measure"
)

const (
	placeDocument = `mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id status total } } }`
	readyDocument = `mutation($input: ReadyPaymentInput!) {
		readyPayment(input: $input) { checkoutUrl payment { id version status paymentKey amount } } }`
)

// shopper returns the visitor that a client is: clients share the accounts evenly.
func (r *rig) shopper(client int) visitor { return r.shoppers[client%len(r.shoppers)] }

// place orders one unit of a product.
func (r *rig) place(ctx context.Context, client int, product string) (orderID string, err error) {
	return place(ctx, r.shopper(client), product)
}

func place(ctx context.Context, shopper visitor, product string) (orderID string, err error) {
	var answer struct {
		PlaceOrder struct{ Order struct{ ID string } }
	}
	input := object{"idempotencyKey": uuid.NewString(), "lines": []object{{"productId": product, "quantity": 1}}}
	err = shopper.ask(ctx, placeDocument, object{"input": input}, &answer)
	return answer.PlaceOrder.Order.ID, err
}

// A checkout is a payment that waits for the shopper at a gateway.
type checkout struct {
	pg             string
	ID, PaymentKey string
	Version        int
}

// ready opens a payment at a gateway.
func (r *rig) ready(ctx context.Context, client int, orderID, pg string) (checkout, error) {
	return ready(ctx, r.shopper(client), orderID, pg)
}

func ready(ctx context.Context, shopper visitor, orderID, pg string) (checkout, error) {
	var answer struct {
		ReadyPayment struct{ Payment checkout }
	}
	input := object{"idempotencyKey": uuid.NewString(), "orderId": orderID, "pg": pg, "returnUrl": "/orders"}
	err := shopper.ask(ctx, readyDocument, object{"input": input}, &answer)
	opened := answer.ReadyPayment.Payment
	opened.pg = pg
	return opened, err
}

// pay pays at the gateway's page and comes back to a replica as a browser does.
func (r *rig) pay(ctx context.Context, c checkout, to site) error {
	body, err := json.Marshal(object{"pg": c.pg, "paymentKey": c.PaymentKey, "act": "pay_card"})
	if err != nil {
		return err
	}
	var answer struct{ RedirectURL string }
	if err := r.control(ctx, http.MethodPost, "/sim/shopper", body, &answer); err != nil {
		return err
	}
	back := to.url + strings.TrimPrefix(answer.RedirectURL, r.site.url)
	location, err := to.get(ctx, back, http.StatusSeeOther)
	if err != nil {
		return err
	}
	ended, err := url.Parse(location)
	if err != nil {
		return err
	}
	if status := ended.Query().Get("status"); status != "APPROVED" {
		return fmt.Errorf("a payment came back as %q", status)
	}
	return nil
}

// control asks the simulators; the answer is decoded into out, or kept whole when out is a *[]byte.
func (r *rig) control(ctx context.Context, method, path string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, r.sim+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := r.site.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status + " " + string(text))
	}
	if whole, ok := out.(*[]byte); ok {
		*whole = text
		return nil
	}
	return json.Unmarshal(text, out)
}

// purchase is the whole of it, at Kakao Pay and Toss Payments in turn.
func (r *rig) purchase(ctx context.Context, client, n int) error {
	orderID, err := r.place(ctx, client, r.anyProduct())
	if err != nil {
		return err
	}
	opened, err := r.ready(ctx, client, orderID, gatewayOf(n))
	if err != nil {
		return err
	}
	return r.pay(ctx, opened, r.site)
}

// gatewayOf has the gateways take turns.
func gatewayOf(n int) string { return []string{"KAKAO", "TOSS"}[n%2] }

func (r *rig) anyProduct() string { return r.products[rand.IntN(len(r.products))] }

// purchaseTrials measure purchases beside three plain transactions each.
func purchaseTrials(p plan) (trials []trial) {
	for _, clients := range p.buyers {
		load := crew{clients: clients, time: p.time, limit: p.limit}
		trials = append(trials, trial{
			work: "purchase", clients: clients, floorIs: "three plain transactions each",
			measured: func(ctx context.Context, r *rig) (measure.Sample, error) {
				return r.sample(ctx, func(ctx context.Context) (measure.Run, error) { return load.do(ctx, r.purchase) })
			},
			floor: plainly(clients, p, func(f floor) operation { return f.purchase }),
		})
	}
	return trials
}

// plainly measures plain transactions of the floor, by as many clients.
func plainly(clients int, p plan, what func(floor) operation) func(context.Context, *rig) (measure.Sample, error) {
	load := crew{clients: clients, time: p.floorTime, limit: p.limit}
	return func(ctx context.Context, r *rig) (measure.Sample, error) {
		return r.sample(ctx, func(ctx context.Context) (measure.Run, error) { return load.do(ctx, what(r.floor)) })
	}
}

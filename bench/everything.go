package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"payment-system/bench/measure"
)

const (
	// crowdReplicas serve everything together.
	crowdReplicas = 3
	// faultRate is how often an approval or a cancelation fails at the gateways.
	faultRate = 0.05
	// agreeWithin is how long the books may take to agree with gateways that answer again.
	agreeWithin = 6 * time.Minute
)

// everythingTrials measure all kinds of change at once over three replicas, whose gateways lose answers now and then,
// beside the same at one replica whose gateways do not. A deadlock fails them, and so do books that do not agree with
// the gateways in the end: operations that a gateway's fault, or another's being faster, refused are counted as failed.
func everythingTrials(p plan) []trial {
	clients := p.buyers[len(p.buyers)-1]
	return []trial{{
		work: "everything at once, three replicas", clients: clients, floorIs: "one replica, no faults",
		measured: func(ctx context.Context, r *rig) (measure.Sample, error) {
			sites, stop, err := r.moreReplicas(ctx)
			if err != nil {
				return measure.Sample{}, err
			}
			defer stop()
			return r.everything(ctx, crew{clients: clients, time: p.time, limit: p.limit}, sites, faultRate)
		},
		floor: func(ctx context.Context, r *rig) (measure.Sample, error) {
			return r.everything(ctx, crew{clients: clients, time: p.floorTime, limit: p.limit}, []site{r.site}, 0)
		},
	}}
}

// moreReplicas starts the others beside the one that is there.
func (r *rig) moreReplicas(ctx context.Context) (sites []site, stop func(), err error) {
	sites = []site{r.site}
	var started []*process
	stop = func() {
		for _, p := range started {
			p.stop()
		}
	}
	for range crowdReplicas - 1 {
		p, s, err := r.startReplica(ctx, "PUBLIC_URL="+r.site.url, "SMTP_ADDR=127.0.0.1:1", "SMTP_FROM=shop@example.com")
		if p != nil {
			started = append(started, p)
		}
		if err != nil {
			stop()
			return nil, nil, err
		}
		sites = append(sites, s)
	}
	return sites, stop, nil
}

// everything has a crew do all there is to do, at the sites in turn.
func (r *rig) everything(ctx context.Context, load crew, sites []site, faults float64) (s measure.Sample, err error) {
	deadlocks, err := r.deadlocks(ctx)
	if err != nil {
		return s, err
	}
	if err := r.setFaults(ctx, faults); err != nil {
		return s, err
	}
	s, err = r.sample(ctx, func(ctx context.Context) (measure.Run, error) {
		return load.do(ctx, func(ctx context.Context, client, n int) error {
			c := customer{r, r.shopper(client), r.operator}
			c.shopper.site, c.operator.site = sites[n%len(sites)], sites[n%len(sites)]
			return c.act(ctx, n)
		})
	})
	if err := errors.Join(err, r.setFaults(ctx, 0)); err != nil {
		return s, err
	}
	now, err := r.deadlocks(ctx)
	if err == nil && now != deadlocks {
		err = fmt.Errorf("there were %d deadlocks", now-deadlocks)
	}
	return s, errors.Join(err, r.agree(ctx))
}

// deadlocks counts those that the database has found.
func (r *rig) deadlocks(ctx context.Context) (int, error) {
	return r.probe.Number(ctx, "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'INNODB_DEADLOCKS'")
}

// setFaults has the gateways lose so many answers to approvals and cancelations.
func (r *rig) setFaults(ctx context.Context, rate float64) error {
	faults := []object{}
	if rate > 0 {
		for _, call := range []string{"approve", "cancel"} {
			for _, fault := range []string{"drop_before", "drop_after"} {
				faults = append(faults, object{"call": call, "fault": fault, "probability": rate / 2, "seed": 1})
			}
		}
	}
	body, err := json.Marshal(faults)
	if err != nil {
		return err
	}
	var answer json.RawMessage
	return r.control(ctx, http.MethodPut, "/sim/faults", body, (*[]byte)(&answer))
}

// agree waits until the books agree with the gateways. Comparing all that there is takes its time, however
// long they have for it.
func (r *rig) agree(ctx context.Context) error {
	over := time.Now().Add(agreeWithin)
	for {
		err := runProgram(ctx, r.program, r.environment(), "verify", "--gateway")
		if err == nil {
			return nil
		}
		if time.Now().After(over) {
			return fmt.Errorf("the books and the gateways do not agree: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Second):
		}
	}
}

// A customer is a shopper, and the operator of the shop, at one of the replicas.
type customer struct {
	rig               *rig
	shopper, operator visitor
}

// act does one of all things.
func (c customer) act(ctx context.Context, n int) error {
	product := c.rig.anyProduct()
	if n%3 == 0 {
		product = c.rig.products[0] // the hot one
	}
	switch n % 10 {
	case 0:
		input := object{"idempotencyKey": uuid.NewString(), "productId": product, "quantity": 1 - 2*(n/10%2), "reason": "count"}
		return c.operator.ask(ctx, `mutation($input: AdjustStockInput!) { adjustStock(input: $input) { product { id } } }`,
			object{"input": input}, nil)
	case 1:
		return c.expire(ctx, product)
	}
	orderID, err := place(ctx, c.shopper, product)
	if err != nil || n%10 == 2 {
		return errors.Join(err, c.cancel(ctx, orderID))
	}
	opened, err := ready(ctx, c.shopper, orderID, gatewayOf(n))
	if err != nil {
		return err
	}
	if err := c.rig.pay(ctx, opened, c.shopper.site); err != nil {
		return err
	}
	switch n % 10 {
	case 3:
		return c.cancel(ctx, orderID)
	case 4, 5:
		input := object{"idempotencyKey": uuid.NewString(), "paymentId": opened.ID, "amount": 100, "reason": "dented"}
		return c.shopper.ask(ctx,
			`mutation($input: CancelPaymentInput!) { cancelPayment(input: $input) { payment { id status } } }`,
			object{"input": input}, nil)
	}
	return nil
}

// expire places an order whose time is over.
func (c customer) expire(ctx context.Context, product string) error {
	orderID, err := place(ctx, c.shopper, product)
	if err != nil {
		return err
	}
	_, err = c.rig.db.ExecContext(ctx, "UPDATE orders SET expires_at = UTC_TIMESTAMP(6) WHERE id = ?", orderID)
	return err
}

func (c customer) cancel(ctx context.Context, orderID string) error {
	if orderID == "" {
		return nil
	}
	input := object{"idempotencyKey": uuid.NewString(), "orderId": orderID}
	return c.shopper.ask(ctx, cancelDocument, object{"input": input}, nil)
}

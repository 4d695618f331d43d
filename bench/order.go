package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"payment-system/bench/measure"
)

// orderTrials measure orders of one unit of any product beside one plain transaction each.
func orderTrials(p plan) (trials []trial) {
	for _, clients := range p.customers {
		trials = append(trials, trial{
			work: "order", clients: clients, floorIs: "one plain transaction each",
			measured: ordering(crew{clients: clients, time: p.time, limit: p.limit}, (*rig).anyProduct),
			floor:    plainly(clients, p, func(f floor) operation { return f.order }),
		})
	}
	return trials
}

// ordering measures orders of products that are chosen so.
func ordering(load crew, choose func(*rig) string) func(context.Context, *rig) (measure.Sample, error) {
	return func(ctx context.Context, r *rig) (measure.Sample, error) {
		return r.sample(ctx, func(ctx context.Context) (measure.Run, error) {
			return load.do(ctx, func(ctx context.Context, client, _ int) error {
				_, err := r.place(ctx, client, choose(r))
				return err
			})
		})
	}
}

// hotTrials measure orders of one product beside orders of any, by as many clients at the same server, and beside one
// plain transaction each on one hot row.
func hotTrials(p plan) []trial {
	load := crew{clients: p.crowd, time: p.time, limit: p.limit}
	hot := func(r *rig) string { return r.products[0] }
	return []trial{{
		work: "order, one hot product", clients: p.crowd, floorIs: "distinct products, same server",
		measured: ordering(load, hot), floor: ordering(load, (*rig).anyProduct),
	}, {
		work: "order, one hot product", clients: p.crowd, floorIs: "one plain transaction each, one hot row",
		measured: ordering(load, hot),
		floor: plainly(p.crowd, p, func(f floor) operation {
			return func(ctx context.Context, _, _ int) error { return f.place(ctx, newID("ord_"), productID(0)) }
		}),
	}}
}

// The others who buy while a crowd asks for what is sold out, and how often each does.
const (
	others      = 8
	othersEvery = 100 * time.Millisecond
)

// soldOutTrials measure answers that say that something is sold out, beside answers to the least that can be asked of
// the same server. In both cases others buy other things: their orders are in the processor time, but do not count.
func soldOutTrials(p plan) []trial {
	load := crew{clients: p.crowd, time: p.time, limit: p.limit}
	shortly := crew{clients: p.crowd, time: p.floorTime, limit: p.limit}
	return []trial{{
		work: "sold-out answer", clients: p.crowd, floorIs: "{ __typename }, same server",
		measured: func(ctx context.Context, r *rig) (measure.Sample, error) {
			product, err := r.emptyShelf(ctx)
			if err != nil {
				return measure.Sample{}, err
			}
			return r.amongOthers(ctx, load, func(ctx context.Context, client, _ int) error {
				_, err := r.place(ctx, client, product)
				if isRefused(err, "SOLD_OUT") {
					return nil
				}
				return errors.Join(errors.New("what is sold out was sold"), err)
			})
		},
		floor: func(ctx context.Context, r *rig) (measure.Sample, error) {
			return r.amongOthers(ctx, shortly, func(ctx context.Context, client, _ int) error {
				return r.shopper(client).ask(ctx, "{ __typename }", nil, nil)
			})
		},
	}}
}

// amongOthers measures operations while others buy.
func (r *rig) amongOthers(ctx context.Context, load crew, operate operation) (measure.Sample, error) {
	return r.sample(ctx, func(ctx context.Context) (measure.Run, error) {
		buying, stop := context.WithCancel(ctx)
		var shopping sync.WaitGroup
		for client := range others {
			shopping.Go(func() {
				for buying.Err() == nil {
					// One that fails is missed by nobody: it is the background.
					_, _ = r.place(context.WithoutCancel(buying), client, r.anyProduct())
					select {
					case <-buying.Done():
					case <-time.After(othersEvery):
					}
				}
			})
		}
		run, err := load.do(ctx, operate)
		stop()
		shopping.Wait()
		return run, err
	})
}

// emptyShelf creates a product of which there is one, and buys it.
func (r *rig) emptyShelf(ctx context.Context) (productID string, err error) {
	const document = `mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id } } }`
	var answer struct {
		CreateProduct struct{ Product struct{ ID string } }
	}
	input := object{"idempotencyKey": uuid.NewString(), "name": "우전 녹차 50g", "price": 45_000, "stock": 1}
	if err := r.operator.ask(ctx, document, object{"input": input}, &answer); err != nil {
		return "", err
	}
	productID = answer.CreateProduct.Product.ID
	_, err = r.place(ctx, 0, productID)
	return productID, err
}

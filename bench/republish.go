package main

import (
	"context"
	"time"

	"payment-system/bench/measure"
	"payment-system/internal/mysqldb"
)

// batchWithin is how long work that nobody waits for may take.
const batchWithin = 20 * time.Minute

// republishTrials measure the rebuilding of the orders' view beside plain writes of the same documents.
func republishTrials(plan) []trial {
	return []trial{{
		work: "republish an order", floorIs: "multi-row upserts of the documents",
		measured: func(ctx context.Context, r *rig) (measure.Sample, error) {
			return r.sample(ctx, r.republish)
		},
		floor: func(ctx context.Context, r *rig) (measure.Sample, error) {
			documents, err := mysqldb.Collect(ctx, r.db, scanDocument, "SELECT id, version, document FROM order_views")
			if err != nil {
				return measure.Sample{}, err
			}
			return r.sample(ctx, func(ctx context.Context) (measure.Run, error) {
				began := time.Now()
				err := r.floor.upsert(ctx, documents)
				return measure.Run{Operations: len(documents), Elapsed: time.Since(began)}, err
			})
		},
	}}
}

// republish rebuilds the view by a mutation, and waits until the database says that it is done.
func (r *rig) republish(ctx context.Context) (measure.Run, error) {
	const document = `mutation { republishProjections(input: {views: [ORDERS]}) { projections { view } } }`
	orders, err := r.probe.Number(ctx, "SELECT COUNT(*) FROM order_views")
	if err != nil {
		return measure.Run{}, err
	}
	began := time.Now()
	if err := r.operator.ask(ctx, document, nil, nil); err != nil {
		return measure.Run{}, err
	}
	err = r.until(ctx, batchWithin, func() (bool, error) {
		busy, err := r.probe.Number(ctx, "SELECT republishing FROM projection_states WHERE view = 'ORDERS'")
		return busy == 0, err
	})
	return measure.Run{Operations: orders, Elapsed: time.Since(began)}, err
}

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/google/uuid"

	"payment-system/bench/measure"
)

const cancelDocument = `mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { order { id status } } }`

// heldTrials measure orders while another session keeps the rows of one order and of one product, which a few people
// want, beside orders while nobody keeps any. Those few wait, and do not count.
func heldTrials(p plan) []trial {
	clients := p.buyers[len(p.buyers)-1]
	load := crew{clients: clients, time: p.time, limit: p.limit}
	// Nobody else wants the last product.
	another := func(r *rig) string { return r.products[rand.IntN(len(r.products)-1)] }
	return []trial{{
		work: "order while rows are held", clients: clients, floorIs: "while none are, same server",
		measured: func(ctx context.Context, r *rig) (measure.Sample, error) {
			held, err := r.hold(ctx)
			if err != nil {
				return measure.Sample{}, err
			}
			return r.sample(ctx, func(ctx context.Context) (measure.Run, error) {
				run, err := load.do(ctx, func(ctx context.Context, client, _ int) error {
					_, err := r.place(ctx, client, another(r))
					return err
				})
				return run, errors.Join(err, held.release())
			})
		},
		floor: ordering(crew{clients: clients, time: p.floorTime, limit: p.limit}, another),
	}}
}

// heldRows are rows that a transaction keeps, and those who want them.
type heldRows struct {
	keeper  *sql.Tx
	waiting sync.WaitGroup
	errs    []error // of those who wait
}

// hold keeps the rows of an order and of its product, and has people ask for both.
func (r *rig) hold(ctx context.Context) (*heldRows, error) {
	product := r.products[len(r.products)-1]
	orderID, err := r.place(ctx, 0, product)
	if err != nil {
		return nil, err
	}
	held := &heldRows{errs: make([]error, 4)}
	if held.keeper, err = r.db.BeginTx(ctx, nil); err != nil {
		return nil, err
	}
	for _, row := range []struct{ statement, id string }{
		{"SELECT id FROM orders WHERE id = ? FOR UPDATE", orderID},
		{"SELECT product_id FROM stock WHERE product_id = ? FOR UPDATE", product},
	} {
		if err := held.keeper.QueryRowContext(ctx, row.statement, row.id).Scan(new(string)); err != nil {
			return nil, errors.Join(fmt.Errorf("hold rows: %w", err), held.keeper.Rollback())
		}
	}
	held.waiting.Go(func() {
		input := object{"idempotencyKey": uuid.NewString(), "orderId": orderID}
		held.errs[0] = r.shopper(0).ask(ctx, cancelDocument, object{"input": input}, nil)
	})
	for i := range held.errs[1:] {
		held.waiting.Go(func() { _, held.errs[i+1] = r.place(ctx, i, product) })
	}
	return held, nil
}

// release lets the rows go, and waits for those who want them: they must have got them.
func (h *heldRows) release() error {
	err := h.keeper.Rollback()
	h.waiting.Wait()
	return errors.Join(append(h.errs, err)...)
}

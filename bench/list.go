package main

import (
	"context"
	"database/sql"
	"fmt"

	"payment-system/bench/measure"
	"payment-system/internal/mysqldb"
)

// A connection is a page of a list.
type connection struct {
	Nodes    []struct{ ID string }
	PageInfo struct {
		HasNextPage bool
		EndCursor   string
	}
}

// A pageList is a list that is read newest first.
type pageList struct{ name, view, first, deep string }

// pageSize is what clients get who do not say how much they want.
const pageSize = 20

func pageLists() []pageList {
	return []pageList{{
		"products", "product_views",
		`query { page: products { nodes { id name price stock } pageInfo { hasNextPage endCursor } } }`,
		`query($after: String, $first: Int) { page: products(first: $first, after: $after) {
			nodes { id name price stock } pageInfo { hasNextPage endCursor } } }`,
	}, {
		"orders", "order_views",
		`query { page: orders {
			nodes { id status total placedAt lines { name quantity } } pageInfo { hasNextPage endCursor } } }`,
		`query($after: String, $first: Int) { page: orders(first: $first, after: $after) {
			nodes { id status total placedAt lines { name quantity } } pageInfo { hasNextPage endCursor } } }`,
	}}
}

// listTrials measure pages of lists, read by an operator, beside the SELECT that a page needs.
func listTrials(p plan) (trials []trial) {
	load := crew{clients: p.readers, time: p.time, limit: p.limit}
	for _, l := range pageLists() {
		trials = append(trials, trial{
			work: "list of " + l.name + ", first page", clients: p.readers, floorIs: "the SELECT of " + l.view,
			measured: reading(load, l.first, func(context.Context, *rig) (object, error) { return nil, nil }),
			floor: selecting(p, l, func(context.Context, *rig) (string, []any, error) {
				return "", nil, nil
			}),
		}, trial{
			work: "list of " + l.name + ", deep page", clients: p.readers, floorIs: "the keyset SELECT of " + l.view,
			measured: reading(load, l.deep, func(ctx context.Context, r *rig) (object, error) {
				cursor, _, err := r.dive(ctx, l)
				return object{"after": cursor, "first": pageSize}, err
			}),
			floor: selecting(p, l, func(ctx context.Context, r *rig) (string, []any, error) {
				_, last, err := r.dive(ctx, l)
				return " WHERE id < ?", []any{last}, err
			}),
		})
	}
	return trials
}

// reading measures one page, asked for again and again.
func reading(
	load crew, document string, prepare func(context.Context, *rig) (object, error),
) func(context.Context, *rig) (measure.Sample, error) {
	return func(ctx context.Context, r *rig) (measure.Sample, error) {
		variables, err := prepare(ctx, r)
		if err != nil {
			return measure.Sample{}, err
		}
		return r.sample(ctx, func(ctx context.Context) (measure.Run, error) {
			return load.do(ctx, func(ctx context.Context, _, _ int) error {
				return r.operator.ask(ctx, document, variables, nil)
			})
		})
	}
}

// selecting measures the statement that such a page needs.
func selecting(
	p plan, l pageList, prepare func(context.Context, *rig) (where string, args []any, err error),
) func(context.Context, *rig) (measure.Sample, error) {
	load := crew{clients: p.readers, time: p.floorTime, limit: p.limit}
	return func(ctx context.Context, r *rig) (measure.Sample, error) {
		where, args, err := prepare(ctx, r)
		if err != nil {
			return measure.Sample{}, err
		}
		const page = "SELECT id, version, document FROM %s%s ORDER BY id DESC LIMIT %d"
		query := fmt.Sprintf(page, l.view, where, pageSize+1)
		return r.sample(ctx, func(ctx context.Context) (measure.Run, error) {
			return load.do(ctx, func(ctx context.Context, _, _ int) error {
				_, err := mysqldb.Collect(ctx, r.db, scanDocument, query, args...)
				return err
			})
		})
	}
}

func scanDocument(rows *sql.Rows) (d document, err error) {
	err = rows.Scan(&d.id, &d.version, &d.body)
	return d, err
}

// dive reads on to where four fifths of a list are read, and returns the cursor and the last id there.
func (r *rig) dive(ctx context.Context, l pageList) (cursor, last string, err error) {
	const stride = 100
	total, err := r.probe.Number(ctx, "SELECT COUNT(*) FROM "+l.view)
	if err != nil {
		return "", "", err
	}
	for left := total * 4 / 5; left > 0; left -= stride {
		var answer struct{ Page connection }
		variables := object{"first": min(stride, left)}
		if cursor != "" {
			variables["after"] = cursor
		}
		if err := r.operator.ask(ctx, l.deep, variables, &answer); err != nil {
			return "", "", err
		}
		if len(answer.Page.Nodes) == 0 {
			break
		}
		cursor, last = answer.Page.PageInfo.EndCursor, answer.Page.Nodes[len(answer.Page.Nodes)-1].ID
	}
	return cursor, last, nil
}

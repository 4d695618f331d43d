package books

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// selectProducts reads the stock first, so that its rows' locks come first too.
const selectProducts = `SELECT p.id, p.name, p.description, p.price, p.tax_free, p.image_url, p.category, p.hidden, s.available, s.reserved,
	s.sold, p.created_at, p.updated_at, s.version
	FROM stock s STRAIGHT_JOIN products p ON p.id = s.product_id WHERE s.product_id IN (`

// LockProducts reads products with their stock, and keeps everybody else from changing
// them until the transaction ends. Those that do not exist are missing from the answer.
func LockProducts(ctx context.Context, q Reader, ids []shop.ProductID, patience Patience) (
	map[shop.ProductID]shop.Product, error,
) {
	products := make(map[shop.ProductID]shop.Product, len(ids))
	if err := mysqldb.Ask(ctx, q, holdProducts(ids, patience, products)...); err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	return products, nil
}

// holdProducts locks products, in order of their ids.
func holdProducts(ids []shop.ProductID, patience Patience, into map[shop.ProductID]shop.Product) []mysqldb.Question {
	if len(ids) == 0 {
		return nil
	}
	return []mysqldb.Question{{
		Query: selectProducts + marks(len(ids)) + `) ORDER BY s.product_id FOR UPDATE` + string(patience),
		Args:  anys(ids),
		Scan: func(rows *sql.Rows) error {
			var p shop.Product
			err := rows.Scan(&p.ID, &p.Name, &p.Description, &p.Price, &p.TaxFree, &p.ImageURL, &p.Category,
				&p.Hidden, &p.Stock, &p.Reserved, &p.Sold, &p.CreatedAt, &p.UpdatedAt, &p.Version)
			into[p.ID] = p
			return err
		},
	}}
}

// findSeals reads what seals the newest events of products, which must be locked before.
func findSeals(ids []shop.ProductID, into map[string]Sealed) []mysqldb.Question {
	if len(ids) == 0 {
		return nil
	}
	return []mysqldb.Question{{
		Query: `SELECT e.aggregate_id, e.version, e.hash FROM stock s
			STRAIGHT_JOIN events e ON e.aggregate_id = s.product_id AND e.version = s.version
			WHERE s.product_id IN (` + marks(len(ids)) + `)`,
		Args: anys(ids),
		Scan: func(rows *sql.Rows) error {
			found, err := scanHash(rows)
			into[found.aggregateID] = Sealed{Version: found.version, Hash: found.hash}
			return err
		},
	}}
}

// LockProduct is LockProducts for one. It returns NotFound when there is none.
func LockProduct(ctx context.Context, q Reader, id shop.ProductID) (shop.Product, error) {
	if shop.IDPrefix(string(id)) != shop.PrefixProduct {
		return shop.Product{}, shop.NoSuch("product")
	}
	products, err := LockProducts(ctx, q, []shop.ProductID{id}, WaitForRows)
	if err != nil {
		return shop.Product{}, err
	}
	product, ok := products[id]
	if !ok {
		return shop.Product{}, shop.NoSuch("product")
	}
	return product, nil
}

// ProductEvent is an event of a product or its stock, as it left them.
func ProductEvent(product shop.Product, kind string, actor shop.Actor, note string, at time.Time) Event {
	return Event{
		AggregateID: string(product.ID),
		Version:     product.Version,
		Kind:        kind,
		Actor:       actor,
		Note:        note,
		Aggregate:   product,
		At:          at,
	}
}

// InsertProduct writes a new product, its stock and the adjustment that it came by,
// and appends the event.
func InsertProduct(ctx context.Context, tx *sql.Tx, p shop.Product, by shop.UserID, actor shop.Actor) error {
	_, err := tx.ExecContext(ctx,
		`INSERT INTO products (id, name, description, price, tax_free, image_url, category, hidden, created_at, updated_at)
VALUES (?,?,?,?,?,?,?,?,?,?)`,
		string(p.ID), p.Name, p.Description, int64(p.Price), p.TaxFree, p.ImageURL, p.Category, p.Hidden, p.CreatedAt,
		p.UpdatedAt)
	if err != nil {
		return fmt.Errorf("insert product %s: %w", p.ID, err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO stock (product_id, available, reserved, sold, version) VALUES (?,?,0,0,1)`,
		string(p.ID), p.Stock)
	if err != nil {
		return fmt.Errorf("insert the stock of %s: %w", p.ID, err)
	}
	if err := InsertAdjustment(ctx, tx, p.ID, p.Stock, "created", by, p.CreatedAt); err != nil {
		return err
	}
	return Append(ctx, tx, ProductEvent(p, shop.KindProductCreated, actor, "", p.CreatedAt))
}

// InsertAdjustment notes units that came or went by hand.
func InsertAdjustment(ctx context.Context, tx *sql.Tx, id shop.ProductID, quantity int, reason string, by shop.UserID,
	at time.Time,
) error {
	_, err := tx.ExecContext(ctx,
		`INSERT INTO stock_adjustments (product_id, quantity, reason, user_id, at) VALUES (?,?,?,?,?)`,
		string(id), quantity, reason, string(by), at)
	if err != nil {
		return fmt.Errorf("insert an adjustment of %s: %w", id, err)
	}
	return nil
}

// SaveProduct writes a product and its stock as they are now, if their version
// is the one before, and records the event.
func SaveProduct(ctx context.Context, tx *sql.Tx, p shop.Product, kind string, actor shop.Actor, note string) error {
	err := mysqldb.ExecOne(ctx, tx, `UPDATE stock SET available = ?, version = ? WHERE product_id = ? AND version = ?`,
		p.Stock, p.Version, string(p.ID), p.Version-1)
	if err != nil {
		return fmt.Errorf("save the stock of %s: %w", p.ID, err)
	}
	err = mysqldb.ExecOne(ctx, tx,
		`UPDATE products SET name = ?, description = ?, price = ?, tax_free = ?, image_url = ?, category = ?, hidden = ?,
updated_at = ?
WHERE id = ?`,
		p.Name, p.Description, int64(p.Price), p.TaxFree, p.ImageURL, p.Category, p.Hidden, p.UpdatedAt, string(p.ID))
	if err != nil {
		return fmt.Errorf("save product %s: %w", p.ID, err)
	}
	return Append(ctx, tx, ProductEvent(p, kind, actor, note, p.UpdatedAt))
}

package command

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"payment-system/shop"
)

// CreateProduct puts a product on sale.
type CreateProduct struct {
	By                Caller
	IdempotencyKey    string
	Name, Description string
	Price             shop.Won
	TaxFree           bool
	Stock             int
}

// CreateProduct opens a product with its first stock. It returns Invalid when
// a property is out of its domain, and IdempotencyMismatch when the key named
// another product.
func (h *Handler) CreateProduct(ctx context.Context, cmd CreateProduct) (shop.ProductCreated, error) {
	product, err := cmd.product()
	if err != nil {
		return shop.ProductCreated{}, err
	}
	req, err := newRequest(cmd.By.UserID, "createProduct", cmd.IdempotencyKey, product)
	if err != nil {
		return shop.ProductCreated{}, err
	}
	product.ID, product.Version = shop.ProductID(h.NewID(shop.PrefixProduct)), 1
	product.CreatedAt = h.now()
	product.UpdatedAt = product.CreatedAt

	var created shop.ProductCreated
	err = h.inKeyedTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		found, err := req.begin(ctx, tx, string(product.ID), product.CreatedAt)
		if err != nil {
			return err
		}
		if found != nil {
			return found.answer(&created)
		}
		created = shop.ProductCreated{Product: product}
		if err := insertProduct(ctx, tx, product, cmd.By); err != nil {
			return err
		}
		return req.finish(ctx, tx, created)
	})
	if err != nil {
		return shop.ProductCreated{}, err
	}
	h.Projector.Project(ctx, string(created.Product.ID))
	return created, nil
}

// product checks the command's properties and returns the product they make.
func (c CreateProduct) product() (product shop.Product, err error) {
	product = shop.Product{Price: c.Price, TaxFree: c.TaxFree, Stock: c.Stock}
	if product.Name, err = checkName(c.Name); err != nil {
		return product, err
	}
	if product.Description, err = checkDescription(c.Description); err != nil {
		return product, err
	}
	if err := checkPrice(c.Price); err != nil {
		return product, err
	}
	if c.Stock < 0 || c.Stock > shop.MaxStock {
		return product, shop.InvalidField("stock", "The stock must be from 0 to 1,000,000,000 units.")
	}
	return product, nil
}

func insertProduct(ctx context.Context, tx *sql.Tx, p shop.Product, by Caller) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO products (id, name, description, price, tax_free, created_at, updated_at) VALUES (?,?,?,?,?,?,?)`,
		string(p.ID), p.Name, p.Description, int64(p.Price), p.TaxFree, p.CreatedAt, p.UpdatedAt)
	if err != nil {
		return fmt.Errorf("insert product %s: %w", p.ID, err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO stock (product_id, available, reserved, sold, version) VALUES (?,?,0,0,1)`, string(p.ID), p.Stock)
	if err != nil {
		return fmt.Errorf("insert the stock of %s: %w", p.ID, err)
	}
	if err := insertAdjustment(ctx, tx, p.ID, p.Stock, "created", by, p.CreatedAt); err != nil {
		return err
	}
	return record(ctx, tx, productFact(p, shop.KindProductCreated, by.operator(), "", p.CreatedAt))
}

// insertAdjustment notes units that came or went by hand.
func insertAdjustment(ctx context.Context, tx *sql.Tx, id shop.ProductID, quantity int, reason string, by Caller, at time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO stock_adjustments (product_id, quantity, reason, user_id, at) VALUES (?,?,?,?,?)`,
		string(id), quantity, reason, string(by.UserID), at)
	if err != nil {
		return fmt.Errorf("insert an adjustment of %s: %w", id, err)
	}
	return nil
}

// operator is the actor of a command that only operators send; the machine's
// own commands have no caller.
func (c Caller) operator() shop.Actor { return cmp.Or(c.Actor, shop.ActorOperator) }

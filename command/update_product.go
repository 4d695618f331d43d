package command

import (
	"context"
	"database/sql"

	"payment-system/command/books"
	"payment-system/shop"
)

// UpdateProduct changes the properties that are not nil.
type UpdateProduct struct {
	By                shop.Caller
	ProductID         shop.ProductID
	Name, Description *string
	Price             *shop.Won
	TaxFree           *bool
}

// UpdateProduct changes a product; orders placed before keep their snapshot.
// It returns Invalid when a property is out of its domain or none is given, and
// NotFound when there is no such product. Repeating it changes nothing.
func (h *Handler) UpdateProduct(ctx context.Context, cmd UpdateProduct) (shop.ProductUpdated, error) {
	if err := cmd.check(); err != nil {
		return shop.ProductUpdated{}, err
	}
	defer h.Locks.Lock(ctx, lockKey(string(cmd.ProductID)))()
	var product shop.Product
	err := books.KeyedTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) error {
		before, err := books.LockProduct(ctx, tx, cmd.ProductID)
		if err != nil {
			return err
		}
		if product = cmd.apply(before); product == before {
			return nil
		}
		product.Version++
		product.UpdatedAt = h.now()
		return books.SaveProduct(ctx, tx, product, shop.KindProductUpdated, cmd.By.Operator(), "")
	})
	if err != nil {
		return shop.ProductUpdated{}, err
	}
	h.Projector.Project(ctx, string(product.ID))
	return shop.ProductUpdated{Product: product}, nil
}

// check refuses what is out of its domain, and makes text what it is kept as.
func (c *UpdateProduct) check() error {
	if c.Name == nil && c.Description == nil && c.Price == nil && c.TaxFree == nil {
		return shop.InvalidField("input", "Nothing to change was given.")
	}
	if c.Name != nil {
		name, err := checkName(*c.Name)
		if err != nil {
			return err
		}
		c.Name = &name
	}
	if c.Description != nil {
		description, err := checkDescription(*c.Description)
		if err != nil {
			return err
		}
		c.Description = &description
	}
	if c.Price != nil {
		return checkPrice(*c.Price)
	}
	return nil
}

func (c *UpdateProduct) apply(p shop.Product) shop.Product {
	if c.Name != nil {
		p.Name = *c.Name
	}
	if c.Description != nil {
		p.Description = *c.Description
	}
	if c.Price != nil {
		p.Price = *c.Price
	}
	if c.TaxFree != nil {
		p.TaxFree = *c.TaxFree
	}
	return p
}

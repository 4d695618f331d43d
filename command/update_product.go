package command

import (
	"context"
	"database/sql"
	"time"

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
	// ImageURL and Category are taken away by what is empty.
	ImageURL, Category *string
	Listed             *bool
	// ExpectedUpdatedAt is when the product changed last, as the person saw it; nil is not compared.
	ExpectedUpdatedAt *time.Time
}

// UpdateProduct changes a product; orders placed before keep their snapshot.
// It returns Invalid when a property is out of its domain or none is given,
// NotFound when there is no such product, and Conflict when it is not as the person
// saw it. Repeating it changes nothing.
func (h *Handler) UpdateProduct(ctx context.Context, cmd UpdateProduct) (shop.ProductUpdated, error) {
	if err := cmd.check(h.ImageOrigin); err != nil {
		return shop.ProductUpdated{}, err
	}
	defer h.Locks.Lock(ctx, lockKey(string(cmd.ProductID)))()
	var product shop.Product
	err := books.KeyedTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) error {
		before, err := books.LockProduct(ctx, tx, cmd.ProductID)
		if err != nil {
			return err
		}
		if err := cmd.compare(before); err != nil {
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
func (c *UpdateProduct) check(imageOrigin string) error {
	if c.Name == nil && c.Description == nil && c.Price == nil && c.TaxFree == nil && c.ImageURL == nil &&
		c.Category == nil && c.Listed == nil {
		return shop.InvalidField("input", "Nothing to change was given.")
	}
	checkImageURL := func(text string) (string, error) { return checkImageURL(text, imageOrigin) }
	for _, given := range []struct {
		text  **string
		check func(string) (string, error)
	}{
		{&c.Name, checkName}, {&c.Description, checkDescription}, {&c.ImageURL, checkImageURL}, {&c.Category, checkCategory},
	} {
		if *given.text == nil {
			continue
		}
		kept, err := given.check(**given.text)
		if err != nil {
			return err
		}
		*given.text = &kept
	}
	if c.Price != nil {
		return checkPrice(*c.Price)
	}
	return nil
}

// compare returns Conflict when the product is not as the person saw it.
func (c *UpdateProduct) compare(p shop.Product) error {
	if c.ExpectedUpdatedAt == nil || c.ExpectedUpdatedAt.Equal(p.UpdatedAt) {
		return nil
	}
	refused := conflictOf("CHANGED", "The product changed since. Look at it again.")
	refused.Details["updatedAt"] = p.UpdatedAt
	return refused
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
	if c.ImageURL != nil {
		p.ImageURL = *c.ImageURL
	}
	if c.Category != nil {
		p.Category = *c.Category
	}
	if c.Listed != nil {
		p.Hidden = !*c.Listed
	}
	return p
}

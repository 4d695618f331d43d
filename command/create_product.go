package command

import (
	"context"
	"database/sql"

	"payment-system/command/books"
	"payment-system/shop"
)

// CreateProduct puts a product on sale.
type CreateProduct struct {
	By                shop.Caller
	IdempotencyKey    string
	Name, Description string
	Price             shop.Won
	TaxFree           bool
	Stock             int
	ImageURL          *string
	Category          *string
	Listed            *bool // nil lists it
}

// CreateProduct opens a product with its first stock. It returns Invalid when
// a property is out of its domain, and IdempotencyMismatch when the key named
// another product.
func (h *Handler) CreateProduct(ctx context.Context, cmd CreateProduct) (shop.ProductCreated, error) {
	product, err := cmd.product(h.ImageOrigin)
	if err != nil {
		return shop.ProductCreated{}, err
	}
	req, err := books.NewRequest(cmd.By.UserID, "createProduct", cmd.IdempotencyKey, product)
	if err != nil {
		return shop.ProductCreated{}, err
	}
	product.ID, product.Version = shop.ProductID(h.NewID(shop.PrefixProduct)), 1
	product.CreatedAt = h.now()
	product.UpdatedAt = product.CreatedAt

	var created shop.ProductCreated
	err = books.KeyedTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) error {
		found, err := req.Begin(ctx, tx, string(product.ID), product.CreatedAt)
		if err != nil {
			return err
		}
		if found != nil {
			return found.DecodeInto(&created)
		}
		created = shop.ProductCreated{Product: product}
		if err := books.InsertProduct(ctx, tx, product, cmd.By.UserID, cmd.By.Operator()); err != nil {
			return err
		}
		return req.Finish(ctx, tx, created)
	})
	if err != nil {
		return shop.ProductCreated{}, err
	}
	h.Projector.Project(ctx, string(created.Product.ID))
	return created, nil
}

// product checks the command's properties and returns the product they make.
func (c CreateProduct) product(imageOrigin string) (product shop.Product, err error) {
	product = shop.Product{
		Price: c.Price, TaxFree: c.TaxFree, Stock: c.Stock, Hidden: c.Listed != nil && !*c.Listed,
	}
	if product.Name, err = checkName(c.Name); err != nil {
		return product, err
	}
	if product.Description, err = checkDescription(c.Description); err != nil {
		return product, err
	}
	if err := checkPrice(c.Price); err != nil {
		return product, err
	}
	if c.ImageURL != nil {
		if product.ImageURL, err = checkImageURL(*c.ImageURL, imageOrigin); err != nil {
			return product, err
		}
	}
	if c.Category != nil {
		if product.Category, err = checkCategory(*c.Category); err != nil {
			return product, err
		}
	}
	if c.Stock < 0 || c.Stock > shop.MaxStock {
		return product, shop.InvalidField("stock", "The stock must be from 0 to 1,000,000,000 units.")
	}
	return product, nil
}

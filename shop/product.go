package shop

import "time"

// A Product is something for sale, with what is left of it.
type Product struct {
	ID          ProductID `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Price       Won       `json:"price"`
	TaxFree     bool      `json:"taxFree"`
	// ImageURL and Category are empty where there is none.
	ImageURL string `json:"imageUrl,omitempty"`
	Category string `json:"category,omitempty"`
	// Hidden products are in no list that shoppers see, and cannot be ordered. By id anybody reads them.
	Hidden bool `json:"hidden,omitempty"`
	// Stock is the units that can be ordered now.
	Stock     int       `json:"stock"`
	Reserved  int       `json:"reserved"`
	Sold      int       `json:"sold"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	// Version grows by one with every change of the product or its stock.
	Version int `json:"version"`
}

// Listed reports whether shoppers see the product in lists, and can order it.
func (p Product) Listed() bool { return !p.Hidden }

// IsNode marks Product as a GraphQL Node.
func (Product) IsNode() {}

// MaxStock is the most units a product may have on hand.
const MaxStock = 1_000_000_000

package shop

import "time"

// A Product is something for sale, with what is left of it.
type Product struct {
	ID          ProductID `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Price       Won       `json:"price"`
	TaxFree     bool      `json:"taxFree"`
	// Stock is the units that can be ordered now.
	Stock     int       `json:"stock"`
	Reserved  int       `json:"reserved"`
	Sold      int       `json:"sold"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	// Version grows by one with every change of the product or its stock.
	Version int `json:"version"`
}

// IsNode marks Product as a GraphQL Node.
func (Product) IsNode() {}

// MaxStock is the most units a product may have on hand.
const MaxStock = 1_000_000_000

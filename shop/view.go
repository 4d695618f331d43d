package shop

// A View is a read model that can be rebuilt from the books.
type View string

// The views that clients may name.
const (
	ViewProducts View = "PRODUCTS"
	ViewOrders   View = "ORDERS"
	ViewPayments View = "PAYMENTS"
)

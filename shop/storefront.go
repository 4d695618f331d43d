package shop

// A Storefront is what shoppers see of the shop before they sign in.
type Storefront struct {
	Name    string
	Notices []string // what the law wants to be shown, a line each
	// Gateways can be paid with, in the order to show them.
	Gateways []OfferedGateway
	// OrderHoldSeconds is how long an unpaid order holds stock.
	OrderHoldSeconds int
}

// An OfferedGateway is a gateway that orders can be paid with.
type OfferedGateway struct {
	PG      PG
	Methods []PaymentMethod
	// Available is false while the gateway does not answer.
	Available bool
}

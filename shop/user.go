package shop

import "time"

// A Role says what a person may do.
type Role string

// The roles.
const (
	RoleCustomer Role = "CUSTOMER"
	RoleOperator Role = "OPERATOR"
)

// A User is a person with an account.
type User struct {
	ID        UserID    `json:"id"`
	Email     string    `json:"email"` // lower case
	Role      Role      `json:"role"`
	CreatedAt time.Time `json:"createdAt"`
	Version   int       `json:"version"`
}

// IsNode marks User as a GraphQL Node.
func (User) IsNode() {}

// An Actor is who caused an event.
type Actor string

// The actors.
const (
	ActorShopper        Actor = "SHOPPER"
	ActorOperator       Actor = "OPERATOR"
	ActorGateway        Actor = "GATEWAY"
	ActorResolver       Actor = "RESOLVER"
	ActorReconciliation Actor = "RECONCILIATION"
	ActorScheduler      Actor = "SCHEDULER"
)

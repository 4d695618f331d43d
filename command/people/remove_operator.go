package people

import (
	"context"

	"payment-system/shop"
)

// RemoveOperator takes the operator's role from an account, which is a customer's then.
type RemoveOperator struct{ Email string }

// RemoveOperator returns Invalid for what is no address, and NotFound when no
// account has it. A customer stays one. What the account may do is read anew for each
// request; whoever calls this ends the sessions of the account besides, and with them what
// is open. Like MakeOperator, it is for whoever may run programs on the machine.
func (h *Handler) RemoveOperator(ctx context.Context, cmd RemoveOperator) (shop.UserRoleChanged, error) {
	return h.changeRole(ctx, cmd.Email, shop.RoleCustomer)
}

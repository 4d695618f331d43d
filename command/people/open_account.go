package people

import (
	"context"

	"payment-system/shop"
)

// OpenAccount opens an account without a mailed code. It is for whoever may run
// programs on the machine, to seed a shop: no mutation leads here.
type OpenAccount struct {
	Email, Password string
	Role            shop.Role
}

// OpenAccount returns Invalid for what no account can have, and Conflict when
// the address has an account already.
func (h *Handler) OpenAccount(ctx context.Context, cmd OpenAccount) (shop.UserSignedUp, error) {
	email, err := checkEmail(cmd.Email)
	if err != nil {
		return shop.UserSignedUp{}, err
	}
	if err := checkPassword(cmd.Password); err != nil {
		return shop.UserSignedUp{}, err
	}
	if cmd.Role != shop.RoleCustomer && cmd.Role != shop.RoleOperator {
		return shop.UserSignedUp{}, shop.InvalidField("role", "The role must be CUSTOMER or OPERATOR.")
	}
	hash, err := h.hashPassword(ctx, cmd.Password)
	if err != nil {
		return shop.UserSignedUp{}, err
	}
	user, err := h.openAccount(ctx, email, hash, cmd.Role, shop.ActorOperator)
	return shop.UserSignedUp{User: user}, err
}

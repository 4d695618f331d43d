package people

import (
	"context"
	"database/sql"

	"payment-system/command/books"
	"payment-system/shop"
)

// MakeOperator gives an account the operator's role.
type MakeOperator struct{ Email string }

// MakeOperator returns Invalid for what is no address, and NotFound when no
// account has it. An operator stays one. It is for whoever may run programs on
// the machine: no mutation leads here.
func (h *Handler) MakeOperator(ctx context.Context, cmd MakeOperator) (shop.UserRoleChanged, error) {
	return h.changeRole(ctx, cmd.Email, shop.RoleOperator)
}

// changeRole gives the account of an address a role, unless it has that already.
func (h *Handler) changeRole(ctx context.Context, email string, role shop.Role) (shop.UserRoleChanged, error) {
	email, err := checkEmail(email)
	if err != nil {
		return shop.UserRoleChanged{}, err
	}
	var user shop.User
	err = books.KeyedTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) error {
		if user, _, err = books.FindUser(ctx, tx, email); err != nil || user.Role == role {
			return err
		}
		user.Role = role
		user.Version++
		if err := books.SaveRole(ctx, tx, user); err != nil {
			return err
		}
		return books.Append(ctx, tx, books.UserEvent(user, shop.KindUserRoleChanged, shop.ActorOperator, h.now()))
	})
	if err != nil {
		return shop.UserRoleChanged{}, err
	}
	h.Projector.Project(ctx, string(user.ID))
	return shop.UserRoleChanged{User: user}, nil
}

package command

import (
	"context"
	"database/sql"
	"fmt"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// MakeOperator gives an account the operator's role.
type MakeOperator struct{ Email string }

// MakeOperator returns Invalid for what is no address, and NotFound when no
// account has it. An operator stays one. It is for whoever may run programs on
// the machine: no mutation leads here.
func (h *Handler) MakeOperator(ctx context.Context, cmd MakeOperator) (shop.UserRoleChanged, error) {
	email, err := checkEmail(cmd.Email)
	if err != nil {
		return shop.UserRoleChanged{}, err
	}
	var user shop.User
	err = h.inKeyedTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if user, _, err = findUser(ctx, tx, email); err != nil || user.Role == shop.RoleOperator {
			return err
		}
		user.Role = shop.RoleOperator
		user.Version++
		err := mysqldb.ExecOne(ctx, tx, `UPDATE users SET role = ?, version = ? WHERE id = ? AND version = ?`,
			string(user.Role), user.Version, string(user.ID), user.Version-1)
		if err != nil {
			return fmt.Errorf("save account %s: %w", user.ID, err)
		}
		return record(ctx, tx, userFact(user, shop.KindUserRoleChanged, shop.ActorOperator, h.now()))
	})
	if err != nil {
		return shop.UserRoleChanged{}, err
	}
	h.Projector.Project(ctx, string(user.ID))
	return shop.UserRoleChanged{User: user}, nil
}

package people

import (
	"context"
	"errors"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/limits"
	"payment-system/shop"
)

// SignUp opens an account for a verified address.
type SignUp struct {
	VerificationID shop.VerificationID
	Password       string
	RemoteIP       string // the network that it is of is known to be the owner's
}

// SignUp opens an account for the address of a confirmed verification, which is
// used up by it. It returns Invalid for a bad password or an unknown,
// unconfirmed or used verification, Conflict when the address has an account
// by now, and Unavailable without Redis.
func (h *Handler) SignUp(ctx context.Context, cmd SignUp) (shop.UserSignedUp, error) {
	if err := checkPassword(cmd.Password); err != nil {
		return shop.UserSignedUp{}, err
	}
	key := verificationKey(cmd.VerificationID)
	confirmed, err := h.Redis.HExists(ctx, key, "confirmed").Result()
	if err != nil {
		return shop.UserSignedUp{}, limits.RedisDown("read a verification", err)
	}
	if !confirmed { // It spares the hash; whether it may be used is decided below.
		return shop.UserSignedUp{}, unknownVerification()
	}
	hash, err := h.hashPassword(ctx, cmd.Password)
	if err != nil {
		return shop.UserSignedUp{}, err
	}
	email, err := useScript.Run(ctx, h.Redis, []string{key}).Text()
	if errors.Is(err, redis.Nil) {
		return shop.UserSignedUp{}, unknownVerification()
	}
	if err != nil {
		return shop.UserSignedUp{}, limits.RedisDown("use a verification", err)
	}
	user, err := h.openAccount(ctx, email, hash, shop.RoleCustomer, shop.ActorShopper)
	h.settleVerification(ctx, key, err)
	if err != nil {
		return shop.UserSignedUp{}, err
	}
	h.noteOwner(context.WithoutCancel(ctx), email, limits.Network(cmd.RemoteIP))
	return shop.UserSignedUp{User: user}, nil
}

// settleVerification ends a used verification, or lets the shopper try again
// when the account could not be opened for want of a database.
func (h *Handler) settleVerification(ctx context.Context, key string, opening error) {
	ctx = context.WithoutCancel(ctx)
	var err error
	if opening == nil || shop.CodeOf(opening) == shop.Conflict {
		err = h.Redis.Del(ctx, key).Err()
	} else {
		err = unuseScript.Run(ctx, h.Redis, []string{key}).Err()
	}
	if err != nil { // It expires by itself.
		h.Logger.WarnContext(ctx, "used verification stays until it expires", slog.Any("error", err))
	}
}

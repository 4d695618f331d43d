package people

import (
	"context"
	"errors"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/limits"
	"payment-system/shop"
)

// ResetPassword repeats the mailed code and chooses a new password.
type ResetPassword struct {
	VerificationID shop.VerificationID
	Code           string
	Password       string
}

// A code for a new password lies in Redis as one for sign-up does, but under names of its own: the
// one never does the work of the other.
func resetKey(id shop.VerificationID) string { return "reset:" + shop.HashOf(string(id)) }

// takeScript takes a code, for one caller only, and answers with its address; with 0 when the code
// is wrong, and -1 when there is none, or somebody took it. The last wrong code ends it.
var takeScript = redis.NewScript(`
local v = redis.call('HMGET', KEYS[1], 'email', 'code', 'used')
if not v[1] or v[3] == '1' then return -1 end
if v[2] ~= ARGV[1] then
  if redis.call('HINCRBY', KEYS[1], 'tries', -1) <= 0 then redis.call('DEL', KEYS[1]) end
  return 0
end
redis.call('HSET', KEYS[1], 'used', '1')
return v[1]`)

// ResetPassword gives the account of a mailed code a new password, ends all its sessions and mails
// its owner that it did. It signs nobody in. Of two who send the same code one does it. It returns
// Invalid for a bad password, a wrong code, and a code that is unknown, expired, used, or spent by
// five wrong ones; and Unavailable, with nothing changed, without Redis or the database: then the
// code can be sent again.
func (h *Handler) ResetPassword(ctx context.Context, cmd ResetPassword) (shop.PasswordReset, error) {
	if err := checkPassword(cmd.Password); err != nil {
		return shop.PasswordReset{}, err
	}
	key := resetKey(cmd.VerificationID)
	email, err := h.takeCode(ctx, key, cmd.VerificationID, cmd.Code)
	if err != nil {
		return shop.PasswordReset{}, err
	}
	user, err := h.resetPassword(ctx, email, cmd.Password)
	h.settleReset(ctx, key, err)
	if shop.CodeOf(err) == shop.NotFound { // a guess: the code of an address without an account is never mailed
		return shop.PasswordReset{}, unknownVerification()
	}
	if err != nil {
		return shop.PasswordReset{}, err
	}
	return shop.PasswordReset{User: user}, h.passwordChanged(ctx, user, "")
}

func (h *Handler) takeCode(ctx context.Context, key string, id shop.VerificationID, code string) (email string,
	err error,
) {
	answer, err := takeScript.Run(ctx, h.Redis, []string{key}, codeMAC(id, digitsOf(code))).Result()
	if err != nil {
		return "", limits.RedisDown("take a code", err)
	}
	switch answer := answer.(type) {
	case string:
		return answer, nil
	case int64:
		if answer == 0 {
			return "", shop.InvalidField("code", "The code is wrong.")
		}
	}
	return "", unknownVerification()
}

func (h *Handler) resetPassword(ctx context.Context, email, password string) (shop.User, error) {
	hash, err := h.hashPassword(ctx, password)
	if err != nil {
		return shop.User{}, err
	}
	return h.savePassword(ctx, passwordChange{email: email, hash: hash, actor: shop.ActorShopper})
}

// settleReset ends a code that was taken, or gives it back when nothing was changed for want of a
// database.
func (h *Handler) settleReset(ctx context.Context, key string, failure error) {
	ctx = context.WithoutCancel(ctx)
	var err error
	if failure == nil || shop.CodeOf(failure) == shop.NotFound {
		err = h.Redis.Del(ctx, key).Err()
	} else {
		err = unuseScript.Run(ctx, h.Redis, []string{key}).Err()
	}
	if err != nil && !errors.Is(err, redis.Nil) { // It expires by itself.
		h.Logger.WarnContext(ctx, "used code stays until it expires", slog.Any("error", err))
	}
}

package people

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/limits"
	"payment-system/shop"
)

const (
	verificationTTL   = 10 * time.Minute
	verificationTries = 5
)

// A verification lies in Redis under a hash of its id, as fields email, code
// (its HMAC, whose key is the id: who reads Redis learns neither), tries,
// confirmed and used.
func verificationKey(id shop.VerificationID) string { return "verification:" + shop.HashOf(string(id)) }

func codeMAC(id shop.VerificationID, code string) string {
	mac := hmac.New(sha256.New, []byte(id))
	mac.Write([]byte(code))
	return hex.EncodeToString(mac.Sum(nil))
}

// newCode returns six digits, each of the million codes as likely as any other.
func (h *Handler) newCode() string {
	const codes = 1_000_000
	for {
		var p [4]byte
		h.Random(p[:])
		// The top of the range would favor the lower codes.
		if n := binary.BigEndian.Uint32(p[:]); n < 1<<32/codes*codes {
			return fmt.Sprintf("%06d", n%codes)
		}
	}
}

// storeCode keeps a code under a key of Redis. The id is its HMAC's key.
func (h *Handler) storeCode(ctx context.Context, key string, id shop.VerificationID, email, code string) error {
	_, err := h.Redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, key, "email", email, "code", codeMAC(id, code), "tries", verificationTries)
		p.Expire(ctx, key, verificationTTL)
		return nil
	})
	if err != nil {
		return limits.RedisDown("store a verification", err)
	}
	return nil
}

// confirmScript answers 1 when the code is right, 0 when it is wrong, and -1
// when there is no such verification. The last wrong code ends it.
var confirmScript = redis.NewScript(`
local code = redis.call('HGET', KEYS[1], 'code')
if not code then return -1 end
if code == ARGV[1] then
  redis.call('HSET', KEYS[1], 'confirmed', '1')
  return 1
end
if redis.call('HINCRBY', KEYS[1], 'tries', -1) <= 0 then redis.call('DEL', KEYS[1]) end
return 0`)

// useScript takes a confirmed verification, for one caller only, and answers
// with its address.
var useScript = redis.NewScript(`
local v = redis.call('HMGET', KEYS[1], 'email', 'confirmed', 'used')
if not v[1] or v[2] ~= '1' or v[3] == '1' then return false end
redis.call('HSET', KEYS[1], 'used', '1')
return v[1]`)

// unuseScript lets a verification be used again, if it is still there.
var unuseScript = redis.NewScript(`return redis.call('HDEL', KEYS[1], 'used')`)

func unknownVerification() error {
	return shop.InvalidField("verificationId", "This verification is unknown, expired or used up. Ask for a new code.")
}

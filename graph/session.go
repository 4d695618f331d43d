package graph

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/roundtrip"
	"payment-system/shop"
)

// Sessions remember, in Redis, who is signed in; any replica knows them. A
// session holds a user's id and nothing else. Without Redis nobody is signed in.
type Sessions struct {
	Redis redis.UniversalClient
	// Idle is how long a session lives unused, Max how long at most.
	Idle, Max time.Duration
	Now       func() time.Time
	Random    func(p []byte) // fills p with secure randomness

	trips roundtrip.Group // of all who are looked up at the same moment
}

// A session is what Redis holds, under the hash of its token: who reads Redis
// cannot pose as anybody.
type session struct {
	UserID    shop.UserID `json:"userId"`
	CreatedAt time.Time   `json:"createdAt"`
}

const tokenBytes = 32

// Start opens a session and returns its token, which only the cookie carries.
// It returns Unavailable without Redis.
func (s *Sessions) Start(ctx context.Context, user shop.UserID) (token string, err error) {
	secret := make([]byte, tokenBytes)
	s.Random(secret)
	token = base64.RawURLEncoding.EncodeToString(secret)
	body, err := json.Marshal(session{UserID: user, CreatedAt: s.Now().UTC()})
	if err != nil {
		return "", fmt.Errorf("encode a session: %w", err)
	}
	if err := s.Redis.Set(ctx, sessionKey(token), body, s.Idle).Err(); err != nil {
		return "", noSessions(err)
	}
	return token, nil
}

// Find returns whose session a token names and lets it live on, or "" when
// there is none. It returns Unavailable without Redis.
func (s *Sessions) Find(ctx context.Context, token string) (shop.UserID, error) {
	return s.read(ctx, token, func(pipe redis.Pipeliner, key string) *redis.StringCmd {
		return pipe.GetEx(ctx, key, s.Idle)
	})
}

// Peek is Find, but leaves the session as it is.
func (s *Sessions) Peek(ctx context.Context, token string) (shop.UserID, error) {
	return s.read(ctx, token, func(pipe redis.Pipeliner, key string) *redis.StringCmd { return pipe.Get(ctx, key) })
}

func (s *Sessions) read(ctx context.Context, token string, get func(redis.Pipeliner, string) *redis.StringCmd,
) (shop.UserID, error) {
	if !isToken(token) {
		return "", nil
	}
	var answer *redis.StringCmd
	err := s.trips.Do(ctx, s.Redis, func(pipe redis.Pipeliner) { answer = get(pipe, sessionKey(token)) })
	if err != nil {
		return "", noSessions(err)
	}
	body, err := answer.Bytes()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	if err != nil {
		return "", noSessions(err)
	}
	var found session
	if err := json.Unmarshal(body, &found); err != nil {
		return "", fmt.Errorf("decode a session: %w", err)
	}
	if !s.Now().Before(found.CreatedAt.Add(s.Max)) {
		return "", s.End(ctx, token)
	}
	return found.UserID, nil
}

// End ends a session, if there is one. It returns Unavailable without Redis.
func (s *Sessions) End(ctx context.Context, token string) error {
	if !isToken(token) {
		return nil
	}
	if err := s.Redis.Del(ctx, sessionKey(token)).Err(); err != nil {
		return noSessions(err)
	}
	return nil
}

func sessionKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "session:" + hex.EncodeToString(sum[:])
}

func isToken(s string) bool {
	secret, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil && len(secret) == tokenBytes
}

func noSessions(err error) error {
	return shop.NotNow("Nobody can be signed in at the moment.", err)
}

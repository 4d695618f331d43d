package graph

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	// PeekTimeout is how long it may take to tell whose an answer is that is about to leave; a second when zero.
	PeekTimeout time.Duration
	// Trips are shared by all who are looked up at the same moment.
	Trips roundtrip.Group
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
	key, list := sessionKey(token), listKey(user)
	_, err = s.Redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		// What ended by itself is still listed, for as long as a session may live.
		pipe.ZRemRangeByScore(ctx, list, "-inf", strconv.FormatInt(s.Now().Add(-s.Max).Unix(), 10))
		pipe.ZAdd(ctx, list, redis.Z{Score: float64(s.Now().Unix()), Member: key}) //nolint:forbidigo // seconds, not money
		pipe.Expire(ctx, list, s.Max)
		pipe.Set(ctx, key, body, s.Idle)
		return nil
	})
	if err != nil {
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
	err := s.Trips.Do(ctx, s.Redis, func(pipe redis.Pipeliner) { answer = get(pipe, sessionKey(token)) })
	if err != nil {
		return "", noSessions(err)
	}
	found, err := s.open(answer)
	if err != nil || found.UserID == "" {
		return "", err
	}
	if s.isOver(found) {
		return "", s.End(ctx, token)
	}
	return found.UserID, nil
}

// open reads what Redis answered; a session of nobody when there is none.
func (s *Sessions) open(answer *redis.StringCmd) (found session, err error) {
	body, err := answer.Bytes()
	if errors.Is(err, redis.Nil) {
		return session{}, nil
	}
	if err != nil {
		return session{}, noSessions(err)
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return session{}, fmt.Errorf("decode a session: %w", err)
	}
	return found, nil
}

// isOver reports whether a session is older than it may become.
func (s *Sessions) isOver(found session) bool { return !s.Now().Before(found.CreatedAt.Add(s.Max)) }

func (s *Sessions) peekTimeout() time.Duration { return cmp.Or(s.PeekTimeout, time.Second) }

// peekAtOnce is how many sessions are looked at in one round trip.
const peekAtOnce = 500

// Living returns which of the tokens name a session, and leaves the sessions as they are. It
// returns Unavailable without Redis.
func (s *Sessions) Living(ctx context.Context, tokens []string) (map[string]bool, error) {
	living := make(map[string]bool, len(tokens))
	for some := range slices.Chunk(tokens, peekAtOnce) {
		pipe := s.Redis.Pipeline()
		answers := make([]*redis.StringCmd, len(some))
		for i, token := range some {
			answers[i] = pipe.Get(ctx, sessionKey(token))
		}
		_, _ = pipe.Exec(ctx) // each answer tells for itself: what is missing is no fault
		for i, token := range some {
			found, err := s.open(answers[i])
			if err != nil {
				return nil, err
			}
			living[token] = isToken(token) && found.UserID != "" && !s.isOver(found)
		}
	}
	return living, nil
}

// End ends a session, if there is one. It returns Unavailable without Redis.
func (s *Sessions) End(ctx context.Context, token string) error {
	if !isToken(token) {
		return nil
	}
	key := sessionKey(token)
	found, err := s.open(s.Redis.GetDel(ctx, key))
	if err != nil || found.UserID == "" {
		return err
	}
	// The session has ended; what lists it may hold a name too many.
	_ = s.Redis.ZRem(ctx, listKey(found.UserID), key).Err()
	return nil
}

// EndAll ends every session of a user, and returns how many there were. It returns Unavailable
// without Redis; then some may go on.
func (s *Sessions) EndAll(ctx context.Context, user shop.UserID) (ended int, err error) {
	return s.endBut(ctx, user, "")
}

// EndOthers ends every session of a user but the one that a token names; "" spares none. It
// returns Unavailable without Redis; then some may go on.
func (s *Sessions) EndOthers(ctx context.Context, user shop.UserID, token string) error {
	spared := ""
	if token != "" {
		spared = sessionKey(token)
	}
	_, err := s.endBut(ctx, user, spared)
	return err
}

// endBut ends the sessions of a user but the one of a key.
func (s *Sessions) endBut(ctx context.Context, user shop.UserID, spared string) (ended int, err error) {
	list := listKey(user)
	keys, err := s.Redis.ZRange(ctx, list, 0, -1).Result()
	if err != nil {
		return 0, noSessions(err)
	}
	for _, key := range keys {
		if key == spared {
			continue
		}
		n, err := s.Redis.Del(ctx, key).Result()
		if err == nil {
			err = s.Redis.ZRem(ctx, list, key).Err()
		}
		if err != nil {
			return ended, noSessions(err)
		}
		ended += int(n)
	}
	return ended, nil
}

// listKey names the list of a user's sessions.
func listKey(user shop.UserID) string { return "sessions:" + string(user) }

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

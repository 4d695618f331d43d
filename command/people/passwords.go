package people

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"

	"payment-system/command/books"
	"payment-system/internal/text"
	"payment-system/shop"
)

const (
	minPasswordLength = 8
	maxPasswordLength = 1_000
	// nobodysHash is compared where there is no account, so that it takes as
	// long as where there is one. Nothing is known to match it.
	nobodysHash = "$2a$12$GuqO2y3EEGpy27LQzG08rOT5XYb8jV2VfOQJplPFjFsgoVIkUTF0S"
)

// checkPassword refuses a new password that is too short, too long or not text.
func checkPassword(password string) error {
	if len(password) > 4*maxPasswordLength || !utf8.ValidString(password) {
		return badPassword()
	}
	n := utf8.RuneCountInString(norm.NFKC.String(password))
	if n < minPasswordLength || n > maxPasswordLength || strings.ContainsFunc(password, text.IsOddInLine) {
		return badPassword()
	}
	return nil
}

func badPassword() error {
	return shop.InvalidField("password", "The password must have 8 to 1,000 characters.")
}

// hashPassword hashes a password by bcrypt. It waits for its turn, as one takes
// a quarter of a second of a processor.
func (h *Handler) hashPassword(ctx context.Context, password string) (string, error) {
	leave, err := h.hashing.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	hash, err := bcrypt.GenerateFromPassword(prehash(password), cmp.Or(h.PasswordCost, 12))
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return string(hash), nil
}

// matches reports whether a password is the one hashed. The caller has entered
// the gate.
func matches(hash, password string) (bool, error) {
	err := bcrypt.CompareHashAndPassword([]byte(hash), prehash(password))
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("compare a password: %w", err)
	}
	return true, nil
}

// prehash makes of a password of any length what bcrypt reads in full: it looks
// at 72 bytes, which are 24 syllables of Hangul. The key sets these hashes
// apart from any others of the same password.
func prehash(password string) []byte {
	mac := hmac.New(sha256.New, []byte("payment-system password"))
	mac.Write([]byte(norm.NFKC.String(password)))
	return base64.RawStdEncoding.AppendEncode(nil, mac.Sum(nil))
}

// A hashGate lets as many in at once as there are processors. The zero value is
// open.
type hashGate struct {
	once  sync.Once
	slots chan struct{}
}

// enter waits for a free place. It returns Unavailable when ctx ends first.
func (g *hashGate) enter(ctx context.Context) (leave func(), err error) {
	g.once.Do(func() { g.slots = make(chan struct{}, runtime.GOMAXPROCS(0)) })
	select {
	case g.slots <- struct{}{}:
		return func() { <-g.slots }, nil
	case <-ctx.Done():
		return nil, books.Unavailable(fmt.Errorf("wait to hash a password: %w", ctx.Err()))
	}
}

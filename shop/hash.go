package shop

import (
	"crypto/sha256"
	"encoding/hex"
)

// HashOf returns the SHA-256, in hex, of parts, each told apart from the next.
func HashOf(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

package shop

import "strings"

// maxReturnHashes is how many secrets of an attempt count: of more the first and the latest do.
const maxReturnHashes = 6

// ReturnHashes are hashes, separated by spaces, of the secrets in the addresses that a gateway
// was given to send a shopper back to. An attempt that has none asks for none: it is of before
// there were any.
type ReturnHashes string

// Admits reports whether who comes back holds one of the addresses.
func (h ReturnHashes) Admits(secret string) bool {
	if h == "" {
		return true
	}
	for hash := range strings.SplitSeq(string(h), " ") {
		if secret != "" && hash == HashOf(secret) {
			return true
		}
	}
	return false
}

// With adds the secret of one address more.
func (h ReturnHashes) With(secret string) ReturnHashes {
	hashes := append(strings.Fields(string(h)), HashOf(secret))
	if over := len(hashes) - maxReturnHashes; over > 0 {
		hashes = append(hashes[:1], hashes[1+over:]...)
	}
	return ReturnHashes(strings.Join(hashes, " "))
}

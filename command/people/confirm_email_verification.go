package people

import (
	"context"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"payment-system/internal/limits"
	"payment-system/shop"
)

// ConfirmEmailVerification repeats the mailed code.
type ConfirmEmailVerification struct {
	VerificationID shop.VerificationID
	Code           string
}

// ConfirmEmailVerification makes the verification good for one sign-up. It
// returns Invalid, naming the code when it is wrong and the verification when
// there is none: it expired, was used, or five wrong codes have spent it.
func (h *Handler) ConfirmEmailVerification(ctx context.Context,
	cmd ConfirmEmailVerification,
) (shop.VerificationConfirmed, error) {
	answer, err := confirmScript.Run(ctx, h.Redis, []string{verificationKey(cmd.VerificationID)},
		codeMAC(cmd.VerificationID, digitsOf(cmd.Code))).Int()
	switch {
	case err != nil:
		return shop.VerificationConfirmed{}, limits.RedisDown("confirm a verification", err)
	case answer < 0:
		return shop.VerificationConfirmed{}, unknownVerification()
	case answer == 0:
		return shop.VerificationConfirmed{}, shop.InvalidField("code", "The code is wrong.")
	}
	return shop.VerificationConfirmed{VerificationID: cmd.VerificationID}, nil
}

// digitsOf reads a code as people write it: with spaces, or in full width. What
// is longer than any code stays wrong.
func digitsOf(code string) string {
	if len(code) > 100 {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(code))
}

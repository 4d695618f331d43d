package people

import (
	"context"

	"payment-system/command/books"
	"payment-system/internal/limits"
	"payment-system/shop"
)

// RequestEmailVerification mails a six-digit code to an address.
type RequestEmailVerification struct {
	Email    string
	RemoteIP string // for rate limits
}

// RequestEmailVerification stores a code and answers; the mail is written and
// sent afterwards, so that neither the answer nor its time reports whether the
// address has an account. It returns Invalid for what is no address,
// RateLimited, and Unavailable without Redis.
func (h *Handler) RequestEmailVerification(ctx context.Context,
	cmd RequestEmailVerification,
) (shop.VerificationRequested, error) {
	email, err := checkEmail(cmd.Email)
	if err != nil {
		return shop.VerificationRequested{}, err
	}
	if err := h.allowCode(ctx, email, limits.Network(cmd.RemoteIP)); err != nil {
		return shop.VerificationRequested{}, err
	}
	id, code := shop.VerificationID(h.NewID(shop.PrefixVerification)), h.newCode()
	expires := h.now().Add(verificationTTL)
	if err := h.storeCode(ctx, verificationKey(id), id, email, code); err != nil {
		return shop.VerificationRequested{}, err
	}
	if err := h.post(ctx, func(ctx context.Context) error { return h.mailCode(ctx, email, code) }); err != nil {
		return shop.VerificationRequested{}, err
	}
	return shop.VerificationRequested{VerificationID: id, ExpiresAt: expires}, nil
}

// mailCode mails the code to who has no account yet. Who has one is told so,
// and nobody ever learns that code.
func (h *Handler) mailCode(ctx context.Context, email, code string) error {
	_, _, err := books.FindUser(ctx, h.DB, email)
	if err != nil && shop.CodeOf(err) != shop.NotFound {
		return err
	}
	letter := accountLetter
	if err != nil {
		letter = codeLetter
	}
	return h.send(ctx, letter, email, code)
}

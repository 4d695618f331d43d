package people

import (
	"context"

	"payment-system/command/books"
	"payment-system/internal/limits"
	"payment-system/shop"
)

// RequestPasswordReset mails a six-digit code that lets the owner of an address choose a new
// password.
type RequestPasswordReset struct {
	Email    string
	RemoteIP string // for rate limits
}

// RequestPasswordReset stores a code and answers; whether the address has an account is looked up
// afterwards, so that neither the answer nor its time reports it. It counts with the codes for
// sign-up, for they go to the same mailbox. It returns Invalid for what is no address,
// RateLimited, and Unavailable without Redis.
func (h *Handler) RequestPasswordReset(ctx context.Context, cmd RequestPasswordReset) (shop.PasswordResetRequested,
	error,
) {
	email, err := checkEmail(cmd.Email)
	if err != nil {
		return shop.PasswordResetRequested{}, err
	}
	if err := h.allowCode(ctx, email, limits.Network(cmd.RemoteIP)); err != nil {
		return shop.PasswordResetRequested{}, err
	}
	id, code := shop.VerificationID(h.NewID(shop.PrefixVerification)), h.newCode()
	expires := h.now().Add(verificationTTL)
	if err := h.storeCode(ctx, resetKey(id), id, email, code); err != nil {
		return shop.PasswordResetRequested{}, err
	}
	if err := h.post(ctx, func(ctx context.Context) error { return h.mailReset(ctx, email, code) }); err != nil {
		return shop.PasswordResetRequested{}, err
	}
	return shop.PasswordResetRequested{VerificationID: id, ExpiresAt: expires}, nil
}

// mailReset mails the code to who has an account. Who has none is told so, and nobody ever learns
// that code.
func (h *Handler) mailReset(ctx context.Context, email, code string) error {
	_, _, err := books.FindUser(ctx, h.DB, email)
	if err != nil && shop.CodeOf(err) != shop.NotFound {
		return err
	}
	letter := resetLetter
	if err != nil {
		letter, code = nobodyLetter, ""
	}
	return h.send(ctx, letter, email, code)
}

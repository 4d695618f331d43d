package people

import (
	"context"
	"unicode/utf8"

	"payment-system/command/books"
	"payment-system/internal/limits"
	"payment-system/shop"
)

// SignIn proves who somebody is.
type SignIn struct {
	Email, Password string
	RemoteIP        string // for rate limits
}

// SignIn checks an address and its password. It returns Unauthenticated, after
// the same work, whether the password is wrong or there is no such account;
// Invalid for what no account can have; RateLimited; and Unavailable without
// Redis. Tries are forgotten once one succeeds.
func (h *Handler) SignIn(ctx context.Context, cmd SignIn) (shop.UserSignedIn, error) {
	email, err := checkEmail(cmd.Email)
	if err != nil {
		return shop.UserSignedIn{}, err
	}
	if cmd.Password == "" || len(cmd.Password) > 4*maxPasswordLength || !utf8.ValidString(cmd.Password) {
		return shop.UserSignedIn{}, badPassword()
	}
	leave, err := h.hashing.enter(ctx)
	if err != nil {
		return shop.UserSignedIn{}, err
	}
	defer leave()
	// Tries are counted inside the gate: many at once who all know the password
	// are let in, a few at a time, and many who guess are not.
	from := limits.Network(cmd.RemoteIP)
	if err := h.allowTry(ctx, email, from); err != nil {
		return shop.UserSignedIn{}, err
	}
	user, err := h.authenticate(ctx, email, cmd.Password)
	if err != nil {
		return shop.UserSignedIn{}, err
	}
	if err := h.forgiveTries(ctx, email, from); err != nil {
		return shop.UserSignedIn{}, err
	}
	h.noteOwner(ctx, email, from)
	return shop.UserSignedIn{User: user}, nil
}

func (h *Handler) authenticate(ctx context.Context, email, password string) (shop.User, error) {
	user, hash, err := books.FindUser(ctx, h.DB, email)
	known := err == nil
	if !known {
		if shop.CodeOf(err) != shop.NotFound {
			return shop.User{}, books.Unavailable(err)
		}
		hash = nobodysHash
	}
	right, err := matches(hash, password)
	if err != nil {
		return shop.User{}, err
	}
	if !known || !right {
		return shop.User{}, &shop.Error{Code: shop.Unauthenticated, Message: "The address or the password is wrong."}
	}
	return user, nil
}

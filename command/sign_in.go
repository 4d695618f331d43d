package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// SignIn proves who somebody is.
type SignIn struct {
	Email, Password string
	RemoteIP        string // for rate limits
}

// SignIn is being built.
func (h *Handler) SignIn(ctx context.Context, cmd SignIn) (shop.UserSignedIn, error) {
	return shop.UserSignedIn{}, errors.ErrUnsupported
}

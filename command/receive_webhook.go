package command

import (
	"context"
	"errors"
)

// ReceiveWebhook stores what Toss Payments told us unasked.
type ReceiveWebhook struct {
	Body           []byte
	TransmissionID string
}

// ReceiveWebhook is being built.
func (h *Handler) ReceiveWebhook(ctx context.Context, cmd ReceiveWebhook) error {
	return errors.ErrUnsupported
}

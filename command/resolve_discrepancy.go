package command

import (
	"context"
	"errors"

	"payment-system/shop"
)

// ResolveDiscrepancy is a person's decision.
type ResolveDiscrepancy struct {
	By            Caller
	DiscrepancyID shop.DiscrepancyID
	Action        shop.CorrectiveAction
	Note          string
}

// ResolveDiscrepancy is being built.
func (h *Handler) ResolveDiscrepancy(ctx context.Context, cmd ResolveDiscrepancy) (shop.DiscrepancyResolved, error) {
	return shop.DiscrepancyResolved{}, errors.ErrUnsupported
}

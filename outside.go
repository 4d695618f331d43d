package main

import (
	"context"

	"payment-system/internal/admission"
	"payment-system/pg"
)

// An outside gateway is asked by requests that are not busy meanwhile: one that is slow must keep
// nobody out who does not need it.
type outside struct{ gateway pg.Gateway }

// Ready implements pg.Gateway.
func (o outside) Ready(ctx context.Context, req pg.ReadyRequest) (pg.Ready, error) {
	defer admission.Away(ctx)()
	return o.gateway.Ready(ctx, req)
}

// Approve implements pg.Gateway.
func (o outside) Approve(ctx context.Context, req pg.ApproveRequest) (pg.Payment, error) {
	defer admission.Away(ctx)()
	return o.gateway.Approve(ctx, req)
}

// Cancel implements pg.Gateway.
func (o outside) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	defer admission.Away(ctx)()
	return o.gateway.Cancel(ctx, req)
}

// LookUp implements pg.Gateway.
func (o outside) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	defer admission.Away(ctx)()
	return o.gateway.LookUp(ctx, key)
}

package projections_test

import (
	"context"
	"testing"
	"time"
)

// TestProjector_Run_budget holds what a replica asks while nothing happens: a look
// at its shards every two seconds, and at the leases every third of one.
func TestProjector_Run_budget(t *testing.T) {
	t.Parallel()
	b := newCountedOutbox(t)
	p := b.projector(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	eventually(t, "the replica has its leases", func() bool {
		return b.count(t, "SELECT COUNT(*) FROM leases WHERE owner = 'counted' AND lease_until > UTC_TIMESTAMP(6)") == 17
	})
	time.Sleep(4 * time.Second) // the pauses have grown
	b.counts(t)
	time.Sleep(5 * time.Second)
	if got := b.counts(t); got["select"] > 6 || got["update"] > 1 || got["insert"]+got["delete"]+got["begin"] > 0 {
		t.Errorf("in five idle seconds it costs %v", got)
	}
}

// TestProjector_Run_late holds how soon an idle replica shows what another one left.
func TestProjector_Run_late(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	p := b.projector(t, "idle")
	p.Poll = 0
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	eventually(t, "the replica has its leases", func() bool {
		return b.count(t, "SELECT COUNT(*) FROM leases WHERE owner = 'idle' AND lease_until > UTC_TIMESTAMP(6)") == 17
	})
	time.Sleep(4 * time.Second) // the pauses have grown
	left := time.Now()
	b.product(t, 1, 1)
	eventually(t, "the event is shown", func() bool { return b.pending(t) == 0 })
	if took := time.Since(left); took > 5*time.Second {
		t.Errorf("it is shown after %s", took)
	}
}

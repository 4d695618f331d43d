package projections_test

import (
	"cmp"
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
	began := time.Now()
	b.counts(t)
	time.Sleep(5 * time.Second)
	got := b.counts(t)
	idle := time.Since(began)
	if got["select"] > 2+int(4*idle/(5*time.Second)) || got["update"] > int(idle/(5*time.Second)) || got["insert"]+got["delete"]+got["begin"] > 0 {
		t.Errorf("in %s of idleness it costs %v", idle, got)
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
	var fastest time.Duration
	for n := range 5 { // one that is soon enough will do: a busy machine makes some late
		time.Sleep(4 * time.Second) // the pauses have grown
		left := time.Now()
		b.product(t, n, 1)
		eventually(t, "the event is shown", func() bool { return b.pending(t) == 0 })
		took := time.Since(left)
		if took <= 5*time.Second {
			return
		}
		fastest = min(cmp.Or(fastest, took), took)
	}
	t.Errorf("none of five events is shown before %s", fastest)
}

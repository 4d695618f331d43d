package command_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/internal/mysqltest"
	"payment-system/pg"
	"payment-system/pg/pgtest"
	"payment-system/shop"
)

// A slow gateway counts look-ups, and keeps those that come before it is let go waiting.
type slow struct {
	pg.Gateway
	asked, waiting atomic.Int32
	letGo          chan struct{}
}

// LookUp answers when it may.
func (s *slow) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	s.asked.Add(1)
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	<-s.letGo
	return s.Gateway.LookUp(ctx, key)
}

// Proves I8: an attempt is one replica's at a time. One that read what is due, and came to it after
// another had it, asks for nothing again.
func TestHandler_claims(t *testing.T) {
	t.Parallel()
	const attempts = 20
	dsn, clock, fake := mysqltest.DSN(t), &clock{}, pgtest.NewFake(shop.PGKakao)
	behind := &slow{Gateway: fake, letGo: make(chan struct{})}
	late := openTillAt(t, dsn, clock, map[shop.PG]pg.Gateway{shop.PGKakao: behind})
	late.fakes = map[shop.PG]*pgtest.Fake{shop.PGKakao: fake}
	late.stock(attempts)
	ahead := &slow{Gateway: fake, letGo: make(chan struct{})}
	close(ahead.letGo)
	quick := openTillAt(t, dsn, clock, map[shop.PG]pg.Gateway{shop.PGKakao: ahead})
	quick.Replica = "two"
	// However slow this machine is, neither gives up, nor loses its leases.
	late.PGTimeout, quick.PGTimeout = time.Minute, time.Minute
	for range attempts {
		payment := late.ready(late.order(1), shop.PGKakao)
		fake.Lose("approve", 1)
		_, err := late.ApprovePayment(late.ctx, late.authenticate(payment))
		late.wantCode(err, shop.InProgress)
	}
	clock.Advance(10 * time.Second)
	done := make(chan error)
	go func() {
		_, err := late.ResolvePayments(late.ctx)
		done <- err
	}()
	eventually(t, "the late replica waits for as many answers as it may", func() bool { return behind.waiting.Load() == 8 })
	claimed, err := quick.ResolvePayments(quick.ctx)
	quick.must(err)
	if claimed != attempts-8 {
		t.Errorf("the quick replica claimed %d attempts, want the %d that were free", claimed, attempts-8)
	}
	close(behind.letGo)
	late.must(<-done)
	if asked := behind.asked.Load() + ahead.asked.Load(); asked != attempts {
		t.Errorf("the gateway was asked %d times for %d attempts", asked, attempts)
	}
	var approved int
	late.must(late.db.QueryRowContext(late.ctx, `SELECT COUNT(*) FROM payments WHERE status = 'APPROVED'`).Scan(&approved))
	if approved != attempts {
		t.Errorf("%d of %d payments are approved", approved, attempts)
	}
	late.verify()
}

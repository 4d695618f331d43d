package command_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/command"
	"payment-system/pg"
	"payment-system/shop"
)

// A switched gateway says nothing while it is off.
type switched struct {
	pg.Gateway
	off   atomic.Bool
	asked atomic.Int64 // look-ups while it was off
}

func (g *switched) Ready(ctx context.Context, req pg.ReadyRequest) (pg.Ready, error) {
	if g.off.Load() {
		return pg.Ready{}, &pg.Error{PG: shop.PGKakao, Call: "ready"}
	}
	return g.Gateway.Ready(ctx, req)
}

func (g *switched) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	if g.off.Load() {
		g.asked.Add(1)
		return pg.Payment{}, &pg.Error{PG: shop.PGKakao, Call: "lookup"}
	}
	return g.Gateway.LookUp(ctx, key)
}

// A listening log does something, before it goes on, when it is told of one thing.
type listening struct {
	slog.Handler
	at   string
	once func()
}

func (i *listening) Enabled(context.Context, slog.Level) bool { return true }

func (i *listening) Handle(_ context.Context, r slog.Record) error {
	if r.Message == i.at {
		i.once()
	}
	return nil
}

// TestHandler_outage leaves payments unknown while a gateway is silent for so long that the
// resolver asks only every five minutes.
func TestHandler_outage(t *testing.T) {
	t.Parallel()
	outage := func(t *testing.T, minutes int) (*counter, *switched, []shop.Payment) {
		c := openCounter(t, 100)
		var payments []shop.Payment
		for range 5 {
			payments = append(payments, c.unknown(shop.PGKakao))
		}
		g := &switched{}
		g.off.Store(true)
		c.wrap(shop.PGKakao, func(client pg.Gateway) pg.Gateway { g.Gateway = client; return g })
		for range minutes * 60 {
			c.clock.Advance(time.Second)
			_, err := c.ResolvePayments(c.ctx)
			c.must(err)
		}
		g.off.Store(false)
		return c, g, payments
	}
	approved := func(c *counter, payments []shop.Payment) func() bool {
		return func() bool {
			for _, payment := range payments {
				if c.state(payment).Payment != shop.PaymentStatusApproved {
					return false
				}
			}
			return true
		}
	}

	t.Run("a silent gateway is asked by the schedule, and out of turn about one payment at a time", func(t *testing.T) {
		t.Parallel()
		_, g, _ := outage(t, 12)
		// By the schedule each is asked at 2, 7, 22, 82 s and then every 5 to 6 minutes: 6 times at
		// most; out of turn one is asked every 20 s.
		if asked, most := g.asked.Load(), int64(5*6+12*3); asked > most || asked < 5*5 {
			t.Errorf("a gateway that was silent for 12 minutes was asked %d times about 5 payments, at most %d is right", asked, most)
		}
	})

	t.Run("what waited out an outage is resolved within a minute of its end", func(t *testing.T) {
		t.Parallel()
		c, _, payments := outage(t, 10)
		c.resolvedWithin(c.till, time.Minute, approved(c, payments))
	})

	t.Run("any answer ends the outage for all that wait", func(t *testing.T) {
		t.Parallel()
		c, _, payments := outage(t, 10)
		c.ready(c.order(1), shop.PGKakao)
		c.resolvedWithin(c.till, time.Second, approved(c, payments))
	})

	t.Run("an answer ends the outage too for what got none a moment before", func(t *testing.T) {
		t.Parallel()
		c, g, payments := outage(t, 10)
		g.off.Store(true)
		order, log := c.order(1), &listening{Handler: slog.DiscardHandler, at: "look-up failed"}
		log.once = sync.OnceFunc(func() {
			g.off.Store(false)
			_, err := c.ReadyPayment(c.ctx, command.ReadyPayment{By: c.shopper, IdempotencyKey: newID("key"), OrderID: order.ID, PG: shop.PGKakao})
			if err != nil {
				t.Error(err)
			}
		})
		c.Logger = slog.New(log)
		c.clock.Advance(7 * time.Minute)
		c.resolvedWithin(c.till, 30*time.Second, approved(c, payments))
	})

	t.Run("an answer that the database could not be told of ends the outage a little later", func(t *testing.T) {
		t.Parallel()
		c, _, payments := outage(t, 10)
		c.exec(`CREATE TRIGGER broken BEFORE UPDATE ON attempts FOR EACH ROW SET NEW.check_at = IF(NEW.check_at < OLD.check_at, 'not now', NEW.check_at)`)
		c.ready(c.order(1), shop.PGKakao)
		if approved(c, payments)() {
			t.Error("the trigger did nothing")
		}
		c.exec(`DROP TRIGGER broken`)
		c.resolvedWithin(c.till, time.Minute, approved(c, payments))
	})

	t.Run("a replica that starts after an outage asks at once", func(t *testing.T) {
		t.Parallel()
		c, _, payments := outage(t, 10)
		other := c.replica(nil)
		c.resolvedWithin(other, 2*time.Second, approved(c, payments))
	})

	t.Run("a gateway that answers every other call is not asked again and again", func(t *testing.T) {
		t.Parallel()
		c, g, payments := outage(t, 10)
		g.off.Store(true)
		before, began := g.asked.Load(), c.clock.Now()
		for range 60 {
			c.clock.Advance(time.Second)
			g.off.Store(false)
			c.ready(c.order(1), shop.PGKakao)
			g.off.Store(true)
			_, err := c.ResolvePayments(c.ctx)
			c.must(err)
		}
		// A silence ends at most every 20 s, so four times in a minute, and as often one is asked
		// about out of turn. A busy machine's minute is longer.
		took := c.clock.Now().Sub(began)
		silences := int64(took/(20*time.Second)) + 1
		if asked, most := g.asked.Load()-before, 5*silences+silences; asked > most {
			t.Errorf("a gateway that came and went for %v was asked %d times about 5 payments, at most %d is right", took, asked, most)
		}
		g.off.Store(false)
		c.resolvedWithin(c.till, time.Minute, approved(c, payments))
	})
}

func TestHandler_OfferedGateways(t *testing.T) {
	t.Parallel()
	c := openCounter(t, 10)
	g := &switched{}
	c.wrap(shop.PGKakao, func(client pg.Gateway) pg.Gateway { g.Gateway = client; return g })
	ask := func() {
		t.Helper()
		_, err := c.ReadyPayment(c.ctx, command.ReadyPayment{
			By: c.shopper, IdempotencyKey: makeID("key"), OrderID: c.order(1).ID, PG: shop.PGKakao,
		})
		if silent := g.off.Load(); (err != nil) != silent {
			t.Fatalf("the gateway is off: %v, and readyPayment says %v", silent, err)
		}
	}
	offers := func(when string, kakao bool) {
		t.Helper()
		want := []shop.OfferedGateway{
			{PG: shop.PGKakao, Methods: []shop.PaymentMethod{"MONEY", "CARD"}, Available: kakao},
			{PG: shop.PGToss, Methods: []shop.PaymentMethod{"CARD", "TRANSFER", "VIRTUAL_ACCOUNT", "MOBILE_PHONE"}, Available: true},
		}
		if diff := cmp.Diff(want, c.OfferedGateways()); diff != "" {
			t.Errorf("%s, offers differ (-want +got):\n%s", when, diff)
		}
	}
	offers("before anybody asked", true)
	g.off.Store(true)
	ask()
	offers("when it did not answer", false)
	c.clock.Advance(29 * time.Second)
	offers("a moment later", false)
	ask()
	c.clock.Advance(29 * time.Second)
	offers("when it has not answered again", false)
	c.clock.Advance(time.Second)
	offers("when nobody has asked it for half a minute", true)
	ask()
	offers("when it is asked and does not answer still", false)
	g.off.Store(false)
	ask()
	offers("when it answers", true)
	delete(c.Gateways, shop.PGToss)
	if offered := c.OfferedGateways(); len(offered) != 1 || offered[0].PG != shop.PGKakao {
		t.Errorf("without keys of Toss Payments, %v are offered", offered)
	}
}

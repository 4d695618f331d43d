package command_test

import (
	"testing"

	"payment-system/shop"
)

// Proves that a commit of which nobody knows is looked for, and not taken for done: each COMMIT of
// each payment command is lost on its way in turn, and what it was to write is written all the same,
// once.
func TestHandler_lostBeforeCommit(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		c := openCounter(t, 100)
		robber := &thief{early: true}
		robbed := openTillAt(t, robber.before(t, c.dsn), c.clock, c.Gateways)
		robbed.shopper, robbed.product = c.shopper, c.product
		robbed.Projector = projector{} // its own commits are not what is robbed here
		for nth := range 2 {
			for _, step := range []string{"approve", "cancel", "ready"} {
				c.robOne(robbed, robber, gateway, step, nth)
				if t.Failed() {
					return
				}
			}
		}
		if robber.stole.Load() != 6 {
			t.Errorf("%d commits were robbed, want 6", robber.stole.Load())
		}
	})
}

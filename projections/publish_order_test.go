package projections_test

import (
	"testing"

	"payment-system/shop"
)

// Proves rule 8: the view is committed before the cache is told, and the event is flagged after it.
func TestProjector_orderOfSteps(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	want := b.product(t, 950, 3)
	told := 0
	p := b.projector(t, "one")
	p.Redis = hooked(t, b.redis, outboxGate{before: func() {
		told++
		if version, got := shown[shop.Product](t, b, "product_views", string(want.ID)); version != 3 || got != want {
			t.Errorf("the cache is evicted while the view shows %+v in version %d", got, version)
		}
		if n := b.pending(t); n != 1 {
			t.Errorf("%d events are pending while the cache is evicted, want 1", n)
		}
	}})
	p.Project(t.Context(), string(want.ID))
	eventually(t, "the event is flagged", func() bool { return b.pending(t) == 0 })
	if told != 1 {
		t.Errorf("the cache was told %d times", told)
	}
}

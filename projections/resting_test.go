package projections_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/shop"
)

// What is passing costs no write of its own when the next commit follows.
func TestProjector_Hand_passing(t *testing.T) {
	t.Parallel()
	b := newCountedOutbox(t)
	p := b.projector(t)
	p.Rest = time.Hour
	id := outboxID("pay", 1)
	version := func() int { return b.count(t, "SELECT COALESCE(MAX(version), 0) FROM payment_views WHERE id = ?", id) }
	pass := func(version int, kind string) func(context.Context) {
		committed := b.commit(t, paid(t, 1, version, 1, kind, ""))
		committed.Passing = true
		return p.Hand(committed)
	}

	pass(1, shop.KindPaymentOpened)
	b.counts(t)
	p.Hand(b.commit(t, paid(t, 1, 2, 1, shop.KindPaymentReadied, "")))(t.Context())
	if got, want := b.counts(t), (map[string]int{"begin": 1, "insert": 2, "commit": 1}); !cmp.Equal(got, want) {
		t.Errorf("two commits of which one is passing cost %v, want %v", got, want)
	}
	eventually(t, "both events are flagged", func() bool { return b.pending(t) == 0 })
	if _, payment := shown[shop.Payment](t, b.outbox, "payment_views", id); len(payment.History) != 2 {
		t.Errorf("the history has %d lines, want one for each commit: %+v", len(payment.History), payment.History)
	}

	pass(3, shop.KindPaymentApproving)
	if got := version(); got != 2 {
		t.Errorf("version %d is shown, though 3 is passing", got)
	}
	p.Hand(b.commit(t, stockMoved(t, 1, 1)))(t.Context())
	if got := version(); got != 2 {
		t.Errorf("version %d is shown, though what was handed over is about another aggregate", got)
	}
	p.Follow(t.Context(), id)
	if got := version(); got != 3 {
		t.Errorf("version %d is shown to who asks for it", got)
	}

	pass(4, shop.KindPaymentRecordChanged)(t.Context())
	if got := version(); got != 4 {
		t.Errorf("version %d is shown to who waits for what is passing", got)
	}

	pass(5, shop.KindPaymentRecordChanged)
	p.Close()
	if got := version(); got != 5 || b.pending(t) != 0 {
		t.Errorf("version %d is shown at the end, and %d events are pending", got, b.pending(t))
	}
	pass(6, shop.KindPaymentRecordChanged)
	eventually(t, "what comes later than the end is not kept back", func() bool { return version() == 6 })
	b.wantAsRepublished(t, b.outbox.projector(t, "other"))
}

// What is passing is shown by itself when nothing follows.
func TestProjector_Hand_passingForLong(t *testing.T) {
	t.Parallel()
	b := newOutbox(t)
	p := b.projector(t, "one")
	for version := 1; version <= 3; version++ {
		for n := 1; n <= 3; n++ {
			kind := shop.KindPaymentRecordChanged
			if version == 1 {
				kind = shop.KindPaymentOpened
			}
			committed := b.commit(t, paid(t, n, version, n, kind, ""))
			committed.Passing = true
			p.Hand(committed)
		}
		eventually(t, "all are shown", func() bool {
			return b.count(t, "SELECT COUNT(*) FROM payment_views WHERE version = ?", version) == 3
		})
	}
	eventually(t, "all are flagged", func() bool { return b.pending(t) == 0 })
	b.wantAsRepublished(t, p)
}

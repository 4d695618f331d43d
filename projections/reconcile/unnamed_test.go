package reconcile_test

import (
	"testing"

	"payment-system/internal/testclock"
	"payment-system/projections/reconcile"
	"payment-system/shop"
)

// TestIsUnnamed holds the file's reading of "done, and without a name" beside that of
// the books, shop.Refund.IsNameless.
//
// The books ask whether they ever learnt the gateway's name of the refund. A file does
// not care: it asks whether a leg has that name, in this file or in another. A name that
// no leg has is as good as none, for the gateway may have told of a refund that it did
// not make; that is how a missing refund is found. A name that a leg has settles it. And
// where a refund that was asked for again is known to the gateway's answer by its reason
// (shop.Refund.AskedAgain), a file has no reasons: there it is one without a name.
func TestIsUnnamed(t *testing.T) {
	t.Parallel()
	name, at := "leg_1", testclock.Now()
	done := shop.Refund{Status: shop.RefundStatusDone, DoneAt: &at}
	named, again, undated := done, done, done
	named.TransactionKey = &name
	again.PGKey = "dsc_1:rfd_1"
	undated.DoneAt = nil
	refused, open := named, done
	refused.Status = shop.RefundStatusFailed
	open.Status = shop.RefundStatusRequested

	for _, test := range []struct {
		name              string
		refund            shop.Refund
		legs              []string
		elsewhere         bool // another file has a leg of its name
		unnamed, nameless bool // to the file, and to the books
	}{
		{
			name: "both: its name was never learnt", refund: done, legs: []string{"leg_2"},
			unnamed: true, nameless: true,
		},
		{
			name: "both: a leg without a name names nothing", refund: done, legs: []string{""},
			unnamed: true, nameless: true,
		},
		{
			name: "neither: a leg of this file has its name", refund: named, legs: []string{"leg_2", "leg_1"},
		},
		{
			name: "neither: a leg of another file has its name", refund: named, legs: []string{"leg_2"}, elsewhere: true,
		},
		{
			name: "the file alone: it has a name, and no leg has it", refund: named, legs: []string{"leg_2"},
			unnamed: true,
		},
		{
			name: "both: it was asked for again, and a file has no reasons", refund: again,
			unnamed: true, nameless: true,
		},
		{
			name: "the books alone: nobody knows when it was made, so it stands in no day's file", refund: undated,
			nameless: true,
		},
		{name: "neither: it was refused", refund: refused},
		{name: "neither: it is under way", refund: open},
	} {
		if got := reconcile.IsUnnamed(test.refund, test.legs, test.elsewhere); got != test.unnamed {
			t.Errorf("%s: to the file, unnamed is %v", test.name, got)
		}
		if got := test.refund.IsNameless(); got != test.nameless {
			t.Errorf("%s: to the books, nameless is %v", test.name, got)
		}
	}
}

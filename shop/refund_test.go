package shop_test

import (
	"testing"

	"payment-system/shop"
)

// TestRefund_names asks each predicate about the names of refunds that are done, and
// of some that are not.
func TestRefund_names(t *testing.T) {
	t.Parallel()
	key := "leg_1"
	done, failed := shop.RefundStatusDone, shop.RefundStatusFailed
	for name, test := range map[string]struct {
		refund                  shop.Refund
		named, nameless, askedA bool
	}{
		"named": {
			shop.Refund{Status: done, TransactionKey: &key, PGKey: "rfd_1:cancel"},
			true,
			false, false,
		},
		"never named":                   {shop.Refund{Status: done, PGKey: "rfd_1:cancel"}, false, true, false},
		"made in the gateway's console": {shop.Refund{Status: done}, false, true, false},
		"asked for again":               {shop.Refund{Status: done, PGKey: "dsc_1:rfd_1"}, false, true, true},
		"asked for again and answered": {
			shop.Refund{Status: done, TransactionKey: &key, PGKey: "dsc_1:rfd_1"},
			true,
			false, false,
		},
		"refused, though named":        {shop.Refund{Status: failed, TransactionKey: &key}, false, false, false},
		"refused when asked for again": {shop.Refund{Status: failed, PGKey: "dsc_1:rfd_1"}, false, false, false},
		"under way": {
			shop.Refund{Status: shop.RefundStatusRequested, PGKey: "rfd_1:cancel"},
			false,
			false, false,
		},
		"of which the gateway was silent":  {shop.Refund{Status: shop.RefundStatusUnknown}, false, false, false},
		"a key that only begins like that": {shop.Refund{Status: done, PGKey: "dsc"}, false, true, false},
	} {
		if got := test.refund.IsNamed(key); got != test.named {
			t.Errorf("%s: IsNamed is %v", name, got)
		}
		if test.refund.IsNamed("leg_2") {
			t.Errorf("%s: it has another's name", name)
		}
		if got := test.refund.IsNameless(); got != test.nameless {
			t.Errorf("%s: IsNameless is %v", name, got)
		}
		if got := test.refund.AskedAgain(); got != test.askedA {
			t.Errorf("%s: AskedAgain is %v", name, got)
		}
	}
}

package shop_test

import (
	"testing"

	"payment-system/shop"
)

func TestRefund_Settles(t *testing.T) {
	t.Parallel()
	reason := shop.SettlingReason("dsc_1")
	if reason != "정산 대사에 따라 돌려드립니다. dsc_1" {
		t.Errorf("the reason is %q: refunds that are stored would not be found by it", reason)
	}
	for name, test := range map[string]struct {
		refund shop.Refund
		want   shop.DiscrepancyID
	}{
		"a correction's own":               {shop.Refund{Reason: reason, Cause: shop.RefundCauseReconciliation}, "dsc_1"},
		"as the gateway told of it":        {shop.Refund{Reason: reason, Cause: shop.RefundCauseGateway}, "dsc_1"},
		"asked for again by a correction":  {shop.Refund{Reason: "정산 대사에 따라 돌려드립니다. rfd_1"}, ""},
		"a shopper's":                      {shop.Refund{Reason: "변심", Cause: shop.RefundCauseRequested}, ""},
		"an id without the sentence":       {shop.Refund{Reason: "dsc_1"}, ""},
		"the sentence without an id":       {shop.Refund{Reason: "정산 대사에 따라 돌려드립니다. "}, ""},
		"no reason, as some gateways tell": {shop.Refund{Cause: shop.RefundCauseGateway}, ""},
	} {
		if got, ok := test.refund.Settles(); got != test.want || ok != (test.want != "") {
			t.Errorf("%s: it settles %q, %v; want %q", name, got, ok, test.want)
		}
	}
}

func TestDiscrepancy_IsOverdue(t *testing.T) {
	t.Parallel()
	line, answer, other := 1, "an answer", "APPROVED 50,000 won, order ord_1 is PAID"
	for name, test := range map[string]struct {
		d    shop.Discrepancy
		want bool
	}{
		"an outcome open for too long":       {shop.Discrepancy{Expected: &answer}, true},
		"a case that expects something else": {shop.Discrepancy{Expected: &other}, false},
		"a case that expects nothing":        {shop.Discrepancy{}, false},
		"a row of a file":                    {shop.Discrepancy{Expected: &answer, Line: &line}, false},
	} {
		if got := test.d.IsOverdue(); got != test.want {
			t.Errorf("%s: IsOverdue is %v", name, got)
		}
	}
}

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

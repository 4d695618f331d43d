package shop_test

import (
	"strconv"
	"testing"

	"payment-system/shop"
)

func TestReturnHashes(t *testing.T) {
	t.Parallel()
	var h shop.ReturnHashes
	if !h.Admits("") || !h.Admits("anything") {
		t.Error("an attempt that has no secret asks for one")
	}
	for i := range 9 {
		h = h.With(strconv.Itoa(i))
	}
	if len(h) > 400 {
		t.Errorf("the hashes take %d bytes", len(h))
	}
	for i, want := range []bool{true, false, false, false, true, true, true, true, true} {
		if got := h.Admits(strconv.Itoa(i)); got != want {
			t.Errorf("secret %d is admitted: %v, want %v", i, got, want)
		}
	}
	for _, secret := range []string{"", " ", string(h), shop.HashOf("0")} {
		if h.Admits(secret) {
			t.Errorf("%q is admitted", secret)
		}
	}
}

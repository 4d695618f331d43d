package reconciliation_test

import (
	"testing"

	"payment-system/command/reconciliation"
	"payment-system/internal/shoptest"
	"payment-system/shop"
)

func TestDesk_HoldReconciliation(t *testing.T) {
	t.Parallel()
	desk := shoptest.Open(t, shoptest.Options{}).Desk()
	for _, id := range []string{"", "x", "한글", "rec_한글"} {
		if _, _, err := desk.HoldReconciliation(t.Context(), shop.ReconciliationID(id)); shop.CodeOf(err) != shop.NotFound {
			t.Errorf("reconciliation %q: %v", id, err)
		}
	}
	opened, err := desk.OpenReconciliation(t.Context(), reconciliation.OpenReconciliation{
		PG: shop.PGToss, Format: shop.SettlementFormatTossSettlementsJSON, Source: "a.json", FileHash: "hash",
	})
	if err != nil {
		t.Fatal(err)
	}
	hold, _, err := desk.HoldReconciliation(t.Context(), opened.ID)
	if err != nil || desk.KeepReconciliation(t.Context(), hold) != nil {
		t.Fatalf("a reconciliation that nobody holds is not held: %v", err)
	}
	if _, _, err := desk.HoldReconciliation(t.Context(), opened.ID); shop.CodeOf(err) != shop.InProgress {
		t.Errorf("it is held twice: %v", err)
	}
	desk.LetGoReconciliation(t.Context(), hold)
	if err := desk.KeepReconciliation(t.Context(), hold); shop.CodeOf(err) != shop.InProgress {
		t.Errorf("a hold that was let go is kept: %v", err)
	}
}

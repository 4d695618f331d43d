package reconciliation_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/uuid"

	"payment-system/command/reconciliation"
	"payment-system/internal/mysqltest"
	"payment-system/internal/testclock"
	"payment-system/shop"
)

// A projector has no read models: these tests read the books.
type projector struct{}

func (projector) Project(context.Context, ...string) {}

func TestDesk_HoldReconciliation(t *testing.T) {
	t.Parallel()
	desk := &reconciliation.Desk{
		DB: mysqltest.New(t), Projector: projector{}, Now: testclock.Now, Logger: slog.New(slog.DiscardHandler), Replica: "test",
		NewID: func(prefix string) string { return shop.FormatID(prefix, uuid.Must(uuid.NewV7())) },
	}
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

package shop_test

import (
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/shop"
)

func sealed() shop.Event {
	return shop.Event{
		AggregateID: "pay_a", Version: 3, Kind: shop.KindPaymentApproved, Status: "APPROVED", Actor: shop.ActorShopper,
		Note: "차", Payload: []byte(`{"amount":1000}`), At: time.Date(2026, 3, 1, 9, 0, 0, 1000, time.UTC),
	}
}

func TestEvent_Seal(t *testing.T) {
	t.Parallel()
	previous := sealed().Seal(nil).Hash
	want := sealed().Seal(previous)

	t.Run("never changes: seals are kept", func(t *testing.T) {
		t.Parallel()
		const hash = "1b1f3869b3f38461f64a3276709f41b0d25504454ae4b733b3bb753bdcf6b47b" // computed elsewhere
		const parts = "1b0f86e0e0dcc43e00000003db494de3ba6444516d2eff881923c147637175b47605168e"
		got := []string{hex.EncodeToString(want.Hash), hex.EncodeToString(want.Parts)}
		if diff := cmp.Diff([]string{hash, parts}, got); diff != "" {
			t.Errorf("seal differs (-want +got):\n%s", diff)
		}
	})

	for name, edit := range map[string]func(*shop.Event){
		"aggregate_id": func(e *shop.Event) { e.AggregateID = "pay_b" },
		"version":      func(e *shop.Event) { e.Version = 4 },
		"kind":         func(e *shop.Event) { e.Kind = shop.KindPaymentFailed },
		"status":       func(e *shop.Event) { e.Status = "FAILED" },
		"payload":      func(e *shop.Event) { e.Payload = []byte(`{"amount":1001}`) },
		"actor":        func(e *shop.Event) { e.Actor = shop.ActorOperator },
		"note":         func(e *shop.Event) { e.Note = "" },
		"at":           func(e *shop.Event) { e.At = e.At.Add(time.Microsecond) },
	} {
		t.Run("tells another "+name, func(t *testing.T) {
			t.Parallel()
			event := sealed()
			edit(&event)
			got := event.Seal(previous)
			if slices.Equal(got.Hash, want.Hash) || got.Equal(want) || !got.Follows(want) {
				t.Errorf("seal %x %x follows another event or is the same", got.Hash, got.Parts)
			}
			if diff := cmp.Diff([]string{name}, got.Differences(want)); diff != "" {
				t.Errorf("differences differ (-want +got):\n%s", diff)
			}
		})
	}

	t.Run("tells another operator, in the part of the actor", func(t *testing.T) {
		t.Parallel()
		event := sealed()
		event.By = "usr_a"
		if diff := cmp.Diff([]string{"actor"}, event.Seal(previous).Differences(want)); diff != "" {
			t.Errorf("differences differ (-want +got):\n%s", diff)
		}
	})

	t.Run("tells another event before", func(t *testing.T) {
		t.Parallel()
		got := sealed().Seal(nil)
		if slices.Equal(got.Hash, want.Hash) || got.Follows(want) || len(got.Differences(want)) > 0 {
			t.Errorf("seal %x %x is not told by what it follows alone", got.Hash, got.Parts)
		}
	})

	t.Run("takes no part for another's", func(t *testing.T) {
		t.Parallel()
		a, b := sealed(), sealed()
		a.Kind, a.Status = "ab", "c"
		b.Kind, b.Status = "a", "bc"
		if slices.Equal(a.Seal(nil).Hash, b.Seal(nil).Hash) {
			t.Error("a letter went from one column to the next unseen")
		}
	})

	t.Run("is of the moment, not of the clock's zone or nanoseconds", func(t *testing.T) {
		t.Parallel()
		event := sealed()
		event.At = event.At.Add(999).In(time.FixedZone("KST", 9*60*60))
		if !event.Seal(previous).Equal(want) {
			t.Error("the same microsecond is sealed in two ways")
		}
	})

	t.Run("survives parts that are cut", func(t *testing.T) {
		t.Parallel()
		cut := shop.Seal{Hash: want.Hash, Parts: want.Parts[:5]}
		if cut.Version() != 0 || cut.Follows(want) || len(cut.Differences(want)) != 8 {
			t.Errorf("version %d, differences %v", cut.Version(), cut.Differences(want))
		}
	})
}

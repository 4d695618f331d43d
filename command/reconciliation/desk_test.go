package reconciliation_test

import (
	"testing"
	"time"

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

// opened opens a file that its name tells from others, and holds it.
func opened(t *testing.T, desk *reconciliation.Desk, name string) reconciliation.Hold {
	t.Helper()
	opened, err := desk.OpenReconciliation(t.Context(), reconciliation.OpenReconciliation{
		PG: shop.PGToss, Format: shop.SettlementFormatTossSettlementsJSON, Source: name, FileHash: name,
	})
	if err != nil {
		t.Fatal(err)
	}
	hold, _, err := desk.HoldReconciliation(t.Context(), opened.ID)
	if err != nil {
		t.Fatal(err)
	}
	return hold
}

// Proves: of three versions that come at once, each looks for the others before it writes what it
// found. One that was replaced meanwhile stays replaced, whatever it found itself.
func TestDesk_ReplaceVersions(t *testing.T) {
	t.Parallel()
	desk := shoptest.Open(t, shoptest.Options{}).Desk()
	first, second, third := opened(t, desk, "1"), opened(t, desk, "2"), opened(t, desk, "3")
	replace := func(cmd reconciliation.ReplaceVersions) shop.Reconciliation {
		t.Helper()
		done, err := desk.ReplaceVersions(t.Context(), cmd)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	replace(reconciliation.ReplaceVersions{Hold: third, Former: []shop.ReconciliationID{second.ID}})
	for name, by := range map[string]*shop.ReconciliationID{"none": nil, "another": &first.ID} {
		done := replace(reconciliation.ReplaceVersions{Hold: second, Former: []shop.ReconciliationID{first.ID}, By: by})
		if done.ReplacedBy == nil || *done.ReplacedBy != third.ID {
			t.Errorf("who found %s is replaced by %v, want %s", name, done.ReplacedBy, third.ID)
		}
	}
}

// Proves: what has come due while a file was looked at is not lost to what looking found.
func TestDesk_NoteRecheck(t *testing.T) {
	t.Parallel()
	s := shoptest.Open(t, shoptest.Options{})
	desk := s.Desk()
	file := opened(t, desk, "1")
	due := func() (at *time.Time) {
		t.Helper()
		err := s.DB.QueryRowContext(t.Context(), "SELECT books_due_at FROM reconciliations WHERE id = ?", string(file.ID)).Scan(&at)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	note := func(was, next *time.Time) {
		t.Helper()
		if _, err := desk.NoteRecheck(t.Context(), reconciliation.NoteRecheck{Hold: file, Was: was, Due: next}); err != nil {
			t.Fatal(err)
		}
	}
	in := func(minutes int) *time.Time {
		at := s.Clock.Now().Add(time.Duration(minutes) * time.Minute).Truncate(time.Microsecond)
		return &at
	}
	want := func(what string, at *time.Time) {
		t.Helper()
		if got := due(); (got == nil) != (at == nil) || (got != nil && !got.Equal(*at)) {
			t.Errorf("%s: due at %v, want %v", what, got, at)
		}
	}
	later, soon := in(60), in(5)
	note(nil, later)
	want("nothing was due", later)
	note(later, nil)
	want("what was due is done", nil)
	if err := desk.RecheckFiles(t.Context(), []shop.ReconciliationID{file.ID}); err != nil {
		t.Fatal(err)
	}
	came := due()
	note(nil, nil)
	want("it came due while nothing was to be looked for again", came)
	note(nil, later)
	want("it came due sooner", came)
	note(came, later)
	want("then that was looked for", later)
	note(nil, soon)
	want("looking found something sooner", soon)
}

package reconcile_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/command/reconciliation"
	"payment-system/internal/shoptest"
	"payment-system/pg/pgtest"
	"payment-system/shop"
)

// open are the kinds of the discrepancies that wait for somebody.
func (d *desk) open() string {
	d.t.Helper()
	var kinds string
	d.must(d.DB.QueryRowContext(d.t.Context(), `SELECT COALESCE(GROUP_CONCAT(CONCAT(kind, ' ', status) ORDER BY kind SEPARATOR ', '), '') FROM discrepancies WHERE status IN ('OPEN', 'PLANNED')`).Scan(&kinds))
	return kinds
}

func (d *desk) wantOpen(want string) {
	d.t.Helper()
	if got := d.open(); got != want {
		d.t.Errorf("waiting are %q, want %q", got, want)
	}
}

// reload is the reconciliation as the books have it.
func (d *desk) reload(rec shop.Reconciliation) shop.Reconciliation {
	d.t.Helper()
	hold, now, err := d.reconciler.Files.HoldReconciliation(d.t.Context(), rec.ID)
	d.must(err)
	d.reconciler.Files.LetGoReconciliation(d.t.Context(), hold)
	return now
}

// wantReplaced holds two versions against each other.
func (d *desk) wantReplaced(former, by shop.Reconciliation, want shop.VersionChanges) {
	d.t.Helper()
	former, by = d.reload(former), d.reload(by)
	if former.ReplacedBy == nil || *former.ReplacedBy != by.ID || by.Replaces == nil || *by.Replaces != former.ID || by.ReplacedBy != nil {
		d.t.Errorf("%s is replaced by %v; %s replaces %v and is replaced by %v", former.ID, former.ReplacedBy, by.ID, by.Replaces, by.ReplacedBy)
	}
	if by.Changes == nil || *by.Changes != want {
		d.t.Errorf("the rows changed by %+v, want %+v", by.Changes, want)
	}
}

func TestReconciler_versions(t *testing.T) {
	t.Parallel()
	name := fileOf(0)
	version := func(n string) string { return strings.Replace(name, ".csv", n+".csv", 1) }
	const missing = "MISSING_AT_GATEWAY OPEN"
	t.Run("a row removed is said, and its payment is a case", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p, q := d.paid(), d.paid()
		v1 := d.auto(name, row(p, 1), row(q, 1))
		v2 := d.auto(version(" (1)"), row(p, 1))
		d.wantReplaced(v1, v2, shop.VersionChanges{Removed: 1})
		d.wantMissing(q)
		d.wantStatus(q, shop.PaymentStatusApproved, 50_000)
		d.agree()
	})
	t.Run("before the window has passed it is said at once, and a case afterwards", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		window := d.Clock.Now().Sub(pgtest.FirstDay()) + time.Hour
		d.reconciler.Window = window
		p, q := d.paid(), d.paid()
		d.approvedAt(q, "12:00:00")
		_, err := d.DB.ExecContext(t.Context(), `UPDATE payments SET approved_at = approved_at - INTERVAL 40 DAY WHERE id = ?`, string(q.ID))
		d.must(err) // of another day in the books, so that only the version before tells of it
		v1 := d.auto(name, row(p, 1), row(q, 1))
		v2 := d.auto(version("_2"), row(p, 1))
		d.wantReplaced(v1, v2, shop.VersionChanges{Removed: 1})
		d.wantOpen("")
		d.Clock.Advance(window)
		d.must(d.reconciler.Resume(t.Context()))
		d.wantMissing(q)
		d.auto(version("_3"), row(p, 1), row(q, 1)+"\n")
		d.wantOpen("")
	})
	t.Run("all rows removed are all cases", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p, q := d.paid(), d.paid()
		v1 := d.auto(name, row(p, 1), row(q, 1))
		v2 := d.auto(version("_2"))
		d.wantReplaced(v1, v2, shop.VersionChanges{Removed: 2})
		d.wantMissing(p, q)
		v3 := d.auto(version("_3"), row(q, 1), row(p, 1))
		d.wantReplaced(v2, v3, shop.VersionChanges{Added: 2})
		d.wantOpen("")
		d.agree()
	})
	t.Run("the whole after half leaves no case, planned or applied", func(t *testing.T) {
		t.Parallel()
		for _, apply := range []bool{false, true} {
			d := openDesk(t)
			p, q, unknown := d.paid(), d.paid(), d.unknown()
			half, whole := d.file(name, csvOf(row(p, 1))), d.file(version("_2"), csvOf(row(p, 1), row(q, 1), row(unknown, 1)))
			half.AutoApply, whole.AutoApply = apply, true
			v1 := d.importedAs(half)
			d.wantMissing(q)
			v2 := d.importedAs(whole)
			d.wantReplaced(v1, v2, shop.VersionChanges{Added: 2})
			d.wantOpen("")
			d.wantStatus(unknown, shop.PaymentStatusApproved, 50_000)
			d.agree()
		}
	})
	t.Run("whole, half, and the very whole again", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p, q := d.paid(), d.paid()
		v1 := d.auto(name, row(p, 1), row(q, 1))
		v2 := d.auto(version("_2"), row(p, 1))
		d.wantMissing(q)
		again := d.importedAs(d.file(name, csvOf(row(p, 1), row(q, 1))))
		if again.ID != v1.ID || again.Status != shop.ReconciliationStatusApplied {
			t.Errorf("the same file is %s and %s, which is %s", v1.ID, again.ID, again.Status)
		}
		d.wantReplaced(v2, v1, shop.VersionChanges{Added: 1})
		d.wantOpen("")
		d.auto(version("_2"), row(p, 1))
		d.wantReplaced(v1, v2, shop.VersionChanges{Removed: 1})
		d.wantMissing(q)
		d.agree()
	})
	t.Run("a row changed is planned by what it says now", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.paid()
		v1 := d.auto(name, stateLine(p, 60_000, 1, 0, 0))
		d.wantOpen("AMOUNT_DIFFERS OPEN")
		v2 := d.auto(version("_2"), stateLine(p, 70_000, 1, 0, 0))
		d.wantReplaced(v1, v2, shop.VersionChanges{Changed: 1})
		d.wantOpen("AMOUNT_DIFFERS OPEN")
		if diff := cmp.Diff([]found{{shop.DiscrepancyKindAmountDiffers, shop.DiscrepancyStatusIgnored, shop.CorrectiveActionOpenCase, 10_000}}, d.found(v1)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		d.auto(version("_3"), row(p, 1))
		d.wantOpen("")
		d.agree()
	})
	t.Run("rows that were wrong and are gone leave no case", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.paid()
		d.auto(name, row(p, 1), "att_strange,strangekey,500,1,0,0\n", "what is this?\n", row(p, 1))
		d.wantOpen("MALFORMED_ROW OPEN, UNKNOWN_TO_US OPEN")
		d.auto(version("_2"), row(p, 1))
		d.wantOpen("")
		d.agree()
	})
	t.Run("money is given back once, whichever version was carried out", func(t *testing.T) {
		t.Parallel()
		for _, first := range []bool{false, true} {
			d := openDesk(t)
			p, other := d.expired(), d.paid()
			cmd := d.file(name, csvOf(row(p, 1)))
			cmd.AutoApply = first
			v1 := d.importedAs(cmd)
			v2 := d.importedAs(d.file(version("_2"), csvOf(row(p, 1), row(other, 1))))
			d.wantReplaced(v1, v2, shop.VersionChanges{Added: 1})
			if _, err := d.reconciler.ApplyReconciliation(t.Context(), reconciliation.ApplyReconciliation{ID: v1.ID, PlanHash: *v1.PlanHash}); !first && (shop.CodeOf(err) != shop.Conflict || !strings.Contains(err.Error(), string(v2.ID))) {
				t.Errorf("a plan that was replaced is carried out: %v", err)
			}
			d.applied(v2)
			if ledger := d.gateway.Ledger(*p.PaymentKey); ledger.Captured != 50_000 || ledger.Refunded != 50_000 {
				t.Errorf("the gateway took %d and gave back %d", ledger.Captured, ledger.Refunded)
			}
			d.wantOpen("")
			d.agree()
		}
	})
	t.Run("money that was given back and whose row is removed stays given back", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p, other := d.expired(), d.paid()
		d.auto(name, row(p, 1), row(other, 1))
		d.auto(version("_2"), row(other, 1))
		d.wantOpen("")
		d.wantStatus(p, shop.PaymentStatusExpired, 0)
		d.agree()
	})
	t.Run("a version that cannot be believed replaces nothing", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p, q := d.paid(), d.paid()
		v1 := d.auto(name, row(p, 1), row(q, 1))
		cut := d.importedAs(d.file(version("_2"), csvOf(row(p, 1))+"att_1,k,5"))
		if cut.Status != shop.ReconciliationStatusRejected || d.reload(v1).ReplacedBy != nil {
			t.Errorf("the cut file is %s, and the whole is replaced by %v", cut.Status, d.reload(v1).ReplacedBy)
		}
		d.wantOpen("")
	})
	t.Run("other days, other parts of the day and files of no day are no versions", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p, q := d.paid(), d.paid()
		part := d.auto(name, row(p, 1))
		d.wantMissing(q)
		for _, other := range []shop.Reconciliation{
			d.auto(version("_part2"), row(q, 1)), d.auto(fileOf(1), row(p, 1)), d.auto("toss.csv", row(p, 1), row(q, 1)),
		} {
			if other.Replaces != nil || other.Changes != nil {
				t.Errorf("%s replaces %v", other.Source, other.Replaces)
			}
		}
		if by := d.reload(part).ReplacedBy; by != nil {
			t.Errorf("it is replaced by %v", *by)
		}
		d.wantOpen("")
		d.agree()
	})
	t.Run("a case of half a file ends with a file of any day that has the payment", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p, q := d.paid(), d.paid()
		d.halfPlanned(name, row(p, 1))
		d.wantMissing(q)
		d.auto("toss_rest.csv", row(q, 1))
		d.wantOpen("")
	})
	t.Run("a day told later makes versions", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p, q := d.paid(), d.paid()
		v1 := d.auto(name, row(p, 1))
		d.wantMissing(q)
		v2 := d.auto("toss.csv", row(q, 1), row(p, 1))
		d.importedAs(d.ofDay(shoptest.Must(time.Parse(time.DateOnly, pgtest.FirstDay().Format(time.DateOnly)))(t), "toss.csv", csvOf(row(q, 1), row(p, 1))))
		d.wantReplaced(v1, v2, shop.VersionChanges{Added: 1})
		d.wantOpen("")
		d.agree()
	})
	t.Run("an import that breaks off loses no case, and ends them when it goes on", func(t *testing.T) {
		t.Parallel()
		for _, again := range []bool{false, true} {
			d := openDesk(t)
			p, q := d.paid(), d.paid()
			d.auto(name, row(p, 1))
			ctx, cancel := context.WithCancel(t.Context())
			d.reconciler.Progress = func(rec shop.Reconciliation) {
				if rec.Replaces != nil && (rec.PlanHash != nil) == again { // before it is planned, and after
					cancel()
				}
			}
			if _, err := d.reconciler.ImportSettlement(ctx, d.file(version("_2"), csvOf(row(p, 1), row(q, 1)))); err == nil {
				t.Error("the import did not break off")
			}
			d.wantOpen(missing)
			d.reconciler.Progress = nil
			if again { // the plan is there: the schedule does the rest
				d.must(d.reconciler.Resume(t.Context()))
			} else {
				d.importedAs(d.file(version("_2"), csvOf(row(p, 1), row(q, 1))))
			}
			d.wantOpen("")
			d.agree()
		}
	})
	t.Run("what a person has decided stays", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p, q := d.paid(), d.paid()
		d.auto(name, row(p, 1))
		_, err := d.DB.ExecContext(t.Context(), `UPDATE discrepancies SET resolved_by = 'usr_x'`)
		d.must(err)
		d.auto(version("_2"), row(p, 1), row(q, 1))
		d.wantOpen(missing)
	})
	t.Run("versions that come at once leave one", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p, q := d.paid(), d.paid()
		var group sync.WaitGroup
		for i, rows := range [][]string{{row(p, 1)}, {row(p, 1), row(q, 1)}, {row(q, 1), row(p, 1)}} {
			cmd := d.file(version("_"+string(rune('1'+i))), csvOf(rows...))
			cmd.AutoApply = true
			group.Go(func() {
				if _, err := d.reconciler.ImportSettlement(t.Context(), cmd); err != nil && shop.CodeOf(err) != shop.Conflict {
					t.Error(err)
				}
			})
		}
		group.Wait()
		var last string
		shoptest.Eventually(t, "one version stands", func() bool { // who was in another's way is resumed by the schedule
			d.must(d.reconciler.Resume(t.Context()))
			d.must(d.DB.QueryRowContext(t.Context(), `SELECT GROUP_CONCAT(source) FROM reconciliations WHERE replaced_by IS NULL`).Scan(&last))
			return !strings.Contains(last, ",")
		})
		d.must(d.reconciler.Resume(t.Context()))
		if want := ""; last == version("_1") {
			d.wantMissing(q)
		} else {
			d.wantOpen(want)
		}
		d.agree()
	})
}

// halfPlanned imports a file that is not carried out.
func (d *desk) halfPlanned(name string, rows ...string) shop.Reconciliation {
	d.t.Helper()
	return d.importedAs(d.file(name, csvOf(rows...)))
}

func TestReconciler_Poll_versions(t *testing.T) {
	t.Parallel()
	b := openInbox(t)
	p, q := b.paid(), b.paid()
	day := pgtest.FirstDay().Format("20060102")
	write := func(name string, age time.Duration, rows ...string) {
		b.arrive(name, csvOf(rows...))
		at := b.Clock.Now().Add(-age)
		b.must(os.Chtimes(filepath.Join(b.folder, name), at, at))
	}
	// The copy's name comes first, and it was written last.
	write("toss_"+day+".csv", time.Hour, row(p, 1))
	write("toss_"+day+" (1).csv", time.Minute, row(p, 1), row(q, 1))
	b.must(b.reconciler.Poll(t.Context()))
	b.wantOpen("")
	standing := func() (source string) {
		b.must(b.DB.QueryRowContext(t.Context(), `SELECT GROUP_CONCAT(source) FROM reconciliations WHERE replaced_by IS NULL`).Scan(&source))
		return source
	}
	want := "toss_" + day + " (1).csv"
	again := b.Reconciler() // after a restart
	again.Source = b.reconciler.Source
	b.must(again.Poll(t.Context()))
	if got := standing(); got != want {
		t.Errorf("after a restart %s stands, want %s", got, want)
	}
	b.wantOpen("")
	b.Clock.Advance(time.Hour)
	write("toss_"+day+".csv", time.Minute, row(p, 1))
	b.must(b.reconciler.Poll(t.Context()))
	if got := standing(); got != "toss_"+day+".csv" {
		t.Errorf("%s stands, want the file that was written again", got)
	}
	b.wantMissing(q)
	b.agree()
}

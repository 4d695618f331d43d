package reconcile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/korean"

	"payment-system/command/reconciliation"
	"payment-system/internal/shoptest"
	"payment-system/pg/pgtest"
	"payment-system/shop"
)

// importedAs imports a file, and returns what became of it.
func (d *desk) importedAs(cmd reconciliation.ImportSettlement) shop.Reconciliation {
	d.t.Helper()
	return shoptest.Must(d.reconciler.ImportSettlement(d.t.Context(), cmd))(d.t).Reconciliation
}

// ofDay is a file with the day given.
func (d *desk) ofDay(day time.Time, name, body string) reconciliation.ImportSettlement {
	cmd := d.file(name, body)
	cmd.Date = &day
	return cmd
}

func TestReconciler_days(t *testing.T) {
	t.Parallel()
	first := shoptest.Must(time.Parse(time.DateOnly, pgtest.FirstDay().Format(time.DateOnly)))(t)
	missing := found{shop.DiscrepancyKindMissingAtGateway, statusOpen, shop.CorrectiveActionOpenCase, 50_000}
	t.Run("a day in the name, however spelt, has missing payments found", func(t *testing.T) {
		t.Parallel()
		for _, layout := range []string{"2006-01-02", "2006.01.02", "2006_01_02", "20060102", "060102", "2006년 01월 02일", "02Jan2006"} {
			d := openDesk(t)
			d.paid()
			rec := d.importedAs(d.file("toss_"+first.Format(layout)+".csv", csvOf()))
			d.want(rec, missing)
			if rec.Notice != nil || rec.Day == nil || !rec.Day.Equal(first) {
				t.Errorf("%s: the file is of %v, notice %v", layout, rec.Day, rec.Notice)
			}
		}
	})
	t.Run("a file that tells no day says that nothing can be missing from it", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		p := d.paid()
		for _, cmd := range []reconciliation.ImportSettlement{
			d.file("toss.csv", csvOf()),
			d.file("toss_2026-11-25_2026-11-26.csv", csvOf(row(p, 1))),
			{PG: shop.PGToss, Format: shop.SettlementFormatTossSettlementsJSON, File: reconciliation.Upload{Name: "toss.json", Body: strings.NewReader("[]")}},
		} {
			rec := d.importedAs(cmd)
			if rec.Notice == nil || !strings.HasPrefix(*rec.Notice, "Nothing can be missing from this file") || rec.Day != nil {
				t.Errorf("%s: day %v, notice %v", rec.Source, rec.Day, rec.Notice)
			}
			d.want(rec)
		}
		d.agree()
	})
	t.Run("a day that is given has missing payments found", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		d.paid()
		d.want(d.importedAs(d.ofDay(first, "toss.csv", csvOf())), missing)
		d.agree()
	})
	t.Run("a day given goes before the name's", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		d.paid()
		d.want(d.importedAs(d.ofDay(first, "toss_"+first.AddDate(0, 0, 1).Format(time.DateOnly)+".csv", csvOf())), missing)
	})
	t.Run("a file that was read learns the day, planned or applied", func(t *testing.T) {
		t.Parallel()
		for _, apply := range []bool{false, true} {
			d := openDesk(t)
			p, _ := d.paid(), d.paid()
			cmd := d.file("toss.csv", csvOf(row(p, 1)))
			cmd.AutoApply = apply
			d.want(d.importedAs(cmd))
			rec := d.importedAs(d.ofDay(first, "toss.csv", csvOf(row(p, 1))))
			d.want(rec, missing)
			if rec.Notice != nil || rec.Day == nil || !rec.Day.Equal(first) {
				t.Errorf("the file is of %v, notice %v", rec.Day, rec.Notice)
			}
			d.agree()
		}
	})
	t.Run("a copy whose name tells the day teaches it", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		d.paid()
		d.want(d.importedAs(d.file("toss.csv", csvOf())))
		d.want(d.importedAs(d.file("toss_"+first.Format("2006.01.02")+".csv", csvOf())), missing)
	})
	t.Run("a day that cannot be is refused, and nothing is opened", func(t *testing.T) {
		t.Parallel()
		d := openDesk(t)
		kakao := `{"type":"payments","target_date":"` + first.Format("20060102") +
			`","statistics":{"payment":{"count":0,"amount":0},"cancel":{"count":0,"amount":0}},"data":[]}`
		other := first.AddDate(0, 0, -1)
		for _, cmd := range []reconciliation.ImportSettlement{
			d.ofDay(d.Clock.Now().AddDate(0, 0, 2), "toss.csv", csvOf()),
			{PG: shop.PGKakao, Format: shop.SettlementFormatKakaoPaymentsJSON, Date: &other, File: reconciliation.Upload{Name: "k.json", Body: strings.NewReader(kakao)}},
		} {
			_, err := d.reconciler.ImportSettlement(t.Context(), cmd)
			if shop.CodeOf(err) != shop.Invalid || !strings.Contains(err.Error(), "day") && !strings.Contains(err.Error(), "file says") {
				t.Errorf("%s: %v", cmd.Date, err)
			}
		}
		if n := shoptest.Must(count(d, `SELECT COUNT(*) FROM reconciliations`))(t); n != 0 {
			t.Errorf("%d reconciliations were opened", n)
		}
	})
}

func count(d *desk, query string, args ...any) (n int, err error) {
	err = d.DB.QueryRowContext(d.t.Context(), query, args...).Scan(&n)
	return n, err
}

func TestReconciler_Poll_badEntries(t *testing.T) {
	t.Parallel()
	cases := func(b *inbox) int {
		return shoptest.Must(count(b.desk, `SELECT COUNT(*) FROM discrepancies WHERE kind = 'UNREADABLE_FILE' AND status = 'OPEN'`))(b.t)
	}
	t.Run("a name that is not UTF-8 is repaired", func(t *testing.T) {
		t.Parallel()
		b := openInbox(t)
		cp949 := shoptest.Must(korean.EUCKR.NewEncoder().String("toss_정산_20260102.csv"))(t)
		b.arrive(cp949, csvOf())
		b.arrive("토스_1.csv", csvOf()+"\n")
		b.arrive("toss_\xff.csv", csvOf()+"\n\n")
		b.arrive("카카오페이_1.txt", csvOf())
		for range 2 {
			b.must(b.reconciler.Poll(t.Context()))
		}
		b.wantImported(map[string]shop.ReconciliationStatus{
			"toss_정산_20260102.csv": shop.ReconciliationStatusApplied, "토스_1.csv": shop.ReconciliationStatusApplied,
			"toss_�.csv": shop.ReconciliationStatusApplied, "카카오페이_1.txt": shop.ReconciliationStatusApplied,
		})
	})
	t.Run("an entry that cannot be read is a case once, which ends when it can", func(t *testing.T) {
		t.Parallel()
		b := openInbox(t)
		b.reconciler.MaxSize = int64(len(stateHeader))
		b.arrive("toss_1.csv", csvOf()+"\n")
		b.arrive("toss_2.csv", csvOf())
		for range 3 {
			b.must(b.reconciler.Poll(t.Context()))
		}
		b.wantImported(map[string]shop.ReconciliationStatus{"toss_1.csv": shop.ReconciliationStatusRejected, "toss_2.csv": shop.ReconciliationStatusApplied})
		if n := cases(b); n != 1 {
			t.Fatalf("%d cases are open, want 1", n)
		}
		again := b.Reconciler() // another process
		again.Source, again.MaxSize = b.reconciler.Source, b.reconciler.MaxSize
		b.must(again.Poll(t.Context()))
		if n := cases(b); n != 1 {
			t.Errorf("%d cases are open in another process, want 1", n)
		}
		b.reconciler.MaxSize = 0
		b.arrive("toss_1.csv", csvOf()+"\n\n")
		b.must(b.reconciler.Poll(t.Context()))
		if n := cases(b); n != 0 {
			t.Errorf("%d cases are open once the file can be read", n)
		}
		b.agree()
	})
	t.Run("the case ends when the entry is gone", func(t *testing.T) {
		t.Parallel()
		b := openInbox(t)
		b.reconciler.MaxSize = 10
		b.arrive("toss_1.csv", csvOf())
		b.must(b.reconciler.Poll(t.Context()))
		if n := cases(b); n != 1 {
			t.Fatalf("%d cases are open, want 1", n)
		}
		b.must(os.Remove(filepath.Join(b.folder, "toss_1.csv")))
		b.must(b.reconciler.Poll(t.Context()))
		if n := cases(b); n != 0 {
			t.Errorf("%d cases are open, want none", n)
		}
	})
}

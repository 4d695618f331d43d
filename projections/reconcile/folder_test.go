package reconcile_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/internal/shoptest"
	"payment-system/pg/pgtest"
	"payment-system/projections/reconcile"
	"payment-system/shop"
)

func TestOpenSource(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	source, err := reconcile.OpenSource("file://" + folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Close(); err != nil {
		t.Error(err)
	}
	for _, raw := range []string{"s3://bucket/settlements", "https://host/x", folder, "file://relative", "file://host/x", "file://" + folder + "/none", "::"} {
		if _, err := reconcile.OpenSource(raw); err == nil || !strings.Contains(err.Error(), "SETTLEMENT_SOURCE") {
			t.Errorf("%q ends in %v, want a sentence about SETTLEMENT_SOURCE", raw, err)
		}
	}
}

// An inbox is a desk that polls a folder.
type inbox struct {
	*desk
	folder string
}

func openInbox(t *testing.T) *inbox {
	t.Helper()
	box := &inbox{desk: openDesk(t), folder: t.TempDir()}
	source, err := reconcile.OpenSource("file://" + box.folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	box.reconciler.Source = source
	return box
}

// arrive writes a file that nobody has touched for a while.
func (b *inbox) arrive(name, body string) {
	b.t.Helper()
	path := filepath.Join(b.folder, name)
	b.must(os.WriteFile(path, []byte(body), 0o600))
	old := b.Clock.Now().Add(-time.Minute)
	b.must(os.Chtimes(path, old, old))
}

// imported lists what was made of each source.
func (b *inbox) imported() map[string]shop.ReconciliationStatus {
	b.t.Helper()
	rows := shoptest.Must(b.DB.QueryContext(b.t.Context(), `SELECT source, status FROM reconciliations`))(b.t)
	defer rows.Close()
	all := map[string]shop.ReconciliationStatus{}
	for rows.Next() {
		var source string
		var status shop.ReconciliationStatus
		b.must(rows.Scan(&source, &status))
		all[source] = status
	}
	b.must(rows.Err())
	return all
}

func (b *inbox) wantImported(want map[string]shop.ReconciliationStatus) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.imported()); diff != "" {
		b.t.Errorf("imported (-want +got):\n%s", diff)
	}
}

func TestReconciler_Poll(t *testing.T) {
	t.Parallel()
	t.Run("a file that arrived is imported and applied, once", func(t *testing.T) {
		t.Parallel()
		b := openInbox(t)
		p := b.expired()
		b.arrive("toss-0102.csv", csvOf(row(p, 1)))
		b.arrive("a copy of toss-0102.csv", csvOf(row(p, 1)))
		for range 3 {
			b.must(b.reconciler.Poll(t.Context()))
		}
		b.wantImported(map[string]shop.ReconciliationStatus{"toss-0102.csv": shop.ReconciliationStatusApplied})
		b.wantStatus(p, shop.PaymentStatusExpired, 0)
		b.agree()
	})
	t.Run("the name tells the gateway and the format", func(t *testing.T) {
		t.Parallel()
		b := openInbox(t)
		b.arrive("Kakao.CSV", csvOf())
		b.arrive("my_toss.json", "[]")
		b.arrive("day_kakao.json", `{"type":"payments","target_date":"`+pgtest.FirstDay().Format("20060102")+
			`","statistics":{"payment":{"count":0,"amount":0},"cancel":{"count":0,"amount":0}},"data":[]}`)
		for _, name := range []string{"naver.csv", "toss.csv.part", "kakao_and_toss.csv", ".toss.csv", "toss"} {
			b.arrive(name, csvOf()+"\n\n")
		}
		b.must(b.reconciler.Poll(t.Context()))
		b.wantImported(map[string]shop.ReconciliationStatus{
			"Kakao.CSV": shop.ReconciliationStatusApplied, "my_toss.json": shop.ReconciliationStatusApplied, "day_kakao.json": shop.ReconciliationStatusApplied,
		})
	})
	t.Run("only regular files of the folder are read", func(t *testing.T) {
		t.Parallel()
		b := openInbox(t)
		outside := filepath.Join(t.TempDir(), "outside.csv")
		b.must(os.WriteFile(outside, []byte(csvOf()), 0o600))
		b.must(os.Symlink(outside, filepath.Join(b.folder, "toss_link.csv")))
		b.must(os.Symlink("real.txt", filepath.Join(b.folder, "toss_inner_link.csv")))
		b.arrive("real.txt", csvOf())
		b.must(os.Mkdir(filepath.Join(b.folder, "toss_folder.csv"), 0o700))
		b.must(syscall.Mkfifo(filepath.Join(b.folder, "toss_pipe.csv"), 0o600))
		b.Clock.Advance(time.Hour)
		b.must(b.reconciler.Poll(t.Context()))
		b.wantImported(map[string]shop.ReconciliationStatus{})
	})
	t.Run("a file that still grows waits until it is left alone", func(t *testing.T) {
		t.Parallel()
		b := openInbox(t)
		path := filepath.Join(b.folder, "toss.csv")
		now := b.Clock.Now()
		write := func(body string, at time.Time) {
			b.must(os.WriteFile(path, []byte(body), 0o600))
			b.must(os.Chtimes(path, at, at))
		}
		write(stateHeader[:20], now.Add(time.Second))
		b.must(b.reconciler.Poll(t.Context()))
		write(csvOf(), now.Add(2*time.Second))
		b.must(b.reconciler.Poll(t.Context()))
		b.wantImported(map[string]shop.ReconciliationStatus{})
		b.must(b.reconciler.Poll(t.Context())) // as it was at the last poll
		b.wantImported(map[string]shop.ReconciliationStatus{"toss.csv": shop.ReconciliationStatusApplied})
	})
	t.Run("a rejected file is recorded once, and the others go on", func(t *testing.T) {
		t.Parallel()
		b := openInbox(t)
		b.arrive("a_toss.csv", "not a header\n")
		b.arrive("b_toss.csv", csvOf())
		for range 2 {
			b.must(b.reconciler.Poll(t.Context()))
		}
		b.wantImported(map[string]shop.ReconciliationStatus{"a_toss.csv": shop.ReconciliationStatusRejected, "b_toss.csv": shop.ReconciliationStatusApplied})
	})
	t.Run("a plan over the cap waits", func(t *testing.T) {
		t.Parallel()
		b := openInbox(t)
		p := b.expired()
		b.reconciler.AutoApplyCap = 10
		b.arrive("toss.csv", csvOf(row(p, 1)))
		b.must(b.reconciler.Poll(t.Context()))
		b.wantImported(map[string]shop.ReconciliationStatus{"toss.csv": shop.ReconciliationStatusPlanned})
		b.wantStatus(p, shop.PaymentStatusExpired, 50_000)
	})
}

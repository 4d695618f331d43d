package reconcile_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"payment-system/command/reconciliation"
	"payment-system/internal/shoptest"
	"payment-system/shop"
)

// fill writes n payments into the books as they would be after approval, without
// their events: only the reconciler reads them.
func (d *desk) fill(n int) {
	d.t.Helper()
	const page = 1000
	for from := 0; from < n; from += page {
		var orders, payments, attempts []string
		for i := from; i < min(from+page, n); i++ {
			orders = append(orders, fmt.Sprintf("('ord_%d','u','PAID',%d,0,NOW(6),NOW(6),1)", i, i+1))
			payments = append(payments, fmt.Sprintf("('pay_%d','ord_%d','u','APPROVED','TOSS',%d,0,0,%d,0,0,0,'att_%d','key_%d',NOW(6),NOW(6),1)", i, i, i+1, i+1, i, i))
			attempts = append(attempts, fmt.Sprintf("('att_%d','pay_%d','TOSS','APPROVED','key_%d','','','','','','',0,%d,0,NOW(6))", i, i, i, i+1))
		}
		for _, statement := range []string{
			"INSERT INTO orders (id,user_id,status,total,tax_free_total,placed_at,expires_at,version) VALUES " + strings.Join(orders, ","),
			"INSERT INTO payments (id,order_id,user_id,status,pg,amount,tax_free_amount,vat,captured_amount,refunded_amount,refunded_tax_free,installment_months,attempt_id,payment_key,created_at,updated_at,version) VALUES " + strings.Join(payments, ","),
			"INSERT INTO attempts (id,payment_id,pg,status,payment_key,ready_key,approve_key,pg_token,secret,return_url,method,installment_months,captured_amount,refunded_amount,started_at) VALUES " + strings.Join(attempts, ","),
		} {
			_, err := d.DB.ExecContext(d.t.Context(), statement)
			d.must(err)
		}
	}
}

// A longFile is a file of n rows that is never in memory as a whole.
func longFile(n int) io.Reader {
	reader, writer := io.Pipe()
	go func() {
		_, err := io.WriteString(writer, stateHeader)
		for i := 0; i < n && err == nil; i++ {
			_, err = fmt.Fprintf(writer, "att_%d,key_%d,%d,1,0,0\n", i, i, i+1)
		}
		writer.CloseWithError(err)
	}()
	return reader
}

func TestReconciler_large(t *testing.T) {
	if testing.Short() {
		t.Skip("a file of 100,000 rows takes its time")
	}
	const rows = 100_000
	d := openDesk(t)
	d.fill(rows - 100) // the last hundred are unknown
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before, peak, steps := heap(), uint64(0), 0
	d.reconciler.Progress = func(shop.Reconciliation) {
		steps++
		peak = max(peak, heap())
	}
	rec := shoptest.Must(d.reconciler.ImportSettlement(t.Context(), reconciliation.ImportSettlement{
		PG: shop.PGToss, Format: shop.SettlementFormatPaymentStateCSV, File: reconciliation.Upload{Name: "toss.csv", Body: longFile(rows)},
	}))(t).Reconciliation
	if rec.Rows != rows || rec.Matched != rows-100 || len(d.found(rec)) != 100 {
		t.Errorf("got %+v", rec)
	}
	if limit := before + 32<<20; peak > limit || steps < 3 {
		t.Errorf("the heap grew from %d MiB to %d MiB in %d steps", before>>20, peak>>20, steps)
	}
	t.Logf("heap %d MiB before, %d MiB at most", before>>20, peak>>20)
}

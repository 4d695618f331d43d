package books

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/text"
	"payment-system/shop"
)

// InsertSettlementRows stores rows of a file. Those that are stored already are left
// alone.
func InsertSettlementRows(ctx context.Context, tx mysqldb.Execer, id shop.ReconciliationID,
	rows []shop.SettlementRow,
) error {
	if len(rows) == 0 {
		return nil
	}
	const places = "(?,?,?,?,?,?,?,?,?,?,?,?,?)"
	args := make([]any, 0, 13*len(rows))
	for _, r := range rows {
		args = append(args, string(id), r.Line, r.Hash(), r.Raw, r.Kind, r.PaymentKey, r.AttemptRef, r.LegKey,
			int64(r.Amount),
			r.TaxFree, r.InstallmentMonths, dateOnly(r.BusinessDay), nullIfEmpty(text.Clip(r.Malformed, 500)))
	}
	_, err := tx.ExecContext(ctx,
		`INSERT INTO settlement_rows (reconciliation_id, line, row_hash, raw, kind, payment_key, attempt_ref,
			leg_key, amount, tax_free_amount, installment_months, business_day, malformed)
		VALUES `+places+strings.Repeat(","+places, len(rows)-1)+` ON DUPLICATE KEY UPDATE line = VALUES(line)`, args...)
	if err != nil {
		return fmt.Errorf("stage the rows of %s: %w", id, err)
	}
	return nil
}

// dateOnly writes a day as DATE columns take it, whatever the session's zone.
func dateOnly(day *time.Time) any {
	if day == nil {
		return nil
	}
	return day.Format(time.DateOnly)
}

// A SettledRow is what one row of a settlement file says of a payment.
type SettledRow struct {
	Kind            string // one of shop's kinds of settlement rows
	PaymentKey      string
	LegKey          string
	Amount, TaxFree shop.Won
	Day             *time.Time // the business day; nil when the file does not say
	Format          shop.SettlementFormat
}

// SettledRows reads the distinct rows of a file that speak of the same payment as
// the row of a discrepancy; none for a discrepancy without a row.
func SettledRows(ctx context.Context, q mysqldb.Queryer, d shop.Discrepancy) ([]SettledRow, error) {
	if d.Line == nil {
		return nil, nil
	}
	rows, err := mysqldb.Collect(ctx, q, func(rows *sql.Rows) (r SettledRow, err error) {
		err = rows.Scan(&r.Kind, &r.PaymentKey, &r.LegKey, &r.Amount, &r.TaxFree, &r.Day, &r.Format)
		return r, err
	}, `SELECT DISTINCT r.kind, r.payment_key, r.leg_key, r.amount, COALESCE(r.tax_free_amount, 0),
		r.business_day, c.format
		FROM settlement_rows m
		JOIN settlement_rows r ON r.reconciliation_id = m.reconciliation_id AND r.payment_key = m.payment_key
			AND r.malformed IS NULL
		JOIN reconciliations c ON c.id = m.reconciliation_id
		WHERE m.reconciliation_id = ? AND m.line = ?`, string(d.ReconciliationID), *d.Line)
	if err != nil {
		return nil, fmt.Errorf("read the rows of discrepancy %s: %w", d.ID, err)
	}
	return rows, nil
}

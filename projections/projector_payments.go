package projections

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// fill completes the rows of payments: what happened to them, from the events,
// and what the gateway knows of their latest attempts.
func fill(ctx context.Context, db *sql.DB, rows []row) error {
	var payments, attempts []any
	for _, r := range rows {
		if r.payment != nil {
			payments = append(payments, r.id)
			attempts = append(attempts, string(r.payment.AttemptID))
		}
	}
	if len(payments) == 0 {
		return nil
	}
	histories, err := readHistories(ctx, db, payments)
	if err != nil {
		return fmt.Errorf("read histories: %w", err)
	}
	records, err := readRecords(ctx, db, attempts)
	if err != nil {
		return fmt.Errorf("read gateway records: %w", err)
	}
	for i := range rows {
		if err := rows[i].complete(histories, records); err != nil {
			return err
		}
	}
	return nil
}

// complete fills in a payment's history up to the row's version, and its record.
func (r *row) complete(histories map[string][]shop.PaymentEvent, records map[string]string) error {
	if r.payment == nil {
		return nil
	}
	var history []shop.PaymentEvent
	for _, event := range histories[r.id] {
		if event.Version <= r.version {
			history = append(history, event)
		}
	}
	if record, ok := records[string(r.payment.AttemptID)]; ok {
		return r.show(history, record)
	}
	return r.show(history, nil)
}

// show gives the row of a payment its history and the gateway's record, a string or nil.
func (r *row) show(history []shop.PaymentEvent, record any) (err error) {
	r.payment.History = history
	r.values[len(r.values)-1] = record
	r.document, err = json.Marshal(r.payment)
	return err
}

// record returns the gateway's record that the row of a payment shows.
func (r *row) record() any { return r.values[len(r.values)-1] }

// readHistories returns what happened to each payment, oldest first.
func readHistories(ctx context.Context, db *sql.DB, ids []any) (map[string][]shop.PaymentEvent, error) {
	query := `SELECT aggregate_id, version, kind, status, actor, by_id, note, at FROM events
WHERE aggregate_id IN (` + list(len(ids)) + `) ORDER BY aggregate_id, version`
	histories := make(map[string][]shop.PaymentEvent, len(ids))
	_, err := mysqldb.Collect(ctx, db, func(rows *sql.Rows) (_ struct{}, err error) {
		var id string
		var e shop.PaymentEvent
		err = rows.Scan(&id, &e.Version, &e.Kind, &e.Status, &e.Actor, &e.By, &e.Note, &e.At)
		histories[id] = append(histories[id], e)
		return struct{}{}, err
	}, query, ids...)
	return histories, err
}

// readRecords returns the gateways' records of those attempts that have one.
func readRecords(ctx context.Context, db *sql.DB, attempts []any) (map[string]string, error) {
	in := list(len(attempts))
	query := "SELECT attempt_id, record FROM kakao_payments WHERE attempt_id IN (" + in + ")" +
		" UNION ALL SELECT attempt_id, record FROM toss_payments WHERE attempt_id IN (" + in + ")"
	records := make(map[string]string, len(attempts))
	_, err := mysqldb.Collect(ctx, db, func(rows *sql.Rows) (_ struct{}, err error) {
		var id, record string
		err = rows.Scan(&id, &record)
		records[id] = record
		return struct{}{}, err
	}, query, append(slices.Clip(attempts), attempts...)...)
	return records, err
}

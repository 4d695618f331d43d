package verify

import (
	"context"
	"database/sql"
	"fmt"

	"payment-system/shop"
)

// queryPage runs a query and gives each row to scan.
func queryPage(ctx context.Context, tx *sql.Tx, query string, scan func(*sql.Rows) error, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func userRows(ctx context.Context, tx *sql.Tx, after string) (map[string]any, error) {
	found := map[string]any{}
	const query = `SELECT id, email, role, created_at, version FROM users WHERE id > ? ORDER BY id LIMIT ?`
	err := queryPage(ctx, tx, query, func(rows *sql.Rows) error {
		var u shop.User
		err := rows.Scan(&u.ID, &u.Email, &u.Role, &u.CreatedAt, &u.Version)
		found[string(u.ID)] = u
		return err
	}, after, booksAtOnce)
	return found, err
}

func productRows(ctx context.Context, tx *sql.Tx, after string) (map[string]any, error) {
	found := map[string]any{}
	const query = `SELECT p.id, p.name, p.description, p.price, p.tax_free, p.image_url, p.category, p.hidden, s.available,
		s.reserved, s.sold, p.created_at, p.updated_at, s.version
FROM products p JOIN stock s ON s.product_id = p.id WHERE p.id > ? ORDER BY p.id LIMIT ?`
	err := queryPage(ctx, tx, query, func(rows *sql.Rows) error {
		var p shop.Product
		err := rows.Scan(&p.ID, &p.Name, &p.Description, &p.Price, &p.TaxFree, &p.ImageURL, &p.Category, &p.Hidden,
			&p.Stock, &p.Reserved, &p.Sold, &p.CreatedAt, &p.UpdatedAt, &p.Version)
		found[string(p.ID)] = p
		return err
	}, after, booksAtOnce)
	return found, err
}

func orderRows(ctx context.Context, tx *sql.Tx, after string) (map[string]any, error) {
	orders := map[string]*shop.Order{}
	last := after
	const query = `SELECT id, user_id, status, total, tax_free_total, placed_at, expires_at, paid_at, canceled_at, version
		FROM orders WHERE id > ? ORDER BY id LIMIT ?`
	err := queryPage(ctx, tx, query, func(rows *sql.Rows) error {
		o := &shop.Order{}
		err := rows.Scan(&o.ID, &o.UserID, &o.Status, &o.Total, &o.TaxFreeTotal, &o.PlacedAt, &o.ExpiresAt, &o.PaidAt,
			&o.CanceledAt, &o.Version)
		last = string(o.ID)
		orders[last] = o
		return err
	}, after, booksAtOnce)
	if err != nil {
		return nil, err
	}
	const lines = `SELECT order_id, product_id, name, unit_price, quantity, amount, tax_free FROM order_lines
		WHERE order_id > ? AND order_id <= ? ORDER BY order_id, line`
	err = queryPage(ctx, tx, lines, func(rows *sql.Rows) error {
		var id string
		var l shop.OrderLine
		err := rows.Scan(&id, &l.ProductID, &l.Name, &l.UnitPrice, &l.Quantity, &l.Amount, &l.TaxFree)
		if order := orders[id]; order != nil {
			order.Lines = append(order.Lines, l)
		}
		return err
	}, after, last)
	return anyOf(orders), err
}

func paymentRows(ctx context.Context, tx *sql.Tx, after string) (map[string]any, error) {
	payments := map[string]*shop.Payment{}
	last := after
	const query = `SELECT id, order_id, user_id, status, pg, amount, tax_free_amount, vat, captured_amount,
		refunded_amount, refunded_tax_free,
installment_months, attempt_id, payment_key, checkout_url, failure_code, failure_message, approved_at, created_at,
updated_at, version
FROM payments WHERE id > ? ORDER BY id LIMIT ?`
	err := queryPage(ctx, tx, query, func(rows *sql.Rows) error {
		p, err := scanPayment(rows)
		last = string(p.ID)
		payments[last] = p
		return err
	}, after, booksAtOnce)
	if err != nil {
		return nil, err
	}
	if err := addAttempts(ctx, tx, payments, after, last); err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	if err := addRefunds(ctx, tx, payments, after, last); err != nil {
		return nil, fmt.Errorf("read refunds: %w", err)
	}
	return anyOf(payments), nil
}

func scanPayment(rows *sql.Rows) (*shop.Payment, error) {
	p := &shop.Payment{}
	var code, message *string
	err := rows.Scan(&p.ID, &p.OrderID, &p.UserID, &p.Status, &p.PG, &p.Amount, &p.TaxFreeAmount, &p.VAT,
		&p.CapturedAmount,
		&p.RefundedAmount, &p.RefundedTaxFree, &p.InstallmentMonths, &p.AttemptID, &p.PaymentKey, &p.CheckoutURL,
		&code, &message, &p.ApprovedAt, &p.CreatedAt, &p.UpdatedAt, &p.Version)
	p.Failure = failureFrom(code, message)
	return p, err
}

func failureFrom(code, message *string) *shop.PaymentFailure {
	if code == nil || message == nil {
		return nil
	}
	return &shop.PaymentFailure{Code: *code, Message: *message}
}

func addAttempts(ctx context.Context, tx *sql.Tx, payments map[string]*shop.Payment, after, last string) error {
	const query = `SELECT payment_id, id, pg, status, payment_key, checkout_url, started_at, failure_code, failure_message,
captured_amount, refunded_amount, installment_months, superseded_at
FROM attempts WHERE payment_id > ? AND payment_id <= ? ORDER BY payment_id, started_at, id`
	return queryPage(ctx, tx, query, func(rows *sql.Rows) error {
		var id string
		var a shop.PaymentAttempt
		var code, message *string
		err := rows.Scan(&id, &a.ID, &a.PG, &a.Status, &a.PaymentKey, &a.CheckoutURL, &a.StartedAt, &code, &message,
			&a.CapturedAmount, &a.RefundedAmount, &a.InstallmentMonths, &a.SupersededAt)
		a.Failure = failureFrom(code, message)
		if payment := payments[id]; payment != nil {
			payment.Attempts = append(payment.Attempts, a)
		}
		return err
	}, after, last)
}

func addRefunds(ctx context.Context, tx *sql.Tx, payments map[string]*shop.Payment, after, last string) error {
	const query = `SELECT payment_id, id, attempt_id, amount, tax_free_amount, reason, cause, status, transaction_key,
		requested_at, done_at
FROM refunds WHERE payment_id > ? AND payment_id <= ? ORDER BY payment_id, requested_at, id`
	return queryPage(ctx, tx, query, func(rows *sql.Rows) error {
		var id string
		var r shop.Refund
		err := rows.Scan(&id, &r.ID, &r.AttemptID, &r.Amount, &r.TaxFreeAmount, &r.Reason, &r.Cause, &r.Status,
			&r.TransactionKey, &r.RequestedAt, &r.DoneAt)
		if payment := payments[id]; payment != nil {
			payment.Refunds = append(payment.Refunds, r)
		}
		return err
	}, after, last)
}

func reconciliationRows(ctx context.Context, tx *sql.Tx, after string) (map[string]any, error) {
	found := map[string]any{}
	const query = `SELECT id, pg, format, source, file_hash, status, rejection, row_count, percent, matched, plan_hash,
		notice, replaces, replaced_by, rows_added, rows_changed, rows_removed, started_at, finished_at, version
FROM reconciliations WHERE id > ? ORDER BY id LIMIT ?`
	err := queryPage(ctx, tx, query, func(rows *sql.Rows) error {
		var r shop.Reconciliation
		var added, changed, removed *int
		err := rows.Scan(&r.ID, &r.PG, &r.Format, &r.Source, &r.FileHash, &r.Status, &r.Rejection, &r.Rows, &r.Percent,
			&r.Matched,
			&r.PlanHash, &r.Notice, &r.Replaces, &r.ReplacedBy, &added, &changed, &removed, &r.StartedAt, &r.FinishedAt,
			&r.Version)
		if added != nil && changed != nil && removed != nil {
			r.Changes = &shop.VersionChanges{Added: *added, Changed: *changed, Removed: *removed}
		}
		found[string(r.ID)] = r
		return err
	}, after, booksAtOnce)
	return found, err
}

func discrepancyRows(ctx context.Context, tx *sql.Tx, after string) (map[string]any, error) {
	found := map[string]any{}
	const query = `SELECT id, reconciliation_id, pg, kind, status, action, payment_id, attempt_id, line, raw, expected,
		actual, amount, note,
resolved_by, created_at, resolved_at, version FROM discrepancies WHERE id > ? ORDER BY id LIMIT ?`
	err := queryPage(ctx, tx, query, func(rows *sql.Rows) error {
		var d shop.Discrepancy
		err := rows.Scan(&d.ID, &d.ReconciliationID, &d.PG, &d.Kind, &d.Status, &d.Action, &d.PaymentID, &d.AttemptID,
			&d.Line, &d.Raw,
			&d.Expected, &d.Actual, &d.Amount, &d.Note, &d.ResolvedBy, &d.CreatedAt, &d.ResolvedAt, &d.Version)
		found[string(d.ID)] = d
		return err
	}, after, booksAtOnce)
	return found, err
}

func anyOf[V any](values map[string]V) map[string]any {
	out := make(map[string]any, len(values))
	for id, value := range values {
		out[id] = value
	}
	return out
}

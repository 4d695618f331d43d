package books

import (
	"context"
	"database/sql"
	"fmt"

	"payment-system/internal/mysqldb"
	"payment-system/internal/text"
	"payment-system/shop"
	"payment-system/sql/write/model"
)

// LoadPayment reads a payment with its attempts and refunds. It returns NotFound
// when there is none.
func LoadPayment(ctx context.Context, q Reader, id shop.PaymentID) (shop.Payment, error) {
	if !text.IsASCII(string(id)) {
		return shop.Payment{}, shop.NoSuch("payment")
	}
	var rows paymentRows
	if err := mysqldb.Ask(ctx, q, rows.questions("id", []any{string(id)})...); err != nil {
		return shop.Payment{}, wrapped("read a payment", err)
	}
	found, err := rows.load(ctx, q)
	if err != nil {
		return shop.Payment{}, err
	}
	for _, payment := range found {
		return payment, nil
	}
	return shop.Payment{}, shop.NoSuch("payment")
}

// loadRefunds reads the refunds of the payments of those attempts that took money: no other
// can have given any back.
func loadRefunds(ctx context.Context, q Reader, attempts []model.Attempts) ([]model.Refunds, error) {
	var ids []any
	for _, attempt := range attempts {
		if attempt.CapturedAmount > 0 {
			ids = append(ids, attempt.PaymentID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	refunds, err := mysqldb.Collect(ctx, q, scanRefund, `SELECT payment_id, id, attempt_id, amount, tax_free_amount, reason, cause,
		status, pg_key, transaction_key, bank_code, account_number, holder_name, requested_at, done_at
		FROM refunds WHERE payment_id IN (`+marks(len(ids))+`) ORDER BY payment_id, requested_at, id`, ids...)
	if err != nil {
		return nil, wrapped("read refunds", err)
	}
	return refunds, nil
}

// assemble puts attempts and refunds, in order of their payments, into these.
func assemble(rows []model.Payments, attempts []model.Attempts, refunds []model.Refunds) map[shop.OrderID]shop.Payment {
	ofPayment := make(map[string]*shop.Payment, len(rows))
	for _, row := range rows {
		payment := paymentFromRow(row)
		payment.Attempts, payment.Refunds = []shop.PaymentAttempt{}, []shop.Refund{}
		ofPayment[row.ID] = &payment
	}
	for _, row := range attempts {
		if payment := ofPayment[row.PaymentID]; payment != nil { // opened since, for an order that somebody else holds
			payment.Attempts = append(payment.Attempts, attemptFromRow(row))
		}
	}
	for _, row := range refunds {
		if payment := ofPayment[row.PaymentID]; payment != nil {
			payment.Refunds = append(payment.Refunds, refundFromRow(row))
		}
	}
	found := make(map[shop.OrderID]shop.Payment, len(rows))
	for _, payment := range ofPayment {
		found[payment.OrderID] = *payment
	}
	return found
}

func scanPayment(rows *sql.Rows) (r model.Payments, err error) {
	return r, rows.Scan(&r.ID, &r.OrderID, &r.UserID, &r.Status, &r.Pg, &r.Amount, &r.TaxFreeAmount, &r.Vat,
		&r.CapturedAmount, &r.RefundedAmount, &r.RefundedTaxFree, &r.InstallmentMonths, &r.AttemptID, &r.PaymentKey,
		&r.CheckoutURL, &r.FailureCode, &r.FailureMessage, &r.ApprovedAt, &r.CreatedAt, &r.UpdatedAt, &r.Version)
}

func scanAttempt(rows *sql.Rows) (r model.Attempts, err error) {
	return r, rows.Scan(&r.PaymentID, &r.ID, &r.Pg, &r.Status, &r.PaymentKey, &r.CheckoutURL, &r.ReadyKey,
		&r.ApproveKey, &r.PgToken, &r.Secret, &r.ReturnURL, &r.Method, &r.InstallmentMonths, &r.CapturedAmount,
		&r.RefundedAmount, &r.FailureCode, &r.FailureMessage, &r.StartedAt, &r.SupersededAt,
		&r.DesktopURL, &r.MobileURL, &r.AppURL, &r.ReturnHashes)
}

func scanRefund(rows *sql.Rows) (r model.Refunds, err error) {
	return r, rows.Scan(&r.PaymentID, &r.ID, &r.AttemptID, &r.Amount, &r.TaxFreeAmount, &r.Reason, &r.Cause,
		&r.Status, &r.PgKey, &r.TransactionKey, &r.BankCode, &r.AccountNumber, &r.HolderName, &r.RequestedAt, &r.DoneAt)
}

func paymentFromRow(row model.Payments) shop.Payment {
	return shop.Payment{
		ID: shop.PaymentID(row.ID), OrderID: shop.OrderID(row.OrderID), UserID: shop.UserID(row.UserID),
		Status: shop.PaymentStatus(row.Status), PG: shop.PG(row.Pg),
		Amount: shop.Won(row.Amount), TaxFreeAmount: shop.Won(row.TaxFreeAmount), VAT: shop.Won(row.Vat),
		CapturedAmount: shop.Won(row.CapturedAmount), RefundedAmount: shop.Won(row.RefundedAmount),
		RefundedTaxFree: shop.Won(row.RefundedTaxFree), InstallmentMonths: int(row.InstallmentMonths),
		AttemptID: shop.AttemptID(row.AttemptID), PaymentKey: row.PaymentKey, CheckoutURL: row.CheckoutURL,
		Failure: failureOf(row.FailureCode, row.FailureMessage), ApprovedAt: row.ApprovedAt,
		CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: int(row.Version),
	}
}

func paymentRow(p shop.Payment) model.Payments {
	code, message := failureColumns(p.Failure)
	return model.Payments{
		ID: string(p.ID), OrderID: string(p.OrderID), UserID: string(p.UserID),
		Status: string(p.Status), Pg: string(p.PG),
		Amount: int64(p.Amount), TaxFreeAmount: int64(p.TaxFreeAmount), Vat: int64(p.VAT),
		CapturedAmount: int64(p.CapturedAmount), RefundedAmount: int64(p.RefundedAmount),
		RefundedTaxFree: int64(p.RefundedTaxFree), InstallmentMonths: int32(p.InstallmentMonths),
		AttemptID: string(p.AttemptID), PaymentKey: p.PaymentKey, CheckoutURL: p.CheckoutURL,
		FailureCode: code, FailureMessage: message, ApprovedAt: p.ApprovedAt,
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Version: int32(p.Version),
	}
}

func attemptFromRow(row model.Attempts) shop.PaymentAttempt {
	return shop.PaymentAttempt{
		ID: shop.AttemptID(row.ID), PG: shop.PG(row.Pg), Status: shop.PaymentStatus(row.Status),
		PaymentKey: row.PaymentKey, CheckoutURL: row.CheckoutURL, StartedAt: row.StartedAt,
		Failure: failureOf(row.FailureCode, row.FailureMessage), CapturedAmount: shop.Won(row.CapturedAmount),
		RefundedAmount: shop.Won(row.RefundedAmount), InstallmentMonths: int(row.InstallmentMonths),
		SupersededAt: row.SupersededAt, ReadyKey: row.ReadyKey, ApproveKey: row.ApproveKey,
		PgToken: row.PgToken, Secret: row.Secret, ReturnURL: row.ReturnURL, Method: shop.PaymentMethod(row.Method),
		Checkouts:    shop.CheckoutURLs{Desktop: orEmpty(row.DesktopURL), Mobile: orEmpty(row.MobileURL), App: orEmpty(row.AppURL)},
		ReturnHashes: shop.ReturnHashes(row.ReturnHashes),
	}
}

// attemptRow leaves out when the attempt is looked at next, and by whom: that is
// the resolver's, and attemptColumns leaves it alone.
func attemptRow(id shop.PaymentID, a shop.PaymentAttempt) model.Attempts {
	code, message := failureColumns(a.Failure)
	return model.Attempts{
		ID: string(a.ID), PaymentID: string(id), Pg: string(a.PG), Status: string(a.Status),
		PaymentKey: a.PaymentKey, CheckoutURL: a.CheckoutURL, StartedAt: a.StartedAt,
		FailureCode: code, FailureMessage: message, CapturedAmount: int64(a.CapturedAmount),
		RefundedAmount: int64(a.RefundedAmount), InstallmentMonths: int32(a.InstallmentMonths),
		SupersededAt: a.SupersededAt, ReadyKey: a.ReadyKey, ApproveKey: a.ApproveKey,
		PgToken: a.PgToken, Secret: a.Secret, ReturnURL: a.ReturnURL, Method: string(a.Method),
		DesktopURL: nilIfEmpty(a.Checkouts.Desktop), MobileURL: nilIfEmpty(a.Checkouts.Mobile),
		AppURL: nilIfEmpty(a.Checkouts.App), ReturnHashes: string(a.ReturnHashes),
	}
}

func refundFromRow(row model.Refunds) shop.Refund {
	refund := shop.Refund{
		ID: shop.RefundID(row.ID), AttemptID: shop.AttemptID(row.AttemptID), Amount: shop.Won(row.Amount),
		TaxFreeAmount: shop.Won(row.TaxFreeAmount), Reason: row.Reason, Cause: shop.RefundCause(row.Cause),
		Status: shop.RefundStatus(row.Status), TransactionKey: row.TransactionKey,
		RequestedAt: row.RequestedAt, DoneAt: row.DoneAt, PGKey: row.PgKey,
	}
	if row.BankCode != nil && row.AccountNumber != nil && row.HolderName != nil {
		refund.Account = &shop.RefundAccount{
			BankCode: *row.BankCode, AccountNumber: *row.AccountNumber,
			HolderName: *row.HolderName,
		}
	}
	return refund
}

// refundRow keeps the account only as long as the refund is open: it is personal.
func refundRow(id shop.PaymentID, r shop.Refund) model.Refunds {
	row := model.Refunds{
		ID: string(r.ID), PaymentID: string(id), AttemptID: string(r.AttemptID), Amount: int64(r.Amount),
		TaxFreeAmount: int64(r.TaxFreeAmount), Reason: r.Reason, Cause: string(r.Cause),
		Status: string(r.Status), PgKey: r.PGKey, TransactionKey: r.TransactionKey,
		RequestedAt: r.RequestedAt, DoneAt: r.DoneAt,
	}
	if r.Status == shop.RefundStatusRequested || r.Status == shop.RefundStatusUnknown {
		row.OpenAttemptID = &row.AttemptID
		if r.Account != nil {
			row.BankCode, row.AccountNumber, row.HolderName = &r.Account.BankCode, &r.Account.AccountNumber,
				&r.Account.HolderName
		}
	}
	return row
}

func failureOf(code, message *string) *shop.PaymentFailure {
	if code == nil || message == nil {
		return nil
	}
	return &shop.PaymentFailure{Code: *code, Message: *message}
}

func failureColumns(f *shop.PaymentFailure) (code, message *string) {
	if f == nil {
		return nil, nil
	}
	c, m := text.Clip(f.Code, 100), text.Clip(f.Message, 500)
	return &c, &m
}

// OrderIDOf names the order of a payment. It returns NotFound for a payment that
// is not ours.
func OrderIDOf(ctx context.Context, q Reader, id shop.PaymentID) (shop.OrderID, error) {
	if !text.IsASCII(string(id)) {
		return "", shop.NoSuch("payment")
	}
	var found shop.OrderID
	err := q.QueryRowContext(ctx, `SELECT order_id FROM payments WHERE id = ?`, id).Scan(&found)
	if isNoRows(err) {
		return "", shop.NoSuch("payment")
	}
	if err != nil {
		return "", fmt.Errorf("read a payment: %w", err)
	}
	return found, nil
}

// PaymentIDOf names the payment of an attempt. It returns NotFound for an attempt
// that is not ours.
func PaymentIDOf(ctx context.Context, q Reader, id shop.AttemptID) (shop.PaymentID, error) {
	opened, err := OpenedAttempt(ctx, q, id)
	return opened.PaymentID, err
}

// Opened is what never changes of an attempt, or only grows: whose it is, and who may come
// back from its gateway.
type Opened struct {
	PaymentID    shop.PaymentID
	ReturnHashes shop.ReturnHashes
}

// OpenedAttempt reads whose an attempt is. It returns NotFound for one that is not ours.
func OpenedAttempt(ctx context.Context, q Reader, id shop.AttemptID) (opened Opened, err error) {
	if !text.IsASCII(string(id)) {
		return opened, shop.NoSuch("attempt")
	}
	err = q.QueryRowContext(ctx, `SELECT payment_id, return_hashes FROM attempts WHERE id = ?`, id).
		Scan(&opened.PaymentID, &opened.ReturnHashes)
	if isNoRows(err) {
		return opened, shop.NoSuch("attempt")
	}
	if err != nil {
		return opened, fmt.Errorf("read attempt %s: %w", id, err)
	}
	return opened, nil
}

// RenewRefundKey gives the next call of a refund a gateway's idempotency key of its own.
func RenewRefundKey(ctx context.Context, db *sql.DB, id shop.RefundID, key string) error {
	if _, err := db.ExecContext(ctx, `UPDATE refunds SET pg_key = ? WHERE id = ?`, key, string(id)); err != nil {
		return fmt.Errorf("renew an idempotency key: %w", err)
	}
	return nil
}

// RenewApproveKey gives the next approval of an attempt a gateway's idempotency
// key of its own.
func RenewApproveKey(ctx context.Context, db *sql.DB, id shop.AttemptID, key string) error {
	if _, err := db.ExecContext(ctx, `UPDATE attempts SET approve_key = ? WHERE id = ?`, key, string(id)); err != nil {
		return fmt.Errorf("renew an idempotency key: %w", err)
	}
	return nil
}

package books

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-jet/jet/v2/mysql"
	"github.com/go-jet/jet/v2/qrm"

	"payment-system/internal/mysqldb"
	"payment-system/internal/text"
	"payment-system/shop"
	"payment-system/sql/write/model"
	"payment-system/sql/write/table"
)

// LoadPayment reads a payment with its attempts and refunds. It returns NotFound
// when there is none.
func LoadPayment(ctx context.Context, q qrm.Queryable, id shop.PaymentID) (shop.Payment, error) {
	if !text.IsASCII(string(id)) {
		return shop.Payment{}, shop.NoSuch("payment")
	}
	return loadPaymentWhere(ctx, q, table.Payments.ID.EQ(mysql.String(string(id))))
}

// LoadPaymentOf reads the payment of an order. It returns NotFound when the
// order has none yet.
func LoadPaymentOf(ctx context.Context, q qrm.Queryable, id shop.OrderID) (shop.Payment, error) {
	return loadPaymentWhere(ctx, q, table.Payments.OrderID.EQ(mysql.String(string(id))))
}

func loadPaymentWhere(ctx context.Context, q qrm.Queryable, where mysql.BoolExpression) (shop.Payment, error) {
	var row model.Payments
	err := mysql.SELECT(table.Payments.AllColumns).FROM(table.Payments).WHERE(where).QueryContext(ctx, q, &row)
	if errors.Is(err, qrm.ErrNoRows) {
		return shop.Payment{}, shop.NoSuch("payment")
	}
	if err != nil {
		return shop.Payment{}, fmt.Errorf("read a payment: %w", err)
	}
	payment := paymentFromRow(row)
	if payment.Attempts, err = loadAttempts(ctx, q, payment.ID); err != nil {
		return shop.Payment{}, err
	}
	if payment.Refunds, err = loadRefunds(ctx, q, payment.ID); err != nil {
		return shop.Payment{}, err
	}
	return payment, nil
}

func loadAttempts(ctx context.Context, q qrm.Queryable, id shop.PaymentID) ([]shop.PaymentAttempt, error) {
	var rows []model.Attempts
	t := table.Attempts
	err := mysql.SELECT(t.AllColumns).FROM(t).WHERE(t.PaymentID.EQ(mysql.String(string(id)))).
		ORDER_BY(t.StartedAt, t.ID).QueryContext(ctx, q, &rows)
	if err != nil {
		return nil, fmt.Errorf("read the attempts of payment %s: %w", id, err)
	}
	attempts := make([]shop.PaymentAttempt, len(rows))
	for i, row := range rows {
		attempts[i] = attemptFromRow(row)
	}
	return attempts, nil
}

func loadRefunds(ctx context.Context, q qrm.Queryable, id shop.PaymentID) ([]shop.Refund, error) {
	var rows []model.Refunds
	t := table.Refunds
	err := mysql.SELECT(t.AllColumns).FROM(t).WHERE(t.PaymentID.EQ(mysql.String(string(id)))).
		ORDER_BY(t.RequestedAt, t.ID).QueryContext(ctx, q, &rows)
	if err != nil {
		return nil, fmt.Errorf("read the refunds of payment %s: %w", id, err)
	}
	refunds := make([]shop.Refund, len(rows))
	for i, row := range rows {
		refunds[i] = refundFromRow(row)
	}
	return refunds, nil
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
		PgToken: row.PgToken, Secret: row.Secret, ReturnURL: row.ReturnURL, Method: row.Method,
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
		PgToken: a.PgToken, Secret: a.Secret, ReturnURL: a.ReturnURL, Method: a.Method,
	}
}

// attemptColumns are the columns of an attempt that a payment's rules change.
func attemptColumns() mysql.ColumnList {
	t := table.Attempts
	return mysql.ColumnList{
		t.Status, t.PaymentKey, t.CheckoutURL, t.FailureCode, t.FailureMessage, t.CapturedAmount,
		t.RefundedAmount, t.SupersededAt, t.ReadyKey, t.ApproveKey, t.PgToken, t.Secret,
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

// SavePayment writes a payment, its attempts and its refunds as they are now: a
// new one when was has no ID, else what changed, if the row still has the version
// and status of was. It returns mysqldb.ErrStale when it has not, and a duplicate
// of uq_attempts_key when a gateway's key is another attempt's.
func SavePayment(ctx context.Context, tx *sql.Tx, was, now shop.Payment) error {
	t := table.Payments
	row := paymentRow(now)
	if was.ID == "" {
		if _, err := t.INSERT(t.AllColumns).MODEL(row).ExecContext(ctx, tx); err != nil {
			return fmt.Errorf("open payment %s: %w", now.ID, err)
		}
	} else {
		err := mysqldb.One(t.UPDATE(t.MutableColumns).MODEL(row).WHERE(
			t.ID.EQ(mysql.String(row.ID)).
				AND(t.Version.EQ(mysql.Int(int64(was.Version)))).
				AND(t.Status.EQ(mysql.String(string(was.Status)))),
		).ExecContext(ctx, tx))
		if err != nil {
			return fmt.Errorf("save payment %s: %w", now.ID, err)
		}
	}
	if err := saveAttempts(ctx, tx, was, now); err != nil {
		return err
	}
	return saveRefunds(ctx, tx, was, now)
}

func saveAttempts(ctx context.Context, tx *sql.Tx, before, now shop.Payment) error {
	t := table.Attempts
	for _, attempt := range now.Attempts {
		row := attemptRow(now.ID, attempt)
		var err error
		if was := before.Attempt(attempt.ID); was == nil {
			_, err = t.INSERT(t.AllColumns).MODEL(row).ExecContext(ctx, tx)
		} else if *was != attempt {
			err = mysqldb.One(t.UPDATE(attemptColumns()).MODEL(row).WHERE(t.ID.EQ(mysql.String(row.ID))).ExecContext(ctx, tx))
		}
		if err != nil {
			return fmt.Errorf("save attempt %s: %w", attempt.ID, err)
		}
	}
	return nil
}

func saveRefunds(ctx context.Context, tx *sql.Tx, before, now shop.Payment) error {
	t := table.Refunds
	for _, refund := range now.Refunds {
		row := refundRow(now.ID, refund)
		var err error
		if was := before.Refund(refund.ID); was == nil {
			_, err = t.INSERT(t.AllColumns).MODEL(row).ExecContext(ctx, tx)
		} else if *was != refund {
			err = mysqldb.One(t.UPDATE(t.MutableColumns).MODEL(row).WHERE(t.ID.EQ(mysql.String(row.ID))).ExecContext(ctx, tx))
		}
		if err != nil {
			return fmt.Errorf("save refund %s: %w", refund.ID, err)
		}
	}
	return nil
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
	if !text.IsASCII(string(id)) {
		return "", shop.NoSuch("attempt")
	}
	var found shop.PaymentID
	err := q.QueryRowContext(ctx, `SELECT payment_id FROM attempts WHERE id = ?`, id).Scan(&found)
	if isNoRows(err) {
		return "", shop.NoSuch("attempt")
	}
	if err != nil {
		return "", fmt.Errorf("read attempt %s: %w", id, err)
	}
	return found, nil
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

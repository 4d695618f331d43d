package command

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/go-jet/jet/v2/mysql"
	driver "github.com/go-sql-driver/mysql"

	"payment-system/internal/mysqldb"
	"payment-system/pg"
	"payment-system/shop"
	"payment-system/sql/write/model"
	"payment-system/sql/write/table"
)

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// saveRecord keeps what only the gateway knows of the attempt, and reports whether
// it reads differently from what was kept. It keeps nothing when the evidence
// carries no record, as a settlement row does. A record that the books have no
// room for must not keep the money out of them: it is left out.
func (e *evidence) saveRecord(ctx context.Context) (changed bool, err error) {
	if e.isOvertaken() {
		return false, nil
	}
	switch record := e.says.Record.(type) {
	case *shop.KakaoRecord:
		changed, err = e.saveKakaoRecord(ctx, *record)
	case *shop.TossRecord:
		changed, err = e.saveTossRecord(ctx, *record)
	}
	if hasNoRoom(err) {
		e.h.Logger.ErrorContext(ctx, "gateway's record not kept", "attempt_id", string(e.attempt.ID), "error", err)
		return false, nil
	}
	return changed, err
}

// isOvertaken reports whether the books know of money that moved since the gateway
// gave this evidence: whoever held it was stopped, and others went on. A payment
// that the gateway ended without money is news all the same.
func (e *evidence) isOvertaken() bool {
	if e.says.Status == pg.StatusFailed || e.says.Status == pg.StatusExpired {
		return false
	}
	return e.says.Captured < e.attempt.CapturedAmount || e.says.Refunded < e.attempt.RefundedAmount
}

// hasNoRoom reports whether a value is too long for its column. The transaction
// goes on without the statement.
func hasNoRoom(err error) bool {
	var refused *driver.MySQLError
	return errors.As(err, &refused) && refused.Number == 1406
}

func (e *evidence) saveKakaoRecord(ctx context.Context, record shop.KakaoRecord) (bool, error) {
	var was shop.KakaoRecord
	if err := keptRecord(ctx, e.books.tx, `SELECT record FROM kakao_payments WHERE attempt_id = ?`, e.attempt.ID, &was); err != nil {
		return false, err
	}
	if record.FetchedAt.Before(was.FetchedAt) {
		return false, nil // overtaken
	}
	record = keepKakaoDetails(record, was)
	body, err := json.Marshal(record)
	if err != nil {
		return false, fmt.Errorf("encode the record of attempt %s: %w", e.attempt.ID, err)
	}
	row := kakaoRow(record)
	row.AttemptID, row.Record, row.Raw = string(e.attempt.ID), string(body), string(e.says.Raw)
	t := table.KakaoPayments
	if err := e.keep(ctx, t.UPDATE(t.MutableColumns).MODEL(row).WHERE(t.AttemptID.EQ(mysql.String(row.AttemptID))),
		t.INSERT(t.AllColumns).MODEL(row)); err != nil {
		return false, err
	}
	was.FetchedAt = record.FetchedAt
	return !reflect.DeepEqual(was, record), nil
}

// keepKakaoDetails carries over what only some of Kakao's answers say: the
// approval names the card in full, a look-up names the legs.
func keepKakaoDetails(now, was shop.KakaoRecord) shop.KakaoRecord {
	if was.Tid != now.Tid {
		return now
	}
	if now.Aid == nil {
		now.Aid = was.Aid
	}
	if now.Card == nil || (was.Card != nil && was.Card.ApprovalNumber != nil && now.Card.ApprovalNumber == nil) {
		now.Card = was.Card
	}
	if now.ApprovedCancelAmount == nil {
		now.ApprovedCancelAmount = was.ApprovedCancelAmount
	}
	now.Actions = mergeActions(was.Actions, now.Actions)
	return now
}

// mergeActions returns the legs known before, as they read now, and then those
// that are new: an approval and a cancel each tell only their own.
func mergeActions(was, now []shop.KakaoAction) []shop.KakaoAction {
	merged := slices.Clone(was)
	for _, action := range now {
		same := func(known shop.KakaoAction) bool { return known.Aid == action.Aid }
		if i := slices.IndexFunc(merged, same); i >= 0 {
			merged[i] = action
			continue
		}
		merged = append(merged, action)
	}
	return merged
}

func (e *evidence) saveTossRecord(ctx context.Context, record shop.TossRecord) (bool, error) {
	var was shop.TossRecord
	if err := keptRecord(ctx, e.books.tx, `SELECT record FROM toss_payments WHERE attempt_id = ?`, e.attempt.ID, &was); err != nil {
		return false, err
	}
	if record.FetchedAt.Before(was.FetchedAt) {
		return false, nil // overtaken
	}
	body, err := json.Marshal(record)
	if err != nil {
		return false, fmt.Errorf("encode the record of attempt %s: %w", e.attempt.ID, err)
	}
	row := tossRow(record)
	row.AttemptID, row.Record, row.Raw = string(e.attempt.ID), string(body), string(e.says.Raw)
	t := table.TossPayments
	if err := e.keep(ctx, t.UPDATE(t.MutableColumns).MODEL(row).WHERE(t.AttemptID.EQ(mysql.String(row.AttemptID))),
		t.INSERT(t.AllColumns).MODEL(row)); err != nil {
		return false, err
	}
	was.FetchedAt = record.FetchedAt
	return !reflect.DeepEqual(was, record), nil
}

// keep writes a record over the one that was kept, or for the first time. The
// order's lock is held, so nobody else does.
func (e *evidence) keep(ctx context.Context, update mysql.UpdateStatement, insert mysql.InsertStatement) error {
	err := mysqldb.One(update.ExecContext(ctx, e.books.tx))
	if errors.Is(err, mysqldb.ErrStale) {
		_, err = insert.ExecContext(ctx, e.books.tx)
	}
	if err != nil {
		return fmt.Errorf("keep the record of attempt %s: %w", e.attempt.ID, err)
	}
	return nil
}

// keptRecord decodes a stored record into out, and leaves out as it is when
// there is none.
func keptRecord(ctx context.Context, q querier, query string, id shop.AttemptID, out any) error {
	var body []byte
	err := q.QueryRowContext(ctx, query, id).Scan(&body)
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the record of attempt %s: %w", id, err)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("decode the record of attempt %s: %w", id, err)
	}
	return nil
}

func kakaoRow(r shop.KakaoRecord) model.KakaoPayments {
	row := model.KakaoPayments{
		Tid: r.Tid, Cid: r.Cid, Aid: r.Aid, Status: r.Status, PartnerOrderID: clip(r.PartnerOrderID, 100),
		PartnerUserID: clip(r.PartnerUserID, 100), PaymentMethodType: r.PaymentMethodType, ItemName: r.ItemName,
		ItemCode: r.ItemCode, Quantity: intColumn(r.Quantity), CreatedAt: r.CreatedAt, ApprovedAt: r.ApprovedAt,
		CanceledAt: r.CanceledAt, FetchedAt: microseconds(r.FetchedAt),
	}
	if a := r.Amount; a != nil {
		row.AmountTotal, row.AmountTaxFree, row.AmountVat = wonColumn(&a.Total), wonColumn(&a.TaxFree), wonColumn(&a.VAT)
		row.AmountPoint, row.AmountDiscount, row.AmountGreenDeposit = wonColumn(&a.Point), wonColumn(&a.Discount), wonColumn(&a.GreenDeposit)
	}
	if a := r.CanceledAmount; a != nil {
		row.CanceledTotal = wonColumn(&a.Total)
	}
	if a := r.CancelAvailableAmount; a != nil {
		row.CancelAvailableTotal = wonColumn(&a.Total)
	}
	if card := r.Card; card != nil {
		row.CardIssuer, row.CardIssuerCode, row.CardAcquirer, row.CardAcquirerCode = card.Issuer, card.IssuerCode, card.Acquirer, card.AcquirerCode
		row.CardBin, row.CardType, row.CardInstallMonths, row.CardInterestFree = card.Bin, card.CardType, intColumn(card.InstallMonths), card.InterestFree
		row.CardInstallmentType, row.CardApprovalNumber, row.CardMerchantID = card.InstallmentType, card.ApprovalNumber, card.MerchantID
	}
	return row
}

func tossRow(r shop.TossRecord) model.TossPayments {
	row := model.TossPayments{
		PaymentKey: r.PaymentKey, Version: r.Version, Type: r.Type, OrderID: clip(r.OrderID, 100), OrderName: r.OrderName,
		MID: r.MID, Currency: r.Currency, Country: r.Country, Method: r.Method, Status: r.Status,
		TotalAmount: int64(r.TotalAmount), BalanceAmount: wonColumn(r.BalanceAmount), SuppliedAmount: wonColumn(r.SuppliedAmount),
		Vat: wonColumn(r.VAT), TaxFreeAmount: wonColumn(r.TaxFreeAmount), TaxExemptionAmount: wonColumn(r.TaxExemptionAmount),
		RequestedAt: r.RequestedAt, ApprovedAt: r.ApprovedAt, UseEscrow: r.UseEscrow, CultureExpense: r.CultureExpense,
		IsPartialCancelable: r.IsPartialCancelable, LastTransactionKey: r.LastTransactionKey, FetchedAt: microseconds(r.FetchedAt),
	}
	if card := r.Card; card != nil {
		row.CardAmount, row.CardIssuerCode, row.CardAcquirerCode, row.CardNumber = wonColumn(card.Amount), card.IssuerCode, card.AcquirerCode, card.Number
		row.CardInstallmentPlanMonths, row.CardApproveNo, row.CardUseCardPoint = intColumn(card.InstallmentPlanMonths), card.ApproveNo, card.UseCardPoint
		row.CardType, row.CardOwnerType, row.CardAcquireStatus = card.CardType, card.OwnerType, card.AcquireStatus
		row.CardIsInterestFree, row.CardInterestPayer = card.IsInterestFree, card.InterestPayer
	}
	if account := r.VirtualAccount; account != nil {
		row.VirtualAccountType, row.VirtualAccountNumber, row.VirtualAccountBankCode = account.AccountType, account.AccountNumber, account.BankCode
		row.VirtualAccountDueDate, row.VirtualAccountRefundStatus, row.VirtualAccountExpired = account.DueDate, account.RefundStatus, account.Expired
	}
	if pay := r.EasyPay; pay != nil {
		row.EasyPayProvider, row.EasyPayAmount, row.EasyPayDiscountAmount = pay.Provider, wonColumn(pay.Amount), wonColumn(pay.DiscountAmount)
	}
	if r.Failure != nil {
		row.FailureCode, row.FailureMessage = r.Failure.Code, r.Failure.Message
	}
	if r.Receipt != nil {
		row.ReceiptURL = r.Receipt.URL
	}
	return row
}

func wonColumn(w *shop.Won) *int64 {
	if w == nil {
		return nil
	}
	n := int64(*w)
	return &n
}

func intColumn(n *int) *int32 {
	if n == nil {
		return nil
	}
	m := int32(*n)
	return &m
}

func microseconds(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// keptRecordOf returns the gateway's record of an attempt as it was last seen,
// or nil.
func (h *Handler) keptRecordOf(ctx context.Context, attempt shop.PaymentAttempt) (shop.GatewayRecord, error) {
	if attempt.PG == shop.PGKakao {
		var record shop.KakaoRecord
		if err := keptRecord(ctx, h.DB, `SELECT record FROM kakao_payments WHERE attempt_id = ?`, attempt.ID, &record); err != nil || record.Tid == "" {
			return nil, err
		}
		return &record, nil
	}
	var record shop.TossRecord
	if err := keptRecord(ctx, h.DB, `SELECT record FROM toss_payments WHERE attempt_id = ?`, attempt.ID, &record); err != nil || record.PaymentKey == "" {
		return nil, err
	}
	return &record, nil
}

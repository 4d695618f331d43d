package books

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jet/jet/v2/mysql"
	driver "github.com/go-sql-driver/mysql"

	"payment-system/internal/mysqldb"
	"payment-system/internal/text"
	"payment-system/shop"
	"payment-system/sql/write/model"
	"payment-system/sql/write/table"
)

func kakaoRow(r shop.KakaoRecord) model.KakaoPayments {
	row := model.KakaoPayments{
		Tid: r.Tid, Cid: r.Cid, Aid: r.Aid, Status: r.Status, PartnerOrderID: text.Clip(r.PartnerOrderID, 100),
		PartnerUserID: text.Clip(r.PartnerUserID, 100), PaymentMethodType: r.PaymentMethodType, ItemName: r.ItemName,
		ItemCode: r.ItemCode, Quantity: intColumn(r.Quantity), CreatedAt: r.CreatedAt, ApprovedAt: r.ApprovedAt,
		CanceledAt: r.CanceledAt, FetchedAt: Moment(r.FetchedAt),
	}
	if a := r.Amount; a != nil {
		row.AmountTotal, row.AmountTaxFree, row.AmountVat = wonColumn(&a.Total), wonColumn(&a.TaxFree), wonColumn(&a.VAT)
		row.AmountPoint, row.AmountDiscount, row.AmountGreenDeposit = wonColumn(&a.Point), wonColumn(&a.Discount),
			wonColumn(&a.GreenDeposit)
	}
	if a := r.CanceledAmount; a != nil {
		row.CanceledTotal = wonColumn(&a.Total)
	}
	if a := r.CancelAvailableAmount; a != nil {
		row.CancelAvailableTotal = wonColumn(&a.Total)
	}
	if card := r.Card; card != nil {
		row.CardIssuer, row.CardIssuerCode, row.CardAcquirer, row.CardAcquirerCode = card.Issuer, card.IssuerCode,
			card.Acquirer, card.AcquirerCode
		row.CardBin, row.CardType, row.CardInstallMonths, row.CardInterestFree = card.Bin, card.CardType,
			intColumn(card.InstallMonths), card.InterestFree
		row.CardInstallmentType, row.CardApprovalNumber, row.CardMerchantID = card.InstallmentType, card.ApprovalNumber,
			card.MerchantID
	}
	return row
}

func tossRow(r shop.TossRecord) model.TossPayments {
	row := model.TossPayments{
		PaymentKey: r.PaymentKey, Version: r.Version, Type: r.Type, OrderID: text.Clip(r.OrderID, 100),
		OrderName: r.OrderName,
		MID:       r.MID, Currency: r.Currency, Country: r.Country, Method: r.Method, Status: r.Status,
		TotalAmount: int64(r.TotalAmount), BalanceAmount: wonColumn(r.BalanceAmount),
		SuppliedAmount: wonColumn(r.SuppliedAmount),
		Vat:            wonColumn(r.VAT), TaxFreeAmount: wonColumn(r.TaxFreeAmount),
		TaxExemptionAmount: wonColumn(r.TaxExemptionAmount),
		RequestedAt:        r.RequestedAt, ApprovedAt: r.ApprovedAt, UseEscrow: r.UseEscrow, CultureExpense: r.CultureExpense,
		IsPartialCancelable: r.IsPartialCancelable, LastTransactionKey: r.LastTransactionKey, FetchedAt: Moment(r.FetchedAt),
	}
	if card := r.Card; card != nil {
		row.CardAmount, row.CardIssuerCode, row.CardAcquirerCode, row.CardNumber = wonColumn(card.Amount), card.IssuerCode,
			card.AcquirerCode, card.Number
		row.CardInstallmentPlanMonths, row.CardApproveNo, row.CardUseCardPoint = intColumn(card.InstallmentPlanMonths),
			card.ApproveNo, card.UseCardPoint
		row.CardType, row.CardOwnerType, row.CardAcquireStatus = card.CardType, card.OwnerType, card.AcquireStatus
		row.CardIsInterestFree, row.CardInterestPayer = card.IsInterestFree, card.InterestPayer
	}
	if account := r.VirtualAccount; account != nil {
		row.VirtualAccountType, row.VirtualAccountNumber, row.VirtualAccountBankCode = account.AccountType,
			account.AccountNumber, account.BankCode
		row.VirtualAccountDueDate, row.VirtualAccountRefundStatus, row.VirtualAccountExpired = account.DueDate,
			account.RefundStatus, account.Expired
	}
	if pay := r.EasyPay; pay != nil {
		row.EasyPayProvider, row.EasyPayAmount, row.EasyPayDiscountAmount = pay.Provider, wonColumn(pay.Amount),
			wonColumn(pay.DiscountAmount)
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

// Moment is t as the books keep it: UTC, in microseconds.
func Moment(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// KeptRecord returns the gateway's record of an attempt as it was last seen, or nil.
func KeptRecord(ctx context.Context, q Reader, attempt shop.PaymentAttempt) (shop.GatewayRecord, error) {
	kept := map[shop.AttemptID][]byte{}
	err := mysqldb.Ask(ctx, q, keptRecords([]shop.AttemptID{attempt.ID}, kept)...)
	if err != nil || kept[attempt.ID] == nil {
		return nil, wrapped("read the gateway's record of "+string(attempt.ID), err)
	}
	var record shop.GatewayRecord = &shop.TossRecord{}
	if attempt.PG == shop.PGKakao {
		record = &shop.KakaoRecord{}
	}
	if err := json.Unmarshal(kept[attempt.ID], record); err != nil {
		return nil, fmt.Errorf("decode the record of attempt %s: %w", attempt.ID, err)
	}
	return record, nil
}

// keptRecords reads the gateways' records, JSON, of those of the attempts that have one.
func keptRecords(ids []shop.AttemptID, into map[shop.AttemptID][]byte) []mysqldb.Question {
	if len(ids) == 0 {
		return nil
	}
	in := " WHERE attempt_id IN (" + marks(len(ids)) + ")"
	return []mysqldb.Question{{
		Query: "SELECT attempt_id, record FROM kakao_payments" + in + " UNION ALL SELECT attempt_id, record FROM toss_payments" + in,
		Args:  slices.Concat(anys(ids), anys(ids)),
		Scan: func(rows *sql.Rows) error {
			var id shop.AttemptID
			var body []byte
			err := rows.Scan(&id, &body)
			into[id] = body
			return err
		},
	}}
}

// A RecordChange is a gateway's record of an attempt, and the answer that it was read
// from.
type RecordChange struct {
	AttemptID shop.AttemptID
	IsNew     bool               // none was kept before
	Record    shop.GatewayRecord // *shop.KakaoRecord or *shop.TossRecord
	Body      []byte             // Record as JSON
	Raw       []byte
}

// SaveRecords writes gateways' records over those that were kept: the orders' locks are
// held, so nobody else does. What is new of a gateway goes into one INSERT.
func SaveRecords(ctx context.Context, w *mysqldb.Packet, changes []RecordChange) error {
	var kakao []model.KakaoPayments
	var toss []model.TossPayments
	for _, change := range changes {
		switch record := change.Record.(type) {
		case *shop.KakaoRecord:
			row := kakaoRow(*record)
			row.AttemptID, row.Record, row.Raw = string(change.AttemptID), string(change.Body), string(change.Raw)
			if change.IsNew {
				kakao = append(kakao, row)
			} else if err := updateKakao(ctx, w, row); err != nil {
				return err
			}
		case *shop.TossRecord:
			row := tossRow(*record)
			row.AttemptID, row.Record, row.Raw = string(change.AttemptID), string(change.Body), string(change.Raw)
			if change.IsNew {
				toss = append(toss, row)
			} else if err := updateToss(ctx, w, row); err != nil {
				return err
			}
		}
	}
	if err := insertRows(ctx, w, table.KakaoPayments, table.KakaoPayments.AllColumns, kakao); err != nil {
		return fmt.Errorf("keep Kakao Pay's records: %w", err)
	}
	return wrapped("keep Toss Payments' records",
		insertRows(ctx, w, table.TossPayments, table.TossPayments.AllColumns, toss))
}

func updateKakao(ctx context.Context, w *mysqldb.Packet, row model.KakaoPayments) error {
	t := table.KakaoPayments
	update := t.UPDATE(t.MutableColumns).MODEL(row).WHERE(t.AttemptID.EQ(mysql.String(row.AttemptID)))
	_, err := update.ExecContext(ctx, w.Exactly(1))
	return wrapped("keep Kakao Pay's record of "+row.AttemptID, err)
}

func updateToss(ctx context.Context, w *mysqldb.Packet, row model.TossPayments) error {
	t := table.TossPayments
	update := t.UPDATE(t.MutableColumns).MODEL(row).WHERE(t.AttemptID.EQ(mysql.String(row.AttemptID)))
	_, err := update.ExecContext(ctx, w.Exactly(1))
	return wrapped("keep Toss Payments' record of "+row.AttemptID, err)
}

// HasNoRoom reports whether a value is too long for its column. The transaction
// goes on without the statement.
func HasNoRoom(err error) bool {
	var refused *driver.MySQLError
	return errors.As(err, &refused) && refused.Number == 1406
}

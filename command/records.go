package command

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"payment-system/shop"
	"payment-system/sql/write/model"
)

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

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

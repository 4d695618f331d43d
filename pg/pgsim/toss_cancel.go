package pgsim

import (
	"net/http"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"
)

// tossCancel is an element of cancels[].
type tossCancel struct {
	TransactionKey         string  `json:"transactionKey"`
	CancelReason           string  `json:"cancelReason"`
	TaxExemptionAmount     int64   `json:"taxExemptionAmount"`
	CanceledAt             string  `json:"canceledAt"`
	TransferDiscountAmount int64   `json:"transferDiscountAmount"`
	EasyPayDiscountAmount  int64   `json:"easyPayDiscountAmount"`
	ReceiptKey             *string `json:"receiptKey"`
	CancelAmount           int64   `json:"cancelAmount"`
	TaxFreeAmount          int64   `json:"taxFreeAmount"`
	RefundableAmount       int64   `json:"refundableAmount"`
	CancelStatus           string  `json:"cancelStatus"`
	CancelRequestID        *string `json:"cancelRequestId"`

	at time.Time
}

type tossRefundAccount struct {
	Bank          string `json:"bank,omitempty"`
	BankCode      string `json:"bankCode"`
	AccountNumber string `json:"accountNumber"`
	HolderName    string `json:"holderName"`
}

type tossCancelRequest struct {
	Reason     string             `json:"cancelReason"`
	Amount     *int64             `json:"cancelAmount"`
	TaxFree    *int64             `json:"taxFreeAmount"`
	Refundable *int64             `json:"refundableAmount"`
	RefundTo   *tossRefundAccount `json:"refundReceiveAccount"`
	Currency   string             `json:"currency"`
	console    bool               // the merchant's console needs no account
}

// amounts is what the request cancels: all that is left if it names no amount. A
// cancel of all that is left takes the tax-free rest too.
func (q *tossCancelRequest) amounts(p *tossPayment) (amount, taxFree int64) {
	left, leftFree := p.balance()
	amount = left
	if q.Amount != nil {
		amount = *q.Amount
	}
	switch {
	case q.TaxFree != nil:
		taxFree = *q.TaxFree
	case amount == left:
		taxFree = leftFree
	}
	return amount, taxFree
}

func (s *Server) tossCancel(c *call) (answer, *tossPayment) {
	var q tossCancelRequest
	e := tossDecode(c, &q)
	if e == nil {
		e = q.check()
	}
	if e != nil {
		return c.paused(e.answer(c)), nil
	}
	check := func(p *tossPayment) *tossError { return p.cancelable(&q) }
	return s.tossApply(c, c.PathValue("paymentKey"), check, func(c *call, p *tossPayment) answer {
		p.applied.Cancel++
		s.tossGiveBack(p, &q)
		return s.tossJSON(c, http.StatusOK, p.object(s.clock()))
	}), nil
}

func (q *tossCancelRequest) check() *tossError {
	switch {
	case q.Reason == "" || utf8.RuneCountInString(q.Reason) > 200:
		return tossInvalid("`cancelReason`은 1자 이상 200자 이하여야 합니다.")
	case q.Amount != nil && *q.Amount <= 0:
		return tossInvalid("`cancelAmount`는 0보다 커야 합니다.")
	case q.TaxFree != nil && *q.TaxFree < 0:
		return tossInvalid("`taxFreeAmount`는 0 이상이어야 합니다.")
	case q.Currency != "" && q.Currency != "KRW":
		return tossInvalid("지원하지 않는 통화입니다: " + q.Currency)
	}
	return nil
}

func (p *tossPayment) cancelable(q *tossCancelRequest) *tossError {
	switch p.status {
	case tossCanceled:
		return tossFail("ALREADY_CANCELED_PAYMENT")
	case tossDone, tossPartialCanceled, tossWaiting:
	default:
		return tossFail("NOT_CANCELABLE_PAYMENT")
	}
	left, leftFree := p.balance()
	amount, free := q.amounts(p)
	switch {
	case q.Refundable != nil && *q.Refundable != left:
		return tossFail("NOT_MATCHES_REFUNDABLE_AMOUNT")
	case left == 0 || amount > left:
		return tossFail("NOT_CANCELABLE_AMOUNT")
	case p.status == tossWaiting && amount != left:
		return tossFail("NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT")
	case free > leftFree, free > amount, amount-free > left-leftFree:
		return tossFail("NOT_CANCELABLE_AMOUNT")
	}
	if p.method == byVirtualAccount && p.status != tossWaiting && !q.console {
		return q.RefundTo.check()
	}
	return nil
}

var (
	bankAccount = regexp.MustCompile(`^[0-9]{1,20}$`)
	bankName    = regexp.MustCompile(`^([0-9A-Z]{2,3}|[A-Z]{3,20}|\p{Hangul}{2,10})$`)
)

// check refuses an account money cannot be sent to.
func (a *tossRefundAccount) check() *tossError {
	switch {
	case a == nil || a.HolderName == "" || utf8.RuneCountInString(a.HolderName) > 60:
		return tossFail("INVALID_REFUND_ACCOUNT_INFO")
	case !bankAccount.MatchString(a.AccountNumber):
		return tossFail("INVALID_REFUND_ACCOUNT_NUMBER")
	case !bankName.MatchString(a.bank()):
		return tossFail("INVALID_BANK")
	}
	return nil
}

func (a *tossRefundAccount) bank() string {
	if a.Bank != "" {
		return a.Bank
	}
	return a.BankCode
}

// tossGiveBack cancels. Part by part, even to the last won, the payment stays
// PARTIAL_CANCELED; only one cancel of the whole makes it CANCELED.
func (s *Server) tossGiveBack(p *tossPayment, q *tossCancelRequest) {
	now := s.clock()
	left, _ := p.balance()
	amount, taxFree := q.amounts(p)
	cancel := tossCancel{
		TransactionKey: s.tossKey(), CancelReason: q.Reason, CanceledAt: tossTime(now), CancelAmount: amount, TaxFreeAmount: taxFree,
		RefundableAmount: left - amount, CancelStatus: "DONE", at: now,
	}
	waiting := p.status == tossWaiting
	p.status = tossPartialCanceled
	if amount == *p.req.Amount {
		p.status = tossCanceled
	}
	p.lastKey = cancel.TransactionKey
	p.cancels = append(slices.Clone(p.cancels), cancel)
	leg := tossLeg{payment: p, key: cancel.TransactionKey, status: p.status, at: now}
	if !waiting {
		leg.amount, leg.cancel = amount, &cancel
		p.refund(cancel.TransactionKey, amount, now)
	}
	if q.RefundTo != nil && p.method == byVirtualAccount {
		p.refundTo = &tossRefundAccount{BankCode: q.RefundTo.bank(), AccountNumber: q.RefundTo.AccountNumber, HolderName: q.RefundTo.HolderName}
	}
	s.tossLegs = append(s.tossLegs, leg)
	s.tossNotify(p)
}

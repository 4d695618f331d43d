package pgsim

import "time"

// tossObject is the Payment of version 2022-11-16. Nothing is left out: what a
// payment does not have is null.
type tossObject struct {
	MID                string              `json:"mId"`
	LastTransactionKey *string             `json:"lastTransactionKey"`
	PaymentKey         string              `json:"paymentKey"`
	OrderID            string              `json:"orderId"`
	OrderName          string              `json:"orderName"`
	TaxExemptionAmount int64               `json:"taxExemptionAmount"`
	Status             string              `json:"status"`
	RequestedAt        string              `json:"requestedAt"`
	ApprovedAt         *string             `json:"approvedAt"`
	UseEscrow          *bool               `json:"useEscrow"`
	CultureExpense     bool                `json:"cultureExpense"`
	Card               *tossCard           `json:"card"`
	VirtualAccount     *tossVirtualAccount `json:"virtualAccount"`
	Transfer           *tossTransfer       `json:"transfer"`
	MobilePhone        *struct{}           `json:"mobilePhone"`
	GiftCertificate    *struct{}           `json:"giftCertificate"`
	CashReceipt        *struct{}           `json:"cashReceipt"`
	CashReceipts       *struct{}           `json:"cashReceipts"`
	Discount           *struct{}           `json:"discount"`
	Cancels            []tossCancel        `json:"cancels"`
	Secret             *string             `json:"secret"`
	Type               string              `json:"type"`
	EasyPay            *tossEasyPay        `json:"easyPay"`
	Country            string              `json:"country"`
	Failure            *tossError          `json:"failure"`
	IsPartialCancel    bool                `json:"isPartialCancelable"`
	Receipt            *tossLink           `json:"receipt"`
	Checkout           *tossLink           `json:"checkout"`
	Currency           string              `json:"currency"`
	TotalAmount        int64               `json:"totalAmount"`
	BalanceAmount      int64               `json:"balanceAmount"`
	SuppliedAmount     int64               `json:"suppliedAmount"`
	VAT                int64               `json:"vat"`
	TaxFreeAmount      int64               `json:"taxFreeAmount"`
	Metadata           map[string]string   `json:"metadata"`
	Method             *string             `json:"method"`
	Version            string              `json:"version"`
}

type tossLink struct {
	URL string `json:"url"`
}

type tossCard struct {
	IssuerCode    string  `json:"issuerCode"`
	AcquirerCode  string  `json:"acquirerCode"`
	Number        string  `json:"number"`
	Months        int     `json:"installmentPlanMonths"`
	InterestFree  bool    `json:"isInterestFree"`
	InterestPayer *string `json:"interestPayer"`
	ApproveNo     string  `json:"approveNo"`
	UseCardPoint  bool    `json:"useCardPoint"`
	CardType      string  `json:"cardType"`
	OwnerType     string  `json:"ownerType"`
	AcquireStatus string  `json:"acquireStatus"`
	Amount        int64   `json:"amount"`
}

type tossEasyPay struct {
	Provider       string `json:"provider"`
	Amount         int64  `json:"amount"`
	DiscountAmount int64  `json:"discountAmount"`
}

type tossVirtualAccount struct {
	AccountNumber    string             `json:"accountNumber"`
	AccountType      string             `json:"accountType"`
	BankCode         string             `json:"bankCode"`
	CustomerName     string             `json:"customerName"`
	DueDate          string             `json:"dueDate"`
	Expired          bool               `json:"expired"`
	SettlementStatus string             `json:"settlementStatus"`
	RefundStatus     string             `json:"refundStatus"`
	RefundAccount    *tossRefundAccount `json:"refundReceiveAccount"`
	DepositorName    *string            `json:"depositorName"`
}

type tossTransfer struct {
	BankCode         string `json:"bankCode"`
	SettlementStatus string `json:"settlementStatus"`
}

// tossTime is ISO 8601 with the zone.
func tossTime(t time.Time) string { return t.In(korea).Format("2006-01-02T15:04:05-07:00") }

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// balance is what has not been canceled, in all and free of tax.
func (p *tossPayment) balance() (total, taxFree int64) {
	total, taxFree = *p.req.Amount, p.taxFree
	for _, c := range p.cancels {
		total -= c.CancelAmount
		taxFree -= c.TaxFreeAmount
	}
	return total, taxFree
}

// started reports whether a confirm took effect.
func (p *tossPayment) started() bool { return p.lastKey != "" }

func (p *tossPayment) object(now time.Time) tossObject {
	total, taxFree := p.balance()
	vat := eleventh(total - taxFree)
	o := tossObject{
		MID: tossMID, LastTransactionKey: orNull(p.lastKey), PaymentKey: p.key, OrderID: p.orderID, OrderName: p.req.OrderName,
		Status: p.status, RequestedAt: tossTime(p.openAt), CultureExpense: p.req.Culture, Cancels: p.cancels,
		Secret: orNull(p.secret), Type: "NORMAL", Country: "KR", Failure: p.failure, IsPartialCancel: true,
		Checkout: &tossLink{p.address("checkout")}, Currency: "KRW", TotalAmount: *p.req.Amount, BalanceAmount: total,
		SuppliedAmount: total - vat - taxFree, VAT: vat, TaxFreeAmount: taxFree, Metadata: p.req.Metadata, Version: tossVersion,
	}
	if p.started() {
		p.addMeans(&o, now)
	}
	return o
}

// addMeans adds what is known once a confirm took effect.
func (p *tossPayment) addMeans(o *tossObject, now time.Time) {
	o.UseEscrow = &p.req.UseEscrow
	o.Receipt = &tossLink{"https://dashboard.tosspayments.com/receipt/redirection?transactionId=" + p.key + "&ref=PX"}
	if !p.approvedAt.IsZero() {
		o.ApprovedAt = orNull(tossTime(p.approvedAt))
	}
	o.Method = orNull(p.methodName())
	switch p.method {
	case byCard:
		o.Card = p.cardObject()
	case byEasyPayCard:
		o.Card = p.cardObject()
		o.EasyPay = &tossEasyPay{Provider: "토스페이"}
	case byEasyPay:
		o.EasyPay = &tossEasyPay{Provider: "토스페이", Amount: *p.req.Amount}
	case byTransfer:
		o.Transfer = &tossTransfer{BankCode: "92", SettlementStatus: "INCOMPLETED"}
	case byVirtualAccount:
		o.VirtualAccount = p.accountObject(now)
	}
}

// methodName is the method in answers.
func (p *tossPayment) methodName() string {
	switch p.method {
	case byCard:
		return "카드"
	case byEasyPay, byEasyPayCard:
		return "간편결제"
	case byTransfer:
		return "계좌이체"
	case byVirtualAccount:
		return "가상계좌"
	}
	return ""
}

func (p *tossPayment) cardObject() *tossCard {
	corp := p.card.corporation()
	return &tossCard{
		IssuerCode: corp.toss, AcquirerCode: corp.toss, Number: p.card.masked(), Months: p.card.months, ApproveNo: p.card.approval,
		CardType: "신용", OwnerType: "개인", AcquireStatus: "READY", Amount: *p.req.Amount,
	}
}

func (p *tossPayment) accountObject(now time.Time) *tossVirtualAccount {
	a := &tossVirtualAccount{
		AccountNumber: p.account14, AccountType: "일반", BankCode: "20", CustomerName: p.customer(), DueDate: tossTime(p.dueDate),
		Expired: p.approvedAt.IsZero() && now.After(p.dueDate), SettlementStatus: "INCOMPLETED", RefundStatus: "NONE",
		RefundAccount: p.refundTo, DepositorName: orNull(p.payer),
	}
	if n := len(p.cancels); n > 0 && !p.approvedAt.IsZero() {
		a.RefundStatus = "PENDING"
		if now.Sub(p.cancels[n-1].at) >= 48*time.Hour { // refunds are paid out two days later
			a.RefundStatus = "COMPLETED"
		}
	}
	return a
}

func (p *tossPayment) customer() string {
	if p.req.CustomerName == "" {
		return "고객"
	}
	return p.req.CustomerName
}

func (p *tossPayment) address(leaf string) string {
	return p.base + "/toss/v1/payments/" + p.key + "/" + leaf
}

package shop

import (
	"net/url"
	"time"
)

// A VirtualAccount is an account that was opened for one payment, to transfer its amount to.
type VirtualAccount struct {
	BankCode      string
	BankName      string // the code where its name is not known
	AccountNumber string
	HolderName    *string
	DueAt         time.Time // until when the gateway takes the deposit
	DepositedAt   *time.Time
}

// tossMethods are Toss's names of ways to pay. A wallet is none of ours: what stands behind it counts.
var tossMethods = map[string]PaymentMethod{
	"카드": PaymentMethodCard, "가상계좌": PaymentMethodVirtualAccount, "계좌이체": PaymentMethodTransfer,
	"휴대폰": PaymentMethodMobilePhone,
}

// MethodOf is the way to pay that the shopper has chosen, as the gateway's record tells. It is nil
// when that is not known yet, and for ways that are none of PaymentMethods.
func MethodOf(record GatewayRecord) *PaymentMethod {
	var method PaymentMethod
	switch r := record.(type) {
	case *KakaoRecord:
		switch of(r.PaymentMethodType) {
		case "CARD":
			method = PaymentMethodCard
		case "MONEY":
			method = PaymentMethodMoney
		}
	case *TossRecord:
		method = tossMethods[of(r.Method)]
		if method == "" && r.Card != nil {
			method = PaymentMethodCard
		}
	}
	if method == "" {
		return nil
	}
	return &method
}

// VirtualAccountOf is where a deposit is awaited, or came, as the gateway's record tells; nil when
// the payment is by no such account.
func VirtualAccountOf(record GatewayRecord) *VirtualAccount {
	r, ok := record.(*TossRecord)
	if !ok || r.VirtualAccount == nil {
		return nil
	}
	account := r.VirtualAccount
	due, code := tossTime(account.DueDate), of(account.BankCode)
	if of(account.AccountNumber) == "" || due == nil {
		return nil
	}
	return &VirtualAccount{
		BankCode: code, BankName: BankName(code), AccountNumber: *account.AccountNumber, HolderName: account.CustomerName,
		DueAt: *due, DepositedAt: tossTime(r.ApprovedAt),
	}
}

// ReceiptURLOf is the gateway's own receipt page, an absolute address of the web; nil when the
// record names none.
func ReceiptURLOf(record GatewayRecord) *string {
	r, ok := record.(*TossRecord)
	if !ok || r.Receipt == nil || r.Receipt.URL == nil {
		return nil
	}
	u, err := url.Parse(*r.Receipt.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" {
		return nil
	}
	return r.Receipt.URL
}

// of is what p points at, or "".
func of(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// tossTime reads a time of Toss's, which is of Korea where no zone is written; nil when there is none.
func tossTime(text *string) *time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.ParseInLocation(layout, of(text), korea); err == nil {
			at = at.UTC()
			return &at
		}
	}
	return nil
}

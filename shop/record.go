package shop

import "time"

// A GatewayRecord is a gateway's own record of a payment, as last seen:
// *KakaoRecord or *TossRecord.
type GatewayRecord interface{ IsGatewayRecord() }

// KakaoRecord is what only Kakao Pay knows of a payment. Its times are Kakao's:
// local, in Korea, without a zone.
type KakaoRecord struct {
	Tid                   string        `json:"tid"`
	Cid                   string        `json:"cid"`
	Aid                   *string       `json:"aid,omitempty"`
	Status                string        `json:"status"`
	PartnerOrderID        string        `json:"partnerOrderId"`
	PartnerUserID         string        `json:"partnerUserId"`
	PaymentMethodType     *string       `json:"paymentMethodType,omitempty"`
	ItemName              *string       `json:"itemName,omitempty"`
	ItemCode              *string       `json:"itemCode,omitempty"`
	Quantity              *int          `json:"quantity,omitempty"`
	Amount                *KakaoAmount  `json:"amount,omitempty"`
	ApprovedCancelAmount  *KakaoAmount  `json:"approvedCancelAmount,omitempty"`
	CanceledAmount        *KakaoAmount  `json:"canceledAmount,omitempty"`
	CancelAvailableAmount *KakaoAmount  `json:"cancelAvailableAmount,omitempty"`
	Card                  *KakaoCard    `json:"card,omitempty"`
	Actions               []KakaoAction `json:"actions"`
	CreatedAt             *string       `json:"createdAt,omitempty"`
	ApprovedAt            *string       `json:"approvedAt,omitempty"`
	CanceledAt            *string       `json:"canceledAt,omitempty"`
	FetchedAt             time.Time     `json:"fetchedAt"`
}

// IsGatewayRecord marks KakaoRecord as a GatewayRecord.
func (KakaoRecord) IsGatewayRecord() {}

// KakaoAmount is a sum and its parts, as Kakao Pay splits it.
type KakaoAmount struct {
	Total        Won `json:"total"`
	TaxFree      Won `json:"taxFree"`
	VAT          Won `json:"vat"`
	Point        Won `json:"point"`
	Discount     Won `json:"discount"`
	GreenDeposit Won `json:"greenDeposit"`
}

// KakaoCard is the card behind a Kakao Pay payment.
type KakaoCard struct {
	Issuer          *string `json:"issuer,omitempty"`
	IssuerCode      *string `json:"issuerCode,omitempty"`
	Acquirer        *string `json:"acquirer,omitempty"`
	AcquirerCode    *string `json:"acquirerCode,omitempty"`
	Bin             *string `json:"bin,omitempty"`
	CardType        *string `json:"cardType,omitempty"`
	InstallMonths   *int    `json:"installMonths,omitempty"`
	InterestFree    *bool   `json:"interestFree,omitempty"`
	InstallmentType *string `json:"installmentType,omitempty"`
	ApprovalNumber  *string `json:"approvalNumber,omitempty"`
	MerchantID      *string `json:"merchantId,omitempty"`
}

// KakaoAction is a leg of a Kakao Pay payment: its capture or a cancel.
type KakaoAction struct {
	Aid            string  `json:"aid"`
	Kind           string  `json:"kind"`
	Amount         Won     `json:"amount"`
	PointAmount    Won     `json:"pointAmount"`
	DiscountAmount Won     `json:"discountAmount"`
	GreenDeposit   Won     `json:"greenDeposit"`
	ApprovedAt     string  `json:"approvedAt"`
	Payload        *string `json:"payload,omitempty"`
}

// TossRecord is what only Toss Payments knows of a payment. Its times are
// Toss's: ISO 8601 with a zone.
type TossRecord struct {
	Version             *string              `json:"version,omitempty"`
	PaymentKey          string               `json:"paymentKey"`
	Type                *string              `json:"type,omitempty"`
	OrderID             string               `json:"orderId"`
	OrderName           *string              `json:"orderName,omitempty"`
	MID                 *string              `json:"mId,omitempty"`
	Currency            *string              `json:"currency,omitempty"`
	Country             *string              `json:"country,omitempty"`
	Method              *string              `json:"method,omitempty"`
	Status              string               `json:"status"`
	TotalAmount         Won                  `json:"totalAmount"`
	BalanceAmount       *Won                 `json:"balanceAmount,omitempty"`
	SuppliedAmount      *Won                 `json:"suppliedAmount,omitempty"`
	VAT                 *Won                 `json:"vat,omitempty"`
	TaxFreeAmount       *Won                 `json:"taxFreeAmount,omitempty"`
	TaxExemptionAmount  *Won                 `json:"taxExemptionAmount,omitempty"`
	RequestedAt         *string              `json:"requestedAt,omitempty"`
	ApprovedAt          *string              `json:"approvedAt,omitempty"`
	UseEscrow           *bool                `json:"useEscrow,omitempty"`
	CultureExpense      *bool                `json:"cultureExpense,omitempty"`
	IsPartialCancelable *bool                `json:"isPartialCancelable,omitempty"`
	LastTransactionKey  *string              `json:"lastTransactionKey,omitempty"`
	Cancels             []TossCancel         `json:"cancels"`
	Card                *TossCard            `json:"card,omitempty"`
	VirtualAccount      *TossVirtualAccount  `json:"virtualAccount,omitempty"`
	Transfer            *TossTransfer        `json:"transfer,omitempty"`
	MobilePhone         *TossMobilePhone     `json:"mobilePhone,omitempty"`
	GiftCertificate     *TossGiftCertificate `json:"giftCertificate,omitempty"`
	EasyPay             *TossEasyPay         `json:"easyPay,omitempty"`
	CashReceipt         *TossCashReceipt     `json:"cashReceipt,omitempty"`
	CashReceipts        []TossCashReceipt    `json:"cashReceipts"`
	Discount            *TossDiscount        `json:"discount,omitempty"`
	Receipt             *TossReceipt         `json:"receipt,omitempty"`
	Checkout            *TossCheckout        `json:"checkout,omitempty"`
	Failure             *TossFailure         `json:"failure,omitempty"`
	FetchedAt           time.Time            `json:"fetchedAt"`
}

// IsGatewayRecord marks TossRecord as a GatewayRecord.
func (TossRecord) IsGatewayRecord() {}

// The parts of a TossRecord, named as Toss names them.
type (
	// TossCancel is one refund, whole or in part.
	TossCancel struct {
		TransactionKey        string  `json:"transactionKey"`
		CancelReason          string  `json:"cancelReason"`
		CancelAmount          Won     `json:"cancelAmount"`
		TaxFreeAmount         *Won    `json:"taxFreeAmount,omitempty"`
		TaxExemptionAmount    *Won    `json:"taxExemptionAmount,omitempty"`
		RefundableAmount      *Won    `json:"refundableAmount,omitempty"`
		EasyPayDiscountAmount *Won    `json:"easyPayDiscountAmount,omitempty"`
		CanceledAt            string  `json:"canceledAt"`
		ReceiptKey            *string `json:"receiptKey,omitempty"`
		CancelStatus          *string `json:"cancelStatus,omitempty"`
		CancelRequestID       *string `json:"cancelRequestId,omitempty"`
	}
	// TossCard is the card that paid.
	TossCard struct {
		Amount                *Won    `json:"amount,omitempty"`
		IssuerCode            *string `json:"issuerCode,omitempty"`
		AcquirerCode          *string `json:"acquirerCode,omitempty"`
		Number                *string `json:"number,omitempty"`
		InstallmentPlanMonths *int    `json:"installmentPlanMonths,omitempty"`
		ApproveNo             *string `json:"approveNo,omitempty"`
		UseCardPoint          *bool   `json:"useCardPoint,omitempty"`
		CardType              *string `json:"cardType,omitempty"`
		OwnerType             *string `json:"ownerType,omitempty"`
		AcquireStatus         *string `json:"acquireStatus,omitempty"`
		IsInterestFree        *bool   `json:"isInterestFree,omitempty"`
		InterestPayer         *string `json:"interestPayer,omitempty"`
	}
	// TossRefundReceiveAccount is where a refunded virtual account pays out.
	TossRefundReceiveAccount struct {
		BankCode      *string `json:"bankCode,omitempty"`
		AccountNumber *string `json:"accountNumber,omitempty"`
		HolderName    *string `json:"holderName,omitempty"`
	}
	// TossVirtualAccount is the account the shopper transfers to.
	TossVirtualAccount struct {
		AccountType          *string                   `json:"accountType,omitempty"`
		AccountNumber        *string                   `json:"accountNumber,omitempty"`
		BankCode             *string                   `json:"bankCode,omitempty"`
		CustomerName         *string                   `json:"customerName,omitempty"`
		DepositorName        *string                   `json:"depositorName,omitempty"`
		DueDate              *string                   `json:"dueDate,omitempty"`
		RefundStatus         *string                   `json:"refundStatus,omitempty"`
		Expired              *bool                     `json:"expired,omitempty"`
		SettlementStatus     *string                   `json:"settlementStatus,omitempty"`
		RefundReceiveAccount *TossRefundReceiveAccount `json:"refundReceiveAccount,omitempty"`
	}
	// TossTransfer is a bank transfer.
	TossTransfer struct {
		BankCode         *string `json:"bankCode,omitempty"`
		SettlementStatus *string `json:"settlementStatus,omitempty"`
	}
	// TossMobilePhone is a payment on the phone bill.
	TossMobilePhone struct {
		CustomerMobilePhone *string `json:"customerMobilePhone,omitempty"`
		SettlementStatus    *string `json:"settlementStatus,omitempty"`
		ReceiptURL          *string `json:"receiptUrl,omitempty"`
	}
	// TossGiftCertificate is a gift certificate.
	TossGiftCertificate struct {
		ApproveNo        *string `json:"approveNo,omitempty"`
		SettlementStatus *string `json:"settlementStatus,omitempty"`
	}
	// TossEasyPay is a wallet.
	TossEasyPay struct {
		Provider       *string `json:"provider,omitempty"`
		Amount         *Won    `json:"amount,omitempty"`
		DiscountAmount *Won    `json:"discountAmount,omitempty"`
	}
	// TossCashReceipt is the receipt of a payment in cash.
	TossCashReceipt struct {
		Type          *string `json:"type,omitempty"`
		ReceiptKey    *string `json:"receiptKey,omitempty"`
		IssueNumber   *string `json:"issueNumber,omitempty"`
		ReceiptURL    *string `json:"receiptUrl,omitempty"`
		Amount        *Won    `json:"amount,omitempty"`
		TaxFreeAmount *Won    `json:"taxFreeAmount,omitempty"`
	}
	// TossDiscount is a card company's promotion.
	TossDiscount struct {
		Amount *Won `json:"amount,omitempty"`
	}
	// TossReceipt links to the sales slip.
	TossReceipt struct {
		URL *string `json:"url,omitempty"`
	}
	// TossCheckout links to the payment window.
	TossCheckout struct {
		URL *string `json:"url,omitempty"`
	}
	// TossFailure is a failure in Toss's words; both parts may be missing.
	TossFailure struct {
		Code    *string `json:"code,omitempty"`
		Message *string `json:"message,omitempty"`
	}
)

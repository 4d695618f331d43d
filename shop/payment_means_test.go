package shop_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/shop"
)

func TestMethodOf(t *testing.T) {
	t.Parallel()
	kakao := func(method string) shop.GatewayRecord { return &shop.KakaoRecord{PaymentMethodType: &method} }
	toss := func(method string, card *shop.TossCard) shop.GatewayRecord {
		return &shop.TossRecord{Method: &method, Card: card}
	}
	for _, test := range []struct {
		name   string
		record shop.GatewayRecord
		want   shop.PaymentMethod // "" for nil
	}{
		{"no record", nil, ""},
		{"Kakao Pay before the choice", &shop.KakaoRecord{}, ""},
		{"a card at Kakao Pay", kakao("CARD"), shop.PaymentMethodCard},
		{"money at Kakao Pay", kakao("MONEY"), shop.PaymentMethodMoney},
		{"what Kakao Pay has never heard of", kakao("GOLD"), ""},
		{"Toss before the choice", &shop.TossRecord{}, ""},
		{"a card at Toss", toss("카드", &shop.TossCard{}), shop.PaymentMethodCard},
		{"a virtual account", toss("가상계좌", nil), shop.PaymentMethodVirtualAccount},
		{"a transfer", toss("계좌이체", nil), shop.PaymentMethodTransfer},
		{"a telephone bill", toss("휴대폰", nil), shop.PaymentMethodMobilePhone},
		{"a wallet with a card", toss("간편결제", &shop.TossCard{}), shop.PaymentMethodCard},
		{"a wallet with money of its own", toss("간편결제", nil), ""},
		{"a gift certificate", toss("문화상품권", nil), ""},
	} {
		got := shop.MethodOf(test.record)
		if (got == nil) != (test.want == "") || got != nil && *got != test.want {
			t.Errorf("%s: the method is %v, want %q", test.name, got, test.want)
		}
	}
}

func TestVirtualAccountOf(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	account := shop.TossVirtualAccount{
		AccountNumber: text("X6505636518308"), BankCode: text("088"), CustomerName: text("김차"), DueDate: text("2026-12-07T11:27:00+09:00"),
	}
	record := shop.TossRecord{VirtualAccount: &account}
	due := time.Date(2026, 12, 7, 2, 27, 0, 0, time.UTC)
	want := &shop.VirtualAccount{
		BankCode: "088", BankName: "신한은행", AccountNumber: "X6505636518308", HolderName: text("김차"), DueAt: due,
	}
	if diff := cmp.Diff(want, shop.VirtualAccountOf(&record)); diff != "" {
		t.Errorf("an account that waits differs (-want +got):\n%s", diff)
	}
	account.DueDate, account.BankCode, record.ApprovedAt = text("2026-12-07T11:27:00"), text("99"), text("2026-12-01T09:00:00+09:00")
	paid := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	want.BankCode, want.BankName, want.DepositedAt = "99", "99", &paid
	if diff := cmp.Diff(want, shop.VirtualAccountOf(&record)); diff != "" {
		t.Errorf("an account that was paid into differs (-want +got):\n%s", diff)
	}
	for name, broken := range map[string]shop.GatewayRecord{
		"no record": nil, "Kakao Pay": &shop.KakaoRecord{}, "a card": &shop.TossRecord{Card: &shop.TossCard{}},
		"no number":   &shop.TossRecord{VirtualAccount: &shop.TossVirtualAccount{DueDate: account.DueDate}},
		"no due time": &shop.TossRecord{VirtualAccount: &shop.TossVirtualAccount{AccountNumber: text("1"), DueDate: text("soon")}},
	} {
		if got := shop.VirtualAccountOf(broken); got != nil {
			t.Errorf("%s has the account %v", name, got)
		}
	}
}

func TestReceiptURLOf(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"https://dashboard.tosspayments.com/receipt/redirection?transactionId=x&ref=PX": true, "javascript:alert(1)": false,
		"//evil.example/": false, "https:evil": false, "": false, "data:text/html,hi": false,
	} {
		got := shop.ReceiptURLOf(&shop.TossRecord{Receipt: &shop.TossReceipt{URL: &url}})
		if (got != nil) != want || got != nil && *got != url {
			t.Errorf("the receipt %q is told as %v", url, got)
		}
	}
	if got := shop.ReceiptURLOf(&shop.KakaoRecord{}); got != nil {
		t.Errorf("Kakao Pay has the receipt %v", got)
	}
}

func TestPayment_RefundBlock(t *testing.T) {
	t.Parallel()
	paid := func(status shop.PaymentStatus, captured, refunded shop.Won, refunds ...shop.Refund) *shop.Payment {
		return &shop.Payment{
			Status: status, PG: shop.PGToss, AttemptID: "att_1", CapturedAmount: captured, RefundedAmount: refunded, Refunds: refunds,
			Attempts: []shop.PaymentAttempt{{ID: "att_1", PG: shop.PGToss, CapturedAmount: captured, RefundedAmount: refunded}},
		}
	}
	late := paid(shop.PaymentStatusExpired, 0, 0)
	late.Attempts[0].CapturedAmount = 1000
	account, due := "1234567890", "2026-12-07T11:27:00+09:00"
	virtual := &shop.TossRecord{VirtualAccount: &shop.TossVirtualAccount{AccountNumber: &account, DueDate: &due}}
	for _, test := range []struct {
		name    string
		payment *shop.Payment
		record  shop.GatewayRecord
		block   string
		account bool
	}{
		{"not paid", paid(shop.PaymentStatusReady, 0, 0), nil, "The payment holds no money.", false},
		{"a deposit is awaited", paid(shop.PaymentStatusWaitingForDeposit, 0, 0), virtual, "The payment holds no money.", false},
		{"paid by card", paid(shop.PaymentStatusApproved, 1000, 0), &shop.TossRecord{}, "", false},
		{"a deposit came", paid(shop.PaymentStatusApproved, 1000, 0), virtual, "", true},
		{"part is back", paid(shop.PaymentStatusPartiallyCanceled, 1000, 400), virtual, "", true},
		{"all is back", paid(shop.PaymentStatusCanceled, 1000, 1000), virtual, "All of it was refunded.", false},
		{"the outcome is not known", paid(shop.PaymentStatusUnknown, 1000, 0), &shop.TossRecord{}, "The gateway is being asked about this payment.", false},
		{
			"a refund is under way", paid(shop.PaymentStatusCanceling, 1000, 0, shop.Refund{AttemptID: "att_1", Status: shop.RefundStatusRequested}),
			&shop.TossRecord{}, "Another refund of this payment is under way.", false,
		},
		{"a deposit came late", late, nil, "", true},
	} {
		block := ""
		if got := test.payment.RefundBlock(); got != nil {
			block = *got
		}
		if account := test.payment.RefundNeedsAccount(test.record); block != test.block || account != test.account {
			t.Errorf("%s: blocked by %q and needs an account: %v; want %q, %v", test.name, block, account, test.block, test.account)
		}
	}
}

package webtest_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestShop_CancelAndRefund cancels orders, and gets back what was paid.
func TestShop_CancelAndRefund(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	show := func(t *testing.T, pg, method string) *till {
		t.Helper()
		b := d.begin(t, 11_000, 10).open(pg, method)
		return b
	}
	t.Run("unpaid", func(t *testing.T) {
		t.Parallel()
		b := show(t, "KAKAO", "CARD")
		b.page.visit("/orders/" + b.placed)
		b.page.click("button", "주문 취소")
		b.page.sees("결제된 금액은 없어요.")
		b.page.click("button", "그대로 두기")
		b.page.gone("dialog", "")
		b.page.click("button", "주문 취소")
		b.page.click("button", "주문 취소하기")
		b.page.sees("취소한 주문이에요")
		b.wantBack(0)
	})
	t.Run("paid by card", func(t *testing.T) {
		t.Parallel()
		b := show(t, "TOSS", "CARD")
		b.act("pay_card")()
		b.page.visit("/orders/" + b.placed)
		b.page.click("button", "주문 취소")
		b.page.sees("결제한 11,000원을 모두 환불하고 주문을 취소할까요?")
		at := b.page.place("button", "11,000원 환불하고 취소")
		b.page.clickAt(at, 1)
		b.page.clickAt(at, 2)
		b.page.sees("11,000원을 환불했어요")
		b.wantBack(1)
	})
	t.Run("paid into a virtual account", func(t *testing.T) {
		t.Parallel()
		b := show(t, "TOSS", "VIRTUAL_ACCOUNT")
		b.act("pay_virtual_account")()
		d.simulate(t, http.MethodPost, "/sim/shopper", object{"pg": "TOSS", "paymentKey": b.key, "act": "deposit"})
		b.page.visit("/orders/" + b.placed)
		b.page.sees("결제가 끝났어요")
		b.page.click("button", "주문 취소")
		b.page.click("button", "11,000원 환불하고 취소")
		b.page.sees("은행을 골라 주세요.", "계좌번호를 숫자 6–20자리로 넣어 주세요.", "예금주 이름을 60자 안으로 넣어 주세요.")
		b.page.pick("은행", "우리")
		b.page.fill("textbox", "계좌번호", "1002")
		b.page.fill("textbox", "예금주", "홍길동")
		b.page.click("button", "11,000원 환불하고 취소")
		b.page.sees("계좌번호를 숫자 6–20자리로 넣어 주세요.")
		b.page.fill("textbox", "계좌번호", "1002123456789")
		refused := "결제사가 이 계좌로는 환불하지 못했어요. 은행과 계좌번호, 예금주를 확인해 주세요."
		heal := d.strike(t, b.key, object{
			"pg": "TOSS", "call": "cancel", "fault": "http_error", "status": http.StatusBadRequest,
			"body": `{"code": "INVALID_REFUND_ACCOUNT_INFO", "message": "환불 계좌번호와 예금주명이 일치하지 않습니다."}`,
		})
		b.page.click("button", "11,000원 환불하고 취소")
		b.page.sees(refused)
		if got := b.page.find("textbox", "계좌번호").description; !strings.Contains(got, refused) {
			t.Errorf("the field is described as %q", got)
		}
		heal()
		b.page.click("button", "11,000원 환불하고 취소")
		b.page.sees("11,000원을 환불했어요")
		b.wantBack(1)
	})
}

// wantBack wants the order to be canceled, the product to be back, and no money to be kept of what was taken
// so many times.
func (b *till) wantBack(taken int) {
	b.page.t.Helper()
	order := b.shopper.orders()[0]
	if order.text("status") != "CANCELED" {
		b.page.t.Errorf("the order is %v", order)
	}
	if got := b.shopper.stock(b.product); got != "10" {
		b.page.t.Errorf("%s are left, want 10", got)
	}
	if sum := b.shopper.captured(taken); sum != 0 {
		b.page.t.Errorf("%d won were kept", sum)
	}
}

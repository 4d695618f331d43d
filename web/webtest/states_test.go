package webtest_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// faults are those that strike the simulators of the shared dev, each a payment of one test.
var faults struct {
	sync.Mutex

	struck []object
}

// strike has the calls of a payment to its gateway go wrong until heal is called.
func (p *program) strike(t *testing.T, key string, struck ...object) (heal func()) {
	t.Helper()
	for _, fault := range struck {
		fault["paymentKey"] = key
	}
	change := func(f func()) {
		faults.Lock()
		defer faults.Unlock()
		f()
		p.simulate(t, "PUT", "/sim/faults", append([]object{}, faults.struck...))
	}
	change(func() { faults.struck = append(faults.struck, struck...) })
	return sync.OnceFunc(func() {
		change(func() {
			faults.struck = slices.DeleteFunc(faults.struck, func(f object) bool { return f["paymentKey"] == key })
		})
	})
}

// A till is a payment that a test moves through its states, beside the page that shows it.
type till struct {
	*purchase

	placed, opened string // ids of the order and of the payment
	pg, key        string // the gateway, and what it calls the payment
}

// open orders the product and opens a payment for it.
func (b *purchase) open(pg, method string) *till {
	b.page.t.Helper()
	opened := &till{purchase: b, pg: pg, placed: b.shopper.order(b.product, b.pieces)}
	answer := b.shopper.do(`mutation($input: ReadyPaymentInput!) { readyPayment(input: $input) { payment { id paymentKey } } }`,
		object{"input": object{
			"idempotencyKey": uuid.NewString(), "orderId": opened.placed, "pg": pg, "method": method,
			"returnUrl": "/orders/" + opened.placed + "/paid",
		}})
	opened.opened, opened.key = answer.text("readyPayment", "payment", "id"), answer.text("readyPayment", "payment", "paymentKey")
	return opened
}

// ready orders a new product and opens a payment for it, and shows it.
func (p *program) ready(t *testing.T, pg, method string) *till {
	t.Helper()
	b := p.begin(t, 11_000, 10).open(pg, method)
	b.page.visit("/orders/" + b.placed + "/paid")
	b.page.sees("아직 결제하지 않았어요")
	return b
}

// act does at the gateway what the shopper would, and comes back as the browser does, in the background.
func (b *till) act(what string) (back func()) {
	b.page.t.Helper()
	answer := b.page.program.simulate(b.page.t, "POST", "/sim/shopper", object{"pg": b.pg, "paymentKey": b.key, "act": what})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if response, err := b.shopper.http.Get(answer.text("redirectUrl")); err == nil {
			response.Body.Close()
		}
	}()
	return func() { <-done }
}

const cancelPayment = `mutation($input: CancelPaymentInput!) { cancelPayment(input: $input) { payment { status } } }`

// refund gives money back in the background; all of what is left, if the amount is 0.
func (b *till) refund(amount int) (done func()) {
	input := object{"idempotencyKey": uuid.NewString(), "paymentId": b.opened, "reason": "변심"}
	if amount > 0 {
		input["amount"] = amount
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.shopper.try(cancelPayment, object{"input": input})
	}()
	return func() { <-ended }
}

// offersToPay reports whether the page has a button that pays.
func (b *till) offersToPay() bool {
	return b.page.has("button", "결제하기") || b.page.has("button", "이어서 하기")
}

// TestShop_EveryPaymentState shows a payment in each of its states, as it gets there, without a reload.
func TestShop_EveryPaymentState(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	each := func(name string, show func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			show(t)
		})
	}
	each("approving, approved, canceling, partly and wholly refunded", func(t *testing.T) {
		b := d.ready(t, "TOSS", "CARD")
		stays := b.page.marked()
		b.page.sees("안에 결제해 주세요.")
		b.page.find("button", "11,000원 결제하기")
		heal := d.strike(t, b.key, object{"pg": "TOSS", "call": "approve", "fault": "slow", "delayMs": 6000},
			object{"pg": "TOSS", "call": "cancel", "fault": "slow", "delayMs": 6000})
		back := b.act("pay_card")
		b.page.sees("결제를 승인하고 있어요", "이 화면을 닫아도 괜찮아요.")
		if b.offersToPay() {
			t.Error("while it is approved it can be paid again")
		}
		b.page.sees("결제가 끝났어요", "11,000원")
		back()
		refunded := b.refund(4_000)
		b.page.sees("환불하고 있어요")
		if b.offersToPay() {
			t.Error("while it is refunded it can be paid again")
		}
		refunded()
		b.page.sees("4,000원을 환불했어요", "남은 결제 금액은 7,000원이에요.", "카드는 영업일 3–7일 안에")
		heal()
		b.refund(0)()
		b.page.sees("11,000원을 환불했어요")
		stays()
	})
	each("the gateway never answers", func(t *testing.T) {
		b := d.ready(t, "KAKAO", "CARD")
		stays := b.page.marked()
		heal := d.strike(t, b.key, object{"pg": "KAKAO", "call": "approve", "fault": "hang_after"},
			object{"pg": "KAKAO", "call": "lookup", "fault": "drop_before"})
		b.act("pay_card")()
		b.page.sees("결제사의 답을 기다리고 있어요", "다시 결제하지 마세요.", "반영할 수 없으면 자동으로 환불돼요.")
		again := b.page.another()
		again.visit("/orders/" + b.placed)
		again.sees("다시 결제하지 마세요.")
		if b.offersToPay() || again.has("button", "결제하기") {
			t.Error("what is not known can be paid again")
		}
		heal()
		b.page.sees("결제가 끝났어요")
		again.sees("결제가 끝났어요")
		stays()
		if sum := b.shopper.captured(1); sum != 11_000 {
			t.Errorf("%d won were taken", sum)
		}
	})
	each("refused, and paid otherwise", func(t *testing.T) {
		b := d.ready(t, "KAKAO", "CARD")
		b.act("quit")()
		b.page.sees("결제하지 못했어요", "까지 잡아 둘게요.")
		b.page.choose("토스페이먼츠 카드")
		b.page.click("button", "11,000원 다시 결제하기")
		b.atGateway()
		b.payAtGateway("4000000000000002", "카드로 결제")
		b.page.arrives("/orders/")
		b.page.sees("결제하지 못했어요", "결제사의 답:")
		if sum := b.shopper.captured(0); sum != 0 {
			t.Errorf("%d won were taken", sum)
		}
	})
	each("money that comes late", func(t *testing.T) {
		b := d.ready(t, "TOSS", "VIRTUAL_ACCOUNT")
		b.act("pay_virtual_account")()
		b.page.visit("/orders/" + b.placed)
		b.page.sees("입금을 기다리고 있어요")
		stays := b.page.marked()
		heal := d.strike(t, b.key, object{"pg": "TOSS", "call": "cancel", "fault": "drop_before"})
		b.shopper.do(`mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { order { status } } }`, object{"input": object{
			"idempotencyKey": uuid.NewString(), "orderId": b.placed,
		}})
		b.page.sees("취소한 주문이에요", "결제된 금액은 없어요.")
		d.simulate(t, "POST", "/sim/shopper", object{"pg": "TOSS", "paymentKey": b.key, "act": "deposit"})
		heal()
		b.page.click("button", "환불받기")
		b.page.find("dialog", "어디로 돌려드릴까요?")
		b.page.pick("은행", "우리")
		b.page.fill("textbox", "계좌번호", "1002123456789")
		b.page.fill("textbox", "예금주", "홍길동")
		b.page.click("button", "11,000원 환불받기")
		b.page.sees("주문이 끝난 뒤 결제돼서 11,000원을 환불했어요")
		stays()
		if sum := b.shopper.captured(1); sum != 0 {
			t.Errorf("%d won were kept", sum)
		}
	})
}

package webtest_test

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// TestWeb_KeyboardAlone buys without a mouse, sees where the focus is all the time, and never loses it.
func TestWeb_KeyboardAlone(t *testing.T) {
	t.Parallel()
	b := sharedDev(t).begin(t, 13_000, 10)
	p := b.page
	p.visit("/products/" + b.product)
	p.find("button", "담기")
	p.tabTo("link", "본문으로 건너뛰기")
	p.press(kb.Enter)
	p.tabTo("button", "담기")
	p.press(kb.Enter)
	p.sees("장바구니에 담았어요.")
	p.tabTo("link", "장바구니")
	p.press(kb.Enter)
	p.arrives("/cart")
	p.find("button", "13,000원 주문하기")
	p.beginsAt("장바구니")
	p.tabTo("button", "13,000원 주문하기")
	p.press(kb.Enter)
	p.arrives("/checkout")
	p.find("checkbox", "동의해요")
	p.beginsAt("주문하기")
	p.tabTo("checkbox", "동의해요")
	p.press(" ")
	p.tabTo("button", "13,000원 결제하기")
	p.press(kb.Enter)
	b.atGateway()
	p.tabTo("button", "결제")
	p.press(kb.Enter)
	b.paid()
	p.tabTo("link", "주문 보기")
	p.press(kb.Enter)
	p.find("button", "주문 취소")
	p.tabTo("button", "주문 취소")
	p.press(kb.Enter)
	p.find("dialog", "주문을 취소할까요?")
	p.press(kb.Escape)
	p.gone("dialog", "주문을 취소할까요?")
	if !p.isFocused("button", "주문 취소") {
		t.Error("after the dialog the focus is not where it was")
	}
	p.tabTo("searchbox", "상품 검색")
	p.enter(b.name)
	p.press(kb.Enter)
	p.sees("‘" + b.name + "’ 검색 결과")
}

// beginsAt waits until a new screen has put the focus on its heading, where the keyboard goes on.
func (p *page) beginsAt(heading string) {
	p.t.Helper()
	p.until("the focus is on the heading "+heading, func() bool { return p.isFocused("heading", heading) })
}

// tabTo presses Tab until an element has the focus. On the way the focus must be seen, and not be covered.
func (p *page) tabTo(role, name string) {
	p.t.Helper()
	for range 120 {
		p.press(kb.Tab)
		if lost := eval[string](p, focusLost); lost != "" {
			p.t.Errorf("at %s the focus cannot be seen: %s", p.path(), lost)
		}
		if p.isFocused(role, name) {
			return
		}
	}
	p.t.Fatalf("Tab does not lead to the %s %s", role, name)
}

func (p *page) isFocused(role, name string) bool {
	p.t.Helper()
	for _, e := range p.elements(role, name) {
		if string(p.on(e, `function() { return document.activeElement === this }`)) == "true" {
			return true
		}
	}
	return false
}

// focusLost tells what has the focus and does not show it; empty when it does.
const focusLost = `(() => {
	const e = document.activeElement;
	if (!e || e === document.body || e === document.documentElement) return '';
	const shows = x => { const s = getComputedStyle(x); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none' };
	const around = [e, e.closest('label'), e.parentElement, e.parentElement?.parentElement].filter(Boolean);
	const what = e.tagName + ' ' + (e.getAttribute('aria-label') ?? e.textContent).trim().slice(0, 40);
	if (!around.some(shows)) return 'nothing marks ' + what;
	const r = (e.closest('label') ?? e).getBoundingClientRect();
	if (r.bottom <= 0 || r.top >= innerHeight) return 'not in the window: ' + what;
	const hit = document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2);
	if (hit && !around.some(x => x.contains(hit)) && !hit.contains(e)) return 'covered: ' + what + ' by ' + hit.className;
	return '';
})()`

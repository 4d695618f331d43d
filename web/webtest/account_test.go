package webtest_test

import (
	"fmt"
	"net/url"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
)

// ahead moves the browser's clock, as pages see it.
const ahead = `(() => { const now = Date.now; Date.now = () => now() + (window.ahead ?? 0) })()`

// TestShop_SignUpByMailedCode opens an account by the code in a mail, after everything that goes wrong on the way.
func TestShop_SignUpByMailedCode(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	p := d.open(t)
	p.atStart(ahead)
	email := newEmail()
	p.visit("/sign-up?next=" + url.QueryEscape("/cart"))
	p.fill("textbox", "이메일", "nobody")
	p.click("button", "인증 번호 받기")
	p.sees("이메일 주소가 맞는지 확인해 주세요.")
	p.fill("textbox", "이메일", email)
	p.click("button", "인증 번호 받기")
	p.sees(email + " 주소로 인증 번호를 보냈어요.")
	code := d.mailedCode(t, email, 1)

	t.Log("five wrong codes")
	for left := 4; left >= 0; left-- {
		p.fill("textbox", "인증 번호 6자리", otherThan(code, 5-left))
		want := fmt.Sprintf("번호가 맞지 않아요. %d번 더 넣어 볼 수 있어요.", left)
		if left == 0 {
			want = "번호가 다섯 번 맞지 않아 더 쓸 수 없어요. 새 번호를 받아 주세요."
		}
		p.sees(want)
	}

	t.Log("another code, which expires")
	p.find("button", "초 뒤)")
	p.eval("window.ahead = 61_000")
	p.gone("button", "초 뒤)") // until then, the button's name begins the same, and it does nothing
	p.click("button", "다시 보내기")
	p.sees("새 번호를 보냈어요.")
	d.mailedCode(t, email, 2)
	p.eval("window.ahead = 3_600_000")
	p.sees("인증 번호의 시간이 지났어요. 새 번호를 받아 주세요.")
	p.gone("button", "초 뒤)")
	p.click("button", "다시 보내기")
	code = d.mailedCode(t, email, 3)
	p.eval("window.ahead = 0")

	t.Log("the right one, pasted")
	p.focus("textbox", "인증 번호 6자리")
	p.enter(code)
	p.sees(email + " 주소를 확인했어요.")
	p.fill("textbox", "비밀번호", "1234")
	p.click("button", "가입하기")
	p.sees("비밀번호를 8자 이상으로 정해 주세요.")
	p.fill("textbox", "비밀번호", password)
	p.click("button", "가입하기")
	p.arrives("/cart")
	p.find("link", "내 계정")

	t.Log("an address that is taken looks the same")
	p = d.open(t)
	p.visit("/sign-up")
	p.fill("textbox", "이메일", email)
	p.click("button", "인증 번호 받기")
	p.sees(email + " 주소로 인증 번호를 보냈어요.")
	p.find("textbox", "인증 번호 6자리")
}

// otherThan is the nth other code of six digits.
func otherThan(code string, nth int) string {
	n, _ := strconv.Atoi(code)
	return fmt.Sprintf("%06d", (n+nth)%1_000_000)
}

// eval runs code in the page.
func (p *page) eval(code string) {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](code))
}

// TestShop_TooManyCodes asks for more codes than anybody needs, and is told when to ask again.
func TestShop_TooManyCodes(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	email := newEmail()
	for range 5 {
		d.stranger(t).do(askForCode, object{"input": object{"email": email}})
	}
	p := d.open(t)
	p.visit("/sign-up")
	p.fill("textbox", "이메일", email)
	p.click("button", "인증 번호 받기")
	p.sees("너무 여러 번 시도했어요.", "초 뒤에 다시 할 수 있어요.")
	told := p.text()
	p.until("the seconds run", func() bool { return p.text() != told })
	if got := p.value("textbox", "이메일"); got != email {
		t.Errorf("the field holds %q", got)
	}
}

package webtest_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestShop_BrowseSearchSortShare looks through a long list, and finds its way back.
func TestShop_BrowseSearchSortShare(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	operator := d.operator(t)
	word := "둘레" + uuid.NewString()[:6]
	var cheapestFirst []string
	for i := range 41 {
		name := fmt.Sprintf("%s 차 %02d호", word, i)
		operator.product(name, 41_000-1000*i, map[bool]int{true: 0, false: i + 1}[i == 7])
		cheapestFirst = append(cheapestFirst, name)
	}
	slices.Reverse(cheapestFirst)
	p := d.open(t)
	shown := func() (names []string) {
		for _, name := range p.names("link") {
			if i := strings.Index(name, word); i >= 0 {
				names = append(names, name[i:i+len(cheapestFirst[0])])
			}
		}
		return names
	}
	wants := func(what string, want []string) {
		t.Helper()
		p.until(what, func() bool { return len(shown()) >= len(want) })
		if diff := cmp.Diff(want, shown()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}

	p.visit("/")
	p.fill("searchbox", "상품 검색", word)
	p.sees("‘" + word + "’ 검색 결과")
	p.pick("정렬", "낮은 가격 순")
	p.until("the address has the search", func() bool { return p.query("q") == word && p.query("sort") == "PRICE_ASC" })
	wants("the first page", cheapestFirst[:24])
	p.click("button", "더 보기")
	wants("all of them, each once", cheapestFirst)
	p.gone("button", "더 보기")
	p.sees("품절", "1개 남음", "5개 남음")
	p.lacks("6개 남음")

	t.Log("a way into a product, and back")
	depth := func() float64 { return eval[float64](p, "scrollY") }
	p.click("link", cheapestFirst[30])
	p.arrives("/products/prd_")
	p.find("heading", cheapestFirst[30])
	p.do(chromedp.NavigateBack())
	wants("as far as before, after going back", cheapestFirst)
	p.until("scrolled to where it was", func() bool { return depth() > 300 })
	before := depth()
	p.do(chromedp.Reload())
	wants("as far as before, after a reload", cheapestFirst)
	p.until("scrolled to where it was", func() bool { return math.Abs(depth()-before) < 50 })

	t.Log("the address, sent to somebody else")
	address := p.path()
	p = d.open(t)
	p.visit(address)
	wants("the same list from its beginning", cheapestFirst[:24])
	if got := p.value("searchbox", "상품 검색"); got != word {
		t.Errorf("the search holds %q", got)
	}

	t.Log("a word in the middle of a name")
	p.fill("searchbox", "상품 검색", "녹차")
	p.sees("‘녹차’ 검색 결과")
	p.find("link", "보성 세작 녹차 80g")

	t.Log("nothing is found")
	for _, nothing := range []string{"없는 상품 이름", `%_'"<b>`, "🍵🍵🍵"} {
		p.fill("searchbox", "상품 검색", nothing)
		p.sees("‘" + nothing + "’에 맞는 상품이 없어요")
		if got := p.value("searchbox", "상품 검색"); got != nothing {
			t.Errorf("the search holds %q, want %q", got, nothing)
		}
	}
	p.click("link", "전체 보기")
	p.gone("link", "전체 보기")
	p.find("heading", "모든 상품")
}

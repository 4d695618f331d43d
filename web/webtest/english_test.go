package webtest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var hangul = regexp.MustCompile(`\p{Hangul}`)

// TestShop_English reads every screen in English: what is in Korean then is data, and nothing else.
func TestShop_English(t *testing.T) {
	t.Parallel()
	t.Run("no dictionary has words of another", func(t *testing.T) {
		t.Parallel()
		files, err := filepath.Glob("../app/src/words/en/*.ts")
		if err != nil || len(files) == 0 {
			t.Fatalf("%d dictionaries, error %v", len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if found := hangul.FindIndex(text); found != nil {
				t.Errorf("%s has Korean words: %.40s", file, text[found[0]:])
			}
		}
	})
	t.Run("every screen", func(t *testing.T) {
		t.Parallel()
		e := sharedDev(t).exhibit(t)
		p, data := e.page, dataOf(t, e.page.program)
		p.visit("/")
		p.find("button", "더 보기") // tiles that appear push the footer away from under a click
		p.click("button", "English")
		p.find("heading", "All products")
		if lang := eval[string](p, "document.documentElement.lang"); lang != "en" {
			t.Errorf("the page is in %q", lang)
		}
		for _, one := range e.screens() {
			p.turn(one.path)
			p.until("it is there", func() bool { return p.path() == one.path })
			p.find("button", "English")
			p.until("it is loaded", func() bool { return !eval[bool](p, "document.querySelector('[aria-busy=true]') !== null") })
			for _, words := range eval[[]string](p, spoken) {
				isData := slices.ContainsFunc(data, func(known string) bool { return strings.Contains(words, known) })
				if hangul.MatchString(words) && !isData {
					t.Errorf("%s says %q", one.name, words)
				}
			}
		}
		p.forgive("prd_00000000000000000000000000", "ord_00000000000000000000000000")
		p.resize(360, 740)
		p.turn(of(e.waiting))
		p.find("button", "Copy the account number")
		if lines := eval[int](p, accountLines); lines != 1 {
			t.Errorf("on a phone the number of the account takes %d lines", lines)
		}
	})
}

// accountLines is how many lines the number of a virtual account takes.
const accountLines = `(() => {
	const range = document.createRange();
	range.selectNodeContents([...document.querySelectorAll('dd')].find(e => /^\d{10,}$/.test(e.textContent.trim())));
	return new Set([...range.getClientRects()].map(r => r.top)).size;
})()`

// dataOf is what stays Korean in English.
func dataOf(t *testing.T, d *program) (texts []string) {
	t.Helper()
	told := d.stranger(t).do(`{ shop { name notices } products(first: 100) { nodes { name description category } } }`, nil)
	texts = append(texts, told.text("shop", "name"), "한국어", "시험 상품", "우리은행", "고객", "변심", "없는 상품")
	for _, notice := range told.at("shop", "notices").([]any) {
		texts = append(texts, notice.(string))
	}
	for _, product := range told.list("products", "nodes") {
		for _, field := range []string{"name", "description", "category"} {
			if text := product.text(field); hangul.MatchString(text) {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// spoken is all that a page says to the eye and to the ear.
const spoken = `(() => {
	const said = [document.title];
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) if (!walker.currentNode.parentElement.closest('script, noscript')) said.push(walker.currentNode.data);
	for (const e of document.querySelectorAll('body *')) for (const name of ['aria-label', 'placeholder', 'title', 'alt']) {
		const text = e.getAttribute(name); if (text) said.push(text);
	}
	return said.map(s => s.trim()).filter(Boolean);
})()`

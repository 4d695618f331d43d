package webtest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A look is a window and a theme.
type look struct {
	width, height int64
	theme         string
}

// looks are in an order in which little changes from one to the next.
var looks = []look{{1280, 800, "light"}, {1280, 800, "dark"}, {360, 740, "dark"}, {360, 740, "light"}}

func (l look) String() string { return fmt.Sprintf("%d-%s", l.width, l.theme) }

// A tour is through screens, in every look. Several tests share what was seen on it.
type tour struct {
	screens func(*exhibition) []screen

	sync.Mutex

	seen *sights
}

// Sights are what somebody saw on a tour.
type sights struct {
	screens, rules int
	barriers       []string // for people with disabilities
	misfits        []string // what sticks out, or is cut off
}

// tours go through every screen. Whoever shares them begins with another one, so that nobody waits for long.
var tours = []*tour{{screens: (*exhibition).screens}, {screens: (*exhibition).corners}}

// goAround returns what was seen on a tour. The first who wants to know goes.
func (r *tour) goAround(t *testing.T) *sights {
	t.Helper()
	r.Lock()
	defer r.Unlock()
	if r.seen == nil {
		e := sharedDev(t).exhibit(t)
		e.page.forgive("prd_00000000000000000000000000", "ord_00000000000000000000000000", "/unknown")
		e.page.atStart(motionless)
		screens := r.screens(e)
		seen := &sights{screens: len(screens)}
		for _, one := range screens {
			one.show(e.page)
			seen.look(e.page, one.name)
			if one.leave != nil {
				one.leave(e.page)
			}
		}
		r.seen = seen
	}
	return r.seen
}

// show opens the screen in its state.
func (s screen) show(p *page) {
	p.t.Helper()
	p.resize(1280, 800)
	p.prefer("light")
	if s.path != "" {
		p.turn(s.path)
		p.sees(s.says)
	}
	if s.prepare != nil {
		s.prepare(p)
	}
}

// look looks at the present screen, in every look, with wider spacing, and with larger text.
func (seen *sights) look(p *page, name string) {
	p.t.Helper()
	for _, l := range looks {
		p.resize(l.width, l.height)
		p.prefer(l.theme)
		p.rest()
		what, rules := name+", "+l.String(), allRules
		if l.theme == "dark" {
			rules = colourRules
		}
		found, applied := p.barriers(rules)
		seen.rules = max(seen.rules, applied)
		seen.barriers = append(seen.barriers, named(found, what)...)
		p.take(what, l)
		if l.theme == "light" {
			seen.misfits = append(seen.misfits, named(p.misfits(), what)...)
			p.eval("spacing(true)")
			seen.misfits = append(seen.misfits, named(p.misfits(), what+", wider spacing")...)
			p.eval("spacing(false)")
		}
	}
	p.resize(640, 400) // a desk's window at 200 %
	p.rest()
	seen.misfits = append(seen.misfits, named(p.misfits(), name+", at 200 %")...)
}

func named(found []string, name string) []string {
	for i, text := range found {
		found[i] = name + ": " + text
	}
	return found
}

// motionless has a page show at once what it would come to, and lets tests space its text as the bookmarklet for
// WCAG 1.4.12 does. What the pages' policy forbids in a document, a script of the browser's may do.
const motionless = `(() => {
	const sheet = text => { const s = new CSSStyleSheet(); s.replaceSync(text); return s };
	const still = sheet('*, *::before, *::after { transition: none !important; animation: none !important }');
	const wide = sheet('* { line-height: 1.5 !important; letter-spacing: .12em !important }' +
		'* { word-spacing: .16em !important } p { margin-bottom: 2em !important }');
	document.adoptedStyleSheets = [still];
	window.spacing = is => { document.adoptedStyleSheets = is ? [still, wide] : [still] };
})()`

// prefer has the page be in a theme.
func (p *page) prefer(theme string) {
	p.t.Helper()
	send(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
	})
}

// atRest reports whether the page is drawn as it is going to stay, as a promise: all is loaded, and two frames have
// passed.
const atRest = `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(
	document.readyState === 'complete' && document.fonts.status === 'loaded' &&
	document.querySelector('[aria-busy=true]') === null &&
	[...document.images].every(image => image.complete || image.loading === 'lazy') &&
	document.getAnimations().every(motion => motion.playState !== 'running')))))`

// rest waits until the page is at rest.
func (p *page) rest() {
	p.t.Helper()
	p.until("the page is at rest", func() bool { return promised[bool](p, atRest) })
}

// promised returns what a promise of the page's comes to.
func promised[T any](p *page, expression string) T {
	p.t.Helper()
	wait := func(e *runtime.EvaluateParams) { e.AwaitPromise = new(true) }
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, wait))
	if err != nil {
		p.t.Fatalf("%.80s: %v", expression, err)
	}
	return value
}

// misfits are what sticks out of the window at the side, and text that is cut off or leaves the control that it is on.
func (p *page) misfits() []string {
	p.t.Helper()
	return eval[[]string](p, misfits)
}

const misfits = `(() => {
	const found = [];
	const note = (e, why) => found.push(why + ': ' + e.tagName + '.' + e.className + ' ' + e.textContent.trim().slice(0, 40));
	const cuts = overflow => overflow === 'hidden' || overflow === 'clip';
	const isIn = (r, box) => r.left >= box.left - 2 && r.right <= box.right + 2 && r.top >= box.top - 2 && r.bottom <= box.bottom + 2;
	const {clientWidth, scrollWidth} = document.documentElement;
	for (const e of document.querySelectorAll('body *')) {
		if (!e.checkVisibility() || e.closest('.unseen')) continue;
		const box = e.getBoundingClientRect(), style = getComputedStyle(e);
		if (scrollWidth > clientWidth && box.right > clientWidth + 1) note(e, 'sticks out at the side');
		if (e.textContent.trim() === '') continue;
		if (cuts(style.overflowX) && e.scrollWidth > e.clientWidth + 1) note(e, 'cut off at the side');
		if (cuts(style.overflowY) && e.scrollHeight > e.clientHeight + 1) note(e, 'cut off below');
		if (!e.matches('button, a, summary, label') || style.display === 'inline') continue;
		const texts = document.createTreeWalker(e, NodeFilter.SHOW_TEXT), range = document.createRange();
		while (texts.nextNode()) {
			if (texts.currentNode.parentElement.closest('.unseen')) continue;
			range.selectNodeContents(texts.currentNode);
			if (!isIn(range.getBoundingClientRect(), box)) note(e, 'leaves its control');
		}
	}
	return found.slice(0, 5);
})()`

// pinned has a page say for a moment what it says at one time of one order, and returns what it said: two pictures of a
// screen then differ in what was changed, and not in when they were taken. The program itself cannot stand still, for
// its clock must be the database's.
const pinned = `(() => {
	const pins = [
		[/시험 상품 [0-9a-f]{8}-/g, '시험 상품'], [/someone-[0-9a-f-]+@/g, 'someone@'],
		[/\d{6}-[0-9A-Z]{6}(?![0-9A-Z])/g, '261130-A1B2C3'],
		[/\d{4}\. \d{1,2}\. \d{1,2}\. 오[전후] \d{1,2}:\d{2}/g, '2026. 11. 30. 오후 3:04'],
		[/\d{1,2}월 \d{1,2}일 \([일월화수목금토]\) 오[전후] \d{1,2}:\d{2}/g, '12월 7일 (월) 오후 3:04'],
		[/\d{4}년 \d{1,2}월 \d{1,2}일/g, '2026년 11월 30일'], [/\d{1,2}분 전/g, '3분 전'], [/\d{1,2}분 안에/g, '14분 안에'],
		[/\d{1,2}분 \d{1,2}초/g, '14분 30초'], [/\d{1,2}초 (?=뒤|후)/g, '20초 '],
		[/\d{14}/g, '79010123456789'], [/simpg\w+/g, 'simpg20261130150400AbCdEf'],
		[/\bT[0-9a-z]{19}\b/g, 'T0123456789abcdefghi'],
	];
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	const said = [];
	while (texts.nextNode()) {
		const node = texts.currentNode, was = node.data;
		const now = pins.reduce((text, [changing, pin]) => text.replace(changing, pin), was);
		if (now !== was) { said.push([node, was]); node.data = now }
	}
	window.unpin = () => said.forEach(([node, was]) => { node.data = was });
})()`

// take puts a picture of the page into the folder that SCREENS names, if it does: of the whole page from its top, or of
// what is in the window while a dialog is open.
func (p *page) take(name string, l look) {
	p.t.Helper()
	folder := os.Getenv("SCREENS")
	if folder == "" {
		return
	}
	if !eval[bool](p, "document.querySelector('dialog[open]') !== null") {
		p.resize(l.width, max(l.height, eval[int64](p, "document.documentElement.scrollHeight")))
		p.eval("scrollTo(0, 0)")
		p.rest()
	}
	p.eval(pinned)
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	p.eval("unpin()")
	path := filepath.Join(folder, name+".png")
	if err := os.WriteFile(path, picture, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

package webtest_test

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take to show what it should, on a machine that has more to do.
const patience = 60 * time.Second

// A page is a tab of a browser that somebody looks at.
type page struct {
	*watch

	t       *testing.T
	ctx     context.Context // chromedp keeps the tab in it
	program *program
}

// open opens a tab with a profile of its own: no cookies, nothing stored, far from Seoul. When the
// test ends, the tab must be clean.
func (p *program) open(t *testing.T) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(needBrowser(t), chromedp.WithNewBrowserContext())
	return openIn(ctx, t, p, cancel)
}

// another opens a further tab with the same profile.
func (p *page) another() *page {
	p.t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx)
	return openIn(ctx, p.t, p.program, cancel)
}

func openIn(ctx context.Context, t *testing.T, program *program, cancel context.CancelFunc) *page {
	t.Helper()
	p := &page{watch: newWatch(program.url, program.sim()), t: t, ctx: ctx, program: program}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("at %s the page said:\n%s", p.path(), p.text())
		}
		cancel()
		for _, stain := range p.found() {
			t.Errorf("not clean: %s", stain)
		}
	})
	p.do(chromedp.Func(func(context.Context, *chromedp.Target) error { return nil }))
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		t.Fatal(err)
	}
	send(p, network.Enable, network.EnableParams{})
	send(p, log.Enable, cdp.Empty{})
	send(p, audits.Enable, cdp.Empty{})
	send(p, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "America/Los_Angeles"})
	send(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	p.resize(1280, 800)
	return p
}

// send sends a command of the protocol.
func send[P, R any](p *page, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	answer, err := chromedp.Call(p.ctx, command, params)
	if err != nil {
		p.t.Fatalf("%s: %v", command.Method, err)
	}
	return answer
}

// do runs steps.
func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// eval returns what an expression is in the page.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// resize gives the window another size.
func (p *page) resize(width, height int64) {
	p.t.Helper()
	send(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600,
	})
}

// visit opens an address of the shop's.
func (p *page) visit(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.program.url + path))
}

// turn turns to a screen as the shop's links do, which load no document; from elsewhere, and to the screen where the tab
// is, it visits.
func (p *page) turn(path string) {
	p.t.Helper()
	if p.path() == path || !eval[bool](p, "document.querySelector('main h1') !== null && typeof history.state?.entry === 'string'") {
		p.visit(path)
		return
	}
	p.do(chromedp.Evaluate[chromedp.Void]("history.pushState(null, '', " + quoted(path) + ")"))
}

// path is where the tab is, with the query.
func (p *page) path() string {
	at, err := chromedp.Run(p.ctx, chromedp.Location())
	if err != nil {
		return err.Error()
	}
	return strings.TrimPrefix(at, p.program.url)
}

// query is one of the URL's parameters.
func (p *page) query(name string) string {
	p.t.Helper()
	at, err := url.Parse(p.path())
	if err != nil {
		p.t.Fatal(err)
	}
	return at.Query().Get(name)
}

// text is what the page says, in one line a block.
func (p *page) text() string {
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	if err != nil {
		return err.Error()
	}
	return text
}

// until waits for something to become so.
func (p *page) until(what string, holds func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// sees wants the page to say each of the texts, sooner or later.
func (p *page) sees(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.until("the page says "+text, func() bool { return p.says(text) })
	}
}

// lacks wants the page to say none of the texts, at this moment.
func (p *page) lacks(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if p.says(text) {
			p.t.Errorf("the page says %s", text)
		}
	}
}

// says reports whether the page says a text, however its lines are broken.
func (p *page) says(text string) bool { return strings.Contains(folded(p.text()), folded(text)) }

func folded(text string) string { return strings.Join(strings.Fields(text), " ") }

// arrives waits until the tab is at a path that begins so.
func (p *page) arrives(prefix string) {
	p.t.Helper()
	p.until("the tab arrives at "+prefix, func() bool { return strings.HasPrefix(p.path(), prefix) })
}

// press presses keys, named as kb has them.
func (p *page) press(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		p.do(chromedp.KeyEvent(key))
	}
}

// enter types text where the focus is, as an input method does.
func (p *page) enter(text string) {
	p.t.Helper()
	send(p, input.InsertText, input.InsertTextParams{Text: text})
}

func quoted(text string) string {
	literal, err := json.Marshal(text)
	if err != nil {
		panic(err) // text is text
	}
	return string(literal)
}

// atStart runs code at the beginning of every document that the tab opens from now on.
func (p *page) atStart(code string) {
	p.t.Helper()
	send(p, cdppage.Enable, cdppage.EnableParams{})
	send(p, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: code})
}

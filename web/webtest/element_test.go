package webtest_test

import (
	"encoding/json"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// An element is what assistive technology would find on a page.
type element struct {
	role, name  string
	isDisabled  bool
	description string
	node        cdp.BackendNodeID
}

// elements returns those of a role whose name holds the text, exact ones first. It does not wait.
func (p *page) elements(role, name string) (found []element) {
	p.t.Helper()
	document, err := chromedp.Run(p.ctx, chromedp.Evaluate[*runtime.RemoteObject]("document"))
	if err != nil {
		return nil // between two documents
	}
	tree, err := chromedp.Call(p.ctx, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{ObjectID: document.ObjectID, Role: role})
	if err != nil {
		return nil
	}
	var others []element
	for _, node := range tree.Nodes {
		if node.Ignored || node.BackendDOMNodeID == 0 {
			continue
		}
		e := element{
			role: role, name: folded(valueOf(node.Name)), description: valueOf(node.Description),
			node: node.BackendDOMNodeID, isDisabled: isDisabled(node),
		}
		switch {
		case e.name == name:
			found = append(found, e)
		case strings.Contains(e.name, name):
			others = append(others, e)
		}
	}
	return append(found, others...)
}

func valueOf(value *accessibility.Value) string {
	if value == nil {
		return ""
	}
	var text string
	if json.Unmarshal(value.Value, &text) != nil {
		return string(value.Value)
	}
	return text
}

func isDisabled(node *accessibility.Node) bool {
	for _, property := range node.Properties {
		if property.Name == accessibility.PropertyNameDisabled {
			return valueOf(property.Value) == "true"
		}
	}
	return false
}

// names returns the names of the elements of a role.
func (p *page) names(role string) (names []string) {
	p.t.Helper()
	for _, e := range p.elements(role, "") {
		names = append(names, e.name)
	}
	return names
}

// has reports whether there is an element, at this moment.
func (p *page) has(role, name string) bool { return len(p.elements(role, name)) > 0 }

// find waits for an element and returns it.
func (p *page) find(role, name string) (found element) {
	p.t.Helper()
	p.until("there is a "+role+" "+name, func() bool {
		all := p.elements(role, name)
		if len(all) > 0 {
			found = all[0]
		}
		return len(all) > 0
	})
	return found
}

// gone waits until there is no such element.
func (p *page) gone(role, name string) {
	p.t.Helper()
	p.until("there is no "+role+" "+name, func() bool { return !p.has(role, name) })
}

// A spot is where an element can be touched.
type spot struct {
	X, Y float64
	OK   bool
}

// spotOf scrolls to the element and tells where to touch it: it must be seen there, and not covered.
const spotOf = `function() {
	let target = this.nodeType === Node.ELEMENT_NODE ? this : this.parentElement;
	if (!target || !target.isConnected) return {x: 0, y: 0, ok: false};
	const label = target.labels && target.labels.length ? target.labels[0] : null;
	const area = e => { const r = e.getBoundingClientRect(); return r.width * r.height };
	let box = area(target) > 4 ? target : label ?? target;
	box.scrollIntoView({block: 'center', inline: 'nearest', behavior: 'instant'});
	const r = box.getBoundingClientRect();
	const x = r.left + r.width / 2, y = r.top + r.height / 2;
	const hit = document.elementFromPoint(x, y);
	const ours = hit !== null && (target.contains(hit) || (label !== null && label.contains(hit)) || hit.contains(target) && hit.closest('label, a, button') !== null);
	return {x, y, ok: ours && area(box) > 0};
}`

// place waits until an element can be touched, and tells where.
func (p *page) place(role, name string) (at spot) {
	p.t.Helper()
	p.until("one can touch the "+role+" "+name, func() bool {
		for _, e := range p.elements(role, name) {
			if at = p.spot(e); at.OK {
				return true
			}
		}
		return false
	})
	return at
}

func (p *page) spot(e element) (at spot) {
	p.t.Helper()
	body := p.on(e, spotOf)
	if json.Unmarshal(body, &at) != nil {
		return spot{}
	}
	return at
}

// on calls a function of the page's on an element, and returns what it answers as JSON; nil when the
// element is gone.
func (p *page) on(e element, function string) json.RawMessage {
	p.t.Helper()
	object, err := chromedp.Call(p.ctx, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: e.node})
	if err != nil {
		return nil
	}
	byValue := true
	answer, err := chromedp.Call(p.ctx, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		FunctionDeclaration: function, ObjectID: object.Object.ObjectID, ReturnByValue: &byValue,
	})
	if err != nil || answer.ExceptionDetails != nil {
		return nil
	}
	return json.RawMessage(answer.Result.Value)
}

// click clicks an element once it can be.
func (p *page) click(role, name string) {
	p.t.Helper()
	p.clickAt(p.place(role, name), 1)
}

// clickAt presses the mouse where it is told; count is 2 for the second half of a double click.
func (p *page) clickAt(at spot, count int64) {
	p.t.Helper()
	for _, kind := range []input.DispatchMouseEventType{
		input.DispatchMouseEventTypeMouseMoved, input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased,
	} {
		params := input.DispatchMouseEventParams{Type: kind, X: at.X, Y: at.Y}
		if kind != input.DispatchMouseEventTypeMouseMoved {
			params.Button, params.ClickCount = input.MouseButtonLeft, count
		}
		send(p, input.DispatchMouseEvent, params)
	}
}

// focus puts the focus on an element without a mouse.
func (p *page) focus(role, name string) {
	p.t.Helper()
	e := p.find(role, name)
	send(p, dom.Focus, dom.FocusParams{BackendNodeID: e.node})
}

// fill replaces what a field holds.
func (p *page) fill(role, label, text string) {
	p.t.Helper()
	p.focus(role, label)
	p.on(p.find(role, label), `function() { this.select && this.select() }`)
	p.enter(text)
}

// value is what a field holds.
func (p *page) value(role, label string) (text string) {
	p.t.Helper()
	if err := json.Unmarshal(p.on(p.find(role, label), `function() { return this.value }`), &text); err != nil {
		p.t.Fatal(err)
	}
	return text
}

// pick chooses an option of a list by its words.
func (p *page) pick(label, option string) {
	p.t.Helper()
	p.until("one can pick "+option+" of "+label, func() bool {
		for _, e := range p.elements("combobox", label) {
			if string(p.on(e, `function() {
				const option = [...this.options].find(o => o.label.includes(`+quoted(option)+`));
				if (!option || this.disabled) return false;
				this.focus();
				this.value = option.value;
				this.dispatchEvent(new Event('input', {bubbles: true}));
				this.dispatchEvent(new Event('change', {bubbles: true}));
				return true;
			}`)) == "true" {
				return true
			}
		}
		return false
	})
}

package webtest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// axe is the library that looks for what keeps people with disabilities out.
var axe = sync.OnceValues(func() (string, error) {
	source, err := os.ReadFile("testdata/axe.min.js")
	return string(source), err
})

// What axe looks for: all of WCAG 2.2 AA and the best practices; and of these, what a theme could change.
const (
	allRules    = `{type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}`
	colourRules = `{type: 'rule', values: ['color-contrast', 'link-in-text-block']}`
)

// runAxe holds a page against rules.
const runAxe = `axe.run(document, {resultTypes: ['violations'], preload: false, runOnly: %s}).then(r => JSON.stringify({
	rules: r.passes.length + r.violations.length + r.incomplete.length + r.inapplicable.length,
	violations: r.violations,
}))`

// A verdict is what axe says of a page.
type verdict struct {
	Rules      int
	Violations []struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML, FailureSummary string }
	}
}

// barriers returns what breaks rules on the page as it is now, and how many rules were applied.
func (p *page) barriers(rules string) (found []string, applied int) {
	p.t.Helper()
	source, err := axe()
	if err != nil {
		p.t.Fatal(err)
	}
	if !eval[bool](p, "window.axe !== undefined") {
		p.eval(source)
	}
	var said verdict
	if err := json.Unmarshal([]byte(promised[string](p, fmt.Sprintf(runAxe, rules))), &said); err != nil {
		p.t.Fatal(err)
	}
	for _, v := range said.Violations {
		for _, node := range v.Nodes[:min(len(v.Nodes), 3)] {
			what := fmt.Sprintf("%s (%s): %s", v.ID, v.Impact, v.Help)
			found = append(found, fmt.Sprintf("%s\n%.300s\n%s", what, node.HTML, node.FailureSummary))
		}
	}
	return found, said.Rules
}

// TestWeb_Axe wants nothing that keeps people with disabilities out on any screen, in either theme, on a phone or on a
// desk.
func TestWeb_Axe(t *testing.T) {
	t.Parallel()
	screens, rules := 0, 0
	for _, r := range tours {
		seen := r.goAround(t)
		screens, rules = screens+seen.screens, max(rules, seen.rules)
		for _, barrier := range seen.barriers {
			t.Error(barrier)
		}
	}
	t.Logf("%d screens in %d looks each, by %d rules", screens, len(looks), rules)
}

// TestWeb_LooksAreNoticed plants what nobody should find, and wants each kind to be found.
func TestWeb_LooksAreNoticed(t *testing.T) {
	t.Parallel()
	p := sharedDev(t).open(t)
	p.atStart(motionless)
	p.resize(360, 740)
	p.prefer("dark")
	p.visit("/unknown")
	p.forgive("/unknown")
	p.rest()
	if found, _ := p.barriers(allRules); len(found) > 0 || len(p.misfits()) > 0 {
		t.Fatalf("before anything is planted: %q, %q", found, p.misfits())
	}
	p.eval(`document.querySelector('main').append(new Image())`)
	p.eval(`document.querySelector('h1').style.color = '#444'`)
	p.eval(`document.querySelector('p').style.cssText = 'height: 1em; overflow: hidden; width: 500px'`)
	found, _ := p.barriers(allRules)
	faint, _ := p.barriers(colourRules)
	for what, said := range map[string][]string{
		"image-alt": found, "color-contrast": faint, "cut off below": p.misfits(), "sticks out at the side": p.misfits(),
	} {
		if !strings.Contains(strings.Join(said, "\n"), what) {
			t.Errorf("%s is not noticed, but %q", what, said)
		}
	}
}

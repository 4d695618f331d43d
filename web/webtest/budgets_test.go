package webtest_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Budgets of what is sent, in bytes, compressed but for the whole.
const (
	entryScripts = 110_000
	entryStyles  = 12_000
	chunk        = 20_000
	wholeOfBuilt = 1_500_000
	firstAsked   = 4 // requests before there is something to see
)

// Budgets of what is felt.
const (
	largestPaint = 2500 // milliseconds, the median of five
	shift        = 0.02
	interaction  = 200 // milliseconds
)

// TestWeb_Budgets weighs what is sent.
func TestWeb_Budgets(t *testing.T) {
	t.Parallel()
	html, err := os.ReadFile("../built/shop.html")
	if err != nil {
		t.Fatal(err)
	}
	entry := map[string]int{}
	first := map[string]bool{}
	for _, found := range regexp.MustCompile(`"/assets/([^"]+)"`).FindAllStringSubmatch(string(html), -1) {
		entry[filepath.Ext(found[1])] += weight(t, "../built/assets/"+found[1])
		first[found[1]] = true
	}
	t.Logf("the storefront begins with %d bytes of scripts and %d of styles, compressed", entry[".js"], entry[".css"])
	if entry[".js"] == 0 || entry[".js"] > entryScripts || entry[".css"] > entryStyles {
		t.Errorf("the budget is %d and %d", entryScripts, entryStyles)
	}
	total := int64(0)
	err = filepath.WalkDir("../built", func(path string, file fs.DirEntry, err error) error {
		if err != nil || file.IsDir() {
			return err
		}
		info, err := file.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		if strings.Contains(path, "/assets/") && !first[file.Name()] {
			if n := weight(t, path); n > chunk {
				t.Errorf("%s has %d bytes, compressed; the budget of what a screen needs is %d", file.Name(), n, chunk)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("all of it has %d bytes", total)
	if total > wholeOfBuilt {
		t.Errorf("all of it has %d bytes; the budget is %d", total, wholeOfBuilt)
	}
}

// weight is how many bytes of a file are sent.
func weight(t *testing.T, path string) int {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	packer := gzip.NewWriter(&out)
	_, _ = packer.Write(body)
	_ = packer.Close()
	return out.Len()
}

// watching measures what people feel, from a page's beginning.
const watching = `
window.felt = {paint: 0, shift: 0, interaction: 0};
new PerformanceObserver(list => { for (const e of list.getEntries()) felt.paint = e.startTime }).observe({type: 'largest-contentful-paint', buffered: true});
new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) felt.shift += e.value }).observe({type: 'layout-shift', buffered: true});
new PerformanceObserver(list => { for (const e of list.getEntries()) felt.interaction = Math.max(felt.interaction, e.duration) }).observe({type: 'event', buffered: true, durationThreshold: 16});
`

// TestWeb_Felt measures how fast the storefront feels: nothing jumps, and, where the machine has nothing
// else to do, it paints and answers in time.
func TestWeb_Felt(t *testing.T) {
	d := sharedDev(t)
	var paints, interactions []float64
	for range 5 {
		p := d.open(t)
		p.atStart(watching)
		p.visit("/")
		p.sees("보성 세작 녹차 80g")
		if asked := p.urls(); len(asked) > firstAsked+2 { // the shop's name and its pictures may come later
			t.Errorf("before there was something to see, it asked for %q", asked)
		}
		p.click("link", "보성 세작 녹차 80g")
		p.find("button", "담기")
		p.click("button", "담기")
		p.sees("장바구니에 담았어요.")
		paints = append(paints, eval[float64](p, "felt.paint"))
		interactions = append(interactions, eval[float64](p, "felt.interaction"))
		if moved := eval[float64](p, "felt.shift"); moved > shift {
			t.Errorf("the page moved under the eye: %f, the budget is %f", moved, shift)
		}
	}
	slices.Sort(paints)
	slices.Sort(interactions)
	t.Logf("largest paint %v ms, longest interaction %v ms", paints, interactions)
	if busy := load(); busy > 1 {
		t.Logf("times are not judged: the machine is busy (load %.1f)", busy)
		return
	}
	if paints[2] > largestPaint || interactions[2] > interaction {
		t.Errorf("the budget is %d ms to paint and %d ms to answer, median of five", largestPaint, interaction)
	}
}

// load is how many processes wanted a processor of late, for each that there is; 0 where nobody counts.
func load() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	wanted, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return wanted / float64(runtime.NumCPU())
}

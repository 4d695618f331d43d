// Package progress shows people how far long work is.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// A Bar shows how far long work is: by a bar on a terminal, by lines elsewhere.
type Bar struct {
	out      io.Writer
	label    string
	terminal bool
	shown    int // percent last shown; -1 before the first
	drawn    bool
}

// New begins a bar that is written to out after its label.
func New(out io.Writer, label string) *Bar {
	return &Bar{out: out, label: label, terminal: IsTerminal(out), shown: -1}
}

// To shows that done of total is done. A line is written for each tenth, a bar for each hundredth.
func (b *Bar) To(done, total int) {
	percent := 100
	if total > 0 {
		percent = min(100, 100*done/total)
	}
	b.show(percent, fmt.Sprintf("%d of %d (%d%%)", done, total, percent))
}

// Percent shows how far work is that cannot say of how much.
func (b *Bar) Percent(percent int) { b.show(percent, fmt.Sprintf("%d%%", percent)) }

func (b *Bar) show(percent int, detail string) {
	step := 10
	if b.terminal {
		step = 1
	}
	if b.shown >= 0 && percent/step == b.shown/step {
		return
	}
	b.shown = percent
	if !b.terminal {
		fmt.Fprintf(b.out, "%s: %s\n", b.label, detail)
		return
	}
	const width = 30
	bar := strings.Repeat("█", percent*width/100) + strings.Repeat("░", width-percent*width/100)
	fmt.Fprintf(b.out, "\r\x1b[K%s %s %s", b.label, bar, detail)
	b.drawn = true
}

// End leaves the bar's line.
func (b *Bar) End() {
	if b.drawn {
		fmt.Fprintln(b.out)
	}
	b.drawn = false
}

// IsTerminal reports whether out is a terminal.
func IsTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

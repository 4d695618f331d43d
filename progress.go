package main

import (
	"fmt"
	"io"
	"strings"
)

// A progress tells how far long work is: by a bar on a terminal, by lines elsewhere.
type progress struct {
	out      io.Writer
	label    string
	terminal bool
	shown    int // percent last told; -1 before the first
	drawn    bool
}

func newProgress(out io.Writer, label string) *progress {
	return &progress{out: out, label: label, terminal: isTerminal(out), shown: -1}
}

// to tells that done of total is done. A line is written for each tenth, a bar for each hundredth.
func (p *progress) to(done, total int) {
	percent := 100
	if total > 0 {
		percent = min(100, 100*done/total)
	}
	p.tell(percent, fmt.Sprintf("%d of %d (%d%%)", done, total, percent))
}

// percent tells how far work is that cannot say of how much.
func (p *progress) percent(percent int) { p.tell(percent, fmt.Sprintf("%d%%", percent)) }

func (p *progress) tell(percent int, detail string) {
	step := 10
	if p.terminal {
		step = 1
	}
	if p.shown >= 0 && percent/step == p.shown/step {
		return
	}
	p.shown = percent
	if !p.terminal {
		fmt.Fprintf(p.out, "%s: %s\n", p.label, detail)
		return
	}
	const width = 30
	bar := strings.Repeat("█", percent*width/100) + strings.Repeat("░", width-percent*width/100)
	fmt.Fprintf(p.out, "\r\x1b[K%s %s %s", p.label, bar, detail)
	p.drawn = true
}

// end leaves the bar's line.
func (p *progress) end() {
	if p.drawn {
		fmt.Fprintln(p.out)
	}
	p.drawn = false
}

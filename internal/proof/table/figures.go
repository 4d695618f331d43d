package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"payment-system/internal/proof"
)

// figures are what tests kept, each of the commit that it was run at last, in the order of the rows.
type figures []proof.Figure

// readFigures reads files of JSON lines.
func readFigures(names []string) (figures, error) {
	latest := map[string]figures{}
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		err = readLines(file, latest)
		_ = file.Close() // it was only read
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	var all figures
	for _, of := range latest {
		all = append(all, of...)
	}
	slices.SortFunc(all, func(a, b proof.Figure) int {
		return cmp.Or(cmp.Compare(place(a.Row), place(b.Row)), strings.Compare(a.Test, b.Test), boolOrder(a.Torture)-boolOrder(b.Torture), a.At.Compare(b.At), cmp.Compare(a.Seed, b.Seed))
	})
	return all, nil
}

// readLines adds the figures of a file. Those of one test at one commit are runs that add up, and
// one that failed stays; a test that was run at another commit begins anew.
func readLines(file *os.File, latest map[string]figures) error {
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		var f proof.Figure
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if place(f.Row) < 0 {
			return fmt.Errorf("line %d: there is no row %q", n, f.Row)
		}
		key := fmt.Sprint(f.Row, "\x00", f.Test, "\x00", f.Torture)
		if before := latest[key]; len(before) > 0 && before[0].Of != f.Of {
			latest[key] = nil
		}
		latest[key] = append(latest[key], f)
	}
	return lines.Err()
}

// place is where a row stands, -1 where there is none of the id.
func place(id string) int {
	return slices.IndexFunc(proof.Rows(), func(r proof.Row) bool { return r.ID == id })
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

// of returns the figures of a row, and of one size of run.
func (f figures) of(id string, torture bool) figures {
	return f.where(func(one proof.Figure) bool { return one.Row == id && one.Torture == torture })
}

func (f figures) where(holds func(proof.Figure) bool) figures {
	var some figures
	for _, one := range f {
		if holds(one) {
			some = append(some, one)
		}
	}
	return some
}

// A total is all that was done of a row in one size of run.
type total struct {
	times, noLocks, failed, runs int
	took                         time.Duration
	rows                         []string // of the row about locks: which others it is made of
}

// idle tells that nothing was done, and that nothing failed before it could be.
func (t total) idle() bool { return t.times == 0 && t.failed == 0 }

func (f figures) total() (t total) {
	for _, one := range f {
		t.times += one.Times
		t.noLocks += one.NoLocks
		t.took += one.Took
		t.runs++
		t.failed += boolOrder(one.Failed)
	}
	return t
}

// locks is the row about locks, told by all the others.
const locks = "locks"

// totalOf is what was done of a row. That of locks that do nothing is the part of all others that
// had such locks.
func (f figures) totalOf(id string, torture bool) total {
	t := f.of(id, torture).total()
	if id == locks {
		without := f.where(func(one proof.Figure) bool { return one.Torture == torture && one.Row != locks && one.NoLocks > 0 })
		for _, one := range without {
			t.rows = with(t.rows, one.Row)
		}
		all := without.total()
		t.times += all.noLocks
		t.runs += all.runs
		t.failed += all.failed
		t.noLocks = 0
	}
	return t
}

// table is the table of all rows.
func (f figures) table() string {
	lines := []string{
		"| what is broken | what must hold | in every run of the tests | in the torture run | outcome |",
		"|---|---|---|---|---|",
	}
	for _, row := range proof.Rows() {
		usual, torture := f.totalOf(row.ID, false), f.totalOf(row.ID, true)
		lines = append(lines, line(row.Broken, row.Holds, done(row, usual, row.CI), done(row, torture, row.Torture), outcome(usual, torture)))
	}
	return strings.Join(lines, "\n")
}

func line(cells ...string) string {
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(strings.ReplaceAll(cell, "|", `\|`), "\n", " ")
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

const notRun = "not run"

// done says how often a thing was done, and of how many when it was less.
func done(row proof.Row, t total, asked int) string {
	if t.idle() {
		return notRun
	}
	text := grouped(t.times)
	if t.times < asked {
		text += " of " + grouped(asked)
	}
	text += " " + row.Unit
	if len(t.rows) > 0 {
		text += ", in " + many(len(t.rows), "row")
	}
	if t.noLocks > 0 {
		text += ", " + grouped(t.noLocks) + " of them without locks"
	}
	return text
}

// outcome says whether everything held.
func outcome(runs ...total) string {
	var all total
	for _, t := range runs {
		all.times += t.times
		all.runs += t.runs
		all.failed += t.failed
	}
	switch {
	case all.idle():
		return notRun
	case all.failed > 0:
		return fmt.Sprintf("**FAILED** in %d of %s", all.failed, many(all.runs, "run"))
	}
	return "held"
}

// runs tells of the two runs: when, on what, and how long.
func (f figures) runs() string {
	return f.run("Every run of the tests", false) + "\n" + f.run("The torture run", true)
}

func (f figures) run(name string, torture bool) string {
	of := f.where(func(one proof.Figure) bool { return one.Torture == torture })
	if len(of) == 0 {
		return "- " + name + ": " + notRun + "."
	}
	first, last := of[0].At, of[0].At
	var machines, commits, tests []string
	for _, one := range of {
		tests, commits = with(tests, one.Test), with(commits, one.Of)
		if one.At.Before(first) {
			first = one.At
		}
		if one.At.After(last) {
			last = one.At
		}
		machines = with(machines, one.Go+" on "+many(one.Cores, "core"))
	}
	when := day(first)
	if day(last) != when {
		when += " to " + day(last)
	}
	text := fmt.Sprintf("- %s: %s, %s, %s, %s of work", name, when, strings.Join(machines, " and "), many(len(tests), "test"), span(of.total().took))
	if commits = slices.DeleteFunc(commits, func(c string) bool { return c == "" }); len(commits) > 0 {
		text += ", at " + strings.Join(commits, ", ")
	}
	return text + "."
}

// with is a list with something in it once.
func with(list []string, one string) []string {
	if slices.Contains(list, one) {
		return list
	}
	return append(list, one)
}

func day(at time.Time) string { return at.UTC().Format("2 January 2006") }

// notes tells what was measured on the way.
func (f figures) notes() string {
	lines := []string{"| | run | what was measured | took |", "|---|---|---|---|"}
	for _, one := range f {
		if one.Note != "" {
			lines = append(lines, line("`"+one.Row+"`", runName(one.Torture), one.Note, span(one.Took)))
		}
	}
	if len(lines) == 2 {
		return "Nothing else was measured."
	}
	return strings.Join(lines, "\n")
}

func runName(torture bool) string {
	if torture {
		return "torture"
	}
	return "every"
}

// tests lists every test.
func (f figures) tests() string {
	lines := []string{"| row | run | test | times | without locks | seed | took | outcome |", "|---|---|---|---|---|---|---|---|"}
	for _, one := range f {
		seed, came := "", outcome(figures{one}.total())
		if one.Seed != 0 {
			seed = strconv.FormatUint(one.Seed, 10)
		}
		if came == notRun && one.Note != "" { // it counts for no row, and ended well
			came = "held"
		}
		lines = append(lines, line("`"+one.Row+"`", runName(one.Torture), "`"+one.Test+"`", grouped(one.Times), grouped(one.NoLocks), seed, span(one.Took), came))
	}
	if len(lines) == 2 {
		return "None was run."
	}
	return strings.Join(lines, "\n")
}

// span is how long something took, as people say it.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}

// grouped writes a number with commas.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

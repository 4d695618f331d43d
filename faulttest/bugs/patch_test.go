package bugs_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A bug is a patch that breaks a rule, and the tests that must notice, each by itself.
type bug struct {
	name  string // of its file, without the suffix
	what  string // what goes wrong, in a sentence
	rule  string // the rule of the design that it breaks
	aims  []aim
	files []filePatch
}

// An aim is a selection of tests.
type aim struct {
	pkg     string // where they are, as ./command
	run     string // which, as -run selects them
	percent string // FAULT_PERCENT, or "" where nothing depends on it: the tests of the table
}

// ofTable tells whether the tests are those of a row of the table of internal/proof.
func (a aim) ofTable() bool { return a.percent != "" }

// parseAim reads what follows "test: ".
func parseAim(text string) (aim, error) {
	settings, run, found := strings.Cut(text, " -run ")
	a := aim{run: strings.Trim(run, "'")}
	for word := range strings.FieldsSeq(settings) {
		percent, isPercent := strings.CutPrefix(word, "FAULT_PERCENT=")
		switch {
		case isPercent:
			a.percent = percent
		case a.pkg == "" && strings.HasPrefix(word, "./"):
			a.pkg = word
		default:
			return a, fmt.Errorf("%q selects tests by a word %q", text, word)
		}
	}
	if !found || a.pkg == "" || a.run == "" {
		return a, fmt.Errorf("%q selects no tests: say ./package -run 'TestName', and FAULT_PERCENT=n before it for a test of the table", text)
	}
	return a, nil
}

// A filePatch changes one file.
type filePatch struct {
	path  string // from the root of the module
	hunks []hunk
}

// A hunk puts lines in the place of others.
type hunk struct{ before, after []string }

// parseBug reads a patch with its head.
func parseBug(name, text string) (bug, error) {
	b := bug{name: name}
	head, diff, found := strings.Cut(text, "\n--- a/")
	if !found {
		return b, fmt.Errorf("%s has no diff", name)
	}
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "bug":
			b.what = value
		case "rule":
			b.rule = value
		case "test":
			a, err := parseAim(value)
			if err != nil {
				return b, fmt.Errorf("%s: %w", name, err)
			}
			b.aims = append(b.aims, a)
		case "":
		default:
			return b, fmt.Errorf("%s: the head has a line %q, and may have bug, rule and test", name, strings.TrimSpace(line))
		}
	}
	if b.what == "" || b.rule == "" || len(b.aims) == 0 {
		return b, fmt.Errorf("%s: the head must say bug, rule, and test: ./package -run 'TestName'", name)
	}
	var err error
	b.files, err = parseDiff("--- a/" + diff)
	if err != nil {
		return b, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// parseDiff reads a unified diff of existing files.
func parseDiff(text string) ([]filePatch, error) {
	var files []filePatch
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for len(lines) > 0 {
		path, ok := strings.CutPrefix(lines[0], "--- a/")
		if !ok || len(lines) < 2 || lines[1] != "+++ b/"+path {
			return nil, fmt.Errorf("%q does not begin the diff of a file", lines[0])
		}
		file := filePatch{path: path}
		lines = lines[2:]
		for len(lines) > 0 && strings.HasPrefix(lines[0], "@@ ") {
			h, rest, err := parseHunk(lines)
			if err != nil {
				return nil, err
			}
			file.hunks, lines = append(file.hunks, h), rest
		}
		if len(file.hunks) == 0 {
			return nil, fmt.Errorf("the diff of %s is empty", path)
		}
		files = append(files, file)
	}
	return files, nil
}

// parseHunk reads a hunk and returns the lines that follow it. Where it was is not asked: the
// program moves on, and the lines tell.
func parseHunk(lines []string) (h hunk, rest []string, err error) {
	var at, before, after int
	head, _, _ := strings.Cut(strings.TrimPrefix(lines[0], "@@ "), " @@")
	if _, err := fmt.Sscanf(head, "-%d,%d +%d,%d", &at, &before, &at, &after); err != nil {
		return h, nil, fmt.Errorf("%q is no head of a hunk: %w", lines[0], err)
	}
	for rest = lines[1:]; len(rest) > 0 && (len(h.before) < before || len(h.after) < after); rest = rest[1:] {
		sign, line := " ", ""
		if rest[0] != "" {
			sign, line = rest[0][:1], rest[0][1:]
		}
		if !strings.Contains(" +-", sign) {
			return h, nil, fmt.Errorf("%q is no line of a hunk", rest[0])
		}
		if sign != "+" {
			h.before = append(h.before, line)
		}
		if sign != "-" {
			h.after = append(h.after, line)
		}
	}
	if len(h.before) != before || len(h.after) != after {
		return h, nil, fmt.Errorf("the hunk %q has %d and %d lines", lines[0], len(h.before), len(h.after))
	}
	return h, rest, nil
}

// errStale says that a patch is of a file as it was once.
var errStale = errors.New("no longer applies")

// apply returns the text with the hunks applied. The lines of each must be in it exactly once.
func (p filePatch) apply(text string) (string, error) {
	lines := strings.Split(text, "\n")
	for i, h := range p.hunks {
		var found []int
		for at := range len(lines) - len(h.before) + 1 {
			if slices.Equal(lines[at:at+len(h.before)], h.before) {
				found = append(found, at)
			}
		}
		if len(found) != 1 {
			return "", fmt.Errorf("%w: the lines of hunk %d are %d times in %s, and must be once", errStale, i+1, len(found), p.path)
		}
		lines = slices.Concat(lines[:found[0]], h.after, lines[found[0]+len(h.before):])
	}
	return strings.Join(lines, "\n"), nil
}

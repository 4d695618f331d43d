package proof_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"payment-system/internal/proof"
)

// A run is a test that can be ended by hand, and may have failed.
type run struct {
	testing.TB
	failed, skipped bool
	cleanups        []func()
}

func (r *run) Failed() bool     { return r.failed }
func (r *run) Skipped() bool    { return r.skipped }
func (r *run) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *run) end() {
	for _, f := range r.cleanups {
		f()
	}
}

// kept returns the figures that a test left.
func kept(t *testing.T, r *run, figure *proof.Figure) []proof.Figure {
	t.Helper()
	name := filepath.Join(t.TempDir(), "figures.jsonl")
	t.Setenv("PROOF_FILE", name)
	done := proof.Begin(r, "sale", 42)
	if figure != nil {
		done(*figure)
	}
	r.end()
	text, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var figures []proof.Figure
	for line := range strings.Lines(string(text)) {
		var f proof.Figure
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		figures = append(figures, f)
	}
	return figures
}

func TestBegin(t *testing.T) { //nolint:paralleltest // It sets variables.
	t.Run("what was done is kept", func(t *testing.T) {
		got := kept(t, &run{TB: t}, &proof.Figure{Times: 3, NoLocks: 1, Note: "slowest 2 s"})
		if len(got) != 1 {
			t.Fatalf("%d figures", len(got))
		}
		f := got[0]
		if f.Row != "sale" || f.Test != t.Name() || f.Times != 3 || f.NoLocks != 1 || f.Note != "slowest 2 s" || f.Seed != 42 || f.Failed || f.Torture {
			t.Errorf("got %+v", f)
		}
		if head, err := exec.Command("git", "rev-parse", "HEAD").Output(); err == nil && (f.Of == "" || !strings.HasPrefix(string(head), strings.TrimSuffix(f.Of, "+"))) {
			t.Errorf("it is of %q, not of %s", f.Of, head)
		}
		if f.Took <= 0 || time.Since(f.At) > time.Minute || f.Cores < 1 || !strings.Contains(f.Go, "/") {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("what failed is kept as failed, though nothing was done", func(t *testing.T) {
		got := kept(t, &run{TB: t, failed: true}, nil)
		if len(got) != 1 || !got[0].Failed || got[0].Times != 0 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("what was skipped is not kept", func(t *testing.T) {
		if got := kept(t, &run{TB: t, skipped: true}, nil); len(got) != 0 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestCount(t *testing.T) { //nolint:paralleltest // It sets variables.
	for _, test := range []struct {
		torture, percent string
		want, underRace  int
	}{
		{"", "", 72, 14},
		{"", "10", 7, 7},
		{"", "1000", 720, 14},
		{"1", "", 1_000, 200},
		{"", "1", 1, 1},
	} {
		t.Setenv("TORTURE", test.torture)
		t.Setenv("FAULT_PERCENT", test.percent)
		if got := proof.Count(t, "kills"); got != test.want && got != test.underRace {
			t.Errorf("TORTURE=%s FAULT_PERCENT=%s: %d kills, want %d", test.torture, test.percent, got, test.want)
		}
		if got := proof.Count(t, "commits"); got < 1 {
			t.Errorf("FAULT_PERCENT=%s: %d rounds, want one at least", test.percent, got)
		}
	}
}

func TestSeed(t *testing.T) { //nolint:paralleltest // It sets variables.
	t.Setenv("FAULT_SEED", "42")
	if got := proof.Seed(t); got != 42 {
		t.Errorf("FAULT_SEED=42 is %d", got)
	}
	t.Setenv("FAULT_SEED", "")
	if one, other := proof.Seed(t), proof.Seed(t); one == other {
		t.Errorf("two seeds are %d", one)
	}
}

func TestRows(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, row := range proof.Rows() {
		if seen[row.ID] || row.CI < 1 || row.Torture < row.CI {
			t.Errorf("row %q is there twice, or has counts of %d and %d", row.ID, row.CI, row.Torture)
		}
		seen[row.ID] = true
		if n := strings.Count(string(page), "\n| "+row.Broken+" | "+row.Holds+" | "); n != 1 {
			t.Errorf("docs/reliability.md has row %q %d times: make it anew", row.ID, n)
		}
	}
}

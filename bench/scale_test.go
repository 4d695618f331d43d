package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	bench "payment-system/bench"
)

// Proves: selling on some set-ups leaves what is known of the others.
func TestScale_table(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "scale.md")
	for _, written := range [][2]string{
		{"tidb", "| tidb | killed | 99 |"},
		{"galera", "| galera | a node killed | 100 |"},
		{"tidb", "| tidb | killed | 100 |"},
	} {
		if err := bench.Rewrite(path, written[0], written[1]); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, lines, _ := strings.Cut(string(text), "|---|\n")
	lines, _, _ = strings.Cut(lines, "\n\n")
	if want := "| galera | a node killed | 100 |\n| tidb | killed | 100 |"; lines != want {
		t.Errorf("the table is\n%s\nwant\n%s", lines, want)
	}
}

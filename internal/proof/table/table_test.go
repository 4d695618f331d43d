package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"payment-system/internal/proof"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestRun(t *testing.T) {
	t.Parallel()
	t.Run("figures become the page", func(t *testing.T) {
		t.Parallel()
		const golden = "testdata/reliability.md"
		var got bytes.Buffer
		if err := run([]string{"testdata/figures.jsonl"}, &got); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("the page is another (-want +got), see go test ./internal/proof/table -update:\n%s", diff)
		}
	})
	t.Run("docs/reliability.md is what docs/reliability.jsonl makes", func(t *testing.T) {
		t.Parallel()
		var got bytes.Buffer
		if err := run([]string{"../../../docs/reliability.jsonl"}, &got); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile("../../../docs/reliability.md")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("make it anew, by go run ./internal/proof/table -o docs/reliability.md docs/reliability.jsonl (-want +got):\n%s", diff)
		}
	})
	t.Run("without figures every row says that it was not run", func(t *testing.T) {
		t.Parallel()
		name := filepath.Join(t.TempDir(), "page.md")
		if err := run([]string{"-o", name, written(t, "")}, nil); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "| not run | not run | not run |\n"); n != len(proof.Rows()) {
			t.Errorf("%d of %d rows say that they were not run:\n%s", n, len(proof.Rows()), text)
		}
	})
	t.Run("several files are read as one", func(t *testing.T) {
		t.Parallel()
		one := `{"row":"sale","test":"TestSale","times":2,"failed":false,"at":"2026-11-20T10:00:00Z","go":"go1.26 linux/amd64","cores":2}`
		other := strings.ReplaceAll(one, `"TestSale","times":2`, `"TestOtherSale","times":1`)
		var got bytes.Buffer
		if err := run([]string{written(t, one+"\n"), written(t, other+"\n")}, &got); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got.String(), "| 3 sales | not run | held |") {
			t.Errorf("the sales of both are not in:\n%s", got.String())
		}
	})
	for name, args := range map[string][]string{
		"no file":                  nil,
		"a file that is not there": {"testdata/none.jsonl"},
		"a line that is no figure": {written(t, "{\n")},
		"a row that there is not":  {written(t, `{"row":"luck","test":"TestLuck"}`+"\n")},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := run(args, &got); err == nil || got.Len() > 0 {
				t.Errorf("error %v after %q", err, got.String())
			}
		})
	}
}

// written returns the name of a file with the text given.
func written(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "figures.jsonl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

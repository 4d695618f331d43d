package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A line is what the test reads of the bench's.
type line struct {
	Work     string
	Measured sample
	Floor    sample
	FloorIs  string
	OfFloor  float64
}

type sample struct {
	Operations, Failed int
	PerSecond          float64
	ProcessorUs        map[string]float64
}

func TestBench(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("processor time is read from /proc")
	}
	folder := t.TempDir()
	table, lines := measure(t, folder, "--small", "--in-memory", "--statements")
	t.Run("every work is measured beside its floor", func(t *testing.T) {
		t.Parallel()
		for _, l := range lines {
			if l.Measured.Operations == 0 || l.Floor.Operations == 0 || l.OfFloor == 0 || l.FloorIs == "" {
				t.Errorf("%s: %+v", l.Work, l)
			}
			// Some of everything fails at the gateways, or is refused because others were faster.
			if l.Measured.Failed+l.Floor.Failed > 0 && !strings.HasPrefix(l.Work, "everything") {
				t.Errorf("%s: %d of the work failed, %d of its floor", l.Work, l.Measured.Failed, l.Floor.Failed)
			}
		}
		for _, work := range []string{
			"idle", "purchase", "order", "order, one hot", "sold-out", "list of products", "list of orders",
			"republish", "reconcile", "update of a watcher", "order while rows are held",
			"everything at once", "expire",
		} {
			if !strings.Contains(table, "\n"+work) {
				t.Errorf("no line about %s in\n%s", work, table)
			}
		}
	})
	t.Run("everybody's processor time is counted", func(t *testing.T) {
		t.Parallel()
		used := map[string]float64{}
		for _, l := range lines {
			for party, each := range l.Measured.ProcessorUs {
				used[party] += each
			}
		}
		for _, party := range []string{"server", "database", "redis", "simulators", "load"} {
			if used[party] == 0 {
				t.Errorf("%s used no processor time at all: %v", party, used)
			}
		}
	})
	t.Run("the statements of a purchase are listed by their shapes", func(t *testing.T) {
		t.Parallel()
		if !strings.Contains(table, "INSERT INTO orders (") || !strings.Contains(table, "(…)") {
			t.Errorf("no shapes in\n%s", table)
		}
	})
}

// measure builds the program and the bench, and runs it.
func measure(t *testing.T, folder string, args ...string) (table string, lines []line) {
	t.Helper()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", folder+"/", "payment-system", "payment-system/bench")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	file := filepath.Join(folder, "lines.jsonl")
	args = append(args, "--server", filepath.Join(folder, "payment-system"), "--json", file)
	command := exec.CommandContext(t.Context(), filepath.Join(folder, "bench"), args...)
	var out, progress bytes.Buffer
	command.Stdout, command.Stderr = &out, &progress
	if err := command.Run(); err != nil {
		t.Fatalf("bench: %v\n%s%s", err, &out, &progress)
	}
	written, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer written.Close()
	for text := bufio.NewScanner(written); text.Scan(); {
		var l line
		if err := json.Unmarshal(text.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return out.String(), lines
}

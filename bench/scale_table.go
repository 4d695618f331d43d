package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// A table is the lines of docs/scale.md by the names of their set-ups.
type table map[string]string

// readTable reads the lines that earlier runs wrote, which stay until their set-up is run again.
func readTable(path string) (table, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the table: %w", err)
	}
	lines := table{}
	for line := range strings.Lines(string(text)) {
		for _, name := range stageNames() {
			if strings.HasPrefix(line, "| "+name+" |") {
				lines[name] = strings.TrimSpace(line)
			}
		}
	}
	return lines, nil
}

func (t table) write(path string) error {
	if err := os.WriteFile(path, []byte(t.page()), 0o644); err != nil { //nolint:gosec // It is a document.
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

func (t table) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Several of each, failing

Made by `+"`make scale`"+`, which starts every server itself. On each set-up %d units are sold to %d buyers through %d replicas and a proxy that
takes them in turn; the servers fail during the sale. Buyers who are refused because something is away try again, with the same
idempotency keys. INTERNAL, NOT_FOUND and stale answers are wrong ones: what a buyer had just been told was made was not found, or
shown as it was before. "Back" is how long somebody was still refused after Redis's master or the read replica was killed;
of Galera, after a person had said which node is the cluster; of TiDB, after it answered again. A set-up keeps its line until it is run again.

| set-up | what failed | sold | refused meanwhile | INTERNAL | NOT_FOUND | stale | back | `+"`verify --gateway`"+` |
|---|---|---|---|---|---|---|---|---|
`, units, buyers, replicas)
	for _, name := range stageNames() {
		if line, ok := t[name]; ok {
			fmt.Fprintln(&b, line)
		}
	}
	b.WriteString("\nTiDB is run where TIDB_SERVER names its program: [docs/operating.md](operating.md) says how to build one.\n")
	return b.String()
}

// Command table makes docs/reliability.md of the figures that tests kept in $PROOF_FILE:
//
//	go run ./internal/proof/table -o docs/reliability.md figures.jsonl
//
// What a test kept more than once at one commit adds up; what it kept at another commit before does
// not count. Everything in the tables comes from the files; what they do not tell was not run.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"text/template"
)

//go:embed page.md
var page string

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("table", flag.ContinueOnError)
	out := flags.String("o", "", "write to this `file` instead of the standard output")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("usage: table [-o FILE] FIGURES…")
	}
	figures, err := readFigures(flags.Args())
	if err != nil {
		return err
	}
	written, err := write(figures)
	if err != nil {
		return err
	}
	if *out == "" {
		_, err := stdout.Write(written)
		return err
	}
	return os.WriteFile(*out, written, 0o644)
}

// write returns the page of figures.
func write(f figures) ([]byte, error) {
	made, err := template.New("page").Parse(page)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = made.Execute(&b, map[string]string{"Table": f.table(), "Runs": f.runs(), "Notes": f.notes(), "Tests": f.tests()})
	return b.Bytes(), err
}

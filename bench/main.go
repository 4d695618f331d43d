// Command bench measures what the program does beside its floor: what the same work costs at least when it is done
// plainly on the same servers in the same run.
//
//	go run ./bench                           measures everything, in some minutes
//	go run ./bench --work purchase,order     measures these
//	go run ./bench --server OLD --server NEW compares two builds, in turns
//
// It runs the ordinary program as a process of its own, with a MariaDB on disk, a Redis and the gateways' simulators
// that are nobody else's, speaks to it by HTTP alone, and stops by itself. Each line of its table tells how many
// operations a second there were, how long they took, and what processor time, in microseconds, the server, the
// database and Redis each used for one; "other" is the clients and the simulators, who work on the same machine. The
// line below it is its floor. Measure on Linux: processor time comes from /proc.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// commandLine is what the bench can be told.
type commandLine struct {
	Work       []string      `placeholder:"NAME" help:"What to measure; everything when empty: ${works}."`
	Clients    []int         `placeholder:"N" help:"How many purchase and order at once (1,8,64,256; 8,256)."`
	Time       time.Duration `placeholder:"DURATION" help:"How long each work lasts; its floor half as long (8s)."`
	Rounds     int           `placeholder:"N" help:"How often each is measured (1; 2 when builds are compared)."`
	Backlog    int           `placeholder:"N" help:"How many orders expire at once (1000)."`
	Rows       int           `placeholder:"N" help:"How many rows the settlement file has at least (1000)."`
	Watchers   int           `placeholder:"N" help:"How many watch a payment (200)."`
	Small      bool          `help:"Try everything with tiny counts, which measures nothing well."`
	Server     []string      `sep:"none" placeholder:"PATH" help:"A build to measure, or two to compare; or this one."`
	JSON       string        `placeholder:"FILE" help:"Also write the lines, as JSON, to this file."`
	Statements bool          `help:"Also print the statements of a purchase."`
	InMemory   bool          `help:"Keep the database in memory, where flushing costs nothing."`
	Scale      string        `placeholder:"FILE" help:"Measure nothing: sell through three replicas while servers fail, and write what came of it to this file."`
	Only       []string      `placeholder:"NAME" help:"With --scale: only these set-ups: ${stages}."`
	TiDB       string        `name:"tidb-server" env:"TIDB_SERVER" type:"existingfile" placeholder:"FILE" help:"With --scale: the program of TiDB."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C ends the process at once.
	context.AfterFunc(ctx, stop)
	var told commandLine
	kong.Parse(&told, kong.Name("bench"), kong.Description("Measures the program's work beside its floor."),
		kong.Vars{"works": strings.Join(names(works()), ", "), "stages": strings.Join(stageNames(), ", ")})
	if err := told.run(ctx, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures and reports.
func (c *commandLine) run(ctx context.Context, out, progress io.Writer) (err error) {
	wanted, err := c.works()
	if err != nil {
		return err
	}
	chosen, err := c.chosen()
	if err != nil {
		return err
	}
	before := loadAverage()
	programs, remove, err := c.programs(ctx)
	if err != nil {
		return err
	}
	defer remove()
	if c.Scale != "" {
		return c.scale(ctx, chosen, programs[0], progress)
	}
	var rigs []*rig
	defer func() {
		for _, r := range rigs {
			err = errors.Join(err, r.close())
		}
	}()
	for i, program := range programs {
		fmt.Fprintf(progress, "opening servers for build %s: %s\n", build(i), program)
		r, err := openRig(ctx, program, c.plan(), c.InMemory, progress)
		if err != nil {
			return err
		}
		rigs = append(rigs, r)
	}
	return c.measure(ctx, rigs, wanted, before, out, progress)
}

// measure tries what is wanted on the rigs, and prints what came of it. A trial that fails costs its own line only.
func (c *commandLine) measure(
	ctx context.Context, rigs []*rig, wanted []trial, load string, out, progress io.Writer,
) (err error) {
	r := report{out: out}
	if r.where, err = look(ctx, rigs[0]); err != nil {
		return err
	}
	r.where.Load = load
	if c.JSON != "" {
		file, err := os.Create(c.JSON)
		if err != nil {
			return err
		}
		defer file.Close()
		r.json = file
	}
	fmt.Fprintln(out, r.where)
	lines, err := c.try(ctx, rigs, wanted, r, progress)
	err = errors.Join(err, r.print(lines))
	if c.Statements && ctx.Err() == nil {
		err = errors.Join(err, rigs[0].printStatements(ctx, out))
	}
	return err
}

// try tries what is wanted, until ctx ends.
func (c *commandLine) try(
	ctx context.Context, rigs []*rig, wanted []trial, r report, progress io.Writer,
) (lines [][]line, err error) {
	for _, t := range wanted {
		if ctx.Err() != nil {
			break
		}
		tried, failed := t.try(ctx, rigs, c.rounds(len(rigs)), progress)
		if failed != nil {
			fmt.Fprintln(progress, failed)
			err = errors.Join(err, failed)
			continue
		}
		lines, err = append(lines, tried), errors.Join(err, r.keep(tried))
	}
	return lines, errors.Join(err, ctx.Err())
}

// plan is the whole plan or the small one, with what was said besides.
func (c *commandLine) plan() plan {
	p := wholePlan()
	if c.Small {
		p = smallPlan()
	}
	if len(c.Clients) > 0 {
		p.buyers, p.customers = c.Clients, c.Clients
	}
	if c.Time > 0 {
		p.time, p.floorTime, p.limit = c.Time, c.Time/2, wholePlan().limit
	}
	for _, counted := range []struct {
		told int
		of   *int
	}{{c.Backlog, &p.backlog}, {c.Rows, &p.rows}, {c.Watchers, &p.watchers}} {
		if counted.told > 0 {
			*counted.of = counted.told
		}
	}
	return p
}

func (c *commandLine) rounds(rigs int) int {
	if c.Rounds > 0 {
		return c.Rounds
	}
	return rigs
}

// works returns the trials that are wanted.
func (c *commandLine) works() (trials []trial, err error) {
	wanted := slices.Clone(c.Work)
	for _, w := range works() {
		at := slices.Index(wanted, w.name)
		if at < 0 && len(c.Work) > 0 {
			continue
		}
		if at >= 0 {
			wanted = slices.Delete(wanted, at, at+1)
		}
		trials = append(trials, w.trials(c.plan())...)
	}
	if len(wanted) > 0 {
		return nil, fmt.Errorf("there is no work %s: see --help", strings.Join(wanted, ", "))
	}
	return trials, nil
}

// programs are the builds to measure: those that were named, or the module around here, built.
func (c *commandLine) programs(ctx context.Context) (paths []string, remove func(), err error) {
	if len(c.Server) > 2 {
		return nil, nil, errors.New("name one --server or two")
	}
	for _, path := range c.Server {
		whole, err := filepath.Abs(path)
		if err != nil {
			return nil, nil, err
		}
		paths = append(paths, whole)
	}
	if len(paths) > 0 {
		return paths, func() {}, nil
	}
	folder, err := os.MkdirTemp("", "payment-system-bench-")
	if err != nil {
		return nil, nil, err
	}
	remove = func() { os.RemoveAll(folder) }
	path := filepath.Join(folder, "payment-system")
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "payment-system")
	if output, err := command.CombinedOutput(); err != nil {
		remove()
		return nil, nil, fmt.Errorf("build the program: %w\n%s", err, output)
	}
	return []string{path}, remove, nil
}

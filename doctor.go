package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"
)

type doctorCommand struct {
	settings
	Mail string `name:"mail" env:"DOCTOR_MAIL" placeholder:"ADDRESS" help:"Send a letter to this address."`
	JSON bool   `name:"json" env:"DOCTOR_JSON" help:"Print JSON instead of a table."`
}

// A result is how an examination ended.
type result string

const (
	sound   result = "ok"
	warned  result = "warning"
	faulty  result = "fault"
	skipped result = "skipped" // nothing is set, or what it needs is faulty
)

// A finding is what doctor found of one thing.
type finding struct {
	Check  string `json:"check"`
	Result result `json:"result"`
	Detail string `json:"detail"`
}

// discard keeps what clients log to itself: the table says it.
var discard = slog.New(slog.DiscardHandler)

// examineWithin is how long one examination may take.
const examineWithin = 15 * time.Second

// Run examines everything that serve needs, changes nothing, and ends with 1 when something is faulty.
func (c *doctorCommand) Run(ctx context.Context, w *world) error {
	redis.SetLogger(redisLog{discard})
	d := &doctor{settings: &c.settings, world: w, mailTo: c.Mail}
	found := d.examine(ctx)
	isSound := true
	for _, f := range found {
		isSound = isSound && f.Result != faulty
	}
	var err error
	if c.JSON {
		encoder := json.NewEncoder(w.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(map[string]any{"ok": isSound, "checks": found})
	} else {
		err = printFindings(w.out, found)
	}
	if err == nil && !isSound {
		return exit(1)
	}
	return err
}

func printFindings(out io.Writer, found []finding) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CHECK\tRESULT\tDETAIL")
	for _, f := range found {
		mark := string(f.Result)
		if f.Result == faulty {
			mark = "FAULT"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Check, mark, strings.ReplaceAll(f.Detail, "\n", "; "))
	}
	return table.Flush()
}

// A doctor examines what settings name.
type doctor struct {
	settings *settings
	world    *world
	mailTo   string
}

// examine returns a finding for each thing, in the order of the settings. What does not depend on each
// other is examined at the same time.
func (d *doctor) examine(ctx context.Context) []finding {
	faults := d.settings.faults()
	sections := []func(context.Context, *chart){
		d.examineDatabase, d.examineReplica, d.examineRedis, d.examineLocks, d.examineFolder, d.examineSource,
		d.examineGateways, d.examineMail,
	}
	charts := make([]chart, len(sections))
	var examining sync.WaitGroup
	for i, section := range sections {
		examining.Go(func() { section(ctx, &charts[i]) })
	}
	examining.Wait()
	var all chart
	for _, fault := range faults {
		all.add("settings", faulty, fault.Error())
	}
	if len(faults) == 0 {
		all.add("settings", sound, "nothing is missing, and nothing contradicts")
	}
	for _, c := range charts {
		all.found = append(all.found, c.found...)
	}
	return all.found
}

// A chart is findings in the making.
type chart struct{ found []finding }

func (c *chart) add(check string, r result, detail string) {
	c.found = append(c.found, finding{check, r, detail})
}

// try examines one thing. An empty detail and no error skip it. It reports whether it is sound.
func (c *chart) try(
	ctx context.Context, check string, examine func(context.Context) (detail string, err error),
) bool {
	ctx, cancel := context.WithTimeout(ctx, examineWithin)
	defer cancel()
	detail, err := examine(ctx)
	if err != nil {
		c.add(check, faulty, strings.TrimPrefix(err.Error(), check+": "))
		return false
	}
	c.add(check, sound, detail)
	return true
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"payment-system/bench/measure"
)

// A report writes lines: a table for people once all are there and, unless json is nil, an object each for programs as
// soon as they are. No figure of a work is printed without its floor's below it.
type report struct {
	out   io.Writer
	json  io.Writer
	where surroundings
}

const heading = "work\tclients\t/s\tp50 ms\tp99 ms\tserver µs\tdatabase µs\tRedis µs\tother µs\t" +
	"statements\tcommits\tRSS MiB\tof floor\tp50 ×\tfailed\n"

// keep writes the lines of one trial for programs.
func (r report) keep(builds []line) error {
	if r.json == nil {
		return nil
	}
	encoder := json.NewEncoder(r.json)
	for _, l := range builds {
		if err := encoder.Encode(r.record(l)); err != nil {
			return err
		}
	}
	return nil
}

// print prints the table.
func (r report) print(lines [][]line) error {
	table := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, heading)
	for _, builds := range lines {
		for _, l := range builds {
			r.row(table, l, len(builds) > 1)
		}
		if len(builds) == 2 {
			comparison(table, builds[0], builds[1])
		}
	}
	return table.Flush()
}

// row prints a line and, below it, its floor.
func (r report) row(table io.Writer, l line, named bool) {
	work := l.trial.work
	if named {
		work = l.build + ": " + work
	}
	clients := "–"
	if l.trial.clients > 0 {
		clients = fmt.Sprint(l.trial.clients)
	}
	slower := "–"
	if len(l.measured.Latencies) > 0 && len(l.floor.Latencies) > 0 {
		slower = figure(l.slower())
	}
	fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n",
		work, clients, cells(l.measured), fmt.Sprint(l.measured.PeakRSS>>20), figure(l.ofFloor()), slower,
		l.measured.Failed)
	fmt.Fprintf(table, "   floor: %s\t\t%s\t\t\t\t%d\n",
		l.trial.floorIs, cells(l.floor), l.floor.Failed)
}

// ofFloor is the work's rate as a share of its floor's.
func (l line) ofFloor() float64 { return measure.Ratio(l.measured.Rate(), l.floor.Rate()) }

// slower is how many times longer half of the work's operations take than half of the floor's.
func (l line) slower() float64 {
	return measure.Ratio(l.measured.Latencies.Quantile(0.5).Seconds(), l.floor.Latencies.Quantile(0.5).Seconds())
}

// cells are the columns from the rate to the commits.
func cells(s measure.Sample) string {
	p50, p99 := "–", "–"
	if len(s.Latencies) > 0 {
		p50, p99 = milliseconds(s.Latencies.Quantile(0.5)), milliseconds(s.Latencies.Quantile(0.99))
	}
	return fmt.Sprintf("%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%s\t%s", figure(s.Rate()), p50, p99,
		s.Microseconds(measure.Server), s.Microseconds(measure.Database), s.Microseconds(measure.Redis),
		s.Microseconds(measure.Simulators, measure.Load), figure(s.StatementsEach()), figure(s.CommitsEach()))
}

func milliseconds(d time.Duration) string { return figure(float64(d.Microseconds()) / 1000) }

// figure writes three digits or more: nobody measures better.
func figure(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.2f", value)
	}
}

// comparison prints what the second build has for each one of the first's.
func comparison(table io.Writer, a, b line) {
	of := func(get func(measure.Sample) float64) string {
		if get(a.measured) == 0 {
			return "–"
		}
		return figure(measure.Ratio(get(b.measured), get(a.measured)))
	}
	quantile := func(q float64) string {
		return of(func(s measure.Sample) float64 { return s.Latencies.Quantile(q).Seconds() })
	}
	party := func(parties ...measure.Party) string {
		return of(func(s measure.Sample) float64 { return s.Microseconds(parties...) })
	}
	fmt.Fprintf(table, "B/A\t\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\t\t\n",
		of(measure.Sample.Rate), quantile(0.5), quantile(0.99),
		party(measure.Server), party(measure.Database), party(measure.Redis), party(measure.Simulators, measure.Load),
		of(measure.Sample.StatementsEach), of(measure.Sample.CommitsEach),
		of(func(s measure.Sample) float64 { return float64(s.PeakRSS) }))
}

// A record is a line as JSON has it.
type record struct {
	Work     string       `json:"work"`
	Clients  int          `json:"clients"`
	Build    string       `json:"build"`
	Measured figures      `json:"measured"`
	FloorIs  string       `json:"floorIs"`
	Floor    figures      `json:"floor"`
	OfFloor  float64      `json:"ofFloor"`
	Slower   float64      `json:"p50TimesFloor"`
	Where    surroundings `json:"where"`
}

// figures are a sample as JSON has it: costs are for one operation.
type figures struct {
	Operations   int                       `json:"operations"`
	Failed       int                       `json:"failed"`
	Seconds      float64                   `json:"seconds"`
	Rate         float64                   `json:"perSecond"`
	P50          float64                   `json:"p50Ms"`
	P99          float64                   `json:"p99Ms"`
	Microseconds map[measure.Party]float64 `json:"processorUs"`
	Statements   float64                   `json:"statements"`
	Commits      float64                   `json:"commits"`
	PeakRSS      int64                     `json:"serverPeakRssBytes"`
}

func (r report) record(l line) record {
	return record{
		Work: l.trial.work, Clients: l.trial.clients, Build: l.build, FloorIs: l.trial.floorIs,
		Measured: figuresOf(l.measured), Floor: figuresOf(l.floor),
		OfFloor: l.ofFloor(), Slower: l.slower(), Where: r.where,
	}
}

func figuresOf(s measure.Sample) figures {
	f := figures{
		Operations: s.Operations, Failed: s.Failed, Seconds: s.Elapsed.Seconds(), Rate: s.Rate(),
		P50:        s.Latencies.Quantile(0.5).Seconds() * 1000,
		P99:        s.Latencies.Quantile(0.99).Seconds() * 1000,
		Statements: s.StatementsEach(), Commits: s.CommitsEach(), PeakRSS: s.PeakRSS,
		Microseconds: map[measure.Party]float64{},
	}
	for party := range s.Processor {
		f.Microseconds[party] = s.Microseconds(party)
	}
	return f
}

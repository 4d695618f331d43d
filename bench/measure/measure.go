// Package measure counts what work costs: how long its operations took, what processor time the processes behind it
// used, and what statements and transactions the database carried out for it.
package measure

import (
	"maps"
	"time"
)

// A Party is one of those who share the processors while something is measured.
type Party string

// The parties. A load is whoever asks: the clients themselves.
const (
	Server     Party = "server"
	Database   Party = "database"
	Redis      Party = "redis"
	Simulators Party = "simulators"
	Load       Party = "load"
)

// A Run is what the clients saw of some work.
type Run struct {
	Operations int // those that succeeded
	Failed     int
	Elapsed    time.Duration // from the first request to the last answer
	Latencies  Latencies     // one for each operation; none when operations have no client who waits
}

// A Sample is a Run and what it cost, until nothing of it was left to do.
type Sample struct {
	Run
	Processor  map[Party]time.Duration // what each used, in all its threads
	Statements int                     // what clients of the database sent it, whoever they were
	Commits    int                     // of transactions that wrote
	PeakRSS    int64                   // bytes, of the server
}

// Merge adds another sample of the same work.
func (s *Sample) Merge(other Sample) {
	s.Operations += other.Operations
	s.Failed += other.Failed
	s.Elapsed += other.Elapsed
	s.Latencies = append(s.Latencies, other.Latencies...)
	s.Statements += other.Statements
	s.Commits += other.Commits
	s.PeakRSS = max(s.PeakRSS, other.PeakRSS)
	total := maps.Clone(s.Processor)
	if total == nil {
		total = map[Party]time.Duration{}
	}
	for party, used := range other.Processor {
		total[party] += used
	}
	s.Processor = total
}

// Rate returns how many operations a second there were.
func (s Sample) Rate() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.Operations) / s.Elapsed.Seconds()
}

// Microseconds returns the processor time that the parties used together for one operation.
func (s Sample) Microseconds(parties ...Party) float64 {
	var used time.Duration
	for _, party := range parties {
		used += s.Processor[party]
	}
	return s.each(float64(used.Microseconds()))
}

// StatementsEach returns the statements of one operation.
func (s Sample) StatementsEach() float64 { return s.each(float64(s.Statements)) }

// CommitsEach returns the commits of one operation.
func (s Sample) CommitsEach() float64 { return s.each(float64(s.Commits)) }

func (s Sample) each(total float64) float64 {
	if s.Operations == 0 {
		return 0
	}
	return total / float64(s.Operations)
}

// Ratio returns a/b, or 0 when b is 0.
func Ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

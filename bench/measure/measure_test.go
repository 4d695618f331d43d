package measure_test

import (
	"os"
	"testing"
	"time"

	"payment-system/bench/measure"
)

func TestLatencies_Quantile(t *testing.T) {
	t.Parallel()
	hundred := make(measure.Latencies, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100-i) * time.Millisecond // in reverse: nobody promises an order
	}
	tests := []struct {
		name string
		of   measure.Latencies
		q    float64
		want time.Duration
	}{
		{"half of a hundred", hundred, 0.5, 50 * time.Millisecond},
		{"99 of a hundred", hundred, 0.99, 99 * time.Millisecond},
		{"all", hundred, 1, 100 * time.Millisecond},
		{"none of them", hundred, 0, time.Millisecond},
		{"of one", measure.Latencies{time.Second}, 0.99, time.Second},
		{"half of three is the middle", measure.Latencies{3, 1, 2}, 0.5, 2},
		{"of nothing", nil, 0.5, 0},
	}
	for _, test := range tests {
		if got := test.of.Quantile(test.q); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if hundred[0] != 100*time.Millisecond {
		t.Error("a quantile sorted what it was asked about")
	}
}

func TestSample(t *testing.T) {
	t.Parallel()
	half := measure.Sample{
		Run: measure.Run{Operations: 10, Failed: 1, Elapsed: time.Second, Latencies: measure.Latencies{1, 2}},
		Processor: map[measure.Party]time.Duration{
			measure.Server: 20 * time.Millisecond, measure.Redis: time.Millisecond,
		},
		Statements: 50, Commits: 5, PeakRSS: 7,
	}
	var whole measure.Sample
	whole.Merge(half)
	other := half
	other.PeakRSS = 9
	whole.Merge(other)
	t.Run("samples of the same work add up", func(t *testing.T) {
		t.Parallel()
		if whole.Operations != 20 || whole.Failed != 2 || whole.Elapsed != 2*time.Second ||
			len(whole.Latencies) != 4 || whole.PeakRSS != 9 {
			t.Errorf("two halves are %+v", whole)
		}
		if half.Processor[measure.Server] != 20*time.Millisecond {
			t.Errorf("merging changed what was merged: %v", half.Processor)
		}
	})
	t.Run("costs are for one operation", func(t *testing.T) {
		t.Parallel()
		if whole.Rate() != 10 || whole.StatementsEach() != 5 || whole.CommitsEach() != 0.5 {
			t.Errorf("rate %v, statements %v, commits %v", whole.Rate(), whole.StatementsEach(), whole.CommitsEach())
		}
		if got := whole.Microseconds(measure.Server, measure.Redis); got != 2100 {
			t.Errorf("%v µs of server and Redis, want 2100", got)
		}
	})
	t.Run("nothing costs nothing", func(t *testing.T) {
		t.Parallel()
		var none measure.Sample
		if none.Rate() != 0 || none.StatementsEach() != 0 || none.Microseconds(measure.Server) != 0 ||
			measure.Ratio(1, 0) != 0 {
			t.Error("a sample of nothing has figures")
		}
	})
}

func TestProcessorTime(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("only Linux tells processor time by files")
	}
	before, err := measure.ProcessorTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		after, err := measure.ProcessorTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after > before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("ten seconds of work took no processor time")
		}
	}
	if peak, err := measure.PeakRSS(os.Getpid()); err != nil || peak < 1<<20 {
		t.Errorf("this test has %d bytes resident (%v)", peak, err)
	}
	if _, err := measure.ProcessorTime(1 << 30); err == nil {
		t.Error("a process that there is not has a processor time")
	}
}

func TestShaper_Shape(t *testing.T) {
	t.Parallel()
	tests := []struct{ statement, want string }{
		{"COMMIT", "COMMIT"},
		{
			"SELECT a FROM b1 WHERE c = 'it\\'s' AND d = 'x''y' LIMIT 20",
			"SELECT a FROM b1 WHERE c = ? AND d = ? LIMIT ?",
		},
		{"INSERT INTO t (a, b) VALUES ('1', 2), (_binary'\x00', NULL)", "INSERT INTO t (a, b) VALUES (…)"},
		{"SELECT a\n\tFROM b WHERE c IN ('1','2', '3')", "SELECT a FROM b WHERE c IN (…)"},
	}
	shaper := measure.NewShaper()
	for _, test := range tests {
		if got := shaper.Shape(test.statement); got != test.want {
			t.Errorf("%q has the shape %q, want %q", test.statement, got, test.want)
		}
	}
}

// Package proof says how often the tests break each thing, and keeps what came of it: the figures
// of docs/reliability.md. It is for tests, and for the command in internal/proof/table that makes
// the document of what they kept.
//
// TORTURE=1 asks for the large counts. FAULT_PERCENT makes any count smaller, or larger, than the
// table says; figures are of what was really done. FAULT_SEED repeats the dice of a run.
// PROOF_FILE names the file that figures are appended to; without it none are kept.
package proof

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Row is a line of the table: one thing that is broken, and what must hold all the same.
type Row struct {
	ID      string
	Broken  string // what is done
	Holds   string // what must be so after it
	Unit    string // what is counted
	CI      int    // how often in every run of the tests, or for bugs of .ci/run: enough to find what is planted
	Torture int    // how often in make torture
}

// Rows are the lines of the table, in its order.
func Rows() []Row {
	return []Row{
		{"kills", "kill -9 of the service at each named crash point of order, ready, approve, cancel, reconcile and project, in turn, and at random", "nothing is lost or doubled; all is resolved within 60 s of the restart", "kills", 72, 1_000},
		{"database", "MariaDB is killed and started again under load", "what was acknowledged is there", "kills", 6, 100},
		{"sale", "Redis is flushed or killed every 200 ms while 1,000 buyers want 100 units, and locks expire before the work is done", "exactly 100 are sold", "sales", 1, 50},
		{"lost", "the gateway approves, and its answer is lost", "none fails, none is charged twice, all end approved", "approvals", 40, 5_000},
		{"parallel", "one payment is approved 50 times at once over three replicas", "the money is taken once, and all get the same answer", "payments", 6, 500},
		{"races", "approval, cancelation and expiry of one order race, from seeds", "the order is paid, or it ended and the gateway holds nothing of it", "races", 100, 10_000},
		{"refunds", "20 refunds of 10 % and one of all at once, keys repeated", "no more is given back than was taken, and each key has one effect", "payments", 8, 500},
		{"lies", "the gateway answers with another amount, order, currency or status, cut JSON, a redirect, 10 MiB, or a byte a second", "no order is paid wrongly, and each finds its right end", "rounds of all lies", 2, 100},
		{"webhooks", "webhooks come eight times each, in every order of four events, before the answer, forged, and while the row is locked", "only what a look-up says is done, once", "rounds of all orders", 2, 20},
		{"commits", "the answer to COMMIT is lost, at each commit of each flow in turn", "what was committed is done once, what was not is done again", "rounds of all commits", 1, 20},
		{"stops", "the holder of a lease is stopped past its end, and another goes on", "what the first writes late is refused", "stops", 10, 100},
		{"histories", "8 clients, 200 operations each, on stock and payments", "each history is one that a single clerk could have written (porcupine)", "histories", 6, 500},
		{"model", "random sequences of commands against gateways that fail", "books, stock and ledger are what the model of the state machines says (rapid)", "sequences", 160, 100_000},
		{"locks", "locks that do nothing", "all of the above on stock and payments holds", "of the above", 1, 1},
		{"bugs", "a bug is planted in the program", "a test fails", "bugs", 5, 15},
	}
}

// Find returns the row of the id given, which there must be.
func Find(t testing.TB, id string) Row {
	t.Helper()
	for _, row := range Rows() {
		if row.ID == id {
			return row
		}
	}
	t.Fatalf("there is no row %q", id)
	return Row{}
}

// Torture tells whether the large counts are asked for.
func Torture() bool { return os.Getenv("TORTURE") == "1" }

// Within is how long a test lets something take that is promised to take less: just that in a torture run, on a machine of
// its own, and ten times as long where the machine may be busy.
func Within(promised time.Duration) time.Duration {
	if Torture() {
		return promised
	}
	return 10 * promised
}

// Count returns how often the row's thing is to be done: once at least. Under the race detector a
// fifth will do.
func Count(t testing.TB, id string) int {
	t.Helper()
	row := Find(t, id)
	n := row.CI
	if Torture() {
		n = row.Torture
	}
	percent, err := strconv.Atoi(cmp.Or(os.Getenv("FAULT_PERCENT"), "100"))
	if err != nil || percent < 1 {
		t.Fatalf("set FAULT_PERCENT to a number from 1: it is %q", os.Getenv("FAULT_PERCENT"))
	}
	if raceDetector {
		percent = min(percent, 20)
	}
	return max(1, n*percent/100)
}

// Seed returns FAULT_SEED, or another one each time, and logs it.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("FAULT_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("set FAULT_SEED to a number: it is %q", text)
		}
		seed = n
	}
	t.Logf("FAULT_SEED=%d", seed)
	return seed
}

// A Figure is what came of breaking a thing.
type Figure struct {
	Row     string        `json:"row"`
	Test    string        `json:"test"`
	Torture bool          `json:"torture"`
	Times   int           `json:"times"`
	NoLocks int           `json:"noLocks"` // how many of these with locks that do nothing
	Note    string        `json:"note,omitempty"`
	Seed    uint64        `json:"seed,omitempty"`
	Failed  bool          `json:"failed"`
	Took    time.Duration `json:"took"`
	At      time.Time     `json:"at"`    // when it ended
	Of      string        `json:"of"`    // the commit that was tested, with a "+" where something was changed since
	Go      string        `json:"go"`    // the version, the system and the processor
	Cores   int           `json:"cores"` // that the test had
}

// Begin starts the clock of a figure, and returns what says at the end of the test's work what was
// done. The figure is kept when t ends: then it is known whether it failed.
func Begin(t testing.TB, id string, seed uint64) (done func(Figure)) {
	t.Helper()
	Find(t, id)
	began := time.Now()
	figure := Figure{Row: id, Seed: seed}
	t.Cleanup(func() {
		figure.Test, figure.Torture, figure.Failed, figure.Of = t.Name(), Torture(), t.Failed(), commit()
		figure.At, figure.Go, figure.Cores = time.Now().UTC().Truncate(time.Second), runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH, runtime.GOMAXPROCS(0)
		if figure.Took == 0 {
			figure.Took = time.Since(began)
		}
		keep(t, figure)
	})
	return func(f Figure) {
		figure.Times, figure.NoLocks, figure.Note, figure.Took = f.Times, f.NoLocks, f.Note, time.Since(began)
	}
}

// commit is the short name of the commit that is checked out; "" where nobody knows.
var commit = sync.OnceValue(func() string {
	name, err := exec.Command("git", "rev-parse", "--short=10", "HEAD").Output()
	if err != nil {
		return ""
	}
	changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no", ":/", ":(top,exclude)docs/reliability.*").Output()
	if err != nil || len(changed) > 0 {
		return strings.TrimSpace(string(name)) + "+"
	}
	return strings.TrimSpace(string(name))
})

func keep(t testing.TB, figure Figure) {
	t.Helper()
	name := os.Getenv("PROOF_FILE")
	if name == "" || t.Skipped() {
		return
	}
	line, err := json.Marshal(figure)
	if err != nil {
		t.Errorf("keep a figure: %v", err)
		return
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Errorf("keep a figure: %v", err)
		return
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		t.Errorf("keep a figure: %v", err)
	}
}

package bugs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"payment-system/internal/devservers"
	"payment-system/internal/proof"
)

// root is the folder of the module.
const root = "../.."

// fewest is how many bugs there must be, and fewestPlanted how many are planted at least.
const fewest, fewestPlanted = 15, 5

// atOnce is how many bugs are planted at a time: each compiles a package, which takes all a core has.
const atOnce = 2

// TestBugs plants every bug by itself and wants the tests that its head names to fail, and to pass
// without it. It takes minutes: BUGS=all asks for it, or BUGS=changed for those that concern what
// changed lately.
func TestBugs(t *testing.T) {
	t.Parallel()
	bugs := chosen(t, readBugs(t))
	lab := openLab(t)
	done := proof.Begin(t, "bugs", 0)
	t.Run("without a bug the same tests pass", func(t *testing.T) {
		for pkg, aims := range selections(bugs) {
			t.Run(pkg, func(t *testing.T) {
				t.Parallel()
				for i, got := range lab.try(t, aims, nil) {
					if got.verdict != survived {
						t.Errorf("%s -run '%s' %s:\n%s", pkg, aims[i].run, got.verdict, got.output)
					}
				}
			})
		}
	})
	var mu sync.Mutex
	var planted []result
	t.Run("planted", func(t *testing.T) {
		for _, b := range bugs {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				got := lab.plant(t, b)
				mu.Lock()
				defer mu.Unlock()
				planted = append(planted, got)
			})
		}
	})
	done(proof.Figure{Times: len(planted), Note: noteOf(planted)})
}

// TestPatches wants every bug to fit today's program. It needs no servers, and .ci/check runs it
// before anything slow.
func TestPatches(t *testing.T) {
	t.Parallel()
	for _, b := range readBugs(t) {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			patch(t, b)
		})
	}
}

// noteOf says how many were caught, how many of them by tests of the table too, and how long the
// slowest took.
func noteOf(planted []result) string {
	noticed, byTable := 0, 0
	var slowest time.Duration
	for _, r := range planted {
		if r.verdict == caught {
			noticed++
		}
		if r.byTable {
			byTable++
		}
		slowest = max(slowest, r.took)
	}
	return fmt.Sprintf("%d of %d caught, %d of them by the tests of this table too; the slowest, compiling included, in %.1f s",
		noticed, len(planted), byTable, slowest.Seconds())
}

// readBugs reads every patch, in order of their names.
func readBugs(t *testing.T) []bug {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.patch")
	if err != nil {
		t.Fatal(err)
	}
	var bugs []bug
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := parseBug(strings.TrimSuffix(filepath.Base(path), ".patch"), string(text))
		if err != nil {
			t.Fatal(err)
		}
		bugs = append(bugs, b)
	}
	if len(bugs) < fewest {
		t.Fatalf("there are %d bugs to plant, and must be %d", len(bugs), fewest)
	}
	return bugs
}

// selections are the tests that bugs name, by package: those that depend on no count all together.
func selections(bugs []bug) map[string][]aim {
	aims := map[string][]aim{}
	for _, b := range bugs {
		for _, a := range b.aims {
			at := slices.IndexFunc(aims[a.pkg], func(known aim) bool { return known.percent == a.percent && !a.ofTable() })
			switch {
			case slices.Contains(aims[a.pkg], a):
			case at < 0:
				aims[a.pkg] = append(aims[a.pkg], a)
			case !slices.Contains(strings.Split(aims[a.pkg][at].run, "|"), a.run):
				aims[a.pkg][at].run += "|" + a.run
			}
		}
	}
	return aims
}

// A verdict is what came of running tests.
type verdict string

const (
	caught     verdict = "fails, as it must"
	survived   verdict = "passes"
	nothingRan verdict = "selects no test"
	outOfTime  verdict = "runs out of time"
	fellOver   verdict = "falls over instead of failing"
	unclear    verdict = "ends in a way that tells nothing"
)

// judge reads what a test program said. Only a test that says so has failed: running out of time, or
// falling over, proves nothing.
func judge(output string, passed bool) verdict {
	has := func(line string) bool { return strings.Contains("\n"+output, "\n"+line) }
	switch {
	case passed && has("testing: warning: no tests to run"):
		return nothingRan
	case passed:
		return survived
	case has("panic: test timed out"):
		return outOfTime
	case has("panic: "), has("fatal error: "):
		return fellOver
	case has("--- FAIL: "):
		return caught
	}
	return unclear
}

// A result is a verdict and what it was read from.
type result struct {
	verdict
	output  string
	took    time.Duration
	byTable bool // tests of the table noticed
}

// failures matches the names of the tests that failed.
var failures = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// noticedBy names the tests that failed, without those whose subtests did.
func (r result) noticedBy() []string {
	var names []string
	for _, match := range failures.FindAllStringSubmatch(r.output, -1) {
		if n := len(names); n > 0 && strings.HasPrefix(match[1], names[n-1]+"/") {
			names = names[:n-1]
		}
		names = append(names, match[1])
	}
	return names
}

// A lab builds test programs and runs them.
type lab struct {
	dir         string
	environment []string
	places      chan struct{}
}

// openLab opens a lab whose test programs share a database server and a Redis: those of this run,
// if it has some.
func openLab(t *testing.T) *lab {
	t.Helper()
	if err := lookAtSource(root); err != nil {
		t.Fatal(err)
	}
	l := &lab{dir: t.TempDir(), places: make(chan struct{}, atOnce)}
	dsn, redis := os.Getenv("MYSQL_DSN"), os.Getenv("REDIS_ADDRS")
	servers, err := devservers.Start(t.Context(), devservers.Config{InMemory: true, Progress: os.Stderr, SkipMySQL: dsn != "", SkipRedis: redis != ""})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
	})
	// What the bugs break is no figure of this run, and needs no torture.
	l.environment = append(os.Environ(), "PROOF_FILE=", "TORTURE=", "FAULT_PERCENT=5")
	if dsn == "" {
		l.environment = append(l.environment, "MYSQL_DSN="+servers.MySQLDSN)
	}
	if redis == "" {
		l.environment = append(l.environment, "REDIS_ADDRS="+servers.RedisAddr)
	}
	return l
}

// lookAtSource visits every folder of the program: go test repeats an old result only as long as
// what a test looked at is as it was.
func lookAtSource(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(entry.Name(), ".") && path != root
		if err == nil && entry.IsDir() && (hidden || entry.Name() == "bin") {
			return fs.SkipDir
		}
		return err
	})
}

// plant tries a bug, and says so when nothing notices it.
func (l *lab) plant(t *testing.T, b bug) result {
	t.Helper()
	replaced := patch(t, b)
	sum := result{verdict: caught}
	for pkg, aims := range selections([]bug{b}) {
		for i, got := range l.try(t, aims, replaced) {
			sum.took += got.took
			if got.verdict != caught {
				sum.verdict = got.verdict
				t.Errorf("planted: %s. It breaks rule %s\n%s -run '%s' %s:\n%s", b.what, b.rule, pkg, aims[i].run, got.verdict, got.output)
				continue
			}
			sum.byTable = sum.byTable || aims[i].ofTable()
			t.Logf("%s: caught in %.1f s by %s", b.what, got.took.Seconds(), strings.Join(got.noticedBy(), ", "))
		}
	}
	return sum
}

// patch is patched, and says what to do about a patch that is stale.
func patch(t *testing.T, b bug) map[string]string {
	t.Helper()
	replaced, err := patched(t.TempDir(), b)
	if errors.Is(err, errStale) {
		t.Fatalf("the patch %s.patch %v. Plant the bug anew in today's program, and write its diff again.", b.name, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return replaced
}

// patched writes copies of the files that a bug changes, and returns which are to be read instead of
// which.
func patched(dir string, b bug) (map[string]string, error) {
	replaced := map[string]string{}
	for i, file := range b.files {
		path, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(file.path)))
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: there is no %s", errStale, file.path)
		}
		if err != nil {
			return nil, err
		}
		changed, err := file.apply(string(text))
		if err != nil {
			return nil, err
		}
		replaced[path] = filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(replaced[path], []byte(changed), 0o600); err != nil {
			return nil, err
		}
	}
	return replaced, nil
}

// try builds the test program of the package that all aims are in, with some files replaced, and
// runs the tests of each aim by itself. What does not compile proves nothing, and ends t.
func (l *lab) try(t *testing.T, aims []aim, replaced map[string]string) (results []result) {
	t.Helper()
	l.places <- struct{}{}
	defer func() { <-l.places }()
	began := time.Now()
	program := l.build(t, aims[0].pkg, replaced)
	for _, a := range aims {
		got := l.run(t, program, a)
		got.took, began = time.Since(began), time.Now()
		results = append(results, got)
	}
	return results
}

// build builds the test program of a package, with some files replaced.
func (l *lab) build(t *testing.T, pkg string, replaced map[string]string) (program string) {
	t.Helper()
	overlay, err := json.Marshal(map[string]any{"Replace": maps.Clone(replaced)})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "program.test")
	// Not optimized, and without tables for debuggers, it is built in three quarters of the time.
	build := []string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-gcflags=-N -l", "-overlay=" + filepath.Join(dir, "overlay.json"), "-o", program, pkg}
	if output, err := l.command(t.Context(), root, "go", build...).CombinedOutput(); err != nil {
		t.Fatalf("%s does not compile: %v\n%s", pkg, err, output)
	}
	return program
}

// run runs the tests of an aim.
func (l *lab) run(t *testing.T, program string, a aim) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	args := []string{"-test.run=" + a.run, "-test.timeout=2m"}
	if usesRapid(t, a.pkg) {
		args = append(args, "-rapid.nofailfile", "-rapid.shrinktime=1s") // what fails here is to be forgotten
	}
	tests := l.command(ctx, filepath.Join(root, a.pkg), program, args...)
	if a.ofTable() {
		tests.Env = append(slices.Clone(tests.Env), "FAULT_PERCENT="+a.percent)
	}
	var output bytes.Buffer
	tests.Stdout, tests.Stderr = &output, &output
	err := tests.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("run the tests of %s: %v", a.pkg, err)
	}
	return result{verdict: judge(output.String(), err == nil), output: clip(output.String())}
}

// usesRapid tells whether the tests of a package keep what failed, to try it first the next time.
func usesRapid(t *testing.T, pkg string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(text, []byte(`"pgregory.net/rapid"`))
	})
}

// clip keeps the beginning of what a program said.
func clip(said string) string {
	const most = 16 << 10
	if len(said) <= most {
		return said
	}
	return said[:most] + "\n…"
}

func (l *lab) command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Env = dir, l.environment
	return command
}

package faulttest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

// builds is where the program is built; it goes when the tests end.
var builds = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "payment-system-faulttest-") })

// silence keeps what a Redis client says of a Redis that is meant to be away.
type silence struct{}

// Printf says nothing.
func (silence) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	redis.SetLogger(silence{})
	code := m.Run()
	if dir, err := builds(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// binary is the program that can be told to fail, built once.
var binary = sync.OnceValues(func() (string, error) { return build("payment-system", "-tags", "failpoint") })

// build builds the program under a name, with flags of go build.
func build(name string, flags ...string) (string, error) {
	dir, err := builds()
	if err != nil {
		return "", err
	}
	if err := lookAtSource(".."); err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	command := exec.Command("go", slices.Concat([]string{"build", "-o", path}, flags, []string{"."})...)
	command.Dir = ".."
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, output)
	}
	return path, nil
}

// lookAtSource visits every folder the program is built from: go test repeats an old result only
// as long as what a test looked at is as it was.
func lookAtSource(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(entry.Name(), ".") && path != root
		if err == nil && entry.IsDir() && (hidden || entry.Name() == "bin" || entry.Name() == "faulttest") {
			return fs.SkipDir
		}
		return err
	})
}

// A process is a running program.
type process struct {
	command *exec.Cmd
	said    *tail
	ended   chan struct{} // closed when it is reaped
}

// A tail keeps the beginning and the end of what a process says.
type tail struct {
	mu         sync.Mutex
	head, last bytes.Buffer
	all        io.Writer // also gets everything, unless nil
}

const tailSize = 64 << 10

// Write keeps the text, and forgets what is neither first nor last.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all != nil {
		if n, err := t.all.Write(p); err != nil {
			return n, err
		}
	}
	if t.head.Len() < 4<<10 {
		return t.head.Write(p)
	}
	if t.last.Len() > 2*tailSize {
		t.last.Next(t.last.Len() - tailSize)
	}
	return t.last.Write(p)
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.head.String() + t.last.String()
}

// start starts the program; it is killed when the test ends. What it says goes to log, too, unless
// that is nil.
func start(t *testing.T, log io.Writer, environment []string, args ...string) *process {
	t.Helper()
	p, err := launch(log, environment, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// launch starts and reaps a process from one thread, so that it dies with this process and not
// with the thread.
func launch(log io.Writer, environment []string, args ...string) (*process, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.Command(path, args...), said: &tail{all: log}, ended: make(chan struct{})}
	p.command.Env = environ(environment)
	p.command.Stdout, p.command.Stderr = p.said, p.said
	p.command.SysProcAttr = diesWithUs()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.command.Start()
		started <- err
		if err == nil {
			p.command.Wait()
			close(p.ended)
		}
	}()
	return p, <-started
}

// environ is an environment with nothing of the tests' but what a process needs.
func environ(given []string) []string {
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			given = append(given, name+"="+value)
		}
	}
	return given
}

// kill ends the process as a power cut would, and returns when it is gone.
func (p *process) kill() {
	p.command.Process.Kill()
	<-p.ended
}

// pause stops the process where it is; resume lets it go on.
func (p *process) pause() error  { return p.command.Process.Signal(syscall.SIGSTOP) }
func (p *process) resume() error { return p.command.Process.Signal(syscall.SIGCONT) }

// run runs the program to its end, and returns what it said and its exit code.
func run(ctx context.Context, t *testing.T, environment []string, args ...string) (said string, code int) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(ctx, path, args...)
	command.Env = environ(environment)
	output, err := command.CombinedOutput()
	if err != nil && command.ProcessState == nil {
		t.Fatalf("run %s: %v", strings.Join(args, " "), err)
	}
	return string(output), command.ProcessState.ExitCode()
}

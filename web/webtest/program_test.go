package webtest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"payment-system/internal/shoptest"
)

// binary is the program, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "payment-system-webtest-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "payment-system")
	atEnd(func() error { return os.RemoveAll(dir) })
	out, err := exec.CommandContext(context.Background(), "go", "build", "-o", path, "payment-system").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
})

// A tether is a shell that ends its program when we let go of it, or die.
const tether = `"$@" </dev/null & cat >/dev/null; kill $!; wait $!`

// A program is a running dev or serve.
type program struct {
	url     string
	mailbox string            // where mails can be read
	said    map[string]string // what dev said on its start
	log     *shoptest.Log

	command *exec.Cmd
	rope    io.Closer
	ended   func() error

	operators session
}

// start starts the program with an environment of its own; nothing of the tests' is left in it but
// what a process needs.
func start(environment []string, args ...string) (*program, io.Reader, error) {
	path, err := binary()
	if err != nil {
		return nil, nil, err
	}
	p := &program{said: map[string]string{}, log: &shoptest.Log{}}
	p.command = exec.CommandContext(context.Background(), "/bin/sh", append([]string{"-c", tether, "tether", path}, args...)...)
	p.command.Env = append(ownEnvironment(), environment...)
	p.command.Stderr = p.log
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if p.rope, err = p.command.StdinPipe(); err != nil {
		return nil, nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, nil, err
	}
	p.ended = sync.OnceValue(func() error { return errors.Join(p.rope.Close(), p.command.Wait()) })
	return p, out, nil
}

func ownEnvironment() (environment []string) {
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// startDev starts dev on ports of its own and waits until it is ready.
func startDev(environment ...string) (*program, error) {
	environment = append([]string{"HTTP_ADDR=127.0.0.1:0", "PGSIM_ADDR=127.0.0.1:0", "LOG_LEVEL=warn"}, environment...)
	p, out, err := start(environment, "dev")
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for p.said["password"] == "" && lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) > 1 {
			p.said[words[0]] = strings.Join(words[1:], " ")
		}
	}
	if p.said["password"] == "" {
		return nil, errors.Join(errors.New("dev did not start: "+p.log.String()), p.ended())
	}
	go io.Copy(io.Discard, out)
	p.url, p.mailbox = strings.TrimSuffix(p.said["GraphQL"], "/graphql"), strings.TrimSuffix(p.said["mailbox"], "/")
	return p, nil
}

// sim is where the simulators are.
func (p *program) sim() string { return strings.TrimSuffix(p.said["simulators"], "/sim/") }

// environment names the servers and simulators of dev to other commands.
func (p *program) environment() []string {
	return []string{
		"MYSQL_DSN=" + p.said["MYSQL_DSN"], "REDIS_ADDRS=" + p.said["REDIS_ADDRS"],
		"KAKAO_BASE_URL=" + p.sim() + "/kakao", "KAKAO_SECRET_KEY=DEV0000000000000000000000000000000000000",
		"TOSS_BASE_URL=" + p.sim() + "/toss", "TOSS_SECRET_KEY=test_sk_00000000000000000000000000000000",
	}
}

// verify wants every invariant to hold, by the gateways' word too.
func (p *program) verify() error {
	path, err := binary()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, path, "verify", "--gateway")
	command.Env = append(ownEnvironment(), p.environment()...)
	out, err := command.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("every invariant holds")) {
		return fmt.Errorf("verify: %w\n%s", err, out)
	}
	return nil
}

// shared is the dev of tests that can live with others: each has its own shopper, and products of
// its own where it counts stock. It is verified at the end.
var shared = sync.OnceValues(func() (*program, error) {
	p, err := startDev()
	if err == nil {
		atEnd(func() error { return errors.Join(p.verify(), p.ended()) })
	}
	return p, err
})

// sharedDev returns the dev that tests share.
func sharedDev(t *testing.T) *program {
	t.Helper()
	p, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ownDev returns a dev for this test alone, verified when it ends.
func ownDev(t *testing.T, environment ...string) *program {
	t.Helper()
	p, err := startDev(environment...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.verify(), p.ended()); err != nil {
			t.Errorf("dev ended with %v:\n%s", err, p.log)
		}
	})
	return p
}

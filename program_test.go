package main_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"payment-system/internal/shoptest"
)

// program is the program with arguments and an environment of its own: nothing of the tests' is
// left in it but what a process needs.
func program(ctx context.Context, kind string, environment []string, args ...string) *exec.Cmd {
	return otherProgram(ctx, os.Args[0], kind, environment, args...)
}

// otherProgram is program, built otherwise, at a path.
func otherProgram(ctx context.Context, path, kind string, environment []string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, path, args...)
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	command.Env = append(append(command.Env, "PAYMENT_SYSTEM_TEST_PROCESS="+kind), environment...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 20 * time.Second
	return command
}

// runProgram runs the program to its end and returns what it said and its exit code.
func runProgram(t *testing.T, environment []string, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	output, err := program(ctx, "tool", environment, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("payment-system %s: %v", strings.Join(args, " "), err)
	}
	if exit != nil {
		return string(output), exit.ExitCode()
	}
	return string(output), 0
}

// A service is a running dev or serve.
type service struct {
	url     string
	command *exec.Cmd
	stdin   io.Closer // the service ends with it
	stop    func() error
	log     *shoptest.Log
}

// start starts the program; its stop ends it as Ctrl-C would, and returns how it ended.
func start(environment []string, args ...string) (*service, io.Reader, error) {
	return startOther(os.Args[0], environment, args...)
}

// startOther is start for a program at a path.
func startOther(path string, environment []string, args ...string) (*service, io.Reader, error) {
	s := &service{log: &shoptest.Log{}}
	s.command = otherProgram(context.Background(), path, "service", environment, args...)
	out, err := s.command.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	s.command.Stderr = s.log
	if s.stdin, err = s.command.StdinPipe(); err != nil {
		return nil, nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, nil, err
	}
	s.stop = sync.OnceValue(func() error {
		return errors.Join(s.command.Process.Signal(os.Interrupt), s.command.Wait())
	})
	return s, io.TeeReader(out, s.log), nil
}

// A dev is a running dev, and what it said on its start.
type dev struct {
	*service
	said map[string]string
}

// startDev starts dev on ports of its own and waits until it is ready.
func startDev(environment ...string) (*dev, error) {
	environment = append([]string{"HTTP_ADDR=127.0.0.1:0", "PGSIM_ADDR=127.0.0.1:0", "LOG_LEVEL=warn"}, environment...)
	s, out, err := start(environment, "dev")
	if err != nil {
		return nil, err
	}
	d := &dev{service: s, said: map[string]string{}}
	lines := bufio.NewScanner(out)
	for d.said["password"] == "" && lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) > 1 {
			d.said[words[0]] = strings.Join(words[1:], " ")
		}
	}
	if d.said["password"] == "" {
		return nil, errors.Join(errors.New("dev did not start: "+s.log.String()), s.command.Wait())
	}
	go io.Copy(io.Discard, out)
	d.url = strings.TrimSuffix(d.said["GraphQL"], "/graphql")
	return d, nil
}

// sim is where the simulators are.
func (d *dev) sim() string { return strings.TrimSuffix(d.said["simulators"], "/sim/") }

// environment names dev's servers and simulators to other commands.
func (d *dev) environment() []string {
	return []string{
		"MYSQL_DSN=" + d.said["MYSQL_DSN"], "REDIS_ADDRS=" + d.said["REDIS_ADDRS"],
		"KAKAO_BASE_URL=" + d.sim() + "/kakao", "KAKAO_SECRET_KEY=DEV0000000000000000000000000000000000000",
		"TOSS_BASE_URL=" + d.sim() + "/toss", "TOSS_SECRET_KEY=test_sk_00000000000000000000000000000000",
	}
}

// startReplica starts serve on dev's servers and waits until it is ready.
func (d *dev) startReplica(t *testing.T, more ...string) *service {
	t.Helper()
	return startReplicaIn(t, d.environment(), more...)
}

// startReplicaIn starts serve in an environment and waits until it is ready.
func startReplicaIn(t *testing.T, environment []string, more ...string) *service {
	t.Helper()
	port := freePort(t)
	ready := "http://localhost:" + port + "/readyz"
	for _, setting := range more {
		if addr, ok := strings.CutPrefix(setting, "METRICS_ADDR="); ok {
			ready = "http://" + addr + "/readyz"
		}
	}
	environment = append(slices.Clone(environment), "HTTP_ADDR=127.0.0.1:"+port, "PUBLIC_URL=http://localhost:"+port, "LOG_LEVEL=warn",
		"SHUTDOWN_DELAY=0s", "SMTP_ADDR=127.0.0.1:1", "SMTP_FROM=shop@example.com")
	s, out, err := start(append(environment, more...), "serve")
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	s.url = "http://localhost:" + port
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("a replica ended with %v:\n%s", err, s.log)
		}
	})
	shoptest.Eventually(t, "the replica is ready", func() bool { return status(ready) == http.StatusOK })
	return s
}

// freePort returns a port that nobody listens on at the moment.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// status is what a GET of the address is answered with, 0 when it is not.
func status(address string) int {
	response, err := http.Get(address)
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

// shared is the dev that tests share; it ends with the process that started it.
var shared = sync.OnceValues(func() (*dev, error) { return startDev() })

// ownDev returns a dev that no other test orders from, or counts the stock of.
func ownDev(t *testing.T) *dev {
	t.Helper()
	d, err := startDev()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Errorf("dev ended with %v:\n%s", err, d.log)
		}
	})
	return d
}

// sharedDev returns the dev that tests share.
func sharedDev(t *testing.T) *dev {
	t.Helper()
	d, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

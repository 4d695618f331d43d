package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

const (
	stopWithin  = 10 * time.Second // how long a process may take to end when it is asked to
	startWithin = time.Minute      // how long it may take to answer, on a machine that is busy
)

// A process is the program under test, doing one of its commands until stop.
type process struct {
	command *exec.Cmd
	log     string
	ended   chan struct{} // closed once it is reaped
}

// startProcess starts a program with its output in a new file of folder. Besides what it is told, it knows the
// environment that programs need anywhere, and nothing that configures it by accident.
func startProcess(program, folder string, told []string, args ...string) (*process, error) {
	log, err := os.CreateTemp(folder, args[0]+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("open a log: %w", err)
	}
	defer log.Close()
	command := exec.Command(program, args...) //nolint:noctx // It is stopped gently.
	command.Env = append(plainEnvironment(), told...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = diesWithUs()
	p := &process{command: command, log: log.Name(), ended: make(chan struct{})}
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("start %s %s: %w", filepath.Base(program), args[0], err)
	}
	return p, nil
}

func plainEnvironment() (environment []string) {
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG"} {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// start starts and reaps the process from one thread, so that it dies with this process and not with the thread.
func (p *process) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.command.Start()
		started <- err
		if err != nil {
			return
		}
		_ = p.command.Wait() // How it ended is in its log.
		close(p.ended)
	}()
	return <-started
}

func (p *process) pid() int { return p.command.Process.Pid }

// stop ends the process: in its own time when it takes no longer than stopWithin.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM) // It may have ended already.
	select {
	case <-p.ended:
	case <-time.After(stopWithin):
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

// await waits until answers does. It fails, with the end of the log, when the process ends or takes too long.
func (p *process) await(ctx context.Context, answers func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for !answers(ctx) {
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended while it started:\n%s", p.command.Args[1], p.said())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w:\n%s", p.command.Args[1], ctx.Err(), p.said())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// said returns the end of the log.
func (p *process) said() string {
	const enough = 2 << 10
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-enough):])
}

// runProgram runs a command of the program under test to its end.
func runProgram(ctx context.Context, program string, told []string, args ...string) error {
	command := exec.CommandContext(ctx, program, args...)
	command.Env = append(plainEnvironment(), told...)
	command.SysProcAttr = diesWithUs()
	// The thread that starts it must live as long as it does.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], errors.Join(err, errors.New(string(output))))
	}
	return nil
}

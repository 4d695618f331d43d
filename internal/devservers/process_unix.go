//go:build unix

package devservers

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A process is a running server that ends when this process does.
type process struct {
	command *exec.Cmd
	ended   chan struct{} // closed once the process is reaped
	pidFile string
}

// startProcess starts the program with its output in the file named log, and its process id in
// pidFile for the janitor.
func startProcess(program program, name string, args []string, log, pidFile string) (*process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	command := exec.Command(program.path, args...) //nolint:noctx // A server outlives the context it is started with.
	command.Args[0] = name
	command.Env, command.Dir = program.environ(), program.folder
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = diesWithUs()
	p := &process{command: command, ended: make(chan struct{}), pidFile: pidFile}
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program.path, err)
	}
	return p, os.WriteFile(pidFile, fmt.Appendln(nil, command.Process.Pid), 0o600)
}

// start starts and reaps the process from one thread: the kernel's death notice is sent when the
// thread that started the process ends, not when the whole of this process does.
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
		p.command.Wait() //nolint:errcheck // How a server ended is in its log.
		os.Remove(p.pidFile)
		close(p.ended)
	}()
	return <-started
}

// stop ends the process: in its own time, ten seconds at most, when gently.
func (p *process) stop(gently bool) error {
	if p == nil {
		return nil
	}
	if gently {
		p.command.Process.Signal(syscall.SIGTERM) //nolint:errcheck // It may have ended already.
		select {
		case <-p.ended:
			return nil
		case <-time.After(10 * time.Second):
		}
	}
	err := p.command.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-p.ended
	return err
}

func (p *process) pause() error { return p.command.Process.Signal(syscall.SIGSTOP) }

func (p *process) resume() error { return p.command.Process.Signal(syscall.SIGCONT) }

// A janitor is a tiny shell that waits for this process to end, by whatever death, and then ends
// servers that are left and removes the temporary folder.
type janitor struct {
	command *exec.Cmd
	rope    io.Closer // its end is the signal
}

const janitorScript = `cat >/dev/null
for file in "$1"/*.pid; do test -s "$file" && kill -9 "$(cat "$file")"; done
for wait in 0 0.1 0.2 0.5 1 2; do sleep $wait; rm -rf -- "$1" && test ! -e "$1" && exit; done`

func startJanitor(dir string) (*janitor, error) {
	command := exec.Command("/bin/sh", "-c", janitorScript, "payment-system-janitor", dir) //nolint:noctx // It waits for our end.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Dir = "/"
	rope, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the janitor: %w", err)
	}
	return &janitor{command: command, rope: rope}, nil
}

// dismiss tells the janitor to finish and waits until it has.
func (j *janitor) dismiss() {
	if j == nil {
		return
	}
	j.rope.Close()
	j.command.Wait() //nolint:errcheck // There is nothing left for it to do.
}

// tail returns the end of a log, for an error that must tell why a server did not start.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

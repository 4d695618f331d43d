//go:build unix && !linux

package faulttest_test

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// diesWithUs gives the process a group of its own; it is killed when its test ends.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// isStopped tells whether a process was stopped by a signal.
func isStopped(pid int) bool {
	state, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(strings.TrimSpace(string(state)), "T")
}

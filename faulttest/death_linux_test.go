package faulttest_test

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

// diesWithUs asks the kernel to kill the process when the thread that started it ends.
func diesWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// isStopped tells whether a process was stopped by a signal.
func isStopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, found := bytes.Cut(stat, []byte(") ")) // the name before it may hold anything
	return err == nil && found && bytes.HasPrefix(after, []byte("T"))
}

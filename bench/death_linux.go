package main

import "syscall"

// diesWithUs asks the kernel to kill the process when the thread that started it ends. A group of its own keeps the
// terminal's Ctrl-C away from it.
func diesWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

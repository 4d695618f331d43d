package faulttest_test

import "syscall"

// diesWithUs asks the kernel to kill the process when the thread that started it ends.
func diesWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

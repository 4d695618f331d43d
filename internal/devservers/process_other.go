//go:build unix && !linux

package devservers

import "syscall"

// diesWithUs gives the process a group of its own, which keeps the terminal's Ctrl-C away from
// it. Where the kernel has no death notice, the janitor kills it when we end.
func diesWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

//go:build unix && !linux

package faulttest_test

import "syscall"

// diesWithUs gives the process a group of its own; it is killed when its test ends.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

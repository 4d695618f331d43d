//go:build !linux

package main

import "syscall"

// diesWithUs does nothing here: the process is ended when the bench is.
func diesWithUs() *syscall.SysProcAttr { return nil }

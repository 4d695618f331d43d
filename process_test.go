package main

import (
	"io"
	"os"
	"testing"
)

// TestMain lets this binary be the program itself, in processes that the tests start: one that
// runs to its end, or a service that is interrupted when its standard input ends, as it does when
// the tests die.
func TestMain(m *testing.M) {
	switch os.Getenv("PAYMENT_SYSTEM_TEST_PROCESS") {
	case "service":
		go interruptAtEnd(os.Stdin)
		os.Exit(run(os.Args[1:]))
	case "tool":
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func interruptAtEnd(input io.Reader) {
	io.Copy(io.Discard, input)
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		self.Signal(os.Interrupt)
	}
}

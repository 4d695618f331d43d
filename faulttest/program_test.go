package faulttest_test

import (
	"bytes"
	"os"
	"testing"
)

func TestProgram(t *testing.T) {
	t.Parallel()
	t.Run("a program that was not built to fail cannot be told to", func(t *testing.T) {
		t.Parallel()
		shipped, err := build("shipped")
		if err != nil {
			t.Fatal(err)
		}
		failing, err := binary()
		if err != nil {
			t.Fatal(err)
		}
		for _, setting := range []string{"PAYMENT_CRASH_AT", "PAYMENT_CRASH_IN", "PAYMENT_CRASH_AFTER", "PAYMENT_CRASH_BY", "PAYMENT_LOCKS", "PAYMENT_LOCK_TTL"} {
			if holds(t, shipped, setting) {
				t.Errorf("the program listens to %s", setting)
			}
			if !holds(t, failing, setting) {
				t.Errorf("the program that was built to fail does not know %s", setting)
			}
		}
	})
}

// holds tells whether a file has a text in it.
func holds(t *testing.T, path, text string) bool {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(content, []byte(text))
}

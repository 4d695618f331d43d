package shoptest

import (
	"sync"
	"testing"
	"time"

	"payment-system/shop"
)

// Must returns what a command answered, or fails the test.
func Must[T any](answer T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
}

// WantCode fails the test unless the error has the code, "" for no error.
func WantCode(t testing.TB, err error, want shop.Code) {
	t.Helper()
	if got := shop.CodeOf(err); got != want {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// Tally makes n calls at once and counts the codes that they end with, "" for no
// error.
func Tally(n int, call func(i int) error) map[shop.Code]int {
	codes := make([]shop.Code, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { codes[i] = shop.CodeOf(call(i)) })
	}
	group.Wait()
	counts := map[shop.Code]int{}
	for _, code := range codes {
		counts[code]++
	}
	return counts
}

// Eventually asks again and again until something holds, and fails the test after a
// minute in which it does not.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute in vain: %s", what)
		}
	}
}

// Package testclock is where tests take their days from. What a test decides must not depend on the
// day, the hour, the zone or the year in which it runs: a program that is held against a clock is
// given the clock of this package, and a test that names a day counts it from here.
//
// TEST_CLOCK names the instant at which the tests of a process begin, in RFC 3339, as in
//
//	TEST_CLOCK=2028-02-29T14:59:59Z go test ./shop
//
// From there time runs on as it does for everybody. Without it the machine's clock is right. Servers
// keep their own time, so a clock that is years away from theirs shows who trusts two clocks at once.
// Programs that refuse such a clock, and processes of the built binary, are tested at the machine's.
package testclock

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// Variable is the environment variable that names the instant at which tests begin.
const Variable = "TEST_CLOCK"

// Korea is the zone of business days.
var Korea = time.FixedZone("KST", 9*60*60)

// start is the instant at which the tests of this process began, and how far that is from the
// machine's clock.
var start = sync.OnceValues(func() (began time.Time, away time.Duration) {
	now := time.Now()
	began, err := parse(os.Getenv(Variable), now)
	if err != nil {
		panic(err)
	}
	return began, began.Sub(now)
})

// parse reads the instant that the environment names, and is now when it names none.
func parse(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("set %s to an instant such as 2028-02-29T14:59:59Z: %w", Variable, err)
	}
	return at, nil
}

// Now returns the time, in UTC and to the microsecond, as the books keep it.
func Now() time.Time {
	_, away := start()
	return time.Now().Add(away).UTC().Truncate(time.Microsecond)
}

// Day returns the midnight in Korea with which a business day began: today's for 0, counted from when
// the tests of this process began, and that of n days earlier. It is the same however long they run.
func Day(n int) time.Time {
	began, _ := start()
	began = began.In(Korea)
	return time.Date(began.Year(), began.Month(), began.Day()-n, 0, 0, 0, 0, Korea)
}

package testclock

import (
	"strings"
	"testing"
	"time"
)

func TestNow(t *testing.T) {
	t.Parallel()
	began, away := start()
	first, second := Now(), Now()
	if first.Location() != time.UTC || second.Before(first) || first.Before(began.Add(-time.Microsecond)) {
		t.Errorf("tests began at %s, and it is %s and %s", began, first, second)
	}
	if off := first.Sub(time.Now().Add(away)).Abs(); off > time.Minute {
		t.Errorf("the clock is off by %s", off)
	}
}

func TestDay(t *testing.T) {
	t.Parallel()
	today := Day(0)
	if now := Now(); now.Before(today) || today.Hour() != 0 || today.Location() != Korea {
		t.Errorf("today began at %s, and it is %s", today, now)
	}
	if got := Day(-1); !got.Equal(today.Add(24 * time.Hour)) {
		t.Errorf("tomorrow begins at %s", got)
	}
	if got := Day(400); !got.Equal(today.Add(-400 * 24 * time.Hour)) {
		t.Errorf("400 days ago is %s", got)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          now,
		"2028-02-29T23:59:59+09:00": time.Date(2028, 2, 29, 14, 59, 59, 0, time.UTC),
	} {
		if got, err := parse(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"2027-02-29T00:00:00Z", "tomorrow", "2028-02-29"} {
		if _, err := parse(text, now); err == nil || !strings.Contains(err.Error(), Variable) {
			t.Errorf("%q ends in %v, want a sentence that names %s", text, err, Variable)
		}
	}
}

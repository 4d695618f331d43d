package reconcile

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"payment-system/shop"
)

// korea is the zone of business days.
var korea = time.FixedZone("KST", 9*60*60)

// dayOf is the business day of a moment.
func dayOf(at time.Time) string { return at.In(korea).Format(time.DateOnly) }

// midnight is when a business day begins.
func midnight(day time.Time) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, korea).UTC()
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// dayOfName is the business day that the name of a PAYMENT_STATE_CSV file says; the
// format itself does not. It is nil for a name that tells none, or more than one.
func dayOfName(format shop.SettlementFormat, name string, now time.Time) *time.Time {
	if format != shop.SettlementFormatPaymentStateCSV {
		return nil
	}
	name = strings.ToLower(norm.NFKC.String(name))
	for _, spellings := range [][]spelling{longSpellings, shortSpellings} {
		days := map[time.Time]bool{}
		for _, s := range spellings {
			s.find(name, now, days)
		}
		for day := range days {
			if len(days) == 1 && !day.IsZero() {
				return &day
			}
		}
		if len(days) > 0 {
			return nil
		}
	}
	return nil
}

// between stands between the parts of a date.
const between = `(?:\s*(?:[-./_,·]|년|월|年|月)\s*|\s+)`

// month is the name of a month, of which three letters tell which.
const month = `(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?[-._,\s]*`

// A spelling is a way to write a day: what matches it, and the places of the year,
// the month and the day in that.
type spelling struct {
	pattern          *regexp.Regexp
	year, month, day int
}

// longSpellings have a year of four digits. shortSpellings have one of two: a number
// may look like them by chance, so they must be of the last maxShortAge.
var (
	longSpellings = []spelling{
		{regexp.MustCompile(`(20\d\d)-?([01]\d)-?([0-3]\d)`), 1, 2, 3},
		{regexp.MustCompile(`(20\d\d)` + between + `(\d{1,2})` + between + `(\d{1,2})`), 1, 2, 3},
		{regexp.MustCompile(`(\d{1,2})` + between + `(\d{1,2})` + between + `(20\d\d)`), 3, 2, 1},
		{regexp.MustCompile(`(\d{1,2})` + between + `(\d{1,2})` + between + `(20\d\d)`), 3, 1, 2},
		{regexp.MustCompile(`(20\d\d)[-._\s]*` + month + `(\d{1,2})`), 1, 2, 3},
		{regexp.MustCompile(`(\d{1,2})(?:st|nd|rd|th)?[-._\s]*` + month + `(20\d\d)`), 3, 2, 1},
		{regexp.MustCompile(month + `(\d{1,2})(?:st|nd|rd|th)?[-._,\s]+(20\d\d)`), 3, 1, 2},
	}
	shortSpellings = []spelling{
		{regexp.MustCompile(`(\d\d)([01]\d)([0-3]\d)`), 1, 2, 3},
		{regexp.MustCompile(`(\d\d)` + between + `(\d{1,2})` + between + `(\d{1,2})`), 1, 2, 3},
	}
)

// maxShortAge is how old a day may be whose year is written with two digits.
const maxShortAge = 400 * 24 * time.Hour

// find adds the days that a name spells. A range adds the zero time: it is no day.
func (s spelling) find(name string, now time.Time, days map[time.Time]bool) {
	for _, at := range s.pattern.FindAllStringSubmatchIndex(name, -1) {
		if isDigitAt(name, at[0]-1) || isDigitAt(name, at[1]) {
			continue
		}
		part := func(i int) string { return name[at[2*i]:at[2*i+1]] }
		day, ok := calendarDay(part(s.year), part(s.month), part(s.day))
		if !ok || (len(part(s.year)) == 2 && (day.After(now) || now.Sub(day) > maxShortAge)) {
			continue
		}
		days[day] = true
		if rest := strings.TrimLeft(name[at[1]:], "일日 "); strings.HasPrefix(rest, "~") {
			days[time.Time{}] = true
		}
	}
}

func isDigitAt(name string, i int) bool {
	return i >= 0 && i < len(name) && name[i] >= '0' && name[i] <= '9'
}

// calendarDay reads a day. It reports false for one that no calendar has.
func calendarDay(year, month, day string) (time.Time, bool) {
	if len(year) == 2 {
		year = "20" + year
	}
	m, err := strconv.Atoi(month)
	if err != nil {
		named, err := time.Parse("Jan", month)
		if err != nil {
			return time.Time{}, false
		}
		m = int(named.Month())
	}
	y, _ := strconv.Atoi(year) // digits, by the pattern
	d, _ := strconv.Atoi(day)
	at := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	return at, at.Day() == d && at.Month() == time.Month(m)
}

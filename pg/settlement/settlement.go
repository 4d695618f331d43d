// Package settlement reads the settlement files of payment gateways: strictly, row
// by row, in bounded memory. What cannot be believed as a whole is refused.
package settlement

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"payment-system/shop"
)

// A Reader reads the rows of a settlement file one by one, in bounded
// memory, whatever the file holds.
type Reader interface {
	// Next returns the next row; one that cannot be read has Malformed set. It
	// returns io.EOF after the last, and a *Rejection when the file as a whole
	// cannot be believed.
	Next() (shop.SettlementRow, error)
	// Day is the business day that the whole file is about, as the file itself
	// says, once it was read to the end; nil when it does not say.
	Day() *time.Time
}

// Limits of a settlement file.
const (
	maxRow  = 64 << 10 // bytes of one row
	maxName = 200      // characters of one name
	maxRaw  = 4000     // characters of a row that are kept
)

// A Rejection says why a settlement file cannot be believed, and where.
type Rejection struct {
	line   int // 0 when no line is to blame
	reason string
}

// Error says why, with the line.
func (r *Rejection) Error() string {
	if r.line == 0 {
		return r.reason
	}
	return fmt.Sprintf("line %d: %s", r.line, r.reason)
}

func reject(line int, format string, args ...any) error {
	return &Rejection{line: line, reason: fmt.Sprintf(format, args...)}
}

// Formats lists the formats that a gateway's files come in.
func Formats(gateway shop.PG) []shop.SettlementFormat {
	switch gateway {
	case shop.PGKakao:
		return []shop.SettlementFormat{shop.SettlementFormatPaymentStateCSV, shop.SettlementFormatKakaoPaymentsJSON}
	case shop.PGToss:
		return []shop.SettlementFormat{shop.SettlementFormatPaymentStateCSV, shop.SettlementFormatTossSettlementsJSON}
	default:
		return nil
	}
}

// read reads body, which is UTF-8 without a byte order mark.
func read(format shop.SettlementFormat, body io.Reader) Reader {
	switch format {
	case shop.SettlementFormatTossSettlementsJSON:
		return newTossReader(body)
	case shop.SettlementFormatKakaoPaymentsJSON:
		return newKakaoReader(body)
	default:
		return newStateReader(body)
	}
}

// malformed is a row that could not be read.
func malformed(line int, raw, reason string) shop.SettlementRow {
	return shop.SettlementRow{Line: line, Raw: keepRaw(raw), Malformed: reason}
}

// keepRaw is what is kept of a row's text: it must fit its column, and a
// discrepancy's.
func keepRaw(raw string) string {
	if utf8.RuneCountInString(raw) <= maxRaw {
		return raw
	}
	return string([]rune(raw)[:maxRaw-1]) + "…"
}

// errNotWon says that a text is not an amount.
var errNotWon = errors.New("is not a whole amount of won from 0 to 9007199254740991")

// parseWon reads digits and nothing else: no sign, space, point or exponent,
// and no zero in front.
func parseWon(text string) (shop.Won, error) {
	if text == "" || len(text) > 16 || (len(text) > 1 && text[0] == '0') {
		return 0, errNotWon
	}
	var won shop.Won
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, errNotWon
		}
		won = won*10 + shop.Won(text[i]-'0')
	}
	if won > shop.MaxWon {
		return 0, errNotWon
	}
	return won, nil
}

// errNotName says that a text names nothing.
var errNotName = errors.New("is not a text of 1 to 200 printable characters")

// checkName accepts what may name a payment or an order at a gateway. What
// begins with = + - or @ is text like any other here; an export to a spreadsheet
// must escape it.
func checkName(text string) error {
	if text == "" || utf8.RuneCountInString(text) > maxName || strings.ContainsFunc(text, neverInNames) ||
		strings.TrimSpace(text) != text {
		return errNotName
	}
	return nil
}

func neverInNames(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// parseDay reads a date in Korea.
func parseDay(layout, text string) *time.Time {
	day, err := time.Parse(layout, text)
	if err != nil {
		return nil
	}
	return &day
}

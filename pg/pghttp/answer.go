package pghttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"payment-system/pg"
	"payment-system/shop"
)

const (
	maxRaw     = 64 << 10
	maxCode    = 100
	maxMessage = 500
)

// Fail makes the error of a call that was answered. Code and message are the
// gateway's; they are cut where they are too long to be genuine.
func (c *Caller) Fail(call string, a Answer, outcome pg.Outcome, code, message string) *pg.Error {
	e := &pg.Error{PG: c.PG, Call: call, Outcome: outcome, Code: cut(code, maxCode), Message: cut(message, maxMessage), Status: a.Status}
	if outcome != pg.OutcomeRefused {
		e.RetryAfter = retryAfter(a.Header)
	}
	return e
}

// Garbage makes the error of an answer that cannot be read: nobody knows what
// became of the call.
func (c *Caller) Garbage(call string, a Answer, err error) *pg.Error {
	e := c.Fail(call, a, pg.OutcomeUnknown, "", "")
	e.Err = err
	return e
}

// Mismatch makes the error of an answer for something else than was asked.
func (c *Caller) Mismatch(call string, a Answer, has pg.Payment) *pg.Error {
	e := c.Fail(call, a, pg.OutcomeMismatch, "", "")
	e.Payment = &has
	return e
}

// NotAsked makes the error of a call that was never sent.
func (c *Caller) NotAsked(call string, outcome pg.Outcome, err error) *pg.Error {
	return &pg.Error{PG: c.PG, Call: call, Outcome: outcome, Err: err}
}

func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit])
}

// retryAfter reads a Retry-After of seconds, at most an hour.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, time.Hour)
}

// Raw returns a body to keep as evidence, or nil if it is over 64 KiB.
func Raw(body []byte) []byte {
	if len(body) > maxRaw {
		return nil
	}
	return body
}

// IsWebAddress reports whether a browser can be sent to an address.
func IsWebAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Decode reads the one JSON value of a body. Keys that v does not know are
// ignored. Whole numbers may be written as 1000.0 or 1e3; others do not fit
// integers, and are an error where v wants one.
func Decode(body []byte, v any) error {
	if !utf8.Valid(body) {
		return errors.New("decode answer: not UTF-8")
	}
	if !json.Valid(body) {
		return errors.New("decode answer: not JSON")
	}
	if err := json.Unmarshal(wholeNumbers(body), v); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

// wholeNumbers rewrites the numbers of valid JSON that have a fraction or an
// exponent and are whole nevertheless.
func wholeNumbers(body []byte) []byte {
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); {
		n := 1
		switch b := body[i]; {
		case b == '"':
			n = stringLength(body[i:])
		case b == '-' || b >= '0' && b <= '9':
			n = numberLength(body[i:])
			out = append(out, wholeNumber(string(body[i:i+n]))...)
			i += n
			continue
		}
		out = append(out, body[i:i+n]...)
		i += n
	}
	return out
}

func stringLength(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func numberLength(b []byte) int {
	for i, c := range b {
		if !strings.ContainsRune("+-.eE0123456789", rune(c)) {
			return i
		}
	}
	return len(b)
}

// wholeNumber writes a JSON number as an integer, or returns it as it is when
// it is none, or has more than 18 digits.
func wholeNumber(s string) string {
	if !strings.ContainsAny(s, ".eE") {
		return s
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	shift, err := strconv.Atoi("0" + strings.TrimPrefix(exponent, "+"))
	if strings.HasPrefix(exponent, "-") {
		shift, err = strconv.Atoi(exponent)
	}
	if err != nil || shift > 1_000 || shift < -1_000 {
		return s
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimRight(whole+fraction, "0")
	zeros := shift + len(whole) - len(digits) // to write behind the digits
	switch digits = strings.TrimLeft(digits, "0"); {
	case digits == "":
		return "0"
	case zeros < 0 || len(digits)+zeros > 18:
		return s
	}
	digits += strings.Repeat("0", zeros)
	if negative {
		return "-" + digits
	}
	return digits
}

// CheckMoney returns an error if a shop.Won anywhere in v is negative or over
// shop.MaxWon.
func CheckMoney(v any) error { return checkMoney(reflect.ValueOf(v)) }

func checkMoney(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return checkMoney(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			if err := checkMoney(v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return nil
		}
		for i := range v.NumField() {
			if err := checkMoney(v.Field(i)); err != nil {
				return fmt.Errorf("%s: %w", v.Type().Field(i).Name, err)
			}
		}
	case reflect.Int64:
		if won := v.Int(); v.Type() == reflect.TypeFor[shop.Won]() && (won < 0 || won > int64(shop.MaxWon)) {
			return fmt.Errorf("%d won cannot be", won)
		}
	default:
	}
	return nil
}

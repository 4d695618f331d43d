package graph

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"payment-system/command/reconciliation"
	"payment-system/shop"
)

// MarshalWon writes an amount as a JSON integer.
func MarshalWon(w shop.Won) graphql.Marshaler {
	return graphql.WriterFunc(func(out io.Writer) {
		_, _ = io.WriteString(out, w.String())
	})
}

// UnmarshalWon reads an amount: an integer from 0 to shop.MaxWon, spelled with
// digits alone. It returns Invalid for anything else.
func UnmarshalWon(v any) (shop.Won, error) {
	n, ok := integer(v)
	if !ok || n < 0 || n > int64(shop.MaxWon) {
		return 0, &shop.Error{
			Code:    shop.Invalid,
			Message: fmt.Sprintf("An amount is a whole number of won from 0 to %d.", shop.MaxWon),
		}
	}
	return shop.Won(n), nil
}

// MarshalInt writes a JSON integer.
func MarshalInt(n int) graphql.Marshaler { return graphql.MarshalInt(n) }

// UnmarshalInt reads an integer of 32 bits, as GraphQL defines Int. It returns
// Invalid for anything else.
func UnmarshalInt(v any) (int, error) {
	n, ok := integer(v)
	if !ok || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, &shop.Error{Code: shop.Invalid, Message: "This must be an integer of 32 bits."}
	}
	return int(n), nil
}

// integer returns the value of an integer that a client wrote as one: not as a
// string, not with a fraction, not with an exponent.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case json.Number:
		n, err := strconv.ParseInt(string(v), 10, 64)
		return n, err == nil && v != "-0"
	}
	return 0, false
}

const timeLayout = "2006-01-02T15:04:05.000000Z"

// MarshalTime writes an instant as RFC 3339, in UTC, with microseconds.
func MarshalTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(out io.Writer) {
		_, _ = io.WriteString(out, `"`+t.UTC().Format(timeLayout)+`"`)
	})
}

var timePattern = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})$`)

// UnmarshalTime reads an instant: RFC 3339 with a zone and at most
// microseconds, in the years from 1000 to 9999, which the books can hold. It
// returns Invalid for anything else.
func UnmarshalTime(v any) (time.Time, error) {
	s, ok := v.(string)
	if ok && timePattern.MatchString(s) {
		t, err := time.Parse(time.RFC3339Nano, s)
		if t = t.UTC(); err == nil && t.Year() >= 1000 && t.Year() <= 9999 {
			return t, nil
		}
	}
	return time.Time{}, &shop.Error{Code: shop.Invalid, Message: "A time is written like 2026-01-31T09:00:00.000000Z."}
}

// MarshalDate writes a day as 2026-01-31.
func MarshalDate(day time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(out io.Writer) {
		_, _ = io.WriteString(out, `"`+day.Format(time.DateOnly)+`"`)
	})
}

// UnmarshalDate reads a day: 2026-01-31, in the years from 1000 to 9999. It returns
// Invalid for anything else.
func UnmarshalDate(v any) (time.Time, error) {
	s, ok := v.(string)
	if day, err := time.Parse(time.DateOnly, s); ok && err == nil && day.Year() >= 1000 {
		return day, nil
	}
	return time.Time{}, &shop.Error{Code: shop.Invalid, Message: "A day is written like 2026-01-31."}
}

// MarshalUpload writes null: files only come in.
func MarshalUpload(reconciliation.Upload) graphql.Marshaler { return graphql.Null }

// UnmarshalUpload takes the file that the multipart transport put in its place.
// It returns Invalid when the client wrote something else there.
func UnmarshalUpload(v any) (reconciliation.Upload, error) {
	file, ok := v.(reconciliation.Upload)
	if !ok {
		return reconciliation.Upload{}, &shop.Error{Code: shop.Invalid, Message: "Send the file by the GraphQL multipart request specification."}
	}
	return file, nil
}

package shop

import (
	"errors"
	"fmt"
)

// A Code tells a client what kind of error this is. Clients branch on it;
// messages are for people.
type Code string

// The codes a client may see, as in the schema's ErrorCode.
const (
	GraphQLInvalid      Code = "GRAPHQL_INVALID"
	Invalid             Code = "INVALID"
	Unauthenticated     Code = "UNAUTHENTICATED"
	Forbidden           Code = "FORBIDDEN"
	NotFound            Code = "NOT_FOUND"
	Conflict            Code = "CONFLICT"
	IdempotencyMismatch Code = "IDEMPOTENCY_MISMATCH"
	SoldOut             Code = "SOLD_OUT"
	Declined            Code = "DECLINED"
	InProgress          Code = "IN_PROGRESS"
	RateLimited         Code = "RATE_LIMITED"
	TooComplex          Code = "TOO_COMPLEX"
	Unavailable         Code = "UNAVAILABLE"
	Internal            Code = "INTERNAL"
)

// Error is the one error type that reaches clients: a code for the program, a
// sentence for the person, the cause for the log.
type Error struct {
	Code    Code
	Message string
	// Details are shown to the client as extensions.details; nil shows none.
	Details map[string]any
	// Err is the cause. It is logged and never shown.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first Error in err's chain, Internal when
// there is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// InvalidField returns an Invalid error whose details.field names the argument
// at fault, as the schema spells it ("lines.0.quantity").
func InvalidField(field, message string) *Error {
	return &Error{Code: Invalid, Message: message, Details: map[string]any{"field": field}}
}

// AskAgainAfter is how many seconds a client is asked to wait when nobody knows better.
const AskAgainAfter = 2

// NotNow returns the Unavailable error of a part that is away, busy or full. Nothing was changed,
// and the same may succeed later: details.retryAfter tells after how many seconds to ask again.
// A nil cause is none.
func NotNow(message string, cause error) *Error {
	return NotBefore(AskAgainAfter, message, cause)
}

// NotBefore is NotNow for those who know after how many seconds there is a use in asking again.
func NotBefore(seconds int, message string, cause error) *Error {
	return &Error{Code: Unavailable, Message: message, Details: map[string]any{"retryAfter": seconds}, Err: cause}
}

// NoSuch returns the NotFound error for a thing, "order" say, that does not
// exist or belongs to somebody else.
func NoSuch(thing string) *Error {
	return &Error{Code: NotFound, Message: "There is no such " + thing + "."}
}

// conflict returns a Conflict whose details.status tells the state.
func conflict[S ~string](status S, message string) *Error {
	return &Error{Code: Conflict, Message: message, Details: map[string]any{"status": string(status)}}
}

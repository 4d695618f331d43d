package kakao

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"time"

	"payment-system/pg"
	"payment-system/pg/pghttp"
)

// bankPatience is how long a bank or card company may take to know what became
// of a payment that timed out there.
const bankPatience = 20 * time.Minute

// failure is Kakao's error answer, in its present shape and its former.
type failure struct {
	ErrorCode    *number `json:"error_code"`
	ErrorMessage string  `json:"error_message"`
	Code         *number `json:"code"`
	Msg          string  `json:"msg"`
	Extras       struct {
		Code    string `json:"method_result_code"`
		Message string `json:"method_result_message"`
	} `json:"extras"`
}

// failure makes the error of an answer that is not 200.
func (c *Client) failure(call string, a pghttp.Answer) *pg.Error {
	var f failure
	err := pghttp.Decode(a.Body, &f)
	code := cmp.Or(f.ErrorCode, f.Code)
	if err == nil && code == nil {
		err = errors.New("the answer has no code")
	}
	if err != nil && a.Status == http.StatusUnauthorized {
		return c.caller.Fail(call, a, pg.OutcomeMisconfigured, "", "")
	}
	if err != nil {
		return c.caller.Garbage(call, a, err)
	}
	outcome, wait := f.outcome(call, a.Status, int(*code))
	if outcome == pg.OutcomeRefused && call == "lookup" {
		outcome = pg.OutcomeUnknown // a look-up that is refused tells nothing of the payment
	}
	e := c.caller.Fail(call, a, outcome, strconv.Itoa(int(*code)), cmp.Or(f.Extras.Message, f.ErrorMessage, f.Msg))
	if f.Extras.Code != "" {
		e.Code += "/" + f.Extras.Code
	}
	e.RetryAfter = max(e.RetryAfter, wait)
	return e
}

// outcomes says what each code means; one that is not here means that nobody knows.
var outcomes = map[int]pg.Outcome{
	-1:    pg.OutcomeUnknown,       // internal
	-2:    pg.OutcomeRefused,       // parameter
	-3:    pg.OutcomeMisconfigured, // API switched off
	-4:    pg.OutcomeMisconfigured, // account restricted
	-5:    pg.OutcomeMisconfigured, // no permission
	-7:    pg.OutcomeNotSent,       // maintenance
	-10:   pg.OutcomeNotSent,       // quota exceeded
	-9798: pg.OutcomeNotSent,       // maintenance
	-401:  pg.OutcomeMisconfigured, // key
	-403:  pg.OutcomeMisconfigured, // site
	-701:  pg.OutcomeRefused,       // not authenticated yet
	-702:  pg.OutcomeUnknown,       // approved already
	-703:  pg.OutcomeRefused,       // point amount
	-704:  pg.OutcomeRefused,       // method amount
	-705:  pg.OutcomeRefused,       // method
	-706:  pg.OutcomeRefused,       // order id
	-707:  pg.OutcomeRefused,       // user id
	-708:  pg.OutcomeRefused,       // pg_token
	-710:  pg.OutcomeRefused,       // over the amount left
	-721:  pg.OutcomeNotFound,      // tid
	-722:  pg.OutcomeRefused,       // amounts
	-723:  pg.OutcomeRefused,       // expired
	-724:  pg.OutcomeRefused,       // amount of one
	-725:  pg.OutcomeRefused,       // total amount
	-726:  pg.OutcomeRefused,       // order
	-730:  pg.OutcomeMisconfigured, // app
	-731:  pg.OutcomeMisconfigured, // CID
	-732:  pg.OutcomeMisconfigured, // GID
	-733:  pg.OutcomeMisconfigured, // CID secret
	-750:  pg.OutcomeRefused,       // recurring payments, to the next
	-751:  pg.OutcomeRefused,
	-752:  pg.OutcomeRefused,
	-753:  pg.OutcomeRefused,
	-761:  pg.OutcomeRefused, // phone is no KakaoTalk user
	-782:  pg.OutcomeRefused, // recurring payment failed
	-783:  pg.OutcomeUnknown, // state allows no approval
	-784:  pg.OutcomeRefused, // state allows no cancel
	-785:  pg.OutcomeUnknown, // the same is running
	-798:  pg.OutcomeMisconfigured,
	-799:  pg.OutcomeMisconfigured,
}

// outcome says what is known after an error, and how long to wait before asking again.
func (f *failure) outcome(call string, status, code int) (pg.Outcome, time.Duration) {
	known := outcomes[code]
	switch {
	case known == pg.OutcomeNotSent:
		return known, 0
	case status >= http.StatusInternalServerError:
		return pg.OutcomeUnknown, 0
	case status == http.StatusUnauthorized:
		return pg.OutcomeMisconfigured, 0
	case status < http.StatusBadRequest || status == http.StatusTooManyRequests:
		return pg.OutcomeUnknown, 0
	case code == -780 || code == -781:
		return f.methodOutcome(call)
	}
	return known, 0
}

// methodOutcome reads what the bank or card company answered.
func (f *failure) methodOutcome(call string) (pg.Outcome, time.Duration) {
	switch f.Extras.Code {
	case "BANK_FIRM_UNKNOWN", "0010", "0110", "0290":
		return pg.OutcomeUnknown, bankPatience
	case "USER_LOCKED":
		return pg.OutcomeNotSent, 0
	case "0025", "0140", "1009", "INVALID_CANCEL_STATUS", "0204", "0504":
		if call == "cancel" {
			return pg.OutcomeUnknown, 0 // canceled already, or just now
		}
	}
	return pg.OutcomeRefused, 0
}

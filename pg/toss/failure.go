package toss

import (
	"errors"
	"net/http"

	"payment-system/pg"
	"payment-system/pg/pghttp"
)

// failure makes the error of an answer that is not 200.
func (c *Client) failure(call string, a pghttp.Answer) *pg.Error {
	var f struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	err := pghttp.Decode(a.Body, &f)
	if err == nil && (f.Code == "" || f.Message == "") {
		err = errors.New("the answer has no code or no message")
	}
	if err != nil && a.Status == http.StatusUnauthorized {
		return c.caller.Fail(call, a, pg.OutcomeMisconfigured, "", "")
	}
	if err != nil {
		return c.caller.Garbage(call, a, err)
	}
	outcome := outcomeOf(a.Status, f.Code)
	switch {
	case call == "lookup" && f.Code == "NOT_FOUND":
		outcome = pg.OutcomeNotFound
	case call == "lookup" && outcome == pg.OutcomeRefused:
		outcome = pg.OutcomeUnknown // a look-up that is refused tells nothing of the payment
	}
	return c.caller.Fail(call, a, outcome, f.Code, f.Message)
}

// outcomeOf says what is known after an error. The status alone does not tell,
// and neither does the message.
func outcomeOf(status int, code string) pg.Outcome {
	switch {
	case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
		return pg.OutcomeUnknown
	case status == http.StatusUnauthorized:
		return pg.OutcomeMisconfigured
	}
	switch code {
	case "INVALID_API_KEY", "UNAUTHORIZED_KEY", "INCORRECT_BASIC_AUTH_FORMAT":
		return pg.OutcomeMisconfigured
	case "NOT_FOUND_PAYMENT":
		return pg.OutcomeNotFound
	case "ALREADY_PROCESSED_PAYMENT", "ALREADY_CANCELED_PAYMENT", "ALREADY_REFUND_PAYMENT", // by an earlier call, perhaps ours
		"IDEMPOTENT_REQUEST_PROCESSING", "FORBIDDEN_CONSECUTIVE_REQUEST", // a call is running
		"PROVIDER_ERROR", "NOT_MATCHES_REFUNDABLE_AMOUNT":
		return pg.OutcomeUnknown
	}
	switch status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound:
		return pg.OutcomeRefused
	}
	return pg.OutcomeUnknown
}

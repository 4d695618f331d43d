package command

import (
	"errors"
	"fmt"

	"payment-system/pg"
	"payment-system/shop"
)

// errAsking says that a gateway is being asked about this payment.
var errAsking = &shop.Error{
	Code:    shop.InProgress,
	Message: "The gateway is being asked about this payment. Watch paymentUpdated, or ask again in a moment.",
}

// errOtherRefund says that another refund of the payment is under way.
var errOtherRefund = errors.New("another refund is under way")

func conflictOf[S ~string](status S, message string) *shop.Error {
	return &shop.Error{Code: shop.Conflict, Message: message, Details: map[string]any{"status": string(status)}}
}

// declined is the gateway's refusal, in its own words.
func declined(gateway shop.PG, failure shop.PaymentFailure) *shop.Error {
	return &shop.Error{Code: shop.Declined, Message: "The gateway refused: " + failure.Message, Details: map[string]any{
		"pg": string(gateway), "code": failure.Code, "message": failure.Message,
	}}
}

// gatewayAway says that the gateway did nothing for us. Nothing was charged.
func gatewayAway(cause error) *shop.Error {
	return shop.NotNow("The gateway cannot be reached now. Nothing was charged; please try again.", cause)
}

// gatewayError reads err as a gateway's.
func gatewayError(err error) *pg.Error {
	if e, ok := errors.AsType[*pg.Error](err); ok {
		return e
	}
	return nil
}

// isRefusal reports whether a gateway said that it did not do what it was asked for.
func isRefusal(err error) bool {
	refusal := gatewayError(err)
	return refusal != nil && (refusal.Outcome == pg.OutcomeRefused || refusal.Outcome == pg.OutcomeNotFound)
}

// isSilence reports whether a gateway said nothing that could be understood.
func isSilence(err error) bool {
	e := gatewayError(err)
	if err == nil || e == nil {
		return err != nil
	}
	return e.Outcome == pg.OutcomeNotSent || (e.Outcome == pg.OutcomeUnknown && (e.Status == 0 || e.Status >= 500))
}

// isUnanswered reports whether an error says that the gateway's word is still awaited.
func isUnanswered(err error) bool {
	code := shop.CodeOf(err)
	return code == shop.InProgress || code == shop.Unavailable
}

// refusalNote is what an error says to a person, "" when it is about our own parts.
func refusalNote(err error) string {
	var refused *shop.Error
	if !errors.As(err, &refused) {
		return ""
	}
	switch refused.Code {
	case shop.Conflict, shop.Invalid, shop.Declined, shop.NotFound:
		return refused.Message
	default:
		return ""
	}
}

// noSuchProduct is the NotFound that names the line at fault.
func noSuchProduct(line int) error {
	err := shop.NoSuch("product")
	err.Details = map[string]any{"field": fmt.Sprintf("lines.%d.productId", line)}
	return err
}

// notForSale refuses a line whose product is not listed.
func notForSale(line int) error {
	return shop.InvalidField(fmt.Sprintf("lines.%d.productId", line), "The product is not for sale any more.")
}

func notStored(err error) error {
	return shop.NotNow("The webhook could not be stored. Please send it again.", err)
}

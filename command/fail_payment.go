package command

import (
	"cmp"
	"context"
	"strings"
	"unicode/utf8"

	"payment-system/internal/text"
	"payment-system/shop"
)

// FailPayment says that the shopper came back without paying.
type FailPayment struct {
	By        shop.Caller
	PaymentID shop.PaymentID
	Code      string
	Message   string
}

// FailPayment ends the attempt that waits for the shopper; the order still
// waits. It is a browser's word, and enough: nothing is charged before this
// program asks for it. A payment that has failed already answers as it is. It
// returns Conflict in any other state.
func (h *Handler) FailPayment(ctx context.Context, cmd FailPayment) (shop.PaymentFailed, error) {
	if err := checkFailure(cmd); err != nil {
		return shop.PaymentFailed{}, err
	}
	failure := shop.PaymentFailure{
		Code:    cmp.Or(cmd.Code, "SHOPPER_LEFT"),
		Message: cmp.Or(cmd.Message, "The shopper came back without paying."),
	}
	payment, err := h.changePaymentBy(ctx, cmd.PaymentID, cmd.By, func(c *change) error {
		if !cmd.By.MayActOn(c.payment.UserID) {
			return shop.NoSuch("payment")
		}
		if c.payment.Status == shop.PaymentStatusFailed {
			return nil
		}
		if c.payment.Status != shop.PaymentStatusReady {
			return conflictOf(c.payment.Status,
				"The payment is "+string(c.payment.Status)+"; only one that waits for the shopper can fail.")
		}
		if err := c.payment.Fail(failure, c.now); err != nil {
			return err
		}
		return c.paymentEvent(shop.KindPaymentFailed, failure.Code)
	})
	return shop.PaymentFailed{Payment: payment}, err
}

func checkFailure(cmd FailPayment) error {
	if utf8.RuneCountInString(cmd.Code) > 100 || strings.ContainsFunc(cmd.Code, text.IsUnprintable) {
		return shop.InvalidField("code", "The code must have at most 100 printable characters.")
	}
	if utf8.RuneCountInString(cmd.Message) > 500 || strings.ContainsFunc(cmd.Message, text.IsUnprintable) {
		return shop.InvalidField("message", "The message must have at most 500 printable characters.")
	}
	return nil
}

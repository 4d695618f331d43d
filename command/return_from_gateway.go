package command

import (
	"context"
	"errors"
	"net/url"

	"payment-system/command/books"
	"payment-system/shop"
)

// ReturnFromGateway is a shopper's browser coming back from a gateway.
type ReturnFromGateway struct {
	AttemptID  shop.AttemptID
	Outcome    string // approved, canceled, failed
	PgToken    string
	PaymentKey string
	Amount     *shop.Won
	OrderRef   string // the merchant order id that the gateway repeated, "" if none
	Code       string
	Message    string
}

// ReturnFromGateway approves or fails the attempt, as the outcome says, and
// returns where to send the browser: the return URL of the attempt with the
// payment's id and status. The gateway's token is the proof; no session is
// needed, and coming again changes nothing. It returns NotFound for an attempt
// that is not ours.
func (h *Handler) ReturnFromGateway(ctx context.Context, cmd ReturnFromGateway) (redirect string, err error) {
	id, err := books.PaymentIDOf(ctx, h.DB, cmd.AttemptID)
	if err != nil {
		return "", err
	}
	payment, err := books.LoadPayment(ctx, h.DB, id)
	if err != nil {
		return "", err
	}
	attempt := payment.Attempt(cmd.AttemptID)
	switch {
	case cmd.OrderRef != "" && cmd.OrderRef != string(cmd.AttemptID):
		h.refuseReturn(ctx, cmd, "orderId")
	case payment.AttemptID == cmd.AttemptID:
		if err := h.comeBack(ctx, cmd, payment); err != nil {
			return "", err
		}
	}
	if payment, err = books.LoadPayment(context.WithoutCancel(ctx), h.DB, id); err != nil {
		return "", err
	}
	return h.returnTo(*attempt, payment)
}

// comeBack does what the outcome says. What the shopper can see in the payment's
// status is no error here.
func (h *Handler) comeBack(ctx context.Context, cmd ReturnFromGateway, payment shop.Payment) error {
	by := shop.Caller{UserID: payment.UserID, Actor: shop.ActorShopper}
	var err error
	switch {
	case cmd.Outcome == "approved":
		_, err = h.ApprovePayment(ctx, ApprovePayment{
			By: by, PaymentID: payment.ID, PgToken: given(cmd.PgToken), PaymentKey: given(cmd.PaymentKey), Amount: cmd.Amount,
		})
	case payment.Status == shop.PaymentStatusReady:
		_, err = h.FailPayment(ctx,
			FailPayment{By: by, PaymentID: payment.ID, Code: printable(cmd.Code, 100), Message: printable(cmd.Message, 500)})
	}
	switch shop.CodeOf(err) {
	case shop.Invalid:
		refusal, _ := errors.AsType[*shop.Error](err)
		h.refuseReturn(ctx, cmd, refusal.Details["field"])
		return nil
	case shop.Declined, shop.Conflict, shop.InProgress, shop.Unavailable:
		h.Logger.InfoContext(ctx, "shopper came back", "attempt_id", string(cmd.AttemptID), "outcome", cmd.Outcome, "error",
			err)
		return nil
	default:
		return err
	}
}

// refuseReturn logs that a browser carried something else than the books hold:
// a bug, or somebody who tries. Nobody was asked, and nothing has changed.
func (h *Handler) refuseReturn(ctx context.Context, cmd ReturnFromGateway, field any) {
	h.Logger.WarnContext(ctx, "return refused", "attempt_id", string(cmd.AttemptID), "outcome", cmd.Outcome, "field",
		field)
}

func (h *Handler) returnTo(attempt shop.PaymentAttempt, payment shop.Payment) (string, error) {
	base, err := url.Parse(h.PublicURL + "/")
	if err != nil {
		return "", err
	}
	target, err := base.Parse(attempt.ReturnURL)
	if err != nil {
		return "", err
	}
	query := target.Query()
	query.Set("paymentId", string(payment.ID))
	query.Set("status", string(payment.Status))
	target.RawQuery = query.Encode()
	return target.String(), nil
}

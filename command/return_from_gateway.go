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
	Secret     string // that the gateway's address carries
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
// that is not ours, and, changing nothing, for who does not know its secret; and Unavailable
// when nothing was done yet because a part is down or busy.
func (h *Handler) ReturnFromGateway(ctx context.Context, cmd ReturnFromGateway) (redirect string, err error) {
	id, err := h.paymentOfReturn(ctx, cmd.AttemptID, cmd.Secret)
	if err != nil {
		return "", err
	}
	var payment shop.Payment
	switch {
	case cmd.OrderRef != "" && cmd.OrderRef != string(cmd.AttemptID):
		h.refuseReturn(ctx, cmd, "orderId")
	case cmd.Outcome == "approved":
		payment, err = h.comeBackApproved(ctx, cmd, id)
	default:
		err = h.comeBackUnpaid(ctx, cmd, id)
	}
	outcome := err
	if err := h.cameBack(ctx, cmd, err); err != nil {
		return "", err
	}
	if payment.ID == "" {
		if payment, err = books.LoadPayment(context.WithoutCancel(ctx), h.DB, id); err != nil {
			return "", err
		}
	}
	if isStoppedShort(outcome, payment, cmd.AttemptID) {
		return "", outcome
	}
	return h.returnTo(*payment.Attempt(cmd.AttemptID), payment)
}

// isStoppedShort reports whether the shop had no time for a return that it would have acted on: the
// gateway's token is in this URL alone, so the browser must come again.
func isStoppedShort(outcome error, payment shop.Payment, id shop.AttemptID) bool {
	return shop.CodeOf(outcome) == shop.Unavailable && gatewayError(outcome) == nil &&
		payment.Status == shop.PaymentStatusReady && payment.AttemptID == id
}

// comeBackApproved approves the attempt if it is the latest of its payment, and returns
// that as it is then; without an ID where the books do not tell.
func (h *Handler) comeBackApproved(ctx context.Context, cmd ReturnFromGateway, id shop.PaymentID) (shop.Payment, error) {
	payment, latest, err := h.approve(ctx, ApprovePayment{
		By: shop.Caller{Actor: shop.ActorShopper}, PaymentID: id,
		PgToken: given(cmd.PgToken), PaymentKey: given(cmd.PaymentKey), Amount: cmd.Amount,
	}, cmd.AttemptID)
	if err == nil && latest == cmd.AttemptID {
		_, err = approvalOf(payment, latest)
	}
	return payment, err
}

// comeBackUnpaid fails the attempt if it is the latest and still waits for the shopper.
func (h *Handler) comeBackUnpaid(ctx context.Context, cmd ReturnFromGateway, id shop.PaymentID) error {
	payment, err := books.LoadPayment(ctx, h.DB, id)
	if err != nil || payment.AttemptID != cmd.AttemptID || payment.Status != shop.PaymentStatusReady {
		return err
	}
	_, err = h.FailPayment(ctx, FailPayment{
		By: shop.Caller{UserID: payment.UserID, Actor: shop.ActorShopper}, PaymentID: payment.ID,
		Code: printable(cmd.Code, 100), Message: printable(cmd.Message, 500),
	})
	return err
}

// cameBack says what was wrong. What the shopper can see in the payment's status is no
// error here.
func (h *Handler) cameBack(ctx context.Context, cmd ReturnFromGateway, err error) error {
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

package command

import (
	"context"
	"database/sql"
	"strings"
	"unicode/utf8"

	"payment-system/command/books"
	"payment-system/internal/text"
	"payment-system/shop"
)

// ResolveDiscrepancy is a person's decision.
type ResolveDiscrepancy struct {
	By            shop.Caller
	DiscrepancyID shop.DiscrepancyID
	Action        shop.CorrectiveAction
	Note          string
	RefundAccount *shop.RefundAccount // that REFUND_AT_GATEWAY gives back what was paid into a virtual account to
}

// maxNote is how many characters a person may write about a decision.
const maxNote = 1000

// ResolveDiscrepancy carries the decision out and notes whose it was. NONE lets
// the difference be; OPEN_CASE makes a case of what was planned. It returns
// Invalid for a note that is empty or too long and for an action that has
// nothing to act on, NotFound, and Conflict, with the discrepancy left as it
// was, when it is settled already or the gateway would not do its part.
func (h *Handler) ResolveDiscrepancy(ctx context.Context, cmd ResolveDiscrepancy) (shop.DiscrepancyResolved, error) {
	ctx = context.WithoutCancel(ctx)
	if err := cmd.check(); err != nil {
		return shop.DiscrepancyResolved{}, err
	}
	d, err := books.LoadDiscrepancy(ctx, h.DB, cmd.DiscrepancyID)
	if err != nil {
		return shop.DiscrepancyResolved{}, books.Unavailable(err)
	}
	if err := cmd.fits(d); err != nil {
		return shop.DiscrepancyResolved{}, err
	}
	if cmd.Action != shop.CorrectiveActionNone && cmd.Action != shop.CorrectiveActionOpenCase {
		came, err := h.correct(ctx, d, cmd.Action, shop.ActorOperator, cmd.RefundAccount)
		if err != nil {
			return shop.DiscrepancyResolved{}, books.Unavailable(err)
		}
		if !came.done {
			return shop.DiscrepancyResolved{}, &shop.Error{
				Code: shop.Conflict, Message: came.note, Details: map[string]any{"status": string(d.Status)},
			}
		}
	}
	resolved, err := h.endDiscrepancy(ctx, d.ID, cmd.decide(h), shop.ActorOperator)
	if err != nil {
		return shop.DiscrepancyResolved{}, books.Unavailable(err)
	}
	return shop.DiscrepancyResolved{Discrepancy: resolved}, nil
}

func (cmd ResolveDiscrepancy) check() error {
	switch cmd.Action {
	case shop.CorrectiveActionRecordApproval, shop.CorrectiveActionRecordRefund, shop.CorrectiveActionRecordFailure,
		shop.CorrectiveActionRefundAtGateway, shop.CorrectiveActionOpenCase, shop.CorrectiveActionNone:
	default:
		return shop.InvalidField("action", "There is no such action.")
	}
	note := strings.TrimSpace(cmd.Note)
	if note == "" || utf8.RuneCountInString(cmd.Note) > maxNote || strings.ContainsFunc(cmd.Note, isControlInText) {
		return shop.InvalidField("note", "Say in 1 to 1000 characters why.")
	}
	if cmd.RefundAccount == nil {
		return nil
	}
	if cmd.Action != shop.CorrectiveActionRefundAtGateway {
		return shop.InvalidField("refundAccount", "Only REFUND_AT_GATEWAY gives money back to an account.")
	}
	return checkAccount(*cmd.RefundAccount)
}

// fits reports whether the decision can be made about the discrepancy as it is.
func (cmd ResolveDiscrepancy) fits(d shop.Discrepancy) error {
	switch {
	case d.Status != shop.DiscrepancyStatusOpen && d.Status != shop.DiscrepancyStatusPlanned:
		return &shop.Error{
			Code: shop.Conflict, Message: "The discrepancy is " + string(d.Status) + " already.",
			Details: map[string]any{"status": string(d.Status)},
		}
	case cmd.Action == shop.CorrectiveActionOpenCase && d.Status == shop.DiscrepancyStatusOpen:
		return shop.InvalidField("action", "The case is open already.")
	case d.AttemptID == nil && cmd.Action != shop.CorrectiveActionNone && cmd.Action != shop.CorrectiveActionOpenCase:
		return shop.InvalidField("action",
			"Nothing in the books answers to this, so there is nothing to correct. Decide NONE.")
	}
	return nil
}

// decide notes the decision, if the discrepancy still waits for one.
func (cmd ResolveDiscrepancy) decide(h *Handler) func(context.Context, *sql.Tx, *shop.Discrepancy) (string, error) {
	return func(_ context.Context, _ *sql.Tx, d *shop.Discrepancy) (string, error) {
		if err := cmd.fits(*d); err != nil {
			return "", err
		}
		now := h.now()
		d.Action, d.Note = cmd.Action, text.ClipOrNil(cmd.Note, maxNote)
		if cmd.By.UserID != "" {
			d.ResolvedBy = &cmd.By.UserID
		}
		if cmd.Action == shop.CorrectiveActionOpenCase {
			d.Status = shop.DiscrepancyStatusOpen
			return shop.KindDiscrepancyOpened, nil
		}
		d.Status, d.ResolvedAt = shop.DiscrepancyStatusResolved, &now
		return shop.KindDiscrepancyResolved, nil
	}
}

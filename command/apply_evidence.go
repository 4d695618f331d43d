package command

import (
	"context"

	"payment-system/pg"
	"payment-system/shop"
)

// ApplyEvidence makes the books say what a gateway says of one attempt: by its
// answer, a look-up, or a settlement file.
type ApplyEvidence struct {
	AttemptID shop.AttemptID
	Evidence  pg.Payment
	Actor     shop.Actor
	Note      string

	approves bool // it answers the call that was to take the money
}

// ApplyEvidence records an approval when the order still waits, refunds the
// books do not know, and attempts that ended. Money that no order waits for, or
// that is not what was asked, is marked and given back once. The same evidence
// again changes nothing. It returns NotFound for an attempt that is not ours.
func (h *Handler) ApplyEvidence(ctx context.Context, cmd ApplyEvidence) (shop.Payment, error) {
	payment, _, err := h.applyEvidence(ctx, cmd)
	return payment, err
}

// applyEvidence is ApplyEvidence, and returns which version of the payment the
// evidence was held against.
func (h *Handler) applyEvidence(ctx context.Context, cmd ApplyEvidence) (payment shop.Payment, version int, err error) {
	id, err := h.paymentIDOf(ctx, cmd.AttemptID)
	if err != nil {
		return shop.Payment{}, 0, err
	}
	c, err := h.stepOf(ctx, id, &decision{
		actor: cmd.Actor, attempt: cmd.AttemptID, evidence: len(cmd.Evidence.Raw), moves: cmd.approves && cmd.Evidence.Captured > 0,
		do: func(c *change) error {
			version, c.heardOf = c.payment.Version, cmd.AttemptID
			e := evidence{books: c, h: h, attempt: c.payment.Attempt(cmd.AttemptID), says: cmd.Evidence, note: cmd.Note}
			if err := e.apply(); err != nil {
				return err
			}
			if e.wrong != "" {
				c.needCase(evidenceCase(c.payment, cmd, e.wrong))
			}
			return nil
		},
	})
	if err != nil {
		return shop.Payment{}, 0, err
	}
	c.decision.shown(ctx)
	return c.payment, version, nil
}

// evidenceCase asks for a person where the gateway's evidence cannot be right.
func evidenceCase(payment shop.Payment, cmd ApplyEvidence, wrong string) OpenCase {
	kind := shop.DiscrepancyKindAmountDiffers
	switch {
	case cmd.Evidence.AttemptID != string(cmd.AttemptID):
		kind = shop.DiscrepancyKindOrderDiffers
	case cmd.Evidence.Captured == 0:
		kind = shop.DiscrepancyKindReversedAtGateway
	}
	return OpenCase{
		PG: attemptPG(payment, cmd.AttemptID), Kind: kind, PaymentID: &payment.ID, AttemptID: &cmd.AttemptID,
		Amount:   cmd.Evidence.Captured,
		Expected: payment.Amount.String(), Actual: cmd.Evidence.Amount.String(), Note: wrong,
	}
}

// attemptPG is the gateway of an attempt, which may be another than that of the
// payment's latest.
func attemptPG(payment shop.Payment, id shop.AttemptID) shop.PG {
	if attempt := payment.Attempt(id); attempt != nil {
		return attempt.PG
	}
	return payment.PG
}

// evidence is a gateway's word on an attempt, held against the books.
type evidence struct {
	books   *change
	says    pg.Payment
	h       *Handler
	attempt *shop.PaymentAttempt
	note    string
	wrong   string // what a person must look at; "" for nothing

	impossible bool // our open refund was ended, for less is left than it asks for
}

func (e *evidence) apply() error {
	if e.attempt == nil {
		return shop.NoSuch("attempt")
	}
	versionWas := e.books.payment.Version
	changed, err := e.keepRecord()
	if err != nil {
		return err
	}
	if err := e.applyStatus(); err != nil {
		return err
	}
	if changed && e.books.payment.Version == versionWas {
		return e.books.note(shop.KindPaymentRecordChanged, e.note)
	}
	return nil
}

func (e *evidence) applyStatus() error {
	if e.says.Secret != "" {
		e.attempt.Secret = e.says.Secret
	}
	switch e.says.Status {
	case pg.StatusPaid, pg.StatusPartiallyRefunded, pg.StatusRefunded:
		return e.applyMoney()
	case pg.StatusWaitingForDeposit:
		return e.applyWaiting()
	case pg.StatusFailed, pg.StatusExpired:
		return e.applyEnd()
	default: // open or authenticated: nothing was taken
		return nil
	}
}

// isLatest reports whether the attempt is the payment's latest.
func (e *evidence) isLatest() bool { return e.books.payment.AttemptID == e.attempt.ID }

// isPaying reports whether the attempt is the one that paid the order.
func (e *evidence) isPaying() bool { return e.books.payment.IsPaidBy(e.attempt.ID) }

// isAsked reports whether the gateway's payment is the one we asked for.
func (e *evidence) isAsked() bool {
	return e.says.AttemptID == string(e.attempt.ID) && e.says.Amount == e.books.payment.Amount &&
		(e.says.Currency == "KRW" || e.says.Currency == "")
}

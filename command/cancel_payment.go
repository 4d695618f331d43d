package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"payment-system/command/books"
	"payment-system/internal/failpoint"
	"payment-system/internal/text"
	"payment-system/shop"
)

// CancelPayment refunds all that is left, or Amount of it.
type CancelPayment struct {
	By             shop.Caller
	IdempotencyKey string
	PaymentID      shop.PaymentID
	Amount         *shop.Won // nil is all that is left
	TaxFreeAmount  *shop.Won // nil is worked out
	Reason         string
	RefundAccount  *shop.RefundAccount // for a deposited virtual account
	// ExpectedBalance is what could still be refunded when the person decided; nil does not mind.
	ExpectedBalance *shop.Won
}

// CancelPayment gives money back, once for each key. Refunds of one payment take
// turns. It returns Invalid when more is asked than is left, Conflict when the
// payment holds no money or not what was expected, Declined when the gateway refuses, and InProgress while
// its answer is not known.
func (h *Handler) CancelPayment(ctx context.Context, cmd CancelPayment) (shop.PaymentCanceled, error) {
	ctx = failpoint.In(ctx, "cancel")
	if err := checkCancel(cmd); err != nil {
		return shop.PaymentCanceled{}, err
	}
	input := []any{cmd.PaymentID, cmd.Amount, cmd.TaxFreeAmount, cmd.Reason, cmd.RefundAccount}
	if cmd.ExpectedBalance != nil { // without one a request is what it was before there were any
		input = append(input, *cmd.ExpectedBalance)
	}
	req, err := books.NewRequest(cmd.By.UserID, "cancelPayment", cmd.IdempotencyKey, input...)
	if err != nil {
		return shop.PaymentCanceled{}, err
	}
	cmd.Reason = strings.TrimSpace(cmd.Reason) // as gateways keep it
	return h.refundOnce(ctx, cmd, req)
}

func checkCancel(cmd CancelPayment) error {
	if cmd.Amount != nil && *cmd.Amount <= 0 {
		return shop.InvalidField("amount", "The amount must be more than zero.")
	}
	if cmd.TaxFreeAmount != nil && cmd.Amount != nil && *cmd.TaxFreeAmount > *cmd.Amount {
		return shop.InvalidField("taxFreeAmount", "The tax-free part is more than the amount.")
	}
	if err := checkReason(cmd.Reason); err != nil {
		return err
	}
	if cmd.RefundAccount != nil {
		return checkAccount(*cmd.RefundAccount)
	}
	return nil
}

func checkReason(reason string) error {
	if strings.TrimSpace(reason) == "" || utf8.RuneCountInString(reason) > 200 ||
		strings.ContainsFunc(reason, text.IsUnprintable) {
		return shop.InvalidField("reason", "The reason must have 1 to 200 printable characters.")
	}
	return nil
}

func checkAccount(account shop.RefundAccount) error {
	notDigit := func(r rune) bool { return r < '0' || r > '9' }
	notCode := func(r rune) bool { return notDigit(r) && (r < 'A' || r > 'Z') }
	if n := len(account.BankCode); n < 2 || n > 3 || strings.ContainsFunc(account.BankCode, notCode) {
		return shop.InvalidField("refundAccount.bankCode", "The bank code has two or three digits or capital letters.")
	}
	if n := len(account.AccountNumber); n < 6 || n > 20 || strings.ContainsFunc(account.AccountNumber, notDigit) {
		return shop.InvalidField("refundAccount.accountNumber", "The account number has 6 to 20 digits and no dashes.")
	}
	if name := strings.TrimSpace(account.HolderName); name == "" || utf8.RuneCountInString(name) > 60 ||
		strings.ContainsFunc(name, text.IsUnprintable) {
		return shop.InvalidField("refundAccount.holderName", "The holder's name must have 1 to 60 characters.")
	}
	return nil
}

// refundOnce waits for its turn, commits the intent, asks the gateway and answers.
func (h *Handler) refundOnce(ctx context.Context, cmd CancelPayment, req books.Request) (shop.PaymentCanceled, error) {
	turn, cancel := context.WithTimeout(ctx, h.PGTimeout)
	defer cancel()
	for {
		id, repeated, err := h.intendCancel(ctx, cmd, req)
		switch {
		case errors.Is(err, errOtherRefund):
			if turn.Err() != nil {
				return shop.PaymentCanceled{}, errAsking
			}
			if _, err := h.await(turn, cmd.PaymentID,
				func(p shop.Payment) bool { return !p.IsRefunding() }); err != nil {
				return shop.PaymentCanceled{}, err
			}
		case err != nil:
			return shop.PaymentCanceled{}, err
		case repeated:
			return h.refundElsewhere(ctx, cmd.PaymentID, id, req)
		default:
			_, err := h.carryOutRefund(ctx, cmd.PaymentID, id)
			switch shop.CodeOf(err) {
			case "", shop.Declined:
				return h.refundResult(ctx, cmd.PaymentID, id, req)
			case shop.InProgress: // the resolver may have found out by now
				return h.refundElsewhere(ctx, cmd.PaymentID, id, req)
			default:
				return shop.PaymentCanceled{}, err
			}
		}
	}
}

// refundElsewhere is refundResult for a refund that another call carries out. Who is
// answered finds it in the read models, though the other call may not be that far yet.
func (h *Handler) refundElsewhere(ctx context.Context, id shop.PaymentID, refund shop.RefundID,
	req books.Request,
) (shop.PaymentCanceled, error) {
	canceled, err := h.refundResult(ctx, id, refund, req)
	if err == nil {
		h.Projector.Project(ctx, string(canceled.Payment.OrderID), string(id))
	}
	return canceled, err
}

// intendCancel commits the refund that the gateway is about to be asked for. It
// reports whether the key had one already.
func (h *Handler) intendCancel(ctx context.Context, cmd CancelPayment, req books.Request) (id shop.RefundID,
	repeated bool, err error,
) {
	d := &decision{actor: cmd.By.Actor, by: cmd.By.OperatorID(), keys: []books.Request{req}, passing: true}
	d.do = func(c *change) error {
		id, repeated = "", false
		if !cmd.By.MayActOn(c.payment.UserID) {
			return shop.NoSuch("payment")
		}
		earlier, err := c.find(req)
		if err != nil {
			return err
		}
		if earlier != nil {
			id, repeated = shop.RefundID(earlier.Subject), true
			return nil
		}
		refund, err := h.intendCancelOf(c, cmd)
		if err != nil {
			return err
		}
		id = refund.ID
		_, err = c.begin(req, string(id))
		return err
	}
	_, err = h.stepOf(ctx, cmd.PaymentID, d)
	return id, repeated, err
}

func (h *Handler) intendCancelOf(c *change, cmd CancelPayment) (shop.Refund, error) {
	switch {
	case c.payment.Status == shop.PaymentStatusApproving || c.payment.Status == shop.PaymentStatusUnknown:
		return shop.Refund{}, errAsking
	case c.payment.IsRefunding():
		return shop.Refund{}, errOtherRefund
	case cmd.ExpectedBalance != nil && *cmd.ExpectedBalance != c.payment.Balance():
		return shop.Refund{}, otherBalance(c.payment)
	case c.payment.Balance() == 0:
		return h.intendLateReturn(c, cmd)
	}
	amount := c.payment.Balance()
	if cmd.Amount != nil {
		amount = *cmd.Amount
	}
	return h.intendRefund(c, amount, cmd.TaxFreeAmount, cmd.Reason, shop.RefundCauseRequested, cmd.RefundAccount)
}

// otherBalance says what can still be refunded, to who expected something else.
func otherBalance(payment shop.Payment) *shop.Error {
	conflict := conflictOf(payment.Status, fmt.Sprintf("By now %s won can still be refunded.", payment.Balance()))
	conflict.Details["balance"] = int64(payment.Balance())
	return conflict
}

// intendLateReturn requests that money goes back that came after the order had ended, all of
// it. The program does so by itself; what came into a virtual account can only go back to an
// account that the shopper names.
func (h *Handler) intendLateReturn(c *change, cmd CancelPayment) (shop.Refund, error) {
	late := c.payment.LateAttempt()
	if late == nil {
		return shop.Refund{}, conflictOf(c.payment.Status, "The payment is "+string(c.payment.Status)+"; it holds no money.")
	}
	rest := late.CapturedAmount - late.RefundedAmount
	if cmd.Amount != nil && *cmd.Amount != rest {
		return shop.Refund{}, shop.InvalidField("amount",
			fmt.Sprintf("This money pays for nothing: all %s won of it go back, or none.", rest))
	}
	e := evidence{books: c, h: h, attempt: late}
	if err := e.requestReturn(shop.RefundCauseRequested, cmd.Reason, rest, cmd.RefundAccount); err != nil {
		return shop.Refund{}, err
	}
	c.lookUpAt(late.ID, c.now.Add(h.PGTimeout+2*time.Second))
	return c.payment.Refunds[len(c.payment.Refunds)-1], nil
}

// refundResult answers with what came of a refund, waiting a little for one that is
// under way.
func (h *Handler) refundResult(ctx context.Context, id shop.PaymentID, refundID shop.RefundID,
	req books.Request,
) (shop.PaymentCanceled, error) {
	// A shopper who hangs up is answered as any other: what is not found here is worked
	// out of today's payment, and must not stand in for an answer that is stored.
	earlier, err := req.Find(context.WithoutCancel(ctx), h.DB)
	if err != nil {
		return shop.PaymentCanceled{}, books.Unavailable(err)
	}
	if earlier != nil && earlier.Response != nil {
		var done shop.PaymentCanceled
		err := earlier.DecodeInto(&done)
		return done, err
	}
	payment, err := h.await(ctx, id, func(p shop.Payment) bool {
		refund := p.Refund(refundID)
		return refund == nil || refund.Status != shop.RefundStatusRequested
	})
	if err != nil {
		return shop.PaymentCanceled{}, err
	}
	refund := payment.Refund(refundID)
	if refund == nil {
		return shop.PaymentCanceled{}, books.ErrInFlight
	}
	switch refund.Status {
	case shop.RefundStatusDone:
		done := shop.PaymentCanceled{Payment: payment, Refund: *refund}
		h.finishRequest(ctx, req, done)
		return done, nil
	case shop.RefundStatusFailed:
		return shop.PaymentCanceled{}, h.refusalOf(ctx, payment, *refund)
	default:
		return shop.PaymentCanceled{}, errAsking
	}
}

// refusalOf is why the gateway refused a refund, as the history noted it.
func (h *Handler) refusalOf(ctx context.Context, payment shop.Payment, refund shop.Refund) error {
	code, err := books.RefusalNote(ctx, h.DB, payment.ID, refund.RequestedAt)
	if err != nil {
		return err
	}
	return declined(payment.PG, shop.PaymentFailure{Code: code, Message: "The gateway would not give the money back."})
}

// finishRequest stores the answer of a request whose effect is in the books. It
// reports nothing: the effect stands whether or not its answer is stored. Should that
// fail, the next request of the key works the answer out again.
func (h *Handler) finishRequest(ctx context.Context, req books.Request, response any) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := h.tryFinish(ctx, req, response)
	if err != nil {
		h.Logger.WarnContext(ctx, "answer not stored", "operation", req.Operation, "error", err)
	}
}

func (h *Handler) tryFinish(ctx context.Context, req books.Request, response any) error {
	tx, err := h.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // After Commit it does nothing.
	if err := req.FinishOnce(ctx, tx, response); err != nil {
		return err
	}
	return tx.Commit()
}

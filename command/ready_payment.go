package command

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"payment-system/command/books"
	"payment-system/internal/failpoint"
	"payment-system/internal/mysqldb"
	"payment-system/internal/origins"
	"payment-system/internal/text"
	"payment-system/pg"
	"payment-system/shop"
)

// ReadyPayment opens a payment at a gateway.
type ReadyPayment struct {
	By                shop.Caller
	IdempotencyKey    string
	OrderID           shop.OrderID
	PG                shop.PG
	InstallmentMonths int                 // 0 is lump sum
	ReturnURL         *string             // where the shopper ends up; nil is the front page
	Method            *shop.PaymentMethod // nil lets the shopper choose
	Device            *shop.Device        // nil is a desktop
}

// minInstallment is the smallest amount that card companies split.
const minInstallment shop.Won = 50_000

// ReadyPayment opens an attempt to pay an order that still waits, superseding an
// earlier one, and returns where to send the shopper. Nothing is charged. It
// returns Conflict when the order or its payment does not allow it, InProgress
// while a gateway is being asked about an earlier attempt, Declined when the
// gateway will not have it and Unavailable when it does not answer.
func (h *Handler) ReadyPayment(ctx context.Context, cmd ReadyPayment) (shop.PaymentReadied, error) {
	ctx = failpoint.In(ctx, "ready")
	gateway, err := h.checkReady(cmd)
	if err != nil {
		return shop.PaymentReadied{}, err
	}
	input := []any{cmd.OrderID, cmd.PG, cmd.InstallmentMonths, cmd.ReturnURL, cmd.Method}
	if cmd.Device != nil { // without one a request is what it was before there were any
		input = append(input, *cmd.Device)
	}
	req, err := books.NewRequest(cmd.By.UserID, "readyPayment", cmd.IdempotencyKey, input...)
	if err != nil {
		return shop.PaymentReadied{}, err
	}
	secret := newReturnSecret(h.Random)
	opened, attempt, done, err := h.openAttempt(ctx, cmd, req, secret)
	if err != nil || done != nil {
		return orZero(done), err
	}
	failpoint.At(ctx, failpoint.AfterIntent)
	answer, err := gateway.Ready(context.WithoutCancel(ctx), h.readyRequest(opened.order, opened.payment, attempt, secret))
	if err != nil {
		return shop.PaymentReadied{}, h.readyFailed(ctx, opened.payment.ID, attempt.ID, err)
	}
	return h.readied(ctx, opened.order.ID, attempt.ID, cmd.device(), answer, req)
}

// device is where the shopper pays.
func (c ReadyPayment) device() shop.Device {
	if c.Device == nil {
		return shop.DeviceDesktop
	}
	return *c.Device
}

func orZero(done *shop.PaymentReadied) shop.PaymentReadied {
	if done == nil {
		return shop.PaymentReadied{}
	}
	return *done
}

func (h *Handler) checkReady(cmd ReadyPayment) (pg.Gateway, error) {
	gateway := h.gateway(cmd.PG)
	if gateway == nil {
		return nil, shop.InvalidField("pg", "This shop does not take payments through this gateway.")
	}
	if n := cmd.InstallmentMonths; n != 0 && (n < 2 || n > 12) {
		return nil, shop.InvalidField("installmentMonths", "Installments are 0 for a lump sum, or 2 to 12 months.")
	}
	if m := cmd.Method; m != nil && !slices.Contains(shop.PaymentMethods(), *m) {
		return nil, shop.InvalidField("method", "There is no such payment method.")
	}
	if !slices.Contains([]shop.Device{shop.DeviceDesktop, shop.DeviceMobile, shop.DeviceApp}, cmd.device()) {
		return nil, shop.InvalidField("device", "There is no such device.")
	}
	if cmd.ReturnURL != nil && !h.mayReturnTo(*cmd.ReturnURL) {
		return nil, shop.InvalidField("returnUrl", "The return URL must be a path, or a URL of an allowed origin.")
	}
	return gateway, nil
}

// mayReturnTo reports whether a shopper's browser may be sent to target: a path of
// ours, or an address that is allowed.
func (h *Handler) mayReturnTo(target string) bool {
	if len(target) == 0 || len(target) > 1000 || !utf8.ValidString(target) ||
		strings.ContainsFunc(target, text.IsUnprintable) || strings.Contains(target, `\`) {
		return false
	}
	u, err := url.Parse(target)
	if err != nil || u.User != nil {
		return false
	}
	if u.Scheme == "" && u.Host == "" {
		return strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//")
	}
	own, err := origins.Parse(h.PublicURL)
	return (err == nil && origins.List{own}.AllowsReturn(u)) || h.Returns.AllowsReturn(u)
}

// openAttempt commits the intent: an attempt with the keys of its calls. For a
// key that was used before it returns the stored answer, or the attempt that was
// opened then.
func (h *Handler) openAttempt(ctx context.Context, cmd ReadyPayment, req books.Request, secret string) (*change, shop.PaymentAttempt,
	*shop.PaymentReadied, error,
) {
	var attempt shop.PaymentAttempt
	var done *shop.PaymentReadied
	d := &decision{
		order: cmd.OrderID, actor: cmd.By.Actor, by: cmd.By.OperatorID(), keys: []books.Request{req}, passing: true,
	}
	d.do = func(c *change) error {
		attempt, done = shop.PaymentAttempt{}, nil
		if !cmd.By.MayActOn(c.order.UserID) {
			return shop.NoSuch("order")
		}
		id := shop.AttemptID(h.NewID(shop.PrefixAttempt))
		earlier, err := c.begin(req, string(id))
		if err != nil {
			return err
		}
		if earlier != nil {
			attempt, done, err = c.earlierAttempt(earlier, secret)
			return err
		}
		attempt = newAttempt(id, cmd, c.now)
		attempt.ReturnHashes = attempt.ReturnHashes.With(secret)
		return h.open(c, cmd, attempt)
	}
	c, err := h.step(ctx, d)
	if err == nil && done != nil {
		c.decision.shown(ctx)
	}
	return c, attempt, done, err
}

func newAttempt(id shop.AttemptID, cmd ReadyPayment, now time.Time) shop.PaymentAttempt {
	attempt := shop.PaymentAttempt{
		ID: id, PG: cmd.PG, Status: shop.PaymentStatusReady, StartedAt: now, InstallmentMonths: cmd.InstallmentMonths,
		ReadyKey: string(id) + ":ready", ApproveKey: approveKey(id),
	}
	if cmd.ReturnURL != nil {
		attempt.ReturnURL = *cmd.ReturnURL
	}
	if cmd.Method != nil {
		attempt.Method = *cmd.Method
	}
	return attempt
}

// open makes the attempt the payment's latest, if the order still waits.
func (h *Handler) open(c *change, cmd ReadyPayment, attempt shop.PaymentAttempt) error {
	if c.order.Status != shop.OrderStatusPlaced {
		return conflictOf(c.order.Status, "The order is "+string(c.order.Status)+"; it cannot be paid.")
	}
	if !c.now.Before(c.order.ExpiresAt) {
		return conflictOf(c.order.Status, "The order's time is over.")
	}
	if attempt.InstallmentMonths > 0 && c.order.Total < minInstallment {
		return shop.InvalidField("installmentMonths", "Installments need an order of 50,000 won or more.")
	}
	if busy(c.payment.Status) {
		return errAsking
	}
	if c.payment.ID == "" {
		c.payment = shop.Payment{
			ID: shop.PaymentID(h.NewID(shop.PrefixPayment)), OrderID: c.order.ID, UserID: c.order.UserID,
			Status: shop.PaymentStatusReady,
			PG:     cmd.PG, Amount: c.order.Total, TaxFreeAmount: c.order.TaxFreeTotal,
			VAT: shop.VAT(c.order.Total, c.order.TaxFreeTotal), CreatedAt: c.now,
		}
	}
	superseded := c.payment.AttemptID
	waited := c.payment.Status == shop.PaymentStatusWaitingForDeposit
	if err := c.payment.Open(attempt, c.now); err != nil {
		return err
	}
	if waited {
		c.lookUpAt(superseded, c.now) // its virtual account is to be closed
	}
	return c.paymentEvent(shop.KindPaymentOpened, string(attempt.PG))
}

func (h *Handler) readyRequest(order shop.Order, payment shop.Payment, attempt shop.PaymentAttempt, secret string,
) pg.ReadyRequest {
	back, key := fmt.Sprintf("%s/payments/%s/return/", h.PublicURL, attempt.ID), "?key="+secret
	return pg.ReadyRequest{
		IdempotencyKey: attempt.ReadyKey, AttemptID: attempt.ID, UserRef: string(payment.UserID),
		ItemName: order.ItemName(), Quantity: order.Quantity(), Amount: payment.Amount, TaxFree: payment.TaxFreeAmount,
		VAT:               payment.VAT,
		InstallmentMonths: attempt.InstallmentMonths, Method: attempt.Method,
		ApprovedURL: back + "approved" + key, CanceledURL: back + "canceled" + key, FailedURL: back + "failed" + key,
	}
}

// readyFailed ends the attempt when the gateway surely will not have it. After
// silence the attempt stays: asked again with the same key, it is opened again.
func (h *Handler) readyFailed(ctx context.Context, id shop.PaymentID, attempt shop.AttemptID, cause error) error {
	refusal := gatewayError(cause)
	if refusal == nil || (refusal.Outcome != pg.OutcomeRefused && refusal.Outcome != pg.OutcomeNotFound) {
		return gatewayAway(cause)
	}
	failure := shop.PaymentFailure{Code: refusal.Code, Message: refusal.Message}
	_, err := h.changePayment(ctx, id, shop.ActorGateway, func(c *change) error {
		if c.payment.AttemptID != attempt || c.payment.Status != shop.PaymentStatusReady {
			return nil
		}
		if err := c.payment.Fail(failure, c.now); err != nil {
			return err
		}
		return c.paymentEvent(shop.KindPaymentFailed, failure.Code)
	})
	if err != nil {
		return err
	}
	return declined(refusal.PG, failure)
}

// readied commits the gateway's key. Of two answers to one request the first
// that is stored stands; the other's payment is never used, and expires.
func (h *Handler) readied(ctx context.Context, id shop.OrderID, attempt shop.AttemptID, device shop.Device,
	answer pg.Ready, req books.Request,
) (shop.PaymentReadied, error) {
	var readied shop.PaymentReadied
	_, err := h.changeOrder(ctx, id, shop.Caller{Actor: shop.ActorGateway}, func(c *change) error {
		opened := c.payment.Attempt(attempt)
		if opened.PaymentKey == nil {
			if c.payment.AttemptID != attempt || c.payment.Status != shop.PaymentStatusReady {
				return conflictOf(c.payment.Status, "Another attempt was opened since, or the order ended.")
			}
			if err := c.payment.Ready(answer.PaymentKey, answer.Checkouts, device, c.now); err != nil {
				return err
			}
			if err := c.paymentEvent(shop.KindPaymentReadied, ""); err != nil {
				return err
			}
		}
		readied = readiedOf(c.payment, *c.payment.Attempt(attempt))
		return c.finishOnce(req, readied)
	}, req)
	switch {
	case mysqldb.IsDuplicate(err, "uq_attempts_key"): // the gateway named another payment
		return shop.PaymentReadied{}, gatewayAway(err)
	case err != nil:
		return shop.PaymentReadied{}, err
	}
	return readied, nil
}

// newReturnSecret is what only who holds the address knows that a gateway sends the shopper
// back to.
func newReturnSecret(random func([]byte)) string {
	secret := make([]byte, 16)
	random(secret)
	return hex.EncodeToString(secret)
}

// readiedOf is the answer to who may send the shopper to an attempt's pages.
func readiedOf(payment shop.Payment, attempt shop.PaymentAttempt) shop.PaymentReadied {
	return complete(shop.PaymentReadied{
		Payment: payment, CheckoutURL: *attempt.CheckoutURL, CheckoutURLs: attempt.Checkouts.List(),
	})
}

// complete lists the one page that there was before each device had its own.
func complete(readied shop.PaymentReadied) shop.PaymentReadied {
	if len(readied.CheckoutURLs) == 0 {
		readied.CheckoutURLs = shop.CheckoutURLs{Desktop: readied.CheckoutURL}.List()
	}
	return readied
}

// earlierAttempt is what a request of the same key has come to. An attempt whose gateway is
// asked again is given another secret besides those that its gateway may know already.
func (c *change) earlierAttempt(r *books.Receipt, secret string) (shop.PaymentAttempt, *shop.PaymentReadied, error) {
	if r.Response != nil {
		var done shop.PaymentReadied
		err := r.DecodeInto(&done)
		return shop.PaymentAttempt{}, new(complete(done)), err
	}
	attempt := c.payment.Attempt(shop.AttemptID(r.Subject))
	switch {
	case attempt == nil:
		return shop.PaymentAttempt{}, nil, books.ErrInFlight
	case attempt.Failure != nil:
		return shop.PaymentAttempt{}, nil, declined(attempt.PG, *attempt.Failure)
	case attempt.PaymentKey != nil && attempt.CheckoutURL != nil:
		return shop.PaymentAttempt{}, new(readiedOf(c.payment, *attempt)), nil
	case attempt.SupersededAt != nil || c.payment.Status != shop.PaymentStatusReady:
		return shop.PaymentAttempt{}, nil, conflictOf(c.payment.Status, "Another attempt was opened since.")
	}
	attempt.ReturnHashes = attempt.ReturnHashes.With(secret)
	return *attempt, nil, nil
}

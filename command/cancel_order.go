package command

import (
	"cmp"
	"context"
	"strings"
	"unicode/utf8"

	"payment-system/command/books"
	"payment-system/internal/failpoint"
	"payment-system/internal/text"
	"payment-system/shop"
)

// CancelOrder ends an order; what was paid is refunded first.
type CancelOrder struct {
	By             shop.Caller
	IdempotencyKey string
	OrderID        shop.OrderID
	Reason         string
	RefundAccount  *shop.RefundAccount // for what was paid into a virtual account
}

// CancelOrder gives the stock of an unpaid order back at once, and that of a paid
// one when the gateway has given the money back. It returns Conflict when the
// order ended already, InProgress while a gateway is being asked, and Declined
// when the gateway will not refund: the order then stays paid.
func (h *Handler) CancelOrder(ctx context.Context, cmd CancelOrder) (shop.OrderCanceled, error) {
	ctx = failpoint.In(ctx, "cancel")
	if utf8.RuneCountInString(cmd.Reason) > 200 || strings.ContainsFunc(cmd.Reason, text.IsUnprintable) {
		return shop.OrderCanceled{}, shop.InvalidField("reason", "The reason must have at most 200 printable characters.")
	}
	input := []any{cmd.OrderID, cmd.Reason}
	if cmd.RefundAccount != nil {
		if err := checkAccount(*cmd.RefundAccount); err != nil {
			return shop.OrderCanceled{}, err
		}
		input = append(input, *cmd.RefundAccount)
	}
	req, err := books.NewRequest(cmd.By.UserID, "cancelOrder", cmd.IdempotencyKey, input...)
	if err != nil {
		return shop.OrderCanceled{}, err
	}
	var done *shop.OrderCanceled
	var paid bool
	c, err := h.changeOrder(ctx, cmd.OrderID, cmd.By, func(c *change) error {
		done, paid = nil, false
		if !cmd.By.MayActOn(c.order.UserID) {
			return shop.NoSuch("order")
		}
		var err error
		done, paid, err = cancelUnpaid(c, cmd, req)
		return err
	}, req)
	if err != nil {
		return shop.OrderCanceled{}, err
	}
	if paid {
		return h.cancelPaid(ctx, cmd, c.payment, req)
	}
	return *done, nil
}

// cancelUnpaid ends an order that holds no money. It tells when the order is
// paid, so that the money must go back first.
func cancelUnpaid(c *change, cmd CancelOrder, req books.Request) (done *shop.OrderCanceled, paid bool, err error) {
	earlier, err := c.begin(req, string(cmd.OrderID))
	if err != nil {
		return nil, false, err
	}
	if earlier != nil && earlier.Response != nil {
		done = &shop.OrderCanceled{}
		return done, false, earlier.DecodeInto(done)
	}
	late := c.payment.LateAttempt() != nil && cmd.RefundAccount != nil && c.order.Status != shop.OrderStatusPlaced
	if earlier != nil && c.order.Status == shop.OrderStatusCanceled && !late {
		done = &shop.OrderCanceled{Order: c.order}
		return done, false, c.finish(req, done)
	}
	switch {
	case busy(c.payment.Status):
		return nil, false, errAsking
	case c.order.Status == shop.OrderStatusPaid, late:
		return nil, true, nil
	}
	if err := c.cancelOrder(cmd.Reason); err != nil {
		return nil, false, err
	}
	if err := c.endPayment(shop.KindPaymentCanceled, cmd.Reason); err != nil {
		return nil, false, err
	}
	done = &shop.OrderCanceled{Order: c.order}
	return done, false, c.finish(req, done)
}

// cancelPaid refunds all that is left, or what came after the order had ended; the refund's
// end cancels the order.
func (h *Handler) cancelPaid(ctx context.Context, cmd CancelOrder, payment shop.Payment,
	req books.Request,
) (shop.OrderCanceled, error) {
	reason := cmp.Or(strings.TrimSpace(cmd.Reason), "주문 취소")
	_, err := h.refundOnce(ctx, CancelPayment{
		By: cmd.By, PaymentID: payment.ID, Reason: reason, RefundAccount: cmd.RefundAccount,
	}, books.Request{
		UserID: req.UserID, Operation: "cancelOrder.refund", Key: req.Key, Hash: req.Hash,
	})
	if err != nil && shop.CodeOf(err) != shop.Declined {
		return shop.OrderCanceled{}, err
	}
	order, readErr := books.LoadOrder(ctx, h.DB, cmd.OrderID)
	switch {
	case readErr != nil:
		return shop.OrderCanceled{}, readErr
	case err != nil && (!hasEnded(order) || payment.LateAttempt() != nil):
		return shop.OrderCanceled{}, err
	case !hasEnded(order):
		return shop.OrderCanceled{}, errAsking
	}
	if err != nil { // another canceled it, and may not have shown it yet
		h.Projector.Project(ctx, string(order.ID), string(payment.ID))
	}
	done := shop.OrderCanceled{Order: order}
	h.finishRequest(ctx, req, done)
	return done, nil
}

func hasEnded(order shop.Order) bool {
	return order.Status == shop.OrderStatusCanceled || order.Status == shop.OrderStatusExpired
}

// endPayment ends a payment whose order has ended unpaid. A virtual account that
// waits is closed by the resolver.
func (c *change) endPayment(kind, note string) error {
	if c.payment.ID == "" {
		return nil
	}
	waited := c.payment.Status == shop.PaymentStatusWaitingForDeposit
	if _, ok := shop.PaymentMove(c.payment.Status, kind, 0); !ok {
		return conflictOf(c.payment.Status, "The payment is "+string(c.payment.Status)+".")
	}
	if err := c.payment.Apply(kind, c.now); err != nil {
		return err
	}
	if waited {
		c.lookUpAt(c.payment.AttemptID, c.now)
	}
	return c.paymentEvent(kind, note)
}
